"""What may veto a change of the cluster.

A guard is a pure rule over a `Situation`: plan, snapshot and what else was looked at, at one
moment. It answers with verdicts, always with a reason that a person can read, and says no where
it cannot see. All are asked when a plan is drafted, at every approving click, and before every
write; one no is a no. What a guard may not do is repair a plan: a runbook drafts, a guard judges.
"""

from collections.abc import Iterable

from bot.domain.guard import Verdict
from bot.guards import eviction, network, pace, permission, reach, sight
from bot.guards.situation import Guard, Limits, Other, Situation, Stage

ALL_GUARDS: tuple[Guard, ...] = (
    permission.enabled,
    permission.role,
    permission.freezing,
    permission.permitted,
    sight.readable,
    sight.unchanged,
    network.nic_prediction,
    pace.one_at_a_time,
    pace.cooldown,
    pace.other_trouble,
    reach.blast_radius,
    reach.min_healthy,
    reach.control_plane,
    reach.own_node,
    eviction.movable,
    eviction.budgets,
    eviction.room,
)


def judge(given: Situation, guards: Iterable[Guard] = ALL_GUARDS) -> tuple[Verdict, ...]:
    """Ask all guards; the denials come first."""
    verdicts = [verdict for guard in guards for verdict in guard(given)]
    return tuple(sorted(verdicts, key=lambda verdict: verdict.allowed))


__all__ = ["ALL_GUARDS", "Guard", "Limits", "Other", "Situation", "Stage", "judge"]
