"""Inspect: look deeply at nodes, each once for all who ask, and never at too many at a time.

A look costs an exec on the node: those who ask for the same node share one, a few run at a time,
and a budget bounds how many start in a minute. The best way is taken that works: exec in the
flannel pod; where that is not running, a probe pod if they are switched on; else what flannel's
last log lists. Each inspection says which way it was had.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot import checks
from bot.domain import errors, nearest, snapshot, units
from bot.domain.health import Health
from bot.flannel import discovery, logs, outlook, sharing, versions
from bot.flannel.inspection import Inspection, Unseen, Way
from bot.flannel.kernel import Address, Kernel, Link, ports_of
from bot.flannel.netconf import NetConf
from bot.flow import lanes, podlog, ports, probe_ports, probes, veths

log = structlog.get_logger(__name__)

NEEDS_APPROVAL = "a look by a probe pod would need an approval"
"""Said where nobody has allowed it."""

_ASIDE = 32
_PATIENCE = 3.0
"""Seconds after which a look makes room for another: it takes a tenth, and one more where pods do
not answer the script's connections. So many may be aside beyond those at a time."""

_NO_FILES = "subnet.env was not read: a probe pod mounts nothing of the host"


@dataclass(frozen=True, slots=True)
class Options:
    """How much may be looked at, and how long it may take."""

    exec: bool = True
    """Whether commands may be run in flannel's pods; without, only logs are read."""
    exec_in_pods: bool = False
    """Whether other pods may be asked which NIC of the host is theirs."""
    at_once: int = 8
    """Looks under way at a time."""
    within: timedelta = timedelta(seconds=15)
    """For one look."""
    a_minute: int = 1_200
    """Looks that may begin in a minute."""
    log_lines: int = 400
    """Lines of flannel's log that are read."""
    conf_age: timedelta = timedelta(minutes=5)
    """How long flannel's configuration is remembered."""


