"""Where an incident is told and who is called, and when nobody wants to hear of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain import calendar, matcher, muting, units
from bot.domain.finding import Severity
from bot.domain.incident import Incident


@dataclass(frozen=True, slots=True)
class Route:
    """What matches goes to a channel; `on_call` are ids of users and user groups."""

    matchers: tuple[matcher.Matcher, ...]
    channel: str = ""
    """Empty: the cluster's own."""
    on_call: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where to tell, and whom to call there where that is allowed."""

    channel: str
    on_call: tuple[str, ...] = ()


def place(
    value: Incident, routes: Iterable[Route], *, otherwise: Place, like: matcher.Like
) -> Place:
    """Return where an incident is told: by the first route that matches, else as the cluster's.

    Only what is critical calls anybody by name.
    """
    found = otherwise
    for each in routes:
        if matcher.matches(each.matchers, value, like):
            found = Place(
                channel=each.channel or otherwise.channel,
                on_call=each.on_call or otherwise.on_call,
            )
            break
    if value.severity is not Severity.CRITICAL:
        return Place(channel=found.channel)
    return found


@dataclass(frozen=True, slots=True)
class Quiet:
    """A span of time in which what matches is not told; with no matchers what is not critical."""

    window: calendar.Window
    matchers: tuple[matcher.Matcher, ...] = ()

    def covers(self, value: Incident, like: matcher.Like) -> bool:
        """Whether it is about that incident."""
        if not self.matchers:
            return value.severity is not Severity.CRITICAL
        return matcher.matches(self.matchers, value, like)


def quiet(
    value: Incident, hours: Sequence[Quiet], *, now: datetime, like: matcher.Like
) -> muting.Mute | None:
    """Return the span of time that mutes an incident now, the longest of several."""
    ends = [
        (end, each.window.name)
        for each in hours
        if each.covers(value, like) and (end := each.window.until(now)) is not None
    ]
    if not ends:
        return None
    end, name = max(ends)
    return muting.Mute(
        kind=muting.Kind.CALENDAR,
        text=f"the calendar says {name}, until {units.stamp(end)}",
        until=end,
    )
