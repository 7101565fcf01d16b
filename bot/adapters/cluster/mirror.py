"""A cluster, kept up to date: implements `bot.flow.ports.Mirror`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from bot.adapters.cluster import client, discovery, failures, kinds, shelf, watching
from bot.domain import errors
from bot.domain.snapshot import Gap, Snapshot
from bot.flow import ports

_log = structlog.get_logger(__name__)


class Mirror:
    """One cluster's nodes, and the workloads of its system namespaces.

    Has one consumer of `changed`. `run` must be running for anything to arrive; until then, and
    for whatever fails, the snapshot has gaps.
    """

    def __init__(
        self,
        api: client.Client,
        *,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        is_flannel: discovery.IsFlannel,
    ) -> None:
        self._api = api
        self._options = api.options
        self._clock = clock
        self._telemetry = telemetry
        self._shelves = shelf.Shelves(api.options.name)
        self._discovery = discovery.Discovery(api, is_flannel, clock=clock)
        self._look = asyncio.Event()
        self._changed = asyncio.Event()
        self._watches: dict[tuple[str, str], watching.Watch] = {}
        self._group: asyncio.TaskGroup | None = None
        self._told: tuple[Gap, ...] = ()
        self._unreachable_since: datetime | None = None
        self._turned = (clock.monotonic(), clock.now())
        self._add(kinds.NODES, "")
        self._add_namespaces(self._options.namespaces)

    @property
    def cluster(self) -> str:
        """The cluster's name in the settings."""
        return self._options.name

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are mirrored now."""
        return tuple(sorted({namespace for _, namespace in self._watches if namespace}))

    def snapshot(self) -> Snapshot:
        """Return what is known now; what is not is in its gaps. Cheap; never raises."""
        self._turn()
        return self._shelves.snapshot(taken_at=self._clock.now(), gaps=self._gaps())

    async def changed(self) -> None:
        """Return at the next change that matters, or at once if there was one meanwhile."""
        await self._changed.wait()
        self._changed.clear()

    async def relist(self) -> None:
        """List everything anew.

        Raises:
            Unavailable: if something could not be listed; the rest has been.
        """
        if self._group is None:
            raise errors.Unavailable(f"the mirror of cluster {self.cluster} is not running")
        looked = await self._discover()
        results = await asyncio.gather(*(watch.relist() for watch in self._watches.values()))
        failed = sorted({result for result in results if result})
        if not looked:
            failed.append(self._discovery.reason)
        if failed:
            more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            raise errors.Unavailable(f"not everything could be listed: {failed[0]}{more}")

    def ages(self) -> Sequence[ports.ResourceAge]:
        """Return the freshness of each mirrored resource."""
        return [watch.age() for watch in self._watches.values()]

    async def run(self) -> None:
        """Mirror until cancelled. Leaves no task behind."""
        try:
            async with asyncio.TaskGroup() as group:
                self._turned = (self._clock.monotonic(), self._clock.now())
                self._group = group
                for watch in self._watches.values():
                    self._start(group, watch)
                for work, what in (
                    (self._discovering, "looking for flannel"),
                    (self._pulse, "ageing"),
                    (self._probing, "probing"),
                ):
                    guarded = self._guarded(work, what)
                    group.create_task(guarded, name=f"{self.cluster}: {what}")
        finally:
            self._group = None

    # Watches

    def _add_namespaces(self, namespaces: Sequence[str]) -> None:
        for namespace in namespaces:
            for kind in kinds.IN_NAMESPACES:
                self._add(kind, namespace)

    def _add(self, kind: kinds.Kind, namespace: str) -> None:
        place = (kind.resource, namespace)
        if place in self._watches:
            return
        watch = watching.Watch(
            self._api,
            kind,
            namespace,
            onto=self._shelves.of(kind),
            clock=self._clock,
            telemetry=self._telemetry,
            on_change=self._changed.set,
        )
        self._watches[place] = watch
        if self._group is not None:
            self._start(self._group, watch)

    def _start(self, group: asyncio.TaskGroup, watch: watching.Watch) -> None:
        what = watch.kind.what(watch.namespace)
        guarded = self._guarded(watch.run, what, crashed=watch.crashed)
        group.create_task(guarded, name=f"{self.cluster}: {what}")

    async def _guarded(
        self,
        work: Callable[[], Awaitable[None]],
        what: str,
        *,
        crashed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Do some work for ever. A named seam: a fault of ours blinds one resource, not all."""
        wait, most = self._options.backoff
        while True:
            try:
                await work()
            except Exception as exc:
                _log.exception("mirror_crashed", cluster=self.cluster, what=what)
                if crashed is not None:
                    crashed(exc)
            await self._clock.sleep(wait)
            wait = min(most, 2 * wait)

    # Where flannel runs

    async def _discovering(self) -> None:
        while True:
            looked = await self._discover()
            first, most = self._options.backoff
            again = min(most, first * 2.0 ** min(self._discovery.failures - 1, 16))
            self._look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.discovery_interval if looked else again):
                    await self._look.wait()

    async def _discover(self) -> bool:
        before, known = self._discovery.gaps(), self.namespaces
        looked = await self._discovery.refresh()
        self._add_namespaces(self._discovery.namespaces)
        found = sorted(set(self.namespaces) - set(known))
        if found:
            _log.info("flannel_found", cluster=self.cluster, namespaces=found)
        if found or self._discovery.gaps() != before:
            self._changed.set()
        return looked

    # Whether it can be trusted

    def _gaps(self) -> tuple[Gap, ...]:
        found = [gap for watch in self._watches.values() for gap in watch.gaps()]
        return (*found, *self._discovery.gaps())

    async def _pulse(self) -> None:
        """Notice what only the passing of time brings: gaps that last, ages that grow."""
        while True:
            await self._clock.sleep(self._options.pulse)
            self._turn()
            self._tell_ages()
            gaps = self._gaps()
            if gaps != self._told:
                self._tell_gaps(gaps)
                self._told = gaps
                self._changed.set()

    def _turn(self) -> None:
        """Notice that the bot itself did not run: stopped, suspended, or starved of its CPU.

        What was true before would otherwise be judged by the time of now. Both clocks are asked,
        since the monotonic one stands still while a machine is suspended.
        """
        before = self._turned
        self._turned = (self._clock.monotonic(), self._clock.now())
        late = max(self._turned[0] - before[0], (self._turned[1] - before[1]).total_seconds())
        if self._group is not None and late >= self._options.pulse + self._options.stalled_after:
            _log.warning("stood_still", cluster=self.cluster, seconds=round(late, 1))
            for watch in self._watches.values():
                watch.stood_still(late)

    def _tell_ages(self) -> None:
        worst: dict[str, float] = {}
        totals: dict[str, int] = {}
        for age in self.ages():
            totals[age.resource] = totals.get(age.resource, 0) + age.objects
            if age.age_seconds is not None:
                worst[age.resource] = max(worst.get(age.resource, 0.0), age.age_seconds)
        for resource, objects in totals.items():
            self._gauge("mirror_objects", objects, resource)
        for resource, seconds in worst.items():
            self._gauge("mirror_age_seconds", seconds, resource)

    def _gauge(self, name: str, value: float, resource: str) -> None:
        self._telemetry.gauge(name, value, cluster=self.cluster, resource=resource)

    def _tell_gaps(self, gaps: tuple[Gap, ...]) -> None:
        """Log what became unreadable or readable: the change of a state, not the state."""
        failing = [watch for watch in self._watches.values() if watch.trouble.since is not None]
        now = self._clock.now()
        if len(failing) == len(self._watches):
            if self._unreachable_since is None:
                self._unreachable_since = min(w.trouble.since or now for w in failing)
                _log.warning(
                    "cluster_unreachable",
                    cluster=self.cluster,
                    since=self._unreachable_since.isoformat(),
                    error=failing[0].trouble.reason,
                )
            return
        if self._unreachable_since is not None:
            after = (now - self._unreachable_since).total_seconds()
            self._unreachable_since = None
            _log.info("cluster_reachable", cluster=self.cluster, after=f"{after:.0f}s")
            return
        before, present = (
            {gap.what: gap for gap in some if gap.reason != watching.NOT_YET}
            for some in (self._told, gaps)
        )
        for what, gap in present.items():
            if what not in before:
                _log.info("not_seen", cluster=self.cluster, what=what, reason=gap.reason)
        for what, gap in before.items():
            if what not in present:
                after = (now - gap.since).total_seconds()
                _log.info("seen_again", cluster=self.cluster, what=what, after=f"{after:.0f}s")

    # Whether the server is there at all

    async def _probing(self) -> None:
        """Ask the server something when nothing at all comes from it.

        A server that hangs, or a network that swallows packets, closes no stream.
        """
        ask = client.Ask(
            verb="get",
            resource="version",
            what="the server's version",
            grant="the non-resource URL /version",
            path="/version",
        )
        while True:
            await self._clock.sleep(self._options.probe_after / 2)
            silences = [watch.silent_for for watch in self._watches.values()]
            heard = [silence for silence in silences if silence is not None]
            if not heard or min(heard) < self._options.probe_after:
                continue
            try:
                await self._api.send(ask)
            except failures.Failure as failure:
                # Whatever it says, it has answered.
                if failure.status is None:
                    self._doubt(failure)
            except errors.BotError as failure:
                self._doubt(failure)

    def _doubt(self, failure: errors.BotError) -> None:
        for watch in self._watches.values():
            watch.doubt(failure)