class Inspector:
    """One cluster's nodes, looked at deeply. Implements `ports.Inspections`.

    Args:
        mirror: the cluster, for which nodes and flannel pods there are.
        looker: the way onto nodes.
        tail: containers' last words.
        clock: time.
        options: bounds.
        probes: probe pods, where they are switched on.
        permission: who has to allow each of them; without, none has to be asked for.
    """

    def __init__(
        self,
        mirror: ports.Mirror,
        looker: ports.Looker,
        tail: ports.Logs,
        *,
        clock: ports.Clock,
        options: Options,
        probes: probes.Probes | None = None,
        permission: probe_ports.Permission | None = None,
    ) -> None:
        self._permission = permission
        self._probes = probes
        self._mirror = mirror
        self._looker = looker
        self._tail = tail
        self._clock = clock
        self._options = options
        self._lanes = lanes.Lanes(options.at_once, aside=_ASIDE, patience=_PATIENCE)
        self._begun: deque[float] = deque()
        self._latest: dict[str, Inspection] = {}
        self._unseen: dict[str, Unseen] = {}
        self._pool = sharing.Pool()
        self._under_way: dict[str, asyncio.Task[Inspection]] = {}
        self._conf = Conf(mirror.cluster, looker, clock=clock, options=options)

    def latest(self) -> Mapping[str, Inspection]:
        """Return the newest inspection of each node that still exists."""
        nodes = self._mirror.snapshot().nodes
        for name in [name for name in self._latest if name not in nodes]:
            del self._latest[name]
        return dict(self._latest)

    def unseen(self) -> Mapping[str, Unseen]:
        """Return the nodes whose last look showed no tables, though it was tried."""
        nodes = self._mirror.snapshot().nodes
        for name in [name for name in self._unseen if name not in nodes]:
            del self._unseen[name]
        return dict(self._unseen)

    async def node(self, name: str, *, max_age: timedelta) -> Inspection:
        """Return an inspection not older than that, looking anew if need be."""
        where = checks.Context(snapshot=self._mirror.snapshot())
        return await self._fresh(where, named(where.snapshot, name), max_age=max_age)

    async def nodes(
        self, names: Sequence[str], *, max_age: timedelta, progress: ports.Progress | None = None
    ) -> Mapping[str, Inspection | str]:
        """Return an inspection of each node, or the sentence that says why there is none."""
        # One for all: finding flannel and its pods reads every pod there is.
        where = checks.Context(snapshot=self._mirror.snapshot())
        found: dict[str, Inspection | str] = {}

        async def one(name: str) -> None:
            try:
                node = named(where.snapshot, name)
                found[name] = await self._fresh(where, node, max_age=max_age)
            except errors.BotError as error:
                found[name] = str(error)
            if progress is not None:
                progress(len(found), len(names))

        async with asyncio.TaskGroup() as group:
            for name in dict.fromkeys(names):
                group.create_task(one(name), name=f"inspect {name}")
        return {name: found[name] for name in dict.fromkeys(names)}

    async def net_conf(self, namespace: str) -> NetConf | None:
        """Return flannel's configuration of that namespace, None where it cannot be read."""
        return await self._conf.of(namespace)

    async def close(self) -> None:
        """End the looks under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._probes is not None:
            await self._probes.close()

    async def _fresh(self, where: checks.Context, name: str, *, max_age: timedelta) -> Inspection:
        known = self._latest.get(name)
        if known is not None and known.age(self._clock.now()) <= max_age:
            return known
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._look(where, name), name=f"look at {name}")
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
            task.add_done_callback(_heard)
        # Shielded: whoever stops waiting does not take the look away from the others.
        return await asyncio.shield(task)

    async def _look(self, where: checks.Context, name: str) -> Inspection:
        place = flannel_on(where, name)
        found = await self._lanes.run(lambda: self._by_exec(place, name), before=self._afford)
        if isinstance(found, str):
            # Not in a lane: a pod that does not start must not hold up other nodes.
            found = await self._by_probe(place, name, found)
        if isinstance(found, str):
            self._in_vain(name, found)
            why = found
            found = await self._lanes.run(lambda: self._by_log(place, name, why), before=_at_once)
        else:
            self._unseen.pop(name, None)
        found = replace(found, kernel=self._pool.share(found.kernel))
        self._latest[name] = found
        if self._pool.crowded:
            self._pool.tidy()
        return found

    def _in_vain(self, name: str, why: str) -> None:
        before = self._unseen.get(name)
        self._unseen[name] = Unseen(before.since if before else self._clock.now(), why)

    async def _afford(self) -> None:
        """Wait until another look may begin."""
        while True:
            now = self._clock.monotonic()
            while self._begun and now - self._begun[0] >= 60:
                self._begun.popleft()
            if len(self._begun) < self._options.a_minute:
                self._begun.append(now)
                return
            await self._clock.sleep(60 - (now - self._begun[0]))

    async def _by_exec(self, place: "Place", name: str) -> Inspection | str:
        """Look by exec; a sentence where that does not work."""
        if not self._options.exec:
            return "exec is switched off (`inspection.exec`)"
        if place.state:
            return place.state
        pods, unlisted = await self._pods(name)
        try:
            # The adapter cuts the connection; this is for an adapter that itself hangs.
            async with asyncio.timeout(self._options.within.total_seconds() + 1):
                look = await self._looker.by_exec(
                    place.pod.namespace,
                    place.pod.name,
                    place.flannel.container,
                    touch=[one.ip for one in pods],
                    within=self._options.within.total_seconds(),
                )
        except TimeoutError:
            return f"the node did not answer within {units.duration(self._options.within)}"
        except errors.Unavailable as error:
            return str(error)
        seen = Inspection(
            node=name,
            taken_at=self._clock.now(),
            way=Way.EXEC,
            kernel=look.kernel,
            problems=(*look.problems, *unlisted),
            pods_behind=behind(look.kernel, pods),
        )
        return await self._asked_pods(place, seen, pods)

    async def _asked_pods(
        self, place: "Place", seen: Inspection, pods: Sequence[ports.PodAddress]
    ) -> Inspection:
        """Ask pods for their NIC, where a pattern hits one that the host's tables name no pod of.

        The others are nobody's trouble, and each question is a command in somebody's container.
        """
        if not self._options.exec_in_pods:
            return seen
        flags = outlook.flags_of(place.flannel, seen)
        hits = outlook.pods_hit(seen.kernel, flags, seen.pods_behind)
        numbers = {one.name: one.index for one in seen.kernel.links or ()}
        wanted = {numbers[hit.nic]: hit.nic for hit in hits if not hit.pod}
        if not wanted:
            return seen
        asked = await veths.ask(
            self._looker,
            [one for one in pods if one.place not in seen.pods_behind.values()],
            wanted,
            afford=self._afford,
            within=self._options.within.total_seconds(),
        )
        return replace(
            seen,
            pods_behind={**seen.pods_behind, **asked.pods_behind},
            problems=(*seen.problems, *asked.problems),
        )

    async def _by_probe(self, place: "Place", name: str, why: str) -> Inspection | str:
        """Look by a probe pod; a sentence where that is not done or does not work."""
        if not (self._options.exec and place.probeable):
            return why
        if self._probes is None:
            return f"{why}; a probe pod could look there (`inspection.probe_pods`)"
        known = self._latest.get(name)
        rest = self._probes.options.rest
        if known and known.way is Way.PROBE and known.age(self._clock.now()) < rest:
            return known
        actor, because = probes.ACTOR, "`inspection.probe_pods` is on"
        if self._permission is not None:
            actor = self._permission.take(name)
            if not actor:
                return f"{why}; {NEEDS_APPROVAL}"
            because = "this person allowed it"
        pods, unlisted = await self._pods(name)
        errand = probes.Errand(
            node=name,
            namespace=place.pod.namespace,
            flannel_pod=place.pod.name,
            container=place.flannel.container,
            why=why,
            because=because,
            actor=actor,
            touch=[one.ip for one in pods],
        )
        try:
            look = await self._probes.look(errand)
        except errors.BotError as error:
            return f"{why}; nor by a probe pod: {error}"
        seen = Inspection(
            node=name,
            taken_at=self._clock.now(),
            way=Way.PROBE,
            # It mounts nothing of the host: that the file is not in it says nothing of the host.
            kernel=replace(look.kernel, subnet=None, subnet_missing=False),
            problems=(why, _NO_FILES, *look.problems, *unlisted),
            pods_behind=behind(look.kernel, pods),
        )
        return await self._asked_pods(place, seen, pods)

    async def _pods(self, name: str) -> tuple[list[ports.PodAddress], tuple[str, ...]]:
        try:
            return await self._looker.pods_on(name), ()
        except errors.Unavailable as error:
            return [], (f"which pod is behind which veth cannot be told: {error}",)

    async def _by_log(self, place: "Place", name: str, why: str) -> Inspection:
        """Read what flannel's last log lists. Raises Unavailable where there is none either."""
        told, trouble = logs.Log(), ""
        for previous in (False, True):
            run = await podlog.run(
                self._tail,
                place.pod,
                place.flannel.container,
                previous=previous,
                version=versions.parse(place.flannel.image),
                lines=self._options.log_lines,
            )
            if isinstance(run, str):
                trouble = run
                continue
            told = run
            if told.nics or told.chosen:
                break
        links = tuple(_listed(nic) for nic in told.nics) or None
        if links is None and told.outcome is logs.Outcome.UNKNOWN:
            raise errors.Unavailable(
                f"node {name} cannot be looked at: {why}"
                + (f"; nor by flannel's log: {trouble}" if trouble else "")
            )
        return Inspection(
            node=name,
            taken_at=self._clock.now(),
            way=Way.LOG,
            kernel=Kernel(links=links),
            log=told,
            problems=(why, "flannel's log tells names and addresses of NICs only"),
        )


