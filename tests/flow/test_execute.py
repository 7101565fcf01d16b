"""An approved plan is carried out once, or undone, or left to a person with the truth."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.adapters.store.memory import MemoryStore
from bot.domain import audit, errors, run, snapshot
from bot.domain.access import Person
from bot.domain.approval import Choice, Vote
from bot.domain.drain import NodePod
from bot.domain.plan import (
    Binding,
    Criterion,
    Effect,
    Plan,
    Prediction,
    Signal,
    Step,
    StepKind,
)
from bot.domain.plan import State as PlanState
from bot.domain.run import StepState
from bot.domain.target import Target
from bot.flow import actuation
from tests.checks import worlds
from tests.domain import plans
from tests.flow.fakes import LoopClock
from tests.flow.office import Office, Staff, approved, ended
from tests.flow.plant import NAME, NAMESPACE, NEW, OLD, Gate, Plant

pytestmark = pytest.mark.looptime

FLANNEL = Target("prod", "DaemonSet", NAMESPACE, NAME)
ARG = "/spec/template/spec/containers/0/args/0"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
BLIND = snapshot.Gap("daemonsets", "connection refused", plans.START)
CRITERIA = (
    Criterion(Signal.ROLLOUT_COMPLETE, FLANNEL, 5 * MINUTE),
    Criterion(Signal.NO_NEW_CRASH, FLANNEL, 5 * MINUTE, stays=5 * SECOND),
    Criterion(Signal.NIC_AS_PREDICTED, FLANNEL, 5 * MINUTE),
    Criterion(Signal.ROUTES_COMPLETE, FLANNEL, 5 * MINUTE),
)


def patched() -> Step:
    return replace(
        plans.step(StepKind.PATCH_DAEMONSET),
        target=FLANNEL,
        uid=worlds.FLANNEL.uid,
        change=tuple(replace(one, path=ARG) for one in plans.step(StepKind.PATCH_DAEMONSET).change),
        undo=tuple(replace(one, path=ARG) for one in plans.step(StepKind.PATCH_DAEMONSET).undo),
    )


def wait() -> Step:
    return Step(StepKind.WAIT_ROLLOUT, FLANNEL, 10 * MINUTE, uid=worlds.FLANNEL.uid, batch=1)


def rolling(*steps: Step, nodes: int = 3, **changes: object) -> Plan:
    names = tuple(f"n{i}" for i in range(1, nodes + 1))
    return plans.plan(
        *(steps or (patched(), wait())),
        workload=FLANNEL,
        bindings=(Binding(FLANNEL, worlds.FLANNEL.uid, 1),),
        predictions=tuple(Prediction(n, Effect.UNCHANGED, "eth1", "eth1") for n in names),
        restarts=names,
        criteria=CRITERIA,
        **changes,
    )


def on_delete() -> Plan:
    steps = [patched()]
    for batch, name in enumerate(("n1", "n2", "n3"), start=1):
        place = Target("prod", "Pod", NAMESPACE, "", name)
        steps.append(
            Step(StepKind.DELETE_POD, place, 5 * MINUTE, owner=worlds.FLANNEL.uid, batch=2 * batch)
        )
        steps.append(
            Step(
                StepKind.WAIT_READY,
                place,
                5 * MINUTE,
                owner=worlds.FLANNEL.uid,
                batch=2 * batch + 1,
            )
        )
    return rolling(*steps)


def drained(*names: str) -> Plan:
    node = Target("prod", "Node", "", "n1", "n1")
    pods = [Target("prod", "Pod", "shop", name, "n1") for name in names or ("web-1", "web-2")]
    own = Target("prod", "Pod", NAMESPACE, "flannel-old-n1", "n1")
    return plans.plan(
        Step(StepKind.CORDON, node, MINUTE, uid="uid-n1"),
        *(Step(StepKind.EVICT_POD, pod, 5 * MINUTE, uid=f"u-{pod.name}", batch=1) for pod in pods),
        Step(StepKind.DELETE_POD, own, MINUTE, uid="old-n1", owner=worlds.FLANNEL.uid, batch=2),
        Step(
            StepKind.WAIT_READY,
            replace(own, name=""),
            5 * MINUTE,
            owner=worlds.FLANNEL.uid,
            batch=3,
        ),
        Step(StepKind.UNCORDON, node, MINUTE, uid="uid-n1", batch=4),
        workload=FLANNEL,
        bindings=(Binding(node, "uid-n1"), Binding(FLANNEL, worlds.FLANNEL.uid, 0)),
        predictions=(Prediction("n1", Effect.UNCHANGED, "eth1", "eth1"),),
        restarts=("n1",),
        criteria=(Criterion(Signal.POD_READY, node, 5 * MINUTE),),
    )


def kept(plan: Plan, *kinds: StepKind) -> Plan:
    """The plan with the steps of these kinds only, one batch after the other."""
    steps = [step for step in plan.steps if step.kind in kinds]
    batches = sorted({step.batch for step in steps})
    return replace(plan, steps=tuple(replace(s, batch=batches.index(s.batch)) for s in steps))


def evicted() -> Plan:
    """As the runbook that evicts the pod whose veth is in the way: no cordon."""
    return kept(drained(), StepKind.EVICT_POD, StepKind.DELETE_POD, StepKind.WAIT_READY)


def restarted() -> Plan:
    return kept(drained(), StepKind.DELETE_POD, StepKind.WAIT_READY)


MAKES: dict[str, Callable[[], Plan]] = {
    "rolling": rolling, "deletes": on_delete, "drain": drained, "evict": evicted,
    "restart": restarted,
}  # fmt: skip
"""What the six runbooks come to: patches roll out by themselves or by deletions of the plan's."""
PATCHES = (rolling, on_delete)


