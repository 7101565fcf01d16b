"""What holds up the steps of a run that are under way, told together: who waits for what."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain import units

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Hold:
    """One step that waits: for whose sake, why, and until when."""

    place: str
    reason: str
    until: datetime


class HeldUp:
    """The steps that wait now, by number."""

    def __init__(self) -> None:
        self._holds: dict[int, Hold] = {}

    def note(self, number: int, hold: Hold) -> None:
        """Remember that a step waits."""
        self._holds[number] = hold

    def forget(self, number: int) -> None:
        """Forget a step that has ended."""
        self._holds.pop(number, None)

    @property
    def until(self) -> datetime | None:
        """When the first of them is given up; None while nothing waits."""
        return min((hold.until for hold in self._holds.values()), default=None)

    def __str__(self) -> str:
        """Who waits, each reason once; the one that holds up the most first."""
        waiting: dict[str, list[str]] = {}
        for number in sorted(self._holds):
            hold = self._holds[number]
            waiting.setdefault(hold.reason, []).append(hold.place)
        most_first = sorted(waiting.items(), key=lambda item: -len(item[1]))
        told = [
            f"{units.listing(places, most=_NAMED)} {'waits' if len(places) == 1 else 'wait'}: "
            f"{reason}"
            for reason, places in most_first
        ]
        return "; ".join(told)
