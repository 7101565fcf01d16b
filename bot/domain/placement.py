"""On which nodes a DaemonSet wants a pod: the DaemonSet controller's own rule, recomputed.

Recomputed and not read from the status, because the controller's counters stand still exactly
when the controller is the trouble. Source: `NodeShouldRunDaemonPod` and
`AddOrUpdateDaemonPodTolerations` of Kubernetes' pkg/controller/daemon.
"""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain import snapshot

_ADDED = (
    snapshot.Toleration("node.kubernetes.io/not-ready", "Exists", "", "NoExecute"),
    snapshot.Toleration("node.kubernetes.io/unreachable", "Exists", "", "NoExecute"),
    snapshot.Toleration("node.kubernetes.io/disk-pressure", "Exists", "", "NoSchedule"),
    snapshot.Toleration("node.kubernetes.io/memory-pressure", "Exists", "", "NoSchedule"),
    snapshot.Toleration("node.kubernetes.io/pid-pressure", "Exists", "", "NoSchedule"),
    snapshot.Toleration("node.kubernetes.io/unschedulable", "Exists", "", "NoSchedule"),
)
_ADDED_ON_HOST_NETWORK = (
    snapshot.Toleration("node.kubernetes.io/network-unavailable", "Exists", "", "NoSchedule"),
)


def lost_labels(node: snapshot.Node) -> Mapping[str, str]:
    """Labels that a node's kubelet once gave it and that it lacks now.

    A kubelet writes them when it registers and puts them back only when it starts, so a node that
    somebody took them from runs on, and whatever selects by them leaves it without a word.
    """
    said = {"kubernetes.io/os": node.os, "kubernetes.io/arch": node.arch}
    said |= {f"beta.{key}": value for key, value in said.items()}
    return {key: value for key, value in said.items() if value and key not in node.labels}


def meant(template: snapshot.Template, node: snapshot.Node) -> bool:
    """Whether a DaemonSet wants a pod there, or would if the node had not lost labels."""
    if wanted(template, node):
        return True
    lost = lost_labels(node)
    return bool(lost) and wanted(template, replace(node, labels={**node.labels, **lost}))


def selects_by(template: snapshot.Template, label: str) -> bool:
    """Whether a template's placement asks for that label."""
    asked = {key for term in template.required_node_labels for key, _, _ in term}
    return label in asked or label in template.node_selector


def wanted(template: snapshot.Template, node: snapshot.Node) -> bool:
    """Whether a DaemonSet with that template wants a pod on that node.

    Cordoned and not-ready nodes are wanted: the controller tolerates those taints itself.
    """
    labels = node.labels
    for key, value in template.node_selector.items():
        if labels.get(key) != value:
            return False
    terms = template.required_node_labels
    if terms and not any(_term(term, node) for term in terms):
        return False
    return all(_tolerated(taint, template) for taint in node.taints)


def _term(term: tuple[tuple[str, str, tuple[str, ...]], ...], node: snapshot.Node) -> bool:
    # A term without expressions selects nothing, as the API documents for NodeSelectorTerm.
    return bool(term) and all(_expression(*expression, node.labels) for expression in term)


def _expression(
    key: str, operator: str, values: tuple[str, ...], labels: Mapping[str, str]
) -> bool:
    value = labels.get(key)
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            try:
                left, right = int(value or ""), int(values[0])
            except (ValueError, IndexError):
                return False
            return left > right if operator == "Gt" else left < right
        case _:
            return False


def _tolerated(taint: snapshot.Taint, template: snapshot.Template) -> bool:
    if taint.effect not in {"NoSchedule", "NoExecute"}:
        return True
    added = _ADDED + _ADDED_ON_HOST_NETWORK if template.host_network else _ADDED
    return any(tolerates(one, taint) for one in (*template.tolerations, *added))


def tolerates(toleration: snapshot.Toleration, taint: snapshot.Taint) -> bool:
    """Whether a toleration covers a taint, as `Toleration.ToleratesTaint` of Kubernetes' API."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "Exists":
            return True
        case "" | "Equal":
            return bool(toleration.key) and toleration.value == taint.value
        case _:
            return False
