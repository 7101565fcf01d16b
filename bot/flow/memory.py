"""Questions about flannel's memory: how much, against which limit, how long it will do.

Nothing is looked at on nodes and nothing is changed: what is kept is put together.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot import checks
from bot.domain import errors
from bot.domain.snapshot import Container, Phase
from bot.flannel import discovery, forecast
from bot.flow import memory_answers as answers
from bot.flow import memory_history, memory_ports, network_answers, ports, sampling
from bot.flow.sight import Sight, beside

FULL = 0.8
"""Above this share of its limit a node is near it, as `bot.checks.memory_headroom` has it."""


@dataclass(frozen=True, slots=True)
class Options:
    """Which stretch of time is told, and how finely."""

    over: timedelta = timedelta(days=1)
    points: int = 288
    """Most points of one node's curve: more than a picture's width shows nobody."""
    fleet_points: int = 96
    """Most points of each node where all are told: there may be thousands of nodes."""
    trend: forecast.Policy = field(default_factory=forecast.Policy)


class Memory:
    """Answers for one cluster.

    Args:
        sight: the cluster and the names of its nodes.
        history: memory over time.
        store: OOM kills, by the ledger and as kept.
        clock: time.
        options: which stretch of time, and how finely.
    """

    def __init__(
        self,
        sight: Sight,
        history: memory_ports.MemoryHistory,
        store: ports.Store,
        *,
        clock: ports.Clock,
        options: Options,
    ) -> None:
        self._sight = sight
        self._history = history
        self._store = store
        self._clock = clock
        self._options = options

    async def node(self, word: str) -> answers.NodeMemory:
        """Tell one node's memory against its limit."""
        where, now = self._sight.listed(), self._clock.now()
        name = self._sight.node(where, word)
        flannel = where.flannel_on[name]
        since = now - self._options.over
        history = await self._asked(where, flannel, now, points=self._options.points, node=name)
        series = next((one for one in history.series if one.node == name), None)
        kills = await self._kills(where, since, node=name)
        notes: tuple[str, ...] = ()
        if name not in where.flannel_pods:
            notes = self._sight.without_pod(where, name).reasons
        container = _container(where, name)
        running = _running_since(container)
        limit = container.memory_limit if container else flannel.memory_limit
        return answers.NodeMemory(
            about=self._about(where, [flannel], now),
            told=_told(
                replace(history, notes=(*notes, *history.notes)),
                series.points if series else (),
                since=since,
                until=now,
            ),
            node=name,
            series=series,
            limit=limit,
            kills=tuple(one.at for one in kills),
            unseen=await self._unseen(where, name),
            running_since=running,
            ahead=self._ahead(series, limit, running),
        )

    async def fleet(self) -> answers.FleetMemory:
        """Tell all nodes' memory."""
        where, now = self._sight.listed(), self._clock.now()
        serving = [one for one in where.flannels if one.serves]
        since = now - self._options.over
        histories = [
            await self._asked(where, one, now, points=self._options.fleet_points) for one in serving
        ]
        kills = await self._kills(where, since)
        about = self._about(where, serving, now)
        return await beside(
            lambda: self._fleet(where, histories, kills, about, since), len(where.flannel_on)
        )

    def _fleet(
        self,
        where: checks.Context,
        histories: Sequence[memory_ports.History],
        kills: Sequence[memory_ports.Kill],
        about: network_answers.About,
        since: datetime,
    ) -> answers.FleetMemory:
        held = {
            one.node: one
            for history in histories
            for one in history.series
            if one.node in where.flannel_on
        }
        over_time = _quantiles(held.values())
        limits: Counter[int | None] = Counter()
        near: list[answers.Near] = []
        growing: list[answers.Near] = []
        too_short = 0
        for name in sorted(where.flannel_on):
            container, series = _container(where, name), held.get(name)
            limit = container.memory_limit if container else where.flannel_on[name].memory_limit
            limits[limit] += 1
            ahead = self._ahead(series, limit, _running_since(container))
            peak = series.peak if series else None
            if peak is None:
                continue
            too_short += ahead.verdict is forecast.Verdict.TOO_SHORT
            if limit:
                one = answers.Near(name, peak, limit, ahead)
                if one.share > FULL:
                    near.append(one)
                if ahead.at is not None:
                    growing.append(one)
        newest = [one.newest for one in held.values() if one.newest is not None]
        step = max((one.step for one in histories), default=timedelta(0))
        return answers.FleetMemory(
            about=about,
            told=answers.Told(
                source=", ".join(dict.fromkeys(one.source for one in histories)),
                since=since,
                until=about.now,
                step=step,
                notes=tuple(dict.fromkeys(note for one in histories for note in one.notes)),
                gaps=_gaps([one.at for one in over_time], step=step, until=about.now),
            ),
            population=len(where.flannel_on),
            known=len(held),
            newest=_quantile(about.now, newest, newest) if newest else None,
            over_time=over_time,
            limits=dict(limits.most_common()),
            limit_steps=_fleet_limits(held),
            kills=tuple(kills),
            near=tuple(sorted(near, key=lambda one: (-one.share, one.node))),
            growing=tuple(sorted(growing, key=lambda one: (one.ahead.at or about.now, one.node))),
            too_short=too_short,
            unknown=tuple(sorted(where.flannel_on.keys() - held.keys())),
        )

    async def _asked(
        self,
        where: checks.Context,
        flannel: discovery.Flannel,
        now: datetime,
        *,
        points: int,
        node: str = "",
    ) -> memory_ports.History:
        """Return what is known; where that is nothing, with sentences on what would have to be."""
        over = self._options.over
        wanted = memory_history.wanted(
            where.snapshot, flannel, since=now - over, until=now, step=over / points, node=node
        )
        try:
            return await self._history.of(wanted)
        except memory_ports.Absent as error:
            notes: tuple[str, ...] = (str(error), memory_history.NEEDED)
        except errors.Unavailable as error:
            notes = (str(error),)
        return memory_ports.History(series=(), source="", step=wanted.step, notes=notes)

    def _ahead(
        self, series: memory_ports.Series | None, limit: int | None, since: datetime | None
    ) -> forecast.Forecast:
        points = [(one.at, float(one.working_set)) for one in series.points] if series else []
        return forecast.of(points, limit=limit, since=since, policy=self._options.trend)

    async def _kills(
        self, where: checks.Context, since: datetime, *, node: str = ""
    ) -> list[memory_ports.Kill]:
        """Return OOM kills, those of the ledger and those that it has forgotten."""
        kept = await self._store.samples.kills(where.cluster, since=since, node=node)
        records = await self._store.records(where.cluster)
        told = {(one.at.replace(microsecond=0), one.node) for one in kept}
        told |= {
            (one.at.replace(microsecond=0), one.node)
            for one in sampling.oom_kills(records, where.flannels)
            if one.at >= since and one.node == (node or one.node)
        }
        return [memory_ports.Kill(at, name) for at, name in sorted(told)]

    async def _unseen(self, where: checks.Context, node: str) -> int:
        """Count restarts of the present container that nothing explains."""
        pod, flannel = where.flannel_pods.get(node), where.flannel_on[node]
        return sum(
            record.story.unseen
            for record in await self._store.records(where.cluster)
            if pod is not None
            and record.uid == pod.uid
            and record.container == flannel.container
            and record.story is not None
        )

    def _about(
        self, where: checks.Context, chosen: Sequence[discovery.Flannel], now: datetime
    ) -> network_answers.About:
        return network_answers.About(
            cluster=where.cluster,
            now=now,
            flannel=", ".join(one.name for one in chosen),
            version=", ".join(dict.fromkeys(one.version for one in chosen)),
            backend=", ".join(dict.fromkeys(one.backend for one in chosen)),
            notes=tuple(f"{gap.what}: {gap.reason}" for gap in where.snapshot.gaps[:5]),
        )


