"""Make flannel's flags name the host's NIC and no pod's: `--iface-regex=^(?:eth1|bond1)$`.

Patterns of flannel are not anchored, so `eth1` also matches a pod's `veth17f90f70`, and a restart
among many veths may take that for the node's NIC. Each pattern is wrapped so that it matches whole
names only. Where that would take a bond's slave, which has no address and stands before its bond,
names in order take the patterns' place: `--iface=bond1 --iface=eth1`.

Proven on the NICs of every node that was looked at: exactly one NIC, with an IPv4 address, and
equal to the one that the node announces now. Where that cannot be had on some node, what the flags
mean is kept rather than what is: then the NIC changes there, which is a maintenance, said loudly
and approved by two.

Refused, with the text to be applied by hand, where the flags stand in a ConfigMap, in the
environment or in a script, and where a pattern is meant for addresses: anchored it would match
none.

Verified by NICs as foretold, no crash since and complete routes. Undone by the inverse patch.
"""

from bot.domain.plan import Plan
from bot.runbooks import effects, nic_flags, rollout, workloads
from bot.runbooks.case import Case, NoPlan, Wishes

NAME = "anchor-regex"
SUMMARY = "anchor the NIC pattern, so that it matches no pod's NIC"


def draft(case: Case, wishes: Wishes) -> Plan | NoPlan:
    """Draft it, where flags are found that are proven on all nodes that were seen."""
    del wishes  # There is nothing to choose: what is safe is computed.
    works = workloads.all_of(case)
    if isinstance(works, NoPlan):
        return works
    safer = nic_flags.of(case, works)
    if isinstance(safer, NoPlan):
        return safer
    return rollout.plan(
        case,
        safer.changes,
        safer.ahead,
        rollout.Intent(
            runbook=NAME,
            title="Anchor flannel's NIC pattern",
            reasoning=safer.reasons,
            notes=tuple(effects.of_others(workloads.others(case, works))),
            moves_nics=True,
        ),
    )
