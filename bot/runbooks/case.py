"""What a runbook is given, what a person may wish, and what it answers where there is no plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from bot.domain.drain import NodePod
from bot.domain.incident import Incident
from bot.domain.plan import Plan
from bot.domain.snapshot import Pod, Snapshot
from bot.domain.target import Target
from bot.flannel import sizing
from bot.flannel.discovery import Flannel
from bot.flannel.inspection import Inspection
from bot.flannel.netconf import NetConf

Json = Any
"""Any value that JSON can hold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a plan may change at once, how long it may take, and how many must approve it."""

    memory_cap: int = sizing.CAP
    """The highest memory limit that is drafted, in bytes, be it asked for by a person."""
    batch: int = 5
    """Flannel pods deleted at a time under OnDelete, after the first one alone."""
    expiry: timedelta = timedelta(minutes=15)
    """How long a request waits for approval."""
    quorum: int = 1
    """Approvals that a plain plan needs."""
    quorum_risky: int = 2
    """Approvals where NICs change, or many nodes are touched."""
    many_nodes: int = 200
    """A plan that touches more nodes than this needs `quorum_risky` approvals."""
    look_age: timedelta = timedelta(minutes=10)
    """A look at a node older than this foretells nothing."""
    pace: timedelta = timedelta(seconds=36)
    """What one node takes in a rolling update: 100 nodes an hour, as in the field."""
    pod_ready: timedelta = timedelta(minutes=5)
    """How long a restarted flannel may take until it is ready: image pull and start."""
    drain: timedelta = timedelta(minutes=10)
    """How long one pod's eviction may take, its budget's refusals and its grace included."""
    write: timedelta = timedelta(minutes=1)
    """How long one write may take, with its repetitions."""
    helps_within: timedelta = timedelta(minutes=10)
    """How long after its last step a plan may take to show that it helped."""
    stays: timedelta = timedelta(minutes=5)
    """How long it must then stay well."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person may choose about a plan, all else is computed.

    `memory_bytes` is the limit asked for, None for the one that evidence suggests;
    `lose_empty_dirs` is the tick that data in emptyDirs may be lost.
    """

    node: str = ""
    memory_bytes: int | None = None
    lose_empty_dirs: bool = False


@dataclass(frozen=True, slots=True)
class NoPlan:
    """Why there is no plan.

    `reason` is one or more sentences. `manual` is text to be applied by hand, where there is any;
    `instead` names runbooks that would do, the best first.
    """

    reason: str
    manual: str = ""
    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """All that a runbook may look at, at one moment.

    A plan that is carried out restarts flannel, so whatever is not known here is not known to the
    plan either: a node without a look that still counts is predicted as unknown.
    """

    snapshot: Snapshot
    now: datetime
    requester: str
    """The Slack user id of whoever asks."""
    flannels: tuple[Flannel, ...]
    """Every DaemonSet that runs flannel, as `discovery.find` tells of this snapshot."""
    documents: Mapping[str, Json] = field(default_factory=dict)
    """Each such DaemonSet as the API server has it now, all of it, by "namespace/name"."""
    inspections: Mapping[str, Inspection] = field(default_factory=dict)
    """The newest look at each node."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """Why a node could not be looked at."""
    net_confs: Mapping[str, NetConf] = field(default_factory=dict)
    """flannel's configuration by namespace, where it could be read."""
    peaks: Mapping[str, int] = field(default_factory=dict)
    """Highest memory use known of flannel on each node lately, in bytes."""
    pods: Mapping[str, tuple[NodePod, ...]] = field(default_factory=dict)
    """All pods of a node, of every namespace, where they were listed."""
    incident: Incident | None = None
    """What it is to cure."""
    own_node: str = ""
    """The node that the bot itself runs on, empty where it is not known or outside."""
    limits: Limits = field(default_factory=Limits)

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.snapshot.cluster

    @cached_property
    def flannel_on(self) -> Mapping[str, Flannel]:
        """Which flannel serves each node; of several the first by name."""
        return {node: one for one in reversed(self.flannels) for node in one.serves}

    @cached_property
    def flannel_pods(self) -> Mapping[str, Pod]:
        """Flannel's pod on each node; of several, as while one replaces another, the newest."""
        uids = {one.uid for one in self.flannels}
        found: dict[str, Pod] = {}
        for pod in self.snapshot.pods.values():
            if pod.owner is None or pod.owner.uid not in uids or not pod.node:
                continue
            other = found.get(pod.node)
            if other is None or other.created_at <= pod.created_at:
                found[pod.node] = pod
        return found

    def home(self, flannel: Flannel) -> Target:
        """The DaemonSet that runs flannel, as a target."""
        return Target(self.cluster, "DaemonSet", flannel.namespace, flannel.daemonset)

    def node(self, name: str) -> Target:
        """A node as a target."""
        return Target(self.cluster, "Node", "", name, name)


Runbook = Callable[[Case, Wishes], Plan | NoPlan]
"""Code that drafts a plan. Pure: asked twice about the same case it drafts the same plan."""
