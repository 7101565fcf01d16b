"""What a check is given, and the limits by which it judges."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from bot.domain import ledger as memory
from bot.domain import rollout, target, workload
from bot.domain.finding import Finding
from bot.domain.health import Health
from bot.domain.snapshot import RESOURCE_OF_KIND, Pod, Snapshot
from bot.flannel import discovery, fleet, lease, versions
from bot.flannel.inspection import Inspection
from bot.flannel.netconf import NetConf


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each trouble may last before it is one."""

    pod_grace: timedelta = timedelta(minutes=5)
    """A pod may take this long to become ready: image pulls and slow starts are no trouble."""

    daemonset_grace: timedelta = timedelta(minutes=5)
    """A DaemonSet may be short this long; joining nodes make every DaemonSet short for a while."""

    rollout_stuck: timedelta = timedelta(minutes=10)
    """A rollout that has not moved for this long is stuck; one slow pod must fit in."""

    deployment_grace: timedelta = timedelta(minutes=2)
    """A Deployment may lack replicas this long; a rescheduled CoreDNS pod needs some seconds."""

    node_grace: timedelta = timedelta(seconds=30)
    """A node may be NotReady this long. Short: the node controller itself already waits 40 to
    50 s for a silent kubelet."""

    flannel_missing_grace: timedelta = timedelta(minutes=2)
    """A ready node may lack a flannel pod this long; a replaced pod is back well before."""

    blind_after: timedelta = timedelta(minutes=3)
    """A gap that lasts this long is a finding of its own; a re-list after a broken watch is not."""

    one_pass: bool = False
    """Whether this is a single look without memory: graces that need memory count as over,
    except for a rollout that is visibly under way."""


@dataclass(frozen=True)
class Context:
    """One snapshot, what is remembered of before, and the limits. `now` is the snapshot's time."""

    snapshot: Snapshot
    ledger: memory.Ledger = field(default_factory=memory.Ledger)
    limits: Limits = field(default_factory=Limits)
    policy: memory.Policy = field(default_factory=memory.Policy)
    inspections: Mapping[str, Inspection] = field(default_factory=dict)
    """The newest deep look at each node, by node; its age is the check's business."""
    net_confs: Mapping[str, NetConf] = field(default_factory=dict)
    """flannel's configuration by namespace, where it could be read."""
    private_cidrs: tuple[str, ...] = ()
    """Prefixes that nodes' announced addresses must be in; empty: any."""
    peaks: Mapping[str, int] = field(default_factory=dict)
    """Highest memory use known of flannel on each node lately, in bytes."""

    @property
    def now(self) -> datetime:
        """The moment that is judged."""
        return self.snapshot.taken_at

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.snapshot.cluster

    @cached_property
    def flannels(self) -> tuple[discovery.Flannel, ...]:
        """Every DaemonSet that runs flannel."""
        return discovery.find(self.snapshot)

    @cached_property
    def flannel_of(self) -> Mapping[tuple[str, str, str], discovery.Flannel]:
        """Flannel by the kind, namespace and name of its workload."""
        return {("DaemonSet", one.namespace, one.daemonset): one for one in self.flannels}

    @cached_property
    def fleets(self) -> Mapping[str, fleet.Fleet]:
        """What all nodes announce, as each flannel of `flannels` reads it, by its name."""
        return {
            one.name: fleet.gather(
                lease.read(self.snapshot.nodes.values(), prefix=one.flags.annotation_prefix),
                conf=self.net_confs.get(one.namespace),
                version=versions.parse(one.image),
            )
            for one in self.flannels
        }

    @cached_property
    def pods_of(self) -> Mapping[str, tuple[Pod, ...]]:
        """Pods by the uid of the DaemonSet that owns them."""
        owned: dict[str, list[Pod]] = {}
        for pod in self.snapshot.pods.values():
            owner = pod.owner
            if owner is not None and owner.kind == "DaemonSet":
                owned.setdefault(owner.uid, []).append(pod)
        return {uid: tuple(pods) for uid, pods in owned.items()}

    @cached_property
    def looping(self) -> frozenset[str]:
        """The uids of pods that crash-loop."""
        return frozenset(
            record.uid
            for record, story in self.ledger.containers()
            if story.loop is not None and record.gone_at is None
        )

    @cached_property
    def nodes_down(self) -> frozenset[str]:
        """The names of nodes whose Ready condition is not True."""
        return frozenset(
            node.name for node in self.snapshot.nodes.values() if node.health is not Health.HEALTHY
        )

    def progress(self, uid: str) -> rollout.Progress | None:
        """What is remembered of a workload."""
        return self.ledger.progress(uid)

    def flannel(self, whose: target.Target) -> discovery.Flannel | None:
        """Return flannel, if that workload is one."""
        return self.flannel_of.get((whose.kind, whose.namespace, whose.name))

    def lasted(self, since: datetime | None, grace: timedelta) -> bool:
        """Whether what began then, by a time of the cluster's own, has outlasted its grace."""
        return since is None or self.now - since >= grace

    def remembered(self, since: datetime | None, grace: timedelta) -> bool:
        """Whether what began then, by the bot's memory, has outlasted its grace."""
        if self.limits.one_pass:
            return True
        return since is not None and self.now - since >= grace

    def blind_since(self, kind: str, namespace: str, name: str = "") -> datetime | None:
        """Since when objects of that kind are not seen there; None while they are."""
        resource = RESOURCE_OF_KIND[kind]
        hiding = [one.since for one in self.snapshot.gaps if one.covers(resource, namespace, name)]
        return min(hiding, default=None)

    def owner(self, pod: Pod) -> target.Target:
        """The workload of a pod."""
        return workload.of(pod, cluster=self.cluster)

    def place(self, pod: Pod) -> target.Target:
        """The pod as a target."""
        return workload.place(pod, cluster=self.cluster)

    def whole(self) -> target.Target:
        """The cluster as a workload."""
        return target.Target(cluster=self.cluster, kind="Cluster", namespace="", name=self.cluster)


Check = Callable[[Context], Iterable[Finding]]
"""A pure rule. It says the same whenever it is asked about the same context."""
