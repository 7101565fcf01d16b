"""Who leads, who tells, and what happens to the work when that changes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from bot.domain import errors
from bot.domain.leadership import Record, Terms
from bot.flow import leading
from tests.flow.fakes import LoopClock, NoTelemetry

pytestmark = pytest.mark.looptime

TERMS = Terms(lasts=15, renew_within=10, retry=2)


@dataclass
class Cluster:
    """The lease, as a server keeps it."""

    record: Record | None = None
    versions: int = 0

    def write(self, record: Record) -> Record:
        if record.version != (self.record.version if self.record else ""):
            raise errors.Conflict("modified")
        self.versions += 1
        self.record = replace(record, version=str(self.versions))
        return self.record


@dataclass
class Lock:
    """One replica's way to the server, which may fail or hang."""

    cluster: Cluster
    fault: str = ""
    place: str = "the lease"

    async def read(self) -> Record | None:
        await self._travel()
        return self.cluster.record

    async def write(self, record: Record) -> Record:
        if self.fault == "answers are lost":
            self.cluster.write(record)
        await self._travel()
        return self.cluster.write(record)

    async def _travel(self) -> None:
        if self.fault == "hangs":
            await asyncio.sleep(1e6)
        if self.fault:
            raise errors.Unavailable(self.fault)


@dataclass
class Office:
    """One replica's way to the store."""

    epochs: list[str] = field(default_factory=list)
    fault: str = ""

    async def enter(self, holder: str) -> int:
        self._check()
        self.epochs.append(holder)
        return len(self.epochs)

    async def current(self) -> int:
        self._check()
        return len(self.epochs)

    def _check(self) -> None:
        if self.fault:
            raise errors.Unavailable(self.fault)


@dataclass
class Replica:
    lock: Lock
    office: Office
    elector: leading.Elector
    done: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self) -> None:
        async def work(name: str) -> None:
            self.done.append(f"{name} begun")
            try:
                await asyncio.sleep(1e6)
            finally:
                self.done.append(f"{name} stopped")

        self.tasks = [
            asyncio.create_task(one)
            for one in (
                self.elector.run(),
                self.elector.while_leading(lambda: work("acting")),
                self.elector.while_telling(lambda: work("telling")),
            )
        ]

    async def die(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []

    async def stop(self) -> None:
        await self.die()
        await self.elector.release()


@contextlib.asynccontextmanager
async def replicas() -> AsyncIterator[tuple[Replica, Replica]]:
    cluster, epochs = Cluster(), []
    made = []
    for name in ("a", "b"):
        lock, office = Lock(cluster), Office(epochs)
        elector = leading.Elector(
            lock,
            office,
            me=name,
            clock=LoopClock(),
            telemetry=NoTelemetry(),
            terms=TERMS,
            chance=lambda: 0.5,
        )
        made.append(Replica(lock, office, elector))
    one, two = made
    try:
        one.begin()
        await asyncio.sleep(1)
        two.begin()
        await asyncio.sleep(1)
        assert (one.elector.leads(), two.elector.leads()) == (True, False)
        assert one.done == ["acting begun", "telling begun"]
        assert two.elector.led_by() == "a"
        yield one, two
    finally:
        await one.die()
        await two.die()


async def begun(replica: Replica, what: str, *, within: float) -> float:
    """Seconds until something was begun there."""
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(within):
        while f"{what} begun" not in replica.done:
            await asyncio.sleep(0.05)
    return asyncio.get_running_loop().time() - started


async def test_a_leader_that_stops_hands_over_at_once():
    async with replicas() as (one, two):
        await one.stop()
        assert one.done[2:] == ["acting stopped", "telling stopped"]
        assert await begun(two, "acting", within=5) < 3
        assert await begun(two, "telling", within=1) < 1
        assert one.office.epochs == ["a", "b"]


async def test_a_leader_that_dies_is_followed_when_its_lease_has_run_out():
    async with replicas() as (one, two):
        await one.die()
        assert 12 < await begun(two, "acting", within=30) < 20
        # What the dead one had sent must have arrived before anybody looks for it.
        assert await begun(two, "telling", within=10) > 2


@pytest.mark.parametrize("fault", ["refused", "hangs", "answers are lost"])
async def test_a_leader_cut_off_from_the_lease_stops_acting_before_another_begins(fault):
    async with replicas() as (one, two):
        one.lock.fault = fault
        acted_together = told_together = False
        for _ in range(600):
            await asyncio.sleep(0.05)
            first, second = one.elector, two.elector
            acted_together |= first.leads() and second.leads()
            told_together |= first.tells() and second.tells()
        assert not acted_together
        assert not told_together
        if fault == "answers are lost":
            return  # it may have gone on renewing without knowing
        assert "acting stopped" in one.done
        assert "acting begun" in two.done
        assert not one.elector.tells()


async def test_a_leader_that_nobody_follows_goes_on_to_tell():
    """The cluster is what cannot be reached: all replicas are blind, and one has to say so."""
    async with replicas() as (one, two):
        one.lock.fault = two.lock.fault = "the API server is gone"
        await asyncio.sleep(60)
        assert one.done[2:] == ["acting stopped"]
        assert one.elector.tells()
        assert not two.elector.tells()
        one.lock.fault = two.lock.fault = ""
        await asyncio.sleep(10)
        assert one.elector.leads() is not two.elector.leads()


async def test_a_leader_without_the_store_lets_another_lead():
    async with replicas() as (one, two):
        one.office.fault = "the database is gone"
        await begun(two, "acting", within=40)
        assert not one.elector.leads()
        one.office.fault = ""
        await asyncio.sleep(60)
        assert not one.elector.leads()
        assert two.elector.leads()


async def test_a_leader_whose_epoch_is_over_writes_nothing_and_begins_a_new_one():
    """Somebody slow had begun one: the lease says who is right."""
    async with replicas() as (one, _):
        one.office.epochs.append("late")
        await asyncio.sleep(10)
        assert one.elector.leads()
        assert one.office.epochs == ["a", "late", "a"]
        assert sorted(one.done[2:4]) == ["acting stopped", "telling stopped"]
        assert sorted(one.done[4:]) == ["acting begun", "telling begun"]


async def test_work_that_breaks_breaks_its_task_and_not_the_elector():
    async with replicas() as (one, _):

        async def breaks() -> None:
            raise ValueError("a mistake")

        with pytest.raises(ValueError, match="a mistake"):
            await one.elector.while_leading(breaks)
        assert one.elector.leads()


async def test_alone_it_leads_without_asking_anybody():
    alone, done = leading.Alone(), []

    async def work() -> None:
        done.append(1)

    await alone.while_leading(work)
    await alone.while_telling(work)
    assert (alone.leads(), alone.tells(), alone.epoch, len(done)) == (True, True, None, 2)


async def test_nothing_is_posted_by_one_that_does_not_tell():
    class Slack:
        async def post(self, *_: object, **__: object) -> str:
            return "1.0"

        async def update(self, *_: object, **__: object) -> None:
            return None

        async def find(self, *_: object, **__: object) -> str:
            return "1.0"

    leader = leading.Alone()
    messenger = leading.LeadersMessenger(Slack(), leader)
    assert await messenger.post("C", None, row=None) == "1.0"
    leader.tells = lambda: False
    for attempt in (
        messenger.post("C", None, row=None),
        messenger.update("C", "1", None, row=None),
    ):
        with pytest.raises(errors.Unavailable, match="another replica"):
            await attempt
    assert await messenger.find("C", "x", since=None) == "1.0"
