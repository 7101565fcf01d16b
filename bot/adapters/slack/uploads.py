"""Files: sent in Slack's three steps, shared into a channel or a thread.

Slack shares a file some time after it said yes, so nothing here waits for the message that shows
it. An upload that fails is raised: whoever asked is told what the file would have said.
"""

from typing import Any

from bot.adapters.slack import client, limits
from bot.domain import errors
from bot.flow import ports

_ALT = 1_000
_TITLE = 200


async def share(web: client.Web, file: ports.File, *, channel: str, thread_ts: str = "") -> str:
    """Upload a file and share it; return its id.

    Raises:
        errors.Refused: Slack will never take it: a scope is missing, the file is too large.
        errors.Unavailable: It may work another time.
    """
    if not file.content:
        raise errors.Refused("an empty file cannot be sent")
    asked = await web.call(
        "files.getUploadURLExternal",
        web.sdk.files_getUploadURLExternal(
            filename=file.name,
            length=len(file.content),
            alt_txt=limits.cut(file.alt, _ALT) or None,
        ),
    )
    url, identity = str(asked.get("upload_url") or ""), str(asked.get("file_id") or "")
    if not url.startswith(("https://", "http://")) or not identity:
        raise errors.Unavailable("Slack did not say where to send the file")
    await web.send(url, file.content)
    told: dict[str, Any] = {"id": identity, "title": limits.cut(file.title, _TITLE)}
    await web.call(
        "files.completeUploadExternal",
        web.sdk.files_completeUploadExternal(
            files=[told], channel_id=channel, thread_ts=thread_ts or None
        ),
        posts=True,
    )
    return identity
