"""Detection at 5,000 nodes while 500 node statuses a second are written.

One cluster has one channel, so samples come one after the other. The bot's own pace between a
card and its thread is shortened, which saves time and leaves the card's way as it is: the channel
has been idle for longer than any pace by then.
"""

import asyncio
import random

from tests.bench import alerts, bots, rows
from tests.bench.sizes import Size

ROWS = ("alert_loaded_p50", "alert_loaded_p99")
FULL_NODES = 5000
FULL_SAMPLES = 500
BEATS = 500.0
PACE = 2.1
"""Seconds from one sample to the next: each is two messages, and Slack bears one a second. Faster,
it would be Slack's refusals that are measured."""


async def measure(size: Size) -> list[rows.Row]:
    nodes = size.of(FULL_NODES, quick=200)
    samples = min(size.of(FULL_SAMPLES, quick=2), size.samples or FULL_SAMPLES)
    rng = random.Random(1)
    found = []
    async with (
        bots.clusters(nodes=nodes, deployments=samples) as (cluster, files),
        bots.slack(channels=1) as slack,
    ):
        channels = slack.ready["bench_channels"]
        async with bots.bot(
            slack, files, channels=channels, FLANNEL_BOT_TELLING__POST_INTERVAL="0.1"
        ) as bot:
            await bot.until_ready()
            watcher = alerts.Watcher(slack, cluster, channels)
            before = (await cluster.ask(do="load", beats=BEATS))["beaten"]
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(3)
            for _ in range(samples):
                next_at = asyncio.get_running_loop().time() + PACE + rng.uniform(0.0, 0.25)
                await watcher.quiet(0)
                found.append(await watcher.sample(0))
                await asyncio.sleep(next_at - asyncio.get_running_loop().time())
            written = (await cluster.ask(do="load"))["beaten"] - before
            rate = written / (asyncio.get_running_loop().time() - began)
    skipped = size.smaller(nodes, FULL_NODES, "nodes")
    if rate < 0.95 * BEATS:
        skipped = skipped or f"the server wrote {rate:.0f} statuses a second, not {BEATS:.0f}"
    return alerts.judged("alert_loaded", found, size, full=FULL_SAMPLES, skipped=skipped)
