"""One execution of an approved plan: the state machine that survives whoever executes it.

Every step is journaled before it is done (intended) and after (settled). An executor that dies
leaves a step intended and not settled; its successor takes the run over under a higher `epoch`
and looks at the cluster: done, not started, or not to be told, which waits for a person. What is
stored under an older epoch is refused by the store, so that two executors never both act.

Invariants, whatever interrupts: a step is settled at most once; none begins before all of the
earlier batches are settled; none begins after a cancel, a failure or the end; what is undone was
applied, and is undone last first; a run that has ended never changes again.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain import errors
from bot.domain.plan import SET_BACK, Plan, StepKind
from bot.domain.plan import State as PlanState

CLAIM_WITHIN = timedelta(minutes=5)
"""An approval older than this starts nothing: whoever gave it no longer watches."""


class State(enum.StrEnum):
    """How a run stands. All but RUNNING are for good."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It ended with something left to a person; `needs` says what."""
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"


class Phase(enum.StrEnum):
    """What a running run is doing."""

    STEPS = "steps"
    VERIFYING = "verifying"
    UNDOING = "undoing"
    OVER = "over"


class StepState(enum.StrEnum):
    """How a step stands. SKIPPED is "was so already, or no longer needed"."""

    PENDING = "pending"
    APPLIED = "applied"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """The journal of one step. `facts` are what undoing and recovery need (was it cordoned?)."""

    state: StepState = StepState.PENDING
    intended_at: datetime | None = None
    settled_at: datetime | None = None
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether it was begun and its end is not known."""
        return self.intended_at is not None and self.settled_at is None


class Check(enum.StrEnum):
    """Whether it helped."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Not seen well enough to say: never taken for success, and no reason to change more."""


class Seen(enum.StrEnum):
    """What the cluster says of a step whose executor died."""

    DONE = "done"
    NOT_STARTED = "not_started"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Run:
    """An execution. `id` is 0 until the store has given one; people say RUN-<id>.

    `steps` and `undone` are journals by the plan's step numbers. `cause` says why it turned back
    or ended as it did, `needs` what a person has to decide. `gives_up_at` is set while something
    holds it up, until when that is waited for; `prolonged` counts how often people asked for as
    much time again.
    """

    id: int
    plan: int
    cluster: str
    digest: str
    executor: str
    epoch: int
    started_at: datetime
    steps: tuple[Record, ...]
    undone: Mapping[int, Record] = field(default_factory=dict)
    state: State = State.RUNNING
    phase: Phase = Phase.STEPS
    cancelled_by: str = ""
    cancelled_at: datetime | None = None
    progress: str = ""
    """How far it is, in a sentence, while it is running."""
    parked: str = ""
    """Why nobody carries it out now, in a sentence; empty while somebody does or it has ended."""
    gives_up_at: datetime | None = None
    prolonged: int = 0
    cause: str = ""
    needs: str = ""
    check: Check | None = None
    ended_at: datetime | None = None

    @property
    def name(self) -> str:
        """What people say aloud."""
        return f"RUN-{self.id}"

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state is not State.RUNNING

    @property
    def applied(self) -> tuple[int, ...]:
        """Numbers of the steps that changed something."""
        return tuple(i for i, one in enumerate(self.steps) if one.state is StepState.APPLIED)


class Act(enum.StrEnum):
    """What an executor has to do next."""

    STEP = "step"
    """Journal these steps' intention, then do them."""
    SETTLE = "settle"
    """Look whether these begun steps were done."""
    VERIFY = "verify"
    UNDO = "undo"
    SETTLE_UNDO = "settle_undo"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Next:
    """The next thing to do, with the step numbers that it concerns."""

    act: Act
    steps: tuple[int, ...] = ()


def lapse(plan: Plan, *, now: datetime) -> Plan:
    """Return a plan that no run was begun for as it is at that moment.

    An approval that is too old to begin by is over for good: a clock that is set back afterwards
    would make it look fresh again. While the clock is behind the approval itself, it was set back
    since, and how old that is is not known.
    """
    if plan.state is not PlanState.APPROVED or plan.decided_at is None:
        return plan
    age = now - plan.decided_at
    if -SET_BACK <= age <= CLAIM_WITHIN:
        return plan
    return replace(plan, state=PlanState.EXPIRED, reason="it was approved, and not begun in time")


