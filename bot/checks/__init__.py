"""What can be wrong with the cluster.

A check reads one snapshot, with what the ledger remembers, and returns findings. It does no I/O,
keeps no memory and knows neither the clock nor Slack: asked twice about the same snapshot it says
the same, word for word. Whether a finding is news is not its business (`bot.flow` tracks that),
nor is how to repair it (`bot.runbooks`, which checks may not import).

Three rules hold for all. What a gap hides neither opens nor resolves: a check is silent about what
`Snapshot.sees` denies, and the tracker keeps what stood there before. What only a deep look at a
node can show is not judged without one that still counts: such a check also says which nodes it
could see (`SIGHT`), and of the others nothing is concluded. And nothing is told twice: where one
trouble explains another, only the first is a finding.

One file a check. Its docstring says what it says, when not, how bad that is and why, and whose
rule it follows. `ALL_CHECKS` is the whole list, by the name under which findings are kept.
"""

from collections.abc import Mapping

from bot.checks import (
    announcement,
    blind_spot,
    crash_loop,
    daemonset_short,
    deployment_unavailable,
    flannel_missing,
    memory_headroom,
    nic_at_restart,
    nic_pattern,
    node_device,
    node_not_ready,
    node_routes,
    node_unseen,
    oom_killed,
    pod_cidr,
    pod_not_ready,
    public_ip,
    rollout_stuck,
    subnet_env,
    update_strategy,
    version_hazard,
)
from bot.checks.context import Check, Context, Limits, Sight

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
        nic_at_restart,
        node_device,
        node_routes,
        subnet_env,
        node_unseen,
        pod_cidr,
        public_ip,
        announcement,
        nic_pattern,
        memory_headroom,
        update_strategy,
        version_hazard,
        blind_spot,
    )
}

SIGHT: Mapping[str, Sight] = {
    module.NAME: module.seen
    for module in (
        nic_at_restart,
        node_device,
        node_routes,
        subnet_env,
        node_unseen,
        memory_headroom,
    )
}
"""Of the checks that judge by more than the snapshot: which nodes they could see. What stands of
a node that they could not is kept."""

__all__ = ["ALL_CHECKS", "SIGHT", "Check", "Context", "Limits", "Sight"]
