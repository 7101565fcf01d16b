"""How cost grows: `python -m tests.bench.growth docs/images/growth.png`.

Each point is a process of its own, and the least of some runs: what is to be seen is the shape, and
what disturbs a run only ever adds to it.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import children

NODES = (250, 500, 1000, 2000, 5000)
NICS = (10, 30, 60, 120, 240)
PEERS = (100, 250, 500, 1000, 2000)
INCIDENTS = (1, 10, 100, 1000)
RUNS = 3

Series = dict[str, list[tuple[int, float]]]


async def measured() -> dict[str, Series]:
    """Curves by panel: (size, value) each."""
    return {
        "first sync, by nodes (5 pods each)": await _syncs(),
        "one cycle, by nodes (5 pods each)": await _cycles(),
        "one cycle at 1,000 nodes, by open incidents": await _incidents(),
        "network knowledge": await _knowledge(),
    }


async def _least(module: str, *arguments: str, of: str) -> float:
    return min([float((await _once(module, *arguments))[of]) for _ in range(RUNS)])


async def _once(module: str, *arguments: str) -> dict[str, Any]:
    async with children.running(module, *arguments) as child:
        return await child.said()


async def _syncs() -> Series:
    wall, memory = [], []
    for nodes in NODES:
        with tempfile.TemporaryDirectory() as directory:
            async with children.running(
                "tests.bench.servers", "cluster", directory, "--nodes", str(nodes), "--recall"
            ) as server:
                kubeconfig = (await server.said())["kubeconfigs"][0]
                told = [
                    await _once("tests.bench.clients", "ours", kubeconfig) for _ in range(RUNS + 1)
                ][1:]
        wall.append((nodes, min(one["wall"] for one in told)))
        memory.append((nodes, min(one["growth"] for one in told)))
    return {"seconds": wall, "MiB": memory}


async def _cycles() -> Series:
    kinds = {"after a change": "later", "the first": "first", "every flannel killed": "storm"}
    found: Series = {name: [] for name in kinds}
    for nodes in NODES:
        told = [await _once("tests.bench.judging", str(nodes), "10") for _ in range(RUNS)]
        for name, key in kinds.items():
            values = [min(one[key]) if key == "later" else one[key] for one in told]
            found[name].append((nodes, min(values) * 1000))
    return {f"{name}, ms": points for name, points in found.items()}


async def _incidents() -> Series:
    points = []
    for count in INCIDENTS:
        told = [await _once("tests.bench.judging", "1000", "10", str(count)) for _ in range(RUNS)]
        points.append((count, min(min(one["later"]) for one in told) * 1000))
    return {"after a change, ms": points}


async def _knowledge() -> Series:
    module = "tests.bench.knowing"
    nics = [
        (count, await _least(module, "selection", "1000", str(count), of="seconds") * 1000)
        for count in NICS
    ]
    peers = [
        (count, await _least(module, "routes", str(count), of="seconds") * 1000 / count)
        for count in PEERS
    ]
    return {"choice on 1,000 nodes, by NICs each, ms": nics, "drift of a node, by peers, ms": peers}


def draw(found: dict[str, Series], to: Path) -> None:
    import matplotlib as mpl
    from matplotlib import figure, ticker

    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    made = figure.Figure(figsize=(9, 6.4), layout="constrained")
    marks = ("o-", "s--", "^:")
    for panel, (title, series) in zip(made.subplots(2, 2).flat, found.items(), strict=True):
        for mark, (name, points) in zip(marks, series.items(), strict=False):
            panel.loglog(*zip(*points, strict=True), mark, label=name, markersize=4)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
            axis.set_minor_formatter(ticker.NullFormatter())
        sizes = sorted({size for points in series.values() for size, _ in points})
        if len(sizes) <= len(NODES):
            panel.set_xticks(sizes)
        panel.set_title(title, fontsize=10)
        panel.grid(visible=True, which="major", alpha=0.3)
        panel.legend(frameon=False)
    made.savefig(to, dpi=110)


def main() -> None:
    found = asyncio.run(measured())
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if len(sys.argv) > 1:
        draw(found, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
