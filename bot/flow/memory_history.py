"""Where memory over time comes from: the bot's own samples, or a better source before them."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain import errors, snapshot
from bot.flannel import discovery
from bot.flow import memory_ports, ports, sampling

OWN = "own samples of metrics.k8s.io"
NEEDED = (
    "memory over time needs one of two: metrics-server in the cluster, with `schedule.samples` on; "
    "or a Prometheus that scrapes the kubelets, by `metrics.prometheus_url`"
)


def wanted(
    taken: snapshot.Snapshot,
    flannel: discovery.Flannel,
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
    node: str = "",
) -> memory_ports.Wanted:
    """Return the question for one flannel's memory, on one node or (empty) on all."""
    return memory_ports.Wanted(
        namespace=flannel.namespace,
        daemonset=flannel.daemonset,
        container=flannel.container,
        since=since,
        until=until,
        step=step,
        node=node,
        pods={pod.name: pod.node for pod in taken.pods_of.get(flannel.uid, ()) if pod.node},
    )


class Own:
    """The samples that the bot keeps. Implements `memory_ports.MemoryHistory`.

    Args:
        cluster: whose.
        store: where they are.
        sampler: who takes them; None where nobody does.
    """

    def __init__(self, cluster: str, store: ports.Store, sampler: sampling.Sampler | None) -> None:
        self._cluster = cluster
        self._store = store
        self._sampler = sampler

    async def of(self, wanted: memory_ports.Wanted) -> memory_ports.History:
        """Return what was kept. Raises Absent where there is nothing and nothing will come."""
        slot = self._sampler.options.slot if self._sampler else wanted.step
        # A step is a whole number of slots, or it would hold now more and now fewer of them.
        step = slot * max(round(wanted.step / slot), 1)
        found = await self._store.samples.series(
            self._cluster, wanted.workload, since=wanted.since, step=step, node=wanted.node
        )
        trouble = self._sampler.trouble if self._sampler else None
        if not found:
            if self._sampler is None:
                raise memory_ports.Absent("samples are switched off: set `schedule.samples`")
            if trouble is not None:
                raise trouble
        notes = [f"no new samples: {trouble}"] if trouble is not None else []
        if not found and not trouble:
            notes.append("sampling has just begun: there is nothing to show yet")
        return memory_ports.History(series=tuple(found), source=OWN, step=step, notes=tuple(notes))


class Preferred:
    """One source, and another where it fails. Implements `memory_ports.MemoryHistory`.

    Args:
        better: asked first.
        name: what to call it where it fails.
        own: asked then.
    """

    def __init__(
        self, better: memory_ports.MemoryHistory, own: memory_ports.MemoryHistory, *, name: str
    ) -> None:
        self._better = better
        self._own = own
        self._name = name

    async def of(self, wanted: memory_ports.Wanted) -> memory_ports.History:
        """Return what the better source knows, else what was kept. Raises Unavailable."""
        try:
            found = await self._better.of(wanted)
        except errors.Unavailable as error:
            why = f"{self._name} could not be asked: {error}"
        else:
            if found.series:
                return found
            why = f"{self._name} has no memory of {wanted.workload}: does it scrape the kubelets?"
        try:
            kept = await self._own.of(wanted)
        except errors.Unavailable as error:
            raise type(error)(f"{why}; and {error}") from error
        return replace(kept, notes=(why, *kept.notes))
