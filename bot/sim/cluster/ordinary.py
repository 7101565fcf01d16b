"""The ordinary workload: pods that come and go on every machine, and their veths with them.

Big clusters have thousands; they are no API objects here, only what matters of them to flannel:
a name and a number in the host's list of links.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.sim.cluster import context, hosts

LIFETIME = 7200.0
"""Mean seconds a pod lives."""


class Churn:
    """Replaces one pod of the fleet after another."""

    def __init__(self, ctx: context.Context, fleet: Sequence[hosts.Host]) -> None:
        self._ctx = ctx
        self._rng = ctx.rng("churn")
        self._pods = [(host, veth) for host in fleet for veth in host.veths]

    def start(self) -> None:
        """Begin."""
        self._plan()

    def _plan(self) -> None:
        if self._pods:
            wait = self._rng.expovariate(len(self._pods) / LIFETIME)
            self._ctx.clock.after(wait, self._replace, what="ordinary pod")

    def _replace(self) -> None:
        place = self._rng.randrange(len(self._pods))
        host, veth = self._pods[place]
        host.remove_veth(veth)
        self._pods[place] = (host, host.add_veth(self._rng))
        self._plan()
