"""How much memory flannel gets, with the reasons: what the runbooks that raise it share."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain import units
from bot.flannel import sizing
from bot.flannel.sizing import MI
from bot.runbooks.case import Case, Json, NoPlan
from bot.runbooks.workloads import Workload

SHARE = 0.8
"""The part of the new limit that the peak must stay below to be counted as cured."""
_KILLS = "oom_killed"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be asked for, in bytes, and what evidence suggests.

    `least` is what the peak leaves room in, and more than there is now; `most` is the cap.
    """

    suggested: int
    least: int
    most: int
    present: int
    peak: int
    raises: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """The limit for these DaemonSets, in bytes; `works` are those whose limit is lower now."""

    limit: int
    works: tuple[Workload, ...]
    reasons: tuple[str, ...]


def bounds(case: Case, works: Sequence[Workload]) -> Bounds | NoPlan:
    """Return between which limits a person may choose."""
    limited = [one for one in works if one.spec.memory_limit is not None]
    if not limited:
        return NoPlan("flannel has no memory limit, so there is none to raise")
    if not all(_written(one) for one in limited):
        return NoPlan(
            "the memory limit is not written in the DaemonSet itself, so it is not raised there"
        )
    present = min(one.spec.memory_limit or 0 for one in limited)
    peak = max((case.peaks.get(node, 0) for node in _nodes(limited)), default=0)
    sized = sizing.memory(
        limit=present,
        nodes=len(case.snapshot.nodes),
        peak=peak or None,
        kills=_kills(case),
        cap=case.limits.memory_cap,
    )
    least = max(present + MI, -(-int(peak / SHARE) // MI) * MI)
    if least > case.limits.memory_cap:
        return NoPlan(
            f"the cap of {units.memory(case.limits.memory_cap)} leaves nothing to raise: the limit "
            f"is {units.memory(present)} and the peak {units.memory(peak)}. Look for what uses so "
            "much"
        )
    return Bounds(
        suggested=max(least, sized.limit),
        least=least,
        most=case.limits.memory_cap,
        present=present,
        peak=peak,
        raises=sized.raises,
        reasons=sized.reasons,
    )


def of(case: Case, works: Sequence[Workload], wish: int | None = None) -> Need | NoPlan:
    """Return the limit that evidence suggests, or the one wished for where it is within bounds."""
    found = bounds(case, works)
    if isinstance(found, NoPlan):
        return found
    if wish is None and not found.raises:
        return NoPlan(
            f"the memory limit of {units.memory(found.present)} is enough: {found.reasons[-1]}. "
            "Another can be asked for by its quantity"
        )
    limit = found.suggested if wish is None else wish
    if not found.least <= limit <= found.most:
        return NoPlan(_out_of_bounds(limit, found))
    lower = tuple(one for one in works if 0 < (one.spec.memory_limit or 0) < limit)
    small = _too_small(case, _nodes(lower), limit)
    if small:
        return NoPlan(small)
    reasons = [*found.reasons, "the request stays as it is, so it asks no more room of any node"]
    if wish is not None and wish != found.suggested:
        suggested = units.memory(found.suggested)
        reasons.insert(0, f"{units.memory(wish)} as asked for; evidence suggests {suggested}")
    return Need(limit=limit, works=lower, reasons=tuple(reasons))


def _nodes(works: Sequence[Workload]) -> set[str]:
    return {node for one in works for node in one.flannel.serves}


def _written(work: Workload) -> bool:
    return "memory" in ((work.container.get("resources") or {}).get("limits") or {})


def _kills(case: Case) -> int:
    if case.incident is None or case.incident.check != _KILLS:
        return 0
    return sum(max(1, one.occurrences) for one in case.incident.members)


def _out_of_bounds(limit: int, found: Bounds) -> str:
    between = f"ask for {units.memory(found.least)} to {units.memory(found.most)}"
    wanted = units.memory(limit)
    if limit > found.most:
        return f"{wanted} is more than `remediation.limits.memory_cap` allows: {between}"
    if limit <= found.present:
        return f"{wanted} is not more than the {units.memory(found.present)} now: {between}"
    return (
        f"{wanted} is too little: with a peak of {units.memory(found.peak)} more than {SHARE:.0%} "
        f"of it would be in use: {between}"
    )


def _too_small(case: Case, nodes: set[str], limit: int) -> str:
    small = sorted(
        name
        for name in nodes
        if (node := case.snapshot.nodes.get(name)) is not None
        and node.allocatable_memory is not None
        and node.allocatable_memory < limit
    )
    if not small:
        return ""
    return f"{units.memory(limit)} is more memory than {units.listing(small, most=5)} can give"


def notes(works: Sequence[Workload]) -> tuple[str, ...]:
    """Say what raising the limit alone does to the pods' quality of service."""
    if not any(_guaranteed(one.container) for one in works):
        return ()
    told = (
        "With a limit above the request the pods are Burstable and no longer Guaranteed: under "
        "memory pressure of the node they are protected by their priority class alone."
    )
    return (told,)


def _guaranteed(container: Json) -> bool:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests")
    # What is not requested is requested as much as it is limited.
    return {"cpu", "memory"} <= limits.keys() and (requests is None or requests == limits)
