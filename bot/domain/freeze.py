"""No changes to a cluster: by a person for a while, or by a calendar."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain import calendar, lasting, units


@dataclass(frozen=True, slots=True)
class Freeze:
    """A person's pause of all changes. An empty cluster means every cluster."""

    by: str
    reason: str
    since: datetime
    until: datetime
    cluster: str = ""
    lifted_at: datetime | None = None
    lifted_by: str = ""

    def holds(self, cluster: str, now: datetime) -> bool:
        """Whether it forbids changes to that cluster now."""
        if self.cluster not in ("", cluster) or self.lifted_at is not None:
            return False
        return lasting.lasts(self.since, self.until, now)


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing may be changed now, until when, and by whom, where that was a person."""

    reason: str
    until: datetime
    by: str = ""


def closed(
    cluster: str,
    *,
    now: datetime,
    freezes: Iterable[Freeze] = (),
    windows: Sequence[calendar.Window] = (),
) -> Closed | None:
    """Return why a cluster is frozen at that moment, or None. People's words come first."""
    for each in freezes:
        if each.holds(cluster, now):
            return Closed(reason=each.reason, until=each.until, by=each.by)
    window = calendar.covering(windows, now)
    if window is None:
        return None
    until = window.until(now) or now
    return Closed(reason=f"the calendar says: {window.name}", until=until)


def told(why: Closed) -> str:
    """Say it in a sentence."""
    return f"changes are frozen until {units.stamp(why.until)}: {why.reason}"
