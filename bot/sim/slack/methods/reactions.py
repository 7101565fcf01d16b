"""Small marks under messages: the `reactions` family."""

from typing import Any

from bot.sim.slack import calls, errors, people, world
from bot.sim.slack.methods import chat

Json = dict[str, Any]


def _add(whole: world.World, call: calls.Call) -> Json:
    channel = chat.reachable(whole, call)
    emoji = call.need("name").strip(":")
    message = whole.space.get(channel.id, call.need("timestamp"))
    if message is None:
        raise errors.ApiError("message_not_found")
    if not whole.space.react(message, user=people.BOT_USER, emoji=emoji):
        raise errors.ApiError("already_reacted")
    return {}


METHODS = (calls.Method(name="reactions.add", run=_add, scopes=("reactions:write",)),)
