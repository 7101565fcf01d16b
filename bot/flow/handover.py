"""Hand-over: what whoever comes on duty has to know, from what is stored and seen now."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain import errors, notice, silence, units
from bot.domain.incident import Incident, State
from bot.domain.plan import StepKind
from bot.domain.run import Run
from bot.domain.run import State as RunState
from bot.domain.snapshot import Node, Snapshot
from bot.flow import ports

LONG_CORDONED = timedelta(days=1)
SOON = timedelta(hours=12)
"""A silence that ends within this ends on the next shift."""
_CORDONED = "node.kubernetes.io/unschedulable"
_LISTED = 15
_LATELY = timedelta(days=7)


class Handover:
    """Tells it.

    Args:
        store: what is remembered.
        snapshots: by cluster, what is seen now.
        clock: time.
    """

    def __init__(
        self,
        store: ports.Store,
        snapshots: Mapping[str, Callable[[], Snapshot]],
        *,
        clock: ports.Clock,
    ) -> None:
        self._store = store
        self._snapshots = snapshots
        self._clock = clock

    async def told(self, cluster: str | None) -> notice.Detail:
        """Put it into a message: one section for each thing that needs somebody."""
        if cluster is not None and cluster not in self._snapshots:
            raise errors.Refused(
                f"there is no cluster {cluster!r}; known: {', '.join(self._snapshots)}"
            )
        now = self._clock.now()
        names = tuple(self._snapshots) if cluster is None else (cluster,)
        incidents = await self._store.incidents(cluster=cluster, limit=500)
        seen = {name: self._snapshots[name]() for name in names}
        sections = [
            _section("Open incidents", [_incident(one) for one in incidents], "none"),
            _section("Silences that end soon", await self._silences(now), "none"),
            _section("Plans waiting and runs at work", await self._plans(cluster, now), "none"),
            _section("Cordoned for more than a day", await self._cordons(seen, now), "no node"),
            _section("Not seen", _blind(seen, incidents), "nothing: everything is seen"),
            _section("Fixes that did not hold", await self._undone(cluster, now), "none"),
        ]
        title = "Hand-over" + (f" of {cluster}" if cluster else "")
        return notice.Detail(title=title, sections=tuple(sections))

    async def _silences(self, now: datetime) -> list[str]:
        alive = await self._store.silences.alive(now=now)
        return [
            f"{one.name} ends {units.stamp(one.until)}: `{one.expression}`"
            + (f", {one.reason}" if one.reason else "")
            for one in alive
            if one.phase(now) is silence.Phase.ACTIVE and one.until - now <= SOON
        ]

    async def _plans(self, cluster: str | None, now: datetime) -> list[str]:
        waiting = [
            f"{one.name} waits until {units.stamp(one.expires_at)}: {one.title}"
            for one in await self._store.remedy.plans(cluster=cluster)
            if not one.expired(now)
        ]
        waiting += [
            f"{one.name} is approved and not begun: {one.title}"
            for one in await self._store.remedy.unclaimed(cluster=cluster)
        ]
        for ran in await self._store.remedy.runs(cluster=cluster):
            if ran.parked:
                waiting.append(f"{ran.name}: {ran.parked}")
            else:
                waiting.append(f"{ran.name} is at work: {ran.progress or 'just begun'}")
        return waiting

    async def _cordons(self, seen: Mapping[str, Snapshot], now: datetime) -> list[str]:
        """Nodes that take no pods; since when is told by the taint that a cordon brings."""
        found = []
        for name, taken in seen.items():
            ours = await self._ours(name, now)
            for node in taken.nodes.values():
                since = _cordoned_at(node)
                if not node.unschedulable or (since and now - since < LONG_CORDONED):
                    continue
                by = f" by {ours[node.name]}" if node.name in ours else ""
                when = f"since {units.stamp(since)}" if since else "for an unknown time"
                found.append(f"{name}: {node.name} {when}{by}")
        return sorted(found)

    async def _ours(self, cluster: str, now: datetime) -> dict[str, str]:
        """Nodes that runs of the last month cordoned, with the newest of these runs."""
        found: dict[str, str] = {}
        for ran in await self._store.remedy.runs(cluster=cluster, ended_after=now - 4 * _LATELY):
            planned = await self._store.remedy.plan(ran.plan)
            for step in planned.steps if planned is not None else ():
                if step.kind is StepKind.CORDON:
                    found.setdefault(step.target.node or step.target.name, ran.name)
        return found

    async def _undone(self, cluster: str | None, now: datetime) -> list[str]:
        """Runs of the last week that ended otherwise than well."""
        bad = (RunState.FAILED, RunState.ABORTED, RunState.ROLLED_BACK)
        return [
            _ended(ran)
            for ran in await self._store.remedy.runs(cluster=cluster, ended_after=now - _LATELY)
            if ran.state in bad
        ]


def _cordoned_at(node: Node) -> datetime | None:
    return next((one.added_at for one in node.taints if one.key == _CORDONED), None)


def _ended(ran: Run) -> str:
    why = "; ".join(one for one in (ran.cause, ran.needs) if one)
    return f"{ran.name} {ran.state.value.replace('_', ' ')}" + (f": {why}" if why else "")


def _incident(one: Incident) -> str:
    owner = f", taken on by {one.owner}" if one.state is State.ACKNOWLEDGED else ""
    muted = f", not told: {one.muted.text}" if one.muted is not None else ""
    return f"{one.name} {one.severity.value}: {one.title}{owner}{muted}"


def _blind(seen: Mapping[str, Snapshot], incidents: Sequence[Incident]) -> list[str]:
    """What is not seen now: no part of it is called well."""
    found = [
        f"{name}: {gap.what}: {gap.reason}" for name, taken in seen.items() for gap in taken.gaps
    ]
    unseen = sorted(
        {
            f"{one.cluster}: {member.target.node} (looks at it fail)"
            for one in incidents
            if one.check == "node_unseen"
            for member in one.affected
        }
    )
    return [*found, *unseen]


def _section(heading: str, lines: Sequence[str], nothing: str) -> notice.Section:
    shown = list(lines[:_LISTED])
    if len(lines) > _LISTED:
        shown.append(f"and {len(lines) - _LISTED} more")
    return notice.Section(
        heading=f"{heading}: {len(lines)}" if lines else f"{heading}: {nothing}",
        lines=tuple(shown),
    )
