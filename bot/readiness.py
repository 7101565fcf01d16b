"""Which parts of the bot are ready, and the numbers that are taken at a scrape."""

import asyncio
from collections.abc import Iterable

from bot import watched
from bot.adapters import health
from bot.adapters.cluster import mirror
from bot.adapters.store import sql
from bot.domain import errors
from bot.flow import asking, ports

_AGAIN = 1.0
"""Seconds between two writes of probes, so that these are no load."""
_WITHIN = 0.5
"""Seconds that a probe waits for the store; the kubelet gives up on a probe after one."""


class StoreProbe:
    """Whether the store can be written, asked at most once a second."""

    def __init__(self, clock: ports.Clock) -> None:
        self._clock = clock
        self._store: sql.SqlStore | None = None
        self._asking: asyncio.Task[health.Part] | None = None
        self._asked = float("-inf")
        self.reason = "not opened yet"

    def opened(self, store: sql.SqlStore) -> None:
        """Ask that store from now on."""
        self._store = store

    async def leave(self) -> None:
        """Let nobody ask the store any more, before it is closed."""
        self._store, self.reason = None, "closed"
        if self._asking is not None:
            await asyncio.wait({self._asking})

    async def part(self) -> health.Part:
        """Return how it stands."""
        if self._store is None:
            return health.Part(ok=False, reason=self.reason)
        now = self._clock.monotonic()
        # Probes must not become a load of writes, and a store that is locked must not hold them up.
        if self._asking is None or (self._asking.done() and now - self._asked > _AGAIN):
            self._asked = now
            self._asking = asyncio.create_task(_writable(self._store), name="store probe")
        asking = self._asking
        await asyncio.wait({asking}, timeout=_WITHIN)
        if asking.done():
            return asking.result()
        return health.Part(ok=False, reason=f"no answer for {now - self._asked:.0f} s")


async def _writable(store: sql.SqlStore) -> health.Part:
    try:
        await store.check_writable()
    except errors.BotError as error:
        return health.Part(ok=False, reason=str(error))
    return health.Part(ok=True)


def mirror_part(mirrored: mirror.Mirror) -> health.Part:
    """Fresh while no whole resource is unseen; single odd objects are told otherwise."""
    blind = [gap for gap in mirrored.snapshot().gaps if not gap.name]
    if not blind:
        return health.Part(ok=True)
    return health.Part(ok=False, reason=f"{blind[0].what}: {blind[0].reason}")


def measure(watching: Iterable[watched.Watched], numbers: ports.Telemetry) -> None:
    """Take what a scrape wants fresh: how much is mirrored, and how old it is."""
    for each in watching:
        totals: dict[str, tuple[int, float]] = {}
        for age in each.mirror.ages():
            objects, oldest = totals.get(age.resource, (0, 0.0))
            seconds = float("inf") if age.age_seconds is None else age.age_seconds
            totals[age.resource] = (objects + age.objects, max(oldest, seconds))
        for resource, (objects, oldest) in totals.items():
            labels = {"cluster": each.cycle.cluster, "resource": resource}
            numbers.gauge("mirror_objects", objects, **labels)
            numbers.gauge("mirror_age_seconds", oldest, **labels)


def missing(executor: asking.Asking, numbers: ports.Telemetry) -> None:
    """Tell whether the executor that this process waits for gives signs of life."""
    numbers.gauge("executor_missing", int(bool(executor.trouble)))
