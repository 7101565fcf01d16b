"""Routes, who is called by name, and hours in which nobody wants to hear, across clock changes."""

import re
from datetime import UTC, datetime, time

import pytest

from bot import settings_text
from bot.domain import matcher, muting, routing
from bot.domain.calendar import Window
from bot.domain.finding import Severity
from bot.domain.incident import Incident
from tests.domain.troubles import trouble


def like(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def only(name: str, value: str) -> tuple[matcher.Matcher, ...]:
    return (matcher.Matcher(name, matcher.Operator.IS, value),)


ROUTES = (
    routing.Route(only("check", "oom_killed"), channel="C2", on_call=("S1",)),
    routing.Route(only("severity", "critical"), on_call=("U9",)),
    routing.Route(only("namespace", "kube-system"), channel="C3"),
)
OWN = routing.Place("C1", ("U1",))


@pytest.mark.parametrize(
    ("value", "channel", "on_call"),
    [
        (trouble(check="oom_killed", severity=Severity.CRITICAL), "C2", ("S1",)),
        (trouble(check="oom_killed"), "C2", ()),  # nobody is named for a warning
        (trouble(severity=Severity.CRITICAL), "C1", ("U9",)),
        (trouble(), "C3", ()),
    ],
)
def test_the_first_route_that_matches_counts(
    value: Incident, channel: str, on_call: tuple[str, ...]
) -> None:
    found = routing.place(value, ROUTES, otherwise=OWN, like=like)
    assert found == routing.Place(channel, on_call)


def test_without_a_route_it_is_the_clusters_own_place() -> None:
    value = trouble(severity=Severity.CRITICAL)
    assert routing.place(value, (), otherwise=OWN, like=like) == OWN


def night(zone: str) -> list[routing.Quiet]:
    return [
        routing.Quiet(each) for each in settings_text.windows("night: daily 22:00 - 07:00", zone)
    ]


@pytest.mark.parametrize(
    ("zone", "moment", "end"),
    [
        ("UTC", "2026-03-28T21:59:59", ""),
        ("UTC", "2026-03-28T22:00:00", "2026-03-29T07:00:00"),
        ("UTC", "2026-03-29T06:59:59", "2026-03-29T07:00:00"),
        ("UTC", "2026-03-29T07:00:00", ""),
        # Clocks go forward in this night: it is an hour shorter.
        ("Europe/Berlin", "2026-03-28T20:59:59", ""),
        ("Europe/Berlin", "2026-03-28T21:00:00", "2026-03-29T05:00:00"),
        ("Europe/Berlin", "2026-03-29T05:00:00", ""),
        # Back in this one: an hour longer.
        ("Europe/Berlin", "2026-10-24T20:00:00", "2026-10-25T06:00:00"),
        ("Europe/Berlin", "2026-10-25T05:30:00", "2026-10-25T06:00:00"),
        ("Asia/Shanghai", "2026-10-24T14:00:00", "2026-10-24T23:00:00"),
        # From Sunday to Monday, over the end of the week.
        ("UTC", "2026-03-30T03:00:00", "2026-03-30T07:00:00"),
    ],
)
def test_a_night_lasts_as_long_as_its_clocks_say(zone: str, moment: str, end: str) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    found = routing.quiet(trouble(), night(zone), now=now, like=like)
    until = found.until.astimezone(UTC).isoformat()[:19] if found and found.until else ""
    assert until == end


def test_what_is_critical_is_told_at_night_unless_it_is_named() -> None:
    now = datetime(2026, 3, 28, 23, tzinfo=UTC)
    critical = trouble(severity=Severity.CRITICAL)
    assert routing.quiet(critical, night("UTC"), now=now, like=like) is None
    named = routing.Quiet(Window("all", day=5, start=time(22), minutes=60 * 9),
                          only("severity", "critical"))  # fmt: skip
    found = routing.quiet(critical, [named], now=now, like=like)
    assert found is not None
    assert found.kind is muting.Kind.CALENDAR
    assert found.text == "the calendar says all, until 2026-03-29T07:00:00Z"
