"""A sign of life to a dead man's switch, for as long as everything is well and not longer."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)


class Switch(Protocol):
    """Whoever speaks up when the signs stay away."""

    async def beat(self) -> None:
        """Give a sign. Raises Unavailable."""


class Heartbeat:
    """Gives one sign each time it is run.

    Args:
        switch: to whom.
        well: returns what is not well; empty while all is.
        telemetry: numbers.
    """

    def __init__(
        self, switch: Switch, well: Callable[[], Awaitable[str]], *, telemetry: ports.Telemetry
    ) -> None:
        self._switch = switch
        self._well = well
        self._telemetry = telemetry
        self._held = ""

    async def run(self) -> None:
        """Give a sign, unless something is not well: silence is what calls people then."""
        trouble = await self._well()
        if trouble != self._held:
            log.log(30 if trouble else 20, "heartbeat_held_back" if trouble else "heartbeat_again",
                    why=trouble)  # fmt: skip
            self._held = trouble
        if trouble:
            self._telemetry.count("heartbeats_total", result="held_back")
            return
        try:
            await self._switch.beat()
        except errors.Unavailable:
            self._telemetry.count("heartbeats_total", result="failed")
            raise
        self._telemetry.count("heartbeats_total", result="sent")
