"""What a check is given, and the limits by which it judges."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from bot.domain import ledger as memory
from bot.domain import rollout, target, workload
from bot.domain.finding import Finding
from bot.domain.snapshot import RESOURCE_OF_KIND, ControllerRevision, Node, Pod, Snapshot
from bot.flannel import discovery, fleet, lease, study, versions
from bot.flannel.inspection import Inspection, Unseen
from bot.flannel.netconf import NetConf
from bot.flannel.recent import Recent


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

    settle: timedelta = timedelta(seconds=60)
    """A node that joined this lately is not judged by what it announces; nor is a look at another
    node by its entries of it, or of one that announces something else since then."""

    left: timedelta = timedelta(minutes=5)
    """The others may take this long to forget a node that left."""

    look_valid: timedelta = timedelta(hours=2)
    """A deep look older than this shows nothing any more: neither that a node is well nor that it
    is not."""

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
    unseen: Mapping[str, Unseen] = field(default_factory=dict)
    """The nodes whose last look, though it was tried, showed no tables."""
    net_confs: Mapping[str, NetConf] = field(default_factory=dict)
    """flannel's configuration by namespace, where it could be read."""
    private_cidrs: tuple[str, ...] = ()
    """Prefixes that nodes' announced addresses must be in; empty: any."""
    peaks: Mapping[str, int] = field(default_factory=dict)
    """Highest memory use known of flannel on each node lately, in bytes."""
    studies: Mapping[str, study.Study] = field(default_factory=dict)
    """What those looks show, by node, as it was judged when they arrived. A look whose study is
    not here is judged when it is asked for."""
    gathered: Mapping[str, fleet.Fleet] = field(default_factory=dict)
    """Fleets that are known already, by flannel's name; one that is not here is made."""
    found: tuple[discovery.Flannel, ...] | None = None
    """Every DaemonSet that runs flannel, where that is known already."""
    recent: Recent = field(default_factory=Recent)
    """Who announced something else lately, and who left."""

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
        return discovery.find(self.snapshot) if self.found is None else self.found

    @cached_property
    def flannel_of(self) -> Mapping[tuple[str, str, str], discovery.Flannel]:
        """Flannel by the kind, namespace and name of its workload."""
        return {("DaemonSet", one.namespace, one.daemonset): one for one in self.flannels}

    @cached_property
    def fleets(self) -> Mapping[str, fleet.Fleet]:
        """What all nodes announce, as each flannel of `flannels` reads it, by its name."""
        return {
            one.name: self.gathered.get(one.name)
            or fleet.gather(
                lease.read(self.snapshot.nodes.values(), prefix=one.flags.annotation_prefix),
                conf=self.net_confs.get(one.namespace),
                version=versions.parse(one.image),
            )
            for one in self.flannels
        }

    @cached_property
    def flannel_on(self) -> Mapping[str, discovery.Flannel]:
        """Which flannel serves each node; of several the first by name."""
        return {node: one for one in reversed(self.flannels) for node in one.serves}

    @cached_property
    def looks(self) -> Mapping[str, study.Study]:
        """What is known of nodes by looks that still count.

        A look that is too old, or that was at an earlier machine of that name, is none.
        """
        found = {}
        for name in sorted(self.inspections):
            seen, node = self.inspections[name], self.snapshot.nodes.get(name)
            if node is None or name not in self.flannel_on:
                continue
            if self._counts(seen, node):
                kept = self.studies.get(name)
                current = kept is not None and kept.taken_at == seen.taken_at
                found[name] = kept if kept is not None and current else self.judged(seen)
        return found

    def _counts(self, seen: Inspection, node: Node) -> bool:
        fresh = self.now - seen.taken_at <= self.limits.look_valid
        return fresh and seen.taken_at >= node.created_at

    def judged(self, seen: Inspection) -> study.Study:
        """Judge a look at a node that flannel serves by what all nodes announce now."""
        flannel, limits, nodes = self.flannel_on[seen.node], self.limits, self.snapshot.nodes
        return study.of(
            seen,
            nodes[seen.node],
            flannel,
            self.fleets[flannel.name],
            private=self.private_cidrs,
            settling=self.recent.unsettled(
                seen.taken_at, nodes.values(), joined=limits.settle, left=limits.left
            ),
            departed=self.recent.subnets,
        )

    @cached_property
    def flannel_pods(self) -> Mapping[str, Pod]:
        """Flannel's pod on each node; of several, as while one replaces another, the newest."""
        found: dict[str, Pod] = {}
        for one in self.flannels:
            for pod in self.snapshot.pods_of.get(one.uid, ()):
                other = found.get(pod.node)
                if other is None or other.created_at <= pod.created_at:
                    found[pod.node] = pod
        return found

    def looping_on(self, node: str) -> bool:
        """Whether flannel crash-loops on that node, which says more than what follows from it."""
        pod = self.flannel_pods.get(node)
        return pod is not None and pod.uid in self.looping

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
        return frozenset(node.name for node in self.snapshot.nodes.values() if not node.ready)

    def progress(self, uid: str) -> rollout.Progress | None:
        """What is remembered of a workload."""
        return self.ledger.progress(uid)

    def revision(self, uid: str) -> ControllerRevision | None:
        """Return the newest revision of a DaemonSet's template, which tells since when it is."""
        owned = [
            one
            for one in self.snapshot.revisions.values()
            if one.owner is not None and one.owner.uid == uid
        ]
        return max(owned, key=lambda one: one.revision, default=None)

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

    @cached_property
    def highest(self) -> Mapping[str, int]:
        """The highest memory use known of each flannel on any of its nodes, by its name."""
        return {
            one.name: max((self.peaks.get(node, 0) for node in one.serves), default=0)
            for one in self.flannels
        }

    def home(self, flannel: discovery.Flannel) -> target.Target:
        """The DaemonSet that runs flannel, as a workload."""
        return target.Target(
            cluster=self.cluster,
            kind="DaemonSet",
            namespace=flannel.namespace,
            name=flannel.daemonset,
        )

    def node(self, name: str) -> target.Target:
        """A node as a target."""
        return target.Target(cluster=self.cluster, kind="Node", namespace="", name=name, node=name)

    def whole(self) -> target.Target:
        """The cluster as a workload."""
        return target.Target(cluster=self.cluster, kind="Cluster", namespace="", name=self.cluster)


Sight = Callable[[Context], Collection[str]]
"""Which nodes a check that judges by deep looks could see now."""

Check = Callable[[Context], Iterable[Finding]]
"""A pure rule. It says the same whenever it is asked about the same context."""
