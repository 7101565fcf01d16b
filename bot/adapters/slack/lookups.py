"""What Slack says of somebody or some group: believed for a while, and asked once for everybody.

Slack answers some twenty questions about groups a minute, and a button may be clicked by more
people than that in a moment.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.domain import errors
from bot.flow import ports

Told = TypeVar("Told")

_REMEMBERED = 5_000
"""Of one kind; a workspace may have more, then those asked for longest ago are asked for anew."""


@dataclass
class _Entry(Generic[Told]):
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no question is on its way. All who wait go on together, unlike at a lock."""
    begun: int = 0
    """When the newest question was sent of those that came to an end, in turns."""
    error: errors.BotError | None = None
    """How that one failed."""
    told: tuple[float, Told] | None = None
    """The newest answer, and when it came."""


class Lookups(Generic[Told]):
    """Answers by id.

    Args:
        ask: asks Slack about one id.
        clock: time.
        ttl: seconds for which an answer is believed.
    """

    def __init__(
        self, ask: Callable[[str], Awaitable[Told]], *, clock: ports.Clock, ttl: float
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._ttl = ttl
        self._turns = itertools.count(1)
        self._entries: OrderedDict[str, _Entry[Told]] = OrderedDict()

    async def get(self, key: str, *, fresh: bool = False) -> Told:
        """Return what Slack says; with `fresh` by a question that is sent from now on.

        Those who wait for the same share one question: it is sent after all of them came, so none
        is told what was so before they asked. Its failure is theirs too. Raises as `ask` does.
        """
        entry = self._entry(key)
        came = next(self._turns)
        if not fresh and (known := self._believed(entry)) is not None:
            return known[1]
        while entry.begun < came:
            if entry.idle.is_set():
                await self._asked(key, entry)
            else:
                await entry.idle.wait()
                if not fresh and (known := self._believed(entry)) is not None:
                    return known[1]
        if entry.error is not None:
            raise entry.error
        assert entry.told is not None
        return entry.told[1]

    async def _asked(self, key: str, entry: _Entry[Told]) -> None:
        begun = next(self._turns)
        entry.idle.clear()
        try:
            told = await self._ask(key)
        except errors.BotError as error:
            entry.error, entry.begun = error, begun
        else:
            entry.error, entry.begun = None, begun
            entry.told = self._clock.monotonic(), told
        finally:
            # Whose asker was cancelled is nobody's answer: the next of those who wait asks.
            entry.idle.set()

    def _believed(self, entry: _Entry[Told]) -> tuple[float, Told] | None:
        told = entry.told
        return told if told and self._clock.monotonic() - told[0] < self._ttl else None

    def _entry(self, key: str) -> _Entry[Told]:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
            entry.idle.set()
        self._entries.move_to_end(key)
        if len(self._entries) > _REMEMBERED:
            self._entries.popitem(last=False)
        return entry
