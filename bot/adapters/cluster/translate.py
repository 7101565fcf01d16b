"""From the wire to the domain: nodes, pods, Deployments and revisions (templates: `templates`).

Pure functions. Whatever an object says that makes no sense raises ValueError, and its caller
turns that one object into a gap. Strings that repeat are interned: node names, images, reasons
and labels of 25,000 pods are then held once.
"""

import functools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from sys import intern

from bot.adapters.cluster import templates, wire
from bot.domain import snapshot

_FLANNEL_KEYS = frozenset(
    {
        "kube-subnet-manager",
        "backend-type",
        "backend-data",
        "backend-v6-data",
        "public-ip",
        "public-ipv6",
        "public-ip-overwrite",
        "public-ipv6-overwrite",
        "node-public-ip",
        "node-public-ipv6",
    }
)
"""flannel pkg/subnet/kube/annotations.go; the prefix is a flag, and may end in "/x-"."""

_FLANNEL_PREFIX = "flannel.alpha.coreos.com/"
_K3S_PREFIX = "k3s.io/"
_NOISE = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})
_LONGEST_MESSAGE = 2048
_NO_LABELS: Mapping[str, str] = {}
_CONTROLLER_HASH = "controller-revision-hash"

_POD_LABELS = (
    _CONTROLLER_HASH,
    "pod-template-hash",
    "pod-template-generation",
    "app",
    "k8s-app",
    "tier",
)


def node(value: wire.Node) -> snapshot.Node:
    """Translate a node."""
    meta = value.metadata
    uid, name, created = _identity(meta)
    spec = value.spec or wire.NodeSpec()
    status = value.status or wire.NodeStatus()
    info = status.node_info or wire.NodeInfo()
    cidrs = spec.pod_cidrs or ([spec.pod_cidr] if spec.pod_cidr else [])
    return snapshot.Node(
        uid=uid,
        name=intern(name),
        created_at=created,
        conditions=_conditions(status.conditions),
        labels=interned(meta.labels),
        annotations={
            intern(key): text
            for key, text in (meta.annotations or {}).items()
            if _is_of_flannel(key)
        },
        taints=tuple(
            snapshot.Taint(
                key=intern(t.key),
                value=intern(t.value or ""),
                effect=intern(t.effect),
                added_at=t.time_added,
            )
            for t in spec.taints or ()
        ),
        unschedulable=bool(spec.unschedulable),
        internal_ips=tuple(a.address for a in status.addresses or () if a.type == "InternalIP"),
        pod_cidrs=tuple(cidrs),
        kernel=intern(info.kernel_version),
        os=intern(info.operating_system or "linux"),
        arch=intern(info.architecture),
        kubelet=intern(info.kubelet_version),
        allocatable_memory=templates.memory(status.allocatable),
    )


def pod(value: wire.Pod) -> snapshot.Pod:
    """Translate a pod."""
    meta = value.metadata
    uid, name, created = _identity(meta)
    spec = value.spec or wire.PodSpec()
    status = value.status or wire.PodStatus()
    deleting = meta.deletion_timestamp
    if deleting is not None:
        # The timestamp is when the grace period will be over, not when somebody asked.
        deleting -= timedelta(seconds=meta.deletion_grace_period_seconds or 0)
    return snapshot.Pod(
        uid=uid,
        namespace=intern(meta.namespace),
        name=name,
        node=intern(spec.node_name or ""),
        phase=intern(status.phase or ""),
        created_at=created,
        containers=(
            *_containers(status.init_container_statuses, spec.init_containers, init=True),
            *_containers(status.container_statuses, spec.containers, init=False),
        ),
        conditions=_conditions(status.conditions),
        labels=_pod_labels(meta.labels),
        owner=_owner(meta.owner_references),
        deleting_since=deleting,
        host_network=bool(spec.host_network),
        mirror=meta.annotations is not None and meta.annotations.mirror is not None,
        reason=intern(status.reason or ""),
        message=_message(status.message),
        pod_ip=status.pod_ip or "",
    )


def daemonset(value: wire.DaemonSet) -> snapshot.DaemonSet:
    """Translate a DaemonSet."""
    meta = value.metadata
    uid, name, created = _identity(meta)
    status = value.status or wire.DaemonSetStatus()
    strategy = value.spec.update_strategy or wire.Strategy()
    rolling = strategy.rolling_update or wire.RollingUpdate()
    return snapshot.DaemonSet(
        uid=uid,
        namespace=intern(meta.namespace),
        name=intern(name),
        created_at=created,
        generation=meta.generation,
        observed_generation=status.observed_generation,
        template=templates.template(value.spec.template),
        desired=status.desired_number_scheduled,
        current=status.current_number_scheduled,
        ready=status.number_ready,
        updated=status.updated_number_scheduled,
        available=status.number_available,
        unavailable=status.number_unavailable,
        misscheduled=status.number_misscheduled,
        strategy=strategy.type or "RollingUpdate",
        max_unavailable="1" if rolling.max_unavailable is None else str(rolling.max_unavailable),
        labels=interned(meta.labels),
        annotations=_annotations(meta),
    )


