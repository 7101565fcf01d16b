"""What flannel leaves for the CNI plugin is missing on a node, or is of an earlier pod CIDR.

/run/flannel/subnet.env is written late in flannel's start and is gone after a reboot: without it
no pod can start there. cni0 keeps the address that it was made with. Told by deep looks
(`Limits.look_valid`) that could look for the file.

Severity: critical where the file is missing, warning where it or the bridge is stale.

Source: flannel #2253, kubernetes #70202; WriteSubnetFile in flannel's pkg/subnet/subnet.go.
"""

from collections.abc import Collection, Iterable

from bot.checks import deviations
from bot.checks.context import Context
from bot.domain.finding import Finding
from bot.flannel.faults import Fault

NAME = "subnet_env"

_FAULTS = frozenset({Fault.SUBNET_ENV_MISSING, Fault.SUBNET_ENV_DIFFERS, Fault.BRIDGE_DIFFERS})


def seen(context: Context) -> Collection[str]:
    """Return the nodes of which it can be told."""
    return {name for name, look in context.looks.items() if look.subnet_env and look.links}


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each such node."""
    found = deviations.by_looks(context, _FAULTS)
    yield from deviations.findings(context, NAME, found, headline="subnet.env is not right")