class Conf:
    """Flannel's configuration of one cluster's namespaces, each read once in a while."""

    def __init__(
        self, cluster: str, looker: ports.Looker, *, clock: ports.Clock, options: Options
    ) -> None:
        self._cluster = cluster
        self._looker = looker
        self._clock = clock
        self._options = options
        self._known: dict[str, tuple[datetime, NetConf | None]] = {}

    async def of(self, namespace: str) -> NetConf | None:
        """Return that of a namespace, None where it cannot be read."""
        now = self._clock.now()
        known = self._known.get(namespace)
        if known is not None and now - known[0] < self._options.conf_age:
            return known[1]
        try:
            conf = await self._looker.net_conf(namespace)
        except errors.Unavailable as error:
            log.info("net_conf_unread", cluster=self._cluster, error=str(error))
            conf = known[1] if known is not None else None
        self._known[namespace] = (now, conf)
        return conf


@dataclass(frozen=True, slots=True)
class Place:
    """Where flannel is on a node; `state` says why nothing can be run in it."""

    flannel: discovery.Flannel
    pod: snapshot.Pod
    state: str = ""
    probeable: bool = False
    """Whether a pod of its own is worth it there: flannel does not run and is not about to, and
    the kubelet is heard."""


def named(taken: snapshot.Snapshot, text: str) -> str:
    """Return the node that a word means. Raises Refused with the nearest names."""
    word = text.strip()
    if word in taken.nodes:
        return word
    also = {ip: node.name for node in taken.nodes.values() for ip in node.internal_ips}
    found = nearest.resolve(word, taken.nodes, also=also)
    if isinstance(found, nearest.Missing):
        unseen = () if taken.nodes else ("no node is seen at all now",)
        raise errors.Refused(found.sentence("node"), *unseen)
    return found


