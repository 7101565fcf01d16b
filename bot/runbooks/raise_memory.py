"""Raise flannel's memory limit, by one JSON patch of its DaemonSet; the request stays.

The limit is the most that any of these asks for: 256Mi, 64Mi and 0.3Mi a node with what iptables
needs for the Services, twice the observed peak, and after OOM kills twice the present limit; it
never exceeds `remediation.limits.memory_cap`. A person may ask for another between what
the peak leaves room in and that cap.

The patch restarts every flanneld, and each chooses its NIC anew among the veths of today: raising
memory alone is refused where any node would fail that choice, or take another NIC than it has.
Then both faults are cured in one change (`raise-memory-and-anchor`).

Verified by a complete rollout, no OOM kill or crash since, peaks below 80 % of the new limit, NICs
as foretold and complete routes. Undone by the inverse patch.
"""

from bot.domain import units
from bot.domain.plan import Plan
from bot.runbooks import edits, effects, forecast, needs, rollout, workloads
from bot.runbooks.case import Case, NoPlan, Wishes

NAME = "raise-memory"
SUMMARY = "raise flannel's memory limit"
BOTH = "raise-memory-and-anchor"


def draft(case: Case, wishes: Wishes) -> Plan | NoPlan:
    """Draft it, unless any node would lose its NIC by the restart."""
    works = workloads.all_of(case)
    if isinstance(works, NoPlan):
        return works
    need = needs.of(case, works, wishes.memory_bytes)
    if isinstance(need, NoPlan):
        return need
    flannels = [one.flannel for one in need.works]
    ahead = forecast.of(case, flannels)
    if ahead.trapped:
        nodes = units.listing(list(ahead.trapped), most=10)
        return NoPlan(
            "raising the limit restarts every flannel, and with the flags as they are it would "
            f"fail to choose its NIC on {nodes}. {ahead.risks(ahead.trapped)}. Both must be cured "
            "in one change",
            instead=(BOTH, "anchor-regex"),
        )
    if ahead.moved:
        return NoPlan(
            "raising the limit restarts every flannel, and with the flags as they are another NIC "
            f"would be taken on {units.listing(list(ahead.moved), most=10)}. "
            f"{ahead.risks(ahead.moved)}. A change of NIC is a maintenance of its own: restart "
            "these nodes' flannel first, one by one",
            instead=("restart", BOTH),
        )
    changes = [rollout.Change(one, edits.memory(one, need.limit)) for one in need.works]
    patterns = {raw: None for one in flannels for raw in one.flags.iface_regex}
    return rollout.plan(
        case,
        changes,
        ahead,
        rollout.Intent(
            runbook=NAME,
            title=f"Raise flannel's memory limit to {units.memory(need.limit)}",
            reasoning=need.reasons,
            notes=(
                *needs.notes(need.works),
                *effects.of_prone(tuple(patterns)),
                *effects.of_others(workloads.others(case, works)),
            ),
            peak_share=needs.SHARE,
        ),
    )


def bounds(case: Case) -> needs.Bounds | NoPlan:
    """Return between which limits a person may choose, and what evidence suggests."""
    works = workloads.all_of(case)
    return works if isinstance(works, NoPlan) else needs.bounds(case, works)