def ordinary(plant: Plant) -> Plant:
    for i in (1, 2):
        plant.apps[f"web-{i}"] = NodePod(
            "shop", f"web-{i}", f"u-web-{i}", "n1", owner="ReplicaSet/w"
        )
    return plant


async def test_a_rollout_is_followed_to_its_end_and_verified() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    plan = await approved(store, clock, rolling())
    await Office(plant, store, clock).work()
    done = await ended(store)
    assert (done.state, done.check) == (run.State.SUCCEEDED, run.Check.PASSED)
    assert plant.args == NEW
    assert plant.patches == [done.name]
    assert [one.state for one in done.steps] == [StepState.APPLIED, StepState.APPLIED]
    assert any(text.startswith("RemediationStarted") for text in plant.told)
    assert (await store.remedy.run_of(plan.id)) == done
    chain = await store.remedy.deeds()
    assert audit.verify(chain).broken is None
    assert chain[0].kind == "run_started"
    assert chain[-1].kind == "run_succeeded"


async def test_under_on_delete_pods_are_deleted_one_batch_after_the_other() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock, strategy="OnDelete")
    await approved(store, clock, on_delete())
    await Office(plant, store, clock).work()
    assert (await ended(store)).state is run.State.SUCCEEDED
    assert all(one.template == NEW for one in plant.pods.values())


async def test_a_drain_moves_the_pods_restarts_flannel_and_lifts_its_own_cordon() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = ordinary(Plant(clock))
    await approved(store, clock, drained())
    await Office(plant, store, clock).work()
    assert (await ended(store)).state is run.State.SUCCEEDED
    assert sorted(plant.evicted) == ["web-1", "web-2"]
    assert plant.pods["n1"].uid != "old-n1"
    assert not plant.nodes["n1"].unschedulable


