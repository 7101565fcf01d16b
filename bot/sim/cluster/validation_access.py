"""What roles and their bindings must be like to be stored.

That a writer may give no right that it does not hold itself is not judged: only administrators
write roles here.
"""

import json
from collections.abc import Iterator

from bot.sim.cluster import errors, objects, resources

Object = objects.Object
Cause = errors.Cause

_PEOPLE = frozenset({"User", "Group"})


def causes(row: resources.Resource, obj: Object, old: Object | None) -> Iterator[Cause]:
    """What is wrong with a role or a binding; with `old`, with a change of it."""
    if row.kind in {"Role", "ClusterRole"}:
        for number, rule in enumerate(obj.get("rules") or ()):
            yield from _rule(rule, f"rules[{number}]", namespaced=row.namespaced)
        return
    yield from _reference(obj["roleRef"], namespaced=row.namespaced)
    for number, subject in enumerate(obj.get("subjects") or ()):
        yield from _subject(subject, f"subjects[{number}]", namespaced=row.namespaced)
    if old is not None and not objects.same(obj["roleRef"], old["roleRef"]):
        message = f"Invalid value: {_shown(obj['roleRef'])}: cannot change roleRef"
        yield "FieldValueInvalid", message, "roleRef"


def _rule(rule: Object, path: str, *, namespaced: bool) -> Iterator[Cause]:
    if not rule.get("verbs"):
        message = "Required value: verbs must contain at least one value"
        yield "FieldValueRequired", message, f"{path}.verbs"
    urls = rule.get("nonResourceURLs")
    if urls:
        said = f"Invalid value: {_shown(urls)}: "
        where = f"{path}.nonResourceURLs"
        if namespaced:
            message = f"{said}namespaced rules cannot apply to non-resource URLs"
            yield "FieldValueInvalid", message, where
        if any(rule.get(field) for field in ("apiGroups", "resources", "resourceNames")):
            message = f"{said}rules cannot apply to both regular resources and non-resource URLs"
            yield "FieldValueInvalid", message, where
        return
    if not rule.get("apiGroups"):
        message = "Required value: resource rules must supply at least one api group"
        yield "FieldValueRequired", message, f"{path}.apiGroups"
    if not rule.get("resources"):
        message = "Required value: resource rules must supply at least one resource"
        yield "FieldValueRequired", message, f"{path}.resources"


def _reference(role: Object, *, namespaced: bool) -> Iterator[Cause]:
    group, kind = role.get("apiGroup", ""), role.get("kind", "")
    kinds = ("ClusterRole", "Role") if namespaced else ("ClusterRole",)
    if group != resources.ACCESS:
        yield errors.unsupported(group, (resources.ACCESS,), "roleRef.apiGroup")
    if kind not in kinds:
        yield errors.unsupported(kind, kinds, "roleRef.kind")
    if not role.get("name"):
        yield "FieldValueRequired", "Required value", "roleRef.name"


def _subject(subject: Object, path: str, *, namespaced: bool) -> Iterator[Cause]:
    kind, group = subject.get("kind", ""), subject.get("apiGroup", "")
    if not subject.get("name"):
        yield "FieldValueRequired", "Required value", f"{path}.name"
    if kind == "ServiceAccount":
        if group:
            yield errors.unsupported(group, ("",), f"{path}.apiGroup")
        if not namespaced and not subject.get("namespace"):
            yield "FieldValueRequired", "Required value", f"{path}.namespace"
    elif kind not in _PEOPLE:
        yield errors.unsupported(kind, ("Group", "ServiceAccount", "User"), f"{path}.kind")
    elif group != resources.ACCESS:
        yield errors.unsupported(group, (resources.ACCESS,), f"{path}.apiGroup")


def _shown(value: objects.Json) -> str:
    return json.dumps(value, separators=(",", ":"))
