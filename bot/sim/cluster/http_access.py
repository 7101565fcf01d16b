"""Who asks, and whether they may.

Bearer tokens only. Rights are a function, so that rules can be put in its place; by default an
authenticated caller may do everything and an anonymous one may see that the server lives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sim.cluster import errors, http_paths

PUBLIC_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version", "/version/"})


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller."""

    user: str
    groups: tuple[str, ...] = ()


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
        question.target is None and question.path in PUBLIC_PATHS
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done, as a Role has it.

    An empty namespace means in all of them and at none; no names mean every object.
    """

    verbs: tuple[str, ...]
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    namespace: str = ""
    names: tuple[str, ...] = ()

    def allows(self, verb: str, found: http_paths.Target) -> bool:
        """Whether it allows that."""
        kind = f"{found.row.plural}/{found.subresource}" if found.subresource else found.row.plural
        return (
            self.namespace in ("", found.namespace)
            and (not self.names or found.name in self.names)
            and bool({verb, "*"} & set(self.verbs))
            and bool({found.row.group, "*"} & set(self.groups))
            and bool({kind, "*"} & set(self.resources))
        )

    def told(self) -> dict[str, Any]:
        """As a SelfSubjectRulesReview tells it."""
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


class Rules:
    """An authorizer by rules, for everybody with a token. What is not a resource may be read."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = (*ONESELF, *rules)

    def __call__(self, question: Question) -> bool:
        """Whether a rule allows it."""
        if "system:authenticated" not in question.identity.groups or question.target is None:
            return members_may_everything(question)
        return any(rule.allows(question.verb, question.target) for rule in self.rules)


def rules_of(authorizer: Authorizer, namespace: str) -> list[dict[str, Any]]:
    """The rules that hold in a namespace; of a mere function, what it is by default."""
    rules = authorizer.rules if isinstance(authorizer, Rules) else (*ONESELF, EVERYTHING)
    return [rule.told() for rule in rules if rule.namespace in ("", namespace)]


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

    def identify(self, authorization: str | None) -> Identity:
        """Whose request this is.

        Raises:
            errors.StatusError: 401, the token is not good.
        """
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        identity = self._known.get(token.strip()) if scheme.lower() == "bearer" else None
        if identity is None:
            raise unauthorized()
        return identity


def unauthorized() -> errors.StatusError:
    """The answer to a token that is not good."""
    return errors.StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(question: Question) -> errors.StatusError:
    """The answer to somebody who may not."""
    user, found = question.identity.user, question.target
    if found is None:
        return errors.StatusError(
            403,
            "Forbidden",
            f'forbidden: User "{user}" cannot {question.verb} path "{question.path}"',
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
        f'in API group "{row.group}" {scope}',
        details={key: value for key, value in details.items() if value},
    )
