"""A ready node has no flannel pod.

Says so for every node that a flannel DaemonSet wants (node selector, required affinity, taints
against tolerations), that has been ready and without a pod of it for
`Limits.flannel_missing_grace`. A node that has lost a label its kubelet gave it (architecture,
operating system) is meant too, though the controller passes over it and misses nothing. Where an
old version has one DaemonSet an architecture, a pod of any of them serves. It leaves out nodes
that are NotReady, and as many nodes as flannel pods wait to be scheduled: those are
`pod_not_ready`'s.

The DaemonSet's own counters are not asked: they stand still when the controller manager is the
trouble.

Severity: critical. New pods on that node get no network, and after a reboot none at all.
"""

from collections.abc import Iterable
from datetime import datetime

from bot.checks.context import Context
from bot.domain import placement, snapshot, target, units
from bot.domain.finding import Finding, Severity
from bot.flannel import discovery

NAME = "flannel_missing"


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each ready node without flannel."""
    told: set[str] = set()
    for flannel in context.flannels:
        daemonset = context.snapshot.daemonsets[flannel.namespace, flannel.daemonset]
        bare = [one for one in _bare(context, flannel, daemonset) if one[0].name not in told]
        waiting = _waiting(context, flannel)
        if len(bare) <= waiting:
            continue
        for node, since in bare:
            told.add(node.name)
            yield _finding(context, flannel, node, since, waiting)


def _bare(
    context: Context, flannel: discovery.Flannel, daemonset: snapshot.DaemonSet
) -> list[tuple[snapshot.Node, datetime]]:
    progress = context.progress(daemonset.uid)
    missing = progress.missing if progress else {}
    if not missing:
        return []
    told = _told_elsewhere(context, daemonset)
    blind = context.blind_since("Pod", flannel.namespace)
    found = []
    for name, since in sorted(missing.items()):
        node = context.snapshot.nodes.get(name)
        if node is None or node.os != "linux" or name in context.nodes_down:
            continue
        if not context.snapshot.sees("Node", "", name) or name in told:
            continue
        if _over(context, daemonset, node, since, blind):
            found.append((node, since))
    return found


def _over(
    context: Context,
    daemonset: snapshot.DaemonSet,
    node: snapshot.Node,
    since: datetime,
    blind: datetime | None,
) -> bool:
    grace = context.limits.flannel_missing_grace
    if blind is not None:
        # Pods are hidden: what was a finding when sight was lost stands, and nothing new opens.
        return since + grace <= blind
    ready = node.condition("Ready")
    began = max(node.created_at, (ready.since if ready else None) or node.created_at)
    if not context.lasted(began, grace):
        return False
    if context.limits.one_pass and daemonset.updated < daemonset.desired:
        return False
    return context.remembered(since, grace)


def _told_elsewhere(context: Context, daemonset: snapshot.DaemonSet) -> set[str]:
    """Nodes served by another flannel DaemonSet, or whose pod failed: `pod_not_ready`'s."""
    nodes = set()
    for flannel in context.flannels:
        mine = flannel.uid == daemonset.uid
        for pod in context.snapshot.pods_of.get(flannel.uid, ()):
            if mine == (pod.phase == "Failed") and pod.deleting_since is None:
                nodes.add(pod.node)
    return nodes


def _waiting(context: Context, flannel: discovery.Flannel) -> int:
    pods = context.snapshot.pods_of.get(flannel.uid, ())
    return sum(1 for pod in pods if not pod.node and pod.deleting_since is None)


def _finding(
    context: Context,
    flannel: discovery.Flannel,
    node: snapshot.Node,
    since: datetime,
    waiting: int,
) -> Finding:
    lost = _lost(context, flannel, node)
    evidence = [
        f"node {node.name} lacks the label {lost}, which its kubelet gave it: for want of it "
        f"DaemonSet {flannel.name} has no pod there"
        if lost
        else f"DaemonSet {flannel.name} wants a pod on {node.name}, and none is there",
        f"the node is Ready since {units.stamp(_ready_since(node))}",
    ]
    if waiting:
        evidence.append(f"{units.count(waiting, 'pod')} of it wait to be scheduled")
    return Finding(
        check=NAME,
        severity=Severity.CRITICAL,
        target=target.Target(
            cluster=context.cluster, kind="Node", namespace="", name=node.name, node=node.name
        ),
        workload=target.Target(
            cluster=context.cluster,
            kind="DaemonSet",
            namespace=flannel.namespace,
            name=flannel.daemonset,
        ),
        summary=f"node {node.name} is ready but has no flannel pod",
        headline="no flannel pod",
        evidence=tuple(evidence),
        cure=(
            f"Put the label back: `kubectl label node {node.name} {lost}`."
            if lost
            else "See why the DaemonSet controller makes none: its events, the controller manager, "
            "quotas and admission webhooks."
        ),
        since=since,
        container=flannel.container,
    )


def _lost(context: Context, flannel: discovery.Flannel, node: snapshot.Node) -> str:
    """The labels for want of which the DaemonSet passes over a node; empty where it does not."""
    template = context.snapshot.daemonsets[flannel.namespace, flannel.daemonset].template
    if placement.wanted(template, node):
        return ""
    lost = placement.lost_labels(node).items()
    return " ".join(f"{key}={value}" for key, value in lost if placement.selects_by(template, key))


def _ready_since(node: snapshot.Node) -> datetime | None:
    ready = node.condition("Ready")
    return ready.since if ready else None
