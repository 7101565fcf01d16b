"""First sync of 1,000 nodes + 5,000 system pods, beside kubectl and the official models.

The server answers from memory, in bytes that it made before, so that the clients are compared and
not the server. Of kubectl's cost, that of the same command on an empty cluster is taken off: ours
leaves its start out, too.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from importlib import metadata
from typing import Any

from tests.bench import children, kubectl, objects, rows
from tests.bench.sizes import Size

ROWS = (
    "sync_1000_cpu", "sync_1000_cpu_vs_kubectl", "sync_1000_cpu_vs_models", "sync_1000_wall",
    "sync_1000_wall_vs_kubectl", "sync_1000_wall_vs_models", "sync_1000_rss_growth",
)  # fmt: skip
FULL = 1000


async def measure(size: Size) -> list[rows.Row]:
    nodes = size.of(FULL, quick=100)
    skipped = size.smaller(nodes, FULL, "nodes")
    runs = size.of(5, quick=2)
    command = kubectl.found()
    ours: list[dict[str, Any]] = []
    models: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    async with _serving(nodes) as full, _serving(1) as small:
        for number in range(runs + 1):
            told = [await _client(which, full) for which in ("ours", "models")]
            if command:
                told += [await _kubectl(command, full), await _kubectl(command, small)]
            if number == 0:
                continue  # the server's answers were made by this one
            assert (told[0]["nodes"], told[0]["pods"]) == (nodes, nodes * len(objects.AGENTS))
            ours.append(told[0])
            models.append(told[1])
            if command:
                theirs.append({key: told[2][key] - told[3][key] for key in ("cpu", "wall")})
        version = await kubectl.Kubectl(command, small).version() if command else ""
    found = []
    official = ("kubernetes.aio models", metadata.version("kubernetes"))
    for what in ("cpu", "wall"):
        mine = [one[what] for one in ours]
        found.append(rows.row(f"sync_1000_{what}", mine, skipped=skipped))
        name = f"sync_1000_{what}_vs_kubectl"
        if command:
            peer = [one[what] for one in theirs]
            found.append(rows.ratio(name, mine, peer, of=("kubectl", version), skipped=skipped))
        else:
            found.append(rows.missing(name, "kubectl is not installed"))
        peer = [one[what] for one in models]
        name = f"sync_1000_{what}_vs_models"
        found.append(rows.ratio(name, mine, peer, of=official, skipped=skipped))
    growth = [one["growth"] for one in ours]
    found.append(rows.row("sync_1000_rss_growth", growth, skipped=skipped))
    return found


@contextlib.asynccontextmanager
async def _serving(nodes: int) -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        async with children.running(
            "tests.bench.servers", "cluster", directory, "--nodes", str(nodes), "--recall"
        ) as server:
            yield (await server.said())["kubeconfigs"][0]


async def _client(which: str, kubeconfig: str) -> dict[str, Any]:
    async with children.running("tests.bench.clients", which, kubeconfig) as client:
        return await client.said()


async def _kubectl(command: str, kubeconfig: str) -> dict[str, Any]:
    told = await kubectl.Kubectl(command, kubeconfig)(
        "get", "pods,nodes", "-n", objects.SYSTEM, "-o", "wide"
    )
    return {"wall": told.wall, "cpu": told.cpu}
