"""The whole bot between a pretend Slack and a pretend API server, over sockets, in one process.

Time goes on by itself and in leaps that a test asks for: ten minutes take a second, and nothing
is waited for but what it takes to say and to hear.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import app, keeping, reloading, settings_sources
from bot.adapters import clock, garbage
from bot.adapters.store import sql
from bot.sim.slack import people, serve, world
from tests import databases
from tests.acceptance import troubles
from tests.sim import api

Json = dict[str, Any]

STEP = 4.5
"""Seconds that time leaps at most at once: after more the bot would think that it stood still."""

PATIENCE = 60.0
"""Real seconds for what comes in a moment on a machine that has nothing else to do."""


class Clock(clock.SystemClock):
    """Real time, what was leapt over beside it, and a wall clock that can be set."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.off = timedelta()
        self._leapt = asyncio.Event()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead) + self.off

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        due = self.monotonic() + seconds
        while (left := due - self.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._leapt.wait()
            except TimeoutError:
                continue

    def leap(self, seconds: float) -> None:
        self.ahead += seconds
        self._leapt.set()
        self._leapt = asyncio.Event()


QUICK = {
    "FLANNEL_BOT_MIRROR__SILENCE_AFTER": "1h",
    "FLANNEL_BOT_TELLING__POST_INTERVAL": "0.02",
    "FLANNEL_BOT_TELLING__EDIT_INTERVAL": "0.05",
    "FLANNEL_BOT_TELLING__LOG_LINES": "0",
    "FLANNEL_BOT_SLACK__WATCHDOG_AFTER": "1h",
    "FLANNEL_BOT_SLACK__GIVE_UP_AFTER": "1d",
    "FLANNEL_BOT_INSPECTION__EXEC": "false",
    "FLANNEL_BOT_SCHEDULE__CYCLE": "1s",
    "FLANNEL_BOT_SCHEDULE__SAMPLES": "off",
}
"""What waits for gentleness, shortened. What decides on incidents has its true length."""


class Between:
    """A bot, both of its outsides, and time."""

    def __init__(
        self,
        kube: api.Api,
        slack: serve.SimulatedSlack,
        directory: Path,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.kube = kube
        self.slack = slack
        self.directory = directory
        self.patch = patch
        self.clock = Clock()
        self.bot: app.Bot | None = None

    # Time

    async def leap(self, span: timedelta) -> None:
        """Let time go by in which nobody need be asked anything: sockets do not come along."""
        left = span.total_seconds()
        while left > 0:
            self.clock.leap(min(STEP, left))
            left -= STEP
            # Turns of the loop for everybody who was waiting, and a moment for sockets and store.
            await asyncio.sleep(0.003)
            await self.store.outbox()

    async def drift(self, span: timedelta) -> None:
        """Let time go by so slowly that whoever asks something meanwhile is answered in time."""
        until = self.clock.monotonic() + span.total_seconds()
        while self.clock.monotonic() < until:
            await asyncio.sleep(0.01)
            self.clock.leap(0.1)

    async def until(self, true: Callable[[], Awaitable[Any]]) -> Any:
        """Wait for something to be so while time goes by ten times as fast, and return it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while not (found := await true()):
            assert loop.time() < deadline, "it did not become so in time"
            await asyncio.sleep(0.01)
            self.clock.leap(0.1)
        return found

    # The cluster

    def cut(self) -> None:
        """Break every watch in the middle of a line, so that it is asked for anew."""
        self.kube.server.switchboard.set("watch-cut", {"count": self.kube.server.watching})

    def strike(self, faults: Mapping[str, Json]) -> None:
        for name, params in faults.items():
            self.kube.server.switchboard.set(name, params)

    def mend(self) -> None:
        self.kube.server.switchboard.clear_all()

    async def struck(self, *names: str) -> bool:
        """Whether those faults have struck as often as they were to."""
        return not any(map(self.kube.server.switchboard.is_on, names))

    def node(self, name: str, *, well: bool = True) -> None:
        """Have a node be ready or not; one that is not known joins."""
        if self.kube.store.get("nodes", "", name) is None:
            self.kube.registry.create("nodes", "", {"metadata": {"name": name}})
        status = {"conditions": [self._condition("Ready", well=well)]}
        self._status("nodes", "", name, status)

    def pod(self, name: str, *, node: str, well: bool = True, number: int | str = "x") -> None:
        """A pod of a DaemonSet of that name."""
        owner = {
            "apiVersion": "apps/v1", "kind": "DaemonSet", "name": name, "uid": f"uid-{name}",
            "controller": True,
        }  # fmt: skip
        made = api.pod(f"{name}-{number}", nodeName=node)
        made["metadata"]["ownerReferences"] = [owner]
        self.kube.registry.create("pods", SYSTEM, made)
        self.turn(name, well=well, number=number)

    def turn(
        self,
        name: str,
        *,
        well: bool,
        since: timedelta = timedelta(minutes=10),
        number: int | str = "x",
    ) -> None:
        """Have a pod be ready or not, and since when."""
        began = self._stamp(since)
        running = {"running": {"startedAt": began}}
        container = {
            "name": "main", "ready": well, "restartCount": 0, "containerID": "containerd://1",
            "image": "registry.example/app:1", "imageID": "", "state": running,
        }  # fmt: skip
        self._status(
            "pods",
            SYSTEM,
            f"{name}-{number}",
            {
                "phase": "Running",
                "startTime": began,
                "conditions": [self._condition("Ready", well=well, since=since)],
                "containerStatuses": [container],
            },
        )

    def _condition(
        self, kind: str, *, well: bool, since: timedelta = timedelta(minutes=10)
    ) -> Json:
        stamp = self._stamp(since)
        return {"type": kind, "status": "True" if well else "False", "lastTransitionTime": stamp}

    def _stamp(self, ago: timedelta) -> str:
        true = datetime.now(UTC) + timedelta(seconds=self.clock.ahead)  # nobody has set this one
        return (true - ago).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _status(self, resource: str, namespace: str, name: str, status: Json) -> None:
        self.kube.registry.patch(
            resource, namespace, name, {"status": status}, kind="merge", subresource="status"
        )

    # Slack

    def fault(self, name: str, **params: Any) -> None:
        self.slack.world.faults.put(name, params)

    def lift(self, name: str) -> None:
        self.slack.world.faults.lift(name)

    async def act(self, door: str, **body: Any) -> Json:
        async with self.kube.session.post(f"{self.slack.page}_sim/{door}", json=body) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return dict(told)

    async def said(self) -> list[Json]:
        """What the bot said in the channel, threads included, oldest first."""
        url = f"{self.slack.page}_sim/messages?channel=C0ALERTS"
        async with self.kube.session.get(url) as answer:
            told = await answer.json()
        return [one for one in told["messages"] if one.get("user") == people.BOT_USER]

    async def told(self) -> list[int]:
        """The incidents that stand in the channel, in cards and digests, as often as they do."""
        shown = [one for one in await self.said() if troubles.payload(one).get("kind") != "detail"]
        said = " ".join(one["text"] for one in shown)
        return sorted(int(number) for number in re.findall(r"INC-(\d+) ", said))

    async def cards(self) -> list[Json]:
        said = await self.said()
        return [one for one in said if troubles.payload(one).get("kind") == "card"]

    async def whispered(self, words: str) -> bool:
        """Whether somebody was told so alone."""
        return any(words in one.text for one in self.slack.world.space.ephemerals("C0ALERTS"))

    # The bot

    @property
    def store(self) -> sql.SqlStore:
        assert self.bot is not None
        assert self.bot._store is not None
        return self.bot._store

    async def knows(self, incidents: int) -> bool:
        return len(await self.store.incidents(limit=incidents + 1)) == incidents

    async def saying(self, part: str) -> bool:
        """Whether that part says that it is not ready."""
        return part in await self.unready()

    async def unready(self) -> dict[str, str]:
        assert self.bot is not None
        parts = await self.bot._parts()
        return {name: part.reason for name, part in parts.items() if not part.ok}

    async def ready(self) -> None:
        async def well() -> bool:
            return not await self.unready()

        await self.until(well)

    async def settled(self) -> None:
        """Wait until nothing is left to be told, then see that all was told once and in order."""

        async def empty() -> bool:
            return (await self.store.outbox()).pending == 0 and not await self.store.claimed()

        await self.until(empty)
        said = await self.said()
        ids = [troubles.payload(one)["outbox_id"] for one in said if troubles.payload(one)]
        assert len(ids) == len(set(ids)), "told twice"

    @asynccontextmanager
    async def running(self, keep: keeping.Keeping | None = None) -> AsyncIterator[app.Bot]:
        given = settings_sources.load(None)
        # What all tests have is in this process: a second of looking through it for each life.
        self.patch.setattr(garbage.Collector, "former", False)
        stopping = asyncio.Event()
        self.bot = app.Bot(
            given, reloading.Reloading(None, None, given), stopping, clock=self.clock, keep=keep
        )
        task = asyncio.create_task(self.bot.run())
        try:
            yield self.bot
        finally:
            stopping.set()
            await task


SYSTEM = "kube-system"


@asynccontextmanager
async def between(
    directory: Path, monkeypatch: pytest.MonkeyPatch, **more: str
) -> AsyncIterator[Between]:
    """Both outsides, and what a bot is told of them; it does not run yet."""
    databases.migrated(directory / "bot.db")
    told = {
        "FLANNEL_BOT_SLACK__CHANNEL": "C0ALERTS",
        "FLANNEL_BOT_DATABASE__URL": f"sqlite:///{directory / 'bot.db'}",
        "FLANNEL_BOT_HTTP__HOST": "127.0.0.1",
        "FLANNEL_BOT_HTTP__PORT": "0",
        "SLACK_BOT_TOKEN": people.BOT_TOKEN,
        "SLACK_APP_TOKEN": people.APP_TOKEN,
        **QUICK,
        **{f"FLANNEL_BOT_{key}": value for key, value in more.items()},
    }
    slack = serve.SimulatedSlack(serve.SlackOptions(port=0, pace=world.Pace(heartbeat=5.0)))
    options = api.http.Options(bookmark_interval=0.05, bookmark_margin=0.2, future_wait=0.1)
    async with slack, api.serving(options=options) as kube:
        file = directory / "kubeconfig"
        file.write_text(json.dumps(kube.server.kubeconfig(api.TOKEN)))
        told["FLANNEL_BOT_CLUSTERS"] = json.dumps([{"name": "sim", "kubeconfig": str(file)}])
        told["FLANNEL_BOT_SLACK__API_URL"] = slack.api
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        slack.world.faults.put("rate_limits_off", {})
        made = Between(kube, slack, directory, monkeypatch)
        for number in range(1, 4):
            made.node(f"node-{number}")
        yield made
