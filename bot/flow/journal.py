"""Journal: what is decided and done, written down before and after, with the chain of deeds.

Each change of a run is one transaction: the run as it is in the store is read, moved one step by
the domain's own rules, and stored with a deed and a new edit of its card. So somebody else's
cancel is never overwritten, and an executor that was replaced cannot write any more.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from bot.domain import approval, errors, notice, run
from bot.domain.plan import Plan
from bot.domain.run import Run
from bot.flow import ports, tell

Move = Callable[[Run, Plan], Run]


class Journal:
    """Writes down what happens to plans and runs.

    Args:
        store: where.
        channel_of: the channel of a cluster.
        clock: time.
        told: called after something was written, to wake whoever tells it.
    """

    def __init__(
        self,
        store: ports.Store,
        channel_of: Callable[[str], str],
        *,
        clock: ports.Clock,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._channel_of = channel_of
        self._clock = clock
        self._told = told

    @property
    def store(self) -> ports.Store:
        """Where it is written."""
        return self._store

    def wake(self) -> None:
        """Say that something was written."""
        self._told()

    async def show(self, unit: ports.Unit, plan: Plan, *, first: bool = False) -> None:
        """Have a plan's card posted, or edited to what is true now, with this transaction."""
        channel = self._channel_of(plan.cluster)
        if not channel:
            return  # of a cluster that is configured no more
        await unit.enqueue(
            tell.plan_row(plan, channel, now=self._clock.now(), new_id=_new_id, first=first)
        )

    async def particulars(self, unit: ports.Unit, plan: Plan, detail: notice.Detail) -> None:
        """Have something told in the thread of a plan's card, whole."""
        channel = self._channel_of(plan.cluster)
        if not channel:
            return
        now = self._clock.now()
        for row in tell.plan_details(plan, detail, channel, now=now, new_id=_new_id):
            await unit.enqueue(row)

    async def read(self, unit: ports.Unit, number: int) -> Plan:
        """Return a plan as it is in this transaction. Raises Refused if there is none."""
        found = await unit.remedy.plan(number)
        if found is None:
            raise errors.Refused(f"there is no PLAN-{number}")
        return found

    async def start(self, plan: Plan, *, executor: str) -> Run:
        """Claim an approved plan. Raises Conflict if it is claimed, Refused if it may not start.

        That it says it is approved is not enough: the votes are counted here once more.
        """
        now = self._clock.now()
        begun = run.begin(plan, executor=executor, now=now)
        async with self._store.unit() as unit:
            votes = await unit.remedy.votes(plan.id)
            if missing := approval.unapproved(plan, votes):
                raise errors.Refused(missing)
            stored = await unit.remedy.start(plan, begun)
            by = ", ".join(approval.approvers(plan, votes))
            await unit.remedy.record(
                at=now, actor=executor, subject=stored.name, kind="run_started",
                text=f"{plan.name} ({plan.digest}), approved by {by}: {plan.title}",
            )  # fmt: skip
            await self.show(unit, plan)
        self._told()
        return stored

    async def take_over(self, number: int, plan: Plan, *, executor: str) -> Run:
        """Continue a run that somebody left.

        Raises Conflict if it ended or was taken meanwhile, Refused where nobody approved of what it
        would go on with.
        """
        async with self._store.unit() as unit:
            before = await self._running(unit, number)
            if missing := approval.unapproved(plan, await unit.remedy.votes(plan.id)):
                raise errors.Refused(missing)
            after = run.take_over(before, executor=executor)
            await unit.remedy.save_run(after, epoch=before.epoch)
            await unit.remedy.record(
                at=self._clock.now(), actor=executor, subject=after.name, kind="run_taken_over",
                text=f"left by {before.executor}",
            )  # fmt: skip
            await self.show(unit, plan)
        self._told()
        return after

    async def move(
        self, held: Run, plan: Plan, change: Move, *, kind: str, text: str, actor: str = ""
    ) -> Run:
        """Move a run by the domain's rules, as it is in the store now.

        Raises Conflict if another executor has taken it over or it has ended, Refused if the
        rules forbid the move.
        """
        now = self._clock.now()
        async with self._store.unit() as unit:
            before = await self._running(unit, held.id)
            if before.epoch != held.epoch:
                raise errors.Conflict(f"{held.name} was taken over by {before.executor}")
            after = change(before, plan)
            if after == before:
                return before
            await unit.remedy.save_run(after, epoch=before.epoch)
            await unit.remedy.record(
                at=now, actor=actor or held.executor, subject=held.name, kind=kind, text=text
            )
            if after.over:
                said = "; ".join(one for one in (after.cause, after.needs) if one)
                await unit.remedy.record(
                    at=now, actor=held.executor, subject=held.name,
                    kind=f"run_{after.state.value}", text=said,
                )  # fmt: skip
                await self.particulars(unit, plan, story(plan, after))
            await self.show(unit, plan)
        self._told()
        return after

    async def report(
        self, held: Run, plan: Plan, progress: str, *, gives_up_at: datetime | None = None
    ) -> None:
        """Show how far a run is, or what holds it up; no deed, and not worth a failure."""
        try:
            async with self._store.unit() as unit:
                before = await self._running(unit, held.id)
                after = replace(before, progress=progress, gives_up_at=gives_up_at)
                if before.epoch != held.epoch or after == before:
                    return
                await unit.remedy.save_run(after, epoch=before.epoch)
                await self.show(unit, plan)
        except (errors.Unavailable, errors.Conflict):
            return
        self._told()

    async def _running(self, unit: ports.Unit, number: int) -> Run:
        found = await unit.remedy.run(number)
        if found is None or found.over:
            raise errors.Conflict(f"RUN-{number} has ended")
        return found


def _new_id() -> str:
    return uuid.uuid4().hex


def story(plan: Plan, ended: Run) -> notice.Detail:
    """Tell how a run went, step by step, for the thread of its card."""
    lines = []
    for step, record in zip(plan.steps, ended.steps, strict=True):
        said = f": {record.text}" if record.text else ""
        lines.append(
            f"{record.state.value}: {step.text or f'{step.kind.value} {step.target}'}{said}"
        )
    undone = [
        f"{record.state.value}: taking back step {number + 1}: {record.text}"
        for number, record in sorted(ended.undone.items())
    ]
    sections = [notice.Section(heading="Steps", lines=tuple(lines))]
    if undone:
        sections.append(notice.Section(heading="Taken back", lines=tuple(undone)))
    why = tuple(one for one in (ended.cause, ended.needs) if one)
    if why:
        sections.append(notice.Section(heading="Why", lines=why))
    # A reply notifies those who follow the thread; what needs a person is shown to the channel.
    return notice.Detail(
        title=f"{ended.name} {ended.state.value.replace('_', ' ')}",
        sections=tuple(sections),
        broadcast=bool(ended.needs),
    )
