"""What every moving part of the cluster is given: the API, the clock, the agenda, the seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from bot.sim.cluster import errors, events, index, names, network, registry, timing

Object = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """The shared tools of controllers, kubelets and flannels."""

    api: registry.Registry
    clock: timing.Timing
    events: events.Recorder
    index: index.Index
    network: network.Network
    seed: int

    def rng(self, *purpose: object) -> random.Random:
        """A stream of random numbers for one purpose."""
        return names.stream(self.seed, *purpose)


class Queue:
    """Keys to be looked after, each once however often it was asked for.

    Args:
        delay: seconds of the simulation between asking and doing, so that a flood of changes
            costs one look.
    """

    def __init__(
        self,
        clock: timing.Timing,
        sync: Callable[[Hashable], None],
        *,
        what: str,
        delay: float = 0.2,
    ) -> None:
        self._clock = clock
        self._sync = sync
        self._what = what
        self._delay = delay
        self._waiting: dict[Hashable, tuple[float, timing.Timer]] = {}

    def add(self, key: Hashable, *, after: float | None = None) -> None:
        """Ask for a look; one that comes sooner counts for this, too, and one later is let go."""
        wait = self._delay if after is None else after
        due = self._clock.elapsed() + wait
        if key in self._waiting:
            planned, timer = self._waiting[key]
            if planned <= due:
                return
            timer.cancel()
        timer = self._clock.after(wait, lambda: self._run(key), what=f"{self._what} {key}")
        self._waiting[key] = due, timer

    def _run(self, key: Hashable) -> None:
        self._waiting.pop(key, None)
        try:
            self._sync(key)
        except errors.StatusError as refusal:
            # Somebody wrote or deleted at the same time: look again, as every controller does.
            if refusal.code not in {404, 409}:
                raise
            self.add(key, after=1.0)
