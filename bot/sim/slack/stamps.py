"""Identifiers: message timestamps, and names that cannot be guessed."""

import secrets
import time


class Stamps:
    """Timestamps as Slack gives them: true wall time in microseconds, unique and increasing.

    A clock that is set back does not repeat a stamp: the next one is then one microsecond later.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        """A new `seconds.micros` string."""
        self._last = max(time.time_ns() // 1000, self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


def name(prefix: str) -> str:
    """An identifier such as `V8F3A...` with 80 bits of chance."""
    return prefix + secrets.token_hex(10).upper()


def short() -> str:
    """A block or action id as Slack makes up for blocks that came without one."""
    return secrets.token_urlsafe(4)
