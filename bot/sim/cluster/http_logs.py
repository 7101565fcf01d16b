"""`GET pods/{name}/log`: which lines of a container's log a client gets."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from aiohttp import web

from bot.sim.cluster import errors, objects

Line = tuple[datetime, str]
"""When a line was written (aware, UTC) and its text without the newline."""


class LogSource(Protocol):
    """Who has the containers' logs: the kubelets of the simulated world."""

    def read(
        self, namespace: str, pod: str, container: str, previous: bool
    ) -> list[Line] | errors.StatusError:
        """All lines of the running container, or of the one before it.

        A container that has not started, or has no predecessor, is a StatusError (400).
        """

    def follow(self, namespace: str, pod: str, container: str) -> AsyncIterator[Line]:
        """The lines written from this call on, until the container ends.

        Lines count from the call, not from the first step of the iteration.
        """


class NoLogs:
    """A world in which every log is empty."""

    def read(
        self, namespace: str, pod: str, container: str, previous: bool
    ) -> list[Line] | errors.StatusError:
        """No lines, and no predecessor."""
        if previous:
            return errors.bad_request(
                f'previous terminated container "{container}" in pod "{pod}" not found'
            )
        del namespace
        return []

    async def follow(self, namespace: str, pod: str, container: str) -> AsyncIterator[Line]:
        """Nothing is ever written."""
        del namespace, pod, container
        nothing: tuple[Line, ...] = ()
        for line in nothing:
            yield line


def container_of(pod: objects.Object, asked: str) -> str:
    """The container whose log is meant.

    Raises:
        errors.StatusError: 400, none is named and there are several, or there is no such one.
    """
    name, spec = pod["metadata"]["name"], pod["spec"]
    names = [container["name"] for container in spec.get("containers") or ()]
    initial = [container["name"] for container in spec.get("initContainers") or ()]
    if asked:
        if asked not in (*names, *initial):
            raise errors.bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(names) == 1:
        return str(names[0])
    choices = f"choose one of: [{' '.join(names)}]"
    if initial:
        choices += f" or one of the init containers: [{' '.join(initial)}]"
    raise errors.bad_request(f"a container name must be specified for pod {name}, {choices}")


def text_of(line: Line, *, timestamps: bool) -> bytes:
    """One line as it goes over the wire."""
    moment, text = line
    if not timestamps:
        return text.encode() + b"\n"
    stamp = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    return f"{stamp} {text}\n".encode()


def chosen(lines: list[Line], query: Mapping[str, str], *, now: datetime) -> list[Line]:
    """The lines that `sinceSeconds`, `sinceTime` and `tailLines` leave.

    Raises:
        errors.StatusError: 400 or 422 for values that are none.
    """
    if "sinceSeconds" in query:
        since = now - timedelta(seconds=number(query, "sinceSeconds", least=1))
        lines = [line for line in lines if line[0] >= since]
    if "sinceTime" in query:
        try:
            since = datetime.fromisoformat(query["sinceTime"])
        except ValueError as failure:
            raise errors.bad_request(f"sinceTime: {failure}") from failure
        lines = [line for line in lines if line[0] >= since]
    if "tailLines" in query:
        tail = number(query, "tailLines", least=0)
        lines = lines[len(lines) - tail :] if tail < len(lines) else lines
    return lines


def number(query: Mapping[str, str], name: str, *, least: int) -> int:
    """A whole number of the query.

    Raises:
        errors.StatusError: 400 when it is none, 422 when it is too small.
    """
    try:
        value = int(query[name])
    except ValueError as failure:
        raise errors.bad_request(
            f'strconv.ParseInt: parsing "{query[name]}": invalid syntax'
        ) from failure
    if value < least:
        message = f"Invalid value: {value}: must be greater than or equal to {least}"
        raise errors.invalid("PodLogOptions", "", "", [("FieldValueInvalid", message, name)])
    return value


async def answer(
    request: web.BaseRequest,
    pod: objects.Object,
    logs: LogSource,
    *,
    clock: Callable[[], datetime],
    stopping: asyncio.Event,
) -> web.StreamResponse:
    """Answer a log request; with `follow` until the container, the client or the server ends.

    Raises:
        errors.StatusError: 400.
    """
    query = request.query
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    container = container_of(pod, query.get("container", ""))
    previous = query.get("previous") == "true"
    lines = logs.read(namespace, name, container, previous)
    if isinstance(lines, errors.StatusError):
        raise lines
    follows = query.get("follow") == "true" and not previous
    later = logs.follow(namespace, name, container) if follows else None
    timestamps = query.get("timestamps") == "true"
    selected = chosen(lines, query, now=clock())
    text = b"".join(text_of(line, timestamps=timestamps) for line in selected)
    left = number(query, "limitBytes", least=1) if "limitBytes" in query else None
    if later is None:
        return web.Response(body=text[:left], content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    # A client may go away in the middle of a line; that is its right, and the end.
    with contextlib.suppress(ConnectionResetError):
        await _follow(response, text, later, query=query, stopping=stopping)
    return response


async def _follow(
    response: web.StreamResponse,
    text: bytes,
    later: AsyncIterator[Line],
    *,
    query: Mapping[str, str],
    stopping: asyncio.Event,
) -> None:
    """Write what is there, then what comes, up to the limit."""
    timestamps = query.get("timestamps") == "true"
    left = number(query, "limitBytes", least=1) if "limitBytes" in query else None
    await response.write(text[:left])
    left = None if left is None else left - len(text)
    lines_after = _until(later, stopping)
    async with contextlib.aclosing(lines_after):
        while left is None or left > 0:
            line = await anext(lines_after, None)
            if line is None:
                break
            piece = text_of(line, timestamps=timestamps)[:left]
            await response.write(piece)
            left = None if left is None else left - len(piece)
    await response.write_eof()


async def _until(lines: AsyncIterator[Line], stopping: asyncio.Event) -> AsyncGenerator[Line, None]:
    """The lines until they end or the server stops, whichever comes first."""
    stopped = asyncio.ensure_future(stopping.wait())
    following: asyncio.Future[Line] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(lines))
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                line = following.result()
            except StopAsyncIteration:
                return
            yield line
    finally:
        stopped.cancel()
        if following is not None and not following.done():
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        close = getattr(lines, "aclose", None)
        if close is not None:
            await close()
