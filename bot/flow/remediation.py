"""Remediation: where changes are asked for, decided, watched and stopped, whoever asks.

Each call judges who asks anew. What a click carries is proved by its ticket and grants nothing.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot import runbooks
from bot.domain import audit, errors, freeze, plan, ticket
from bot.domain.access import Role
from bot.domain.approval import Answer, Choice, Outcome
from bot.domain.incident import Incident
from bot.domain.incident import State as IncidentState
from bot.domain.notice import PlanView
from bot.domain.plan import Plan
from bot.domain.run import Run
from bot.domain.ticket import Ticket
from bot.flannel import discovery
from bot.flow import ports, propose, remedy_answers, stops
from bot.flow.approve import Approving
from bot.flow.journal import Journal
from bot.flow.plancards import PlanCards
from bot.flow.propose import Proposing
from bot.flow.remedy_answers import Frozen, MemoryBounds, Offer, Proposal, Said, Wishes
from bot.flow.site import Site
from bot.flow.situations import Situations
from bot.runbooks import offers, raise_memory

CLI = "cli"
"""Who acts by the command line: whoever can reach the database may stop things."""

_SAY = (Role.REQUESTER, Role.APPROVER, Role.ADMIN)
"""Whoever has a say in changes may stop them, or have them wait."""

_KEY = "ticket key"


class Remediation:
    """Implements `remedy_answers.Remediation`, and `plancards.Clicks` for the buttons.

    Args:
        sites: by cluster.
        journal: where everything is written down.
        situations: what guards judge by.
        people: who somebody is now.
        proposing: drafts plans.
        approving: takes votes.
        clock: time.
        wake: called when there may be something to carry out or to stop.
    """

    def __init__(
        self,
        sites: Mapping[str, Site],
        journal: Journal,
        *,
        situations: Situations,
        people: remedy_answers.People,
        proposing: Proposing,
        approving: Approving,
        clock: ports.Clock,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._sites = sites
        self._journal = journal
        self._store = journal.store
        self._situations = situations
        self._people = people
        self._proposing = proposing
        self._approving = approving
        self._clock = clock
        self._wake = wake
        self._key: bytes | None = None
        self._cards = PlanCards(self._store, self)

    @property
    def enabled(self) -> bool:
        """Whether anything may be changed in any cluster."""
        return any(site.rules.enabled for site in self._sites.values())

    # Tickets.

    async def of_incident(self, incident: Incident) -> str:
        """Return the value of an incident's buttons; empty where nothing can be proposed.

        What fits cannot be told while the cluster is not seen, as right after a start. The button
        stays: it would come back a moment later, and a click is answered meanwhile.
        """
        if not self.offers_for(incident) and not self._unseen(incident):
            return ""
        return await self._button(Ticket(ticket.Kind.INCIDENT, incident.id))

    async def of_plan(self, its: Plan) -> str:
        """Return the value of a proposed plan's buttons."""
        return await self._button(Ticket(ticket.Kind.PLAN, its.id, its.digest))

    async def of_run(self, value: Run) -> str:
        """Return the value of a run's buttons."""
        return await self._button(Ticket(ticket.Kind.RUN, value.id))

    async def approvers(self, cluster: str) -> tuple[str, ...]:
        """Return the user ids that may vote on changes of a cluster."""
        return await self._people.who(Role.APPROVER, cluster)

    async def _button(self, its: Ticket) -> str:
        """Return a button's value. Raises Unavailable of the store."""
        return ticket.made(await self._secret(), its)

    async def _secret(self) -> bytes:
        if self._key is None:
            kept = await self._store.mark(_KEY)
            if kept is None:
                async with self._store.unit() as unit:
                    # Writers take turns, so what is read here no other process changes now.
                    if await self._store.mark(_KEY) is None:
                        await unit.set_mark(_KEY, secrets.token_hex(32))
                kept = await self._store.mark(_KEY)
            self._key = bytes.fromhex(kept or "")
        return self._key

    async def _proved(self, value: str, kind: ticket.Kind, digest: str = "") -> int:
        claimed = ticket.number(value)
        if claimed is None or claimed[0] is not kind:
            raise errors.Refused("this button is not one of this bot's; nothing was done")
        if kind is ticket.Kind.PLAN:
            its = await self._store.remedy.plan(claimed[1])
            digest = its.digest if its is not None else ""
        if not ticket.proves(await self._secret(), value, Ticket(kind, claimed[1], digest)):
            raise errors.Refused("this button is not one of this bot's; nothing was done")
        return claimed[1]

    # Proposing.

    async def offers(self, incident: int) -> Sequence[Offer]:
        """Return the runbooks that fit an incident, the best first."""
        found = await self._store.incident(incident)
        return self.offers_for(found) if found is not None else ()

    def offers_for(self, incident: Incident) -> Sequence[Offer]:
        """Return the runbooks that fit an incident; none while nothing may be changed."""
        site = self._sites.get(incident.cluster)
        if site is None or not site.rules.enabled or incident.state is IncidentState.RESOLVED:
            return ()
        taken = site.mirror.snapshot()
        given = runbooks.Case(
            snapshot=taken,
            now=self._clock.now(),
            requester="",
            # A replica that has just come may be asked before it has judged anything.
            flannels=site.known.newest.flannels or discovery.find(taken),
            peaks=site.known.peaks,
        )
        return propose.offered(offers.of(incident, given))

    def _unseen(self, incident: Incident) -> bool:
        """Whether only what is not seen now keeps a fix from being offered."""
        site = self._sites.get(incident.cluster)
        if site is None or not site.rules.enabled or incident.state is IncidentState.RESOLVED:
            return False
        work = incident.workload
        seen = site.mirror.snapshot().sees(work.kind, work.namespace, work.name)
        return offers.may_come(incident) and not seen

    async def fix(self, ticket_value: str, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of the incident that a button is on."""
        number = await self._proved(ticket_value, ticket.Kind.INCIDENT)
        return await self.fix_incident(number, user, runbook=runbook)

    async def fix_incident(self, number: int, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of an incident by its number."""
        incident = await self._store.incident(number)
        if incident is None:
            raise errors.Refused(f"there is no INC-{number}")
        await self._may(user, Role.REQUESTER, incident.cluster)
        if incident.state is IncidentState.RESOLVED:
            raise errors.Refused(f"{incident.name} is resolved: there is nothing to fix")
        fitting = self.offers_for(incident)
        if not fitting and not runbook and self._unseen(incident):
            raise errors.Refused(
                f"cluster {incident.cluster} is not seen right now, so what would cure "
                f"{incident.name} cannot be told; try again in a moment"
            )
        if not fitting and not runbook:
            raise errors.Refused(f"no runbook fits {incident.name} ({incident.check})")
        name = runbook or fitting[0].runbook
        nodes = sorted({m.target.node for m in incident.affected if m.target.node})
        wishes = Wishes(node=nodes[0] if nodes else "")
        site = self._site(incident.cluster)
        made = await self._proposing.propose(site, name, user, wishes, incident=incident)
        others = tuple(one for one in fitting if one.runbook != name)
        return replace(made, offers=made.offers or others)

    async def propose(
        self, cluster: str | None, runbook: str, user: str, *, wishes: Wishes, what_if: bool = False
    ) -> Proposal:
        """Draft a plan by a runbook's name, judge it and ask for approval."""
        site = self._site(cluster)
        await self._may(user, Role.VIEWER if what_if else Role.REQUESTER, site.cluster)
        return await self._proposing.propose(site, runbook, user, wishes, what_if=what_if)

    async def memory_bounds(self, cluster: str | None) -> MemoryBounds:
        """Return what may be chosen as a memory limit."""
        given, _ = await self._proposing.case(self._site(cluster), "")
        found = raise_memory.bounds(given)
        if isinstance(found, runbooks.NoPlan):
            raise errors.Refused(found.reason)
        return MemoryBounds(
            suggested=found.suggested,
            least=found.least,
            most=found.most,
            present=found.present,
            reasoning=found.reasons,
        )

    async def amend(self, ticket_value: str, user: str, *, wishes: Wishes) -> Proposal:
        """Draft a proposed plan anew with other wishes; the old one is superseded."""
        held = await self._plan(await self._proved(ticket_value, ticket.Kind.PLAN))
        await self._may(user, Role.REQUESTER, held.cluster)
        if held.state is not plan.State.PROPOSED:
            raise errors.Refused(f"{held.name} is {held.state.value}: ask for a fresh one")
        incident = await self._store.incident(held.incident) if held.incident else None
        return await self._proposing.propose(
            self._site(held.cluster),
            held.runbook,
            user,
            replace(wishes, node=held.asked.get("node", "")),
            incident=incident,
            instead_of=held,
        )

    # Deciding.

    async def vote(
        self, ticket_value: str, user: str, choice: Choice, *, reason: str = ""
    ) -> Outcome:
        """Approve or reject the plan whose button was clicked."""
        held = await self._plan(await self._proved(ticket_value, ticket.Kind.PLAN))
        outcome = await self._approving.vote(
            held, self._site(held.cluster), user, choice, digest=held.digest, reason=reason
        )
        if outcome.answer is Answer.APPROVED:
            self._wake()
        return outcome

    async def withdraw(self, number: int, user: str, *, reason: str = "") -> Outcome:
        """Take a request back."""
        return await self._approving.withdraw(await self._plan(number), user, reason=reason)

    # Watching.

    async def plan(self, number: int) -> PlanView:
        """Show a plan."""
        return await self._view((await self._plan(number)).id)

    async def run(self, number: int) -> PlanView:
        """Show a run and its plan."""
        return await self._view((await self._run(number)).plan)

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

    # Stopping and taking back.

    async def cancel(self, ticket_value: str, user: str) -> Said:
        """Cancel the run whose button was clicked."""
        return await self.cancel_run(await self._proved(ticket_value, ticket.Kind.RUN), user)

    async def cancel_run(self, number: int, user: str) -> Said:
        """Cancel a run by its number."""
        held = await self._run(number)
        its = await self._plan(held.plan)
        if not await self._has_a_say(user, held.cluster):
            return await self._cannot("cancel a run", Role.APPROVER, held.cluster)
        said = await stops.cancel(self._journal, held, its, by=user, clock=self._clock)
        self._wake()
        return said

    async def prolong(self, ticket_value: str, user: str) -> Said:
        """Have the run whose button was clicked wait longer for what holds it up."""
        held = await self._run(await self._proved(ticket_value, ticket.Kind.RUN))
        if not await self._has_a_say(user, held.cluster):
            return await self._cannot("have a run wait longer", Role.APPROVER, held.cluster)
        return await stops.prolong(self._journal, held, await self._plan(held.plan), by=user)

    async def undo(self, ticket_value: str, user: str) -> Proposal:
        """Propose taking back what the run did whose button was clicked."""
        return await self.undo_run(await self._proved(ticket_value, ticket.Kind.RUN), user)

    async def undo_run(self, number: int, user: str) -> Proposal:
        """Propose taking back what a run did, by its number."""
        held = await self._run(number)
        await self._may(user, Role.REQUESTER, held.cluster)
        its = await self._plan(held.plan)
        return await self._proposing.undo(self._site(its.cluster), its, held, user)

    # Freezing.

    async def freeze(
        self, cluster: str | None, user: str, *, lasts: timedelta, reason: str
    ) -> Said:
        """Forbid changes for a while: by everybody who has a say in changes there."""
        where = self._named(cluster) if cluster is not None else None
        if not await self._has_a_say(user, where):
            return await self._cannot("freeze changes", Role.ADMIN, where)
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
        where = self._named(cluster) if cluster is not None else None
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
            return await self._cannot("lift a freeze that somebody else set", Role.ADMIN, where)
        self._wake()
        return stops.told(lifted)

    async def frozen(self) -> Sequence[Frozen]:
        """Return the freezes in force, by people and by the calendar."""
        found = []
        for cluster, site in self._sites.items():
            why = await self._situations.closed(site)
            if why is not None:
                found.append(Frozen(cluster, freeze.told(why)))
        return found

    async def deeds(self, limit: int) -> Sequence[audit.Entry]:
        """Return the last entries of the chain of deeds, oldest first."""
        return await self._store.remedy.latest_deeds(limit)

    # What they share.

    async def _has_a_say(self, user: str, cluster: str | None) -> bool:
        """Whether somebody may stop changes or let them go on, there or everywhere."""
        if user == CLI:
            return True
        person = await self._people.person(user, cluster, fresh=True)
        return any(person.may(role) for role in _SAY)

    async def _may(self, user: str, role: Role, cluster: str) -> None:
        """Raise Refused, naming who may, where somebody lacks a role in a cluster."""
        if not self._site(cluster).rules.enabled and role is not Role.VIEWER:
            if self.enabled:
                raise errors.Refused(
                    f"this bot only observes {cluster}: `remediation.enabled` is off there"
                )
            raise errors.Refused("this bot only observes: `remediation.enabled` is off")
        person = await self._people.person(user, cluster)
        if not person.may(role):
            raise errors.Refused((await self._cannot("ask for a change", role, cluster)).text)

    async def _cannot(self, what: str, role: Role, cluster: str | None) -> Said:
        who = await self._people.who(role, cluster)
        key = f"access.{role.value}s"
        others = f"{', '.join(f'<@{one}>' for one in who)} may" if who else f"`{key}` names nobody"
        if len(self._sites) == 1:
            return Said(False, f"You may not {what}: {others}.", who)
        return Said(False, f"You may not {what} in {cluster or stops.ALL}: {others}.", who)

    def _named(self, cluster: str | None) -> str:
        return self._site(cluster).cluster

    def _site(self, cluster: str | None) -> Site:
        if cluster is None and len(self._sites) == 1:
            return next(iter(self._sites.values()))
        found = self._sites.get(cluster or "")
        if found is None:
            known = ", ".join(f"@{one}" for one in self._sites)
            raise errors.Refused(f"say which cluster: {known}")
        return found

    async def _plan(self, number: int) -> Plan:
        found = await self._store.remedy.plan(number)
        if found is None:
            known = [one.name for one in await self._store.remedy.plans(open_only=False)][:5]
            newest = f"; the newest are {', '.join(known)}" if known else "; there is none yet"
            raise errors.Refused(f"there is no PLAN-{number}{newest}")
        return found

    async def _run(self, number: int) -> Run:
        found = await self._store.remedy.run(number)
        if found is None:
            raise errors.Refused(f"there is no RUN-{number}")
        return found
