"""Uploaded files: announced, sent, completed, and only after a while processed and shared.

Slack answers `files.completeUploadExternal` before it has looked at a file. Until it has, the
file has no type and no picture's size, no message shares it, and blocks that name it are refused.
"""

import asyncio
import contextlib
import dataclasses
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sim.slack import errors, faults, people, pictures, stamps, workspace

Json = dict[str, Any]

_KEPT = 500
"""Files in memory; older ones are forgotten."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file, from the moment it was announced."""

    id: str
    name: str
    length: int
    base_url: str
    """Scheme and host by which the uploader reached this server."""
    alt: str = ""
    title: str = ""
    created: int
    body: bytes | None = None
    completed: bool = False
    kind: pictures.Kind | None = None
    """What it is; None until it is processed."""
    shares: tuple[tuple[str, str], ...] = ()
    """Channel and stamp of every message that shows it."""

    @property
    def address(self) -> str:
        """Where its content is."""
        return f"{self.base_url}/files-pri/{people.TEAM}-{self.id}/{self.name}"

    def shape(self, space: workspace.Workspace) -> Json:
        """As `files.info` and messages show it; without type and size while unprocessed."""
        kind = self.kind
        shape: Json = {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": kind.mimetype if kind else "",
            "filetype": kind.filetype if kind else "",
            "pretty_type": kind.pretty if kind else "",
            "user": people.BOT_USER,
            "user_team": people.TEAM,
            "editable": False,
            "size": self.length,
            "mode": "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": any(not space.channels[c].is_private for c, _ in self.shares),
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": self.address,
            "url_private_download": f"{self.address}?download=1",
            "permalink": self.address,
            "channels": [c for c, _ in self.shares],
            "groups": [],
            "ims": [],
            "shares": self._shares(space),
            "comments_count": 0,
            "has_rich_preview": False,
            "file_access": "visible",
        }
        if self.alt:
            shape["alt_txt"] = self.alt
        if kind is not None and kind.is_image:
            shape |= {"original_w": kind.width, "original_h": kind.height}
            shape["thumb_360"] = self.address
        return shape

    def _shares(self, space: workspace.Workspace) -> Json:
        found: Json = {}
        for channel, ts in self.shares:
            kind = "private" if space.channels[channel].is_private else "public"
            found.setdefault(kind, {}).setdefault(channel, []).append({"ts": ts})
        return found


@dataclass(frozen=True, kw_only=True)
class Share:
    """Where a completed upload is to be shown."""

    channels: Sequence[str]
    text: str = ""
    blocks: Sequence[Json] = ()
    thread_ts: str | None = None


