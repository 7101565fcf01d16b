"""Recheck: whether an approval of a plan may count at this very moment.

The plan is drafted again: if it would be another plan by now it is void, and the fresh one asks
anew. Guards are asked as well.
"""

from collections.abc import Mapping

import structlog

from bot import guards
from bot.domain import approval, errors, guard
from bot.domain.approval import Answer, Outcome
from bot.domain.plan import Plan
from bot.flow import authority, ports, propose
from bot.flow.journal import Journal
from bot.flow.site import Site
from bot.flow.situations import Situations
from bot.guards import Stage

log = structlog.get_logger(__name__)


class Rechecking:
    """Rechecks plans.

    Args:
        sites: by cluster.
        journal: where it is written down that one is void.
        situations: what guards judge by.
        proposing: drafts plans anew.
        clock: time.
    """

    def __init__(
        self,
        sites: Mapping[str, Site],
        journal: Journal,
        situations: Situations,
        proposing: propose.Proposing,
        *,
        clock: ports.Clock,
    ) -> None:
        self._sites = sites
        self._journal = journal
        self._situations = situations
        self._proposing = proposing
        self._clock = clock

    async def void(self, held: Plan) -> Outcome | None:
        """Return why an approval cannot count now; None where it can."""
        site = self._sites[authority.named(self._sites, held.cluster)]
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
            stored = await self._journal.read(unit, held.id)
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