async def test_a_drain_asks_all_pods_to_go_before_it_waits_for_any_and_looks_in_moderation() -> (
    None
):
    clock, store = LoopClock(), MemoryStore()
    names = [f"web-{number}" for number in range(100)]
    plan = drained(*names)
    plant = Plant(clock, grace=timedelta(seconds=30))
    for name in names:
        plant.apps[name] = NodePod("shop", name, f"u-{name}", "n1", owner="ReplicaSet/web")
    plant.budget_until["web-7"] = clock.now() + timedelta(seconds=8)
    await approved(store, clock, plan)
    await Office(plant, store, clock).work()
    assert (await ended(store)).state is run.State.SUCCEEDED
    evictions = [at for verb, at in plant.asked if verb == "evict"]
    looks = [at for verb, at in plant.asked if verb == "pod"]
    took = (max(looks) - min(evictions)).total_seconds()
    # All but the one that its budget held: at once; nobody waits for another's grace.
    assert sorted(evictions)[len(names) - 1] - min(evictions) < SECOND
    assert took < 30 + 8 + 10
    assert len(looks) < len(names) + 20 * (took + 1)


async def test_a_foreign_cordon_is_never_lifted() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = ordinary(Plant(clock))
    plant.nodes["n1"] = replace(plant.nodes["n1"], unschedulable=True)
    await approved(store, clock, drained())
    await Office(plant, store, clock).work()
    done = await ended(store)
    assert done.state is run.State.SUCCEEDED
    assert done.steps[0].state is StepState.SKIPPED
    assert plant.nodes["n1"].unschedulable


async def test_a_crash_of_a_new_pod_takes_the_patch_back() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock, crashes=lambda args: args == NEW)
    await approved(store, clock, rolling())
    await Office(plant, store, clock).work()
    done = await ended(store)
    assert done.state is run.State.ROLLED_BACK
    assert "OOM-killed" in done.cause
    assert plant.args == OLD
    assert plant.patches == [done.name, f"{done.name}-undo"]


async def test_another_nic_than_was_predicted_takes_the_patch_back_at_the_first_node() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock, pace=timedelta(minutes=2))
    plant.nic = lambda node, args: "veth1" if (node, args) == ("n1", NEW) else "eth1"
    await approved(store, clock, rolling())
    await Office(plant, store, clock).work()
    done = await ended(store)
    assert done.state is run.State.ROLLED_BACK
    assert "n1 uses veth1 and not eth1" in done.cause
    assert sum(one.template == NEW for one in plant.pods.values()) <= 1


async def test_under_on_delete_a_bad_canary_is_replaced_again() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock, strategy="OnDelete", crashes=lambda args: args == NEW)
    await approved(store, clock, on_delete())
    await Office(plant, store, clock).work()
    assert (await ended(store)).state is run.State.ROLLED_BACK
    assert {node: one.template for node, one in plant.pods.items()} == dict.fromkeys(
        ("n1", "n2", "n3"), OLD
    )
    assert plant.pods["n2"].uid == "old-n2"


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
async def test_killed_at_any_instant_it_is_done_once(make: Callable[[], Plan]) -> None:
    kill_at, ends = 0, 0
    while True:
        kill_at += 1
        clock, store = LoopClock(), MemoryStore()
        strategy = "OnDelete" if make is on_delete else "RollingUpdate"
        plant = ordinary(Plant(clock, strategy=strategy))
        await approved(store, clock, make())
        first = Office(plant, store, clock, gate=Gate(kill_at))
        await first.work()
        if not first.gate.dead.is_set():
            break
        await Office(plant, store, clock, name="pod-2").work()
        done = await ended(store)
        assert done.state is run.State.SUCCEEDED, (kill_at, done)
        assert len(plant.patches) == (make in PATCHES), kill_at
        assert len(plant.evicted) == len(set(plant.evicted))
        assert not any(one.unschedulable for one in plant.nodes.values()), kill_at
        assert audit.verify(await store.remedy.deeds()).broken is None
        ends += 1
    assert ends > 4 * len(make().steps)


FAILURES = {
    "unavailable": lambda: errors.Unavailable("503"),
    "conflict": lambda: errors.Conflict("409: the object moved"),
    "refused": lambda: errors.Refused("422: invalid"),
    "unsettled": lambda: actuation.Unsettled("timed out"),
}


