"""A watch over HTTP: one JSON line an event, until its time is over or something breaks."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from bot.sim.cluster import (
    errors,
    http_context,
    http_forms,
    http_lists,
    objects,
    selectors,
    store,
    watches,
)

Object = objects.Object
HALF_LINE = b'{"type":"MODIFIED","object":{"metadata":{"name":"cut-o'
"""What a connection that breaks in the middle of a line leaves behind."""
GARBAGE = b"upstream connect error or disconnect/reset before headers\n"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a watch request asks for."""

    after: int | None
    """None for the present state first, then what follows."""
    future: bool
    initial_end: bool
    bookmarks: bool
    timeout: float


async def stream(call: http_context.Call, *, begun: Callable[[], None]) -> web.StreamResponse:
    """Answer a watch; `begun` is called when its head is sent.

    Raises:
        errors.StatusError: before the first byte: 400, 406, 422, 500.
    """
    context, row = call.context, call.row
    wanted = call.wanted()
    wish = _wish(call)
    selected = selectors.predicate(
        call.query.get("labelSelector", ""), call.query.get("fieldSelector", ""), row
    )
    storage = context.registry.store
    transport = call.request.transport
    # Opened before the history is read, in one go with it: no change can fall between.
    watcher = context.hub.open(
        row,
        namespace=call.target.namespace,
        selected=selected,
        wanted=wanted,
        after=max(storage.revision, wish.after or 0) if wish.future else storage.revision,
        abort=lambda: transport.abort() if transport is not None else None,
    )
    try:
        opening, over = _opening(call, watcher, wish)
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        await response.prepare(call.request)
        begun()
        reader = _Reader(call, watcher, wish, response)
        # A client may go away in the middle of a line; that is its right, and the end.
        with contextlib.suppress(ConnectionResetError):
            await reader.run(opening, over=over)
    finally:
        context.hub.shut(watcher)
    return response


def _wish(call: http_context.Call) -> _Wish:
    query, options = call.query, call.context.options
    text = query.get("resourceVersion", "")
    initial = query.get("sendInitialEvents")
    match = query.get("resourceVersionMatch", "")
    if initial is not None and match != "NotOlderThan":
        raise http_context.list_options_invalid(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )
    if initial is None and match:
        raise http_context.list_options_invalid(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        )
    if text and not (text.isascii() and text.isdigit()):
        # The real server gives this one no reason, and 500 where a list gets 400.
        raise errors.StatusError(500, "", http_lists.no_number(text))
    version = int(text or 0)
    from_now = version == 0 if initial is None else initial == "true"
    bookmarks = query.get("allowWatchBookmarks") == "true"
    try:
        timeout = float(query.get("timeoutSeconds") or 0)
    except ValueError as failure:
        raise errors.bad_request(
            f'strconv.ParseInt: parsing "{query["timeoutSeconds"]}": invalid syntax'
        ) from failure
    return _Wish(
        after=None if from_now else version,
        future=version > call.context.registry.store.revision,
        initial_end=bookmarks and initial == "true",
        bookmarks=bookmarks,
        timeout=timeout or options.watch_timeout * (1 + call.context.luck()),
    )


def _opening(
    call: http_context.Call, watcher: watches.Watcher, wish: _Wish
) -> tuple[list[bytes], bool]:
    """The lines a watch begins with, and whether it is over with them."""
    context, row = call.context, call.row
    hub, storage = context.hub, context.registry.store
    struck = {"resource": row.plural, "verb": "watch", "user_agent": _agent(call)}
    if wish.after and context.switchboard.find(("watch-gone",), **struck):
        return [_gone(call, wish.after, storage.revision)], True
    if context.switchboard.find(("watch-end",), **struck):
        return [], True
    lines: list[bytes] = []
    if wish.after is None:
        for obj in storage.list(row.plural, call.target.namespace or None):
            if watcher.selected is None or watcher.selected(obj):
                lines.append(hub.encoded(watcher, "ADDED", obj, columns=not lines))
        if wish.initial_end:
            body = http_forms.empty(row, watcher.wanted, storage.revision, initial_end=True)
            lines.append(http_forms.event("BOOKMARK", body))
    elif not wish.future:
        try:
            changes = storage.history(row.plural, wish.after)
        except store.Compacted as gone:
            return [_gone(call, gone.asked, gone.oldest)], True
        for change in changes:
            line = hub.line(watcher, change, first=not lines)
            if line is not None:
                lines.append(line)
    return lines, False


