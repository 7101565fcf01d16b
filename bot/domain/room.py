"""Whether pods that are moved away would find room on other nodes, by their requests.

First fit, the largest first, as a forecast: the scheduler knows more (affinities, volumes, spread)
and may still refuse. What it does say for certain is where there is no room at all.
"""

from collections.abc import Collection, Iterable

from bot.domain.drain import NodePod
from bot.domain.health import Health
from bot.domain.snapshot import Node, Snapshot

_BARS = ("NoSchedule", "NoExecute")


def homeless(
    moved: Iterable[NodePod],
    pods: Iterable[NodePod],
    taken: Snapshot,
    *,
    away: Collection[str],
) -> tuple[str, ...]:
    """Name the pods ("namespace/name") that no other node has memory for.

    Args:
        moved: Pods to be placed anew.
        pods: All pods of the cluster, those moved among them.
        taken: The cluster, for its nodes.
        away: Nodes that take none.
    """
    free = {
        node.name: node.allocatable_memory
        for node in taken.nodes.values()
        if node.allocatable_memory is not None and node.name not in away and takes(node)
    }
    for pod in pods:
        if pod.node in free and not pod.finished:
            free[pod.node] -= pod.memory_request
    lacking = []
    for pod in sorted(moved, key=lambda one: (-one.memory_request, one.place)):
        if pod.finished:
            continue
        place = max(free, key=lambda name: free[name], default="")
        if not place or free[place] < pod.memory_request:
            lacking.append(pod.place)
        else:
            free[place] -= pod.memory_request
    return tuple(sorted(lacking))


def takes(node: Node) -> bool:
    """Whether a node takes ordinary pods now."""
    barred = any(taint.effect in _BARS for taint in node.taints)
    return node.health is Health.HEALTHY and not node.unschedulable and not barred
