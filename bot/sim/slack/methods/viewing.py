"""Modals and home tabs: the `views` family."""

from typing import Any

from bot.sim.slack import calls, errors, views, world

Json = dict[str, Any]


def _body(whole: world.World, call: calls.Call, *, kind: str) -> Json:
    view = call.structure("view", error="invalid_arguments")
    if view is None:
        raise errors.missing_field("view")
    body = views.judge(view, kind=kind)
    whole.files.judge(body["blocks"], path="/view/blocks")
    return body


def _open(whole: world.World, call: calls.Call) -> Json:
    body = _body(whole, call, kind="modal")
    user = whole.triggers.exchange(call.need("trigger_id"))
    whole.views.judge_external_id(body)
    return {"view": whole.views.open(user, body).shape()}


def _push(whole: world.World, call: calls.Call) -> Json:
    body = _body(whole, call, kind="modal")
    user = whole.triggers.exchange(call.need("trigger_id"))
    whole.views.judge_external_id(body)
    return {"view": whole.views.push(user, body).shape()}


def _update(whole: world.World, call: calls.Call) -> Json:
    named = call.text("external_id")
    view = whole.views.by_external_id(named) if named else whole.views.get(call.need("view_id"))
    if view is None:
        raise errors.ApiError("not_found")
    _judge_hash(call, view)
    body = _body(whole, call, kind=str(view.body["type"]))
    whole.views.judge_external_id(body, unless=view)
    return {"view": whole.views.update(view, body).shape()}


def _publish(whole: world.World, call: calls.Call) -> Json:
    user = call.need("user_id")
    if user not in whole.space.people:
        raise errors.ApiError("user_not_found")
    body = _body(whole, call, kind="home")
    present = whole.views.homes.get(user)
    whole.views.judge_external_id(body, unless=present)
    if present is not None:
        _judge_hash(call, present)
    return {"view": whole.views.publish(user, body).shape()}


def _judge_hash(call: calls.Call, view: views.View) -> None:
    """A hash of an older state means that somebody else was faster."""
    if call.text("hash") and call.text("hash") != view.hash:
        raise errors.ApiError("hash_conflict")


METHODS = (
    calls.Method(name="views.open", run=_open, tier=4),
    calls.Method(name="views.push", run=_push, tier=4),
    calls.Method(name="views.update", run=_update, tier=4),
    calls.Method(name="views.publish", run=_publish, tier=4),
)