def begin(plan: Plan, *, executor: str, now: datetime) -> Run:
    """Start executing.

    The caller claims the plan by compare-and-swap in the transaction that stores this run.
    Raises Refused if there is no approval that still holds.
    """
    if plan.state is not PlanState.APPROVED or plan.decided_at is None:
        raise errors.Refused(f"{plan.name} is {plan.state.value} and not approved")
    if not plan.steps:
        raise errors.Refused(f"{plan.name} has no steps")
    if lapse(plan, now=now) is not plan:
        raise errors.Refused(
            f"{plan.name} was approved too long ago to start now: ask for a fresh one"
        )
    return Run(
        id=0,
        plan=plan.id,
        cluster=plan.cluster,
        digest=plan.digest,
        executor=executor,
        epoch=1,
        started_at=now,
        steps=tuple(Record() for _ in plan.steps),
    )


def take_over(run: Run, *, executor: str) -> Run:
    """Continue what another executor left; whatever that one still stores is refused."""
    if run.over:
        raise errors.Refused(f"{run.name} has ended: {run.state.value}")
    return replace(run, executor=executor, epoch=run.epoch + 1, parked="")


def park(run: Run, why: str) -> Run:
    """Leave a run where it is until somebody takes it over; whoever had it stores nothing more.

    What was begun stays begun: whether it was done is looked at then. Raises Refused when it has
    ended already.
    """
    if run.over:
        raise errors.Refused(f"{run.name} has ended already: {run.state.value}")
    return replace(run, epoch=run.epoch + 1, parked=why, progress="", gives_up_at=None)


def where(run: Run) -> str:
    """Say how far a run that is parked had come."""
    every = len(run.steps)
    if run.phase is Phase.UNDOING:
        return "stopped while it was taken back"
    begun = [number for number, one in enumerate(run.steps, start=1) if one.open]
    if begun:
        return f"stopped within step {begun[0]} of {every}"
    settled = sum(one.settled_at is not None for one in run.steps)
    return (
        f"stopped after step {settled} of {every}"
        if settled
        else f"stopped before step 1 of {every}"
    )


def following(run: Run, plan: Plan) -> Next:
    """Return what to do next. Steps of one batch are done together."""
    if run.over:
        return Next(Act.NOTHING)
    begun = tuple(i for i, one in enumerate(run.steps) if one.open)
    if begun:
        return Next(Act.SETTLE, begun)
    if run.phase is Phase.UNDOING:
        return _undoing(run, plan)
    if run.phase is Phase.VERIFYING:
        return Next(Act.VERIFY)
    return Next(Act.STEP, tuple(_batch(run, plan)))


def _undoing(run: Run, plan: Plan) -> Next:
    begun = tuple(i for i, one in run.undone.items() if one.open)
    if begun:
        return Next(Act.SETTLE_UNDO, begun)
    due = [i for i in undoable(run, plan) if i not in run.undone]
    return Next(Act.UNDO, (due[0],))


def _batch(run: Run, plan: Plan) -> Iterator[int]:
    pending = [i for i, one in enumerate(run.steps) if one.state is StepState.PENDING]
    first = plan.steps[pending[0]].batch
    kind = plan.steps[pending[0]].kind
    for i in pending:
        # Deletions of a batch go together, and so do the waits for them; never the two at once.
        if plan.steps[i].batch != first or plan.steps[i].kind is not kind:
            return
        yield i


def undoable(run: Run, plan: Plan) -> tuple[int, ...]:
    """Return the numbers of applied steps that can be taken back, in the order of undoing.

    A cordon that the plan itself has lifted again needs no undoing.
    """
    lifted = {
        plan.steps[i].target.name for i in run.applied if plan.steps[i].kind is StepKind.UNCORDON
    }
    return tuple(
        i
        for i in reversed(run.applied)
        if (plan.steps[i].kind is StepKind.PATCH_DAEMONSET and plan.steps[i].undo)
        or (plan.steps[i].kind is StepKind.CORDON and plan.steps[i].target.name not in lifted)
    )


