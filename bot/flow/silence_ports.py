"""What silences need of the store."""

from datetime import datetime
from typing import Protocol

from bot.domain.silence import Silence


class Silences(Protocol):
    """Their part of one open transaction, serialised with every other writer."""

    async def alive(self, *, now: datetime) -> list[Silence]:
        """Return those that are not over, oldest first."""

    async def get(self, number: int) -> Silence | None:
        """Return one by its number."""

    async def save(self, value: Silence) -> Silence:
        """Insert (id 0) or replace; return it with its id."""


class SilenceReads(Protocol):
    """What may be read at any time, perhaps by another connection."""

    async def alive(self, *, now: datetime) -> list[Silence]:
        """Return those that are not over, oldest first."""

    async def latest(self, limit: int) -> list[Silence]:
        """Return the newest, over or not, newest first."""
