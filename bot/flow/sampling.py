"""Sample: how much memory each flannel uses now, kept for a history without Prometheus.

OOM kills are kept beside the samples. The ledger forgets a pod's deaths some time after the pod is
gone, and a graph of a whole day should still show them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain import death, errors, ledger
from bot.domain.snapshot import Snapshot
from bot.flannel import discovery
from bot.flow import memory_ports, ports

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How finely and how long memory is kept."""

    slot: timedelta = timedelta(minutes=5)
    """Samples within this time are kept as one, with the highest of them."""
    keep: timedelta = timedelta(days=3)
    """How long they are kept."""


class Sampler:
    """Takes samples of one cluster.

    Args:
        mirror: the cluster.
        source: who measures.
        store: where samples are kept.
        clock: time.
        options: how finely and how long.
    """

    def __init__(
        self,
        mirror: ports.Mirror,
        source: memory_ports.UsageSource,
        store: ports.Store,
        *,
        clock: ports.Clock,
        options: Options,
    ) -> None:
        self._mirror = mirror
        self._source = source
        self._store = store
        self._clock = clock
        self.options = options
        self._pruned: datetime | None = None
        self.trouble: memory_ports.Absent | errors.Unavailable | None = None
        """Why the newest attempt brought nothing; None if it did, or if there was none yet."""
        self.tried = False
        """Whether there was an attempt."""

    async def run(self) -> None:
        """Take one sample of each flannel. Raises Unavailable if it could not be stored.

        That nothing measures is no failure of the bot: it is remembered for those who ask.
        """
        taken, now = self._mirror.snapshot(), self._clock.now()
        found = discovery.find(taken)
        trouble: errors.Unavailable | None = None
        samples: list[memory_ports.Sample] = []
        for namespace in dict.fromkeys(one.namespace for one in found if one.serves):
            try:
                usages = await self._source.of(namespace)
            except errors.Unavailable as error:
                trouble = error
                continue
            samples += _samples(taken, found, namespace, usages)
        self._note(trouble)
        kills = oom_kills(await self._store.records(self._mirror.cluster), found)
        await self._store.samples.keep(
            self._mirror.cluster, samples, slot=self.options.slot, kills=kills
        )
        if self._pruned is None or now - self._pruned >= self.options.slot:
            await self._store.samples.prune(self._mirror.cluster, before=now - self.options.keep)
            self._pruned = now

    def _note(self, trouble: errors.Unavailable | None) -> None:
        before = str(self.trouble) if self.trouble else ""
        after = str(trouble) if trouble else ""
        self.tried, self.trouble = True, trouble
        if after != before:
            cluster = self._mirror.cluster
            if trouble:
                log.warning("memory_not_sampled", cluster=cluster, error=after)
            else:
                log.info("memory_sampled_again", cluster=cluster)


def _samples(
    taken: Snapshot,
    found: Iterable[discovery.Flannel],
    namespace: str,
    usages: Iterable[memory_ports.Usage],
) -> list[memory_ports.Sample]:
    owners = {one.uid: one for one in found}
    samples = []
    for one in usages:
        pod = taken.pods.get((namespace, one.pod))
        flannel = owners.get(pod.owner.uid) if pod is not None and pod.owner else None
        if pod is None or flannel is None or not pod.node or one.container != flannel.container:
            continue
        limit = next((c.memory_limit for c in pod.containers if c.name == one.container), None)
        samples.append(
            memory_ports.Sample(
                at=one.at,
                workload=flannel.name,
                node=pod.node,
                pod_uid=pod.uid,
                working_set=one.working_set,
                limit=limit,
            )
        )
    return samples


def oom_kills(
    records: Iterable[ledger.Record], found: Iterable[discovery.Flannel]
) -> list[memory_ports.Kill]:
    """Return flannel's certain OOM kills that the ledger tells one by one, oldest first."""
    whose = {(one.namespace, one.daemonset, one.container) for one in found}
    kills = {
        memory_ports.Kill(one.finished_at or one.noticed_at, record.node)
        for record in records
        if record.story is not None
        and record.workload_kind == "DaemonSet"
        and (record.namespace, record.workload_name, record.container) in whose
        for one in record.story.deaths
        if one.verdict is death.Verdict.OOM
    }
    return sorted(kills, key=lambda kill: (kill.at, kill.node))
