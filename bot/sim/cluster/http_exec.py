"""`pods/{name}/exec`: a command in a container, over a WebSocket.

Protocols v4 and v5 of channel.k8s.io: the first byte of a frame is its channel. Source:
apimachinery's pkg/util/remotecommand and kubelet's answers.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import web

from bot.sim.cluster import errors, http_logs, shell

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_OUT, _ERR, _STATUS = 1, 2, 3
_CHUNK = 32_768


class ExecSource(Protocol):
    """Who can run commands: the kubelets of the simulated world."""

    def exec(
        self, namespace: str, pod: str, container: str, command: Sequence[str]
    ) -> shell.Result | None:
        """Run a command; None if the node hangs and never answers.

        Raises:
            errors.StatusError: the container does not run, or the kubelet is not there.
        """


class NoExec:
    """A world in which nothing can be run."""

    def exec(
        self, namespace: str, pod: str, container: str, command: Sequence[str]
    ) -> shell.Result | None:
        """Refuse."""
        del namespace, pod, command
        raise errors.bad_request(f'container "{container}" is not running')


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
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise errors.bad_request("Upgrade request required")
    result = source.exec(namespace, name, container, command)
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    await socket.prepare(request)
    if result is None:
        await _hang(socket, stopping)
        return socket
    for channel, wanted, text in (
        (_OUT, "stdout", result.out),
        (_ERR, "stderr", result.err),
    ):
        if request.query.get(wanted) not in ("true", "1"):
            continue
        data = text.encode()
        for at in range(0, len(data), _CHUNK):
            # Cut anywhere, as a pipe does: a character may be split over two frames.
            await socket.send_bytes(bytes([channel]) + data[at : at + _CHUNK])
    ended = _not_begun(result.failure) if result.failure else _ended(result.code)
    await socket.send_bytes(bytes([_STATUS]) + json.dumps(ended).encode())
    await socket.close()
    return socket


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
