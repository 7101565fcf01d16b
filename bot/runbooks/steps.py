"""The typed steps of which plans are made, each with its bounds and its words."""

from bot.domain import patch
from bot.domain.drain import NodePod
from bot.domain.plan import Step, StepKind
from bot.domain.snapshot import Pod
from bot.domain.target import Target
from bot.flannel.discovery import Flannel
from bot.runbooks import edits
from bot.runbooks.case import Case
from bot.runbooks.workloads import Workload


def change(case: Case, work: Workload, edit: edits.Edit, *, batch: int) -> Step:
    """Patch a DaemonSet; undone by the inverse, which also tests what it takes back."""
    operations = edits.guarded(work, edit)
    return Step(
        kind=StepKind.PATCH_DAEMONSET,
        target=work.target,
        timeout=case.limits.write,
        uid=work.seen.uid,
        change=operations,
        undo=patch.inverse(operations, work.document),
        batch=batch,
        text=f"patch {work.target}, container {work.flannel.container}",
    )


def rollout(case: Case, work: Workload, *, nodes: int, batch: int) -> Step:
    """Wait until Kubernetes has replaced all pods of a DaemonSet.

    Three times its expected time and one start: a slow registry is no failure, a pod that does
    not come up is.
    """
    rounds = max(1, -(-nodes // work.at_once))
    return Step(
        kind=StepKind.WAIT_ROLLOUT,
        target=work.target,
        timeout=3 * rounds * case.limits.pace + case.limits.pod_ready,
        uid=work.seen.uid,
        batch=batch,
        text=f"wait until all pods of {work.target} run the new template and are available",
    )


def delete_flannel(case: Case, flannel: Flannel, pod: Pod, *, batch: int) -> Step:
    """Delete flannel's pod on a node, that one and no other; its DaemonSet makes a new one."""
    return Step(
        kind=StepKind.DELETE_POD,
        target=Target(case.cluster, "Pod", pod.namespace, pod.name, pod.node),
        timeout=case.limits.write,
        uid=pod.uid,
        owner=flannel.uid,
        batch=batch,
        text=f"delete flannel's pod {pod.name} on {pod.node}",
    )


def delete_old(case: Case, flannel: Flannel, node: str, *, batch: int) -> Step:
    """Delete the pod that flannel has on a node and that runs an older template."""
    return Step(
        kind=StepKind.DELETE_POD,
        target=Target(case.cluster, "Pod", flannel.namespace, "", node),
        timeout=case.limits.write,
        owner=flannel.uid,
        batch=batch,
        text=f"delete flannel's pod on {node}, which still runs the old template",
    )


def ready(case: Case, flannel: Flannel, node: str, *, batch: int) -> Step:
    """Wait until the pod that flannel then has on a node is ready."""
    return Step(
        kind=StepKind.WAIT_READY,
        target=Target(case.cluster, "Pod", flannel.namespace, "", node),
        timeout=case.limits.pod_ready,
        owner=flannel.uid,
        batch=batch,
        text=f"wait until flannel is ready on {node}",
    )


def cordon(case: Case, node: str, *, uid: str, batch: int) -> Step:
    """Make a node unschedulable, marked as ours; one that is already stays as it is."""
    return Step(
        kind=StepKind.CORDON,
        target=case.node(node),
        timeout=case.limits.write,
        uid=uid,
        batch=batch,
        text=f"cordon {node}",
    )


def evict(case: Case, pod: NodePod, *, batch: int, told: str = "") -> Step:
    """Evict a pod and wait until it is gone; its budgets are asked."""
    why = f" ({told})" if told else ""
    return Step(
        kind=StepKind.EVICT_POD,
        target=Target(case.cluster, "Pod", pod.namespace, pod.name, pod.node),
        timeout=case.limits.drain,
        uid=pod.uid,
        owner=pod.owner,
        batch=batch,
        text=f"evict {pod.place}{why} and wait until it is gone",
    )


def uncordon(case: Case, node: str, *, uid: str, batch: int) -> Step:
    """Lift the cordon that is ours, and no other."""
    return Step(
        kind=StepKind.UNCORDON,
        target=case.node(node),
        timeout=case.limits.write,
        uid=uid,
        batch=batch,
        text=f"uncordon {node}, if it was this run that cordoned it",
    )
