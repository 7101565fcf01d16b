"""Uploads in three steps, and what became of them: the `files` family."""

from typing import Any

from bot.sim.slack import blocks, calls, errors, files, limits, world
from bot.sim.slack.methods import chat

Json = dict[str, Any]


def _get_upload_url(whole: world.World, call: calls.Call) -> Json:
    name = call.need("filename")
    call.need("length")
    length = call.number("length", 0)
    if length <= 0:
        raise errors.with_messages(
            "invalid_arguments", ["must be greater than 0 [json-pointer:/length]"]
        )
    if length > limits.FILE_BYTES:
        raise errors.ApiError("file_upload_size_restricted")
    alt = call.text("alt_txt")
    if len(alt) > limits.ALT_TEXT:
        raise errors.with_messages(
            "invalid_arguments",
            [f"must be less than {limits.ALT_TEXT + 1} characters [json-pointer:/alt_txt]"],
        )
    file, path = whole.files.announce(name, length=length, alt=alt, base_url=call.base_url)
    return {"upload_url": call.base_url + path, "file_id": file.id}


def _titles(call: calls.Call) -> dict[str, str]:
    sent = call.structure("files", error="invalid_arguments")
    if not sent:
        raise errors.missing_field("files")
    well_formed = isinstance(sent, list) and all(
        isinstance(item, dict)
        and isinstance(item.get("id"), str)
        and isinstance(item.get("title") or "", str)
        for item in sent
    )
    if not well_formed:
        raise errors.with_messages("invalid_arguments", ["must be an array [json-pointer:/files]"])
    return {item["id"]: item.get("title") or "" for item in sent}


def _complete(whole: world.World, call: calls.Call) -> Json:
    titles = _titles(call)
    named = [name for name in call.text("channels").split(",") if name]
    channels = named or [name for name in [call.text("channel_id")] if name]
    thread_ts = call.text("thread_ts")
    if thread_ts and len(channels) != 1:
        raise errors.ApiError("invalid_thread_ts")
    found = [chat.speaking(whole, name).id for name in channels]
    sent = call.structure("blocks", error="invalid_blocks_format")
    if sent is not None:
        if call.text("initial_comment"):
            raise errors.ApiError("invalid_arguments")
        blocks.judge(sent)
        blocks.judge_size(sent)
    share = files.Share(
        channels=found,
        text=call.text("initial_comment"),
        blocks=blocks.named(sent or ()),
        thread_ts=chat.thread_parent(whole, found[0], thread_ts) if found else None,
    )
    whole_files = whole.files.complete(titles, share if found else None)
    return {"files": [file.shape(whole.space) for file in whole_files]}


def _info(whole: world.World, call: calls.Call) -> Json:
    file = whole.files.get(call.need("file"))
    if file is None:
        raise errors.ApiError("file_not_found")
    return {
        "file": file.shape(whole.space),
        "comments": [],
        "response_metadata": {"next_cursor": ""},
    }


def _delete(whole: world.World, call: calls.Call) -> Json:
    whole.files.delete(call.need("file"))
    return {}


_WRITE = ("files:write",)

METHODS = (
    calls.Method(name="files.getUploadURLExternal", run=_get_upload_url, scopes=_WRITE, tier=4),
    calls.Method(name="files.completeUploadExternal", run=_complete, scopes=_WRITE, tier=4),
    calls.Method(name="files.info", run=_info, scopes=("files:read",), tier=4),
    calls.Method(name="files.delete", run=_delete, scopes=_WRITE),
)
