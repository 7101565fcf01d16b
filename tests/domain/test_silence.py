"""Silences: pending, active, over, and broken as soon as things get worse."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import matcher, silence
from bot.domain.finding import Severity
from bot.domain.incident import Incident, State
from tests.domain.troubles import START, trouble

MATCHERS = (matcher.Matcher("check", matcher.Operator.IS, "pod_not_ready"),)
HOUR = timedelta(hours=1)


def like(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def quiet(**changes: object) -> silence.Silence:
    made = silence.Silence(
        id=3, matchers=MATCHERS, by="U1", reason="", since=START, until=START + HOUR
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def judged(value: silence.Silence, *incidents: Incident) -> silence.Silence:
    return silence.judged(value, "c", incidents, now=START, like=like)


@pytest.mark.parametrize(
    ("minutes", "phase"),
    [(-1, "pending"), (0, "active"), (59, "active"), (60, "expired"), (600, "expired")],
)
def test_it_is_in_force_from_its_begin_until_its_end(minutes: float, phase: str) -> None:
    assert quiet(planned=True).phase(START + timedelta(minutes=minutes)).value == phase


def test_one_that_was_set_for_now_holds_although_the_clock_is_set_back() -> None:
    assert quiet().phase(START - 3 * HOUR) is silence.Phase.ACTIVE


def test_a_clock_that_lost_its_date_does_not_keep_it_for_ever() -> None:
    assert quiet().phase(START - 25 * HOUR) is silence.Phase.EXPIRED
    long = replace(quiet(), until=START + 48 * HOUR)
    assert long.phase(START - 25 * HOUR) is silence.Phase.ACTIVE
    assert long.phase(START - 49 * HOUR) is silence.Phase.EXPIRED


def test_one_that_was_ended_is_over() -> None:
    assert quiet(ended_at=START).phase(START) is silence.Phase.EXPIRED


def test_what_comes_first_is_its_level() -> None:
    assert judged(quiet(), trouble(check="oom_killed")) == quiet()
    held = judged(quiet(), trouble("n1", "n2"))
    assert held.levels == {"c": silence.Level(Severity.WARNING, 2, 2)}
    assert not held.broken


WORSE = [
    (trouble("n1", "n2", severity=Severity.CRITICAL), "it is critical now, and was warning"),
    (trouble("n1", "n2", "n3"), "it is on 3 nodes now, and was on 2"),
]


@pytest.mark.parametrize(("now", "why"), WORSE)
def test_it_breaks_when_it_gets_worse_and_says_in_what(now: Incident, why: str) -> None:
    held = judged(quiet(), trouble("n1", "n2"))
    after = judged(held, now)
    assert after.broken == why
    assert after.phase(START) is silence.Phase.EXPIRED


def test_more_of_one_node_and_a_second_incident_break_it_too() -> None:
    held = judged(quiet(), trouble("n1", "n2"))
    both = judged(held, trouble("n1", "n2"), trouble("n1", number=2, workload="other"))
    assert both.broken == "3 are affected now, and 2 were"


def test_what_gets_better_or_is_over_does_not_break_it_nor_lower_its_level() -> None:
    held = judged(quiet(), trouble("n1", "n2"))
    assert judged(held, trouble("n1")) == held
    assert judged(held, trouble("n1", "n2", "n3", state=State.RESOLVED)) == held
    assert judged(judged(held, trouble("n1")), trouble("n1", "n2")) == held


def test_what_was_recovering_when_it_was_set_may_come_back() -> None:
    both = trouble("n1", "n2")
    well = replace(both, members=tuple(replace(m, clear_since=START) for m in both.members))
    held = judged(quiet(), well)
    assert judged(held, both) == held
    assert judged(held, trouble("n1", "n2", "n3")).broken


def test_one_that_is_pending_or_over_is_not_judged() -> None:
    later = quiet(since=START + HOUR, until=START + 2 * HOUR, planned=True)
    assert judged(later, trouble("n1")) == later
    over = quiet(until=START)
    assert judged(over, trouble("n1")) == over


def test_how_much_it_hides_is_counted() -> None:
    found = silence.hidden(
        [
            trouble("n1", "n2", severity=Severity.CRITICAL),
            trouble("n3", number=2),
            trouble("n4", number=3, state=State.RESOLVED),
        ]
    )
    assert found == silence.Hidden(incidents=("INC-1", "INC-2"), members=3, critical=1)
