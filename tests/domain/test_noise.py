"""The noise report: what called, what came of it, what need not call."""

from datetime import timedelta

from bot.domain import noise
from bot.domain.incident import Incident
from tests.domain.troubles import START, trouble

HOUR = timedelta(hours=1)


def told(*incidents: Incident, planned: tuple[int, ...] = (), allowed: int = 2) -> noise.Report:
    return noise.report(
        incidents,
        planned=planned,
        channel_of=lambda _: "C1",
        allowed=allowed,
        since=START,
        until=START + timedelta(days=30),
    )


def called(number: int, *hours: float, **changes: object) -> Incident:
    moments = tuple(START + each * HOUR for each in hours)
    return trouble(number=number, called_at=moments, **changes)  # type: ignore[arg-type]


def test_what_nobody_ever_acted_on_is_suggested_to_be_silent() -> None:
    report = told(*[called(number, number) for number in (1, 2, 3)])
    (kind,) = report.kinds
    assert (kind.incidents, kind.calls, kind.acted) == (3, 3, 0)
    assert kind.suggestion == "silence cluster=c,check=pod_not_ready,workload=flannel 7d"


def test_one_that_anybody_acted_on_is_not() -> None:
    ways = (
        called(3, 3, acknowledged_at=START),
        called(3, 3, silenced=True),
        called(3, 3),
    )
    for way in ways[:2]:
        assert not told(called(1, 1), called(2, 2), way).kinds[0].suggestion
    (kind,) = told(called(1, 1), called(2, 2), ways[2], planned=(3,)).kinds
    assert (kind.planned, kind.acted, kind.suggestion) == (1, 1, "")
    assert not told(called(1, 1), called(2, 2)).kinds[0].suggestion, "two prove nothing"


def test_the_budget_is_held_against_the_worst_day_whenever_it_began() -> None:
    report = told(called(1, 20, 23), called(2, 25, 100))
    (budget,) = report.budgets
    assert (budget.calls, budget.worst_day, budget.exceeded) == (4, 3, True)
    assert not told(called(1, 0, 24)).budgets[0].exceeded
    assert not told(called(1, 1, 2, 3), allowed=0).budgets[0].exceeded


def test_what_was_told_outside_of_the_span_does_not_count() -> None:
    report = told(called(1, -5, opened_at=START - timedelta(days=2)))
    assert report.kinds == ()
    assert report.budgets == ()
