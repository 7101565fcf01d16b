"""The `scale` of a Deployment or ReplicaSet: how many there shall be, and nothing else."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from bot.sim.cluster import (
    errors,
    http_context,
    http_forms,
    http_options,
    http_writes,
    objects,
    patches,
    policies,
    tables,
)

Object = objects.Object
_KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


async def read(call: http_context.Call) -> web.Response:
    """GET.

    Raises:
        errors.StatusError: 404.
    """
    return _answer(call, _found(call))


async def replace(call: http_context.Call) -> web.Response:
    """PUT.

    Raises:
        errors.StatusError: 400, 404, 409, 415, 422.
    """
    if call.request.content_type not in http_writes.BODY_TYPES:
        raise http_writes.unsupported_media()
    options = http_options.Options(call, "UpdateOptions")
    return await _scaled(call, _parsed(call, await call.body()), options)


async def patch(call: http_context.Call) -> web.Response:
    """PATCH, in the three ways.

    Raises:
        errors.StatusError: 400, 404, 409, 415, 422.
    """
    kind = http_writes.PATCH_TYPES.get(call.request.content_type)
    if kind is None:
        raise http_writes.unsupported_media()
    options = http_options.Options(call, "PatchOptions")
    body = _parsed(call, await call.request.read())
    present = _scale(_found(call))
    # What the caller says of the version counts; what is merely there does not.
    del present["metadata"]["resourceVersion"]
    return await _scaled(call, patches.applied(present, body, kind=kind), options)


def _parsed(call: http_context.Call, text: bytes) -> objects.Json:
    try:
        return http_writes.parsed(call, text)[0]
    except ValueError as failure:
        raise errors.bad_request(str(failure)) from failure


def _found(call: http_context.Call) -> Object:
    target = call.target
    return call.context.registry.get(target.row.plural, target.namespace, target.name)


async def _scaled(
    call: http_context.Call, wanted: objects.Json, options: http_options.Options
) -> web.Response:
    target = call.target
    wanted = wanted if isinstance(wanted, dict) else {}
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if isinstance(replicas, bool) or not isinstance(replicas, int):
        given = patches.go_type(replicas)
        raise errors.bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal '
            f"{given} into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = ("FieldValueInvalid", message, "spec.replicas")
        raise errors.invalid("Scale", "autoscaling", target.name, [cause])
    change: dict[str, Any] = {"spec": {"replicas": replicas}}
    told = wanted.get("metadata") or {}
    if told.get("resourceVersion"):
        change["metadata"] = {"resourceVersion": told["resourceVersion"]}

    def judge(change: policies.Change) -> None:
        call.judge(_as_scale(change))

    stored = call.context.registry.judged(judge).patch(
        target.row.plural,
        target.namespace,
        target.name,
        change,
        kind="merge",
        dry_run=options.dry_run,
        writer=options.writer,
    )
    return _answer(call, stored)


def _scale(obj: Object) -> dict[str, Any]:
    spec, metadata = obj["spec"], obj["metadata"]
    selector = tables.selector_text(spec.get("selector"))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in _KEPT if key in metadata},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {
            "replicas": (obj.get("status") or {}).get("replicas", 0),
            "selector": selector,
        },
    }


def _as_scale(change: policies.Change) -> policies.Change:
    """The change of an object as one of its scale, which is all that is asked for."""
    new, old = (None if state is None else _scale(state) for state in (change.new, change.old))
    return dataclasses.replace(change, subresource="scale", new=new, old=old)


def _answer(call: http_context.Call, obj: Object) -> web.Response:
    return http_context.reply(http_forms.encode(_scale(obj)), warnings=call.warnings)


HANDLERS: dict[str, Callable[[http_context.Call], Awaitable[web.Response]]] = {
    "get": read,
    "update": replace,
    "patch": patch,
}
"""By verb."""
