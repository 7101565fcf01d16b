"""A server that is no Prometheus, or a bad one: said so, in time, and without its secrets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.metrics import prometheus
from bot.domain import errors
from bot.flow import memory_ports

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POD = "kube-flannel-ds-abcde"
WANTED = memory_ports.Wanted(
    "kube-system", "kube-flannel-ds", "kube-flannel", since=NOW - timedelta(hours=1), until=NOW,
    step=timedelta(minutes=5), pods={POD: "n1"},
)  # fmt: skip
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    server = web.Server(handler, handler_cancellation=True)  # type: ignore[arg-type]
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def ask(handler: Handler, *, timeout: float = 5.0, token: str = "") -> memory_ports.History:
    async with serving(handler) as url:
        made = prometheus.Prometheus(prometheus.Options(url, token=token, timeout=timeout))
        try:
            return await made.of(WANTED)
        finally:
            made.close()


def answering(body: Any, status: int = 200) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, status=status)

    return handler


def told(request: web.Request, values: list[Any], **more: Any) -> web.Response:
    """An answer of the right shape: one series of those values."""
    metric = {"pod": POD}
    if request.path.endswith("query_range"):
        result = [{"metric": metric, "values": values}]
    elif "kube_pod_info" in request.query["query"]:
        result = []
    else:
        result = [{"metric": metric, "value": values[-1]}]
    kind = "matrix" if request.path.endswith("query_range") else "vector"
    data = {"resultType": kind, "result": result}
    return web.json_response({"status": "success", "data": data, **more})


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ("<html>login</html>", 200, "no JSON"),
        ({"status": "error", "error": "secret-ticket"}, 500, "HTTP 500"),
        ({"status": "error", "error": "secret-ticket"}, 422, "HTTP 422"),
        ("secret-ticket", 401, "HTTP 401"),
        ({"status": "success"}, 200, "odd answer"),
        ([], 200, "odd answer"),
        ({"data": {"result": "7"}}, 200, "odd answer"),
        ({"data": {"resultType": "scalar", "result": [1, "2"]}}, 200, "odd answer"),
        ({"data": {"result": [{"metric": None}]}}, 200, "odd answer"),
    ],
)
async def test_what_is_no_answer_is_said_and_not_repeated(body: Any, status: int, why: str) -> None:
    with pytest.raises(errors.Unavailable) as failed:
        await ask(answering(body, status))
    assert why in str(failed.value)
    assert "secret-ticket" not in str(failed.value)


async def test_a_server_that_hangs_is_given_up_and_not_tried_again() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        await asyncio.sleep(5)
        return web.Response()

    with pytest.raises(errors.Unavailable, match="did not answer within"):
        await ask(handler, timeout=0.2)
    assert len(asked) == 1


async def test_a_server_that_is_not_there_is_said() -> None:
    made = prometheus.Prometheus(prometheus.Options("http://127.0.0.1:9/"))
    with pytest.raises(errors.Unavailable, match="cannot be reached"):
        await made.of(WANTED)
    made.close()


async def test_values_that_are_no_numbers_of_bytes_are_left_out() -> None:
    stamps = [NOW.timestamp() - 60 * n for n in range(5, 0, -1)]
    values = [list(one) for one in zip(stamps, ["NaN", "7", "+Inf", "-1", "9"], strict=True)]

    async def handler(request: web.Request) -> web.Response:
        return told(request, values)

    (series,) = (await ask(handler)).series
    assert [point.working_set for point in series.points] == [7, 9, 9], "the last one is now"
    assert (series.newest, series.mark) == (9, 9)


async def test_a_partial_answer_is_used_and_its_warning_told_once() -> None:
    async def handler(request: web.Request) -> web.Response:
        return told(request, [[NOW.timestamp(), "5"]], warnings=["one store is away"])

    found = await ask(handler)
    assert len(found.series) == 1
    assert found.notes == ("Prometheus warns: one store is away",)


async def test_the_token_is_sent_and_queries_carry_their_own_time_out() -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return told(request, [[NOW.timestamp(), "5"]])

    await ask(handler, token="top-secret")
    assert {one.headers["Authorization"] for one in seen} == {"Bearer top-secret"}
    assert {one.query["timeout"] for one in seen} == {"5s"}
    assert {one.query["step"] for one in seen if "step" in one.query} == {"300"}