def _container(where: checks.Context, node: str) -> Container | None:
    pod, flannel = where.flannel_pods.get(node), where.flannel_on[node]
    held = pod.containers if pod is not None else ()
    return next((one for one in held if one.name == flannel.container), None)


def _running_since(container: Container | None) -> datetime | None:
    state = container.state if container else None
    return state.started_at if state is not None and state.phase is Phase.RUNNING else None


def _told(
    history: memory_ports.History,
    points: Sequence[memory_ports.Point],
    *,
    since: datetime,
    until: datetime,
) -> answers.Told:
    return answers.Told(
        source=history.source,
        since=since,
        until=until,
        step=history.step,
        notes=history.notes,
        gaps=_gaps([one.at for one in points], step=history.step, until=until),
    )


def _gaps(
    moments: Sequence[datetime], *, step: timedelta, until: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """Return stretches in which more than one step has no point; before the first there is none."""
    ends = [*moments, until] if moments else []
    return tuple(
        (one + step, other) for one, other in itertools.pairwise(ends) if other - one > 2.5 * step
    )


def _quantiles(held: Iterable[memory_ports.Series]) -> tuple[answers.Quantiles, ...]:
    values: dict[datetime, tuple[list[int], list[int]]] = {}
    for series in held:
        for point in series.points:
            usual, highest = values.setdefault(point.at, ([], []))
            usual.append(point.working_set)
            highest.append(point.highest)
    return tuple(_quantile(at, *values[at]) for at in sorted(values))


def _quantile(at: datetime, usual: Sequence[int], highest: Sequence[int]) -> answers.Quantiles:
    ranked = sorted(usual)
    return answers.Quantiles(
        at=at,
        p50=ranked[(len(ranked) - 1) // 2],
        p90=ranked[round((len(ranked) - 1) * 0.9)],
        highest=max(highest),
        nodes=len(ranked),
    )


def _fleet_limits(
    held: Mapping[str, memory_ports.Series],
) -> tuple[tuple[datetime, int | None], ...]:
    """Return the lowest limit in force on any node over time: who is killed first has it."""
    steps: list[tuple[datetime, int | None]] = []
    state: dict[str, int | None] = {}
    by_moment: dict[datetime, list[tuple[str, int | None]]] = {}
    for name, series in held.items():
        for at, limit in series.limits:
            by_moment.setdefault(at, []).append((name, limit))
    for at, changed in sorted(by_moment.items()):
        state.update(changed)
        lowest = min((one for one in state.values() if one), default=None)
        if not steps or steps[-1][1] != lowest:
            steps.append((at, lowest))
    return tuple(steps)
