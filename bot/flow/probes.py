"""Probes: look at a node by a pod that is made for it and always removed again.

For nodes on which flannel does not run, so that nothing can be run in it. This is the one thing
that the bot does to a cluster without anybody's approval, and only where it is switched on: each
pod that is made and each that is removed is written into the chain of deeds, and no pod is made
whose beginning could not be written there. It is removed when the look ends, however it ends, when
the bot stops, and by the next start where the bot was killed; the kubelet ends it in any case.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bot.domain import errors, units
from bot.flow import ports, probe_ports

log = structlog.get_logger(__name__)

ACTOR = "flannel-bot"
_TRIES = (1.0, 5.0, 15.0)
"""Seconds between attempts to remove a pod; what is left after them is for the sweep."""
_DOUBLED = 4
"""How often the peace is doubled at most."""
_FAREWELL = 10.0
"""Seconds that the bot's end may wait for removals."""
_UNSEEN = 2.0
"""Seconds until the next try to tidy up after a start, while the cluster is not seen yet."""


@dataclass(frozen=True, slots=True)
class Options:
    """How many probe pods there may be, and how long each may take."""

    at_once: int = 2
    """Probe pods that exist at a time."""
    an_hour: int = 60
    """Probe pods that may be made in an hour."""
    starts_within: timedelta = timedelta(seconds=30)
    """How long one may take until it runs."""
    rest: timedelta = timedelta(minutes=2)
    """How long a node has peace after one: until then, what it showed stands. After failures in
    a row it is twice as long each time, up to sixteen times."""
    patience: timedelta = timedelta(seconds=10)
    """How long a look waits for others to end, before it goes without a probe pod."""
    poll: timedelta = timedelta(seconds=0.5)
    """How often its state is read until it runs."""
    sweep: timedelta = timedelta(minutes=5)
    """How often leftovers are looked for."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be looked at, and why. `because` says what allows the pod, for the record."""

    node: str
    namespace: str
    flannel_pod: str
    container: str
    why: str
    because: str
    actor: str = ACTOR
    touch: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class _Rest:
    """A node's peace after a probe pod; `outcome` is why that one failed, if it did."""

    ended: float
    lasts: timedelta
    outcome: str
    failures: int