@pytest.mark.parametrize("times", [1, 9])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("verb", ["patch", "cordon", "evict", "delete", "uncordon", "pod", "node"])
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
async def test_whatever_the_api_server_answers_it_ends_truly(
    make: Callable[[], Plan], verb: str, failure: str, times: int
) -> None:
    clock, store = LoopClock(), MemoryStore()
    strategy = "OnDelete" if make is on_delete else "RollingUpdate"
    plant = ordinary(Plant(clock, strategy=strategy))
    plant.faults = [(verb, FAILURES[failure])] * times
    await approved(store, clock, make())
    await Office(plant, store, clock).work(within=36_000)
    done = await ended(store)
    if done.state is run.State.SUCCEEDED:
        assert plant.args == (NEW if make in PATCHES else OLD)
    elif done.state is run.State.ROLLED_BACK:
        assert plant.args == OLD
    else:
        assert done.state is run.State.FAILED
        assert done.needs
    if done.state is not run.State.FAILED:
        assert not any(one.unschedulable for one in plant.nodes.values())


@pytest.mark.parametrize("verb", ["patch", "cordon", "evict", "delete"])
async def test_a_write_that_never_gets_a_clear_answer_is_given_up_and_not_hammered(
    verb: str,
) -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = ordinary(Plant(clock))
    plant.faults = [(verb, FAILURES["unsettled"])] * 1_000
    await approved(store, clock, rolling() if verb == "patch" else drained())
    await Office(plant, store, clock).work()
    done = await ended(store)
    assert done.state in (run.State.FAILED, run.State.ROLLED_BACK)
    assert "without a clear answer" in done.cause
    assert 1_000 - len(plant.faults) <= 8
    assert plant.args == OLD
    assert not any(one.unschedulable for one in plant.nodes.values())


@pytest.mark.parametrize("verb", ["patch", "cordon", "evict", "delete", "uncordon"])
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
async def test_an_answer_that_is_lost_is_looked_for_and_nothing_is_done_twice(
    make: Callable[[], Plan], verb: str
) -> None:
    clock, store = LoopClock(), MemoryStore()
    strategy = "OnDelete" if make is on_delete else "RollingUpdate"
    plant = ordinary(Plant(clock, strategy=strategy))
    plant.lost = [verb]
    await approved(store, clock, make())
    await Office(plant, store, clock).work()
    assert (await ended(store)).state is run.State.SUCCEEDED
    assert len(plant.patches) == (make in PATCHES)
    assert len(plant.evicted) == len(set(plant.evicted))


async def test_a_budget_is_waited_for() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = ordinary(Plant(clock))
    plant.budget_until["web-1"] = clock.now() + 2 * MINUTE
    await approved(store, clock, drained())
    await Office(plant, store, clock).work()
    assert (await ended(store)).state is run.State.SUCCEEDED
    assert clock.elapsed > 120


async def test_a_budget_that_never_allows_ends_with_the_cordon_lifted() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = ordinary(Plant(clock))
    plant.budget_until["web-1"] = clock.now() + timedelta(days=1)
    await approved(store, clock, drained())
    await Office(plant, store, clock).work()
    done = await ended(store)
    assert done.state is run.State.ROLLED_BACK
    assert "web-1" in done.cause
    assert not plant.nodes["n1"].unschedulable


