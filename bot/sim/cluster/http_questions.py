"""What a request asks for, in the words of access rules.

Read from the path alone, before anybody looks whether there is such a thing: who may not is told
so, and not what exists.
"""

import dataclasses
import re
from urllib.parse import unquote

from aiohttp import web

from bot.sim.cluster import http_access, http_paths, resources

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ONE_NAME = re.compile(r"(?:^|,)metadata\.name={1,2}([^,=/%]+)(?:,|$)")
_TALKS = frozenset({"attach", "exec", "portforward"})
"""Subresources of a pod by which one talks with what runs in it."""


def asked(
    identity: http_access.Identity, request: web.BaseRequest
) -> tuple[http_access.Question, ...]:
    """Everything that must be allowed for this request."""
    target = _target(request.path)
    if target is None:
        return (http_access.Question(identity, request.method.lower(), request.path, None),)
    verb = _VERBS.get(request.method, "get")
    if not target.name and verb == "get":
        verb = "watch" if request.query.get("watch") in {"true", "1"} else "list"
        target = dataclasses.replace(target, name=_selected(request.query.get("fieldSelector", "")))
    elif not target.name and verb == "delete":
        verb = "deletecollection"
    question = http_access.Question(identity, verb, request.path, target)
    if target.row.plural == "pods" and target.subresource in _TALKS and verb == "get":
        # By WebSocket one comes with GET, and does what POST does.
        return question, dataclasses.replace(question, verb="create")
    return (question,)


def row(group: str, plural: str) -> resources.Resource:
    """A resource by its names, also one that is not served: rules may name any."""
    served = resources.BY_PATH.get((group, "v1", plural))
    return served or resources.Resource(plural=plural, kind="", group=group)


def _target(path: str) -> http_paths.Target | None:
    """What a path would name if everything were served; None for no resource."""
    parts = [unquote(part) for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"]:
        group, rest = "".join(parts[1:2]), parts[3:]
    else:
        return None
    if not rest:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        # A namespace is in itself.
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in {"status", "finalize"}:
            rest = rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return http_paths.Target(row(group, plural), namespace, name, subresource)


def _selected(fields: str) -> str:
    """The one name that a field selector leaves: with it a list asks for that object alone."""
    found = _ONE_NAME.search(fields)
    return found[1] if found is not None else ""
