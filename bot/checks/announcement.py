"""A node does not announce what the others need to reach its pods.

flannel's annotations are missing though its pod has been ready for `Limits.settle`, or cannot be
read, or are of another backend than most nodes', or name a tunnel MAC that another node has too.
Where flannel is not ready there, that is another check's and the cause of this. Silent in etcd
mode, where nodes carry no annotations.

Severity: warning; critical where two nodes have one tunnel MAC, since packets for one of them
arrive at the other.

Source: pkg/subnet/kube/annotations.go; nodes of another backend are ignored by handleSubnetEvents.
"""

from collections.abc import Iterable

from bot.checks import deviations
from bot.checks.context import Context
from bot.domain.finding import Finding
from bot.flannel.faults import Fault

NAME = "announcement"

_FAULTS = frozenset(
    {
        Fault.NOT_ANNOUNCED,
        Fault.ANNOTATION_BROKEN,
        Fault.BACKENDS_MIXED,
        Fault.VTEP_MAC_DUPLICATE,
    }
)


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each such node."""
    found = {}
    for name, given in deviations.by_announcements(context, _FAULTS).items():
        mine = [
            one for one in given if one.fault is not Fault.NOT_ANNOUNCED or _ready(context, name)
        ]
        if mine:
            found[name] = mine
    yield from deviations.findings(context, NAME, found, headline="not announced as it should be")


def _ready(context: Context, node: str) -> bool:
    pod = context.flannel_pods.get(node)
    if pod is None or not pod.ready or node in context.nodes_down:
        return False
    ready = pod.condition("Ready")
    return context.lasted(ready.since if ready else None, context.limits.settle)
