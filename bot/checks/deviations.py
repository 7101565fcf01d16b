"""Faults of a node's network, as findings: one for each node and check, the worst fault leading.

What is wrong, why, and what to do about it is told by `bot.flannel.faults`; here it is only
decided whose trouble it is, and the command that does it is added.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from bot.checks import remedies
from bot.checks.context import Context
from bot.domain.finding import Finding
from bot.flannel import announced
from bot.flannel.faults import Deviation, Fault, order


def by_announcements(context: Context, faults: Collection[Fault]) -> Mapping[str, list[Deviation]]:
    """Return what nodes announce wrongly, by node; those that joined just now are left out.

    Only where flannel keeps its leases on the nodes: in etcd mode they carry no annotations.
    """
    found: dict[str, list[Deviation]] = {}
    for flannel in context.flannels:
        if not flannel.serves or not (flannel.flags.on("kube-subnet-mgr") or flannel.backends):
            continue
        for one in announced.of_fleet(context.fleets[flannel.name], private=context.private_cidrs):
            nodes = (one.node,) if one.node else one.peers
            for name in nodes if one.fault in faults else ():
                if _judged(context, name) and context.flannel_on.get(name) is flannel:
                    found.setdefault(name, []).append(one)
    return found


def _judged(context: Context, name: str) -> bool:
    node = context.snapshot.nodes.get(name)
    if node is None or not context.snapshot.sees("Node", "", name):
        return False
    return context.lasted(node.created_at, context.limits.settle)


def by_looks(context: Context, faults: Collection[Fault]) -> Mapping[str, list[Deviation]]:
    """Return what looks at nodes show, by node."""
    found: dict[str, list[Deviation]] = {}
    for name, look in context.looks.items():
        if look.drift is None or look.drift.right:
            continue
        mine = [one for one in look.drift.deviations if one.fault in faults]
        if mine and context.snapshot.sees("Node", "", name):
            found[name] = mine
    return found


def findings(
    context: Context, check: str, found: Mapping[str, Sequence[Deviation]], *, headline: str
) -> Iterator[Finding]:
    """Return one finding for each node; the cure names the node where it is only one."""
    for name, deviations in sorted(found.items()):
        ordered = order(deviations)
        lead = ordered[0]
        flannel = context.flannel_on[name]
        yield Finding(
            check=check,
            severity=lead.severity,
            target=context.node(name),
            workload=context.home(flannel),
            summary=f"{name}: {lead.summary}",
            headline=headline,
            evidence=tuple(_evidence(ordered)),
            cure=_cure(context, lead, name, alone=len(found) == 1),
            container=flannel.container,
        )


def _evidence(deviations: Sequence[Deviation]) -> Iterator[str]:
    for number, one in enumerate(deviations):
        if number:
            yield one.summary
        yield from one.evidence


def _cure(context: Context, lead: Deviation, name: str, *, alone: bool) -> str:
    said = f"{lead.cause} {lead.cure}"
    if "estart flannel" not in lead.cure:
        return said
    return f"{said} That is: {remedies.restart(context, name, alone=alone)}."
