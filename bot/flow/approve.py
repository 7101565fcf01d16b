"""Approve: one click on one plan, judged anew by who clicks, by the guards and by fresh looks.

What the click is worth is decided by `bot.domain.approval`, in the transaction that stores it, on
the plan and the votes as they are there. Before an approval counts, the plan is drafted again: if
it would be another plan by now it is void, and the fresh one asks anew.
"""

from collections.abc import Awaitable, Callable, Sequence

from bot.domain import approval, plan
from bot.domain.access import Person, Role
from bot.domain.approval import Answer, Choice, Outcome
from bot.domain.plan import Plan
from bot.flow import ports, remedy_answers
from bot.flow.journal import Journal


class Approving:
    """Takes votes.

    Args:
        journal: where they are written down.
        people: who somebody is now.
        void: says why an approval of a plan cannot count now; None where it can.
        clock: time.
    """

    def __init__(
        self,
        journal: Journal,
        people: remedy_answers.People,
        *,
        void: Callable[[Plan], Awaitable[Outcome | None]],
        clock: ports.Clock,
    ) -> None:
        self._journal = journal
        self._people = people
        self._void = void
        self._clock = clock

    async def vote(
        self, held: Plan, user: str, choice: Choice, *, digest: str, reason: str = ""
    ) -> Outcome:
        """Judge a click, and store what it changes. Raises Refused and Unavailable of people."""
        person = await self._people.person(user, held.cluster, fresh=True)
        approvers = await self._people.who(Role.APPROVER, held.cluster)
        votes = await self._journal.store.remedy.votes(held.id)
        # Looking anew takes seconds: not for a click that can count for nothing.
        would = approval.vote(
            held, votes, person, choice, digest=digest, now=self._clock.now(), reason=reason,
            approvers=approvers,
        )  # fmt: skip
        if choice is Choice.APPROVE and would.answer in (Answer.COUNTED, Answer.APPROVED):
            said = await self._void(held)
            if said is not None:
                return said
        return await self._stored(
            held.id, person, choice, digest=digest, reason=reason, approvers=approvers
        )

    async def withdraw(self, held: Plan, user: str, *, reason: str) -> Outcome:
        """Take a request back."""
        person = await self._people.person(user, held.cluster, fresh=True)
        now = self._clock.now()
        async with self._journal.store.unit() as unit:
            fresh = await self._journal.read(unit, held.id)
            outcome = approval.withdraw(fresh, person, now=now, reason=reason)
            if outcome.changed:
                await self._keep(unit, fresh, outcome, user)
        self._journal.wake()
        return outcome

    async def _stored(
        self,
        number: int,
        person: Person,
        choice: Choice,
        *,
        digest: str,
        reason: str,
        approvers: Sequence[str],
    ) -> Outcome:
        async with self._journal.store.unit() as unit:
            fresh = await self._journal.read(unit, number)
            votes = await unit.remedy.votes(number)
            outcome = approval.vote(
                fresh, votes, person, choice, digest=digest, now=self._clock.now(),
                reason=reason, approvers=approvers,
            )  # fmt: skip
            if outcome.changed:
                await self._keep(unit, fresh, outcome, person.id)
        self._journal.wake()
        return outcome

    async def _keep(self, unit: ports.Unit, before: Plan, outcome: Outcome, user: str) -> None:
        now = self._clock.now()
        if outcome.vote is not None:
            await unit.remedy.add_vote(outcome.vote)
        after = outcome.plan
        if after.state is not before.state:
            await unit.remedy.save_plan(after)
        kind = f"plan_{after.state.value}"
        if after.state is plan.State.PROPOSED:
            kind = "plan_vote"
        said = f"{after.title} ({after.digest})"
        await unit.remedy.record(
            at=now, actor=user, subject=after.name, kind=kind,
            text="; ".join(one for one in (said, after.reason) if one),
        )  # fmt: skip
        if after.incident is not None:
            await unit.add_timeline(
                at=now, subject=f"INC-{after.incident}", kind=kind,
                text=f"{after.name}: {after.title}",
            )  # fmt: skip
        await self._journal.show(unit, after)
