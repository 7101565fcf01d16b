"""One transaction for a decision: stored whole or not at all, whatever fails."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.store import memory
from bot.domain import errors, incident, snapshot
from bot.flow import cycle, ports
from tests.flow import fakes

pytestmark = pytest.mark.looptime

OWNER = snapshot.Owner(kind="DaemonSet", name="kube-proxy", uid="ds")
READY = (snapshot.Condition(type="Ready", status="True", since=fakes.START),)


def pod(number: int, restarts: int = 0, killed: float | None = None) -> snapshot.Pod:
    end = None
    if killed is not None:
        end = snapshot.ContainerState(
            phase=snapshot.Phase.TERMINATED,
            reason="OOMKilled",
            exit_code=137,
            finished_at=fakes.START + timedelta(seconds=killed),
            container_id=f"containerd://{number}-{restarts}",
        )
    container = snapshot.Container(
        name="proxy",
        image="proxy",
        ready=True,
        restart_count=restarts,
        state=snapshot.ContainerState(phase=snapshot.Phase.RUNNING, started_at=fakes.START),
        last_state=end,
        memory_limit=2**20,
    )
    return snapshot.Pod(
        uid=f"uid-{number}",
        namespace="kube-system",
        name=f"kube-proxy-{number}",
        node=f"n{number}",
        phase="Running",
        created_at=fakes.START - timedelta(days=1),
        containers=(container,),
        conditions=READY,
        owner=OWNER,
    )


class World:
    """A mirror that shows what a test says."""

    cluster = "c"

    def __init__(self, clock: fakes.LoopClock) -> None:
        self.clock = clock
        self.pods: dict[tuple[str, str], snapshot.Pod] = {}
        self.gaps: tuple[snapshot.Gap, ...] = ()

    def show(self, *pods: snapshot.Pod) -> None:
        self.pods = {(each.namespace, each.name): each for each in pods}

    def snapshot(self) -> snapshot.Snapshot:
        nodes = {
            each.node: snapshot.Node(
                uid=each.node, name=each.node, created_at=fakes.START, conditions=READY
            )
            for each in self.pods.values()
        }
        return snapshot.Snapshot(
            cluster="c",
            taken_at=self.clock.now(),
            nodes=nodes,
            pods=dict(self.pods),
            gaps=self.gaps,
        )

    async def changed(self) -> None:
        await self.clock.sleep(3600)

    async def relist(self) -> None: ...

    def ages(self) -> Sequence[ports.ResourceAge]:
        return []


class Fragile:
    """A store whose units fail at a chosen call."""

    def __init__(self, inner: memory.MemoryStore) -> None:
        self.inner = inner
        self.fail_at: str = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[object]:
        outer = self

        class Unit:
            def __init__(self, inner: object) -> None:
                self.inner = inner

            def __getattr__(self, name: str) -> object:
                if name == outer.fail_at:
                    raise errors.Unavailable(f"failed at {name}")
                return getattr(self.inner, name)

        async with self.inner.unit() as unit:
            yield Unit(unit)
            if self.fail_at == "commit":
                raise errors.Unavailable("failed at commit")


def judged(world: World, store: object) -> cycle.Cycle:
    return cycle.Cycle(
        world,
        store,  # type: ignore[arg-type]
        clock=world.clock,
        telemetry=fakes.NoTelemetry(),
        options=cycle.Options(channel="C1"),
    )


CALLS = [
    "incidents", "save_incident", "add_timeline", "enqueue", "save_records", "set_mark", "commit",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
async def test_a_cycle_that_cannot_be_stored_is_decided_again_as_a_whole(call: str) -> None:
    world = World(fakes.LoopClock())
    store = memory.MemoryStore()
    fragile = Fragile(store)
    one = judged(world, fragile)
    world.show(pod(1), pod(2))
    await one.once()
    world.show(pod(1, 1, killed=5), pod(2))
    await world.clock.sleep(60)
    fragile.fail_at = call
    for _ in range(3):
        with pytest.raises(errors.Unavailable):
            await one.once()
    assert await store.incidents(unresolved=False) == []
    assert (await store.outbox()).pending == 0
    fragile.fail_at = ""
    await one.once()
    (found,) = await store.incidents()
    assert [member.name for member in found.members] == ["n1"]
    assert found.members[0].occurrences == 1
    assert (await store.outbox()).pending == 2
    await one.once()
    assert (await store.outbox()).pending == 2


async def test_a_new_process_on_the_same_store_repeats_nothing() -> None:
    world = World(fakes.LoopClock())
    store = memory.MemoryStore()
    world.show(pod(1))
    first = judged(world, store)
    await first.once()
    await world.clock.sleep(60)
    world.show(pod(1, 1, killed=30))
    await first.once()
    state = await store.outbox()
    for _ in range(3):
        again = judged(world, store)
        assert (await again.once()).notices == ()
    assert await store.outbox() == state


async def test_a_kill_during_the_bots_absence_is_told_when_it_is_back() -> None:
    """Hours later: the kill is older than what would be news at a first sight."""
    world = World(fakes.LoopClock())
    store = memory.MemoryStore()
    world.show(pod(1), pod(2))
    await judged(world, store).once()
    await world.clock.sleep(5 * 3600)
    world.show(pod(1, 3, killed=3600), pod(2))
    await judged(world, store).once()
    (found,) = await store.incidents()
    assert [member.name for member in found.members] == ["n1"]
    assert any("at least 2 more, times unknown" in line for line in found.members[0].evidence)


async def test_a_check_that_fails_is_a_gap_and_leaves_the_others_judging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bot import checks

    def broken(_context: checks.Context) -> list:
        raise RuntimeError("a fault of its own")

    monkeypatch.setattr(checks, "ALL_CHECKS", {**checks.ALL_CHECKS, "crash_loop": broken})
    world = World(fakes.LoopClock())
    store = memory.MemoryStore()
    world.show(pod(1))
    one = judged(world, store)
    await one.once()
    await world.clock.sleep(10)
    world.show(pod(1, 1, killed=5))
    outcome = await one.once()
    assert len(await store.incidents()) == 1
    (gap,) = [each for each in outcome.snapshot.gaps if "crash_loop" in each.what]
    assert "a fault of its own" in gap.reason


async def test_an_acknowledged_incident_is_not_reopened_by_the_next_cycle() -> None:
    world = World(fakes.LoopClock())
    store = memory.MemoryStore()
    world.show(pod(1))
    one = judged(world, store)
    await one.once()
    await world.clock.sleep(10)
    world.show(pod(1, 1, killed=5))
    await one.once()
    (found,) = await store.incidents()
    async with store.unit() as unit:
        await unit.save_incident(replace(found, state=incident.State.ACKNOWLEDGED))
    world.show(pod(1, 2, killed=20))
    await world.clock.sleep(60)
    await one.once()
    (found,) = [each for each in await store.incidents() if each.check == "oom_killed"]
    assert found.state is incident.State.ACKNOWLEDGED
    assert found.members[0].occurrences == 2
