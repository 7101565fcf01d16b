"""The few fields of Kubernetes' JSON that somebody needs, as msgspec structs.

Fields that are not named here are skipped by the decoder at the speed of memory. Lists and maps
may be null, since Go writes a nil slice so. Heartbeat times and image lists are left out on
purpose: without them most status updates of a node decode to what is already known. Times are
decoded by msgspec (RFC 3339, always with an offset).
"""

from datetime import datetime

import msgspec


class Object(msgspec.Struct, gc=False, rename="camel"):
    """Base of all of them: untracked by the garbage collector, since JSON has no cycles."""


class OwnerReference(Object):
    """Who made this object; one of several is the controller."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Meta(Object):
    """`metadata` with all labels and annotations."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None


class Condition(Object):
    """One of `status.conditions`, without its heartbeat."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_time: datetime | None = None


class Taint(Object):
    """A node's taint."""

    key: str
    effect: str
    value: str | None = None
    time_added: datetime | None = None


class NodeSpec(Object):
    """`spec` of a node."""

    pod_cidr: str | None = msgspec.field(name="podCIDR", default=None)
    pod_cidrs: list[str] | None = msgspec.field(name="podCIDRs", default=None)
    taints: list[Taint] | None = None
    unschedulable: bool | None = None


class Address(Object):
    """One of a node's addresses."""

    type: str
    address: str


class NodeInfo(Object):
    """What the kubelet says of its host."""

    kernel_version: str = ""
    kubelet_version: str = ""
    operating_system: str = ""
    architecture: str = ""


class Memory(Object):
    """The one resource that is looked at, of a limits, requests or allocatable map."""

    memory: str | int | float | None = None


class NodeStatus(Object):
    """`status` of a node."""

    conditions: list[Condition] | None = None
    addresses: list[Address] | None = None
    allocatable: Memory | None = None
    node_info: NodeInfo | None = None


class Node(Object):
    """A node."""

    metadata: Meta
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class PodLabels(Object):
    """The labels of a pod that are kept."""

    revision_hash: str | None = msgspec.field(name="controller-revision-hash", default=None)
    template_hash: str | None = msgspec.field(name="pod-template-hash", default=None)
    template_generation: str | None = msgspec.field(name="pod-template-generation", default=None)
    app: str | None = None
    k8s_app: str | None = msgspec.field(name="k8s-app", default=None)
    tier: str | None = None


class PodAnnotations(Object):
    """The annotation that marks a static pod's reflection."""

    mirror: str | None = msgspec.field(name="kubernetes.io/config.mirror", default=None)


class PodMeta(Object):
    """`metadata` of a pod."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: PodLabels | None = None
    annotations: PodAnnotations | None = None
    owner_references: list[OwnerReference] | None = None


class Resources(Object):
    """A container's memory limit and request."""

    limits: Memory | None = None
    requests: Memory | None = None


class PodContainer(Object):
    """A container as a pod's spec wants it."""

    name: str = ""
    image: str | None = None
    resources: Resources | None = None


class PodSpec(Object):
    """`spec` of a pod."""

    node_name: str | None = None
    host_network: bool | None = None
    containers: list[PodContainer] | None = None
    init_containers: list[PodContainer] | None = None


class Waiting(Object):
    """A container that does not run yet, or not again yet."""

    reason: str | None = None
    message: str | None = None


class Running(Object):
    """A container that runs."""

    started_at: datetime | None = None


class Terminated(Object):
    """A container that ended."""

    exit_code: int = 0
    reason: str | None = None
    message: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    container_id: str | None = msgspec.field(name="containerID", default=None)


class State(Object):
    """One of three; an empty one means waiting where it is the present state."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Object):
    """A container as its kubelet tells it."""

    name: str
    image: str | None = None
    ready: bool = False
    restart_count: int = 0
    state: State | None = None
    last_state: State | None = None
    container_id: str | None = msgspec.field(name="containerID", default=None)
    resources: Resources | None = None


class PodStatus(Object):
    """`status` of a pod."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    pod_ip: str | None = msgspec.field(name="podIP", default=None)
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(Object):
    """A pod."""

    metadata: PodMeta
    spec: PodSpec | None = None
    status: PodStatus | None = None


