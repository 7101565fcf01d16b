"""As much OpenAPI as `kubectl` needs to trust the server with validation.

Newer clients look into version 3 whether the server knows the `fieldValidation` parameter, and
then leave validation to it; older ones read version 2, which is served without definitions.
"""

from aiohttp import web

from bot.sim.cluster import errors, http_context, http_forms, objects, resources

Object = objects.Object


def answer(request: web.BaseRequest, *, version: str) -> web.Response | None:
    """The answer to a path below `/openapi`; None for any other.

    Raises:
        errors.StatusError: 406, the client wants protobuf only.
    """
    path = request.path.rstrip("/")
    if not path.startswith("/openapi/") or request.method != "GET":
        return None
    body = _document(path, version)
    if body is None:
        return None
    accept = request.headers.get("Accept", "*/*")
    if "json" not in accept and "*/*" not in accept:
        raise errors.StatusError(406, "NotAcceptable", "only JSON is served here", details={})
    return http_context.reply(http_forms.encode(body))


def _document(path: str, version: str) -> Object | None:
    info = {"title": "Kubernetes", "version": version}
    if path == "/openapi/v2":
        return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}
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
    paths: Object = {}
    for row in resources.ALL:
        if row.group == group and row.stored:
            paths |= _paths(row)
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


def _paths(row: resources.Resource) -> Object:
    root = f"/apis/{row.group}/v1" if row.group else "/api/v1"
    if row.namespaced:
        root += "/namespaces/{namespace}"
    kind = {"group": row.group, "version": row.version, "kind": row.kind}
    operations = {
        method: {
            "parameters": [_parameter("dryRun"), _parameter("fieldValidation")],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind,
        }
        for method, action in (("patch", "patch"), ("post", "post"), ("put", "put"))
    }
    return {
        f"{root}/{row.plural}": {"post": operations["post"]},
        f"{root}/{row.plural}/{{name}}": {
            "patch": operations["patch"],
            "put": operations["put"],
        },
    }


def _parameter(name: str) -> Object:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
