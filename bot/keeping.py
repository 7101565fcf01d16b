"""Clusters' connections and mirrors, which outlive a change of the configuration.

A changed configuration builds the bot anew. What is reached and read as before goes on meanwhile:
its connections and watches stay open, and its API server is asked for no list again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import structlog

from bot import options, settings
from bot.adapters.cluster import client, mirror
from bot.flow import ports

log = structlog.get_logger(__name__)


class _Numbers:
    """Hands numbers to the bot of now. Implements `ports.Telemetry`."""

    def __init__(self) -> None:
        self.onto: ports.Telemetry | None = None

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        """Raise a counter."""
        if self.onto is not None:
            self.onto.count(name, value, **labels)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""
        if self.onto is not None:
            self.onto.observe(name, value, **labels)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        if self.onto is not None:
            self.onto.gauge(name, value, **labels)


@dataclass(slots=True)
class Kept:
    """One cluster's connections and mirror."""

    api: client.Client
    mirror: mirror.Mirror
    task: "asyncio.Task[None] | None" = None

    @property
    def running(self) -> bool:
        """Whether it is mirrored already."""
        return self.task is not None and not self.task.done()

    async def run(self) -> None:
        """Mirror it, or go on with it. A cancelled caller leaves it running."""
        if self.task is None or self.task.done():
            name = f"mirror of {self.mirror.cluster}"
            self.task = asyncio.create_task(self.mirror.run(), name=name)
        await asyncio.shield(self.task)

    async def close(self) -> None:
        """End it, and every connection."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.api.close()


class Keeping:
    """Holds the clusters of one process; leaving it as a context ends them all.

    Args:
        clock: time.
    """

    def __init__(self, clock: ports.Clock) -> None:
        self._clock = clock
        self._numbers = _Numbers()
        self._kept: dict[str, Kept] = {}

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End all of them."""
        await self._end(tuple(self._kept))

    async def settle(self, given: settings.Settings, telemetry: ports.Telemetry) -> Sequence[Kept]:
        """Return the clusters in the order of the settings, and end those that are not in them.

        One that is reached or read otherwise than before begins anew.
        """
        self._numbers.onto = telemetry
        wanted = {one.name: options.cluster(given, one) for one in given.watched}
        await self._end(
            [name for name, one in self._kept.items() if wanted.get(name) != one.api.options]
        )
        for name, how in wanted.items():
            if name in self._kept:
                log.info("cluster_kept", cluster=name)
                continue
            api = client.Client(how, clock=self._clock, telemetry=self._numbers)
            seen = mirror.Mirror(
                api, clock=self._clock, telemetry=self._numbers, is_flannel=options.is_flannel
            )
            self._kept[name] = Kept(api, seen)
        return [self._kept[name] for name in wanted]

    async def _end(self, names: Sequence[str]) -> None:
        await asyncio.gather(*(self._kept.pop(name).close() for name in names))
