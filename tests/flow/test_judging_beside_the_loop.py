"""A great cluster is judged in a thread, and no differently."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.store import memory
from bot.domain import snapshot
from bot.flow import cycle
from tests.flow import fakes
from tests.flow.test_cycle import World, pod


class Noting(dict):
    """Pods that note which thread looks at them."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.threads: set[int] = set()

    def items(self):
        self.threads.add(threading.get_ident())
        return super().items()


class Seen(World):
    def __init__(self, clock) -> None:
        super().__init__(clock)
        self.noting = Noting()

    def snapshot(self) -> snapshot.Snapshot:
        taken = super().snapshot()
        self.noting = Noting(taken.pods)
        return replace(taken, pods=self.noting)


class Still(fakes.LoopClock):
    """A minute after the start, for ever: threads and virtual time do not go together."""

    @property
    def elapsed(self) -> float:
        return 60.0


async def judged(pods: int, limit: int) -> tuple[set[int], cycle.Outcome]:
    clock = Still()
    world = Seen(clock)
    world.show(*(pod(number, 1, 0.0) for number in range(pods)))
    one = cycle.Cycle(
        world,
        memory.MemoryStore(),
        clock=clock,
        telemetry=fakes.NoTelemetry(),
        options=cycle.Options(
            channel="C1", beside_the_loop=limit, debounce=timedelta(milliseconds=1)
        ),
    )
    outcome = await one.once()
    return world.noting.threads, outcome


@pytest.mark.parametrize(("pods", "limit", "beside"), [(5, 10, False), (5, 9, True)])
async def test_only_more_nodes_and_pods_than_the_limit_are_judged_beside_the_loop(
    pods, limit, beside
):
    threads, outcome = await judged(pods, limit)
    assert threads
    assert (threading.get_ident() not in threads) is beside
    assert len(outcome.judgement.findings) == pods


async def test_the_same_is_found_and_told_beside_the_loop():
    _, there = await judged(8, 0)
    _, here = await judged(8, 100)
    assert [one.fingerprint for one in there.judgement.findings] == [
        one.fingerprint for one in here.judgement.findings
    ]
    assert [one.incident.headline for one in there.notices] == [
        one.incident.headline for one in here.notices
    ]
    assert there.notices
