"""Every way to misbehave, seen from a client."""

import asyncio
import json
import random

import aiohttp
import pytest

from bot.sim.cluster import misbehaviour
from tests.sim import api

PODS = "/api/v1/namespaces/default/pods"
NODES = "/api/v1/nodes"


async def _read_on(watch: api.Watch, received: list[bytes]) -> None:
    while not watch.response.content.at_eof():
        received.append(await watch.response.content.readany())


async def _ok(server: api.Api) -> bool:
    try:
        return (await server.ask("GET", NODES))[0] == 200
    except aiohttp.ClientError:
        return False


async def test_refuse_closes_the_port_and_all_connections_until_it_is_cleared() -> None:
    async with api.serving() as server:
        async with server.watch(NODES) as watch:
            server.server.switchboard.set("refuse")
            with pytest.raises(aiohttp.ClientError):
                await watch.next()
        with pytest.raises(aiohttp.ClientConnectorError):
            await server.ask("GET", NODES)
        port = server.server.port
        server.server.switchboard.clear("refuse")
        async with asyncio.timeout(5):
            while not await _ok(server):
                await asyncio.sleep(0.01)
        assert server.server.port == port


async def test_abort_drops_the_connection_without_an_answer() -> None:
    async with api.serving() as server:
        server.server.switchboard.set("abort", {"count": 1})
        with pytest.raises(aiohttp.ClientError):
            await server.ask("POST", NODES, {"metadata": {"name": "n"}})
        assert server.store.list("nodes") == []
        assert await _ok(server)


async def test_a_lost_answer_is_that_of_a_request_that_was_done() -> None:
    async with api.serving() as server:
        server.server.switchboard.set("lose", {"count": 1, "verb": "create"})
        assert await _ok(server)
        with pytest.raises(aiohttp.ClientError):
            await server.ask("POST", NODES, {"metadata": {"name": "n"}})
        assert len(server.store.list("nodes")) == 1


@pytest.mark.parametrize(
    ("name", "params", "code", "kind"),
    [
        ("error", {"code": 403}, 403, "application/json"),
        ("error", {"code": 409}, 409, "application/json"),
        ("error", {"code": 410}, 410, "application/json"),
        ("error", {"code": 422}, 422, "application/json"),
        ("error", {"code": 504}, 504, "application/json"),
        ("error", {}, 500, "application/json"),
        ("error", {"code": 503}, 503, "text/plain"),
        ("html", {}, 502, "text/html"),
        ("html", {"code": 503}, 503, "text/html"),
        ("html", {"code": 200}, 200, "text/html"),
        ("throttle", {"retry_after": 7}, 429, "text/plain"),
        ("unauthorized", {}, 401, "application/json"),
    ],
)
async def test_an_answer_in_the_server_s_place(name, params, code, kind) -> None:
    async with api.serving() as server:
        server.server.switchboard.set(name, params)
        async with server.request("GET", NODES) as response:
            assert (response.status, response.content_type) == (code, kind)
            if code == 429:
                assert response.headers["Retry-After"] == "7"
        server.server.switchboard.clear(name)
        assert await _ok(server)


async def test_slow_answers_come_late_and_right() -> None:
    async with api.serving() as server:
        server.server.switchboard.set("slow", {"seconds": 0.1})
        begin = asyncio.get_running_loop().time()
        assert await _ok(server)
        assert asyncio.get_running_loop().time() - begin >= 0.1


async def test_a_hanging_request_is_never_answered_and_dropped_when_cleared() -> None:
    async with api.serving() as server:
        server.server.switchboard.set("hang")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.ask("GET", NODES), 0.1)
        # No GET: the client would ask again by itself after a dropped connection.
        waiting = asyncio.create_task(server.ask("POST", NODES, {"metadata": {"name": "n"}}))
        await api.until(lambda: server.server.switchboard.active()["hang"]["struck"] == 2)
        server.server.switchboard.clear("hang")
        with pytest.raises(aiohttp.ClientError):
            await waiting
        assert server.store.list("nodes") == []
        assert await _ok(server)


async def test_a_server_with_hanging_requests_can_be_stopped() -> None:
    async with api.serving() as server:
        server.server.switchboard.set("hang")
        waiting = asyncio.create_task(server.ask("GET", NODES))
        await api.until(lambda: server.server.switchboard.active()["hang"]["struck"])
        await server.server.stop()
        with pytest.raises(aiohttp.ClientError):
            await waiting


@pytest.mark.parametrize("before", [True, False])
async def test_a_cut_watch_ends_in_the_middle_of_a_line(before: bool) -> None:
    async with api.serving() as server:
        if before:
            server.server.switchboard.set("watch-cut", {"count": 1})
        async with server.watch(NODES, resourceVersion="1") as watch:
            if not before:
                server.server.switchboard.set("watch-cut", {"count": 1})
            received: list[bytes] = []
            with pytest.raises(aiohttp.ClientPayloadError):
                await _read_on(watch, received)
            assert not b"".join(received).endswith(b"\n")
        async with server.watch(NODES, timeoutSeconds="0.05") as watch:
            assert await watch.rest() == []


