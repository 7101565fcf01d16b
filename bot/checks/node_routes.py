"""A node's routes, neighbours or forwarding entries are not what its peers announce.

flannel sets them up once and, with vxlan, never looks again: what is lost stays lost until it
restarts. Told by deep looks (`Limits.look_valid`), each with the way in which it came about. Peers
that joined within `Limits.settle` before the look, or went lately, are not held against it. On a
node where flannel crash-loops, what it merely did not follow is not told: that is the loop's.

Severity: critical where a peer cannot be reached, warning for stale entries.

Source: `bot.flannel.drift`; flannel #958, #1237, #2554, kubernetes #127792 and recorded hosts.
"""

from collections.abc import Collection, Iterable

from bot.checks import deviations
from bot.checks.context import Context
from bot.domain.finding import Finding
from bot.flannel.faults import Fault

NAME = "node_routes"

_NOT_FOLLOWED = frozenset(
    {
        Fault.PEER_NOT_SET_UP,
        Fault.ROUTE_STALE,
        Fault.NEIGHBOUR_WRONG,
        Fault.FDB_WRONG,
        Fault.ROUTE_WRONG,
    }
)
"""What comes about by itself while flannel is down."""

_FAULTS = _NOT_FOLLOWED | {
    Fault.DEVICE_BOUNCED,
    Fault.DEVICE_RECREATED,
    Fault.ROUTES_FLUSHED,
    Fault.NEIGHBOURS_FLUSHED,
    Fault.FDB_FLUSHED,
    Fault.NETWORK_ROUTE_MISSING,
    Fault.PEER_REMOVED_LATE,
    Fault.NEIGHBOUR_TABLE_FULL,
    Fault.ROUTE_MISSING,
    Fault.NEIGHBOUR_MISSING,
    Fault.FDB_MISSING,
    Fault.ROUTE_DEAD,
    Fault.ROUTE_SHADOWED,
    Fault.DIRECT_ROUTE_LOST,
    Fault.PEER_OFF_LINK,
    Fault.WIREGUARD_PEER_MISSING,
    Fault.WIREGUARD_PEER_WRONG,
    Fault.ROUTE_STALE_ON_OWN,
}

_BLINDING = frozenset({Fault.DEVICE_MISSING, Fault.DEVICE_DOWN, Fault.NIC_MISSING})
"""Without these there is nothing to compare."""


def seen(context: Context) -> Collection[str]:
    """Return the nodes of which it can be told."""
    return {
        name
        for name, look in context.looks.items()
        if look.tables
        and look.drift is not None
        and not any(one.fault in _BLINDING for one in look.drift.deviations)
        and not context.looping_on(name)
    }


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each such node."""
    found = {}
    for name, given in deviations.by_looks(context, _FAULTS).items():
        looping = context.looping_on(name)
        mine = [one for one in given if not (looping and one.fault in _NOT_FOLLOWED)]
        if mine:
            found[name] = mine
    yield from deviations.findings(context, NAME, found, headline="flannel's routes are not right")
