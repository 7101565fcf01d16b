"""A pretend Slack, and people who act in it through its doors."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bot.adapters import health
from bot.adapters.slack import app as slack_app
from bot.adapters.slack import client
from bot.adapters.slack import people as slack_people
from bot.adapters.slack.options import Options
from bot.domain import access
from bot.sim.slack import people, serve, world
from tests.adapters.slack import samples

Json = dict[str, Any]


async def until(true: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait for something to be so, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not become so in time"
        await asyncio.sleep(0.01)
    return found


class Wall(samples.Clock):
    """True time, where what is signed must be of now."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Slack:
    """The pretend workspace as tests use it, and the bot's own address where it is called."""

    def __init__(
        self,
        server: serve.SimulatedSlack,
        http: aiohttp.ClientSession,
        *,
        mode: str = "socket",
        address: str = "",
    ) -> None:
        self.server = server
        self.http = http
        self.mode = mode
        self.address = address
        self.running: slack_app.SlackApp | None = None
        self.telemetry = samples.Telemetry()
        self.usual: Json = {}
        """Settings of all apps of a module's tests."""

    def options(self, **changes: Any) -> Options:
        given: Json = {
            "bot_token": people.BOT_TOKEN,
            "app_token": people.APP_TOKEN,
            "signing_secret": people.SIGNING_SECRET,
            "mode": self.mode,
            "api_url": self.server.api,
            "timeout": 2.0,
            "give_up_after": 0.0,
            "drain_after": 1.0,
        }
        return Options(**(given | self.usual | changes))

    async def act(self, door: str, **body: Any) -> Json:
        async with self.http.post(f"{self.server.page}_sim/{door}", json=body) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return told

    async def fault(self, name: str, **params: Any) -> None:
        url = f"{self.server.page}_sim/faults/{name}"
        async with self.http.put(url, json={"params": params}) as answer:
            assert answer.status == 200, await answer.text()

    async def lift(self, name: str) -> None:
        async with self.http.delete(f"{self.server.page}_sim/faults/{name}") as answer:
            assert answer.status == 200

    async def messages(self, channel: str = "C0ALERTS") -> list[Json]:
        url = f"{self.server.page}_sim/messages?channel={channel}"
        async with self.http.get(url) as answer:
            return (await answer.json())["messages"]

    def said(self, channel: str = "C0ALERTS") -> list[Any]:
        bot = people.BOT_USER
        return [m for m in self.server.world.space.messages(channel) if m.user == bot]

    def whispers(self, user: str) -> list[Any]:
        return [w for w in self.server.world.space.ephemerals() if w.user == user]

    def noted(self, kind: str) -> list[Json]:
        return [entry for entry in self.server.world.journal.since(0) if entry["kind"] == kind]

    def calls(self, method: str) -> list[Json]:
        return [call["args"] for call in self.noted("web_api") if call["method"] == method]

    @asynccontextmanager
    async def web(self, **changes: Any) -> AsyncIterator[client.Web]:
        async with client.opened(self.options(**changes), telemetry=self.telemetry) as web:
            yield web

    @asynccontextmanager
    async def app(
        self,
        desk: samples.Desk,
        *,
        painter: Any = None,
        policy: access.Policy | None = None,
        **changes: Any,
    ) -> AsyncIterator[slack_app.SlackApp]:
        """The bot's side, connected, and stopped as a shutdown stops it."""
        async with self.web(**changes) as web:
            clock = Wall() if self.mode == "http" else samples.Clock()
            who = None
            if policy is not None:
                who = slack_people.People(
                    web, policies=access.Policies({"prod": policy}), clock=clock
                )
            app = slack_app.SlackApp(
                web,
                options=self.options(**changes),
                desk=desk,
                clock=clock,
                people=who,
                telemetry=self.telemetry,
                painter=painter,
            )
            self.running = app
            running = asyncio.create_task(app.run())
            try:
                await until(lambda: app.connected or running.done())
                yield app
            finally:
                running.cancel()
                (ended,) = await asyncio.gather(running, return_exceptions=True)
                assert isinstance(ended, asyncio.CancelledError), ended


async def _well() -> dict[str, health.Part]:
    return {}


@pytest_asyncio.fixture
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[Slack]:
    """Slack by Socket Mode, or by the way that a test's parameter names."""
    mode = getattr(request, "param", "socket")
    made: list[Slack] = []

    async def posted(asked: web.Request) -> web.StreamResponse:
        running = made[0].running
        return web.Response(status=503) if running is None else await running.answer(asked)

    own = health.HealthServer(
        health.Options(host="127.0.0.1", port=0),
        alive=lambda: health.Part(ok=True),
        parts=_well,
        metrics=lambda: b"",
        posts={slack_app.PATH: posted},
    )
    port = await own.start()
    address = f"http://127.0.0.1:{port}{slack_app.PATH}"
    pace = world.Pace(event_retries=(0.05, 0.1, 0.2), heartbeat=5.0)
    options = serve.SlackOptions(port=0, pace=pace, mode=mode, events_url=address)
    async with serve.SimulatedSlack(options) as server, aiohttp.ClientSession() as http:
        made.append(Slack(server, http, mode=mode, address=address))
        yield made[0]
    await own.stop()
