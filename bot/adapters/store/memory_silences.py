"""Silences in memory."""

import dataclasses
from collections.abc import Callable
from datetime import datetime

from bot.domain import errors
from bot.domain.silence import Silence

Kept = dict[int, Silence]


def _alive(kept: Kept, now: datetime) -> list[Silence]:
    return [one for _, one in sorted(kept.items()) if one.until > now and one.ended_at is None]


class MemorySilences:
    """Silences in one open transaction. Implements `silence_ports.Silences`."""

    def __init__(self, draft: Kept) -> None:
        self._draft = draft

    async def alive(self, *, now: datetime) -> list[Silence]:
        """Return those that are not over, oldest first."""
        return _alive(self._draft, now)

    async def get(self, number: int) -> Silence | None:
        """Return one by its number."""
        return self._draft.get(number)

    async def save(self, value: Silence) -> Silence:
        """Insert (id 0) or replace; return it with its id. Raises Conflict for an unknown id."""
        if value.id == 0:
            value = dataclasses.replace(value, id=max(self._draft, default=0) + 1)
        elif value.id not in self._draft:
            raise errors.Conflict(f"{value.name} is not in the store")
        self._draft[value.id] = value
        return value


class MemorySilenceReads:
    """Silences as they may be read at any time. Implements `silence_ports.SilenceReads`."""

    def __init__(self, kept: Callable[[], Kept]) -> None:
        self._kept = kept

    async def alive(self, *, now: datetime) -> list[Silence]:
        """Return those that are not over, oldest first."""
        return _alive(self._kept(), now)

    async def latest(self, limit: int) -> list[Silence]:
        """Return the newest, over or not, newest first."""
        return [one for _, one in sorted(self._kept().items(), reverse=True)][:limit]
