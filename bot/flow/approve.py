"""Approve: one click on one plan, judged anew by who clicks, by the guards and by fresh looks.

What the click is worth is decided by `bot.domain.approval`, in the transaction that stores it, on
the plan and the votes as they are there. Before an approval counts, the plan is drafted again: if
it would be another plan by now it is void, and the fresh one asks anew.
"""

from collections.abc import Sequence

import structlog

from bot import guards
from bot.domain import approval, errors, guard, plan
from bot.domain.access import Person, Role
from bot.domain.approval import Answer, Choice, Outcome
from bot.domain.plan import Plan
from bot.flow import ports, propose, remedy_answers
from bot.flow.journal import Journal
from bot.flow.site import Site
from bot.flow.situations import Situations
from bot.guards import Stage

log = structlog.get_logger(__name__)


class Approving:
    """Takes votes.

    Args:
        journal: where they are written down.
        situations: what guards judge by.
        people: who somebody is now.
        proposing: drafts plans anew.
        clock: time.
    """

    def __init__(
        self,
        journal: Journal,
        situations: Situations,
        people: remedy_answers.People,
        proposing: propose.Proposing,
        *,
        clock: ports.Clock,
    ) -> None:
        self._journal = journal
        self._situations = situations
        self._people = people
        self._proposing = proposing
        self._clock = clock

    async def vote(
        self, held: Plan, site: Site, user: str, choice: Choice, *, digest: str, reason: str = ""
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
            said = await self._void(held, site)
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
            fresh = await self._read(unit, held.id)
            outcome = approval.withdraw(fresh, person, now=now, reason=reason)
            if outcome.changed:
                await self._keep(unit, fresh, outcome, user)
        self._journal.wake()
        return outcome

    async def _void(self, held: Plan, site: Site) -> Outcome | None:
        """Return why an approval cannot count now; None where it can."""
        fresh = await self._proposing.fresh(held)
        if isinstance(fresh, str) and fresh:
            return Outcome(Answer.DENIED, held, f"{held.name} cannot be approved now: {fresh}")
        if isinstance(fresh, Plan) and (why := propose.difference(held, fresh)):
            return await self._superseded(held, fresh, site, why)
        given = await self._situations.of(held, site, Stage.CLICK)
        denied = guard.denials(guards.judge(given))
        if denied:
            reasons = "; ".join(f"{one.guard}: {one.reason}" for one in denied[:3])
            return Outcome(Answer.DENIED, held, f"{held.name} cannot be approved now: {reasons}")
        return None

    async def _superseded(self, held: Plan, fresh: Plan, site: Site, why: str) -> Outcome:
        now = self._clock.now()
        async with self._journal.store.unit() as unit:
            stored = await self._read(unit, held.id)
            voided = approval.supersede(stored, now=now, reason=why)
            if voided.state is stored.state:
                text = f"{held.name} was {stored.state.value} already."
                return Outcome(Answer.DECIDED, stored, text, people=stored.decided_by)
            await unit.remedy.save_plan(voided)
            await unit.remedy.record(
                at=now, actor="flannel-bot", subject=held.name, kind="plan_superseded", text=why
            )
            await self._journal.show(unit, voided)
        self._journal.wake()
        text = f"{held.name} is void: {why}."
        try:
            judged = await self._proposing.judged(site, fresh, stage=Stage.PROPOSE)
            again = None if guard.denials(judged.verdicts) else await self._proposing.open(judged)
        except errors.BotError as error:
            log.warning("plan_not_drafted_anew", plan=held.name, error=str(error))
            again = None
        if again is not None and again.plan is not None:
            text += f" {again.plan.name} asks anew."
        return Outcome(Answer.SUPERSEDED, voided, text)

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
            fresh = await self._read(unit, number)
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

    async def _read(self, unit: ports.Unit, number: int) -> Plan:
        found = await unit.remedy.plan(number)
        if found is None:
            raise errors.Refused(f"there is no PLAN-{number}")
        return found
