"""The dead man's switch is fetched, and its address stays a secret."""

import pytest
from aiohttp import test_utils, web

from bot.adapters import deadman
from bot.domain import errors

SECRET = "ping/5f3a-secret"


async def beaten(status: int) -> int:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=status)

    application = web.Application()
    application.router.add_get(f"/{SECRET}", handler)
    async with test_utils.TestServer(application) as server:
        options = deadman.Options(str(server.make_url(f"/{SECRET}")), timeout=2.0)
        assert SECRET not in repr(options)
        await deadman.DeadMan(options).beat()
    return len(seen)


async def test_it_is_fetched_once() -> None:
    assert await beaten(200) == 1


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_an_answer_that_is_no_good_is_said_without_the_address(status: int) -> None:
    with pytest.raises(errors.Unavailable, match=f"^heartbeat.url answered HTTP {status}$"):
        await beaten(status)


@pytest.mark.parametrize("url", [f"http://127.0.0.1:1/{SECRET}", f"http://[{SECRET}", SECRET])
async def test_an_address_that_cannot_be_reached_is_not_told(url: str) -> None:
    with pytest.raises(errors.Unavailable) as caught:
        await deadman.DeadMan(deadman.Options(url, timeout=1.0)).beat()
    assert "heartbeat.url" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
