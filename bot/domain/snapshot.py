"""Everything known of one cluster at one moment, frozen.

The values below are views of Kubernetes objects with only what judgements need. They are made
once per change of an object by the mirror and shared between snapshots, so a snapshot costs a
few dictionaries. What could not be read is a `Gap`: neither health nor illness.
"""

import enum
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bot.domain import health


class Phase(enum.StrEnum):
    """Where a container's process is in its life."""

    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One of Kubernetes' `state` and `lastState`. Times are UTC; `exit_code` only if terminated."""

    phase: Phase
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    container_id: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as its pod's status tells it; memory in bytes, None where no limit is set."""

    name: str
    image: str
    ready: bool
    restart_count: int
    state: ContainerState | None
    last_state: ContainerState | None
    init: bool = False
    memory_limit: int | None = None
    trail: tuple[ContainerState, ...] = ()
    """Ends of earlier runs that the status no longer tells, oldest first, as `bot.domain.trail`
    carries them over from one status to the next."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of `status.conditions`; `status` is "True", "False" or "Unknown"."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: datetime | None = None


def _of_type(conditions: Iterable[Condition], kind: str) -> Condition | None:
    # A plain loop takes a third of the time of a generator, and each cycle asks for thousands.
    for condition in conditions:
        if condition.type == kind:
            return condition
    return None


def _ready(conditions: Iterable[Condition]) -> bool:
    condition = _of_type(conditions, "Ready")
    return condition is not None and condition.status == "True"


@dataclass(frozen=True, slots=True)
class Owner:
    """The controlling owner reference of an object."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a system namespace. `mirror` marks a static pod, which no API call can restart."""

    uid: str
    namespace: str
    name: str
    node: str
    phase: str
    created_at: datetime
    containers: tuple[Container, ...]
    conditions: tuple[Condition, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    deleting_since: datetime | None = None
    host_network: bool = False
    mirror: bool = False
    reason: str = ""
    message: str = ""
    pod_ip: str = ""
    ready: bool = field(init=False, repr=False, compare=False)
    """Whether condition Ready is True. Known once: of 25,000 pods nearly all are, in each cycle."""

    calm: bool = field(init=False, repr=False, compare=False)
    """Whether it is ready and nothing in it ever ended: then time alone changes no verdict."""

    def __post_init__(self) -> None:
        ready = _ready(self.conditions)
        object.__setattr__(self, "ready", ready)
        ended = any(one.last_state is not None for one in self.containers)
        object.__setattr__(self, "calm", ready and not ended)

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of that type, or None where the status has none."""
        return _of_type(self.conditions, kind)


@dataclass(frozen=True, slots=True)
class Taint:
    """A node's taint. `added_at` is known of those that controllers set, such as by a cordon."""

    key: str
    value: str
    effect: str
    added_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Toleration:
    """A pod template's toleration; an empty key with `Exists` tolerates everything."""

    key: str
    operator: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node; `annotations` holds only flannel's (any prefix that ends in its keys)."""

    uid: str
    name: str
    created_at: datetime
    conditions: tuple[Condition, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    internal_ips: tuple[str, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    kernel: str = ""
    os: str = "linux"
    arch: str = ""
    kubelet: str = ""
    allocatable_memory: int | None = None
    ready: bool = field(init=False, repr=False, compare=False)
    """Whether condition Ready is True."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ready", _ready(self.conditions))

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of that type, or None where the status has none."""
        return _of_type(self.conditions, kind)

    @property
    def health(self) -> health.Health:
        """Ready as Kubernetes tells it: Unknown (a silent kubelet) stays unknown."""
        if self.ready:
            return health.Health.HEALTHY
        condition = self.condition("Ready")
        if condition is None or condition.status == "Unknown":
            return health.Health.UNKNOWN
        return health.Health.UNHEALTHY


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container of a pod template. `env` holds plain values only; memory in bytes."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    env_from_elsewhere: tuple[str, ...] = ()
    memory_limit: int | None = None
    memory_request: int | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """What of a pod template decides where its pods run and what they run."""

    containers: tuple[ContainerSpec, ...]
    init_containers: tuple[ContainerSpec, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    required_node_labels: tuple[tuple[tuple[str, str, tuple[str, ...]], ...], ...] = ()
    """Required node affinity: any of these terms, each all of (key, operator, values)."""
    tolerations: tuple[Toleration, ...] = ()
    host_network: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DaemonSet:
    """A DaemonSet; counters that the API server leaves out while zero are zero here."""

    uid: str
    namespace: str
    name: str
    created_at: datetime
    generation: int
    observed_generation: int
    template: Template
    desired: int = 0
    current: int = 0
    ready: int = 0
    updated: int = 0
    available: int = 0
    unavailable: int = 0
    misscheduled: int = 0
    strategy: str = "RollingUpdate"
    max_unavailable: str = "1"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Deployment; `replicas` is what is wanted."""

    uid: str
    namespace: str
    name: str
    created_at: datetime
    generation: int
    observed_generation: int
    replicas: int
    ready: int = 0
    updated: int = 0
    available: int = 0
    conditions: tuple[Condition, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of that type, or None where the status has none."""
        return _of_type(self.conditions, kind)


@dataclass(frozen=True, slots=True)
class ControllerRevision:
    """A remembered template of a DaemonSet; the highest `revision` is the newest."""

    namespace: str
    name: str
    revision: int
    owner: Owner | None
    hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be read, why, and since when.

    `resource` is the plural Kubernetes name; an empty namespace means all of them, an empty
    name means every object of that resource there.
    """

    resource: str
    reason: str
    since: datetime
    namespace: str = ""
    name: str = ""

    @property
    def what(self) -> str:
        """What is not seen, in words."""
        text = self.resource
        if self.name:
            text = f"{text} {self.name}"
        return f"{text} in {self.namespace}" if self.namespace else text

    def covers(self, resource: str, namespace: str, name: str) -> bool:
        """Whether this gap hides that object. The resource "*" hides all of the cluster."""
        return (
            self.resource in ("*", resource)
            and self.namespace in ("", namespace)
            and self.name in ("", name)
        )


API_SERVER = "API server"
"""What is not seen where `MANY_KINDS` or more are hidden for one and the same reason."""

MANY_KINDS = 3

RESOURCE_OF_KIND = {
    "Node": "nodes",
    "Pod": "pods",
    "DaemonSet": "daemonsets",
    "Deployment": "deployments",
    "ControllerRevision": "controllerrevisions",
}


@dataclass(frozen=True)
class Snapshot:
    """One cluster at `taken_at` (UTC). Pods and workloads are keyed by (namespace, name)."""

    cluster: str
    taken_at: datetime
    nodes: Mapping[str, Node] = field(default_factory=dict)
    pods: Mapping[tuple[str, str], Pod] = field(default_factory=dict)
    daemonsets: Mapping[tuple[str, str], DaemonSet] = field(default_factory=dict)
    deployments: Mapping[tuple[str, str], Deployment] = field(default_factory=dict)
    revisions: Mapping[tuple[str, str], ControllerRevision] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    departed: tuple[Pod, ...] = ()
    """Pods that went lately, in their last state, if something in them had ended. A pod may be
    killed and deleted between two snapshots; no other would tell of its end."""

    @cached_property
    def pods_of(self) -> Mapping[str, Sequence[Pod]]:
        """Pods by the uid of the DaemonSet that owns them."""
        owned: dict[str, list[Pod]] = {}
        for pod in self.pods.values():
            owner = pod.owner
            if owner is not None and owner.kind == "DaemonSet":
                owned.setdefault(owner.uid, []).append(pod)
        return owned

    @property
    def dark(self) -> bool:
        """Whether it is the API server that is not seen."""
        reasons = Counter(gap.reason for gap in self.gaps if not gap.name)
        return any(count >= MANY_KINDS for count in reasons.values())

    def sees(self, kind: str, namespace: str, name: str) -> bool:
        """Whether this snapshot could have shown that object, were it there.

        A kind that no mirror holds is never seen.
        """
        resource = RESOURCE_OF_KIND.get(kind)
        if resource is None:
            return False
        return not any(gap.covers(resource, namespace, name) for gap in self.gaps)
