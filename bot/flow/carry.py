"""Carry: one run, from its first step to its end, one transition of the journal at a time.

The run says what comes next (`bot.domain.run.following`); that is done, and what came of it is
written down. A write is journaled before it is made; one whose end is not known is looked for
before anything else. Guards are asked before every batch of writes.
"""

import asyncio
import contextlib
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from bot import guards
from bot.domain import approval, errors, guard, run, units, verification
from bot.domain.access import Person, Role
from bot.domain.plan import Plan, Step, StepKind
from bot.domain.run import Act, Run, Seen, StepState
from bot.flow import follow, hands, heldup, ports, remedy_answers
from bot.flow.hands import Done
from bot.flow.journal import Journal
from bot.flow.site import Site
from bot.flow.situations import Situations
from bot.guards import Stage

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """Pace and patience."""

    poll: timedelta = timedelta(seconds=2)
    """How often the store is looked at for what others decided."""
    again: timedelta = timedelta(seconds=2)
    """Between tries while store or cluster cannot be reached."""
    look_age: timedelta = timedelta(seconds=5)
    """How old a look may be that verification judges by."""
    tries: int = 5
    """For who asked and who approved to be told by Slack, before the first write."""
    at_once: int = 10
    """Pods of one batch that are being deleted at a time; evictions wait beside each other."""
    writing: hands.Options = field(default_factory=hands.Options)
    waiting: follow.Options = field(default_factory=follow.Options)


@dataclass(frozen=True, slots=True)
class Means:
    """What a run is carried out with."""

    journal: Journal
    situations: Situations
    people: remedy_answers.People
    clock: ports.Clock
    recheck: Callable[[Plan], Awaitable[str]]
    """Says why a plan is no longer what would be drafted now; empty while it is."""
    options: Options = field(default_factory=Options)


