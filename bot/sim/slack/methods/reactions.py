"""Small marks under messages: the `reactions` family."""

import re
from typing import Any

from bot.sim.slack import calls, errors, people, shapes, workspace, world
from bot.sim.slack.methods import chat

Json = dict[str, Any]

_EMOJI = re.compile(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?")


def _meant(whole: world.World, call: calls.Call) -> workspace.Message:
    channel = chat.reachable(whole, call)
    message = whole.space.get(channel.id, call.need("timestamp"))
    if message is None:
        raise errors.ApiError("message_not_found")
    return message


def _name(call: calls.Call) -> str:
    name = call.need("name").strip(":")
    if not _EMOJI.fullmatch(name):
        raise errors.ApiError("invalid_name")
    return name


def _add(whole: world.World, call: calls.Call) -> Json:
    emoji = _name(call)
    if not whole.space.react(_meant(whole, call), user=people.BOT_USER, emoji=emoji):
        raise errors.ApiError("already_reacted")
    return {}


def _remove(whole: world.World, call: calls.Call) -> Json:
    emoji = _name(call)
    if not whole.space.unreact(_meant(whole, call), user=people.BOT_USER, emoji=emoji):
        raise errors.ApiError("no_reaction")
    return {}


def _get(whole: world.World, call: calls.Call) -> Json:
    message = _meant(whole, call)
    shape = shapes.message(message, whole.space.replies(message.channel, message.ts))
    return {"type": "message", "channel": message.channel, "message": shape}


METHODS = (
    calls.Method(name="reactions.add", run=_add, scopes=("reactions:write",)),
    calls.Method(name="reactions.remove", run=_remove, scopes=("reactions:write",), tier=2),
    calls.Method(name="reactions.get", run=_get, scopes=("reactions:read",)),
)