class EnvVar(Object):
    """An environment variable; `value_from` is only looked at for being there."""

    name: str
    value: str | None = None
    value_from: msgspec.Raw = msgspec.Raw()


class Reference(Object):
    """The name of a ConfigMap or Secret."""

    name: str = ""


class EnvFrom(Object):
    """A whole ConfigMap or Secret as environment."""

    config_map_ref: Reference | None = None
    secret_ref: Reference | None = None


class TemplateContainer(Object):
    """A container of a pod template."""

    name: str = ""
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[EnvVar] | None = None
    env_from: list[EnvFrom] | None = None
    resources: Resources | None = None


class Requirement(Object):
    """One requirement of a node selector term."""

    key: str
    operator: str
    values: list[str] | None = None


class Term(Object):
    """All of these; a term of nothing matches nothing."""

    match_expressions: list[Requirement] | None = None
    match_fields: list[Requirement] | None = None


class RequiredTerms(Object):
    """Any of these."""

    node_selector_terms: list[Term] | None = None


class NodeAffinity(Object):
    """Only what is required; preferences decide nothing for a DaemonSet."""

    required: RequiredTerms | None = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )


class Affinity(Object):
    """Where a pod wants to be."""

    node_affinity: NodeAffinity | None = None


class Toleration(Object):
    """A template's toleration."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class TemplateSpec(Object):
    """`spec` of a pod template."""

    containers: list[TemplateContainer] | None = None
    init_containers: list[TemplateContainer] | None = None
    node_selector: dict[str, str] | None = None
    affinity: Affinity | None = None
    tolerations: list[Toleration] | None = None
    host_network: bool | None = None


class TemplateMeta(Object):
    """`metadata` of a pod template."""

    labels: dict[str, str] | None = None


class Template(Object):
    """A pod template."""

    metadata: TemplateMeta | None = None
    spec: TemplateSpec | None = None


class RollingUpdate(Object):
    """`maxUnavailable` is a number or a percentage."""

    max_unavailable: int | str | None = None


class Strategy(Object):
    """How a DaemonSet rolls out."""

    type: str | None = None
    rolling_update: RollingUpdate | None = None


class DaemonSetSpec(Object):
    """`spec` of a DaemonSet."""

    template: Template
    update_strategy: Strategy | None = None


class DaemonSetStatus(Object):
    """`status` of a DaemonSet; the server leaves four of these out while they are zero."""

    observed_generation: int = 0
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    number_misscheduled: int = 0


class DaemonSet(Object):
    """A DaemonSet. Its spec is required: without a template nothing can be said of it."""

    metadata: Meta
    spec: DaemonSetSpec
    status: DaemonSetStatus | None = None


class DeploymentSpec(Object):
    """`spec` of a Deployment."""

    replicas: int | None = None


class DeploymentStatus(Object):
    """`status` of a Deployment."""

    observed_generation: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    conditions: list[Condition] | None = None


class Deployment(Object):
    """A Deployment."""

    metadata: Meta
    spec: DeploymentSpec
    status: DeploymentStatus | None = None


class ControllerRevision(Object):
    """A remembered template; its `data` is not kept."""

    metadata: Meta
    revision: int


class NameOnly(Object):
    """Enough to say which object could not be read."""

    name: str | None = None
    namespace: str | None = None
    resource_version: str | None = None


class Unreadable(Object):
    """An object of which only the metadata may be right; also the object of a bookmark."""

    metadata: NameOnly | None = None


class ListMeta(Object):
    """`metadata` of a list."""

    resource_version: str = ""
    continue_: str | None = msgspec.field(name="continue", default=None)