class Carrier:
    """Carries one run."""

    def __init__(self, mine: Run, its: Plan, site: Site, means: Means) -> None:
        self._run = mine
        self._plan = its
        self._site = site
        self._means = means
        self._journal = means.journal
        self._clock = means.clock
        self._options = means.options
        self._hands = hands.Hands(
            site.actuator, site.mirror, clock=means.clock, options=means.options.writing
        )
        self._follower = follow.Follower(site, clock=means.clock, options=means.options.waiting)
        self._requester: Person | None = None
        self._reports: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Lock()
        self._slots = asyncio.Semaphore(means.options.at_once)
        self._cancelled = False
        self._prolonged = mine.prolonged
        self._held_up = heldup.HeldUp()
        self._tried: Counter[int] = Counter()

    @property
    def _operation(self) -> str:
        return self._run.name

    async def carry(self) -> None:
        """Go on until the run has ended, or somebody else has it. Raises nothing."""
        try:
            await self._tell("RemediationStarted", f"{self._run.name}: {self._plan.title}")
            watcher = asyncio.create_task(self._watch(), name=f"watch {self._run.name}")
            try:
                while not self._run.over:
                    await self._next()
            finally:
                beside = [watcher, *self._reports]
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
            said = f"{self._run.name} {self._run.state.value}: {self._run.cause}"
            failed = self._run.state is not run.State.SUCCEEDED
            await self._tell("RemediationEnded", said, warning=failed)
        except errors.Conflict as error:
            log.info("run_left", run=self._run.name, why=str(error))

    async def _watch(self) -> None:
        """Learn of what others wrote into the run: that it is cancelled, or may wait longer."""
        while True:
            await self._clock.sleep(self._options.poll.total_seconds())
            try:
                seen = await self._journal.store.remedy.run(self._run.id)
            except errors.Unavailable:
                continue
            if seen is not None:
                self._cancelled = self._cancelled or seen.cancelled_at is not None
                self._prolonged = seen.prolonged

    async def _next(self) -> None:
        await self._refresh()
        due = run.following(self._run, self._plan)
        match due.act:
            case Act.STEP:
                await self._step(due.steps)
            case Act.SETTLE:
                for number in due.steps:
                    await self._settle(number)
            case Act.VERIFY:
                await self._verify()
            case Act.UNDO:
                await self._undo(due.steps[0])
            case Act.SETTLE_UNDO:
                for number in due.steps:
                    await self._settle_undo(number)
            case Act.NOTHING:
                return

    async def _refresh(self) -> None:
        """Take up what others wrote into the run. Raises Conflict if it is theirs now."""
        seen = await self._until_reached(lambda: self._journal.store.remedy.run(self._run.id))
        if seen is None or seen.epoch != self._run.epoch:
            raise errors.Conflict(f"{self._run.name} was taken over")
        self._run = seen

    async def _move(self, change: Callable[[Run, Plan], Run], kind: str, text: str) -> None:
        """Write a transition down, however long the store takes. Raises Conflict."""

        async def write() -> Run:
            return await self._journal.move(self._run, self._plan, change, kind=kind, text=text)

        async with self._moving:
            self._run = await self._until_reached(write)

    async def _until_reached(self, work: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await work()
            except errors.Unavailable as error:
                log.warning("run_waits", run=self._run.name, error=str(error))
                await self._clock.sleep(self._options.again.total_seconds())

    # Steps.

    async def _step(self, numbers: Sequence[int]) -> None:
        now = self._clock.now()
        writes = self._plan.steps[numbers[0]].kind.writes
        if writes:
            said = await self._forbidden()
            if said:
                await self._move(
                    lambda r, p: run.turn_back(r, p, said, now=now), "run_stopped", said
                )
                return

        def intended(held: Run, its: Plan) -> Run:
            for number in numbers:
                held = run.intend(held, its, number, now=now)
            return held

        try:
            await self._move(intended, "steps_begun", self._named(numbers))
        except errors.Refused:
            return  # it was cancelled in between: what comes next is another thing
        ends = await asyncio.gather(
            *(self._do(number) for number in numbers), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _do(self, number: int) -> None:
        step = self._plan.steps[number]
        if step.kind.writes:
            # A budget or a long grace of one pod must not hold up the others, as in kubectl.
            evicts = step.kind is StepKind.EVICT_POD
            async with contextlib.nullcontext() if evicts else self._slots:
                done = await _whole(
                    self._hands.do(
                        step,
                        operation=self._operation,
                        stop=self._stopped,
                        held=functools.partial(self._wait_longer, number),
                        patience=lambda: self._prolonged,
                    )
                )
        else:
            done = await self._wait(number)
        self._held_up.forget(number)
        if done is None:
            return  # its answer was lost; the journal has it as begun, and it is looked for next

        def settled(held: Run, its: Plan) -> Run:
            return run.settle(
                held, its, number, done.state, now=self._clock.now(), text=done.text,
                facts=done.facts,
            )  # fmt: skip

        text = f"{step.kind.value} {step.target}: {done.text}"
        await _whole(self._move(settled, f"step_{done.state.value}", text))

    async def _wait(self, number: int) -> Done:
        step = self._plan.steps[number]
        if step.kind is StepKind.WAIT_ROLLOUT:
            return await self._follower.rollout(
                step, self._plan, generation=self._generation(number), stop=self._stopped,
                report=self._report,
            )  # fmt: skip
        gone = {one.facts["uid"] for one in self._run.steps if "uid" in one.facts}
        return await self._follower.ready(
            step, self._plan, gone=gone, stop=self._stopped, report=self._report
        )

    def _generation(self, number: int) -> int:
        """What our own patch made of the object that is waited for; 0 where that is not known."""
        target = self._plan.steps[number].target
        for step, record in zip(self._plan.steps, self._run.steps, strict=True):
            if step.kind is StepKind.PATCH_DAEMONSET and step.target.key == target.key:
                return int(record.facts.get("generation", "0"))
        return 0

    def _stopped(self) -> bool:
        return self._cancelled or self._run.cancelled_at is not None

    def _wait_longer(self, number: int, hold: heldup.Hold) -> None:
        """Show what holds the run up, all of it together."""
        self._held_up.note(number, hold)
        self._report(str(self._held_up), self._held_up.until)

    def _report(self, text: str, gives_up_at: datetime | None = None) -> None:
        """Show what is waited for; the newest only, and never holding up the work."""
        if self._reports or (text, gives_up_at) == (self._run.progress, self._run.gives_up_at):
            return
        told = self._journal.report(self._run, self._plan, text, gives_up_at=gives_up_at)
        task = asyncio.create_task(told)
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _settle(self, number: int) -> None:
        step = self._plan.steps[number]
        found = await self._until_reached(lambda: self._hands.look(step, operation=self._operation))
        vain = step.kind.writes and await self._in_vain(number, found)

        def settled(held: Run, its: Plan) -> Run:
            now = self._clock.now()
            if vain:
                return run.settle(held, its, number, StepState.FAILED, now=now, text=vain)
            return run.reconcile(held, its, number, found.seen, now=now, text=found.text)

        text = f"{step.kind.value} {step.target}: {vain or found.text}"
        await self._move(settled, f"step_{'failed' if vain else found.seen.value}", text)

    async def _in_vain(self, number: int, found: hands.Found) -> str:
        """Wait before a write is repeated; say so where it was tried often enough."""
        if found.seen is not Seen.NOT_STARTED:
            return ""
        self._tried[number] += 1
        tries = self._options.writing.tries
        if self._tried[number] >= tries:
            return f"tried {units.count(tries, 'time')} without a clear answer, and is not done"
        await self._clock.sleep(self._options.again.total_seconds())
        return ""

    # Undoing.

    async def _undo(self, number: int) -> None:
        step = self._plan.steps[number]
        await self._move(
            lambda r, p: run.intend_undo(r, p, number, now=self._clock.now()),
            "undo_begun",
            f"{step.kind.value} {step.target}",
        )
        done = await _whole(self._hands.undo(step, operation=self._operation))
        if done is None:
            return
        if step.kind is StepKind.PATCH_DAEMONSET and done.state is StepState.APPLIED:
            await _whole(self._restarted_again(step))

        def settled(held: Run, its: Plan) -> Run:
            return run.settle_undo(
                held, its, number, done.state, now=self._clock.now(), text=done.text
            )

        await _whole(
            self._move(
                settled, f"undo_{done.state.value}", f"{step.kind.value} {step.target}: {done.text}"
            )
        )

    async def _restarted_again(self, patched: Step) -> None:
        """Under OnDelete, have the pods that this run replaced replaced once more."""
        owner = patched.uid
        for step, record in zip(self._plan.steps, self._run.steps, strict=True):
            if step.kind is StepKind.DELETE_POD and step.owner == owner and record.intended_at:
                await self._hands.do(
                    replace(step, uid=""),
                    operation=self._operation,
                    stop=lambda: False,
                    held=lambda _: None,
                    patience=lambda: 0,
                )

    async def _settle_undo(self, number: int) -> None:
        step = self._plan.steps[number]
        found = await self._until_reached(
            lambda: self._hands.look_undo(step, operation=self._operation)
        )
        vain = await self._in_vain(len(self._plan.steps) + number, found)

        def settled(held: Run, its: Plan) -> Run:
            now = self._clock.now()
            if vain:
                return run.settle_undo(held, its, number, StepState.FAILED, now=now, text=vain)
            return run.reconcile_undo(held, its, number, found.seen, now=now, text=found.text)

        text = f"{step.kind.value} {step.target}: {vain or found.text}"
        await self._move(settled, f"undo_{'failed' if vain else found.seen.value}", text)

    # Verification.

    async def _verify(self) -> None:
        began = self._clock.now()
        standings = verification.begun(self._plan)
        nodes = {
            name for one in self._plan.criteria for name in verification.concerned(one, self._plan)
        }
        while True:
            if self._stopped():
                await self._move(
                    lambda r, p: run.turn_back(r, p, "it was cancelled", now=self._clock.now()),
                    "run_cancelled",
                    "while it was verified",
                )
                return
            looks = await self._site.look(nodes, max_age=self._options.look_age)
            seen = verification.Observed(
                now=self._clock.now(),
                since=self._since,
                snapshot=self._site.mirror.snapshot(),
                looks={name: one for name, one in looks.items() if one.at >= self._since},
                peaks=self._site.known.peaks,
            )
            standings = verification.advance(standings, self._plan, seen)
            judged = verification.decide(standings, began=began, now=seen.now)
            if judged.check is not None:
                break
            self._report(f"verifying: {judged.text}")
            await self._clock.sleep(self._options.waiting.poll.total_seconds())
        check, text = judged.check, judged.text

        def verified(held: Run, its: Plan) -> Run:
            return run.verified(held, its, check, now=self._clock.now(), text=text)

        await self._move(verified, f"verification_{check.value}", text)

    @property
    def _since(self) -> datetime:
        """When this run began to change things."""
        return min(self._begun, default=self._run.started_at)

    @property
    def _begun(self) -> list[datetime]:
        """When each write was begun that was, by whomever."""
        return [
            record.intended_at
            for step, record in zip(self._plan.steps, self._run.steps, strict=True)
            if step.kind.writes and record.intended_at is not None
        ]

    # Guards.

    async def _forbidden(self) -> str:
        """Return why nothing may be written now; empty where it may."""
        requester = self._requester
        if requester is None:
            said = await self._votes_gone()
            # After its own writes another plan would be drafted: one that took it over midway goes
            # by the guards, as the one before did.
            if not said and not self._begun:
                said = await self._means.recheck(self._plan)
            if said:
                return said
            # Whom Slack does not vouch for has no role, and the guards say so.
            with contextlib.suppress(errors.BotError):
                requester = await self._person(self._plan.requester)
        settled = [i for i, one in enumerate(self._run.steps) if one.settled_at is not None]
        given = await self._means.situations.of(
            self._plan,
            self._site,
            Stage.WRITE,
            requester=requester,
            done=settled,
            own_run=self._run.name,
        )
        denied = guard.denials(guards.judge(given))
        if denied:
            return "; ".join(f"{one.guard}: {one.reason}" for one in denied[:3])
        self._requester = given.requester
        return ""

    async def _votes_gone(self) -> str:
        """Whether those who approved still may: roles are read again before the first write."""
        votes = await self._until_reached(lambda: self._journal.store.remedy.votes(self._plan.id))
        for user in approval.approvers(self._plan, votes):
            try:
                person = await self._person(user)
            except errors.Refused:
                return f"approver {user} is no longer a member who may approve"
            except errors.BotError as error:
                return f"whether approver {user} still may cannot be told now: {error}"
            if not person.may(Role.APPROVER):
                return f"approver {user} is no longer an approver"
        return ""

    async def _person(self, user: str) -> Person:
        """Return somebody with the roles of now. Raises Refused, Unavailable after some tries.

        Slack may just have asked to wait, as after many clicks at once: what was approved is not
        given up for that, and meanwhile nothing is written.
        """
        for _ in range(self._options.tries - 1):
            try:
                return await self._means.people.person(user, self._plan.cluster, fresh=True)
            except errors.Unavailable:
                await self._clock.sleep(self._options.again.total_seconds())
        return await self._means.people.person(user, self._plan.cluster, fresh=True)

    def _named(self, numbers: Sequence[int]) -> str:
        steps = [self._plan.steps[number] for number in numbers]
        return units.listing([f"{one.kind.value} {one.target}" for one in steps], most=5)

    async def _tell(self, reason: str, text: str, *, warning: bool = False) -> None:
        """Leave an Event on the workload, for those who look there first."""
        binding = next(
            (b for b in self._plan.bindings if b.target.key == self._plan.workload.key), None
        )
        if binding is not None:
            await self._site.actuator.tell(
                binding.target, uid=binding.uid, reason=reason, text=text, warning=warning
            )


async def _whole(work: Awaitable[T]) -> T:
    """Finish a piece of work even when cancelled midway, then be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_WITHIN)
        task.cancel()
        raise


_WITHIN = 5.0
"""Seconds that a write which is under way gets when the process is told to end."""
