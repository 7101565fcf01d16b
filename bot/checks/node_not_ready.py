"""A node is NotReady.

Says so when condition Ready has not been True for `Limits.node_grace`: False, Unknown (its
kubelet is silent) or, on a node that never reported, absent. Pods on such a node are left out of
every other check.

Severity: warning, critical once 10 % of all nodes are down: one machine dies now and then, a
tenth of them has a common cause.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from bot.checks.context import Context
from bot.domain import snapshot, target, units
from bot.domain.finding import Finding, Severity

NAME = "node_not_ready"

_MANY_SHARE = 0.1


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each node that is not ready."""
    nodes = context.snapshot.nodes
    down = [
        nodes[name]
        for name in sorted(context.nodes_down)
        if context.snapshot.sees("Node", "", name)
        and context.lasted(_since(nodes[name]), context.limits.node_grace)
    ]
    many = len(down) >= _MANY_SHARE * len(nodes)
    severity = Severity.CRITICAL if many else Severity.WARNING
    for node in down:
        yield _finding(context, node, severity)


def _since(node: snapshot.Node) -> datetime | None:
    ready = node.condition("Ready")
    return ready.since if ready is not None and ready.since is not None else node.created_at


def _finding(context: Context, node: snapshot.Node, severity: Severity) -> Finding:
    ready = node.condition("Ready")
    silent = ready is not None and ready.status == "Unknown"
    said = "its kubelet is silent" if silent else (ready.message if ready else "it never reported")
    return Finding(
        check=NAME,
        severity=severity,
        target=target.Target(
            cluster=context.cluster, kind="Node", namespace="", name=node.name, node=node.name
        ),
        workload=context.whole(),
        summary=f"node {node.name} is NotReady since {units.stamp(_since(node))}"
        + (f": {said}" if said else ""),
        headline="NotReady",
        evidence=tuple(_evidence(node, ready)),
        cure=(
            "Look at the machine and its kubelet (power, disk, network, certificate). Its pods "
            "are moved after five minutes."
        ),
        since=_since(node),
    )


def _evidence(node: snapshot.Node, ready: snapshot.Condition | None) -> Iterator[str]:
    if ready is None:
        yield f"no condition Ready; registered at {units.stamp(node.created_at)}"
    else:
        yield (
            f"condition Ready={ready.status} reason={ready.reason or 'none'} "
            f"lastTransitionTime={units.stamp(ready.since)}"
        )
    for condition in node.conditions:
        if condition.type.endswith("Pressure") and condition.status == "True":
            yield f"condition {condition.type}=True since {units.stamp(condition.since)}"
    if node.unschedulable:
        yield "the node is cordoned"
