"""What roles and bindings, as they are stored, allow: role based access control.

Nothing is kept: each answer is worked out from what is stored at that moment, as
`grants` finds it, so that a right is there, or gone, with the next request.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.sim.cluster import http_access, objects, resources, store

Object = objects.Object
Identity = http_access.Identity
MASTERS = "system:masters"
"""The group that may everything, whatever is stored."""
_FIELDS = {
    "verbs": "verbs",
    "groups": "apiGroups",
    "resources": "resources",
    "names": "resourceNames",
    "urls": "nonResourceURLs",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What one binding gives somebody."""

    rules: tuple[http_access.Rule, ...] = ()
    missing: str = ""
    """The complaint about a role that is not there."""


def grants(storage: store.Store, identity: Identity, namespace: str) -> Iterator[Grant]:
    """What somebody is given by bindings: of the cluster, then of a namespace.

    Where none is named only the cluster's hold: what is in no namespace, or in all of them, no
    role of one gives.
    """
    for plural, place in (("clusterrolebindings", ""), ("rolebindings", namespace)):
        for binding in storage.list(plural, place):
            subjects = binding.get("subjects") or ()
            meant = next((one for one in subjects if is_meant(one, identity, place)), None)
            if meant is not None:
                yield _grant(storage, binding, meant, place)


def is_meant(subject: Object, identity: Identity, namespace: str) -> bool:
    """Whether a subject is somebody.

    Args:
        subject: as a binding has it.
        identity: who it may be.
        namespace: of the binding; a service account without one is of this.
    """
    kind, name = subject["kind"], subject["name"]
    if kind == "User":
        return bool(identity.user == name)
    if kind == "Group":
        return name in identity.groups
    home = subject.get("namespace") or namespace
    return identity.user == f"system:serviceaccount:{home}:{name}"


def rules_of(role: Object, *, reason: str) -> tuple[http_access.Rule, ...]:
    """A role's rules, each with why it is somebody's."""
    return tuple(
        http_access.Rule(
            **{ours: tuple(rule.get(theirs) or ()) for ours, theirs in _FIELDS.items()},
            reason=reason,
        )
        for rule in role.get("rules") or ()
    )


class Authorizer:
    """Says who may what by what is stored.

    Args:
        storage: where roles and bindings are.
    """

    def __init__(self, storage: store.Store) -> None:
        self._store = storage

    def __call__(self, question: http_access.Question) -> bool:
        """Whether it is allowed."""
        return MASTERS in question.identity.groups or self._allowing(question) is not None

    def reason(self, question: http_access.Question) -> str:
        """Which binding allows it; of a no, which roles are missing."""
        if MASTERS in question.identity.groups:
            return ""
        rule = self._allowing(question)
        if rule is not None:
            return f"RBAC: allowed by {rule.reason}"
        missing = self.of(question.identity, _namespace(question)).unread
        return f"RBAC: {missing}" if missing else ""

    def of(self, identity: Identity, namespace: str, /) -> http_access.Held:
        """The rules that somebody lives by in a namespace, and which roles are missing."""
        found = list(grants(self._store, identity, namespace))
        missing = list(dict.fromkeys(grant.missing for grant in found if grant.missing))
        return http_access.Held(
            tuple(rule for grant in found for rule in grant.rules),
            f"[{', '.join(missing)}]" if len(missing) > 1 else "".join(missing),
        )

    def _allowing(self, question: http_access.Question) -> http_access.Rule | None:
        found = grants(self._store, question.identity, _namespace(question))
        rules = (rule for grant in found for rule in grant.rules)
        return next((rule for rule in rules if rule.allows(question)), None)


def _namespace(question: http_access.Question) -> str:
    return "" if question.target is None else question.target.namespace


def _grant(storage: store.Store, binding: Object, subject: Object, namespace: str) -> Grant:
    kind, name = binding["roleRef"]["kind"], binding["roleRef"]["name"]
    row = resources.BY_KIND[kind]
    role = storage.get(row.plural, namespace if row.namespaced else "", name)
    if role is None:
        return Grant(missing=f'{kind.lower()}.{resources.ACCESS} "{name}" not found')
    reason = f'{_binding(binding)} of {kind} "{name}" to {_subject(subject, namespace)}'
    return Grant(rules_of(role, reason=reason))


def _binding(binding: Object) -> str:
    metadata = binding["metadata"]
    place = f"/{metadata['namespace']}" if "namespace" in metadata else ""
    return f'{binding["kind"]} "{metadata["name"]}{place}"'


def _subject(subject: Object, namespace: str) -> str:
    home = ""
    if subject["kind"] == "ServiceAccount":
        home = f"/{subject.get('namespace') or namespace}"
    return f'{subject["kind"]} "{subject["name"]}{home}"'
