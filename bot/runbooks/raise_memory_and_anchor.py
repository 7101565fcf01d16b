"""Raise the memory limit and anchor the NIC pattern in one change of the template.

Each of the two restarts every flanneld, and a restart for the one triggers the other's fault: more
memory makes flannel choose its NIC anew among pods' veths, and new flags alone leave it to be
killed again. So both are patched at once, and every node restarts one time only.

What holds for `raise-memory` and for `anchor-regex` holds for this, except that memory is not
refused for what the new flags cure. Offered first where both faults are there.
"""

from bot.domain import units
from bot.domain.plan import Plan
from bot.runbooks import edits, effects, needs, nic_flags, rollout, workloads
from bot.runbooks.case import Case, NoPlan, Wishes

NAME = "raise-memory-and-anchor"
SUMMARY = "raise the memory limit and anchor the NIC pattern, with one restart for both"


def draft(case: Case, wishes: Wishes) -> Plan | NoPlan:
    """Draft it, where both are due; where one is not, the other is named."""
    works = workloads.all_of(case)
    if isinstance(works, NoPlan):
        return works
    need = needs.of(case, works, wishes.memory_bytes)
    if isinstance(need, NoPlan):
        return NoPlan(need.reason, need.manual, ("anchor-regex",))
    safer = nic_flags.of(case, works)
    if isinstance(safer, NoPlan):
        return NoPlan(safer.reason, safer.manual, ("raise-memory",))
    edited = {one.work.flannel.name: one for one in safer.changes}
    for work in need.works:
        name = work.flannel.name
        memory = rollout.Change(work, edits.memory(work, need.limit))
        both = edited.get(name)
        edited[name] = rollout.Change(work, memory.edit + both.edit) if both else memory
    trapped = safer.ahead.trapped_among(need.works)
    if trapped:
        return NoPlan(f"flannel would not start again everywhere: {safer.ahead.risks(trapped)}")
    return rollout.plan(
        case,
        tuple(edited.values()),
        safer.ahead,
        rollout.Intent(
            runbook=NAME,
            title=(
                f"Raise flannel's memory limit to {units.memory(need.limit)} and anchor its NIC "
                "pattern"
            ),
            reasoning=(*need.reasons, *safer.reasons),
            notes=(
                *needs.notes(need.works),
                *effects.of_others(workloads.others(case, works)),
            ),
            moves_nics=True,
            peak_share=needs.SHARE,
        ),
    )
