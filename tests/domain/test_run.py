"""Runs: executed by whoever, killed whenever, each step happens at most once."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import errors, run
from bot.domain.plan import Plan, StepKind
from bot.domain.plan import State as PlanState
from bot.domain.run import Act, Check, Run, Seen, State, StepState
from tests.domain import plans
from tests.domain.plans import START

PATCH, CORDON, DELETE = StepKind.PATCH_DAEMONSET, StepKind.CORDON, StepKind.DELETE_POD
WAIT, UNCORDON = StepKind.WAIT_ROLLOUT, StepKind.UNCORDON


def started(*kinds: StepKind) -> tuple[Run, Plan]:
    plan = plans.approved(*(plans.step(kind, batch=i) for i, kind in enumerate(kinds)))
    return run.begin(plan, executor="a", now=START), plan


def done(value: Run, plan: Plan, number: int, state: StepState = StepState.APPLIED) -> Run:
    value = run.intend(value, plan, number, now=START)
    return run.settle(value, plan, number, state, now=START, text="so")


# Beginning


@pytest.mark.parametrize("state", [s for s in PlanState if s is not PlanState.APPROVED])
def test_only_an_approved_plan_begins(state: PlanState) -> None:
    with pytest.raises(errors.Refused):
        run.begin(plans.plan(state=state, decided_at=START), executor="a", now=START)


def test_an_old_approval_starts_nothing() -> None:
    late = START + run.CLAIM_WITHIN + timedelta(seconds=1)
    with pytest.raises(errors.Refused, match="too long ago"):
        run.begin(plans.approved(), executor="a", now=late)


@pytest.mark.parametrize("back", [timedelta(minutes=2), timedelta(days=400)])
def test_an_approval_of_later_than_now_starts_nothing_for_the_clock_was_set_back(
    back: timedelta,
) -> None:
    with pytest.raises(errors.Refused, match="too long ago"):
        run.begin(plans.approved(), executor="a", now=START - back)
    assert run.lapse(plans.approved(), now=START - back).state is PlanState.EXPIRED
    assert run.begin(plans.approved(), executor="a", now=START - timedelta(seconds=30))


def test_a_plan_without_steps_is_refused() -> None:
    with pytest.raises(errors.Refused):
        run.begin(replace(plans.approved(), steps=()), executor="a", now=START)


# The straight way


def test_all_steps_then_verification_then_success() -> None:
    value, plan = started(PATCH, WAIT)
    assert run.following(value, plan).steps == (0,)
    value = done(value, plan, 0)
    value = done(value, plan, 1)
    assert run.following(value, plan).act is Act.VERIFY
    value = run.verified(value, plan, Check.PASSED, now=START)
    assert value.state is State.SUCCEEDED
    assert run.following(value, plan).act is Act.NOTHING


def test_a_batch_goes_together_and_the_next_waits_for_all_of_it() -> None:
    plan = plans.approved(
        plans.step(name="a"), plans.step(name="b"), plans.step(WAIT), plans.step(name="c", batch=1)
    )
    value = run.begin(plan, executor="a", now=START)
    assert run.following(value, plan).steps == (0, 1)
    value = run.intend(value, plan, 0, now=START)
    value = run.intend(value, plan, 1, now=START)
    value = run.settle(value, plan, 0, StepState.APPLIED, now=START)
    with pytest.raises(errors.Refused):
        run.intend(value, plan, 2, now=START)
    value = run.settle(value, plan, 1, StepState.APPLIED, now=START)
    assert run.following(value, plan).steps == (2,)
    with pytest.raises(errors.Refused):
        run.intend(value, plan, 3, now=START)


@pytest.mark.parametrize("number", [0, 1])
def test_a_step_is_neither_begun_twice_nor_out_of_turn(number: int) -> None:
    value, plan = started(PATCH, WAIT)
    value = run.intend(value, plan, 0, now=START)
    with pytest.raises(errors.Refused):
        run.intend(value, plan, number, now=START)


def test_a_step_is_settled_once_and_only_if_it_was_begun() -> None:
    value, plan = started(PATCH)
    with pytest.raises(errors.Refused):
        run.settle(value, plan, 0, StepState.APPLIED, now=START)
    value = done(value, plan, 0)
    with pytest.raises(errors.Refused):
        run.settle(value, plan, 0, StepState.FAILED, now=START)


# Turning back


def test_what_did_not_help_is_undone_last_first() -> None:
    value, plan = started(CORDON, PATCH)
    value = done(done(value, plan, 0), plan, 1)
    value = run.verified(value, plan, Check.FAILED, now=START, text="still killed")
    undone = []
    while (due := run.following(value, plan)).act is Act.UNDO:
        undone += due.steps
        value = run.intend_undo(value, plan, due.steps[0], now=START)
        value = run.settle_undo(value, plan, due.steps[0], StepState.APPLIED, now=START)
    assert undone == [1, 0]
    assert value.state is State.ROLLED_BACK
    assert "still killed" in value.cause


def test_a_failed_step_turns_back_and_what_was_skipped_is_not_undone() -> None:
    value, plan = started(CORDON, PATCH, WAIT)
    value = done(value, plan, 0, StepState.SKIPPED)
    value = done(value, plan, 1)
    value = done(value, plan, 2, StepState.FAILED)
    assert run.following(value, plan) == run.Next(Act.UNDO, (1,))


def test_a_cordon_that_was_lifted_again_is_not_undone() -> None:
    value, plan = started(CORDON, UNCORDON, PATCH)
    value = done(done(value, plan, 0), plan, 1)
    value = done(value, plan, 2, StepState.FAILED)
    assert value.state is State.FAILED
    assert run.undoable(value, plan) == ()


def test_what_cannot_be_undone_is_left_to_a_person_and_nothing_behind_it_is_touched() -> None:
    value, plan = started(CORDON, PATCH)
    value = done(done(value, plan, 0), plan, 1)
    value = run.verified(value, plan, Check.FAILED, now=START)
    value = run.intend_undo(value, plan, 1, now=START)
    value = run.settle_undo(value, plan, 1, StepState.FAILED, now=START, text="changed by others")
    assert value.state is State.FAILED
    assert "changed by others" in value.needs
    assert 0 not in value.undone


def test_an_inconclusive_verification_changes_nothing_more() -> None:
    value, plan = started(PATCH)
    value = run.verified(done(value, plan, 0), plan, Check.INCONCLUSIVE, now=START, text="blind")
    assert value.state is State.FAILED
    assert "nothing was undone" in value.needs


def test_a_cancel_stops_between_steps_and_undoes() -> None:
    value, plan = started(PATCH, WAIT)
    value = run.cancel(done(value, plan, 0), plan, by="UADM", now=START)
    with pytest.raises(errors.Refused):
        run.intend(value, plan, 1, now=START)
    value = run.intend_undo(value, plan, 0, now=START)
    value = run.settle_undo(value, plan, 0, StepState.APPLIED, now=START)
    assert value.state is State.ABORTED
    assert value.cancelled_by == "UADM"


def test_a_cancel_lets_what_was_begun_end() -> None:
    value, plan = started(PATCH, WAIT)
    value = run.intend(value, plan, 0, now=START)
    value = run.cancel(value, plan, by="UADM", now=START)
    assert not value.over
    value = run.settle(value, plan, 0, StepState.APPLIED, now=START)
    assert run.following(value, plan).act is Act.UNDO


def test_a_cancel_before_anything_ends_at_once() -> None:
    value, plan = started(PATCH)
    assert run.cancel(value, plan, by="U", now=START).state is State.ABORTED


def test_it_waits_longer_only_for_what_holds_it_up() -> None:
    value, plan = started(PATCH, WAIT)
    with pytest.raises(errors.Refused, match="held up by nothing"):
        run.prolong(value, plan)
    value = run.intend(value, plan, 0, now=START)
    held = replace(value, gives_up_at=START + timedelta(minutes=5))
    assert run.prolong(run.prolong(held, plan), plan).prolonged == 2
    for after in (
        run.settle(held, plan, 0, StepState.APPLIED, now=START),
        run.settle(held, plan, 0, StepState.FAILED, now=START),
        run.cancel(held, plan, by="u", now=START),
        run.turn_back(held, plan, "so", now=START),
    ):
        with pytest.raises(errors.Refused):
            run.prolong(after, plan)


def test_after_the_end_nothing_moves_it() -> None:
    value, plan = started(PATCH)
    value = run.cancel(value, plan, by="U", now=START)
    for late in (
        lambda: run.cancel(value, plan, by="U", now=START),
        lambda: run.take_over(value, executor="b"),
        lambda: run.intend(value, plan, 0, now=START),
        lambda: run.verified(value, plan, Check.PASSED, now=START),
        lambda: run.reconcile(value, plan, 0, Seen.NOT_STARTED, now=START),
    ):
        with pytest.raises(errors.Refused):
            late()
    assert run.turn_back(value, plan, "late", now=START) == value


# Succession


def test_a_successor_settles_before_it_does_anything() -> None:
    value, plan = started(PATCH, WAIT)
    value = run.take_over(run.intend(value, plan, 0, now=START), executor="b")
    assert value.epoch == 2
    assert run.following(value, plan) == run.Next(Act.SETTLE, (0,))


def test_what_cannot_be_told_waits_for_a_person() -> None:
    value, plan = started(PATCH, WAIT)
    value = run.intend(value, plan, 0, now=START)
    value = run.reconcile(value, plan, 0, Seen.UNCLEAR, now=START, text="no answer")
    assert value.state is State.FAILED
    assert "no answer" in value.needs


def test_a_step_that_was_not_started_is_due_again() -> None:
    value, plan = started(PATCH, WAIT)
    value = run.intend(value, plan, 0, now=START)
    value = run.reconcile(value, plan, 0, Seen.NOT_STARTED, now=START)
    assert run.following(value, plan) == run.Next(Act.STEP, (0,))


# Any interleaving


@dataclass
class World:
    """A cluster that remembers what was done to it, and executors that die at any point."""

    plan: Plan
    value: Run
    did: Counter[int] = field(default_factory=Counter)
    undid: Counter[int] = field(default_factory=Counter)
    order: list[int] = field(default_factory=list)

    def keep(self, value: Run) -> None:
        before = self.value
        assert not before.over or value == before, "what ended never changes"
        for i, record in enumerate(before.steps):
            assert record.settled_at is None or value.steps[i] == record, "settled once"
        self.value = value

    def act(self, data: st.DataObject, now: datetime) -> None:
        due = run.following(self.value, self.plan)
        dies = data.draw(st.sampled_from(["no", "no", "no", "before", "after"]), label="dies")
        if due.act is Act.STEP:
            for i in due.steps:
                self.keep(run.intend(self.value, self.plan, i, now=now))
            for i in due.steps:
                if dies == "before":
                    break
                self.do(i, data, dies, now)
            if dies != "no":
                self.keep(run.take_over(self.value, executor="next"))
        elif due.act is Act.SETTLE:
            self.settle(due.steps, data, now)
        elif due.act is Act.VERIFY:
            check = data.draw(st.sampled_from(Check), label="check")
            self.keep(run.verified(self.value, self.plan, check, now=now))
        elif due.act is Act.UNDO:
            self.undo(due.steps[0], data, dies, now)
        elif due.act is Act.SETTLE_UNDO:
            seen = Seen.DONE if self.undid[due.steps[0]] else Seen.NOT_STARTED
            self.keep(run.reconcile_undo(self.value, self.plan, due.steps[0], seen, now=now))

    def do(self, i: int, data: st.DataObject, dies: str, now: datetime) -> None:
        if self.value.over:
            return
        ends = data.draw(st.sampled_from([StepState.APPLIED, StepState.SKIPPED, StepState.FAILED]))
        if ends is StepState.APPLIED:
            self.did[i] += 1
            self.order.append(i)
        if dies == "after":
            return
        self.keep(run.settle(self.value, self.plan, i, ends, now=now, text="x"))

    def settle(self, steps: tuple[int, ...], data: st.DataObject, now: datetime) -> None:
        for i in steps:
            if self.value.over:
                return
            seen = Seen.DONE if self.did[i] else Seen.NOT_STARTED
            if data.draw(st.integers(0, 9), label="unclear") == 0:
                seen = Seen.UNCLEAR
            self.keep(run.reconcile(self.value, self.plan, i, seen, now=now, text="x"))

    def undo(self, i: int, data: st.DataObject, dies: str, now: datetime) -> None:
        self.keep(run.intend_undo(self.value, self.plan, i, now=now))
        if dies == "before":
            self.keep(run.take_over(self.value, executor="next"))
            return
        works = data.draw(st.booleans(), label="undo works")
        self.undid[i] += works
        if dies == "after":
            self.keep(run.take_over(self.value, executor="next"))
            return
        state = StepState.APPLIED if works else StepState.FAILED
        self.keep(run.settle_undo(self.value, self.plan, i, state, now=now, text="x"))


KINDS = st.sampled_from([PATCH, CORDON, DELETE, WAIT, UNCORDON])


@settings(max_examples=300)
@given(st.lists(st.tuples(KINDS, st.integers(0, 1)), min_size=1, max_size=6), st.data())
def test_whatever_interrupts_it_each_step_happens_at_most_once(
    shape: list[tuple[StepKind, int]], data: st.DataObject
) -> None:
    batch, steps = 0, []
    for number, (kind, further) in enumerate(shape):
        batch += further
        steps.append(plans.step(kind, name=f"n{number % 2}", batch=batch))
    plan = plans.approved(*steps)
    world = World(plan, run.begin(plan, executor="a", now=START))
    for tick in range(60):
        if world.value.over:
            break
        now = START + timedelta(seconds=tick)
        if data.draw(st.integers(0, 14), label="cancel") == 0:
            world.keep(run.cancel(world.value, plan, by="U", now=now))
            continue
        world.act(data, now)
    value = world.value
    if not value.over:
        return  # an executor that dies every time gets nowhere, and does no harm
    assert all(times <= 1 for times in (*world.did.values(), *world.undid.values()))
    assert [steps[i].batch for i in world.order] == sorted(steps[i].batch for i in world.order)
    assert all(world.did[i] for i, times in world.undid.items() if times)
    if value.state is State.SUCCEEDED:
        assert value.check is Check.PASSED
        assert not world.undid
    if value.state in (State.ROLLED_BACK, State.ABORTED):
        assert all(world.undid[i] for i in run.undoable(value, plan))
    if value.state is State.FAILED:
        assert value.needs
