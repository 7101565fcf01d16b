"""How long to wait before trying again, and what a run of failures means. No I/O, no clock."""

import random
from dataclasses import dataclass
from datetime import datetime

from bot.adapters.cluster import failures
from bot.adapters.cluster.options import Options

_DOUBTS = 2
"""So many answers in a row that doubt our resource version make us list anew."""


@dataclass(slots=True)
class Trouble:
    """The failures of one watch since it last worked.

    `since` is None while it works. `attempts` outlives a short success, so that a stream that
    breaks again and again at once is not asked for ever faster.
    """

    attempts: int = 0
    doubts: int = 0
    since: datetime | None = None
    reason: str = ""
    at_once: bool = False
    """Whether it is a gap however short it lasts, since what is known may be old already."""

    def distrust(self, reason: str, *, now: datetime) -> None:
        """Remember that what is known may be old, though nothing has failed."""
        self.since, self.reason, self.at_once = now, reason, True

    def note(self, reason: str, *, now: datetime) -> None:
        """Remember a failure."""
        self.attempts += 1
        self.since = self.since or now
        self.reason = reason

    def ease(self) -> None:
        """The server has shown life: what is known is current again."""
        self.since = None
        self.reason = ""
        self.at_once = False
        self.doubts = 0

    def settle(self) -> None:
        """It has worked for a while: forget everything."""
        self.ease()
        self.attempts = 0

    def doubts_version(self, failure: Exception) -> bool:
        """Whether to list anew instead of resuming, after that failure."""
        if isinstance(failure, failures.Expired):
            return True
        if isinstance(failure, failures.Failure) and failure.doubts_version:
            self.doubts += 1
        return self.doubts >= _DOUBTS

    def delay(self, failure: Exception, options: Options) -> float:
        """Return the seconds to wait: doubled with each attempt, jittered by half, capped.

        A resource version that is too old is nobody's fault: the first time, the fresh list
        follows at once.
        """
        if isinstance(failure, failures.Expired) and self.attempts <= 1:
            return 0.0
        first, most = options.backoff
        wait = min(most, first * 2.0 ** min(self.attempts - 1, 16))
        wait *= random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, protects nothing
        asked = failure.retry_after if isinstance(failure, failures.Failure) else None
        return max(wait, min(asked, options.retry_after_cap)) if asked is not None else wait