class Files:
    """All files there are."""

    def __init__(
        self, space: workspace.Workspace, standing: faults.Faults, *, seconds: float
    ) -> None:
        self._space = space
        self._faults = standing
        self._seconds = seconds
        self._files: dict[str, File] = {}
        self._tickets: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def announce(self, name: str, *, length: int, alt: str, base_url: str) -> tuple[File, str]:
        """Make room for a file; returns it and the path where its content goes, once."""
        file = File(
            id=stamps.name("F"),
            name=name.replace("/", "_"),
            length=length,
            base_url=base_url,
            alt=alt,
            created=int(time.time()),
        )
        self._files[file.id] = file
        while len(self._files) > _KEPT:
            del self._files[next(iter(self._files))]
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = file.id
        return file, f"/upload/v1/{ticket}"

    def receive(self, ticket: str, body: bytes) -> File:
        """Take the content.

        Raises:
            errors.ApiError: `file_not_found` for a spent or unknown ticket, `invalid_length`.
        """
        file = self._files.get(self._tickets.pop(ticket, ""))
        if file is None:
            raise errors.ApiError("file_not_found")
        if len(body) != file.length:
            raise errors.ApiError("invalid_length")
        return self._keep(dataclasses.replace(file, body=body))

    def complete(self, titles: Mapping[str, str], share: Share | None) -> list[File]:
        """Take uploads for whole; what follows goes on after the answer.

        Raises:
            errors.ApiError: `file_not_found` for what was never sent, or completed before.
        """
        found = [self._files.get(file_id) for file_id in titles]
        sent = [file for file in found if file and file.body is not None and not file.completed]
        if len(sent) != len(titles):
            raise errors.ApiError("file_not_found")
        whole = [
            self._keep(dataclasses.replace(file, completed=True, title=titles[file.id]))
            for file in sent
        ]
        task = asyncio.get_running_loop().create_task(
            self._process([file.id for file in whole], share), name="files"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return whole

    async def _process(self, names: Iterable[str], share: Share | None) -> None:
        slow = self._faults.strike("files_slow")
        if slow is None:
            await asyncio.sleep(self._seconds)
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(slow.lifted.wait(), slow.number("seconds", 3600.0))
        files = [self._files[name] for name in names if name in self._files]
        for file in files:
            self._keep(
                dataclasses.replace(file, kind=pictures.kind_of(file.name, file.body or b""))
            )
        if share is not None and files:
            for channel in share.channels:
                self._show(channel, [file.id for file in files], share)

    def _show(self, channel: str, names: Sequence[str], share: Share) -> None:
        def shapes(ts: str) -> tuple[Json, ...]:
            placed = [
                self._keep(dataclasses.replace(f, shares=(*f.shares, (channel, ts))))
                for f in (self._files[name] for name in names)
            ]
            return tuple(file.shape(self._space) for file in placed)

        self._space.post(
            channel,
            people.BOT_USER,
            text=share.text,
            blocks=share.blocks,
            thread_ts=share.thread_ts,
            files=shapes,
        )

    def _keep(self, file: File) -> File:
        self._files[file.id] = file
        return file

    def get(self, file_id: str) -> File | None:
        """A completed file."""
        found = self._files.get(file_id)
        return found if found is not None and found.completed else None

    def delete(self, file_id: str) -> None:
        """Forget a file; messages that showed it show that it is gone.

        Raises:
            errors.ApiError: `file_not_found`.
        """
        file = self.get(file_id)
        if file is None:
            raise errors.ApiError("file_not_found")
        del self._files[file_id]
        gone = {"id": file_id, "mode": "tombstone"}
        for channel, ts in file.shares:
            message = self._space.get(channel, ts)
            if message is not None:
                left = tuple(gone if f["id"] == file_id else f for f in message.files)
                self._space.edit(message, user=people.BOT_USER, files=left)

    def judge(self, blocks: Sequence[Json], *, path: str = "/blocks") -> None:
        """Refuse blocks that show a file which is not there, no picture, or not processed yet.

        Raises:
            errors.ApiError: `invalid_blocks` naming the places.
        """
        wrong = [
            f"invalid slack file [json-pointer:{at}/slack_file]"
            for named, at in _named_files(blocks, path)
            if not self._is_picture(named)
        ]
        if wrong:
            raise errors.with_messages("invalid_blocks", wrong)

    def _is_picture(self, named: object) -> bool:
        if not isinstance(named, Mapping) or ("id" in named) is ("url" in named):
            return False
        file = self.get(str(named.get("id"))) if "id" in named else self._at(str(named["url"]))
        return file is not None and file.kind is not None and file.kind.is_image

    def _at(self, url: str) -> File | None:
        return next((f for f in self._files.values() if f.completed and f.address == url), None)

    async def close(self) -> None:
        """Give up what is still being processed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _named_files(blocks: Sequence[Json], path: str) -> Iterable[tuple[object, str]]:
    for index, block in enumerate(blocks):
        at = f"{path}/{index}"
        if "slack_file" in block:
            yield block["slack_file"], at
        inside = [(item, f"{at}/elements/{n}") for n, item in enumerate(block.get("elements", ()))]
        for item, place in [*inside, (block.get("accessory"), f"{at}/accessory")]:
            if isinstance(item, dict) and item.get("type") == "image" and "slack_file" in item:
                yield item["slack_file"], place
