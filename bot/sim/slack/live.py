"""Telling open pages what changes, as server-sent events.

A page that reads too slowly is cut off: it reconnects and loads everything anew, which it must be
able to do anyway, so nothing is kept for it here.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from bot.sim.slack import shapes, workspace

Json = dict[str, Any]

_BACKLOG = 2000


class Live:
    """Fans changes out to the open pages."""

    def __init__(self, space: workspace.Workspace) -> None:
        self._space = space
        self._readers: set[asyncio.Queue[str | None]] = set()
        space.listen(self._changed)

    def send(self, kind: str, data: Json) -> None:
        """Tell all pages something."""
        text = f"event: {kind}\ndata: {json.dumps(data)}\n\n"
        for queue in tuple(self._readers):
            if queue.qsize() >= _BACKLOG:
                self._readers.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(text)

    @contextmanager
    def reading(self, *, heartbeat: float) -> Iterator[AsyncIterator[str]]:
        """Events from now on; a comment every `heartbeat` seconds shows the line is alive."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._readers.add(queue)
        try:
            yield _texts(queue, heartbeat)
        finally:
            self._readers.discard(queue)

    def close(self) -> None:
        """End all readers."""
        for queue in self._readers:
            queue.put_nowait(None)
        self._readers.clear()

    def _changed(self, change: workspace.Change) -> None:
        data: Json = {"kind": change.kind, "channel": change.channel}
        if change.ephemeral is not None:
            data["ephemeral"] = shapes.ephemeral(change.ephemeral)
        message = change.message or change.before
        if message is not None:
            data["ts"] = message.ts
            data["thread_ts"] = message.thread_ts
            # Also the parent, whose counters change with every reply.
            concerned = [
                self._space.at(change.channel, ts)
                for ts in dict.fromkeys((message.ts, message.thread_ts or message.ts))
            ]
            data["messages"] = [self.message(found) for found in concerned if found is not None]
        if change.user is not None:
            data["user"] = change.user
        self.send("change", data)

    def message(self, found: workspace.Message) -> Json:
        """A message as the control and the page show it."""
        replies = self._space.replies(found.channel, found.ts)
        shape = shapes.message(found, replies)
        if replies:
            shape["replies"] = [{"user": reply.user, "ts": reply.ts} for reply in replies]
        return shape | {"channel": found.channel}


async def _texts(queue: asyncio.Queue[str | None], heartbeat: float) -> AsyncIterator[str]:
    while True:
        try:
            text = await asyncio.wait_for(queue.get(), heartbeat)
        except TimeoutError:
            yield ": still here\n\n"
            continue
        if text is None:
            return
        yield text
