"""The release of flannel that runs is known to go wrong in surroundings like these.

What is known of it by its backend, flags, number of nodes and their kernels. The memory limit is
`memory_headroom`'s. What is merely good to know before a change is told with the change, and here
only beside a hazard that strikes in ordinary operation: every release has something of the kind.

Severity: warning. Never critical: nothing has happened yet.

Source: `bot.flannel.hazards`, each with flannel's issue or commit.
"""

from collections.abc import Iterable

from bot.checks import remedies
from bot.checks.context import Context
from bot.domain.finding import Finding, Severity
from bot.flannel import discovery, hazards, versions

NAME = "version_hazard"

_ELSEWHERE = frozenset({"limit_50mi"})


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each flannel with hazards."""
    for flannel in context.flannels:
        place = (flannel.namespace, flannel.daemonset)
        if not flannel.serves or not context.snapshot.sees("DaemonSet", *place):
            continue
        found = [
            one
            for one in hazards.of(versions.parse(flannel.image), _around(context, flannel))
            if one.name not in _ELSEWHERE
        ]
        if any(one.severity is not Severity.INFO for one in found):
            yield _finding(context, flannel, found)


def _finding(context: Context, flannel: discovery.Flannel, found: list[hazards.Hazard]) -> Finding:
    home = context.home(flannel)
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return Finding(
        check=NAME,
        severity=found[0].severity,
        target=home,
        workload=home,
        summary=f"flannel {flannel.version}: {found[0].text}{more}",
        headline="known faults of this flannel",
        evidence=tuple(
            f"{one.text} {one.cure}{f' ({one.source})' if one.source else ''}" for one in found
        ),
        cure=f"{found[0].cure} The image is set by {remedies.edit(flannel)}.",
        container=flannel.container,
    )


def _around(context: Context, flannel: discovery.Flannel) -> hazards.Surroundings:
    nodes = [context.snapshot.nodes[name] for name in flannel.serves]
    prefix = flannel.flags.annotation_prefix
    keys = {f"{prefix}public-ip-overwrite", f"{prefix}node-public-ip"}
    return hazards.Surroundings(
        backend=flannel.backend,
        nodes=len(context.snapshot.nodes),
        patterns=flannel.flags.iface_regex,
        public_ip=bool(flannel.flags.last("public-ip"))
        or any(not keys.isdisjoint(one.annotations) for one in nodes),
        healthz_port=_number(flannel.flags.last("healthz-port")),
        kernels=sorted({one.kernel for one in nodes}),
    )


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
