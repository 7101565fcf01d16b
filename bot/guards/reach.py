"""How much is touched, and which nodes."""

from collections.abc import Iterator

from bot.domain import units
from bot.domain.guard import Verdict, allowed, denied
from bot.domain.health import Health
from bot.domain.plan import StepKind
from bot.guards.situation import Situation

CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def blast_radius(given: Situation) -> Iterator[Verdict]:
    """No more nodes than one plan may touch."""
    nodes = len(given.plan.nodes)
    if nodes > given.limits.max_nodes:
        yield denied(
            "blast_radius",
            f"it touches {units.count(nodes, 'node')}, more than {given.limits.max_nodes}",
            "raise `remediation.limits.max_nodes`, or do it in parts",
            final=True,
        )
    else:
        yield allowed("blast_radius", f"it touches {units.count(nodes, 'node')}")


def min_healthy(given: Situation) -> Iterator[Verdict]:
    """Enough nodes keep a ready flannel while it works.

    A plan for an incident of the very workload may go below: what is broken already is not made
    worse by its cure, as long as few healthy nodes are touched at a time.
    """
    nodes = [node for node in given.snapshot.nodes.values() if node.os == "linux"]
    healthy = sum(node.health is Health.HEALTHY for node in nodes)
    pods = [p for p in given.snapshot.pods.values() if p.owner and p.owner.uid in _uids(given)]
    ready = min(healthy, sum(pod.ready for pod in pods)) if pods else healthy
    floor = given.limits.min_healthy * len(nodes)
    left = ready - given.plan.at_once
    told = f"{ready} of {units.count(len(nodes), 'node')} healthy, {given.plan.at_once} at a time"
    if not nodes:
        yield denied("min_healthy", "no node is seen, so none counts as healthy")
    elif left >= floor:
        yield allowed("min_healthy", told)
    elif given.plan.incident is not None and given.plan.at_once <= max(1, len(nodes) // 20):
        yield allowed("min_healthy", f"{told}: below the floor, but this is the cure of that")
    else:
        yield denied(
            "min_healthy",
            f"{told}: fewer than {given.limits.min_healthy:.0%} would be left",
            "wait until more are healthy",
        )


def control_plane(given: Situation) -> Iterator[Verdict]:
    """Control-plane nodes are not drained."""
    drained = _drained(given)
    named = [
        name
        for name in drained
        if (node := given.snapshot.nodes.get(name)) and any(r in node.labels for r in CONTROL_PLANE)
    ]
    if not drained:
        return
    if named and not given.limits.control_plane:
        yield denied(
            "control_plane",
            f"{units.listing(named)} is a control-plane node",
            "see `remediation.limits.control_plane`",
            final=True,
        )
    else:
        yield allowed("control_plane", "no control-plane node is drained")


def own_node(given: Situation) -> Iterator[Verdict]:
    """The bot's own node comes last, and is not drained: the bot would evict itself midway."""
    name = given.own_node
    if not name or name not in given.plan.nodes:
        return
    if name in _drained(given):
        yield denied("own_node", f"the bot itself runs on {name}", "move the bot first", final=True)
        return
    deletions = [s.target.node for s in given.plan.steps if s.kind is StepKind.DELETE_POD]
    if name in deletions[:-1]:
        yield denied("own_node", f"the bot's own node {name} must come last", final=True)
    else:
        yield allowed("own_node", f"the bot's own node {name} comes last")


def _drained(given: Situation) -> tuple[str, ...]:
    return tuple(s.target.name for s in given.plan.steps if s.kind is StepKind.CORDON)


def _uids(given: Situation) -> set[str]:
    found = given.snapshot.daemonsets.get((given.plan.workload.namespace, given.plan.workload.name))
    return {found.uid} if found else set()
