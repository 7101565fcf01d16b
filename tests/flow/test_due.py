"""What ends by the passing of time alone is judged when it ends."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot import checks
from bot.adapters.store import memory
from bot.domain import incident, ledger, matcher, silence, snapshot, tracking
from bot.flow import cycle, due
from tests.domain.troubles import START, trouble
from tests.flow import fakes
from tests.flow.test_cycle import World, pod
from tests.flow.test_storms import unready

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
POLICY, LIMITS = tracking.Policy(), checks.Limits()


def seen(**changes: object) -> snapshot.Snapshot:
    made = snapshot.Snapshot(cluster="c", taken_at=START, nodes={}, pods={}, daemonsets={})
    return replace(made, **changes)  # type: ignore[arg-type]


def next_due(
    taken: snapshot.Snapshot, *incidents: incident.Incident, silences: object = ()
) -> object:
    moments = (
        due.by_sight(taken, limits=LIMITS, memory=ledger.Policy()),
        due.by_story(incidents, silences, policy=POLICY, after=taken.taken_at),  # type: ignore[arg-type]
    )
    return min((at for at in moments if at is not None), default=None)


def test_while_all_is_well_nothing_is_due() -> None:
    assert next_due(seen(pods={("kube-system", "p"): pod(1)}), trouble("n1")) is None


def test_graces_and_hold_downs_are_due_at_their_end_the_first_of_them_first() -> None:
    node = snapshot.Node(
        uid="u", name="n1", created_at=START - 9 * MINUTE,
        conditions=(snapshot.Condition("Ready", "False", since=START - 10 * SECOND),),
    )  # fmt: skip
    starting = unready(pod(1), START - 3 * MINUTE)
    gap = snapshot.Gap("pods", "gone", START - 2 * MINUTE)
    well = trouble("n1")
    well = replace(well, members=tuple(replace(m, clear_since=START) for m in well.members))
    lasts = silence.Silence(
        1, (matcher.Matcher("check", matcher.Operator.IS, "x"),), "U1", "", START, START + SECOND
    )
    assert next_due(seen(nodes={"n1": node})) == START - 10 * SECOND + LIMITS.node_grace
    soon = START - 3 * MINUTE + min(LIMITS.pod_grace, LIMITS.daemonset_grace)
    assert next_due(seen(pods={("kube-system", "p"): starting})) == soon
    assert next_due(seen(gaps=(gap,))) == START - 2 * MINUTE + LIMITS.blind_after
    assert next_due(seen(), well) == START + POLICY.resolve_after
    assert next_due(seen(), silences=[lasts]) == lasts.until
    everything = seen(nodes={"n1": node}, gaps=(gap,), pods={("kube-system", "p"): starting})
    assert next_due(everything, well, silences=[lasts]) == lasts.until


def test_a_pod_that_is_ready_is_due_as_long_as_a_death_in_it_counts() -> None:
    died, memory_ = pod(1, restarts=1, killed=-30), ledger.Policy()
    ended = died.containers[0].last_state
    assert ended is not None
    assert ended.finished_at is not None
    soonest = min(ended.finished_at + memory_.oom_quiet, fakes.START + memory_.stable)
    assert next_due(seen(pods={("kube-system", "p"): died})) == soonest


def test_what_a_pod_knows_of_itself_follows_its_conditions_and_containers() -> None:
    well, died = pod(1), pod(1, restarts=1, killed=-30)
    assert (well.ready, well.calm) == (True, True)
    assert (died.ready, died.calm) == (True, False)
    waits = replace(died, conditions=(snapshot.Condition("Ready", "False"),))
    assert (waits.ready, waits.calm) == (False, False)
    assert (replace(well, conditions=()).ready, replace(well, conditions=()).calm) == (False, False)
    assert replace(waits, conditions=died.conditions, containers=well.containers).calm


def test_what_is_over_is_not_due_again() -> None:
    old = unready(pod(1), START - timedelta(days=1))
    assert next_due(seen(pods={("kube-system", "p"): old}, taken_at=START)) is None


@pytest.mark.looptime
async def test_a_pod_is_told_when_its_grace_ends_and_over_when_its_hold_down_does() -> None:
    clock = fakes.LoopClock()
    world, store = World(clock), memory.MemoryStore()
    judged = cycle.Cycle(
        world,
        store,
        clock=clock,
        telemetry=fakes.NoTelemetry(),
        options=cycle.Options(channel="C1"),
    )
    world.show(pod(1), unready(pod(2), clock.now()))
    running = asyncio.create_task(judged.run())
    await asyncio.sleep(LIMITS.pod_grace.total_seconds() - 1)
    assert await store.incidents() == []
    await asyncio.sleep(1.5)
    (told,) = await store.incidents()
    assert [one.name for one in told.affected] == ["n2"]
    world.show(pod(1), pod(2))
    await judged.once()  # as somebody else has it judged
    await asyncio.sleep(POLICY.resolve_after.total_seconds() - 1)
    (still,) = await store.incidents(unresolved=False)
    assert still.state is incident.State.OPEN
    await asyncio.sleep(2)
    (over,) = await store.incidents(unresolved=False)
    assert over.state is incident.State.RESOLVED, "nothing but time has passed since"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
