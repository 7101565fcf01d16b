"""Half an hour of everything at once: what is used then must be given back, and stay flat.

Nodes join and leave, pods crash and restart, watches break, Slack is down for a while, people ask.
Then all is healed, and what the bot holds is compared with what it held before: resident memory,
open files, tasks.
"""

import asyncio
import contextlib
import os
import random
import signal
import ssl
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.acceptance import processes
from tests.bench import children, rows
from tests.bench.sizes import Size

ROWS = ("soak_rss_growth", "soak_files_left", "soak_tasks_left")
MINUTES = 30.0
NODES = 120
SPEED = 20.0
EPISODE = (2.0, 8.0)
"""Seconds that a trouble lasts."""
TROUBLES = (
    ("cluster", "flannel_crash"), ("cluster", "matching_veth"), ("cluster", "relist"),
    ("cluster", "pod_unready"), ("cluster", "node_down"), ("cluster", "routes_flushed"),
    ("cluster", "device_gone"), ("cluster", "watch_cut"), ("cluster", "watch_410"),
    ("cluster", "watch_end"), ("cluster", "watch_garbage"), ("cluster", "api_500"),
    ("cluster", "api_429"), ("cluster", "api_abort"), ("cluster", "exec_hangs"),
    ("slack", "server_error"), ("slack", "envelopes_doubled"),
)  # fmt: skip
LOOKS = 30
"""Two seconds from one to the next, so that some fall between relists and looks at nodes."""
QUESTIONS = (
    "status", "incidents", "help", "schedule", "check", "nics phys-01", "routes phys-01",
    "routes --all", "nics --all", "memory", "verify phys-02", "simulate ^eth1$", "logs phys-03",
    "plans", "audit", "nonsense", "nics no-such-node",
)  # fmt: skip

_BROKEN = (aiohttp.ClientError, TimeoutError)
"""How calls of the API server end while it is in trouble, which here is nothing to fail for."""


@dataclass
class Held:
    """What the bot holds at one moment."""

    rss: float
    files: Counter[str]
    """How many of each kind are open."""
    tasks: dict[str, int]
    threads: int


@dataclass
class Soak:
    """One bot between its outsides, and somebody who troubles it."""

    outside: processes.Outside
    bot: children.Child
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    asked: int = 0
    struck: int = 0

    async def held(self) -> Held:
        os.kill(self.bot.pid, signal.SIGUSR1)
        told = await self.bot.said()
        rss = children.memory_mib(self.bot.pid)
        return Held(rss, _files(self.bot.pid), told["tasks"], told["threads"])

    async def trouble(self, until: float) -> None:
        """Break one thing after the other, and heal it."""
        while time.monotonic() < until:
            of, name = self.rng.choice(TROUBLES)
            await self.outside.fault(name, of=of)
            self.struck += 1
            await asyncio.sleep(self.rng.uniform(*EPISODE))
            await self.outside.heal(name, of=of)

    async def ask(self, until: float) -> None:
        """Ask one thing after the other."""
        while time.monotonic() < until:
            await self.outside.command(self.rng.choice(QUESTIONS))
            self.asked += 1
            await asyncio.sleep(self.rng.uniform(0.5, 2))

    async def come_and_go(self, until: float) -> None:
        """Have nodes join and leave."""
        number = 0
        async with _api(self.outside) as call:
            while time.monotonic() < until:
                number += 1
                name = f"soak-{number}"
                node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
                with contextlib.suppress(*_BROKEN):
                    await call("POST", "/api/v1/nodes", node)
                await asyncio.sleep(self.rng.uniform(2, 6))
                with contextlib.suppress(*_BROKEN):
                    await call("DELETE", f"/api/v1/nodes/{name}", None)

    async def calm(self) -> Held:
        """Heal everything and wait until the bot has come to rest; return what it holds then."""
        for of, name in TROUBLES:
            await self.outside.heal(name, of=of)
        found = [await self._after(2)]
        for _ in range(90):
            found.append(await self._after(2))
            if len(found) >= LOOKS and all(one.tasks == found[-1].tasks for one in found[-3:]):
                break
        # Connections that are kept for a while are no leftovers: the fewest of many looks count.
        return replace(
            found[-1], files=min((one.files for one in found[-LOOKS:]), key=Counter.total)
        )

    async def _after(self, seconds: float) -> Held:
        await asyncio.sleep(seconds)
        return await self.held()


