"""The whole bot at 5,000 nodes + 25,000 system pods, against the simulated API server."""

import asyncio
import time

import aiohttp

from tests.bench import bots, children, objects, rows
from tests.bench.sizes import Size

ROWS = (
    "sync_5000_wall", "bot_5000_rss", "bot_5000_cpu", "requests_5000", "loop_block_5000",
    "slash_ack_p99",
)  # fmt: skip
FULL = 5000
HEARTBEATS = 17.0
"""A second at 5,000 nodes: a kubelet writes a status in which nothing changed every 5 minutes."""
BEATS_AT_WORST = 500.0
CHURN = 4.0
"""Changes a second that must be judged: one for each quarter of a second that changes are
gathered, so that cycle follows upon cycle."""
RELIST = "10s"
RELISTED_EVERY = 600.0
"""Seconds between two relists by default; their CPU is spread over that time."""
ACKS = 300
NEVER = 10_000.0


async def measure(size: Size) -> list[rows.Row]:
    nodes = size.of(FULL, quick=200)
    skipped = size.smaller(nodes, FULL, "nodes")
    async with bots.clusters(nodes=nodes) as (cluster, files), bots.slack() as slack:
        found = [await _first_sync(files[0], nodes, size, skipped)]
        found += await _quiet(cluster, files, slack, nodes, size, skipped)
        found += await _busy(cluster, files, slack, nodes, size, skipped)
    return found


async def _first_sync(kubeconfig: str, nodes: int, size: Size, skipped: str | None) -> rows.Row:
    walls = []
    for _ in range(size.of(3, quick=1)):
        async with children.running("tests.bench.clients", "ours", kubeconfig) as client:
            told = await client.said()
            assert (told["nodes"], told["pods"]) == (nodes, nodes * len(objects.AGENTS))
            walls.append(told["wall"])
    return rows.row("sync_5000_wall", walls, skipped=skipped)


async def _quiet(
    cluster: children.Child, files: list[str], slack: bots.Slack, nodes: int, size: Size,
    skipped: str | None,
) -> list[rows.Row]:  # fmt: skip
    """A bot that has nothing to tell: heartbeats and the cycles of the schedule."""
    memory, used, asked = [], [], []
    for _ in range(size.of(2, quick=1)):
        # Looks at the pace of every later hour, not at that of the first.
        async with bots.bot(slack, files, FLANNEL_BOT_INSPECTION__BURST="10") as bot:
            before = children.cpu_seconds(bot.pid)
            await bot.until_ready()
            first = await _requests(bot)
            # One relist costs what the first sync does; the window below is too short for any.
            relist = (children.cpu_seconds(bot.pid) - before) / RELISTED_EVERY
            await asyncio.sleep(10)
            await cluster.ask(do="load", beats=HEARTBEATS * nodes / FULL)
            began, before = time.monotonic(), children.cpu_seconds(bot.pid)
            requests = await _requests(bot)
            await asyncio.sleep(size.of(60, quick=5))
            seen = (await _requests(bot) - requests) / (time.monotonic() - began)
            # What the window is too short for: a relist asks what the first sync did.
            asked.append(seen * 3600 + first * 3600 / RELISTED_EVERY)
            share = (children.cpu_seconds(bot.pid) - before) / (time.monotonic() - began)
            await cluster.ask(do="load")
            used.append((share + relist) * 100)
            memory.append(children.memory_mib(bot.pid, "VmHWM"))
    return [
        rows.row("bot_5000_rss", memory, skipped=skipped),
        rows.row("bot_5000_cpu", used, skipped=skipped),
        rows.row("requests_5000", asked, skipped=skipped),
    ]


async def _busy(
    cluster: children.Child, files: list[str], slack: bots.Slack, nodes: int, size: Size,
    skipped: str | None,
) -> list[rows.Row]:  # fmt: skip
    """A bot at its busiest: it lists, relists, judges without pause, and is asked besides."""
    acks, blocks = [], []
    async with aiohttp.ClientSession() as session:
        for _ in range(size.of(2, quick=1)):
            async with bots.bot(
                slack, files, module="tests.bench.probe", FLANNEL_BOT_SCHEDULE__RELIST=RELIST
            ) as bot:
                await cluster.ask(do="load", beats=BEATS_AT_WORST * nodes / FULL, churns=CHURN)
                await children.until(lambda: _connected(bot), what="a bot connected to Slack")
                # From here on: the first sync is part of it.
                for number in range(size.of(ACKS // 2, quick=5)):
                    text = ("status", "incidents", "help", "schedule")[number % 4]
                    told = await slack.command(session, text)
                    # Slack waits for 3 s; what comes later, or never, counts as much more.
                    acks.append(told["latency_ms"] if told["acked"] else NEVER)
                    await asyncio.sleep(0.2)
                await cluster.ask(do="load")
                await bot.until_ready()
                bot.child.process.terminate()
                told = await bot.child.said()
                blocks.append(told["blocks"][0]["blocked"] * 1000)
    p99 = rows.percentile(acks, 0.99)
    return [
        rows.row("loop_block_5000", blocks, skipped=skipped),
        rows.row("slash_ack_p99", acks, value=p99, skipped=skipped),
    ]


async def _requests(bot: bots.Bot) -> float:
    """Requests to the API server so far; a watch counts once, however long it is open."""
    told = await bot.metrics()
    return sum(
        value for name, value in told.items() if name.startswith("flannel_bot_kube_requests_total")
    )


async def _connected(bot: bots.Bot) -> bool:
    return (await bot.metrics()).get("flannel_bot_slack_connected") == 1