def deployment(value: wire.Deployment) -> snapshot.Deployment:
    """Translate a Deployment; one replica is wanted where its spec does not say."""
    meta = value.metadata
    uid, name, created = _identity(meta)
    status = value.status or wire.DeploymentStatus()
    return snapshot.Deployment(
        uid=uid,
        namespace=intern(meta.namespace),
        name=intern(name),
        created_at=created,
        generation=meta.generation,
        observed_generation=status.observed_generation,
        replicas=1 if value.spec.replicas is None else value.spec.replicas,
        ready=status.ready_replicas,
        updated=status.updated_replicas,
        available=status.available_replicas,
        conditions=_conditions(status.conditions),
        labels=interned(meta.labels),
        annotations=_annotations(meta),
    )


def revision(value: wire.ControllerRevision) -> snapshot.ControllerRevision:
    """Translate a ControllerRevision."""
    meta = value.metadata
    _, name, created = _identity(meta)
    owner = _owner(meta.owner_references)
    digest = (meta.labels or {}).get(_CONTROLLER_HASH, "")
    if not digest and owner is not None:
        digest = name.removeprefix(f"{owner.name}-")
    return snapshot.ControllerRevision(
        namespace=intern(meta.namespace),
        name=name,
        revision=value.revision,
        owner=owner,
        hash=intern(digest),
        created_at=created,
    )


def interned(labels: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the same labels, their texts held once in the process."""
    if not labels:
        return _NO_LABELS
    return {intern(key): intern(text) for key, text in labels.items()}


def _identity(meta: wire.Meta | wire.PodMeta) -> tuple[str, str, datetime]:
    if not meta.name or not meta.uid or meta.creation_timestamp is None:
        raise ValueError("metadata lacks name, uid or creationTimestamp")
    return meta.uid, meta.name, meta.creation_timestamp


def _is_of_flannel(key: str) -> bool:
    if key.startswith((_FLANNEL_PREFIX, _K3S_PREFIX)):
        return True
    last = key.rpartition("/")[2]
    return last in _FLANNEL_KEYS or any(last.endswith(f"-{known}") for known in _FLANNEL_KEYS)


def _conditions(values: Iterable[wire.Condition] | None) -> tuple[snapshot.Condition, ...]:
    return tuple(
        snapshot.Condition(
            intern(c.type),
            intern(c.status),
            intern(c.reason) if c.reason else "",
            _message(c.message),
            c.last_transition_time,
        )
        for c in values or ()
    )


def _containers(
    statuses: Iterable[wire.ContainerStatus] | None,
    specs: Iterable[wire.PodContainer] | None,
    *,
    init: bool,
) -> Iterable[snapshot.Container]:
    if not statuses:
        return
    wanted = {spec.name: spec for spec in specs or ()}
    for status in statuses:
        spec = wanted.get(status.name)
        # A limit raised in place is told by the status before the spec's is in force.
        resources = status.resources or (spec.resources if spec is not None else None)
        image = status.image or ""
        if (not image or image.startswith("sha256:")) and spec is not None:
            image = spec.image or image
        yield snapshot.Container(
            name=intern(status.name),
            image=intern(image),
            ready=status.ready,
            restart_count=status.restart_count,
            state=_state(status.state, running_id=status.container_id or ""),
            last_state=_state(status.last_state, running_id=""),
            init=init,
            memory_limit=templates.memory(resources.limits) if resources is not None else None,
        )


def _state(value: wire.State | None, *, running_id: str) -> snapshot.ContainerState | None:
    if value is None:
        return None
    if value.terminated is not None:
        ended = value.terminated
        return snapshot.ContainerState(
            phase=snapshot.Phase.TERMINATED,
            reason=intern(ended.reason or ""),
            message=_message(ended.message),
            exit_code=ended.exit_code,
            started_at=ended.started_at,
            finished_at=ended.finished_at,
            container_id=ended.container_id or "",
        )
    if value.running is not None:
        return snapshot.ContainerState(
            phase=snapshot.Phase.RUNNING,
            started_at=value.running.started_at,
            container_id=running_id,
        )
    if value.waiting is not None:
        return snapshot.ContainerState(
            phase=snapshot.Phase.WAITING,
            reason=intern(value.waiting.reason or ""),
            message=_message(value.waiting.message),
        )
    return None


def _pod_labels(value: wire.PodLabels | None) -> Mapping[str, str]:
    if value is None:
        return _NO_LABELS
    return _shared_labels(
        value.revision_hash,
        value.template_hash,
        value.template_generation,
        value.app,
        value.k8s_app,
        value.tier,
    )


@functools.lru_cache(maxsize=4096)
def _shared_labels(*texts: str | None) -> Mapping[str, str]:
    # The pods of one template share one mapping: a dictionary each would be the largest part
    # of 25,000 pods.
    return {name: text for name, text in zip(_POD_LABELS, texts, strict=True) if text is not None}


def _annotations(meta: wire.Meta) -> Mapping[str, str]:
    return {
        intern(key): text for key, text in (meta.annotations or {}).items() if key not in _NOISE
    }


def _owner(values: Iterable[wire.OwnerReference] | None) -> snapshot.Owner | None:
    for value in values or ():
        if value.controller:
            return snapshot.Owner(
                kind=intern(value.kind), name=intern(value.name), uid=intern(value.uid)
            )
    return None


def _message(text: str | None) -> str:
    if not text:
        return ""
    return intern(text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…")
