"""Audit: look deeply at some nodes each time, so that all are seen in turn.

A look costs an exec on the node, so a few are looked at in each run: first those that changed or
are under suspicion, then the ones whose look is oldest. After a change that concerns every node,
all are due, in bigger portions, and not before it has settled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot import checks
from bot.domain import errors, snapshot
from bot.flannel import discovery, inspection
from bot.flow import insight, memory_history, memory_ports, ports

log = structlog.get_logger(__name__)

_FRESH = timedelta(seconds=5)
"""A look this young is as good as a new one."""


_PROBED = timedelta(minutes=15)
"""How long a look by a probe pod does for a node that is looked at by itself."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much is looked at, and when."""

    sample: int = 10
    """Nodes looked at in an ordinary run."""
    burst: int = 50
    """Nodes looked at in a run after a change that concerns all."""
    restarted: timedelta = timedelta(seconds=20)
    """How long flannel may take after a restart to set up its peers."""
    joined: timedelta = timedelta(seconds=60)
    """How long the others may take to follow a node that joined, or announces something else."""
    left: timedelta = timedelta(minutes=5)
    """How long the others may take to forget a node that left."""
    peaks_over: timedelta = timedelta(days=1)
    """How far back memory peaks are looked for."""
    peaks_every: timedelta = timedelta(minutes=5)
    """How often they are looked for at most; a history of all nodes costs its source something."""


@dataclass(frozen=True, slots=True)
class _State:
    """What of a cluster decides what its nodes' networks are like."""

    nodes: Mapping[str, str]
    pods: Mapping[str, tuple[str, int]]
    changed: datetime | None
    flags: frozenset[object]


