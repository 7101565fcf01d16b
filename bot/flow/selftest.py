"""A message to Slack and back: whether people could hear the bot, which no connection proves."""

from typing import Protocol

import structlog

from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)

_TOLERATED = 1
"""Failures in a row that are no trouble yet: one lost request is none."""


class RoundTrip(Protocol):
    """A way to Slack and back."""

    async def round_trip(self) -> None:
        """Post a message, see it in the channel's history, delete it. Raises BotError."""


class SelfTest:
    """Tests the way each time it is run, and remembers how it went."""

    def __init__(self, way: RoundTrip, *, clock: ports.Clock, telemetry: ports.Telemetry) -> None:
        self._way = way
        self._clock = clock
        self._telemetry = telemetry
        self._failures = 0
        self._why = ""

    @property
    def trouble(self) -> str:
        """Why nobody could hear; empty where that is not certain."""
        return f"the self-test fails: {self._why}" if self._failures > _TOLERATED else ""

    async def run(self) -> None:
        """Test once. Raises BotError if it failed, so that the schedule tells it."""
        began = self._clock.monotonic()
        try:
            await self._way.round_trip()
        except ports.RateLimited:
            return  # others speak there, which is proof enough
        except errors.BotError as error:
            self._failures += 1
            self._why = str(error)
            self._telemetry.gauge("selftest_ok", 0)
            log.warning("selftest_failed", why=self._why, failures=self._failures)
            raise
        self._failures = 0
        self._telemetry.gauge("selftest_ok", 1)
        self._telemetry.observe("selftest_seconds", self._clock.monotonic() - began)