async def measure(size: Size) -> list[rows.Row]:
    minutes = MINUTES if not size.quick else 0.3
    skipped = None if minutes >= MINUTES else f"measured for {minutes:g} minutes"
    async with _soaking() as soak:
        # Everything is used once before it is measured: what is loaded once stays loaded.
        await _storm(soak, 60 if not size.quick else 5)
        before = await soak.calm()
        memory: list[float] = []
        for _ in range(10):
            await _storm(soak, minutes * 6)
            memory.append((await soak.held()).rss)
            # Half an hour is long: what was seen so far is not lost if the rest goes wrong.
            sys.stderr.write(f" {memory[-1]:.0f}")
            sys.stderr.flush()
        after = await soak.calm()
    tasks = Counter(after.tasks) - Counter(before.tasks)
    left = after.files.total() - before.files.total()
    if tasks or left > 0:
        files = dict(after.files - before.files)
        sys.stderr.write(f"\nleft: tasks {dict(tasks)}, files {files}\n")
    growth = (statistics.median(memory[-3:]) / statistics.median(memory[:3]) - 1) * 100
    return [
        rows.row("soak_rss_growth", memory, value=growth, skipped=skipped),
        rows.row("soak_files_left", [max(left, 0)], skipped=skipped),
        rows.row("soak_tasks_left", [tasks.total()], skipped=skipped),
    ]


def _files(pid: int) -> Counter[str]:
    """A process's open files by kind; connections by whom they lead to (Linux, proc(5))."""
    peers: dict[str, str] = {}
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        peers[f"socket:[{fields[9]}]"] = f"TCP to port {int(fields[2].partition(':')[2], 16)}"
    found: Counter[str] = Counter()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            what = str(entry.readlink())
            found[peers.get(what, what.partition(":[")[0])] += 1
    return found


async def _storm(soak: Soak, seconds: float) -> None:
    until = time.monotonic() + seconds
    await asyncio.gather(soak.trouble(until), soak.ask(until), soak.come_and_go(until))
    assert soak.bot.process.returncode is None, soak.bot.errors[-5:]


@contextlib.asynccontextmanager
async def _soaking() -> AsyncIterator[Soak]:
    with tempfile.TemporaryDirectory() as directory:
        async with processes.outside(Path(directory), nodes=NODES, speed=SPEED) as outside:
            environment = outside.environment(
                FLANNEL_BOT_SCHEDULE__RELIST="20s", FLANNEL_BOT_SCHEDULE__AUDIT="2s"
            )
            async with children.running(
                "tests.bench.counted", "run", environment=environment
            ) as bot:
                await children.until(lambda: _listening(bot), what="a bot that listens")
                yield Soak(outside, bot)


async def _listening(bot: children.Child) -> bool:
    return any('"listening"' in line for line in bot.errors)


@contextlib.asynccontextmanager
async def _api(outside: processes.Outside) -> AsyncIterator[Any]:
    config = yaml.safe_load(outside.kubeconfig.read_text())
    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
    trust = ssl._create_unverified_context()  # our own child on loopback

    async def call(method: str, path: str, body: object) -> int:
        async with outside.session.request(
            method, outside.cluster["kube_api"] + path, json=body, headers=headers, ssl=trust,
            timeout=aiohttp.ClientTimeout(total=5),
        ) as answer:  # fmt: skip
            return answer.status

    yield call
