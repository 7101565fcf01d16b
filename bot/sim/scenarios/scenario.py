"""The form of a scenario, and the four there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

UNANCHORED = ("--ip-masq", "--kube-subnet-mgr", "--iface-regex=eth1|bond1")
ANCHORED = ("--ip-masq", "--kube-subnet-mgr", "--iface-regex=^(?:eth1|bond1)$")


@dataclass(frozen=True)
class Scenario:
    """How a cluster is set up and when it is put to the test."""

    name: str
    about: str
    to_try: str
    """What somebody who sees it for the first time may do."""
    memory_mib: int
    """Flannel's memory limit in clusters of up to `ROOMY` nodes, in MiB."""
    flannel_args: tuple[str, ...] = UNANCHORED
    first_burst: tuple[float, float] | None = (100.0, 130.0)
    """Between which seconds after the start the watches are closed first; None for never.

    Late enough that a bot started together with the cluster sees it healthy first.
    """
    mean_between_bursts: float = 300.0
    """Mean of the exponential wait for the next one, in seconds, beyond the first minute."""
    odd_bonds: bool = False
    """Whether some hosts have their private address on a VLAN of the bond."""
    leak: float = 0.0
    """MiB a second that flannel loses under any other memory limit than the first: a plan that
    raises it does harm and has to be taken back."""
    strict_budget: bool = False
    """Whether a disruption budget forbids to evict CoreDNS."""

    def memory_limit(self, nodes: int) -> str:
        """The limit as the manifest has it.

        Beyond `ROOMY` nodes it grows as the team would have let it grow: just enough to start
        with, so that a story of 1,000 nodes is one of a few machines, too.
        """
        if nodes <= ROOMY:
            return f"{self.memory_mib}Mi"
        return f"{self.memory_mib + 10 * math.ceil((nodes - 120) * 0.15 / 10)}Mi"


ROOMY = 125

ALL: Mapping[str, Scenario] = {
    one.name: one
    for one in (
        Scenario(
            name="story",
            about="flannel with 50Mi and an unanchored regex; lists of nodes come now and then",
            to_try="when a card tells of OOM kills, click Propose fix, become Adam at the lower "
            "left, and click Approve on the plan",
            memory_mib=50,
        ),
        Scenario(
            name="healthy",
            about="flannel with 256Mi and an anchored regex: nothing happens",
            to_try="break something, and see what the bot makes of it",
            memory_mib=256,
            flannel_args=ANCHORED,
            first_burst=None,
        ),
        Scenario(
            name="bad-plan",
            about="as the story, but flannel fills whatever limit is set: a plan that raises it "
            "does harm, and is undone",
            to_try="/flannel raise-memory-and-anchor, then Approve as Adam",
            memory_mib=50,
            odd_bonds=True,
            leak=100.0,
        ),
        Scenario(
            name="guard",
            about="as the story, with a disruption budget that allows nothing",
            to_try="/flannel drain NODE of a node where CoreDNS runs: "
            "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
            memory_mib=50,
            strict_budget=True,
        ),
    )
}