def flannel_on(where: checks.Context, name: str) -> Place:
    """Return flannel's pod on a node. Raises Refused where there is none."""
    node, pod = where.snapshot.nodes[name], where.flannel_pods.get(name)
    if pod is None:
        system = "" if node.os == "linux" else f" (it runs {node.os})"
        raise errors.Refused(f"node {name} has no flannel pod{system}, so nothing can look at it")
    flannel = next(one for one in where.flannels if pod.owner and pod.owner.uid == one.uid)
    container = next((c for c in pod.containers if c.name == flannel.container), None)
    state = ""
    if node.health is Health.UNKNOWN:
        state = f"the kubelet of {name} is silent"
    elif container is None or container.state is None:
        state = "flannel's container has not started"
    elif container.state.phase is not snapshot.Phase.RUNNING:
        reason = container.state.reason or container.state.phase.value
        state = f"flannel is not running there ({reason})"
    heard = node.health is not Health.UNKNOWN
    lasting = _lasting(pod, container, where.now)
    return Place(flannel=flannel, pod=pod, state=state, probeable=bool(state) and heard and lasting)


def _lasting(pod: snapshot.Pod, container: snapshot.Container | None, now: datetime) -> bool:
    """Whether a container that does not run will not be there in a moment.

    While flannel is rolled out each node's is away for seconds: that is nothing to make pods for.
    """
    if pod.deleting_since is not None:
        return False
    state = container.state if container is not None else None
    if state is not None and state.phase is snapshot.Phase.TERMINATED:
        return False  # the kubelet starts it again at once, or puts it into back-off
    starting = state is None or state.reason in _STARTING
    return not starting or now - pod.created_at > _START


_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
_START = timedelta(minutes=2)
"""How long a container may take to start before it does not."""


def behind(here: Kernel, pods: Sequence[ports.PodAddress]) -> dict[str, str]:
    """Return which pod is behind which NIC of the host, as far as its tables tell."""
    places = {pod.ip: pod.place for pod in pods}
    return {port: places[ip] for ip, port in ports_of(here, places).items()}


async def _at_once() -> None:
    """Await nothing: reading a log costs no exec."""


def _listed(nic: logs.Nic) -> Link:
    addresses = tuple(Address(ip=ip, prefix=128 if ":" in ip else 32) for ip in nic.ips if ip)
    return replace(Link(name=nic.name), addresses=addresses)


def _heard(task: "asyncio.Task[Inspection]") -> None:
    """Take note of how a look ended, since all who asked for it may have left."""
    if not task.cancelled():
        task.exception()
