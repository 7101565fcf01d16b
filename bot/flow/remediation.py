"""Remediation: where changes are asked for, decided, watched and stopped, whoever asks.

Each call judges who asks anew. What a click carries is proved by its ticket and grants nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from bot.domain import errors, freeze, ticket
from bot.domain.access import Role
from bot.domain.approval import Answer, Choice, Outcome
from bot.domain.incident import Incident
from bot.domain.notice import PlanView
from bot.domain.plan import Plan
from bot.domain.run import Run
from bot.domain.ticket import Ticket
from bot.flow import ports, remedy_answers, stops
from bot.flow.approve import Approving
from bot.flow.authority import CLI, Authority
from bot.flow.journal import Journal
from bot.flow.offering import Offering
from bot.flow.plancards import PlanCards
from bot.flow.records import Records
from bot.flow.remedy_answers import Frozen, MemoryBounds, Offer, Proposal, Said, Wishes
from bot.flow.site import Ground
from bot.flow.situations import Situations
from bot.flow.tickets import Tickets


class Remediation:
    """Implements `remedy_answers.Remediation`, and `plancards.Clicks` for the buttons.

    Args:
        grounds: by cluster.
        journal: where everything is written down.
        situations: what keeps changes from being made.
        people: who somebody is now.
        drafting: where what is asked for becomes a request.
        approving: takes votes.
        clock: time.
        wake: called when there may be something to carry out or to stop.
    """

    def __init__(
        self,
        grounds: Mapping[str, Ground],
        journal: Journal,
        *,
        situations: Situations,
        people: remedy_answers.People,
        drafting: remedy_answers.Drafting,
        approving: Approving,
        clock: ports.Clock,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._grounds = grounds
        self._journal = journal
        self._store = journal.store
        self._situations = situations
        self._people = people
        self._drafting = drafting
        self._approving = approving
        self._clock = clock
        self._wake = wake
        self._authority = Authority(grounds, people)
        self._offering = Offering(grounds, clock=clock)
        self._records = Records(journal.store)
        self._tickets = Tickets(journal.store)
        self._cards = PlanCards(self._store, self)

    @property
    def enabled(self) -> bool:
        """Whether anything may be changed in any cluster."""
        return self._authority.enabled

    # Tickets.

    async def of_incident(self, incident: Incident) -> str:
        """Return the value of an incident's buttons; empty where nothing can be proposed.

        What fits cannot be told while the cluster is not seen, as right after a start. The button
        stays: it would come back a moment later, and a click is answered meanwhile.
        """
        if not self._offering.fitting(incident) and not self._offering.unseen(incident):
            return ""
        return await self._tickets.value(Ticket(ticket.Kind.INCIDENT, incident.id))

    async def of_plan(self, its: Plan) -> str:
        """Return the value of a proposed plan's buttons."""
        return await self._tickets.value(Ticket(ticket.Kind.PLAN, its.id, its.digest))

    async def of_run(self, value: Run) -> str:
        """Return the value of a run's buttons."""
        return await self._tickets.value(Ticket(ticket.Kind.RUN, value.id))

    async def approvers(self, cluster: str) -> tuple[str, ...]:
        """Return the user ids that may vote on changes of a cluster."""
        return await self._people.who(Role.APPROVER, cluster)

    # Asking for changes.

    async def offers(self, incident: int) -> Sequence[Offer]:
        """Return the runbooks that fit an incident, the best first."""
        found = await self._store.incident(incident)
        return self._offering.fitting(found) if found is not None else ()

    async def fix(self, ticket_value: str, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of the incident that a button is on."""
        return await self._drafting.fix(ticket_value, user, runbook=runbook)

    async def fix_incident(self, number: int, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of an incident by its number."""
        return await self._drafting.fix_incident(number, user, runbook=runbook)

    async def propose(
        self, cluster: str | None, runbook: str, user: str, *, wishes: Wishes, what_if: bool = False
    ) -> Proposal:
        """Draft a plan by a runbook's name, judge it and ask for approval."""
        return await self._drafting.propose(cluster, runbook, user, wishes=wishes, what_if=what_if)

    async def memory_bounds(self, cluster: str | None) -> MemoryBounds:
        """Return what may be chosen as a memory limit."""
        return await self._drafting.memory_bounds(cluster)

    async def amend(self, ticket_value: str, user: str, *, wishes: Wishes) -> Proposal:
        """Draft a proposed plan anew with other wishes; the old one is superseded."""
        return await self._drafting.amend(ticket_value, user, wishes=wishes)

    async def undo(self, ticket_value: str, user: str) -> Proposal:
        """Propose taking back what the run did whose button was clicked."""
        return await self._drafting.undo(ticket_value, user)

    async def undo_run(self, number: int, user: str) -> Proposal:
        """Propose taking back what a run did, by its number."""
        return await self._drafting.undo_run(number, user)

    # Deciding.

    async def vote(
        self, ticket_value: str, user: str, choice: Choice, *, reason: str = ""
    ) -> Outcome:
        """Approve or reject the plan whose button was clicked."""
        held = await self._records.plan(await self._tickets.proved(ticket_value, ticket.Kind.PLAN))
        self._authority.named(held.cluster)  # refused where it is configured no more
        outcome = await self._approving.vote(held, user, choice, digest=held.digest, reason=reason)
        if outcome.answer is Answer.APPROVED:
            self._wake()
        return outcome

    async def withdraw(self, number: int, user: str, *, reason: str = "") -> Outcome:
        """Take a request back."""
        return await self._approving.withdraw(await self._records.plan(number), user, reason=reason)

    # Watching.

    async def plan(self, number: int) -> PlanView:
        """Show a plan."""
        return await self._view((await self._records.plan(number)).id)

    async def run(self, number: int) -> PlanView:
        """Show a run and its plan."""
        return await self._view((await self._records.run(number)).plan)

    async def _view(self, number: int) -> PlanView:
        found = await self._cards.view(number, now=self._clock.now())
        if found is None:
            raise errors.Refused(f"there is no PLAN-{number}")
        return found

    async def pending(self) -> Mapping[str, Sequence[PlanView]]:
        """Return what waits or works, by cluster."""
        found: dict[str, list[PlanView]] = defaultdict(list)
        for held in await self._store.remedy.plans():
            if not held.expired(self._clock.now()):
                found[held.cluster].append(await self._view(held.id))
        for one in await self._store.remedy.runs():
            found[one.cluster].append(await self._view(one.plan))
        return found

    # Stopping.

    async def cancel(self, ticket_value: str, user: str) -> Said:
        """Cancel the run whose button was clicked."""
        return await self.cancel_run(
            await self._tickets.proved(ticket_value, ticket.Kind.RUN), user
        )

    async def cancel_run(self, number: int, user: str) -> Said:
        """Cancel a run by its number."""
        held = await self._records.run(number)
        its = await self._records.plan(held.plan)
        if not await self._authority.has_a_say(user, held.cluster):
            return await self._authority.cannot("cancel a run", Role.APPROVER, held.cluster)
        said = await stops.cancel(self._journal, held, its, by=user, clock=self._clock)
        self._wake()
        return said

    async def prolong(self, ticket_value: str, user: str) -> Said:
        """Have the run whose button was clicked wait longer for what holds it up."""
        return await self.prolong_run(
            await self._tickets.proved(ticket_value, ticket.Kind.RUN), user
        )

    async def prolong_run(self, number: int, user: str) -> Said:
        """Have a run wait longer by its number."""
        held = await self._records.run(number)
        if not await self._authority.has_a_say(user, held.cluster):
            return await self._authority.cannot(
                "have a run wait longer", Role.APPROVER, held.cluster
            )
        return await stops.prolong(
            self._journal, held, await self._records.plan(held.plan), by=user
        )

    # Freezing.

    async def freeze(
        self, cluster: str | None, user: str, *, lasts: timedelta, reason: str
    ) -> Said:
        """Forbid changes for a while: by everybody who has a say in changes there."""
        where = self._authority.named(cluster) if cluster is not None else None
        if not await self._authority.has_a_say(user, where):
            return await self._authority.cannot("freeze changes", Role.ADMIN, where)
        return await stops.freeze_changes(
            self._store,
            cluster=where or "",
            by=user,
            lasts=lasts,
            reason=reason,
            clock=self._clock,
        )

    async def unfreeze(self, cluster: str | None, user: str) -> Said:
        """Lift freezes: each by the admins of what it freezes, and by whoever set it."""
        where = self._authority.named(cluster) if cluster is not None else None
        admin = {}
        if user != CLI:
            await self._people.person(user, where, fresh=True)
            held = await self._store.remedy.freezes(now=self._clock.now())
            for frozen in {one.cluster for _, one in held}:
                person = await self._people.person(user, frozen or None)
                admin[frozen] = person.may(Role.ADMIN)
        lifted, left = await stops.unfreeze(
            self._store,
            cluster=where or "",
            by=user,
            may=lambda held: user in (CLI, held.by) or admin.get(held.cluster, False),
            clock=self._clock,
        )
        if not lifted and left:
            return await self._authority.cannot(
                "lift a freeze that somebody else set", Role.ADMIN, where
            )
        self._wake()
        return stops.told(lifted)

    async def frozen(self) -> Sequence[Frozen]:
        """Return the freezes in force, by people and by the calendar."""
        found = []
        for cluster, ground in self._grounds.items():
            why = await self._situations.closed(ground)
            if why is not None:
                found.append(Frozen(cluster, freeze.told(why)))
        return found
