"""`routes --all`: every node of a cluster looked at by exec, judged and told."""

import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import bots, children, rows
from tests.bench.sizes import Size

ROWS = ("routes_all_1000",)
FULL = 1000


async def measure(size: Size) -> list[rows.Row]:
    nodes = size.of(FULL, quick=10)
    values = [await _once(nodes) for _ in range(size.of(3, quick=1))]
    return [rows.row("routes_all_1000", values, skipped=size.smaller(nodes, FULL, "nodes"))]


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
                return await _asked(slack, bot.session, nodes)


async def _asked(slack: bots.Slack, session: aiohttp.ClientSession, nodes: int) -> float:
    """Seconds from the command to its answer, which must be about every node."""
    began = time.monotonic()
    told = await slack.command(session, "routes --all")
    if not told["ok"]:
        raise children.Failed(f"routes --all was refused: {told}")

    async def answer() -> str:
        url, where = f"{slack.ready['control']}/_sim/messages", {"channel": "C0ALERTS"}
        async with session.get(url, params=where) as held:
            found: dict[str, Any] = await held.json()
        texts = (str(one["text"]) for one in found["ephemerals"])
        heads = ((text, text.partition("\n")[0]) for text in texts)
        # Until the answer is there, its place tells how far the looks are.
        return next(
            (text for text, head in heads if "routes" in head and "Looking" not in head), ""
        )

    text = await children.until(answer, within=300, what="an answer to routes --all")
    whole = f"{nodes:,} of {nodes:,} nodes"
    if whole not in text:
        raise children.Failed(f"not of all nodes: {text[:300]}")
    return time.monotonic() - began
