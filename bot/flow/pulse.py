"""Pulse: the executor's signs of life in the store, for the process that waits for its answers.

A sign is a number that grows. Whoever listens judges by having seen it grow, on a clock of their
own, so that no two machines' clocks have to agree.
"""

import asyncio
import contextlib

import structlog

from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)

MARK = "executor"
"""The mark that holds who lives and how often it has said so; empty once it ended in order."""

EVERY = 5.0
"""Seconds between two signs."""

SILENT = 15.0
"""Seconds without a sign after which nobody is counted on any more."""

_LISTEN = 1.0
_LAST_WORDS = 2.0


class Pulse:
    """The executor's side.

    Args:
        store: as the executor writes it, so that one that was replaced gives no sign.
        name: of this process; no other ever has it.
        clock: time.
    """

    def __init__(self, store: ports.Store, *, name: str, clock: ports.Clock) -> None:
        self._store = store
        self._name = name
        self._clock = clock

    async def run(self) -> None:
        """Give signs until cancelled, and then say that it was the last."""
        count = 0
        try:
            while True:
                count += 1
                await self._say(f"{count} {self._name}")
                await self._clock.sleep(EVERY)
        finally:
            # A store that hangs must not keep the process from ending.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS):
                    if (await self._last()).endswith(f" {self._name}"):
                        await self._say("")

    async def _last(self) -> str:
        try:
            return await self._store.mark(MARK) or ""
        except errors.Unavailable:
            return ""

    async def _say(self, text: str) -> None:
        try:
            async with self._store.unit() as unit:
                await unit.set_mark(MARK, text)
        except errors.BotError as error:
            log.warning("no_sign_of_life", error=str(error))


class Listener:
    """The other side: whether an executor lives.

    Args:
        store: where its signs are.
        clock: time.
    """

    def __init__(self, store: ports.Store, *, clock: ports.Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen: str | None = None
        self._grew_at = clock.monotonic()
        self._asked = False

    @property
    def trouble(self) -> str:
        """Why nobody can be counted on; empty while somebody can, or that is not known yet."""
        if self._asked and not self._seen:
            return "no executor is running (`flannel-bot run --role executor`)"
        silent = self._clock.monotonic() - self._grew_at
        if silent > SILENT:
            return f"the executor has given no sign of life for {silent:.0f} s"
        return ""

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                seen = await self._store.mark(MARK)
            except errors.Unavailable:
                # Not hearing is not silence: that the store does not answer is told elsewhere.
                self._grew_at = self._clock.monotonic()
            else:
                if seen != self._seen:
                    self._seen, self._grew_at = seen, self._clock.monotonic()
                self._asked = True
            await self._clock.sleep(_LISTEN)
