"""`GET pods/{name}/log` over the wire."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.sim.cluster import errors, http_logs
from tests.sim import api

LOG = "/api/v1/namespaces/default/pods/p/log"


class Pages:
    """A log whose later lines come when the test says so."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.lines = [(now - timedelta(seconds=10 * age), f"line {age}") for age in (3, 2, 1, 0)]
        self.later: asyncio.Queue[str | None] = asyncio.Queue()
        self.followers = 0

    def read(
        self, namespace: str, pod: str, container: str, previous: bool
    ) -> list[http_logs.Line] | errors.StatusError:
        assert (namespace, pod, container) == ("default", "p", "main")
        if previous:
            return errors.bad_request('previous terminated container "main" in pod "p" not found')
        return self.lines

    async def follow(
        self, namespace: str, pod: str, container: str
    ) -> AsyncIterator[http_logs.Line]:
        self.followers += 1
        try:
            while (text := await self.later.get()) is not None:
                yield datetime.now(UTC), text
        finally:
            self.followers -= 1


async def _text(server: api.Api, **query: str) -> tuple[int, str]:
    async with server.request("GET", LOG, **query) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "line 3\nline 2\nline 1\nline 0\n"),
        ({"tailLines": "2"}, "line 1\nline 0\n"),
        ({"tailLines": "0"}, ""),
        ({"tailLines": "99"}, "line 3\nline 2\nline 1\nline 0\n"),
        ({"limitBytes": "9"}, "line 3\nli"),
        ({"sinceSeconds": "15"}, "line 1\nline 0\n"),
        ({"sinceSeconds": "15", "tailLines": "1"}, "line 0\n"),
        ({"container": "main", "tailLines": "1"}, "line 0\n"),
    ],
)
async def test_the_lines_a_query_leaves(query, text) -> None:
    async with api.serving(logs=Pages()) as server:
        server.registry.create("pods", "default", api.pod("p"))
        assert await _text(server, **query) == (200, text)


async def test_timestamps_have_nanoseconds_and_a_z() -> None:
    async with api.serving(logs=Pages()) as server:
        server.registry.create("pods", "default", api.pod("p"))
        _, text = await _text(server, timestamps="true", tailLines="1")
        stamp, _, line = text.rstrip().partition(" ")
        assert line == "line 0"
        assert len(stamp) == len("2026-01-02T03:04:05.000000000Z")
        assert stamp.endswith("Z")


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ({"container": "other"}, 400, "container other is not valid for pod p"),
        ({"previous": "true"}, 400, 'previous terminated container "main" in pod "p" not found'),
        ({"tailLines": "some"}, 400, 'parsing "some"'),
        ({"tailLines": "-1"}, 422, "must be greater than or equal to 0"),
        ({"sinceTime": "yesterday"}, 400, "sinceTime"),
    ],
)
async def test_a_log_that_cannot_be_had_is_refused_in_words(query, code, said) -> None:
    async with api.serving(logs=Pages()) as server:
        server.registry.create("pods", "default", api.pod("p"))
        status, refusal = await server.ask("GET", LOG, **query)
        assert status == code
        assert said in refusal["message"]


async def test_a_pod_with_several_containers_wants_one_named() -> None:
    containers = [{"name": name, "image": "i"} for name in ("a", "b")]
    async with api.serving() as server:
        server.registry.create("pods", "default", api.pod("p", containers=containers))
        code, refusal = await server.ask("GET", LOG)
        assert code == 400
        assert refusal["message"] == (
            "a container name must be specified for pod p, choose one of: [a b]"
        )
        assert (await server.ask("GET", LOG.replace("/p/", "/absent/")))[0] == 404


async def test_a_followed_log_goes_on_until_its_container_ends() -> None:
    pages = Pages()
    async with api.serving(logs=pages) as server:
        server.registry.create("pods", "default", api.pod("p"))
        async with server.request("GET", LOG, follow="true", tailLines="1") as response:
            assert await response.content.readline() == b"line 0\n"
            pages.later.put_nowait("new")
            assert await response.content.readline() == b"new\n"
            pages.later.put_nowait(None)
            assert await response.content.read() == b""
        assert pages.followers == 0


@pytest.mark.parametrize("ends", ["the client", "the server", "the limit"])
async def test_a_followed_log_is_let_go_when_somebody_else_ends(ends: str) -> None:
    pages = Pages()
    async with api.serving(logs=pages) as server:
        server.registry.create("pods", "default", api.pod("p"))
        response = await server.request("GET", LOG, follow="true", limitBytes="30")
        await response.content.readline()
        await api.until(lambda: pages.followers == 1)
        if ends == "the server":
            await server.server.stop()
            await response.content.read()
        elif ends == "the limit":
            pages.later.put_nowait("more than the limit")
            assert await response.content.read() == b"line 2\nline 1\nline 0\nmo"
        response.close()
        await api.until(lambda: pages.followers == 0)
