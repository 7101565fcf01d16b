"""How much a channel is called, and which of it led to anything. Pure."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.incident import Incident

DAY = timedelta(days=1)
_LEAST = 3
"""Incidents of one kind from which on a silence is suggested: fewer prove nothing."""
SUGGESTED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Kind:
    """What one check said of one workload in one channel, and what came of it.

    `acted` are incidents that somebody acknowledged, planned something for or silenced; each is
    counted once there, though it may be in several of the other three.
    """

    channel: str
    cluster: str
    check: str
    workload: str
    incidents: int
    calls: int
    acknowledged: int
    planned: int
    silenced: int
    acted: int
    suggestion: str = ""
    """A silence that may be typed, where nothing ever came of it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How often a channel was called: on average, on its worst day, and how often it may be."""

    channel: str
    calls: int
    days: float
    worst_day: int
    allowed: int
    """Calls a day; 0 for no limit."""

    @property
    def exceeded(self) -> bool:
        """Whether there was a day with more than is allowed."""
        return bool(self.allowed) and self.worst_day > self.allowed


@dataclass(frozen=True, slots=True)
class Report:
    """What was told in a span of time."""

    since: datetime
    until: datetime
    kinds: tuple[Kind, ...] = ()
    """The noisiest first."""
    budgets: tuple[Budget, ...] = ()


def report(
    incidents: Iterable[Incident],
    *,
    planned: Collection[int],
    channel_of: Callable[[Incident], str],
    allowed: int,
    since: datetime,
    until: datetime,
) -> Report:
    """Judge what was told between two moments. `planned` are incidents that had a plan."""
    groups: dict[tuple[str, str, str, str], list[Incident]] = defaultdict(list)
    moments: dict[str, list[datetime]] = defaultdict(list)
    for each in incidents:
        calls = _calls(each, since, until)
        if not calls and not since <= each.opened_at <= until:
            continue
        channel = channel_of(each)
        groups[channel, each.cluster, each.check, each.workload.name].append(each)
        moments[channel].extend(calls)
    kinds = [
        _kind(key, members, set(planned), since, until) for key, members in sorted(groups.items())
    ]
    days = max((until - since) / DAY, 1.0)
    budgets = tuple(
        Budget(channel, len(found), days, _worst(found), allowed)
        for channel, found in sorted(moments.items())
    )
    ordered = sorted(kinds, key=lambda one: (-one.calls, one.channel, one.check, one.workload))
    return Report(since=since, until=until, kinds=tuple(ordered), budgets=budgets)


def _calls(value: Incident, since: datetime, until: datetime) -> list[datetime]:
    return [moment for moment in value.called_at if since <= moment <= until]


def _worst(moments: Collection[datetime]) -> int:
    """The most calls within any span of a day."""
    ordered = sorted(moments)
    first = most = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= DAY:
            first += 1
        most = max(most, last - first + 1)
    return most


def _kind(
    key: tuple[str, str, str, str],
    members: Collection[Incident],
    planned: set[int],
    since: datetime,
    until: datetime,
) -> Kind:
    channel, cluster, check, workload = key
    acknowledged = {one.id for one in members if one.acknowledged_at is not None}
    had_plan = {one.id for one in members if one.id in planned}
    silenced = {one.id for one in members if one.silenced}
    acted = acknowledged | had_plan | silenced
    calls = sum(len(_calls(one, since, until)) for one in members)
    suggestion = ""
    if len(members) >= _LEAST and calls and not acted:
        named = f",workload={workload}" if workload else ""
        suggestion = f"silence cluster={cluster},check={check}{named} {SUGGESTED.days}d"
    return Kind(
        channel=channel,
        cluster=cluster,
        check=check,
        workload=workload,
        incidents=len(members),
        calls=calls,
        acknowledged=len(acknowledged),
        planned=len(had_plan),
        silenced=len(silenced),
        acted=len(acted),
        suggestion=suggestion,
    )
