"""A pod does not become ready, or stopped being it.

Pending, an image that cannot be pulled, a failing readiness probe: told after
`Limits.pod_grace`, counted from when the Ready condition became False, or from the pod's
creation. It leaves out what has another cause or is no trouble: pods that crash-loop, pods on a
node that is NotReady, pods being deleted, completed ones. A failed pod (evicted by the kubelet,
say) counts only where its controller has put no other in its place: a DaemonSet's or a static
one; a ReplicaSet's is replaced and stays behind as litter.

Severity: critical for flannel and the control plane, else warning; what a Deployment lacks is
weighed by `deployment_unavailable`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from bot.checks import standing
from bot.checks.context import Context
from bot.domain import snapshot, units
from bot.domain.finding import Finding, Severity
from bot.domain.target import Target

NAME = "pod_not_ready"


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each pod that is not ready for longer than its grace."""
    for place, pod in context.snapshot.pods.items():
        if pod.ready or not troubled(pod, context):
            continue
        since = not_ready_since(pod)
        if context.lasted(since, context.limits.pod_grace) and context.snapshot.sees("Pod", *place):
            yield _finding(context, pod, since)


def troubled(pod: snapshot.Pod, context: Context) -> bool:
    """Whether a pod that is not ready is a trouble of its own, grace aside."""
    if pod.phase == "Succeeded" or pod.deleting_since is not None:
        return False
    if pod.uid in context.looping or pod.node in context.nodes_down:
        return False
    return pod.phase != "Failed" or _unreplaced(pod, context)


def _unreplaced(pod: snapshot.Pod, context: Context) -> bool:
    owner = pod.owner
    if pod.mirror:
        return True
    if owner is None or owner.kind != "DaemonSet":
        return False
    siblings = context.snapshot.pods_of.get(owner.uid, ())
    return not any(one.node == pod.node and one.phase != "Failed" for one in siblings)


def not_ready_since(pod: snapshot.Pod) -> datetime:
    """Since when a pod is not ready, as its status tells."""
    ready = pod.condition("Ready")
    return ready.since if ready is not None and ready.since is not None else pod.created_at


def _finding(context: Context, pod: snapshot.Pod, since: datetime) -> Finding:
    owner = context.owner(pod)
    why, container = _why(pod)
    where = f" on {pod.node}" if pod.node else ""
    return Finding(
        check=NAME,
        severity=_severity(owner, context),
        target=context.place(pod),
        workload=owner,
        summary=f"{pod.name} is not ready{where} since {units.stamp(since)}: {why}",
        headline=f"{owner.name} not ready",
        evidence=tuple(_evidence(pod)),
        cure=_cure(pod, why),
        since=since,
        container=container,
    )


def _severity(owner: Target, context: Context) -> Severity:
    weighty = context.flannel(owner) is not None or standing.is_control_plane(owner)
    return Severity.CRITICAL if weighty else Severity.WARNING


def _why(pod: snapshot.Pod) -> tuple[str, str]:
    """The shortest true reason, and the container it is about."""
    if pod.phase == "Failed":
        return pod.reason or "it failed", ""
    scheduled = pod.condition("PodScheduled")
    if not pod.node and scheduled is not None and scheduled.status == "False":
        return scheduled.reason or "not scheduled", ""
    for container in sorted(pod.containers, key=lambda one: not one.init):
        state = container.state
        if state is None or (container.init and state.exit_code == 0):
            continue
        if state.phase is not snapshot.Phase.RUNNING:
            # Both reasons alternate while an image is tried: one trouble, one text.
            if state.reason in {"ErrImagePull", "ImagePullBackOff"}:
                return "image cannot be pulled", container.name
            return state.reason or state.phase.value, container.name
    for container in pod.containers:
        if not container.ready and not container.init:
            return f"container {container.name} runs but is not ready", container.name
    return pod.reason or f"phase {pod.phase}", ""


def _evidence(pod: snapshot.Pod) -> Iterator[str]:
    yield f"phase {pod.phase}" + (f" reason={pod.reason}" if pod.reason else "")
    if pod.message:
        yield pod.message
    for kind in ("PodScheduled", "Ready"):
        condition = pod.condition(kind)
        if condition is not None and condition.status != "True":
            yield (
                f"condition {kind}={condition.status} reason={condition.reason or 'none'}"
                f" lastTransitionTime={units.stamp(condition.since)}"
                + (f": {condition.message}" if condition.message else "")
            )
    for container in pod.containers:
        state = container.state
        if state is not None and state.phase is snapshot.Phase.WAITING and state.reason:
            yield f"{container.name} state.waiting.reason={state.reason}" + (
                f": {state.message}" if state.message else ""
            )
            if "Image" in state.reason:
                yield f"image {container.image}"


def _cure(pod: snapshot.Pod, why: str) -> str:
    if "image" in why.lower():
        return "See that the image exists and the node can reach and log in to its registry."
    if why == "Unschedulable":
        return "The scheduler's message says what no node offers: free a node or relax the request."
    if pod.phase == "Failed":
        return "Look at the node: the kubelet refused or evicted the pod, its message says why."
    if "runs but is not ready" in why:
        return "Its readiness probe fails: read the container's log and the probe's events."
    return f"Look at the pod's events: `kubectl -n {pod.namespace} describe pod {pod.name}`."
