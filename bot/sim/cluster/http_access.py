"""Who asks, and whether they may.

Bearer tokens only. Rights are a function, so that rules or stored roles (see `rbac`) can be put in
its place; by default an authenticated caller may do everything and an anonymous one may see that
the server lives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from bot.sim.cluster import errors, http_paths

LIVES = ("/healthz", "/livez", "/readyz", "/version", "/version/")
"""What everybody may ask, without a token, too."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    credential: str = ""
    """The id of the token, as a review of oneself tells it."""

    def told(self) -> dict[str, Any]:
        """As a SelfSubjectReview tells it."""
        kept = {"authentication.kubernetes.io/credential-id": [self.credential]}
        return {
            "username": self.user,
            **({"uid": self.uid} if self.uid else {}),
            "groups": list(self.groups),
            **({"extra": kept} if self.credential else {}),
        }


ANONYMOUS = Identity("system:anonymous", ("system:unauthenticated",))
ADMIN = Identity("kubernetes-admin", ("system:masters", "system:authenticated"))


@dataclass(frozen=True, slots=True)
class Question:
    """May this identity do this?"""

    identity: Identity
    verb: str
    path: str
    target: http_paths.Target | None


Authorizer = Callable[[Question], bool]


def members_may_everything(question: Question) -> bool:
    """The default rule: whoever has a token is an administrator."""
    return "system:authenticated" in question.identity.groups or (
        question.target is None and question.path in LIVES
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done, as a Role has it.

    Where it holds, in a namespace or everywhere, is for its binding to say. No names mean every
    object. `reason` is what an access review says of its yes.
    """

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    reason: str = ""
    urls: tuple[str, ...] = ()
    """What is no resource: paths, or their beginnings with a star behind them."""

    def allows(self, question: Question) -> bool:
        """Whether it allows that."""
        found = question.target
        if not {question.verb, "*"} & set(self.verbs):
            return False
        if found is None:
            return any(_covers(pattern, question.path) for pattern in self.urls)
        kinds = {found.row.plural, "*"}
        if found.subresource:
            kinds = {f"{found.row.plural}/{found.subresource}", f"*/{found.subresource}", "*"}
        return (
            (not self.names or found.name in self.names)
            and bool({found.row.group, "*"} & set(self.groups))
            and bool(kinds & set(self.resources))
        )

    def told(self) -> dict[str, Any]:
        """As a role has it, and a SelfSubjectRulesReview tells it."""
        if self.urls:
            return {"verbs": list(self.verbs), "nonResourceURLs": list(self.urls)}
        return {
            "verbs": list(self.verbs),
            "apiGroups": list(self.groups),
            "resources": list(self.resources),
            **({"resourceNames": list(self.names)} if self.names else {}),
        }


EVERYTHING = Rule(("*",), ("*",), ("*",))
ONESELF = (
    Rule(
        ("create",),
        ("authorization.k8s.io",),
        ("selfsubjectaccessreviews", "selfsubjectrulesreviews"),
    ),
    Rule(("create",), ("authentication.k8s.io",), ("selfsubjectreviews",)),
)
"""What every account may by default: ask about itself."""


EVERY_URL = Rule(("*",), urls=("*",))
DISCOVERY = Rule(
    ("get",),
    urls=(
        *("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez"),
        *("/openapi", "/openapi/*", "/readyz", "/version", "/version/"),
    ),
)
PUBLIC = Rule(("get",), urls=LIVES)
ISSUER = Rule(
    ("get",),
    urls=(
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/",
        "/openid/v1/jwks",
        "/openid/v1/jwks/",
    ),
)
"""Whose keys sign the tokens of service accounts."""
BY_DEFAULT = (*ONESELF, DISCOVERY, PUBLIC, ISSUER)
"""What every account may, by the roles that every cluster begins with."""


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody may in a namespace."""

    rules: tuple[Rule, ...]
    unread: str = ""
    """What could not be read of it; mostly nothing."""


@runtime_checkable
class Explaining(Protocol):
    """An authorizer that can say why, and what else somebody may."""

    def __call__(self, question: Question) -> bool:
        """Whether it is allowed."""

    def reason(self, question: Question) -> str:
        """Why it is allowed or not; empty where there is nothing to say."""

    def of(self, identity: Identity, namespace: str, /) -> Held:
        """The rules that somebody lives by in a namespace."""


class Rules:
    """An authorizer by rules, with what every account may.

    Args:
        rules: what may be done.
        user: by whom; others with a token may everything. Everybody by default.
    """

    def __init__(self, *rules: Rule, user: str = "") -> None:
        self._rules = (*BY_DEFAULT, *rules)
        self._user = user

    def __call__(self, question: Question) -> bool:
        """Whether a rule allows it."""
        if not self._bound(question.identity):
            return members_may_everything(question)
        return self._allowing(question) is not None

    def reason(self, question: Question) -> str:
        """Why it is allowed, where a rule says so."""
        rule = self._allowing(question) if self._bound(question.identity) else None
        return rule.reason if rule is not None else ""

    def of(self, identity: Identity, _namespace: str, /) -> Held:
        """The rules that somebody lives by, the same in every namespace."""
        if not self._bound(identity):
            return Held((*BY_DEFAULT, EVERYTHING, EVERY_URL))
        return Held(self._rules)

    def _bound(self, identity: Identity) -> bool:
        return "system:authenticated" in identity.groups and self._user in ("", identity.user)

    def _allowing(self, question: Question) -> Rule | None:
        return next((rule for rule in self._rules if rule.allows(question)), None)


def _covers(pattern: str, path: str) -> bool:
    return path == pattern or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def told_rules(authorizer: Authorizer, identity: Identity, namespace: str) -> dict[str, Any]:
    """What somebody may in a namespace; by a mere function, what it is by default."""
    known = authorizer if isinstance(authorizer, Explaining) else Rules(user="nobody")
    held = known.of(identity, namespace)
    return {
        "resourceRules": [rule.told() for rule in held.rules if not rule.urls],
        "nonResourceRules": [rule.told() for rule in held.rules if rule.urls],
        "incomplete": False,
        **({"evaluationError": held.unread} if held.unread else {}),
    }


class Tokens:
    """The tokens that are good now. They may change while the server runs."""

    def __init__(self, known: dict[str, Identity] | None = None) -> None:
        self._known = dict(known or {})

    def add(self, token: str, identity: Identity = ADMIN) -> None:
        """Make a token good."""
        self._known[token] = identity

    def revoke(self, token: str) -> bool:
        """Make a token worthless; False if it was. Running watches go on, as in real life."""
        return self._known.pop(token, None) is not None

    def rotate(self, old: str, new: str) -> None:
        """Let another token stand for whom the old one stood for.

        Raises:
            KeyError: the old token is not good.
        """
        self._known[new] = self._known.pop(old)

    def identify(
        self, authorization: str | None, others: Callable[[str], Identity | None]
    ) -> Identity:
        """Whose request this is.

        Args:
            authorization: the header.
            others: who is meant by a token that is not among these.

        Raises:
            errors.StatusError: 401, the token is not good.
        """
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized()
        token = token.strip()
        identity = self._known.get(token) or others(token)
        if identity is None:
            raise unauthorized()
        return identity


def unauthorized() -> errors.StatusError:
    """The answer to a token that is not good."""
    return errors.StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(authorizer: Authorizer, question: Question) -> errors.StatusError:
    """The answer to somebody who may not."""
    user, found = question.identity.user, question.target
    reason = authorizer.reason(question) if isinstance(authorizer, Explaining) else ""
    why = f": {reason}" if reason else ""
    if found is None:
        return errors.StatusError(
            403,
            "Forbidden",
            f'forbidden: User "{user}" cannot {question.verb} path "{question.path}"{why}',
            details={},
        )
    row = found.row
    subject = errors.qualified(row.plural, row.group)
    plural = f"{row.plural}/{found.subresource}" if found.subresource else row.plural
    named = f' "{found.name}"' if found.name else ""
    scope = f'in the namespace "{found.namespace}"' if found.namespace else "at the cluster scope"
    details = {"name": found.name, "group": row.group, "kind": row.plural}
    return errors.StatusError(
        403,
        "Forbidden",
        f'{subject}{named} is forbidden: User "{user}" cannot {question.verb} resource "{plural}" '
        f'in API group "{row.group}" {scope}{why}',
        details={key: value for key, value in details.items() if value},
    )
