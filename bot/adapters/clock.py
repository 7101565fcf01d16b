"""The real time."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Time as the machine tells it. Implements `ports.Clock`."""

    def now(self) -> datetime:
        """Return the wall time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


class WakefulClock(SystemClock):
    """Also counts the time that the machine sleeps: a lease runs out meanwhile."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards and never stand still."""
        # Linux alone has it; elsewhere a machine that wakes may hold its lease for too long.
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
