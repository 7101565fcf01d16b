"""The kubelet's patience with a container that keeps dying, or an image that cannot be had.

Pure. The rule is client-go's: the first failure costs nothing, the second waits 10 s, then twice
as long each time up to 300 s; twice the longest wait without a failure and all is forgotten.
"""

from __future__ import annotations

FIRST = 10.0
LONGEST = 300.0


class Backoff:
    """The account of one container. All times in seconds of the simulation."""

    __slots__ = ("delay", "updated")

    def __init__(self) -> None:
        self.delay = 0.0
        self.updated = 0.0

    def waits_until(self, failed_at: float) -> float | None:
        """When the next try may be made after a failure, None for at once."""
        if self.delay == 0.0 or self._forgotten(failed_at):
            return None
        return failed_at + self.delay

    def tried(self, failed_at: float, now: float) -> None:
        """Book a new try after the failure at `failed_at`."""
        if self.delay == 0.0 or self._forgotten(failed_at):
            self.delay = FIRST
        else:
            self.delay = min(self.delay * 2, LONGEST)
        self.updated = now

    def reset(self) -> None:
        """Forget everything."""
        self.delay = 0.0

    def _forgotten(self, moment: float) -> bool:
        return moment - self.updated > 2 * LONGEST


def spoken(seconds: float) -> str:
    """A duration as Go prints it: ``10s``, ``1m20s``, ``5m0s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s"
