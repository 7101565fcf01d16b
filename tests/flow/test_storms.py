"""Everything at once: thousands of findings, a dead Slack, a clock that jumps, a full or locked disk.

The whole way from a snapshot to Slack: nothing is lost, nothing is told twice, nothing resolves
and nothing is told that is not so.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.adapters.store import memory, options, sql
from bot.domain import incident, notice, snapshot
from bot.flow import cycle, deliver
from bot.flow.sender import Sender
from tests import databases
from tests.flow import fakes
from tests.flow.test_cycle import World, pod

CHANNEL = "C1"
SETS, EACH = 50, 100


class Wall(fakes.LoopClock):
    """The loop's time, and a wall clock that can be set."""

    off = timedelta(0)

    def now(self) -> Any:
        return super().now() + self.off


class Way:
    """World, cycle, store, sender, Slack."""

    def __init__(self, store: Any = None, **pace: Any) -> None:
        self.clock = Wall()
        self.world = World(self.clock)
        self.slack = fakes.FakeSlack(self.clock)
        self.store = store or memory.MemoryStore()
        self.cycle = cycle.Cycle(
            self.world,
            self.store,
            clock=self.clock,
            telemetry=fakes.NoTelemetry(),
            # Threads know no virtual time.
            options=cycle.Options(
                channel=CHANNEL, beside_the_loop=10**9, retry_after=timedelta(milliseconds=50)
            ),
        )
        self.pace = deliver.Options(**pace)

    async def compose(self, value: incident.Incident) -> list[notice.Detail]:
        return [notice.Detail(title=value.name)]

    @asynccontextmanager
    async def sending(self, poll: float = 1.0) -> AsyncIterator[Sender]:
        def courier(channel: str) -> deliver.Courier:
            return deliver.Courier(
                channel, self.store, self.slack, clock=self.clock,
                telemetry=fakes.NoTelemetry(), compose=self.compose, options=self.pace,
            )  # fmt: skip

        sender = Sender(
            self.store, courier, clock=self.clock, telemetry=fakes.NoTelemetry(), poll_seconds=poll
        )
        task = asyncio.create_task(sender.run(), name="sender")
        try:
            yield sender
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def told(self) -> list[int]:
        """The incidents that stand in the channel, each as often as it does."""
        found: list[int] = []
        for shown in self.slack.cards(CHANNEL):
            if isinstance(shown.message, notice.CardView):
                found.append(shown.message.incident.id)
            elif isinstance(shown.message, notice.DigestView):
                found += [each.id for each in shown.message.incidents]
        return sorted(found)


def of_set(value: snapshot.Pod, number: int) -> snapshot.Pod:
    owner = replace(value.owner, name=f"agent-{number}", uid=f"ds-{number}")  # type: ignore[type-var]
    return replace(value, owner=owner)


def unready(value: snapshot.Pod, since: Any) -> snapshot.Pod:
    condition = snapshot.Condition(type="Ready", status="False", since=since)
    (container,) = value.containers
    return replace(value, conditions=(condition,), containers=(replace(container, ready=False),))


@pytest.mark.looptime
async def test_five_thousand_findings_under_a_slack_dead_for_ten_minutes_are_each_told_once() -> (
    None
):
    way = Way()
    dead = True

    def fault(_store: Callable[[], None]) -> None:
        way.slack.faults.append(fault)
        if dead:
            fakes.unreachable(_store)

    way.slack.faults.append(fault)
    numbers = range(SETS * EACH)
    way.world.show(*(of_set(pod(number), number % SETS) for number in numbers))
    await way.cycle.once()
    async with way.sending():
        way.world.show(*(of_set(pod(n, restarts=1, killed=1), n % SETS) for n in numbers))
        outcome = await way.cycle.once()
        assert len(outcome.judgement.findings) == SETS * EACH
        await asyncio.sleep(600)
        assert way.told() == []
        dead = False
        await asyncio.sleep(200)
    known = await way.store.incidents(limit=SETS * 2)
    assert sorted(each.id for each in known) == way.told(), "each once, none missing"
    assert sum(len(each.members) for each in known) == SETS * EACH
    assert len(way.slack.cards(CHANNEL)) < 10, "a backlog is a few digests"
    state = await way.store.outbox()
    assert (state.pending, state.failed) == (0, 0)


@pytest.mark.looptime
@pytest.mark.parametrize("jump", [timedelta(hours=2), -timedelta(hours=2), timedelta(days=40)])
async def test_a_clock_that_jumps_neither_opens_nor_resolves(jump: timedelta) -> None:
    way = Way()
    began = fakes.START - timedelta(minutes=10)
    way.world.show(pod(1), unready(pod(2), began), pod(3))
    await way.cycle.once()
    (opened,) = await way.store.incidents()
    way.clock.off = jump
    for _ in range(10):
        await asyncio.sleep(60)
        await way.cycle.once()
    (still,) = await way.store.incidents(unresolved=False)
    assert (still.id, still.state) == (opened.id, incident.State.OPEN)
    assert [each.name for each in still.affected] == ["n2"]
    way.clock.off = timedelta(0)
    for _ in range(10):
        await asyncio.sleep(60)
        await way.cycle.once()
    (still,) = await way.store.incidents(unresolved=False)
    assert (still.id, still.state) == (opened.id, incident.State.OPEN)


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[tuple[sql.SqlStore, Path]]:
    path = databases.migrated(tmp_path / "bot.db")
    where = options.Options(
        url=f"sqlite+aiosqlite:///{path}", busy_timeout=timedelta(milliseconds=50),
        turn_timeout=timedelta(milliseconds=200),
    )  # fmt: skip
    async with sql.opened(where) as store:
        yield store, path


async def full(store: sql.SqlStore, path: Path) -> Callable[[], Any]:
    """Leave no page free; returns how to make room again."""
    async with store.unit() as unit:
        pages = (await unit._session.run(sa.text("PRAGMA page_count"))).scalar()
        await unit._session.run(sa.text(f"PRAGMA max_page_count = {pages}"))

    async def room() -> None:
        async with store.unit() as unit:
            await unit._session.run(sa.text("PRAGMA max_page_count = 1000000"))

    return room


async def locked(store: sql.SqlStore, path: Path) -> Callable[[], Any]:
    """Hold the lock as another process does; returns how to let it go."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def free() -> None:
        other.execute("ROLLBACK")
        other.close()

    return free


@pytest.mark.parametrize("trouble", [full, locked])
async def test_what_could_not_be_stored_is_told_when_it_can_be(
    trouble: Any, stored: tuple[sql.SqlStore, Path]
) -> None:
    store, path = stored
    way = Way(store, post_interval=timedelta(0), edit_interval=timedelta(0))
    way.world.show(*(of_set(pod(n), n % 4) for n in range(40)))
    await way.cycle.once()
    mend = await trouble(store, path)
    way.world.show(*(of_set(pod(n, restarts=1, killed=0), n % 4) for n in range(40)))
    running = asyncio.create_task(way.cycle.run())
    async with way.sending(poll=0.05):
        await asyncio.sleep(0.3)
        assert way.told() == []
        assert await store.incidents() == []
        assert not running.done(), "a cycle that cannot be stored is tried again"
        await mend()
        async with asyncio.timeout(20):
            while len(way.told()) < 4 or (await store.outbox()).pending:
                await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    known = await store.incidents(limit=50)
    assert sorted(each.id for each in known) == way.told()
    assert sum(len(each.members) for each in known) == 40
