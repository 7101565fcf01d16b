"""A scripted API server, and a mirror of it with every duration scaled down."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.cluster import client, mirror, options
from bot.domain import snapshot
from tests.adapters.cluster import scripted

FAST = options.Options(
    name="test",
    namespaces=("kube-system",),
    discover=False,
    request_timeout=1.0,
    connect_timeout=1.0,
    watch_timeout=(20.0, 30.0),
    watch_grace=1.0,
    silence_after=10.0,
    settle_after=0.1,
    backoff=(0.02, 0.2),
    gap_after=0.2,
    pulse=0.02,
    probe_after=10.0,
    credentials_interval=0.05,
    reload_pause=0.05,
    exec_timeout=5.0,
    discovery_interval=0.2,
)


class Clock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Telemetry:
    """Remembers what it is told."""

    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    gauges: dict[tuple[str, ...], float] = field(default_factory=dict)

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        self.counts[(name, *(labels[k] for k in sorted(labels)))] += int(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        raise AssertionError(f"nobody observes {name}")

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.gauges[(name, *(labels[k] for k in sorted(labels)))] = value


def is_flannel(value: snapshot.DaemonSet) -> bool:
    return any(c.name == "kube-flannel" for c in value.template.containers)


@dataclass
class World:
    """A server, and what a test builds to look at it."""

    server: scripted.Server
    kubeconfig: Path
    clock: Clock = field(default_factory=Clock)
    telemetry: Telemetry = field(default_factory=Telemetry)

    def options(self, **changes: Any) -> options.Options:
        return replace(FAST, kubeconfig=self.kubeconfig, **changes)

    def client(self, **changes: Any) -> client.Client:
        return client.Client(self.options(**changes), clock=self.clock, telemetry=self.telemetry)

    @contextlib.asynccontextmanager
    async def mirrored(
        self, *, synced: bool = True, **changes: Any
    ) -> AsyncIterator[mirror.Mirror]:
        async with self.client(**changes) as api:
            seen = mirror.Mirror(
                api, clock=self.clock, telemetry=self.telemetry, is_flannel=is_flannel
            )
            task = asyncio.create_task(seen.run(), name="the mirror")
            try:
                if synced:
                    await scripted.eventually(lambda: not seen.snapshot().gaps, why="(first sync)")
                    await scripted.eventually(lambda: self.watched(seen))
                yield seen
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def watched(self, seen: mirror.Mirror) -> bool:
        return sum(len(queues) for queues in self.server.open.values()) >= len(seen.ages())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with scripted.serving(scripted.Server()) as server:
        yield World(server, scripted.write_kubeconfig(tmp_path / "kubeconfig", server.url))
