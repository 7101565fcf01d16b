"""flannel's device on a node, or the NIC below it, is not as it should be.

Gone, off, another VNI or port, a MAC that is not the announced one, an MTU that does not fit; a
NIC without link, without the address that the tunnel sends from, or that is the loopback. Told by
deep looks (`Limits.look_valid`); a look that read no NICs tells nothing. What follows from it, such
as missing routes, is not told besides.

Severity: as `bot.flannel.faults` has it: critical where traffic is lost, warning where some may be.

Source: flannel's pkg/backend/vxlan/device.go; what hosts do was recorded.
"""

from collections.abc import Collection, Iterable

from bot.checks import deviations
from bot.checks.context import Context
from bot.domain.finding import Finding
from bot.flannel.faults import Fault

NAME = "node_device"

_FAULTS = frozenset(
    {
        Fault.DEVICE_MISSING,
        Fault.DEVICE_DOWN,
        Fault.DEVICE_OTHER,
        Fault.DEVICE_ADDRESS,
        Fault.NIC_MISSING,
        Fault.NIC_DOWN,
        Fault.NIC_NO_CARRIER,
        Fault.NIC_LOOPBACK,
        Fault.NIC_LOST_ADDRESS,
        Fault.NIC_CHANGED_ADDRESS,
        Fault.LOCAL_DIFFERS,
        Fault.PUBLIC_IP_FOREIGN,
        Fault.MAC_REWRITTEN,
        Fault.MAC_DIFFERS,
        Fault.MTU_TOO_BIG,
        Fault.MTU_OLD_PODS,
    }
)


def seen(context: Context) -> Collection[str]:
    """Return the nodes of which it can be told."""
    return {name for name, look in context.looks.items() if look.links}


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each such node."""
    found = deviations.by_looks(context, _FAULTS)
    yield from deviations.findings(context, NAME, found, headline="flannel's device is not right")