async def test_a_budget_is_waited_for_as_long_again_as_people_say() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = ordinary(Plant(clock))
    plant.budget_until["web-1"] = clock.now() + 12 * MINUTE
    plant.budget_until["web-2"] = clock.now() + 6 * MINUTE
    plan = await approved(store, clock, drained())
    office = Office(plant, store, clock)
    work = asyncio.create_task(office.work())
    why = "budget shop/web allows no disruption now"
    for minutes, who in ((5, "shop/web-1, shop/web-2 wait"), (10, "shop/web-1 waits")):
        await asyncio.sleep(4 * 60)
        held = await store.remedy.run_of(plan.id)
        assert held is not None
        assert held.progress == f"{who}: {why}"
        assert held.gives_up_at == held.steps[1].intended_at + minutes * MINUTE
        await office.journal.move(held, plan, run.prolong, kind="run_prolonged", text="")
    await work
    done = await ended(store)
    assert (done.state, done.prolonged, done.gives_up_at) == (run.State.SUCCEEDED, 2, None)
    assert 12 * 60 < clock.elapsed < 15 * 60


async def test_two_executors_carry_it_out_once() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    await approved(store, clock, rolling())
    one, two = Office(plant, store, clock), Office(plant, store, clock, name="pod-2")
    await asyncio.gather(one.work(), two.work())
    done = await ended(store)
    assert done.state is run.State.SUCCEEDED
    assert plant.patches == [done.name]


async def test_cancelled_while_it_rolls_out_it_is_taken_back() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock, pace=timedelta(minutes=1))
    plan = await approved(store, clock, rolling())
    office = Office(plant, store, clock)
    work = asyncio.create_task(office.work())
    await asyncio.sleep(90)
    held = await store.remedy.run_of(plan.id)
    assert held is not None
    await office.journal.move(
        held, plan, lambda r, p: run.cancel(r, p, by="UREQ", now=clock.now()),
        kind="run_cancelled", text="", actor="UREQ",
    )  # fmt: skip
    await work
    done = await ended(store)
    assert (done.state, done.cancelled_by) == (run.State.ABORTED, "UREQ")
    assert plant.args == OLD


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        (lambda o: setattr(o, "recheck", "n3 would fail"), "n3 would fail"),
        (lambda o: o.staff.roles.pop("UAPP"), "approver UAPP"),
        (lambda o: o.staff.roles["UREQ"].clear(), "role"),
        (lambda o: setattr(o.staff, "silent", True), "Slack"),
        (lambda o: setattr(o.plant, "gaps", (BLIND,)), "cannot be seen"),
    ],
    ids=["stale", "approver gone", "requester gone", "Slack silent", "blind"],
)
async def test_what_no_longer_holds_at_the_first_write_changes_nothing(
    bend: Callable[[Office], object], said: str
) -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    await approved(store, clock, rolling())
    office = Office(plant, store, clock)
    bend(office)
    await office.work()
    done = await ended(store)
    assert done.state is run.State.FAILED
    assert said in done.cause
    assert done.needs == "nothing was changed"
    assert plant.patches == []


@dataclass
class Hesitant(Staff):
    """Slack does not say at first, as after a storm of clicks."""

    refusals: int = 0

    async def person(self, user: str, cluster: str | None, *, fresh: bool = False) -> Person:
        if fresh and self.refusals > 0:
            self.refusals -= 1
            raise errors.Unavailable("Slack asks to wait")
        return await super().person(user, cluster, fresh=fresh)


async def test_what_was_approved_is_not_given_up_for_a_moment_in_which_slack_does_not_answer() -> (
    None
):
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    await approved(store, clock, rolling())
    await Office(plant, store, clock, staff=Hesitant(refusals=4)).work()
    assert (await ended(store)).state is run.State.SUCCEEDED
    assert plant.args == NEW


async def test_an_approval_that_was_not_begun_in_time_starts_nothing() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    await approved(store, clock, rolling())
    await asyncio.sleep(run.CLAIM_WITHIN.total_seconds() + 1)
    await Office(plant, store, clock).work(within=60)
    assert plant.patches == []
    assert await store.remedy.runs(ended_after=plans.START - timedelta(days=1)) == []


