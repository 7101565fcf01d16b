"""From a path to what is asked for."""

from dataclasses import dataclass
from urllib.parse import unquote

from bot.sim.cluster import errors, resources


@dataclass(frozen=True, slots=True)
class Target:
    """A resource path, taken apart.

    `namespace` and `name` are empty where the path has none: a collection has no name, and a
    collection over all namespaces no namespace.
    """

    row: resources.Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target(path: str) -> Target | None:
    """What a path names; None for a path that is not about a resource of a served group.

    Raises:
        errors.StatusError: 404, the group version is served and has no such resource.
    """
    parts = [unquote(part) for part in path.split("/") if part]
    if len(parts) > 2 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) > 3 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    if version != "v1" or group not in resources.GROUPS:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1 and group:
        raise errors.no_such_resource()
    row = resources.BY_PATH.get((group, version, rest[0]))
    if row is None or len(rest) > 3 or (namespace and not row.namespaced):
        raise errors.no_such_resource()
    name = rest[1] if len(rest) > 1 else ""
    if name and row.namespaced and not namespace:
        raise errors.no_such_resource()
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and not has_subresource(row, subresource):
        raise errors.no_such_resource()
    return Target(row, namespace, name, subresource)


def has_subresource(row: resources.Resource, name: str) -> bool:
    """Whether a resource has a subresource of this name."""
    if name == "status":
        return row.status
    return any(name == known for known, _, _ in row.subresources)


def verb(method: str, found: Target, *, watch: bool) -> str:
    """The word for what is done, as audit logs and access rules have it.

    Raises:
        errors.StatusError: 405, the resource cannot be treated so.
    """
    if method in {"GET", "HEAD"}:
        collective = "watch" if watch else "list"
        word = "get" if found.name else collective
    elif found.name:
        word = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method, "")
        if method == "POST" and found.subresource:
            word = "create"
    else:
        word = {"POST": "create", "DELETE": "deletecollection"}.get(method, "")
    if not word or word not in _verbs(found):
        raise errors.StatusError(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
            details={},
        )
    return word


def _verbs(found: Target) -> tuple[str, ...]:
    if not found.subresource:
        return found.row.verbs
    for name, _, verbs in found.row.subresources:
        if name == found.subresource:
            return verbs
    return ("get", "patch", "update")
