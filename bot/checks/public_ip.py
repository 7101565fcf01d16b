"""A node announces an address for its tunnel that is not its own or not a private one.

Every other node sends this node's pods' traffic there. It is wrong outside the prefixes of
`clusters[].private_cidrs`; without that setting, where it is public while most nodes announce
private ones. And it is wrong where two nodes announce the same. Nodes that joined just now are
left out. Silent in etcd mode, where nodes carry no announcements.

Severity: critical where two nodes share an address, since one of them gets nothing; warning for
a public one, by which traffic may well arrive.

Source: `bot.flannel.announced`.
"""

from collections.abc import Iterable

from bot.checks import deviations
from bot.checks.context import Context
from bot.domain.finding import Finding
from bot.flannel import announced
from bot.flannel.faults import Deviation, Fault

NAME = "public_ip"

_FAULTS = frozenset({Fault.WRONG_NIC, Fault.PUBLIC_IP_DUPLICATE})


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each such node."""
    found = {
        name: [_nearer(context, one) for one in given]
        for name, given in deviations.by_announcements(context, _FAULTS).items()
    }
    yield from deviations.findings(context, NAME, found, headline="wrong public-ip")


def _nearer(context: Context, one: Deviation) -> Deviation:
    """Return the same with the NIC's name, where its node was looked at."""
    if one.node not in context.looks:
        return one
    again = announced.of_node(
        context.fleets[context.flannel_on[one.node].name],
        one.node,
        private=context.private_cidrs,
        kernel=context.inspections[one.node].kernel,
    )
    return next((each for each in again if each.fault is one.fault), one)
