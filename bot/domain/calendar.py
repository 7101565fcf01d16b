"""Weekly and dated windows in a time zone, and whether a moment lies in one.

A window is told in local wall time, as people agree on it: "Friday 16:00 to Monday 08:00" stays
that when clocks change. A wall time that does not exist (clocks forward) counts as the moment the
clocks jump; one that exists twice (clocks back) counts from its first to its last occurrence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """A span of wall time that comes every week, or once where `first` and `last` are set.

    Weekly: from `start` on `day` for `minutes`; days count from Monday, 0. Dated: from the
    beginning of `first` to the end of `last`, both included.
    """

    name: str
    timezone: str = "UTC"
    day: int = 0
    start: time = time()
    minutes: int = 0
    first: date | None = None
    last: date | None = None

    def covers(self, now: datetime) -> bool:
        """Whether that moment (aware) lies in the window; its end does not."""
        return self.until(now) is not None

    def until(self, now: datetime) -> datetime | None:
        """Return when the window that holds this moment ends, in UTC; None if none holds it.

        In the zone itself a wall time that comes twice would equal no moment of any other zone.
        """
        zone = ZoneInfo(self.timezone)
        if self.first is not None and self.last is not None:
            begin = _moment(datetime.combine(self.first, time()), zone, late=False)
            end = _moment(datetime.combine(self.last, time()) + timedelta(days=1), zone, late=True)
            return end if begin <= now < end else None
        local = now.astimezone(zone)
        monday = local.date() - timedelta(days=local.weekday())
        # A long window may have begun last week.
        for week in (monday, monday - timedelta(days=7)):
            opens = datetime.combine(week + timedelta(days=self.day), self.start)
            begin = _moment(opens, zone, late=False)
            end = _moment(opens + timedelta(minutes=min(self.minutes, _WEEK)), zone, late=True)
            if begin <= now < end:
                return end
        return None


def _moment(wall: datetime, zone: ZoneInfo, *, late: bool) -> datetime:
    """Return the moment of a wall time in UTC: the first or last of two, the jump where is none."""
    first = wall.replace(tzinfo=zone, fold=0)
    again = wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == again.utcoffset():
        return first.astimezone(UTC)
    exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
    if exists:
        return (again if late else first).astimezone(UTC)
    # Skipped by the clocks: both readings lie around the jump, and their offsets differ by it.
    gap = (first.utcoffset() or timedelta()) - (again.utcoffset() or timedelta())
    return _jump(first + gap if gap > timedelta() else first, again, zone)


def _jump(one: datetime, other: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment between the two at which the zone's offset changes, in UTC."""
    low, high = sorted((one.astimezone(UTC), other.astimezone(UTC)))
    low, high = low - timedelta(hours=3), high + timedelta(hours=3)
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def covering(windows: Iterable[Window], now: datetime) -> Window | None:
    """Return the first window that holds this moment."""
    return next((window for window in windows if window.covers(now)), None)
