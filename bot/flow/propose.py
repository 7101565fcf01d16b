"""Propose: draft a plan from fresh looks, have the guards judge it, and ask for approval.

A plan is drafted from what is true at this moment, and drafted again at each approving click and
before the first write: if it would be another plan by then, it is void.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot import guards, runbooks
from bot.domain import approval, errors, guard, plan, units
from bot.domain.drain import NodePod
from bot.domain.incident import Incident
from bot.domain.plan import Effect, Plan, Prediction
from bot.domain.run import Run
from bot.flannel import inspection
from bot.flow import plancards, ports
from bot.flow.journal import Journal
from bot.flow.remedy_answers import Offer, Proposal
from bot.flow.site import Site
from bot.flow.situations import Situations
from bot.guards import Stage
from bot.runbooks import Case, NoPlan, Wishes, undoing

log = structlog.get_logger(__name__)

_UNDO = "undo"
"""In what was asked: the number of the run to be taken back."""

ON_A_NODE = frozenset({"drain", "evict-veth", "restart"})
"""Runbooks that are asked for with a node."""


@dataclass(frozen=True, slots=True)
class Options:
    """How plans are drafted."""

    look_age: timedelta = timedelta(seconds=30)
    """How old a look may be that a plan is drafted from."""
    again: tuple[timedelta, ...] = (timedelta(seconds=1), timedelta(seconds=2))
    """Pauses before looking again at nodes that could not be read though their flannel runs."""
    again_at: int = 20
    """More such nodes than this are no matter of a moment: they are told at once."""


class Proposing:
    """Drafts and opens requests.

    Args:
        sites: by cluster.
        journal: where it is written down.
        situations: what guards judge by.
        clock: time.
        options: how plans are drafted.
    """

    def __init__(
        self,
        sites: Mapping[str, Site],
        journal: Journal,
        situations: Situations,
        *,
        clock: ports.Clock,
        options: Options,
    ) -> None:
        self._sites = sites
        self._journal = journal
        self._situations = situations
        self._clock = clock
        self._options = options

    async def case(
        self, site: Site, requester: str, *, node: str = "", incident: Incident | None = None
    ) -> tuple[Case, str]:
        """Look at all that a runbook may look at. Returns it with the node's full name.

        With `node` that node alone is looked at. Raises Refused for a node that is none.
        """
        where = await site.sight.whole()
        name = site.sight.node(where, node) if node else ""
        wanted = [name] if name else sorted(where.flannel_on)
        found = await site.looks.nodes(wanted, max_age=self._options.look_age)
        after = await site.sight.whole()
        documents = {
            one.name: (await site.actuator.daemonset(one.namespace, one.daemonset)).document
            for one in after.flannels
        }
        pods: dict[str, tuple[NodePod, ...]] = {}
        if name:
            pods[name] = tuple(await site.actuator.pods_on(name))
        seen = {n: one for n, one in found.items() if isinstance(one, inspection.Inspection)}
        return (
            Case(
                snapshot=after.snapshot,
                now=self._clock.now(),
                requester=requester,
                flannels=after.flannels,
                documents=documents,
                inspections=seen,
                unseen={n: str(one) for n, one in found.items() if n not in seen},
                net_confs=after.net_confs,
                peaks=site.known.peaks,
                pods=pods,
                incident=incident,
                own_node=site.own_node,
                limits=site.rules.drafting,
            ),
            name,
        )

    async def draft(
        self,
        site: Site,
        runbook: str,
        requester: str,
        wishes: Wishes,
        *,
        incident: Incident | None = None,
    ) -> Plan | NoPlan:
        """Draft a plan now. Raises Refused for a runbook or node that is none, Unavailable.

        A flannel that is just being started anew cannot be looked at, and a moment later it runs
        again and could be. Whoever clicked in that moment is not refused for it: what could not be
        read of nodes that the plan restarts is read again, a few times.
        """
        drafted = await self._drafted(site, runbook, requester, wishes, incident)
        for pause in self._options.again:
            unread = unsettled(drafted) if isinstance(drafted, Plan) else ()
            if not 0 < len(unread) <= self._options.again_at:
                break
            await self._clock.sleep(pause.total_seconds())
            await site.looks.nodes(unread, max_age=timedelta(0))
            drafted = await self._drafted(site, runbook, requester, wishes, incident)
        return drafted

    async def _drafted(
        self,
        site: Site,
        runbook: str,
        requester: str,
        wishes: Wishes,
        incident: Incident | None,
    ) -> Plan | NoPlan:
        write = runbooks.ALL_RUNBOOKS.get(runbook)
        if write is None:
            known = ", ".join(runbooks.ALL_RUNBOOKS)
            raise errors.Refused(f"there is no runbook {runbook!r}; there are {known}")
        if runbook in ON_A_NODE and not wishes.node:
            raise errors.Refused(f"say which node: `{runbook} NODE`")
        node = wishes.node if runbook in ON_A_NODE else ""
        given, name = await self.case(site, requester, node=node, incident=incident)
        wishes = replace(wishes, node=name)
        drafted = await asyncio.to_thread(write, given, wishes)
        if isinstance(drafted, NoPlan):
            return drafted
        return replace(
            drafted,
            incident=incident.id if incident is not None else None,
            asked=_kept(wishes),
        )

    async def judged(self, site: Site, drafted: Plan, *, stage: Stage) -> Plan:
        """Return a plan with what the guards say of it now."""
        given = await self._situations.of(drafted, site, stage)
        return replace(drafted, verdicts=guards.judge(given))

    async def propose(
        self,
        site: Site,
        runbook: str,
        requester: str,
        wishes: Wishes,
        *,
        incident: Incident | None = None,
        what_if: bool = False,
        instead_of: Plan | None = None,
    ) -> Proposal:
        """Draft, judge, and open a request, unless it is only asked what would be."""
        drafted = await self.draft(site, runbook, requester, wishes, incident=incident)
        if isinstance(drafted, NoPlan):
            return Proposal(
                reason=drafted.reason, manual=drafted.manual, offers=offered(drafted.instead)
            )
        drafted = await self.judged(site, drafted, stage=Stage.PROPOSE)
        denied = guard.denials(drafted.verdicts)
        if what_if or denied:
            return Proposal(plan=drafted, denials=denied)
        return await self._open(drafted, instead_of=instead_of)

    async def undo(self, site: Site, done: Plan, ended: Run, requester: str) -> Proposal:
        """Ask for taking back what a run has done, which is a plan of its own."""
        drafted = await self._undoing(site, done, ended, requester)
        if isinstance(drafted, NoPlan):
            return Proposal(
                reason=drafted.reason, manual=drafted.manual, offers=offered(drafted.instead)
            )
        drafted = await self.judged(site, drafted, stage=Stage.PROPOSE)
        denied = guard.denials(drafted.verdicts)
        return Proposal(plan=drafted, denials=denied) if denied else await self.open(drafted)

    async def _undoing(self, site: Site, done: Plan, ended: Run, requester: str) -> Plan | NoPlan:
        given, _ = await self.case(site, requester)
        drafted = await asyncio.to_thread(undoing.draft, given, done, ended)
        if isinstance(drafted, NoPlan):
            return drafted
        return replace(drafted, asked={_UNDO: str(ended.id)})

    async def open(self, drafted: Plan) -> Proposal:
        """Ask for approval of a plan that was drafted and judged already."""
        return await self._open(drafted, instead_of=None)

    async def _open(self, drafted: Plan, *, instead_of: Plan | None) -> Proposal:
        now = self._clock.now()
        async with self._journal.store.unit() as unit:
            for waiting in await self._journal.store.remedy.plans(cluster=drafted.cluster):
                if approval.expire(waiting, now=now).state is not plan.State.PROPOSED:
                    continue
                replaced = instead_of is not None and waiting.id == instead_of.id
                if not replaced and not _about_the_same(waiting, drafted):
                    continue
                if not replaced and same(waiting, drafted):
                    return Proposal(plan=waiting, reason=f"{waiting.name} asks for that already")
                voided = approval.supersede(waiting, now=now, reason="a newer plan was drafted")
                await unit.remedy.save_plan(voided)
                await unit.remedy.record(
                    at=now, actor=drafted.requester, subject=waiting.name,
                    kind="plan_superseded", text=voided.reason,
                )  # fmt: skip
                await self._journal.show(unit, voided)
            stored = await unit.remedy.save_plan(drafted)
            await unit.remedy.record(
                at=now, actor=stored.requester, subject=stored.name, kind="plan_proposed",
                text=f"{stored.title} ({stored.digest})",
            )  # fmt: skip
            if stored.incident is not None:
                await unit.add_timeline(
                    at=now, subject=f"INC-{stored.incident}", kind="plan_proposed",
                    text=f"{stored.name}: {stored.title}",
                )  # fmt: skip
            await self._journal.show(unit, stored, first=True)
            await self._journal.particulars(unit, stored, plancards.particulars(stored))
        log.info("plan_proposed", plan=stored.name, runbook=stored.runbook, digest=stored.digest)
        self._journal.wake()
        return Proposal(plan=stored)

    async def stale(self, held: Plan) -> str:
        """Say why a plan is not what would be drafted now; empty where it is.

        What cannot be seen makes no plan valid: then that is the reason.
        """
        fresh = await self.fresh(held)
        if isinstance(fresh, str):
            return fresh
        return difference(held, fresh)

    async def fresh(self, held: Plan) -> Plan | str:
        """Draft a plan anew, or say why that cannot be done or why there would be none."""
        site = self._sites.get(held.cluster)
        if site is None:
            return f"cluster {held.cluster} is not configured now"
        incident = None
        if held.incident is not None:
            incident = await self._journal.store.incident(held.incident)
        try:
            if _UNDO in held.asked:
                drafted = await self._undo_again(site, held)
            else:
                drafted = await self.draft(
                    site, held.runbook, held.requester, wished(held), incident=incident
                )
        except errors.BotError as error:
            return f"it could not be checked again: {error}"
        return drafted if isinstance(drafted, Plan) else drafted.reason

    async def _undo_again(self, site: Site, held: Plan) -> Plan | NoPlan:
        ended = await self._journal.store.remedy.run(int(held.asked[_UNDO]))
        done = await self._journal.store.remedy.plan(ended.plan) if ended else None
        if ended is None or done is None:
            raise errors.Unavailable("the run to be taken back is not in the store")
        return await self._undoing(site, done, ended, held.requester)


def offered(names: Collection[str]) -> tuple[Offer, ...]:
    """Return runbooks as they are offered."""
    return tuple(
        Offer(name, runbooks.SUMMARIES[name]) for name in names if name in runbooks.SUMMARIES
    )


def _kept(wishes: Wishes) -> dict[str, str]:
    kept = {"node": wishes.node}
    if wishes.memory_bytes is not None:
        kept["memory_bytes"] = str(wishes.memory_bytes)
    if wishes.lose_empty_dirs:
        kept["lose_empty_dirs"] = "true"
    return kept


def wished(held: Plan) -> Wishes:
    """Return what a plan's requester chose."""
    size = held.asked.get("memory_bytes")
    return Wishes(
        node=held.asked.get("node", ""),
        memory_bytes=int(size) if size else None,
        lose_empty_dirs=held.asked.get("lose_empty_dirs") == "true",
    )


