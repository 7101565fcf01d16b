"""Wishes in memory."""

import dataclasses
from collections.abc import Collection, Sequence
from datetime import datetime

from bot.flow.wish_ports import Answer, Wish


@dataclasses.dataclass(slots=True)
class _Kept:
    wish: Wish
    answered: bool = False
    answer: Answer | None = None


class MemoryWishes:
    """A dictionary of them. Implements `wish_ports.Wishes`."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    async def put(self, wish: Wish) -> Wish:
        """Add a wish and return it with its id."""
        stored = dataclasses.replace(wish, id=max(self._kept, default=0) + 1, claimed_by="")
        self._kept[stored.id] = _Kept(stored)
        return stored

    async def open(self, *, now: datetime) -> list[Wish]:
        """Return those that nobody took and that have not expired, oldest first."""
        return [held.wish for _, held in sorted(self._kept.items()) if _waits(held, now)]

    async def claim(self, number: int, *, by: str, now: datetime) -> bool:
        """Take one; False where it cannot be taken any more."""
        held = self._kept.get(number)
        if held is None or not _waits(held, now):
            return False
        held.wish = dataclasses.replace(held.wish, claimed_by=by)
        return True

    async def answer(self, number: int, answer: Answer, *, by: str, now: datetime) -> bool:
        """Answer one that was taken under that name; False where it has an answer already."""
        del now
        held = self._kept.get(number)
        if held is None or held.answered or not by or held.wish.claimed_by != by:
            return False
        held.answered, held.answer = True, answer
        return True

    async def forsaken(self, answer: Answer, *, by: str, now: datetime) -> int:
        """Give that answer to all that others took and did not answer; return how many."""
        del now
        left = [
            held
            for held in self._kept.values()
            if held.wish.claimed_by not in ("", by) and not held.answered
        ]
        for held in left:
            held.answered, held.answer = True, answer
        return len(left)

    async def ready(self, numbers: Collection[int]) -> Sequence[int]:
        """Return those of them that are answered."""
        return [number for number in sorted(numbers) if self._kept[number].answered]

    async def collect(self, number: int) -> Answer | None:
        """Return the answer and forget it; None while there is none."""
        held = self._kept[number]
        found, held.answer = held.answer, None
        return found

    async def withdraw(self, number: int, *, now: datetime) -> bool:
        """Take a wish back; False where it was taken, and may be done."""
        del now
        held = self._kept[number]
        if held.wish.claimed_by or held.answered:
            return False
        held.answered = True
        return True


def _waits(held: _Kept, now: datetime) -> bool:
    return not held.wish.claimed_by and not held.answered and held.wish.expires_at > now
