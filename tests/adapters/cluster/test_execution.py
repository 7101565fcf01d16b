"""Exec over real WebSockets: split characters, half answers, hangs, refusals."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import web

from bot.adapters.cluster import client, execution, failures
from tests.adapters.cluster import scripted
from tests.adapters.cluster.conftest import FAST, Clock, Telemetry

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]
OK = b"\x03" + json.dumps({"status": "Success"}).encode()


def failed(code: int) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
    return b"\x03" + json.dumps(status).encode()


class Server:
    """Answers an exec by whatever the test says, or refuses it."""

    def __init__(self) -> None:
        self.talk: Talk | None = None
        self.refusal: web.Response | None = None
        self.queries: list[list[tuple[str, str]]] = []
        self.gone = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(list(request.query.items()))
        if self.refusal is not None:
            return self.refusal
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        assert self.talk
        try:
            await self.talk(socket)
        finally:
            self.gone.set()
        return socket


@pytest_asyncio.fixture
async def server() -> Server:
    return Server()


@pytest_asyncio.fixture
async def api(server: Server, tmp_path) -> AsyncIterator[client.Client]:
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/{ns}/pods/{pod}/exec", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = scripted.write_kubeconfig(tmp_path / "kubeconfig", url)
    options = dataclasses.replace(FAST, kubeconfig=config)
    async with client.Client(options, clock=Clock(), telemetry=Telemetry()) as made:
        yield made
    await runner.cleanup()


def saying(*frames: bytes, close: bool = True) -> Talk:
    async def talk(socket: web.WebSocketResponse) -> None:
        for frame in frames:
            await socket.send_bytes(frame)
        if close:
            await socket.close()
        else:
            await socket.receive()

    return talk


async def run(api: client.Client, **how: float) -> execution.Result:
    return await execution.run(
        api, "kube-flannel", "p", "kube-flannel", ("sh", "-c", "x; y"), **{"within": 5, **how}
    )


async def test_both_streams_and_the_exit_code_are_told_apart(
    server: Server, api: client.Client
) -> None:
    server.talk = saying(b"\x01out", b"\x02err", b"\x01 more", failed(7))
    assert await run(api) == execution.Result("out more", "err", 7)
    asked = server.queries[0]
    assert [value for key, value in asked if key == "command"] == ["sh", "-c", "x; y"]
    assert ("container", "kube-flannel") in asked


async def test_a_character_split_over_frames_is_whole(server: Server, api: client.Client) -> None:
    text = "接口 ✓".encode()
    server.talk = saying(*(b"\x01" + text[i : i + 1] for i in range(len(text))), OK)
    assert (await run(api)).out == "接口 ✓"


async def test_undecodable_bytes_are_replaced(server: Server, api: client.Client) -> None:
    server.talk = saying(b"\x01a\xffb", b"", OK)
    assert (await run(api)).out == "a\ufffdb"


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ((b"\x01half",), "without saying how"),
        ((b"\x03{broken",), "a status that is none"),
        (
            (b"\x03" + json.dumps({"status": "Failure", "message": "OCI runtime exec failed: no sh"}).encode(),),
            "OCI runtime exec failed",
        ),
        ((b"\x03" + json.dumps({"status": "Failure"}).encode(),), "no reason given"),
    ],
    ids=["closed early", "no JSON", "OCI error", "no reason"],
)  # fmt: skip
async def test_an_end_that_says_nothing_is_no_success(
    server: Server, api: client.Client, frames: tuple[bytes, ...], said: str
) -> None:
    server.talk = saying(*frames)
    with pytest.raises(failures.Failure, match=said):
        await run(api)


async def test_too_much_is_cut_off(server: Server, api: client.Client) -> None:
    server.talk = saying(*[b"\x01" + b"x" * 1000] * 20, OK)
    with pytest.raises(failures.Failure, match="more than"):
        await run(api, most=5_000)


async def test_a_node_that_hangs_is_given_up_and_the_connection_cut(
    server: Server, api: client.Client
) -> None:
    server.talk = saying(b"\x01begun", close=False)
    with pytest.raises(failures.Failure, match="did not end within"):
        await run(api, within=0.2)
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_cancelling_cuts_the_connection(server: Server, api: client.Client) -> None:
    begun = asyncio.Event()

    async def talk(socket: web.WebSocketResponse) -> None:
        begun.set()
        await socket.receive()

    server.talk = talk
    task = asyncio.create_task(run(api))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.gone.wait(), 5)


@pytest.mark.parametrize(
    ("status", "said"), [(403, "not allowed to create exec"), (404, "HTTP 404"), (500, "HTTP 500")]
)
async def test_a_refusal_is_told(
    server: Server, api: client.Client, status: int, said: str
) -> None:
    server.refusal = web.Response(status=status)
    with pytest.raises(failures.Failure, match=said) as caught:
        await run(api)
    assert caught.value.status == status


async def test_a_server_that_is_not_there_is_told(api: client.Client, server: Server) -> None:
    server.refusal = web.Response(status=200, text="no upgrade")
    with pytest.raises(failures.Failure):
        await run(api)
