"""Slack's rate limits: token buckets for each method, and for each channel that is posted to.

By default the rates are Slack's and the bursts generous, since Slack tolerates bursts without
saying how many. `strict` leaves hardly any burst, for proofs that a sender paces itself.
"""

import enum
import math
import time
from collections.abc import Callable
from dataclasses import dataclass


class Mode(enum.Enum):
    """How strictly the limits are kept."""

    REALISTIC = "realistic"
    STRICT = "strict"
    OFF = "off"


TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
"""Calls a minute for each tier."""
POSTS_A_MINUTE = 300
"""Of the whole workspace: "several hundred"."""


@dataclass
class _Bucket:
    rate: float
    size: float
    level: float
    at: float

    def wait(self, now: float) -> float:
        """Seconds until one more call fits; takes it when that is now."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.rate


class Rates:
    """Who called what how often lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def retry_after(
        self, method: str, *, tier: int | None, channel: str | None, mode: Mode
    ) -> int | None:
        """Take one call; whole seconds to wait when it does not fit.

        `tier` None stands for `chat.postMessage`, which has a limit for each channel and one for
        the workspace.
        """
        if mode is Mode.OFF:
            return None
        strict = mode is Mode.STRICT
        if tier is None:
            waits = [
                self._wait((method, ""), POSTS_A_MINUTE / 60, 20 if strict else 100),
                self._wait((method, channel or ""), 1.0, 2 if strict else 10),
            ]
        else:
            a_minute = TIERS[tier]
            waits = [self._wait((method, ""), a_minute / 60, a_minute / 4 if strict else a_minute)]
        wait = max(waits)
        return max(1, math.ceil(wait)) if wait > 0 else None

    def _wait(self, key: tuple[str, str], rate: float, burst: float) -> float:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None or bucket.size != burst:
            bucket = self._buckets[key] = _Bucket(rate=rate, size=burst, level=burst, at=now)
        return bucket.wait(now)
