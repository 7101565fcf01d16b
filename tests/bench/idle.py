"""Memory of the whole bot while a cluster of 120 nodes, the demo's, is well."""

import asyncio
import tempfile
from pathlib import Path

from tests.bench import bots, children, rows
from tests.bench.sizes import Size

ROWS = ("bot_120_rss",)
FULL = 120
SETTLED = 15.0
"""Seconds after which nothing of the start is left to be done."""


async def measure(size: Size) -> list[rows.Row]:
    nodes = size.of(FULL, quick=10)
    values = [await _once(nodes) for _ in range(size.of(3, quick=1))]
    return [rows.row("bot_120_rss", values, skipped=size.smaller(nodes, FULL, "nodes"))]


async def _once(nodes: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        kubeconfig = str(Path(directory) / "kubeconfig")
        async with (
            children.running(
                "bot", "sim", "cluster", "--port", "0", "--nodes", str(nodes), "--speed", "1",
                "--scenario", "healthy", "--write-kubeconfig", kubeconfig,
            ) as cluster,
            bots.slack() as slack,
        ):  # fmt: skip
            await cluster.said()
            async with bots.bot(slack, [kubeconfig]) as bot:
                await bot.until_ready()
                await asyncio.sleep(SETTLED)
                return children.memory_mib(bot.pid)
