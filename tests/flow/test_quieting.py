"""What ended a trouble is named rightly: one change of ours may end several."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.incident import State
from bot.domain.notice import Notice, Reason
from bot.domain.run import Run
from bot.domain.run import State as RunState
from bot.domain.target import Target
from bot.flow import quieting
from tests.domain import plans, troubles

OTHER = Target("c", "DaemonSet", "kube-system", "another")


def over(number: int = 1) -> Notice:
    value = troubles.trouble(number=number, state=State.RESOLVED, resolved_at=troubles.START)
    return Notice(incident=value, reason=Reason.RESOLVED, text="it is over", calls=False)


def ran(number: int, **changes: object) -> tuple[Run, plans.Plan]:
    workload = changes.pop("workload", troubles.trouble().workload)
    incident = changes.pop("incident", 9)
    made = Run(
        id=number, plan=7, cluster="c", digest="d", executor="e", epoch=1, steps=(),
        started_at=troubles.START + timedelta(seconds=1),
    )  # fmt: skip
    planned = plans.plan(cluster="c", workload=workload, incident=incident, title="Raise it")
    return replace(made, **changes), planned


@pytest.mark.parametrize(
    ("changes", "by"),
    [
        ([ran(1)], "RUN-1: Raise it"),
        ([ran(1, state=RunState.SUCCEEDED)], "RUN-1: Raise it"),
        ([ran(1), ran(2, incident=1)], "RUN-2: Raise it"),
        ([ran(1, workload=OTHER)], ""),
        ([ran(1, workload=OTHER, incident=1)], "RUN-1: Raise it"),
        ([ran(1, started_at=troubles.START - timedelta(seconds=1))], ""),
        ([ran(1, state=RunState.ROLLED_BACK)], ""),
        ([ran(1, state=RunState.FAILED)], ""),
        ([], ""),
    ],
)
def test_a_trouble_ended_after_a_change_to_its_workload_while_it_stood(
    changes: list[tuple[Run, plans.Plan]], by: str
) -> None:
    told = quieting.fixed(over(), changes)
    assert told.incident.fixed_by == by
    assert (by in told.text) is True


def test_a_trouble_that_stands_was_ended_by_nothing() -> None:
    standing = replace(over(), incident=troubles.trouble())
    assert quieting.fixed(standing, [ran(1)]) == standing
