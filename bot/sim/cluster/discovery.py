"""What the server says it can do: versions, groups, resources, and as much OpenAPI as is asked.

`kubectl` reads the aggregated form, older ones the single lists; both come from `resources.ALL`.
"""

import base64
import hashlib
from typing import Any

from aiohttp import web

from bot.sim.cluster import http_context, http_forms, http_metrics, objects, resources

Object = objects.Object
_AGGREGATED = "APIGroupDiscoveryList"
_GROUP_ORDER = (
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "policy",
    resources.ACCESS,
    "admissionregistration.k8s.io",
    "coordination.k8s.io",
)
_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})
_ADDRESS = "simulated"


def answer(
    request: web.BaseRequest, *, version: str, measures: bool = False
) -> web.Response | None:
    """The answer to a path that is about the server itself; None if it is not.

    Args:
        request: what is asked.
        version: of the server.
        measures: whether metrics.k8s.io is there.
    """
    path = request.path.rstrip("/") or "/"
    if path not in _HEALTH and request.method not in {"GET", "HEAD"}:
        return None
    if path in _HEALTH or any(path.startswith(f"{health}/") for health in _HEALTH):
        return _health(request)
    if path == "/version":
        return _json(version_info(version))
    aggregated = _wants_aggregated(request)
    if path in {"/api", "/apis"} and aggregated:
        groups = ("",) if path == "/api" else _GROUP_ORDER
        listed = _aggregated(groups, aggregated)
        if measures and path == "/apis":
            listed["items"].append(http_metrics.aggregated())
        kind = f"application/json;g=apidiscovery.k8s.io;v={aggregated};as={_AGGREGATED}"
        return http_context.reply(http_forms.encode(listed), content_type=kind)
    found = _plain(path, measures=measures)
    if found is None:
        return None
    return _json(found)


def version_info(version: str) -> Object:
    """The body of `/version`."""
    major, minor = version.removeprefix("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": version,
        "gitCommit": "simulated",
        "gitTreeState": "",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def _json(body: Object) -> web.Response:
    return http_context.reply(http_forms.encode(body))


def _health(request: web.BaseRequest) -> web.Response:
    text = "ok"
    if "verbose" in request.query:
        name = request.path.strip("/").partition("/")[0]
        text = f"[+]ping ok\n{name} check passed\n"
    return http_context.reply(
        text.encode(),
        content_type="text/plain; charset=utf-8",
        headers={"X-Content-Type-Options": "nosniff"},
    )


def _wants_aggregated(request: web.BaseRequest) -> str:
    """The version of the aggregated form that is asked for first, or nothing."""
    for part in ",".join(request.headers.getall("Accept", [])).split(","):
        options = dict(item.strip().partition("=")[::2] for item in part.split(";")[1:])
        if options.get("as") == _AGGREGATED and options.get("v") in {"v2", "v2beta1"}:
            return options["v"]
        if part.split(";")[0].strip() == "application/json" and not options:
            return ""
    return ""


def _plain(path: str, *, measures: bool) -> Object | None:
    measured = f"/apis/{http_metrics.GROUP}"
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": _ADDRESS}]
    if path == "/":
        return {"paths": ["/api", "/api/v1", "/apis", *_group_paths(), "/healthz", "/version"]}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
    if path == "/api/v1":
        return _resource_list("")
    if path == "/apis":
        return {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [
                *(_group(group) for group in _GROUP_ORDER),
                *([_group(http_metrics.GROUP, http_metrics.VERSION)] if measures else ()),
            ],
        }
    if measures and path == measured:
        told = _group(http_metrics.GROUP, http_metrics.VERSION)
        return {"kind": "APIGroup", "apiVersion": "v1", **told}
    if measures and path == f"{measured}/{http_metrics.VERSION}":
        return http_metrics.resource_list()
    parts = path.strip("/").split("/")
    if parts[0] != "apis" or len(parts) > 3 or parts[1] not in _GROUP_ORDER:
        return None
    if len(parts) == 2:
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1])}
    return _resource_list(parts[1]) if parts[2] == "v1" else None


def _group_paths() -> list[str]:
    return [path for group in _GROUP_ORDER for path in (f"/apis/{group}", f"/apis/{group}/v1")]


def _group(group: str, version: str = "v1") -> Object:
    told = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [told], "preferredVersion": told}


_FOREIGN = {
    "Eviction": "policy",
    "Scale": "autoscaling",
    "TokenRequest": "authentication.k8s.io",
}
"""Kinds of subresources that are of another group than their resource."""


def _subresources(row: resources.Resource) -> list[tuple[str, str, str, list[str]]]:
    """(name, group of the kind, kind, verbs), sorted by name."""
    found = [
        (name, _FOREIGN.get(kind, ""), kind, list(verbs)) for name, kind, verbs in row.subresources
    ]
    if row.status:
        found.append(("status", "", row.kind, ["get", "patch", "update"]))
    return sorted(found)


def _resource_list(group: str) -> Object:
    listed: list[Object] = []
    for row in resources.ALL:
        if row.group != group:
            continue
        entry: Object = {
            "name": row.plural,
            "singularName": resources.singular(row),
            "namespaced": row.namespaced,
            "kind": row.kind,
            "verbs": list(row.verbs),
        }
        if row.short_names:
            entry["shortNames"] = list(row.short_names)
        if row.categories:
            entry["categories"] = list(row.categories)
        if row.stored:
            entry["storageVersionHash"] = _hash(row)
        listed.append(entry)
        for name, kind_group, kind, verbs in _subresources(row):
            sub: Object = {
                "name": f"{row.plural}/{name}",
                "singularName": "",
                "namespaced": row.namespaced,
            }
            if kind_group:
                sub |= {"group": kind_group, "version": "v1"}
            listed.append(sub | {"kind": kind, "verbs": verbs})
    head: Object = {"kind": "APIResourceList"}
    if group:
        head["apiVersion"] = "v1"
    version = f"{group}/v1" if group else "v1"
    return head | {"groupVersion": version, "resources": listed}


def _hash(row: resources.Resource) -> str:
    # Opaque to clients, who only compare it; the recordings show that it is made like this.

    digest = hashlib.sha256(f"{row.group}/{row.version}/{row.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _aggregated(groups: tuple[str, ...], version: str) -> Object:
    items: list[Object] = []
    for group in groups:
        found = [_discovered(row) for row in resources.ALL if row.group == group]
        entry: Object = {"version": "v1", "resources": found, "freshness": "Current"}
        metadata: Object = {"name": group} if group else {}
        items.append({"metadata": metadata, "versions": [entry]})
    return {
        "kind": _AGGREGATED,
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _discovered(row: resources.Resource) -> Object:
    found: dict[str, Any] = {
        "resource": row.plural,
        "responseKind": {"group": "", "version": "", "kind": row.kind},
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": resources.singular(row),
        "verbs": list(row.verbs),
    }
    if row.short_names:
        found["shortNames"] = list(row.short_names)
    if row.categories:
        found["categories"] = list(row.categories)
    subresources = [
        {
            "subresource": name,
            "responseKind": {"group": group, "version": "v1" if group else "", "kind": kind},
            "verbs": verbs,
        }
        for name, group, kind, verbs in _subresources(row)
    ]
    if subresources:
        found["subresources"] = subresources
    return found


def not_found() -> web.Response:
    """The answer to a path that leads nowhere: text, not a Status."""
    return http_context.reply(
        b"404 page not found\n",
        status=404,
        content_type="text/plain; charset=utf-8",
        headers={"X-Content-Type-Options": "nosniff"},
    )
