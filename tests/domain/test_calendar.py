"""Windows in wall time, also when clocks change."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import calendar, freeze
from bot.domain.calendar import Window

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
WEEKEND = Window("weekend", BERLIN, day=4, start=time(16), minutes=(64 * 60))
NIGHT = Window("night", BERLIN, day=6, start=time(2, 30), minutes=60)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("window", "now", "inside"),
    [
        # Friday 16:00 to Monday 08:00 in Berlin, winter is UTC+1
        (WEEKEND, utc(2026, 1, 9, 14, 59), False),
        (WEEKEND, utc(2026, 1, 9, 15, 0), True),
        (WEEKEND, utc(2026, 1, 12, 6, 59), True),
        (WEEKEND, utc(2026, 1, 12, 7, 0), False),
        # and summer UTC+2
        (WEEKEND, utc(2026, 7, 10, 14, 0), True),
        (WEEKEND, utc(2026, 7, 10, 13, 59), False),
        # clocks go forward on 2026-03-29 at 01:00 UTC: 02:30 does not exist, the jump counts
        (NIGHT, utc(2026, 3, 29, 0, 59), False),
        (NIGHT, utc(2026, 3, 29, 1, 0), True),
        (NIGHT, utc(2026, 3, 29, 1, 29), True),
        (NIGHT, utc(2026, 3, 29, 1, 30), False),
        # clocks go back on 2026-10-25 at 01:00 UTC: 02:30 comes twice, from the first to the last
        (NIGHT, utc(2026, 10, 25, 0, 29), False),
        (NIGHT, utc(2026, 10, 25, 0, 30), True),
        (NIGHT, utc(2026, 10, 25, 1, 30), True),
        (NIGHT, utc(2026, 10, 25, 2, 30), False),
        # a zone without changes
        (Window("w", SHANGHAI, day=0, start=time(9), minutes=60), utc(2026, 1, 5, 1, 0), True),
        (Window("w", SHANGHAI, day=0, start=time(9), minutes=60), utc(2026, 1, 5, 2, 0), False),
    ],
)
def test_a_window_holds_from_its_beginning_to_just_before_its_end(
    window: Window, now: datetime, inside: bool
) -> None:
    assert window.covers(now) is inside


HOWE, CHATHAM = "Australia/Lord_Howe", "Pacific/Chatham"  # by half an hour; from a quarter hour


def sunday(zone: str, *start: int) -> Window:
    return Window("w", zone, day=6, start=time(*start), minutes=60)


@pytest.mark.parametrize(
    ("window", "begins", "ends"),
    [
        # Lord Howe, 2026-10-04: 02:00 to 02:30 is skipped at 15:30 UTC the day before
        (sunday(HOWE, 2, 10), utc(2026, 10, 3, 15, 30), utc(2026, 10, 3, 16, 10)),
        (sunday(HOWE, 1, 15), utc(2026, 10, 3, 14, 45), utc(2026, 10, 3, 15, 30)),
        # 2026-04-05: 01:30 to 02:00 comes twice, the second time from 15:00 UTC
        (sunday(HOWE, 1, 40), utc(2026, 4, 4, 14, 40), utc(2026, 4, 4, 16, 10)),
        (sunday(HOWE, 0, 40), utc(2026, 4, 4, 13, 40), utc(2026, 4, 4, 15, 10)),
        # Chatham, 2026-09-27: 02:45 to 03:45 is skipped at 14:00 UTC the day before
        (sunday(CHATHAM, 3), utc(2026, 9, 26, 14, 0), utc(2026, 9, 26, 14, 15)),
        (sunday(CHATHAM, 2), utc(2026, 9, 26, 13, 15), utc(2026, 9, 26, 14, 0)),
        # 2026-04-05: 02:45 to 03:45 comes twice, the second time from 14:00 UTC
        (sunday(CHATHAM, 3), utc(2026, 4, 4, 13, 15), utc(2026, 4, 4, 15, 15)),
        (sunday(CHATHAM, 2), utc(2026, 4, 4, 12, 15), utc(2026, 4, 4, 14, 15)),
        # Santiago, 2026-09-06: midnight itself is skipped, at 04:00 UTC
        (
            Window("w", "America/Santiago", first=date(2026, 9, 6), last=date(2026, 9, 6)),
            utc(2026, 9, 6, 4),
            utc(2026, 9, 7, 3),
        ),
        (
            Window("w", "America/Santiago", first=date(2026, 9, 5), last=date(2026, 9, 5)),
            utc(2026, 9, 5, 4),
            utc(2026, 9, 6, 4),
        ),
    ],
)
def test_where_clocks_change_by_other_than_an_hour_or_at_midnight(
    window: Window, begins: datetime, ends: datetime
) -> None:
    moment = timedelta(seconds=1)
    assert not window.covers(begins - moment)
    assert window.until(begins) == window.until(ends - moment) == ends
    assert not window.covers(ends)


def test_a_day_that_a_zone_left_out_has_no_window() -> None:
    """Samoa had no 30 December 2011: clocks went forward by a day, at 10:00 UTC."""
    left_out = Window("w", "Pacific/Apia", day=4, start=time(9), minutes=60)
    jump = utc(2011, 12, 30, 10)
    for hours in range(-30, 30):
        assert not left_out.covers(jump + timedelta(hours=hours))


def test_days_are_included_whole() -> None:
    window = Window("holidays", SHANGHAI, first=date(2026, 2, 16), last=date(2026, 2, 22))
    assert not window.covers(utc(2026, 2, 15, 15, 59))
    assert window.covers(utc(2026, 2, 15, 16, 0))
    assert window.covers(utc(2026, 2, 22, 15, 59))
    assert not window.covers(utc(2026, 2, 22, 16, 0))


ZONES = st.sampled_from([BERLIN, SHANGHAI, "America/New_York", "Australia/Lord_Howe", "UTC"])


@given(
    ZONES,
    st.integers(0, 6),
    st.times(),
    st.integers(1, 7 * 24 * 60),
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1)),  # noqa: DTZ001
)
def test_the_end_of_a_window_is_ahead_and_outside_unless_the_next_has_begun(
    zone: str, day: int, start: time, minutes: int, naive: datetime
) -> None:
    now = naive.replace(tzinfo=UTC)
    window = Window("w", zone, day=day, start=start.replace(microsecond=0), minutes=minutes)
    end = window.until(now)
    if end is None:
        return
    assert end > now
    assert end - now <= timedelta(minutes=minutes, hours=2)
    if minutes < 6 * 24 * 60:
        assert not window.covers(end)


def test_a_persons_freeze_comes_before_the_calendar_and_ends_when_lifted() -> None:
    now = utc(2026, 1, 9, 16)
    by_hand = freeze.Freeze("U1", "release", now, now + timedelta(hours=2), cluster="prod")
    assert by_hand.holds("prod", now)
    assert not by_hand.holds("staging", now)
    assert not by_hand.holds("prod", now + timedelta(hours=2))
    assert by_hand.holds("prod", now - timedelta(hours=3)), "a clock that is set back thaws nothing"
    assert not by_hand.holds("prod", now - timedelta(days=400)), "nor does one freeze for ever"
    why = freeze.closed("prod", now=now, freezes=[by_hand], windows=[WEEKEND])
    assert why
    assert why.by == "U1"
    assert "release" in freeze.told(why)
    assert "2026-01-09T18:00:00Z" in freeze.told(why)
    lifted = freeze.Freeze(
        "U1", "release", now, now + timedelta(hours=2), lifted_at=now, lifted_by="U2"
    )
    calendars = freeze.closed("prod", now=now, freezes=[lifted], windows=[WEEKEND])
    assert calendars
    assert "weekend" in calendars.reason
    assert freeze.closed("prod", now=utc(2026, 1, 7), windows=[WEEKEND]) is None
    assert calendar.covering([], now) is None
