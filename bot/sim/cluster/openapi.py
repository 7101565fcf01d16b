"""As much OpenAPI as `kubectl` asks for: what kinds look like, and what writes understand.

`explain`, `edit` and `apply` read the kinds; old clients in version 2 as protobuf, newer ones in
version 3 as JSON. Newer ones also look whether writes know the `fieldValidation` parameter, and
then leave validation to the server. There are no descriptions of fields: the fields are facts,
the texts are the real server's.
"""

import functools
from collections.abc import Callable

from aiohttp import web

from bot.sim.cluster import (
    errors,
    http_context,
    http_forms,
    objects,
    openapi_wire,
    patches,
    resources,
    schemas,
)

Object = objects.Object
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_OF_META = frozenset({"ObjectMeta", "LabelSelector", "LabelSelectorRequirement", "OwnerReference"})
_GROUP_NAMES = {
    "apps": "apps",
    "policy": "policy",
    resources.ACCESS: "rbac",
    "admissionregistration.k8s.io": "admissionregistration",
    "coordination.k8s.io": "coordination",
}
_SCALARS: dict[str, Object] = {
    "string": {"type": "string"},
    "quantity": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "time": {"type": "string", "format": "date-time"},
    "micro": {"type": "string", "format": "date-time"},
}
_INT_OR_STRING = frozenset({"port", "targetPort", "maxSurge", "maxUnavailable", "minAvailable"})
_WIRE = frozenset({openapi_wire.ACCEPTED, openapi_wire.MEDIA_TYPE})
_ABOUT = "The fields of it that this simulated server knows."


def answer(request: web.BaseRequest, *, version: str) -> web.Response | None:
    """The answer to a path below `/openapi`; None for any other.

    Raises:
        errors.StatusError: 406, the client wants what is not spoken.
    """
    path = request.path.rstrip("/")
    if not path.startswith("/openapi/") or request.method != "GET":
        return None
    body = _document(path, version)
    if body is None:
        return None
    for part in request.headers.get("Accept", "*/*").split(","):
        media = part.split(";")[0].strip()
        if path == "/openapi/v2" and media in _WIRE:
            return http_context.reply(
                _version_2_wire(version), content_type=openapi_wire.MEDIA_TYPE
            )
        if media in {"application/json", "application/*", "*/*"}:
            return http_context.reply(http_forms.encode(body))
    raise errors.StatusError(406, "NotAcceptable", "only JSON is served here", details={})


def _document(path: str, version: str) -> Object | None:
    if path == "/openapi/v2":
        return _version_2(version)
    if path == "/openapi/v3":
        names = ["api/v1", *(f"apis/{group}/v1" for group in resources.GROUPS if group)]
        return {
            "paths": {
                name: {"serverRelativeURL": f"/openapi/v3/{name}?hash={version}"} for name in names
            }
        }
    parts = path.removeprefix("/openapi/v3/").split("/")
    group = parts[1] if len(parts) == 3 and parts[0] == "apis" else ""
    if parts not in (["api", "v1"], ["apis", group, "v1"]) or group not in resources.GROUPS:
        return None
    return _version_3(group, version)


@functools.cache
def _version_2_wire(version: str) -> bytes:
    return openapi_wire.encoded(_version_2(version))


@functools.cache
def _version_2(version: str) -> Object:
    paths: Object = {}
    for row in _described():
        paths |= _paths(row, _parameter_2)
    return {
        "swagger": "2.0",
        "info": _info(version),
        "paths": paths,
        "definitions": _definitions(_described(), "#/definitions/"),
    }


@functools.cache
def _version_3(group: str, version: str) -> Object:
    rows = [row for row in _described() if row.group == group]
    paths: Object = {}
    for row in rows:
        paths |= _paths(row, _parameter_3)
    found = _definitions(rows, "#/components/schemas/")
    return {
        "openapi": "3.0.0",
        "info": _info(version),
        "paths": paths,
        "components": {"schemas": found},
    }


def _described() -> list[resources.Resource]:
    return [row for row in resources.ALL if row.stored]


def _info(version: str) -> Object:
    return {"title": "Kubernetes", "version": version}


def _name(struct: str) -> str:
    """The name of a struct among the definitions."""
    if struct in _OF_META:
        return f"{_META}{struct}"
    for row in resources.ALL:
        if row.kind == struct:
            return f"io.k8s.api.{_GROUP_NAMES.get(row.group, 'core')}.v1.{struct}"
    return f"io.k8s.api.core.v1.{struct}"


def _definitions(rows: list[resources.Resource], prefix: str) -> Object:
    """What these resources look like, and everything in them."""
    todo, found = [row.kind for row in rows], dict[str, Object]()
    kinds = {row.kind: row for row in rows}
    while todo:
        struct = todo.pop()
        if _name(struct) in found:
            continue
        fields = schemas.structs()[struct]
        told: Object = {
            "type": "object",
            "description": _ABOUT,
            "properties": {
                name: _property(name, kind, prefix) for name, kind in sorted(fields.items())
            },
        }
        if struct in kinds:
            row = kinds[struct]
            told["x-kubernetes-group-version-kind"] = [_group_version_kind(row)]
        found[_name(struct)] = told
        inside = (kind.strip("[]{}") for kind in fields.values())
        todo.extend(kind for kind in inside if kind[0].isupper())
    return dict(sorted(found.items()))


def _group_version_kind(row: resources.Resource) -> Object:
    return {"group": row.group, "version": row.version, "kind": row.kind}


def _property(name: str, kind: str, prefix: str) -> Object:
    if kind[0] == "[":
        items = _property("", kind[1:-1], prefix)
        return {"type": "array", "items": items} | _merging(name, kind[1:-1])
    if kind[0] == "{":
        return {"type": "object", "additionalProperties": _property("", kind[1:-1], prefix)}
    if kind[0].isupper():
        reference = f"{prefix}{_name(kind)}"
        if prefix.startswith("#/components"):
            # Version 3 wants a reference by itself; beside it nothing else may stand.
            return {"allOf": [{"$ref": reference}]}
        return {"$ref": reference}
    if kind == "any":
        loose = name in _INT_OR_STRING
        return {"type": "string", "format": "int-or-string"} if loose else {"type": "object"}
    return _SCALARS[kind]


def _merging(name: str, struct: str) -> Object:
    """How a strategic merge treats a list: clients compute their patches by it."""
    if name in patches.MERGED_SETS:
        return {"x-kubernetes-patch-strategy": "merge"}
    fields = schemas.structs().get(struct, {})
    key = next((key for key in patches.MERGE_KEYS.get(name, ()) if key in fields), None)
    if key is None:
        return {}
    return {"x-kubernetes-patch-merge-key": key, "x-kubernetes-patch-strategy": "merge"}


def _paths(row: resources.Resource, parameter: Callable[[str], Object]) -> Object:
    root = f"/apis/{row.group}/v1" if row.group else "/api/v1"
    if row.namespaced:
        root += "/namespaces/{namespace}"
    operations = {
        method: {
            "parameters": [parameter("dryRun"), parameter("fieldValidation")],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": method,
            "x-kubernetes-group-version-kind": _group_version_kind(row),
        }
        for method in ("patch", "post", "put")
    }
    return {
        f"{root}/{row.plural}": {"post": operations["post"]},
        f"{root}/{row.plural}/{{name}}": {
            "patch": operations["patch"],
            "put": operations["put"],
        },
    }


def _parameter_2(name: str) -> Object:
    return {"name": name, "in": "query", "type": "string", "uniqueItems": True}


def _parameter_3(name: str) -> Object:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
