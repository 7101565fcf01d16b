"""`pods/{name}/exec`: a command in a container, over a WebSocket.

Protocols v4 and v5 of channel.k8s.io: the first byte of a frame is its channel. Source:
apimachinery's pkg/util/remotecommand and kubelet's answers.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from bot.sim.cluster import errors, http_logs, http_paths, policies, shellresults

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_IN, _OUT, _ERR, _STATUS, _CLOSED = 0, 1, 2, 3, 255
_STREAMS = ("stdin", "stdout", "stderr")
_TRUE = ("true", "1")
_KUBELET = 500
"""Code of what a kubelet refuses."""

_MOST_INPUT = 1 << 20
"""Bytes that a command is given."""

_CHUNK = 32_768


class ExecSource(Protocol):
    """Who can run commands: the kubelets of the simulated world."""

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        given: str = "",
    ) -> shellresults.Result | None:
        """Run a command on what it is given to read; None if the node hangs and never answers.

        Raises:
            errors.StatusError: the container does not run, or the kubelet is not there.
        """


class NoExec:
    """A world in which nothing can be run."""

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        given: str = "",
    ) -> shellresults.Result | None:
        """Refuse."""
        del namespace, pod, command, given
        raise errors.bad_request(f'container "{container}" is not running')


def change(request: web.BaseRequest, target: http_paths.Target) -> policies.Change:
    """What is asked, as admission policies see it."""
    query = request.query
    flags = {one: True for one in (*_STREAMS, "tty") if query.get(one) in _TRUE}
    options: dict[str, Any] = {"kind": "PodExecOptions", "apiVersion": "v1", **flags}
    if query.get("container"):
        options["container"] = query["container"]
    if "command" in query:
        options["command"] = query.getall("command")
    key = (target.namespace, target.name)
    return policies.Change(target.row, "CONNECT", options, subresource=target.subresource, of=key)


async def answer(
    request: web.BaseRequest,
    pod: dict[str, Any],
    source: ExecSource,
    *,
    stopping: asyncio.Event,
) -> web.StreamResponse:
    """Run what is asked and send it back.

    Raises:
        errors.StatusError: 400, 404, 500 as a real server and kubelet would.
    """
    command = request.query.getall("command", [])
    if not command:
        raise errors.bad_request("you must specify at least 1 command for the container")
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    container = http_logs.container_of(pod, request.query.get("container", ""))
    streams = [one for one in _STREAMS if request.query.get(one) in _TRUE]
    if not streams:
        raise errors.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    _check_upgrade(request.headers.get("Upgrade", "").lower())
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    try:
        result = source.exec(namespace, name, container, command)
        await socket.prepare(request)
        if result is not None and result.wants_input and "stdin" in streams:
            given = await _input(socket, stopping)
            result = source.exec(namespace, name, container, command, given)
    except errors.StatusError as refusal:
        if refusal.code != _KUBELET:
            raise
        # The API server has let the client in by then, and hears from the kubelet afterwards.
        await socket.prepare(request)
        result = shellresults.Result(failure=refusal.message)
    if result is None:
        await _hang(socket, stopping)
        return socket
    for channel, wanted, text in (
        (_OUT, "stdout", result.out),
        (_ERR, "stderr", result.err),
    ):
        if wanted not in streams:
            continue
        data = text.encode()
        for at in range(0, len(data), _CHUNK):
            # Cut anywhere, as a pipe does: a character may be split over two frames.
            await socket.send_bytes(bytes([channel]) + data[at : at + _CHUNK])
    ended = _not_begun(result.failure) if result.failure else _ended(result.code)
    await socket.send_bytes(bytes([_STATUS]) + json.dumps(ended).encode())
    await socket.close()
    return socket


def _check_upgrade(wanted: str) -> None:
    if wanted.startswith("spdy"):
        raise errors.bad_request(
            "SPDY is not spoken here: exec needs a client that speaks WebSocket, such as "
            "kubectl 1.31 or newer"
        )
    if wanted != "websocket":
        raise errors.bad_request("Upgrade request required")


async def _input(socket: web.WebSocketResponse, stopping: asyncio.Event) -> str:
    """What the client gives to read, until it closes that stream or goes away."""
    stopped = asyncio.ensure_future(stopping.wait())
    read = asyncio.ensure_future(_read(socket))
    try:
        await asyncio.wait({stopped, read}, return_when=asyncio.FIRST_COMPLETED)
        return read.result() if read.done() else ""
    finally:
        for each in (stopped, read):
            each.cancel()
        await asyncio.gather(stopped, read, return_exceptions=True)


async def _read(socket: web.WebSocketResponse) -> str:
    data = b""
    async for message in socket:
        frame = bytes(message.data) if message.type is WSMsgType.BINARY else b""
        if frame[:2] == bytes([_CLOSED, _IN]):  # v5 alone can close one stream
            break
        if frame[:1] == bytes([_IN]):
            data += frame[1:]
        if len(data) > _MOST_INPUT:
            break
    return data.decode(errors="replace")


async def _hang(socket: web.WebSocketResponse, stopping: asyncio.Event) -> None:
    """Say nothing until the client has had enough or the server stops."""
    stopped = asyncio.ensure_future(stopping.wait())
    heard = asyncio.ensure_future(socket.receive())
    try:
        await asyncio.wait({stopped, heard}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (stopped, heard):
            each.cancel()
        await asyncio.gather(stopped, heard, return_exceptions=True)


def _not_begun(why: str) -> dict[str, Any]:
    return {
        "metadata": {},
        "status": "Failure",
        "message": why,
        "reason": "InternalError",
        "details": {"causes": [{"message": why}]},
        "code": 500,
    }


def _ended(code: int) -> dict[str, Any]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
