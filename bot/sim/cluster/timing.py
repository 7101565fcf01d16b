"""Time in the simulation: the one place where its seconds become real ones.

Everything that waits does so through a `Timing`. Durations are given in seconds of the simulation
and divided by the speed; stamps are true wall time and are never scaled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_log = logging.getLogger(__name__)


class Timer:
    """One thing that will happen, until it has happened or is cancelled."""

    __slots__ = ("_handle", "_timing")

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Let it not happen; harmless afterwards and twice."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._timing.forget(self)

    def arm(self, delay: float, action: Callable[[], None], what: str) -> None:
        """Set it going; `delay` in real seconds."""
        loop = self._timing.loop
        self._handle = loop.call_later(delay, self._fire, action, what)

    def _fire(self, action: Callable[[], None], what: str) -> None:
        self._handle = None
        self._timing.forget(self)
        # A named seam: one thing of the simulated world that fails must not stop the others.
        try:
            action()
        except Exception:
            _log.exception("a part of the simulated cluster failed: %s", what)
            self._timing.failures += 1


class Timing:
    """A clock and an agenda on the running event loop.

    Args:
        speed: how many seconds of the simulation go by in a real one; must be positive.

    Raises:
        ValueError: the speed is not positive.
    """

    def __init__(self, *, speed: float) -> None:
        if not speed > 0:
            raise ValueError(f"the speed must be positive, not {speed}")
        self.speed = speed
        self.loop = asyncio.get_running_loop()
        self.failures = 0
        """How often an action raised; tests hold it at zero."""
        self._began = self.loop.time()
        self._timers: set[Timer] = set()
        self._closed = False

    def elapsed(self) -> float:
        """Seconds of the simulation since it began."""
        return (self.loop.time() - self._began) * self.speed

    def now(self) -> datetime:
        """True wall time, aware, in UTC."""
        return datetime.now(UTC)

    def real(self, seconds: float) -> float:
        """Seconds of the simulation as real seconds."""
        return seconds / self.speed

    def wall(self, seconds: float) -> timedelta:
        """The same, to be added to a stamp."""
        return timedelta(seconds=seconds / self.speed)

    def after(self, seconds: float, action: Callable[[], None], *, what: str) -> Timer:
        """Do something after so many seconds of the simulation.

        Args:
            seconds: of the simulation.
            action: must not block.
            what: named in the log should the action fail.
        """
        timer = Timer(self)
        if not self._closed:
            self._timers.add(timer)
            timer.arm(max(0.0, seconds) / self.speed, action, what)
        return timer

    def every(
        self, seconds: float, action: Callable[[], None], *, what: str, first: float | None = None
    ) -> Repeating:
        """Do something again and again, first after `first` (else `seconds`)."""
        return Repeating(self, seconds, action, what, seconds if first is None else first)

    def forget(self, timer: Timer) -> None:
        """Take a timer off the books."""
        self._timers.discard(timer)

    def close(self) -> None:
        """Cancel all that is still to come; nothing new is accepted afterwards."""
        self._closed = True
        for timer in tuple(self._timers):
            timer.cancel()


class Repeating:
    """An action that repeats until cancelled; drift is kept out by counting from the start."""

    def __init__(
        self, timing: Timing, seconds: float, action: Callable[[], None], what: str, first: float
    ) -> None:
        self._timing = timing
        self._seconds = seconds
        self._action = action
        self._what = what
        self._due = timing.elapsed() + first
        self._timer = timing.after(first, self._again, what=what)

    def cancel(self) -> None:
        """End the repetition."""
        self._timer.cancel()

    def _again(self) -> None:
        elapsed = self._timing.elapsed()
        # A loop that was held up skips what it missed rather than running it in a row.
        self._due = max(self._due + self._seconds, elapsed)
        self._timer = self._timing.after(self._due - elapsed, self._again, what=self._what)
        self._action()


def stamp(moment: datetime) -> str:
    """A Kubernetes `Time`: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(moment: datetime) -> str:
    """A Kubernetes `MicroTime`: exactly six digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
