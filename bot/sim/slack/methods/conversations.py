"""Channels and what was said in them: the `conversations` family."""

from collections.abc import Sequence
from typing import Any

from bot.sim.slack import calls, errors, limits, people, shapes, workspace, world
from bot.sim.slack.methods import paging

Json = dict[str, Any]

_READ = ("channels:read", "groups:read", "im:read")
_HISTORY = ("channels:history", "groups:history", "im:history")


def _channel(whole: world.World, call: calls.Call) -> people.Channel:
    channel = whole.space.channels.get(call.need("channel"))
    hidden = channel is not None and channel.is_private and people.BOT_USER not in channel.members
    if channel is None or hidden:
        raise errors.ApiError("channel_not_found")
    return channel


def _info(whole: world.World, call: calls.Call) -> Json:
    shape = shapes.channel(_channel(whole, call), member=people.BOT_USER)
    if not call.flag("include_num_members"):
        shape.pop("num_members", None)
    return {"channel": shape}


def _kinds(channel: people.Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _listed(whole: world.World, call: calls.Call, *, member: str | None) -> Json:
    kinds = call.text("types", "public_channel").split(",")
    found = [
        channel
        for channel in whole.space.channels.values()
        if _kinds(channel) in kinds
        and not (channel.is_archived and call.flag("exclude_archived"))
        and (member is None or member in channel.members)
    ]
    part, cursor = paging.page(found, call)
    return {
        "channels": [shapes.channel(channel, member=people.BOT_USER) for channel in part],
        "response_metadata": {"next_cursor": cursor},
    }


def _list(whole: world.World, call: calls.Call) -> Json:
    return _listed(whole, call, member=None)


def _users_conversations(whole: world.World, call: calls.Call) -> Json:
    return _listed(whole, call, member=call.text("user", people.BOT_USER))


def _members(whole: world.World, call: calls.Call) -> Json:
    part, cursor = paging.page(sorted(_channel(whole, call).members), call)
    return {"members": list(part), "response_metadata": {"next_cursor": cursor}}


def _join(whole: world.World, call: calls.Call) -> Json:
    channel = _channel(whole, call)
    if channel.is_archived:
        raise errors.ApiError("is_archived")
    if channel.is_im:
        raise errors.ApiError("method_not_supported_for_channel_type")
    joined = whole.space.join(channel.id, people.BOT_USER)
    now = shapes.channel(whole.space.channels[channel.id], member=people.BOT_USER)
    return {"channel": now} if joined else {"channel": now, "warning": "already_in_channel"}


def _open(whole: world.World, call: calls.Call) -> Json:
    channel_id = call.text("channel")
    if channel_id:
        channel = _channel(whole, call)
        return {"channel": {"id": channel.id}, "no_op": True, "already_open": True}
    users = [user for user in call.text("users").split(",") if user]
    if not users:
        raise errors.ApiError("users_list_not_supplied")
    if len(users) > 1:
        raise errors.ApiError("not_enough_users")
    person = whole.space.people.get(users[0])
    if person is None or person.id == people.BOT_USER:
        raise errors.ApiError("user_not_found")
    channel = whole.space.open_im(person.id)
    if call.flag("return_im"):
        return {"channel": shapes.channel(channel, member=people.BOT_USER)}
    return {"channel": {"id": channel.id}}


def _within(said: Sequence[workspace.Message], call: calls.Call) -> list[workspace.Message]:
    """Messages between `oldest` and `latest`; the bounds count with `inclusive`."""
    try:
        oldest = float(call.text("oldest", "0") or 0)
        latest_text = call.text("latest")
        latest = float(latest_text) if latest_text else float("inf")
    except ValueError:
        raise errors.ApiError("invalid_ts_latest") from None
    if call.flag("inclusive"):
        return [m for m in said if oldest <= float(m.ts) <= latest]
    return [m for m in said if oldest < float(m.ts) < latest]


def _readable(whole: world.World, call: calls.Call) -> people.Channel:
    channel = _channel(whole, call)
    if people.BOT_USER not in channel.members:
        raise errors.ApiError("not_in_channel")
    return channel


def _answer(whole: world.World, call: calls.Call, said: Sequence[workspace.Message]) -> Json:
    part, cursor = paging.page(said, call, maximum=limits.HISTORY_PAGE)
    space = whole.space
    answer: Json = {
        "messages": [
            shapes.message(
                message,
                space.replies(message.channel, message.ts),
                with_metadata=call.flag("include_all_metadata"),
            )
            for message in part
        ],
        "has_more": bool(cursor),
    }
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def _history(whole: world.World, call: calls.Call) -> Json:
    channel = _readable(whole, call)
    top = [m for m in whole.space.messages(channel.id) if m.thread_ts is None or m.broadcast]
    return _answer(whole, call, _within(top, call)[::-1]) | {"pin_count": 0}


def _replies(whole: world.World, call: calls.Call) -> Json:
    channel = _readable(whole, call)
    root = whole.space.thread_root(channel.id, call.need("ts"))
    if root is None:
        raise errors.ApiError("thread_not_found")
    # The parent is part of every first page, wherever the bounds are.
    replies = _within(whole.space.replies(channel.id, root.ts), call)
    return _answer(whole, call, [root, *replies])


METHODS = (
    calls.Method(name="conversations.info", run=_info, scopes=_READ),
    calls.Method(name="conversations.list", run=_list, scopes=_READ, tier=2),
    calls.Method(name="conversations.members", run=_members, scopes=_READ, tier=4),
    calls.Method(name="conversations.join", run=_join, scopes=("channels:join",)),
    calls.Method(name="conversations.open", run=_open, scopes=("im:write",)),
    calls.Method(name="conversations.history", run=_history, scopes=_HISTORY),
    calls.Method(name="conversations.replies", run=_replies, scopes=_HISTORY),
    calls.Method(name="users.conversations", run=_users_conversations, scopes=_READ),
)
