"""What a flanneld weighs at an instant, and when that is too much.

Pure. Two things share the container's memory cgroup: the daemon's heap, which grows with the
number of Node objects it caches and doubles while it decodes a list of them, and the iptables
children it forks every five seconds, whose footprint grows with kube-proxy's rules and differs
from host to host. Either alone fits; their coincidence is what kills. There is no timer: the
container dies when the sum exceeds the limit written in its own spec.

Calibration (``tests/sim/test_world_memory.py`` holds it over many seeds): with 50Mi and 120 nodes
the steady state never kills and a burst kills 2 to 8, nearly all of them physical hosts; 20 nodes,
or 256Mi, or (but for a rare one) 100Mi, never.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sim.cluster import names, quantities

MIB = 1024.0 * 1024.0

HEAP_BASE = 9.0
"""MiB of anonymous memory without any node; measured daemons show 7 to 10."""

HEAP_PER_NODE = 0.05
"""MiB a cached Node object costs; measured 0.04 to 0.06 at 50 images a node."""

PLATEAU = 3.0
"""Seconds for which a list being decoded keeps the heap doubled."""

DECAY = 1.5
"""Seconds in which the collector then gives the second half back."""

CHILD_PERIOD = 5.0
"""Seconds between two iptables checks of flannel."""

CHILD_JITTER = 0.06
"""Half width of the variation of one host's child from run to run."""

CHILD_CEILING = 31.0
"""MiB of the heaviest host's child in a cluster of `REFERENCE_NODES` with ordinary services."""

REFERENCE_NODES = 120
"""The cluster size for which hosts' child footprints are drawn."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One list being decoded, since `began` (seconds of the simulation)."""

    began: float

    def share(self, now: float) -> float:
        """How much of a second heap it costs now, 0 to 1."""
        age = now - self.began
        if age < 0:
            return 0.0
        if age <= PLATEAU:
            return 1.0
        return max(0.0, 1.0 - (age - PLATEAU) / DECAY)

    def over(self, now: float) -> bool:
        """Whether nothing of it is left."""
        return now - self.began > PLATEAU + DECAY


def heap(nodes: int, *, share: float = 0.0) -> float:
    """MiB of the daemon with `nodes` cached; `share` of a second copy while it decodes a list."""
    return (HEAP_BASE + HEAP_PER_NODE * nodes) * (1.0 + share)


def child(host_child: float, *, nodes: int, rules: float = 1.0, jitter: float = 0.0) -> float:
    """MiB of one iptables child.

    Args:
        host_child: the host's own footprint at the reference size (see `host_children`).
        nodes: of the cluster; services grow more slowly than nodes do, by the square root.
        rules: how many times the ordinary number of kube-proxy rules there are.
        jitter: -1 to 1, this run's place within `CHILD_JITTER`.
    """
    scale = math.sqrt(nodes / REFERENCE_NODES) * rules
    return host_child * scale * (1.0 + CHILD_JITTER * jitter)


def killed(usage: float, limit: float | None) -> bool:
    """Whether the kernel kills: usage and limit in MiB, None for no limit."""
    return limit is not None and usage > limit


def steady_bound(host_child: float, *, nodes: int, rules: float = 1.0) -> float:
    """The most a daemon weighs while no list is being decoded; below it nobody need look."""
    return heap(nodes) + child(host_child, nodes=nodes, rules=rules, jitter=1.0)


def host_children(seed: int, *, heavy: int, physical: int, virtual: int) -> tuple[list[float], ...]:
    """Draw each host's child footprint in MiB, heavy hosts first, then the other two kinds.

    A population rather than independent throws: the long tail is there in every cluster, only who
    bears it differs. Heavy hosts are the few in iptables mode with very many endpoints; other
    physical hosts have several MiB; virtual machines little, with one in sixty of them heavy.
    """
    rng = names.stream(seed, "memory")

    def population(count: int, low: float, high: float, bend: float) -> list[float]:
        values = [
            low + (high - low) * ((rank + rng.random()) / count) ** bend for rank in range(count)
        ]
        rng.shuffle(values)
        return values

    light = population(virtual, 1.0, 9.0, 2.0) if virtual else []
    for index in range(0, virtual - 59, 60):
        light[rng.randrange(index, index + 60)] = 24.0 + 4.0 * rng.random()
    return (
        population(heavy, 24.0, CHILD_CEILING, 1.0) if heavy else [],
        population(physical, 4.0, 17.0, 1.6) if physical else [],
        light,
    )


def limit_mib(resources: Mapping[str, Any]) -> float | None:
    """The memory limit of a container's ``resources`` in MiB; None for none."""
    limit = (resources.get("limits") or {}).get("memory")
    return None if limit is None else float(quantities.parsed(limit)) / MIB