class Probes:
    """One cluster's probe pods.

    Args:
        prober: makes and removes them.
        looker: looks from within.
        store: where the chain of deeds is.
        cluster: its name in the settings.
        clock: time.
        within: the longest time for the look itself, once the pod runs.
        options: bounds.
    """

    def __init__(
        self,
        prober: probe_ports.Prober,
        looker: ports.Looker,
        store: ports.Store,
        *,
        cluster: str,
        clock: ports.Clock,
        within: timedelta,
        options: Options,
    ) -> None:
        self._prober = prober
        self._looker = looker
        self._store = store
        self._cluster = cluster
        self._clock = clock
        self._within = within
        self.options = options
        self._slots = asyncio.Semaphore(options.at_once)
        self._begun: list[float] = []
        self._rests: dict[str, _Rest] = {}
        self._busy: set[str] = set()
        self._removing: set[asyncio.Task[None]] = set()

    async def look(self, errand: Errand) -> ports.Look:
        """Look at a node by a probe pod.

        Raises Unavailable with a sentence that says why it did not work.
        """
        self._refuse_too_soon(errand.node)
        await self._acquired()
        wanted = probe_ports.Wanted(
            namespace=errand.namespace,
            node=errand.node,
            flannel_pod=errand.flannel_pod,
            container=errand.container,
            lasts=self._lasts,
        )
        try:
            self._refuse_too_many()
            await self._record(
                errand.node,
                "probe_pod_begun",
                f"a probe pod in {errand.namespace}, since {errand.why}; {errand.because}",
                actor=errand.actor,
            )
        except BaseException:
            self._slots.release()
            raise
        self._begun.append(self._clock.monotonic())
        self._busy.add(errand.node)
        probe: probe_ports.Probe | None = None
        outcome = "the look was broken off"
        foreign = False
        try:
            probe = await self._prober.create(wanted)
            await self._until_running(probe)
            look = await self._seen_from(probe, errand.touch)
            outcome = ""
        except errors.Conflict as error:
            foreign = probe is None
            outcome = str(error)
            raise errors.Unavailable(outcome) from error
        except errors.BotError as error:
            outcome = str(error)
            raise
        finally:
            self._forget_old_rests()
            self._rests[errand.node] = self._rest_after(errand.node, outcome)
            # By itself: whoever waits for the look need not wait for this, nor can end it.
            self._remove_behind(errand, wanted, probe, outcome, foreign=foreign)
        return look

    async def run(
        self, namespaces: Callable[[], Iterable[str]], *, forever: bool, alone: bool = True
    ) -> None:
        """Remove what an earlier process left, and from then on what is too old.

        Args:
            namespaces: where flannel is, none as long as that is not known.
            forever: whether to go on after the first time.
            alone: whether nobody else uses any; of other replicas' only the too old are removed.
        """
        first = alone
        while True:
            places = sorted(set(namespaces()))
            done = bool(places) and await self.sweep(places, everything=first)
            if done and not forever:
                return
            first = first and not done
            pause = self.options.sweep.total_seconds() if done else _UNSEEN
            await self._clock.sleep(pause)

    async def sweep(self, namespaces: Iterable[str], *, everything: bool) -> bool:
        """Remove leftovers; False if that could not be done everywhere.

        Args:
            namespaces: where to look for them.
            everything: whatever is not in use here; otherwise only what has outlived its time.
        """
        whole = True
        oldest = self._clock.now() - 2 * timedelta(seconds=self._lasts)
        for namespace in namespaces:
            try:
                for one in await self._prober.all(namespace):
                    if one.node in self._busy or (not everything and one.created_at > oldest):
                        continue
                    await self._removed(one, "left over; the bot that made it did not remove it")
            except errors.BotError as error:
                whole = False
                log.warning(
                    "probe_pods_not_swept",
                    cluster=self._cluster,
                    namespace=namespace,
                    error=str(error),
                )
        return whole

    async def close(self) -> None:
        """Wait for removals under way, not for ever."""
        if self._removing:
            await asyncio.wait(set(self._removing), timeout=_FAREWELL)
        for task in self._removing:
            task.cancel()

    @property
    def _lasts(self) -> int:
        """Seconds after which a kubelet ends a probe pod: never while it may still be used."""
        both = self.options.starts_within + self._within
        return int(both.total_seconds()) + 15

    def _refuse_too_soon(self, node: str) -> None:
        last = self._rests.get(node)
        if last is None or self._clock.monotonic() - last.ended >= last.lasts.total_seconds():
            return
        said = f" and failed: {last.outcome}" if last.outcome else ""
        raise errors.Unavailable(f"one was there less than {units.duration(last.lasts)} ago{said}")

    def _rest_after(self, node: str, outcome: str) -> "_Rest":
        before = self._rests.get(node)
        failures = (before.failures if before else 0) + 1 if outcome else 0
        return _Rest(
            ended=self._clock.monotonic(),
            lasts=self.options.rest * 2 ** min(max(failures - 1, 0), _DOUBLED),
            outcome=outcome,
            failures=failures,
        )

    def _forget_old_rests(self) -> None:
        """Forget nodes that have long had their peace, as those are that are no more.

        It outlasts the longest peace, or a node that always fails would begin anew each time.
        """
        longest = (self.options.rest * 2**_DOUBLED).total_seconds()
        recent = self._clock.monotonic() - 2 * longest
        self._rests = {node: one for node, one in self._rests.items() if one.ended > recent}

    async def _acquired(self) -> None:
        """Wait for a slot, but not as long as it would take where half the fleet is broken."""
        try:
            async with asyncio.timeout(self.options.patience.total_seconds()):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise errors.Unavailable(
                f"{self.options.at_once} of them are looking at other nodes, and no more are "
                "allowed at a time (`inspection.probes_at_once`)"
            ) from exc

    def _refuse_too_many(self) -> None:
        now = self._clock.monotonic()
        self._begun = [at for at in self._begun if now - at < 3_600]
        if len(self._begun) >= self.options.an_hour:
            raise errors.Unavailable(
                f"{len(self._begun)} of them were made within the last hour, and no more are "
                "allowed (`inspection.probes_an_hour`)"
            )

    async def _until_running(self, probe: probe_ports.Probe) -> None:
        until = self._clock.monotonic() + self.options.starts_within.total_seconds()
        while True:
            state = await self._prober.state(probe)
            if state.phase is probe_ports.Phase.RUNNING:
                return
            if state.phase is probe_ports.Phase.OVER:
                raise errors.Unavailable(f"it does not run: {state.reason}")
            if self._clock.monotonic() >= until:
                said = f" ({state.reason})" if state.reason else ""
                raise errors.Unavailable(
                    f"it did not start within {units.duration(self.options.starts_within)}{said}"
                )
            await self._clock.sleep(self.options.poll.total_seconds())

    async def _seen_from(self, probe: probe_ports.Probe, touch: Sequence[str]) -> ports.Look:
        seconds = self._within.total_seconds()
        try:
            # The adapter cuts the connection; this is for an adapter that itself hangs.
            async with asyncio.timeout(seconds + 1):
                return await self._looker.by_exec(
                    probe.namespace, probe.name, probe.container, touch=touch, within=seconds
                )
        except TimeoutError as exc:
            raise errors.Unavailable(
                f"it did not answer within {units.duration(self._within)}"
            ) from exc

    def _remove_behind(
        self,
        errand: Errand,
        wanted: probe_ports.Wanted,
        probe: probe_ports.Probe | None,
        outcome: str,
        *,
        foreign: bool,
    ) -> None:
        async def work() -> None:
            try:
                if foreign:
                    await self._tell(errand.node, "probe_pod_refused", outcome)
                else:
                    await self._surely_removed(wanted, probe, outcome or "the look is done")
            finally:
                self._busy.discard(errand.node)
                self._slots.release()

        task = asyncio.create_task(work(), name=f"remove the probe pod of {errand.node}")
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)

    async def _surely_removed(
        self, wanted: probe_ports.Wanted, probe: probe_ports.Probe | None, why: str
    ) -> None:
        """Remove it, with some patience. One whose creation was not answered may be there."""
        for pause in (*_TRIES, None):
            try:
                if probe is not None:
                    found = [probe]
                else:
                    everywhere = await self._prober.all(wanted.namespace)
                    found = [one for one in everywhere if one.node == wanted.node]
                for one in found:
                    await self._removed(one, why)
            except errors.BotError as error:
                log.warning(
                    "probe_pod_not_removed",
                    cluster=self._cluster,
                    node=wanted.node,
                    error=str(error),
                )
                if pause is None:
                    await self._tell(wanted.node, "probe_pod_left", str(error))
                    return
                await self._clock.sleep(pause)
            else:
                if not found:
                    await self._tell(wanted.node, "probe_pod_refused", why)
                return

    async def _removed(self, one: probe_ports.Probe, why: str) -> None:
        there = await self._prober.remove(one)
        said = f"{one.namespace}/{one.name}: {why}"
        await self._tell(
            one.node, "probe_pod_removed", said if there else f"{said}; it was gone already"
        )

    async def _tell(self, node: str, kind: str, text: str) -> None:
        """Write down what was done, if that can be written: it is done all the same."""
        try:
            await self._record(node, kind, text)
        except errors.BotError as error:
            log.warning("deed_not_recorded", node=node, kind=kind, text=text, error=str(error))

    async def _record(self, node: str, kind: str, text: str, *, actor: str = ACTOR) -> None:
        async with self._store.unit() as unit:
            await unit.remedy.record(
                at=self._clock.now(),
                actor=actor,
                subject=f"{self._cluster}/{node}",
                kind=kind,
                text=text,
            )
