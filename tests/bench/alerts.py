"""Detection: from a status written at an API server to the first card at Slack.

Each sample is a workload's first OOM kill, so a card of its own, in a channel in which nothing was
said for a second. Ten small clusters with a channel each, since Slack bears one message a second
and channel; two samples a second at most keep the sum of all below Slack's limit, too.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

from tests.bench import bots, children, rows
from tests.bench.sizes import Size

ROWS = ("alert_p50", "alert_p99")
FULL = 500
CLUSTERS = 10
IDLE = 1.0
BETWEEN = 0.5
LOST = 30.0


class Watcher:
    """Hears what is said at Slack, and measures."""

    def __init__(self, slack: bots.Slack, cluster: children.Child, channels: Sequence[str]) -> None:
        self._cluster = cluster
        self._channels = list(channels)
        self._said_at = dict.fromkeys(channels, 0.0)
        self._next = dict.fromkeys(range(len(channels)), 0)
        self._waiting: dict[tuple[str, str], asyncio.Future[float]] = {}
        slack.child.heard = self._heard

    def _heard(self, told: dict[str, Any]) -> None:
        self._said_at[told["channel"]] = told["at"]
        for (channel, workload), card in self._waiting.items():
            first = channel == told["channel"] and workload in told["text"] and not told["thread"]
            if first and not card.done():
                card.set_result(told["at"])

    async def quiet(self, channel: int) -> None:
        """Wait until nothing was said there for a second."""
        while (left := self._said_at[self._channels[channel]] + IDLE - time.time()) > 0:
            await asyncio.sleep(left)

    async def sample(self, channel: int) -> float:
        """Have the next workload of a cluster killed; return the seconds until its card."""
        number = self._next[channel]
        self._next[channel] += 1
        card = asyncio.get_running_loop().create_future()
        place = (self._channels[channel], f"service-{number:04d}")
        self._waiting[place] = card
        told = await self._cluster.ask(do="kill", cluster=channel, number=number)
        assert told["workload"] == place[1]
        try:
            async with asyncio.timeout(LOST):
                return await card - told["at"]
        except TimeoutError:
            raise children.Failed(f"no card for {place[1]} within {LOST:g} s") from None
        finally:
            del self._waiting[place]

    async def settled(self, channel: int) -> None:
        """Wait until the card's thread has been written, too."""
        seen = -1.0
        while self._said_at[self._channels[channel]] != seen:
            seen = self._said_at[self._channels[channel]]
            await asyncio.sleep(IDLE + 0.5)


async def measure(size: Size) -> list[rows.Row]:
    samples = min(size.of(FULL, quick=4), size.samples or FULL)
    number = min(CLUSTERS, samples)
    each = -(-samples // number)
    async with (
        bots.clusters(number, nodes=20, deployments=each) as (cluster, files),
        bots.slack(channels=number) as slack,
    ):
        channels = slack.ready["bench_channels"]
        async with bots.bot(slack, files, channels=channels) as bot:
            await bot.until_ready()
            watcher = Watcher(slack, cluster, channels)
            await asyncio.sleep(2)
            found = await _samples(watcher, number, each)
    return judged("alert", found, size, full=FULL)


async def _samples(watcher: Watcher, clusters: int, each: int) -> list[float]:
    rng = random.Random(1)
    turn = asyncio.Lock()
    found: list[float] = []

    async def one(channel: int) -> None:
        for _ in range(each):
            async with turn:
                # Not in step with anything that the bot does at intervals.
                await asyncio.sleep(BETWEEN * rng.uniform(0.8, 1.2))
            await watcher.quiet(channel)
            found.append(await watcher.sample(channel))
            await watcher.settled(channel)

    await asyncio.gather(*(one(channel) for channel in range(clusters)))
    return found


def judged(
    name: str, found: list[float], size: Size, *, full: int, skipped: str | None = None
) -> list[rows.Row]:
    """The median and the 99th percentile of latencies, in ms."""
    skipped = skipped or size.smaller(len(found), full, "samples")
    values = [seconds * 1000 for seconds in found]
    return [
        rows.row(f"{name}_{kind}", values, value=rows.percentile(values, share), skipped=skipped)
        for kind, share in (("p50", 0.5), ("p99", 0.99))
    ]
