"""Running a command in a container: raw WebSocket frames, exit code, both streams, bounded.

The library's own stream client merges both streams, throws the exit code away, ignores time-outs
and dies at a character that is split over two frames. Protocol v4.channel.k8s.io: the first byte
of a frame is its channel (1 stdout, 2 stderr, 3 the final Status as JSON). Source: Kubernetes'
apimachinery pkg/util/remotecommand.
"""

import asyncio
from dataclasses import dataclass
from urllib import parse

import aiohttp
import msgspec

from bot.adapters.cluster import client, failures

_PROTOCOL = "v4.channel.k8s.io"
_STDOUT, _STDERR, _STATUS = 1, 2, 3
_FRAME = 4 * 1_048_576


class _Cause(msgspec.Struct, gc=False):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, gc=False):
    causes: list[_Cause] | None = None


class _Status(msgspec.Struct, gc=False):
    status: str = ""
    reason: str = ""
    message: str = ""
    details: _Details | None = None


_DECODER = msgspec.json.Decoder(_Status)


@dataclass(frozen=True, slots=True)
class Result:
    """What a command said and how it ended. Undecodable bytes are replaced."""

    out: str
    err: str
    code: int


async def run(
    api: client.Client,
    namespace: str,
    pod: str,
    container: str,
    command: tuple[str, ...],
    *,
    within: float,
    most: int = 32 * 1_048_576,
) -> Result:
    """Run a command and return what it said.

    Raises:
        Failure: if it could not be run, did not end in time, said too much, or the connection
            ended without saying how the command did.
        Misconfigured: if the credentials' files are wrong.
    """
    place = f"{namespace}/{pod}"
    ask = client.Ask(
        verb="create",
        resource="pods/exec",
        what=f"exec in {place}",
        grant="pods/exec",
        path=f"/api/v1/namespaces/{parse.quote(namespace, safe='')}"
        f"/pods/{parse.quote(pod, safe='')}/exec",
        query=(
            ("container", container),
            ("stdout", "true"),
            ("stderr", "true"),
            *(("command", word) for word in command),
        ),
    )
    try:
        async with asyncio.timeout(within):
            async with api.channel(ask, protocol=_PROTOCOL, largest=_FRAME) as socket:
                return await _collect(socket, place, most=most)
    except TimeoutError as exc:
        raise failures.Failure(f"exec in {place} did not end within {within:g} s") from exc


async def _collect(socket: aiohttp.ClientWebSocketResponse, place: str, *, most: int) -> Result:
    streams = {_STDOUT: bytearray(), _STDERR: bytearray()}
    size = 0
    async for message in socket:
        if message.type is aiohttp.WSMsgType.ERROR:
            break
        data = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
        if not data:
            continue
        channel, content = data[0], data[1:]
        if channel == _STATUS:
            code = _code(content, place)
            # Decoded at the end only: a character may be split over two frames.
            out, err = (
                bytes(streams[each]).decode("utf-8", errors="replace")
                for each in (_STDOUT, _STDERR)
            )
            return Result(out=out, err=err, code=code)
        if channel in streams:
            size += len(content)
            if size > most:
                raise failures.Failure(f"exec in {place} said more than {most} bytes")
            streams[channel] += content
    raise failures.Failure(f"exec in {place} ended without saying how")


def _code(content: bytes, place: str) -> int:
    try:
        status = _DECODER.decode(content)
    except msgspec.DecodeError as exc:
        raise failures.Failure(f"exec in {place} ended with a status that is none") from exc
    if status.status == "Success":
        return 0
    causes = (status.details.causes if status.details else None) or []
    for cause in causes:
        if cause.reason == "ExitCode" and cause.message.isdigit():
            return int(cause.message)
    said = failures.short(status.message or status.reason or "no reason given")
    raise failures.Failure(f"exec in {place} failed: {said}")
