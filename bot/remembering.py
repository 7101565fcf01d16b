"""The composition root's part for flannel's memory over time: who samples, who tells, when."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from bot import options, settings
from bot.adapters.cluster import client, mirror, usage
from bot.adapters.metrics import prometheus
from bot.domain import errors
from bot.flow import memory, memory_history, memory_ports, ports, sampling
from bot.flow.sight import Sight

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Remembering:
    """One cluster's memory: taken by `sampler`, told by `history`."""

    cluster: str
    sampler: sampling.Sampler
    history: memory_ports.MemoryHistory
    close: Callable[[], None] = lambda: None
    """Ask nobody any more."""

    async def sample(self, peaks: Callable[[], Awaitable[None]]) -> None:
        """Keep how much memory flannel uses, and let the checks know the highest."""
        await self.sampler.run()
        try:
            await peaks()
        except errors.Unavailable as error:
            log.info("peaks_not_known", cluster=self.cluster, error=str(error))


def of(
    given: settings.Settings,
    api: client.Client,
    mirrored: mirror.Mirror,
    store: ports.Store,
    *,
    clock: ports.Clock,
) -> Remembering:
    """Build one cluster's."""
    sampler = sampling.Sampler(
        mirrored, usage.Usages(api), store, clock=clock, options=options.sampling(given)
    )
    taken = given.schedule.samples != "off"
    own = memory_history.Own(mirrored.cluster, store, sampler if taken else None)
    kept = Remembering(cluster=mirrored.cluster, sampler=sampler, history=own)
    reached = options.prometheus(given, mirrored.cluster)
    if reached is None:
        return kept
    better = prometheus.Prometheus(reached)
    history = memory_history.Preferred(better, own, name=prometheus.SOURCE)
    return replace(kept, history=history, close=better.close)


def told(
    given: settings.Settings,
    kept: Remembering,
    sight: Sight,
    store: ports.Store,
    *,
    clock: ports.Clock,
) -> memory.Memory:
    """Return whom to ask about it."""
    return memory.Memory(
        sight, kept.history, store, clock=clock, options=options.remembering(given)
    )
