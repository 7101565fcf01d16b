"""Which runbooks fit an incident, the best first: what `Propose fix` offers.

Cheap, and by what is known anyhow: nothing is looked at, so an offer may still come to no plan.
"""

from collections.abc import Iterator

from bot.domain.incident import Incident
from bot.flannel import sizing, veth
from bot.flannel.discovery import Flannel
from bot.runbooks import (
    anchor_regex,
    drain,
    evict_veth,
    raise_memory,
    raise_memory_and_anchor,
    restart,
)
from bot.runbooks.case import Case

_MEMORY = frozenset({"oom_killed", "memory_headroom"})
_PATTERN = frozenset({"nic_pattern"})
_TRAPPED = frozenset({"crash_loop", "nic_at_restart"})
_STALE = frozenset(
    {"node_routes", "node_device", "subnet_env", "pod_not_ready", "public_ip", "announcement"}
)


def of(incident: Incident, case: Case) -> tuple[str, ...]:
    """Return names of runbooks; none where the trouble is not flannel's, or none would help.

    Where the pattern is unsafe and the limit too small, both at once comes first whatever was
    seen first: curing the one restarts every flannel into the other.
    """
    flannel = _concerned(incident, case)
    return tuple(dict.fromkeys(_fitting(incident, case, flannel))) if flannel else ()


def may_come(incident: Incident) -> bool:
    """Whether something may fit, by the trouble alone, before flannel itself is seen."""
    ours = incident.check in _MEMORY | _PATTERN | _TRAPPED
    return ours and incident.workload.kind == "DaemonSet"


def _concerned(incident: Incident, case: Case) -> Flannel | None:
    workload = incident.workload
    containers = {one.container for one in incident.members} - {""}
    for one in case.flannels:
        if case.home(one).key == workload.key and containers <= {one.container}:
            return one
    return None


def _fitting(incident: Incident, case: Case, flannel: Flannel) -> Iterator[str]:
    prone = bool(veth.prone(flannel.flags.iface_regex))
    short = _short(flannel, case)
    check = incident.check
    if check in _MEMORY | _PATTERN | _TRAPPED:
        if prone and short:
            yield raise_memory_and_anchor.NAME
        if check in _MEMORY and flannel.memory_limit is not None:
            yield raise_memory.NAME
        if prone:
            yield anchor_regex.NAME
    if check in _TRAPPED:
        if prone:
            yield evict_veth.NAME
            yield drain.NAME
        elif short:
            yield raise_memory.NAME
        if check == "crash_loop":
            yield restart.NAME
    if check in _STALE:
        yield restart.NAME


def _short(flannel: Flannel, case: Case) -> bool:
    limit = flannel.memory_limit
    peak = max((case.peaks.get(node, 0) for node in flannel.serves), default=0)
    nodes = len(case.snapshot.nodes)
    return sizing.memory(limit=limit, nodes=nodes, peak=peak or None).raises
