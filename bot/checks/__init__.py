"""What can be wrong with the cluster.

A check reads one snapshot, with what the ledger remembers, and returns findings. It does no I/O,
keeps no memory and knows neither the clock nor Slack: asked twice about the same snapshot it says
the same, word for word. Whether a finding is news is not its business (`bot.flow` tracks that),
nor is how to repair it (`bot.runbooks`, which checks may not import).

Two rules hold for all. What a gap hides neither opens nor resolves: a check is silent about what
`Snapshot.sees` denies, and the tracker keeps what stood there before. And nothing is told twice:
where one trouble explains another, only the first is a finding.

One file a check. Its docstring says what it says, when not, how bad that is and why, and whose
rule it follows. `ALL_CHECKS` is the whole list, by the name under which findings are kept.
"""

from collections.abc import Mapping

from bot.checks import (
    blind_spot,
    crash_loop,
    daemonset_short,
    deployment_unavailable,
    flannel_missing,
    node_not_ready,
    oom_killed,
    pod_not_ready,
    rollout_stuck,
)
from bot.checks.context import Check, Context, Limits

ALL_CHECKS: Mapping[str, Check] = {
    module.NAME: module.check
    for module in (
        oom_killed,
        crash_loop,
        pod_not_ready,
        daemonset_short,
        rollout_stuck,
        deployment_unavailable,
        node_not_ready,
        flannel_missing,
        blind_spot,
    )
}

__all__ = ["ALL_CHECKS", "Check", "Context", "Limits"]