def unsettled(drafted: Plan) -> tuple[str, ...]:
    """Return the nodes that a plan restarts without knowing what their flannel would do."""
    unknown = {one.node for one in drafted.predictions if one.effect is Effect.UNKNOWN}
    return tuple(node for node in drafted.restarts if node in unknown)


def same(one: Plan, other: Plan) -> bool:
    """Whether two plans would do the same and foretell the same."""
    return not difference(one, other)


def difference(held: Plan, fresh: Plan) -> str:
    """Say how a plan differs from what would be drafted now; empty where it does not."""
    if held.bindings != fresh.bindings:
        changed = [str(one.target) for one in held.bindings if one not in fresh.bindings] or [
            str(one.target) for one in fresh.bindings if one not in held.bindings
        ]
        return f"{units.listing(changed, most=3)} changed since"
    before = {one.node: one for one in held.predictions}
    after = {one.node: one for one in fresh.predictions}
    names = sorted(before.keys() | after.keys())
    moved = [name for name in names if _turned(before.get(name), after.get(name), fresh)]
    if moved:
        told = {one.node: one.text for one in fresh.predictions}
        named = [f"{name} ({told.get(name) or 'not there now'})" for name in moved]
        return f"what a restart would do changed on {units.listing(named, most=3)}"
    if _essence(held) != _essence(fresh):
        return "its steps would be others now"
    if fresh.quorum > held.quorum:
        return f"it takes {units.count(fresh.quorum, 'approval')} now, not {held.quorum}"
    owner = fresh.ownership
    if owner.owner and (owner.owner, owner.reverts) != _owned(held):
        # Labels and annotations leave the generation as it is, and a revert is no small matter.
        return f"{owner.owner} has taken it over since ({owner.evidence}): {owner.reverts}"
    return ""


def _owned(one: Plan) -> tuple[str, str]:
    return one.ownership.owner, one.ownership.reverts


def _turned(was: Prediction | None, now: Prediction | None, fresh: Plan) -> bool:
    """Whether what is foretold of a node is other than what was approved.

    Where flannel is killed again and again, a node cannot be read at one moment and can at the
    next. One that is unknown while its flannel is down has nothing to lose, and one that is read
    now and keeps its NIC is better than what was approved: a plan that were void by either could
    never be approved where it is needed most.
    """
    if was is None or now is None:
        return True
    if now.effect is Effect.UNKNOWN:
        return now.node in fresh.restarts
    if was.effect is Effect.UNKNOWN:
        return now.effect is not Effect.UNCHANGED
    return (was.effect, was.after) != (now.effect, now.after)


def _essence(one: Plan) -> Sequence[object]:
    return [(s.kind, s.target, s.uid, s.owner, s.change, s.undo, s.batch) for s in one.steps]


def _about_the_same(one: Plan, other: Plan) -> bool:
    alike = (one.runbook, one.workload.key) == (other.runbook, other.workload.key)
    return alike and bool(set(one.nodes) & set(other.nodes))
