"""How many must approve a plan, and why so many."""

from collections.abc import Iterator
from dataclasses import replace

from bot.domain import units
from bot.domain.plan import Effect, Plan
from bot.runbooks.case import Limits


def required(plan: Plan, limits: Limits) -> Plan:
    """Return the plan with its quorum: more where NICs change, or many nodes are touched."""
    risks = tuple(_risks(plan, limits))
    quorum = max(limits.quorum, limits.quorum_risky) if risks else limits.quorum
    return replace(plan, quorum=quorum, risks=risks)


def _risks(plan: Plan, limits: Limits) -> Iterator[str]:
    moved = [one.node for one in plan.predictions if one.effect is Effect.CHANGES]
    if plan.moves_nics and moved:
        yield (
            f"MAINTENANCE: the NIC changes on {units.listing(moved, most=5)}; these nodes lose "
            "their routes for a moment, and reach nodes on the old NIC only when all have changed"
        )
    if len(plan.nodes) > limits.many_nodes:
        yield (f"it touches {units.count(len(plan.nodes), 'node')}, more than {limits.many_nodes}")