def intend(run: Run, plan: Plan, number: int, *, now: datetime) -> Run:
    """Journal that a step begins. Raises Refused where it may not."""
    if run.over or run.phase is not Phase.STEPS:
        raise errors.Refused(f"{run.name} does no more steps: {run.cause or run.state.value}")
    if run.cancelled_at is not None:
        raise errors.Refused(f"{run.name} is cancelled")
    if number not in _batch(run, plan) or run.steps[number].intended_at is not None:
        raise errors.Refused(f"step {number + 1} of {run.name} is not due")
    return _with(run, number, replace(run.steps[number], intended_at=now))


def settle(
    run: Run,
    plan: Plan,
    number: int,
    state: StepState,
    *,
    now: datetime,
    text: str = "",
    facts: Mapping[str, str] | None = None,
) -> Run:
    """Journal how a step ended, and turn back if it failed. Raises Refused if it was not begun."""
    record = run.steps[number]
    if run.over or not record.open or state is StepState.PENDING:
        raise errors.Refused(f"step {number + 1} of {run.name} was not begun or has ended")
    record = replace(record, state=state, settled_at=now, text=text, facts=facts or {})
    # Another step of the batch that is still held up says so again.
    run = replace(_with(run, number, record), gives_up_at=None)
    if state is StepState.FAILED and run.phase is Phase.STEPS:
        return turn_back(run, plan, f"step {number + 1} failed: {text}", now=now)
    return _onward(run, plan, now=now)


def reconcile(
    run: Run, plan: Plan, number: int, seen: Seen, *, now: datetime, text: str = ""
) -> Run:
    """Settle a step whose executor died, by what the cluster says.

    One that was not started is due again; one that cannot be told ends the run, for a person.
    """
    if seen is Seen.DONE:
        return settle(run, plan, number, StepState.APPLIED, now=now, text=text)
    if run.over or not run.steps[number].open:
        raise errors.Refused(f"step {number + 1} of {run.name} was not begun or has ended")
    if seen is Seen.NOT_STARTED:
        return _onward(_with(run, number, Record()), plan, now=now)
    record = replace(run.steps[number], state=StepState.FAILED, settled_at=now, text=text)
    needs = f"whether step {number + 1} was done cannot be told: {text}; look, then decide"
    return _ended(
        _with(run, number, record), State.FAILED, now, cause="it was interrupted", needs=needs
    )


def cancel(run: Run, plan: Plan, *, by: str, now: datetime) -> Run:
    """Stop: nothing new begins, what was begun is settled, what can be is undone.

    Raises Refused when it has ended already.
    """
    if run.over:
        raise errors.Refused(f"{run.name} has ended already: {run.state.value}")
    if run.cancelled_at is not None:
        return run
    run = replace(run, cancelled_by=by, cancelled_at=now)
    return _onward(run, plan, now=now)


def prolong(run: Run, plan: Plan) -> Run:
    """Wait as long again for what holds it up. Raises Refused where nothing does."""
    del plan  # whose steps say how long that is
    if run.over:
        raise errors.Refused(f"{run.name} has ended already: {run.state.value}")
    if run.cancelled_at is not None or run.phase is not Phase.STEPS or run.gives_up_at is None:
        raise errors.Refused(f"{run.name} is held up by nothing now")
    return replace(run, prolonged=run.prolonged + 1)


def turn_back(run: Run, plan: Plan, cause: str, *, now: datetime) -> Run:
    """Undo what can be undone, because of a failure, a regression or a cancel."""
    if run.over or run.phase is Phase.UNDOING:
        return run
    run = replace(run, phase=Phase.UNDOING, cause=cause, gives_up_at=None)
    return _onward(run, plan, now=now)


