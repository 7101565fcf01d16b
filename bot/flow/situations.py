"""Situations: gather what the guards judge by, fresh, at one moment.

What cannot be seen is handed on as None, and the guard that needs it says no.
"""

import asyncio
from collections.abc import Mapping, Sequence

from bot.domain import drain, errors, freeze, room, run
from bot.domain.access import Person
from bot.domain.drain import NodePod
from bot.domain.incident import Incident
from bot.domain.plan import Plan, Step, StepKind
from bot.flow import actuation, dryruns, ports, remedy_answers
from bot.flow.site import Ground, Site
from bot.guards import Other, Situation, Stage

_ASKED = 8
"""Dry-run evictions under way at a time."""


class Situations:
    """Gathers situations.

    Args:
        store: runs, freezes and incidents.
        people: who somebody is now.
        clock: time.
    """

    def __init__(
        self,
        store: ports.Store,
        people: remedy_answers.People,
        *,
        clock: ports.Clock,
    ) -> None:
        self._store = store
        self._people = people
        self._clock = clock

    async def of(
        self,
        plan: Plan,
        site: Site,
        stage: Stage,
        *,
        requester: Person | None = None,
        done: Sequence[int] = (),
        own_run: str = "",
    ) -> Situation:
        """Gather one. `done` are numbers of steps that need not be judged any more."""
        left = [step for i, step in enumerate(plan.steps) if i not in done]
        now = self._clock.now()
        pods = await self._pods(site, left)
        return Situation(
            now=now,
            stage=stage,
            plan=plan,
            snapshot=site.mirror.snapshot(),
            limits=site.rules.limits,
            enabled=site.rules.enabled,
            runbooks=site.rules.allowed,
            requester=requester or await self._requester(plan, fresh=stage is not Stage.PROPOSE),
            closed=await self.closed(site),
            others=await self._others(site),
            incidents=await self._incidents(plan),
            drains=None if pods is None else decisions(left, pods),
            budgets=await self._budgets(site, left),
            homeless=await self._homeless(site, left),
            refusals=await self._refusals(plan, site, begun=bool(done)),
            own_node=site.own_node,
            own_run=own_run,
        )

    async def closed(self, site: Ground) -> freeze.Closed | None:
        """Return why nothing may be changed now; a store that cannot tell closes, too."""
        now = self._clock.now()
        try:
            held = await self._store.remedy.freezes(now=now)
        except errors.Unavailable as error:
            return freeze.Closed(
                reason=f"whether there is a freeze is not known: {error}", until=now
            )
        return freeze.closed(
            site.cluster,
            now=now,
            freezes=[one for _, one in held],
            windows=site.rules.windows,
        )

    async def _requester(self, plan: Plan, *, fresh: bool) -> Person | None:
        try:
            return await self._people.person(plan.requester, plan.cluster, fresh=fresh)
        except errors.Refused:
            return Person(plan.requester)
        except errors.BotError:
            return None

    async def _others(self, site: Site) -> tuple[Other, ...] | None:
        try:
            found = await self._store.remedy.runs(
                ended_after=self._clock.now() - site.rules.limits.cooldown
            )
            # Nodes of other clusters may have the same names.
            runs = [one for one in found if one.cluster == site.cluster]
            plans = {one.plan: await self._store.remedy.plan(one.plan) for one in runs}
        except errors.Unavailable:
            return None
        return tuple(other(one, its) for one in runs if (its := plans[one.plan]) is not None)

    async def _incidents(self, plan: Plan) -> tuple[Incident, ...] | None:
        try:
            return tuple(await self._store.incidents(cluster=plan.cluster))
        except errors.Unavailable:
            return None

    async def _pods(
        self, site: Site, steps: Sequence[Step]
    ) -> Mapping[str, Sequence[NodePod]] | None:
        nodes = {step.target.node or step.target.name for step in steps if _moves(step)}
        try:
            return {node: await site.actuator.pods_on(node) for node in sorted(nodes)}
        except errors.BotError:
            return None

    async def _budgets(self, site: Site, steps: Sequence[Step]) -> Mapping[str, str] | None:
        asked = [step for step in steps if step.kind is StepKind.EVICT_POD]
        slots = asyncio.Semaphore(_ASKED)

        async def ask(step: Step) -> tuple[str, str]:
            place = f"{step.target.namespace}/{step.target.name}"
            async with slots:
                try:
                    await site.actuator.evict(
                        step.target.namespace, step.target.name, uid=step.uid, dry_run=True
                    )
                except (actuation.Blocked, errors.Refused, errors.Conflict) as error:
                    return place, str(error)
            return place, ""

        try:
            return dict(await asyncio.gather(*(ask(step) for step in asked)))
        except errors.BotError:
            return None

    async def _refusals(self, plan: Plan, site: Site, *, begun: bool) -> tuple[str, ...] | None:
        # A bot that only observes asks for no write, not even for a dry one; and what has begun
        # is not given up for one answer that was not had.
        if begun or not site.rules.enabled or plan.runbook not in site.rules.allowed:
            return ()
        return await dryruns.refusals(site.actuator, plan.steps, site.mirror.snapshot())

    async def _homeless(self, site: Site, steps: Sequence[Step]) -> tuple[str, ...] | None:
        if not any(step.kind is StepKind.EVICT_POD for step in steps):
            return ()
        try:
            pods = await site.actuator.all_pods()
        except errors.BotError:
            return None
        moved = {step.uid for step in steps if step.kind is StepKind.EVICT_POD}
        away = {step.target.node for step in steps if step.kind is StepKind.EVICT_POD}
        return room.homeless(
            [pod for pod in pods if pod.uid in moved], pods, site.mirror.snapshot(), away=away
        )


def _moves(step: Step) -> bool:
    return step.kind in (StepKind.EVICT_POD, StepKind.CORDON)


def decisions(
    steps: Sequence[Step], pods: Mapping[str, Sequence[NodePod]]
) -> Mapping[str, drain.Decision]:
    """Decide the nodes that are drained, whole; of others only the pods that are to be evicted.

    A step that evicts a pod with an emptyDir is the requester's tick: it was drafted by that.
    """
    evicted = {step.uid for step in steps if step.kind is StepKind.EVICT_POD}
    drained = {step.target.name for step in steps if step.kind is StepKind.CORDON}
    found = {}
    for node, held in pods.items():
        ticked = any(pod.empty_dir and pod.uid in evicted for pod in held)
        meant = held if node in drained else [pod for pod in held if pod.uid in evicted]
        found[node] = drain.decide(meant, delete_empty_dir=ticked)
    return found


def other(one: run.Run, plan: Plan) -> Other:
    """Tell a run as the guards know it."""
    return Other(
        name=one.name,
        workload=plan.workload,
        nodes=plan.nodes,
        ended_at=one.ended_at,
        drains=any(step.kind is StepKind.CORDON for step in plan.steps),
    )