class Audit:
    """Looks at one cluster's nodes, a few at a time.

    Args:
        mirror: the cluster.
        inspections: who looks.
        known: where it is kept.
        store: incidents, whose members are looked at first.
        clock: time.
        options: how much, and when.
        memory: the memory that flannel used, where that is known.
        told: called after something new was learned, to wake the cycle.
    """

    def __init__(
        self,
        mirror: ports.Mirror,
        inspections: ports.Inspections,
        known: insight.Insight,
        store: ports.Store,
        *,
        clock: ports.Clock,
        options: Options,
        memory: memory_ports.MemoryHistory | None = None,
        told: Callable[[], Awaitable[object]],
    ) -> None:
        self._mirror = mirror
        self._inspections = inspections
        self._known = known
        self._store = store
        self._clock = clock
        self._options = options
        self._memory = memory
        self._told = told
        self._before: _State | None = None
        self._due: dict[str, datetime] = {}
        self._restarted: set[str] = set()
        self._tried: dict[str, datetime] = {}
        self._learnt: datetime | None = None
        self._lock = asyncio.Lock()

    @property
    def due(self) -> int:
        """How many nodes are to be looked at for a reason, now or once it has settled."""
        return len(self._due)

    async def run(self) -> None:
        """Look at some nodes, judge what is new, and have the cluster judged."""
        async with self._lock:
            taken, known = self._mirror.snapshot(), self._known.newest
            if not known.flannels or taken.dark:
                return
            await self._configuration(known)
            self._changes(taken, known)
            chosen = await self._chosen(taken, known.flannels)
            if chosen:
                await self._look(chosen)
            changed = await self._study(self._mirror.snapshot())
        if changed:
            await self._told()

    async def peaks(self) -> None:
        """Learn how much memory flannel used at most, node by node.

        By the working set alone: the kernel's own mark counts page cache too, and would call every
        node full. Raises Unavailable.
        """
        now, options = self._clock.now(), self._options
        if self._memory is None or (
            self._learnt is not None and now - self._learnt < options.peaks_every
        ):
            return
        self._learnt = now
        found: dict[str, int] = {}
        for one in self._known.newest.flannels:
            if not one.serves:
                continue
            wanted = memory_history.wanted(
                self._mirror.snapshot(),
                one,
                since=now - options.peaks_over,
                until=now,
                step=options.peaks_over / 24,
            )
            for series in (await self._memory.of(wanted)).series:
                found[series.node] = max(found.get(series.node, 0), series.peak or 0)
        found = {node: peak for node, peak in found.items() if peak}
        if found != self._known.peaks:
            self._known.peaks = found
            await self._told()

    async def _configuration(self, known: insight.Known) -> None:
        confs = {}
        for namespace in {one.namespace for one in known.flannels if one.serves}:
            try:
                conf = await self._inspections.net_conf(namespace)
            except errors.BotError as error:
                log.info("net_conf_not_read", namespace=namespace, error=str(error))
                conf = self._known.net_confs.get(namespace)
            if conf is not None:
                confs[namespace] = conf
        self._known.net_confs = confs

    def _changes(self, taken: snapshot.Snapshot, known: insight.Known) -> None:
        """Compare with the last run, and note whose look is due, and from when on."""
        if any(gap.covers(kind, "", "") for gap in taken.gaps for kind in ("nodes", "pods")):
            return  # what is not seen has not changed
        now, options = self._clock.now(), self._options
        state = _state(taken, known)
        before, self._before = self._before, state
        if before is None:
            self._all_due(state, now)  # a bot that begins knows no node
            return
        joined = [name for name in state.nodes if state.nodes[name] != before.nodes.get(name)]
        left = before.nodes.keys() - state.nodes.keys()
        if before.flags != state.flags:
            self._all_due(state, now + options.restarted)
        if joined or (state.changed is not None and state.changed != before.changed):
            self._all_due(state, now + options.joined)
        if left:
            self._all_due(state, now + options.left)
        for node, run in state.pods.items():
            if before.pods.get(node) != run and node in before.nodes and node in state.nodes:
                self._due[node] = now + options.restarted
                self._restarted.add(node)
        for node in left:
            self._due.pop(node, None)
            self._tried.pop(node, None)

    def _all_due(self, state: _State, at: datetime) -> None:
        for node in state.nodes:
            self._due[node] = max(at, self._due.get(node, at))

    async def _chosen(
        self, taken: snapshot.Snapshot, flannels: Iterable[discovery.Flannel]
    ) -> list[str]:
        """Return whom to look at now, the most urgent first."""
        now, options = self._clock.now(), self._options
        served = {node for one in flannels for node in one.serves}
        looks = self._inspections.latest()
        pods = checks.Context(snapshot=taken, found=tuple(flannels)).flannel_pods
        # Of the others nothing but an exec is needed, which costs little.
        stopped = {name for name, pod in pods.items() if not pod.ready}
        for node in [node for node, at in self._due.items() if _since(looks, node) >= at]:
            del self._due[node]  # somebody looked meanwhile
        able = [
            name
            for name in sorted(served & taken.nodes.keys())
            if now - self._seen(looks, name) >= options.restarted
            and not (name in stopped and _probed(looks.get(name), now))
        ]
        by_age = sorted(able, key=lambda name: self._seen(looks, name))
        self._restarted &= self._due.keys()
        due = [name for name in by_age if self._due.get(name, _never(now)) <= now]
        own = [name for name in due if name in self._restarted]
        open_members = await self._members(taken.cluster)
        # Suspects take turns with the others, or a big trouble would hide a new one for ever.
        wanted = {*self._known.suspects(), *open_members}
        suspects = [name for name in by_age if name in wanted][: max(1, options.sample // 2)]
        urgent = dict.fromkeys((*own[: options.sample // 2], *suspects, *due))
        most = max(options.sample, min(options.burst, len(urgent)))
        return list(dict.fromkeys((*urgent, *by_age)))[:most]

    def _seen(self, looks: Mapping[str, inspection.Inspection], name: str) -> datetime:
        """When a node was last looked at, be it in vain."""
        return max(_since(looks, name), self._tried.get(name, _LONG_AGO))

    async def _members(self, cluster: str) -> set[str]:
        """The nodes of open troubles that only a look can end; after a restart they are first."""
        try:
            held = await self._store.incidents(cluster=cluster)
        except errors.Unavailable:
            return set()
        return {
            member.target.node
            for incident in held
            if incident.check in checks.SIGHT
            for member in incident.members
        }

    async def _look(self, chosen: Iterable[str]) -> None:
        names = list(chosen)
        started = self._clock.now()
        found = await self._inspections.nodes(names, max_age=_FRESH)
        failed = {name: one for name, one in found.items() if isinstance(one, str)}
        for name in names:
            self._tried[name] = started
        log.info("audited", cluster=self._mirror.cluster, nodes=len(names), failed=len(failed))
        for name, why in failed.items():
            self._due.pop(name, None)  # its turn comes again by its age
            log.info("not_looked_at", cluster=self._mirror.cluster, node=name, why=why)

    async def _study(self, taken: snapshot.Snapshot) -> bool:
        """Judge new looks beside the loop, one at a time."""
        self._known.refresh()
        studying = self._known.learn(taken)
        changed = False
        while await asyncio.to_thread(next, studying, None) is not None:
            changed = True
        return changed


_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _probed(look: inspection.Inspection | None, now: datetime) -> bool:
    """Whether a probe pod looked lately: there are few in an hour, and people need some too."""
    return look is not None and look.way is inspection.Way.PROBE and look.age(now) < _PROBED


def _never(now: datetime) -> datetime:
    return now + timedelta(days=1)


def _since(looks: Mapping[str, inspection.Inspection], name: str) -> datetime:
    found = looks.get(name)
    return found.taken_at if found else _LONG_AGO


def _state(taken: snapshot.Snapshot, known: insight.Known) -> _State:
    owners = {one.uid: one for one in known.flannels}
    pods = {}
    for pod in taken.pods.values():
        flannel = owners.get(pod.owner.uid) if pod.owner else None
        if flannel is None or not pod.node:
            continue
        restarts = next(
            (one.restart_count for one in pod.containers if one.name == flannel.container), 0
        )
        pods[pod.node] = (pod.uid, restarts)
    return _State(
        nodes={node.name: node.uid for node in taken.nodes.values()},
        pods=pods,
        changed=known.recent.newest,
        flags=frozenset((one.name, one.image, one.flags.as_text) for one in known.flannels),
    )
