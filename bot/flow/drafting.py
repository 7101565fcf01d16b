"""Drafting: what people ask for becomes a request, by whoever may look and try without changing.

Each call judges who asks anew, whichever way it came here.
"""

from collections.abc import Mapping
from dataclasses import replace

from bot import runbooks
from bot.domain import errors, plan, ticket
from bot.domain.access import Role
from bot.domain.incident import State
from bot.domain.plan import Plan
from bot.flow import ports
from bot.flow.authority import Authority
from bot.flow.offering import Offering
from bot.flow.propose import Proposing
from bot.flow.records import Records
from bot.flow.remedy_answers import MemoryBounds, Proposal, Wishes
from bot.flow.site import Site
from bot.flow.tickets import Tickets
from bot.runbooks import raise_memory


class Drafting:
    """Implements `remedy_answers.Drafting`.

    Args:
        sites: by cluster.
        store: incidents, plans and runs.
        authority: who may ask.
        tickets: proves what buttons carry.
        offering: what fits an incident.
        proposing: drafts plans.
    """

    def __init__(
        self,
        sites: Mapping[str, Site],
        store: ports.Store,
        *,
        authority: Authority,
        tickets: Tickets,
        offering: Offering,
        proposing: Proposing,
    ) -> None:
        self._sites = sites
        self._store = store
        self._records = Records(store)
        self._authority = authority
        self._tickets = tickets
        self._offering = offering
        self._proposing = proposing

    async def fix(self, ticket_value: str, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of the incident that a button is on."""
        number = await self._tickets.proved(ticket_value, ticket.Kind.INCIDENT)
        return await self.fix_incident(number, user, runbook=runbook)

    async def fix_incident(self, number: int, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of an incident by its number."""
        incident = await self._store.incident(number)
        if incident is None:
            raise errors.Refused(f"there is no INC-{number}")
        await self._authority.require(user, Role.REQUESTER, incident.cluster)
        if incident.state is State.RESOLVED:
            raise errors.Refused(f"{incident.name} is resolved: there is nothing to fix")
        fitting = self._offering.fitting(incident)
        if not fitting and not runbook and self._offering.unseen(incident):
            raise errors.Refused(
                f"cluster {incident.cluster} is not seen right now, so what would cure "
                f"{incident.name} cannot be told; try again in a moment"
            )
        if not fitting and not runbook:
            raise errors.Refused(f"no runbook fits {incident.name} ({incident.check})")
        name = runbook or fitting[0].runbook
        nodes = sorted({m.target.node for m in incident.affected if m.target.node})
        wishes = Wishes(node=nodes[0] if nodes else "")
        site = self._sites[incident.cluster]
        made = await self._proposing.propose(site, name, user, wishes, incident=incident)
        others = tuple(one for one in fitting if one.runbook != name)
        return replace(made, offers=made.offers or others)

    async def propose(
        self, cluster: str | None, runbook: str, user: str, *, wishes: Wishes, what_if: bool = False
    ) -> Proposal:
        """Draft a plan by a runbook's name, judge it and ask for approval."""
        where = self._authority.named(cluster)
        await self._authority.require(user, Role.VIEWER if what_if else Role.REQUESTER, where)
        site = self._sites[where]
        return await self._proposing.propose(site, runbook, user, wishes, what_if=what_if)

    async def memory_bounds(self, cluster: str | None) -> MemoryBounds:
        """Return what may be chosen as a memory limit."""
        given, _ = await self._proposing.case(self._sites[self._authority.named(cluster)], "")
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
        number = await self._tickets.proved(ticket_value, ticket.Kind.PLAN)
        held = await self._records.plan(number)
        site = await self._allowed(held, user)
        if held.state is not plan.State.PROPOSED:
            raise errors.Refused(f"{held.name} is {held.state.value}: ask for a fresh one")
        incident = await self._store.incident(held.incident) if held.incident else None
        return await self._proposing.propose(
            site,
            held.runbook,
            user,
            replace(wishes, node=held.asked.get("node", "")),
            incident=incident,
            instead_of=held,
        )

    async def undo(self, ticket_value: str, user: str) -> Proposal:
        """Propose taking back what the run did whose button was clicked."""
        number = await self._tickets.proved(ticket_value, ticket.Kind.RUN)
        return await self.undo_run(number, user)

    async def undo_run(self, number: int, user: str) -> Proposal:
        """Propose taking back what a run did, by its number."""
        held = await self._records.run(number)
        its = await self._records.plan(held.plan)
        return await self._proposing.undo(await self._allowed(its, user), its, held, user)

    async def _allowed(self, its: Plan, user: str) -> Site:
        """Return the site of a plan that somebody may ask about. Raises Refused."""
        await self._authority.require(user, Role.REQUESTER, its.cluster)
        return self._sites[its.cluster]