def _agent(call: http_context.Call) -> str:
    return call.request.headers.get("User-Agent", "")


def _gone(call: http_context.Call, asked: int, oldest: int) -> bytes:
    message = "The resourceVersion for the provided watch is too old."
    if call.row.cached:
        message = f"too old resource version: {asked} ({oldest})"
    status = errors.StatusError(410, "Expired", message).status()
    return http_forms.event("ERROR", http_forms.encode(status))


class _Reader:
    """One client reading one watch."""

    def __init__(
        self,
        call: http_context.Call,
        watcher: watches.Watcher,
        wish: _Wish,
        response: web.StreamResponse,
    ) -> None:
        self._call = call
        self._context = call.context
        self._watcher = watcher
        self._wish = wish
        self._response = response
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._end = now + wish.timeout
        options = call.context.options
        self._next_bookmark = now + options.bookmark_interval
        self._last_bookmark = self._end - options.bookmark_margin
        self._waiting: list[bytes] = []
        self._faults = {
            "resource": watcher.row.plural,
            "verb": "watch",
            "user_agent": _agent(call),
        }

    async def run(self, opening: list[bytes], *, over: bool) -> None:
        """Write until the end."""
        self._waiting.extend(opening)
        while not self._watcher.lost:
            self._watcher.woken.clear()
            self._waiting.extend(self._watcher.take())
            silent = self._context.switchboard.peek("watch-silent", **self._faults)
            if silent is None and not await self._speak():
                return
            ended = over or self._loop.time() >= self._end or self._context.stopping.is_set()
            # A server that is silent does not say that it ends, either; only stopping ends it.
            if ended and (silent is None or self._context.stopping.is_set()):
                break
            await self._sleep(silent=silent is not None)
        if not self._watcher.lost:
            await self._response.write_eof()

    async def _speak(self) -> bool:
        """Write what waits; False when the connection is broken on purpose."""
        switchboard = self._context.switchboard
        if switchboard.find(("watch-cut",), **self._faults):
            half = self._waiting[0][: len(self._waiting[0]) // 2] if self._waiting else HALF_LINE
            await self._response.write(half)
            transport = self._call.request.transport
            if transport is not None:
                # Closed without the last chunk: whatever is in flight still arrives, then the
                # stream ends in the middle of its line.
                transport.close()
            return False
        self._waiting.extend(self._bookmarks())
        if self._waiting:
            if switchboard.find(("garbage-line",), **self._faults):
                self._waiting.insert(0, GARBAGE)
            lines, self._waiting = self._waiting, []
            await self._response.write(b"".join(lines))
        return True

    def _bookmarks(self) -> list[bytes]:
        if not self._wish.bookmarks:
            return []
        now, options = self._loop.time(), self._context.options
        due = now >= self._next_bookmark
        if now >= self._last_bookmark:
            # Once, and in a short watch only if there is something new to tell.
            due = due or bool(self._watcher.touched)
            self._last_bookmark = self._end + 1
        if not due:
            return []
        self._next_bookmark = now + options.bookmark_interval
        revision = max(self._context.registry.store.revision, self._watcher.after)
        body = http_forms.empty(
            self._watcher.row, self._watcher.wanted, revision, initial_end=False
        )
        return [http_forms.event("BOOKMARK", body)]

    async def _sleep(self, *, silent: bool) -> None:
        until = self._end
        if self._wish.bookmarks:
            until = min(until, self._next_bookmark, self._last_bookmark)
        seconds = None if silent else max(until - self._loop.time(), 0)
        try:
            async with asyncio.timeout(seconds):
                await self._watcher.woken.wait()
        except TimeoutError:
            return
