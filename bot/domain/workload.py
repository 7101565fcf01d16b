"""What people call a pod by: the DaemonSet, Deployment or static family it belongs to."""

import re

from bot.domain import snapshot, target

_HASH = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5,10}$")
"""A pod template hash: Kubernetes writes it in these letters only (rand.SafeEncodeString)."""

_JOB_RUN = re.compile(r"-\d{8,10}$")
"""A CronJob's Job ends in the scheduled time: minutes, in old versions seconds, of the epoch."""


def of(pod: snapshot.Pod, *, cluster: str) -> target.Target:
    """Return the workload of a pod.

    A ReplicaSet's pod belongs to the Deployment above it, whose name is the ReplicaSet's without
    the template hash. Static pods of one manifest (kube-apiserver-<node>) are one family, kind
    "Pod" without the node, so that the same trouble on several control-plane nodes is one.
    """
    kind, name = _owner(pod)
    return target.Target(cluster=cluster, kind=kind, namespace=pod.namespace, name=name)


def _owner(pod: snapshot.Pod) -> tuple[str, str]:
    owner = pod.owner
    if pod.mirror or (owner is not None and owner.kind == "Node"):
        return "Pod", pod.name.removesuffix(f"-{pod.node}") if pod.node else pod.name
    if owner is None:
        return "Pod", pod.name
    if owner.kind == "ReplicaSet":
        template = pod.labels.get("pod-template-hash", "")
        if template and owner.name.endswith(f"-{template}"):
            return "Deployment", owner.name.removesuffix(f"-{template}")
        stripped = _HASH.sub("", owner.name)
        return ("Deployment", stripped) if stripped != owner.name else ("ReplicaSet", owner.name)
    if owner.kind == "Job":
        stripped = _JOB_RUN.sub("", owner.name)
        return ("CronJob", stripped) if stripped != owner.name else ("Job", owner.name)
    return owner.kind, owner.name


def place(pod: snapshot.Pod, *, cluster: str) -> target.Target:
    """Return the pod itself as a target."""
    return target.Target(
        cluster=cluster, kind="Pod", namespace=pod.namespace, name=pod.name, node=pod.node
    )