async def test_an_approval_that_lapsed_is_not_fresh_again_when_the_clock_is_set_back() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    held = await approved(store, clock, rolling())
    await asyncio.sleep(run.CLAIM_WITHIN.total_seconds() + 1)
    office = Office(plant, store, clock)
    await office.work(within=10)
    lapsed = await store.remedy.plan(held.id)
    assert lapsed is not None
    assert (lapsed.state, lapsed.decided_by) == (PlanState.EXPIRED, ("UAPP",))
    assert [one.kind for one in await store.remedy.deeds()][-1] == "plan_expired"
    moment = clock.now
    clock.now = lambda: moment() - run.CLAIM_WITHIN  # type: ignore[method-assign]
    await Office(plant, store, clock).work(within=10)
    assert plant.patches == []


FORGERIES: dict[str, Callable[[Plan], Plan]] = {
    "a state without votes": lambda held: held,
    "other steps than were approved": lambda held: replace(held, at_once=3),
    "a lower quorum than was approved": lambda held: replace(held, quorum=1),
}


async def forged(store: MemoryStore, clock: LoopClock, bend: Callable[[Plan], Plan]) -> Plan:
    """A plan that an intruder wrote into the store as approved, after one honest vote of two."""
    async with store.unit() as unit:
        kept = await unit.remedy.save_plan(rolling(id=0, quorum=2))
        await unit.remedy.add_vote(Vote(kept.id, "UAPP", Choice.APPROVE, kept.digest, clock.now()))
        decided = replace(
            bend(kept), state=PlanState.APPROVED, decided_at=clock.now(),
            decided_by=("UAPP", "UAPP2"),
        )  # fmt: skip
        return await unit.remedy.save_plan(decided)


@pytest.mark.parametrize("bend", FORGERIES.values(), ids=FORGERIES)
async def test_a_plan_that_was_made_approved_without_its_votes_is_never_begun(
    bend: Callable[[Plan], Plan],
) -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    plan = await forged(store, clock, bend)
    await Office(plant, store, clock).work(within=60)
    assert plant.patches == []
    assert await store.remedy.run_of(plan.id) is None
    deeds = [one for one in await store.remedy.deeds() if one.kind == "not_carried_out"]
    assert [one.subject for one in deeds] == [plan.name]
    assert "the votes do not" in deeds[0].text


async def test_a_run_that_was_made_up_is_not_gone_on_with() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    plan = await forged(store, clock, lambda held: held)
    async with store.unit() as unit:
        made = run.begin(plan, executor="nobody", now=clock.now())
        made = await unit.remedy.start(plan, made)
        # Taking back is not judged by guards, so this is the way that a forger would like.
        undoing = run.intend(made, plan, 0, now=clock.now())
        undoing = run.settle(undoing, plan, 0, StepState.APPLIED, now=clock.now(), text="")
        await unit.remedy.save_run(
            run.turn_back(undoing, plan, "as if", now=clock.now()), epoch=made.epoch
        )
    await Office(plant, store, clock).work(within=60)
    assert (plant.patches, plant.args) == ([], OLD)
    held = await store.remedy.run_of(plan.id)
    assert held is not None
    assert held.executor == "nobody"
    assert [one.subject for one in await store.remedy.deeds()] == [made.name]


async def test_who_approved_is_read_from_the_votes_and_not_from_the_plan() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    async with store.unit() as unit:
        kept = await unit.remedy.save_plan(rolling(id=0))
        await unit.remedy.add_vote(Vote(kept.id, "UVIEW", Choice.APPROVE, kept.digest, clock.now()))
        await unit.remedy.save_plan(
            replace(kept, state=PlanState.APPROVED, decided_at=clock.now(), decided_by=("UAPP",))
        )
    await Office(plant, store, clock).work()
    assert "approver UVIEW is no longer an approver" in (await ended(store)).cause
    assert plant.patches == []


async def test_switched_off_nothing_that_was_approved_begins() -> None:
    clock, store = LoopClock(), MemoryStore()
    plant = Plant(clock)
    await approved(store, clock, rolling())
    await Office(plant, store, clock, enabled=False).work(within=60)
    assert plant.patches == []
