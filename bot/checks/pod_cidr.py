"""A node's pod CIDR is missing, overlaps another node's, or lies outside flannel's Network.

flannel takes its lease from it: without one it exits, and with one that two nodes have, traffic
goes to whichever was announced last. Outside is told only where net-conf.json could be read.
Nodes that joined just now are left out.

Severity: critical for missing and overlapping ones; a warning for those outside, which older
releases live with.

Source: nodeToLease and AcquireLease in flannel's pkg/subnet/kube/kube.go.
"""

from collections.abc import Iterable

from bot.checks import deviations
from bot.checks.context import Context
from bot.domain.finding import Finding
from bot.flannel.faults import Fault

NAME = "pod_cidr"

_FAULTS = frozenset({Fault.POD_CIDR_MISSING, Fault.POD_CIDR_DUPLICATE, Fault.POD_CIDR_OUTSIDE})


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each such node."""
    found = deviations.by_announcements(context, _FAULTS)
    yield from deviations.findings(context, NAME, found, headline="wrong pod CIDR")