def verified(run: Run, plan: Plan, check: Check, *, now: datetime, text: str = "") -> Run:
    """Journal whether it helped; what did not help is undone."""
    if run.over or run.phase is not Phase.VERIFYING:
        raise errors.Refused(f"{run.name} is not being verified")
    run = replace(run, check=check)
    if check is Check.PASSED:
        return _ended(run, State.SUCCEEDED, now, cause=text)
    if check is Check.FAILED:
        return turn_back(run, plan, f"it did not help: {text}", now=now)
    needs = f"whether it helped could not be seen: {text}; nothing was undone"
    return _ended(run, State.FAILED, now, cause="verification was inconclusive", needs=needs)


def intend_undo(run: Run, plan: Plan, number: int, *, now: datetime) -> Run:
    """Journal that a step is about to be taken back. Raises Refused where it may not."""
    due = following(run, plan)
    if due.act is not Act.UNDO or due.steps != (number,):
        raise errors.Refused(f"undoing step {number + 1} of {run.name} is not due")
    return replace(run, undone={**run.undone, number: Record(intended_at=now)})


def settle_undo(
    run: Run,
    plan: Plan,
    number: int,
    state: StepState,
    *,
    now: datetime,
    text: str = "",
) -> Run:
    """Journal how taking back ended; what could not be taken back is left to a person."""
    record = run.undone.get(number)
    if run.over or record is None or not record.open or state is StepState.PENDING:
        raise errors.Refused(f"undoing step {number + 1} of {run.name} was not begun or has ended")
    record = replace(record, state=state, settled_at=now, text=text)
    run = replace(run, undone={**run.undone, number: record})
    return _onward(run, plan, now=now)


def reconcile_undo(
    run: Run, plan: Plan, number: int, seen: Seen, *, now: datetime, text: str = ""
) -> Run:
    """Settle an undoing whose executor died, by what the cluster says."""
    if seen is Seen.NOT_STARTED:
        if run.over or number not in run.undone or not run.undone[number].open:
            raise errors.Refused(f"undoing step {number + 1} of {run.name} is not open")
        return replace(run, undone={i: one for i, one in run.undone.items() if i != number})
    state = StepState.APPLIED if seen is Seen.DONE else StepState.FAILED
    return settle_undo(run, plan, number, state, now=now, text=text)


def _onward(run: Run, plan: Plan, *, now: datetime) -> Run:
    """Move to the phase that what is journaled leads to."""
    if run.over or any(one.open for one in run.steps):
        return run
    if run.cancelled_at is not None and run.phase is not Phase.UNDOING:
        run = replace(run, phase=Phase.UNDOING, cause="it was cancelled")
    if run.phase is Phase.UNDOING:
        return _undone(run, plan, now=now)
    if run.phase is Phase.STEPS and all(one.settled_at is not None for one in run.steps):
        return replace(run, phase=Phase.VERIFYING)
    return run


def _undone(run: Run, plan: Plan, *, now: datetime) -> Run:
    if any(one.open for one in run.undone.values()):
        return run
    due = undoable(run, plan)
    failed = [i for i in due if i in run.undone and run.undone[i].state is StepState.FAILED]
    if failed:
        # Steps were built on one another: behind one that stays, nothing is taken back.
        why = "; ".join(f"step {i + 1}: {run.undone[i].text}" for i in failed)
        return _ended(
            run, State.FAILED, now, cause=run.cause, needs=f"it could not be undone: {why}"
        )
    if any(i not in run.undone for i in due):
        return run
    if run.cancelled_at is not None:
        return _ended(run, State.ABORTED, now, cause=run.cause)
    if due:
        return _ended(run, State.ROLLED_BACK, now, cause=run.cause)
    done = "something was done that has no undoing" if run.applied else "nothing was changed"
    return _ended(run, State.FAILED, now, cause=run.cause, needs=done)


def _ended(run: Run, state: State, now: datetime, *, cause: str = "", needs: str = "") -> Run:
    return replace(
        run,
        state=state,
        phase=Phase.OVER,
        gives_up_at=None,
        parked="",
        ended_at=now,
        cause=cause,
        needs=needs,
    )


def _with(run: Run, number: int, record: Record) -> Run:
    steps = list(run.steps)
    steps[number] = record
    return replace(run, steps=tuple(steps))