async def test_a_silent_watch_says_nothing_and_forgets_nothing() -> None:
    async with api.serving() as server, server.watch(NODES, timeoutSeconds="0.1") as watch:
        server.server.switchboard.set("watch-silent")
        server.registry.create("nodes", "", {"metadata": {"name": "n"}})
        # Not even its end, which is long due.
        with pytest.raises(TimeoutError):
            await watch.line(within=0.3)
        server.server.switchboard.clear("watch-silent")
        assert [event["type"] for event in await watch.rest()] == ["ADDED"]


async def test_watches_that_end_at_once_end_cleanly() -> None:
    async with api.serving() as server:
        server.registry.create("nodes", "", {"metadata": {"name": "n"}})
        server.server.switchboard.set("watch-end", {"resource": "nodes"})
        for _ in range(3):
            async with server.watch(NODES) as watch:
                assert await watch.rest() == []
        async with server.watch(PODS) as other:
            server.registry.create("pods", "default", api.pod("p"))
            assert (await other.next())["type"] == "ADDED"


async def test_only_watches_that_resume_are_told_410() -> None:
    async with api.serving() as server:
        server.registry.create("nodes", "", {"metadata": {"name": "n"}})
        server.server.switchboard.set("watch-gone", {"count": 1})
        async with server.watch(NODES, resourceVersion="0") as watch:
            assert (await watch.next())["type"] == "ADDED"
        version = str(server.store.revision)
        async with server.watch(NODES, resourceVersion=version) as watch:
            (event,) = await watch.rest()
            assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
        async with server.watch(NODES, resourceVersion=version, timeoutSeconds="0.05") as watch:
            assert await watch.rest() == []


async def test_one_bad_object_in_lists_and_watches_and_the_others_untouched() -> None:
    async with api.serving() as server:
        for name in ("a", "b"):
            server.registry.create("pods", "default", api.pod(name))
            status = {
                "name": "main",
                "restartCount": 0,
                "ready": True,
                "image": "i",
                "imageID": "i",
            }
            change = {"status": {"phase": "Running", "containerStatuses": [status]}}
            server.registry.patch(
                "pods", "default", name, change, kind="merge", subresource="status"
            )
        _, sound = await server.ask("GET", PODS)
        server.server.switchboard.set("bad-object", {"resource": "pods", "name": "b"})
        _, listed = await server.ask("GET", PODS)
        assert listed["items"][0] == sound["items"][0]
        assert listed["items"][1]["status"]["containerStatuses"][0]["restartCount"] == "many"
        async with server.watch(PODS, resourceVersion="0") as watch:
            counts = []
            for _ in range(2):
                event = await watch.next()
                counts.append(event["object"]["status"]["containerStatuses"][0]["restartCount"])
            assert counts == [0, "many"]
        server.server.switchboard.clear("bad-object")
        assert await server.ask("GET", PODS) == (200, sound)
        # The real state was never touched.
        stored = server.registry.get("pods", "default", "b")
        assert stored["status"]["containerStatuses"][0]["restartCount"] == 0


async def test_a_garbage_line_comes_before_the_next_event() -> None:
    async with api.serving() as server, server.watch(NODES) as watch:
        server.server.switchboard.set("garbage-line", {"count": 1})
        server.registry.create("nodes", "", {"metadata": {"name": "n"}})
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(await watch.line())
        assert (await watch.next())["type"] == "ADDED"


async def test_a_fault_can_be_meant_for_one_client_resource_and_verb() -> None:
    async with api.serving() as server:
        params = {"user_agent": "bot", "resource": "nodes", "verb": "list"}
        server.server.switchboard.set("error", params)
        bot = {"User-Agent": "flannel-bot/1"}
        assert (await server.ask("GET", NODES, headers=bot))[0] == 500
        assert (await server.ask("GET", NODES, headers={"User-Agent": "kubectl"}))[0] == 200
        assert (await server.ask("GET", PODS, headers=bot))[0] == 200
        assert (await server.ask("GET", f"{NODES}/absent", headers=bot))[0] == 404


def test_a_fault_with_a_count_wears_off_and_one_with_a_probability_is_luck() -> None:
    board = misbehaviour.Switchboard(rng=random.Random(3))
    board.set("error", {"count": 2})
    assert [board.find(("error",)) is not None for _ in range(4)] == [True, True, False, False]
    board.set("error", {"probability": 0.5})
    struck = sum(board.find(("error",)) is not None for _ in range(400))
    assert 120 < struck < 280
    assert board.active()["error"]["struck"] == struck
    board.set("error", {"probability": 0})
    assert board.find(("error",)) is None
    board.clear_all()
    assert board.active() == {}
    assert not board.clear("error")


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("no-such", {}, "no fault 'no-such'"),
        ("error", {"colour": "red"}, "no parameter 'colour'"),
        ("error", {"code": "500"}, "cannot be '500'"),
        ("error", {"count": True}, "cannot be True"),
    ],
)
def test_a_fault_that_cannot_be_set_is_refused_in_words(name, params, said) -> None:
    board = misbehaviour.Switchboard(rng=random.Random(3))
    with pytest.raises(ValueError, match=said):
        board.set(name, params)
    assert board.active() == {}
