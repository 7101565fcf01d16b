"""Saying, changing and taking back: the `chat` family."""

import re
from typing import Any

from bot.sim.slack import blocks, calls, errors, limits, people, shapes, workspace, world

Json = dict[str, Any]

_STAMP = re.compile(r"\d{1,12}\.\d{6}")


def reachable(whole: world.World, call: calls.Call, *, by_name: bool = False) -> people.Channel:
    """The channel meant, if the bot may speak there.

    Raises:
        errors.ApiError: `channel_not_found`, `is_archived` or `not_in_channel`.
    """
    return speaking(whole, call.need("channel"), by_name=by_name)


def speaking(whole: world.World, wanted: str, *, by_name: bool = False) -> people.Channel:
    """The channel called so, if the bot may speak there.

    Raises:
        errors.ApiError: `channel_not_found`, `is_archived` or `not_in_channel`.
    """
    space = whole.space
    if by_name and wanted in space.people and wanted != people.BOT_USER:
        return space.open_im(wanted)
    channel = space.find_channel(wanted) if by_name else space.channels.get(wanted)
    if channel is None:
        raise errors.ApiError("channel_not_found")
    if channel.is_archived:
        raise errors.ApiError("is_archived")
    if people.BOT_USER not in channel.members:
        raise errors.ApiError("not_in_channel")
    return channel


def _content(whole: world.World, call: calls.Call) -> tuple[list[Json] | None, list[Json] | None]:
    sent = call.structure("blocks", error="invalid_blocks_format")
    if sent is not None:
        blocks.judge(sent)
        blocks.judge_size(sent)
        whole.files.judge(sent)
    attachments = call.structure("attachments", error="invalid_attachments")
    if attachments is None:
        return sent, None
    if not isinstance(attachments, list) or not all(isinstance(a, dict) for a in attachments):
        raise errors.ApiError("invalid_attachments")
    if len(attachments) > limits.ATTACHMENTS:
        raise errors.ApiError("too_many_attachments")
    for index, attachment in enumerate(attachments):
        inner = attachment.get("blocks")
        if inner is not None:
            blocks.judge(inner, path=f"/attachments/{index}/blocks")
            blocks.judge_size(inner)
            whole.files.judge(inner, path=f"/attachments/{index}/blocks")
    return sent, attachments


def _metadata(call: calls.Call) -> Json | None:
    metadata = call.structure("metadata", error="invalid_metadata_format")
    if metadata is None or metadata == {}:
        return None if metadata is None else {}
    well_formed = (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )
    if not well_formed:
        raise errors.ApiError("invalid_metadata_format")
    return dict(metadata)


def thread_parent(whole: world.World, channel: str, thread_ts: str) -> str | None:
    """The stamp of the thread to reply in; a reply's own stamp leads to its parent.

    Raises:
        errors.ApiError: `thread_not_found`.
    """
    if not thread_ts:
        return None
    root = whole.space.thread_root(channel, thread_ts)
    if root is None or root.deleted:
        raise errors.ApiError("thread_not_found")
    return root.ts


def _post_message(whole: world.World, call: calls.Call) -> Json:
    channel = reachable(whole, call, by_name=True)
    parent = thread_parent(whole, channel.id, call.text("thread_ts"))
    sent, attachments = _content(whole, call)
    metadata = _metadata(call)
    text = call.text("text")
    if not text and not sent and not attachments:
        raise errors.ApiError("no_text")
    cut = len(text) > limits.MESSAGE_TEXT
    message = whole.space.post(
        channel.id,
        people.BOT_USER,
        text=text[: limits.MESSAGE_TEXT],
        blocks=blocks.named(sent or ()),
        attachments=attachments or (),
        metadata=metadata or None,
        thread_ts=parent,
        broadcast=parent is not None and call.flag("reply_broadcast"),
    )
    answer: Json = {
        "channel": channel.id,
        "ts": message.ts,
        "message": shapes.message(message),
    }
    if cut:
        answer["warning"] = "message_truncated"
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def _own(whole: world.World, call: calls.Call, *, refusal: str) -> workspace.Message:
    channel = whole.space.channels.get(call.need("channel"))
    if channel is None:
        raise errors.ApiError("channel_not_found")
    if channel.is_archived:
        raise errors.ApiError("is_archived")
    stamp = call.need("ts")
    message = whole.space.get(channel.id, stamp)
    if not _STAMP.fullmatch(stamp) or message is None:
        raise errors.ApiError("message_not_found")
    if message.user != people.BOT_USER:
        raise errors.ApiError(refusal)
    return message


def _update(whole: world.World, call: calls.Call) -> Json:
    message = _own(whole, call, refusal="cant_update_message")
    sent, attachments = _content(whole, call)
    metadata = _metadata(call)
    text = call.text("text")
    if not text and not sent and attachments is None:
        raise errors.ApiError("no_text")
    if len(text) > limits.UPDATED_TEXT:
        raise errors.ApiError("msg_too_long")
    changes: Json = {"text": text, "blocks": blocks.named(sent or ())}
    if attachments is not None:
        changes["attachments"] = tuple(attachments)
    if metadata is not None:
        # An empty object takes the metadata away; saying nothing keeps them.
        changes["metadata"] = metadata or None
    edited = whole.space.edit(message, user=people.BOT_USER, **changes)
    return {
        "channel": edited.channel,
        "ts": edited.ts,
        "text": edited.text,
        "message": shapes.message(edited, whole.space.replies(edited.channel, edited.ts)),
    }


def _delete(whole: world.World, call: calls.Call) -> Json:
    message = _own(whole, call, refusal="cant_delete_message")
    whole.space.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def _post_ephemeral(whole: world.World, call: calls.Call) -> Json:
    channel = reachable(whole, call)
    user = call.need("user")
    if user not in channel.members:
        raise errors.ApiError("user_not_in_channel")
    parent = thread_parent(whole, channel.id, call.text("thread_ts"))
    sent, attachments = _content(whole, call)
    text = call.text("text")
    if not text and not sent and not attachments:
        raise errors.ApiError("no_text")
    if len(text) > limits.MESSAGE_TEXT:
        raise errors.ApiError("msg_too_long")
    shown = whole.space.whisper(
        channel.id,
        user,
        text=text,
        blocks=blocks.named(sent or ()),
        thread_ts=parent,
        via="post",
    )
    return {"message_ts": shown.ts}


def _get_permalink(whole: world.World, call: calls.Call) -> Json:
    channel = whole.space.channels.get(call.need("channel"))
    if channel is None:
        raise errors.ApiError("channel_not_found")
    stamp = call.need("message_ts")
    message = whole.space.get(channel.id, stamp)
    if message is None:
        raise errors.ApiError("message_not_found")
    link = f"{call.base_url}/archives/{channel.id}/p{stamp.replace('.', '')}"
    if message.thread_ts is not None:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


_WRITE = ("chat:write",)

METHODS = (
    calls.Method(name="chat.postMessage", run=_post_message, scopes=_WRITE, tier=None),
    calls.Method(name="chat.update", run=_update, scopes=_WRITE),
    calls.Method(name="chat.delete", run=_delete, scopes=_WRITE),
    calls.Method(name="chat.postEphemeral", run=_post_ephemeral, scopes=_WRITE, tier=4),
    calls.Method(name="chat.getPermalink", run=_get_permalink, tier=4),
)
