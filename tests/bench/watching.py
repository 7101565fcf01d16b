"""What watching costs while kubelets write: the mirror beside the official Watch, one after the other."""

from importlib import metadata
from typing import Any

from tests.bench import bots, children, rows
from tests.bench.sizes import Size

ROWS = ("watch_cpu_vs_official",)
NODES = 1000
BEATS = 300.0
"""Node statuses a second in which nothing has changed."""


async def measure(size: Size) -> list[rows.Row]:
    nodes = size.of(NODES, quick=50)
    ours: list[float] = []
    theirs: list[float] = []
    async with bots.clusters(nodes=nodes) as (cluster, files):
        await cluster.ask(do="load", beats=BEATS * nodes / NODES)
        for _ in range(size.of(3, quick=1)):
            ours.append(await _cpu("ours-watching", files[0]))
            theirs.append(await _cpu("official-watching", files[0]))
        await cluster.ask(do="load")
    official = ("kubernetes.aio Watch", metadata.version("kubernetes"))
    skipped = size.smaller(nodes, NODES, "nodes")
    return [rows.ratio("watch_cpu_vs_official", ours, theirs, of=official, skipped=skipped)]


async def _cpu(which: str, kubeconfig: str) -> float:
    """CPU seconds that a client used of the seconds it watched."""
    async with children.running("tests.bench.clients", which, kubeconfig) as client:
        told: dict[str, Any] = await client.said()
    return float(told["cpu"])
