"""Which notices become rows for the channel."""

from dataclasses import replace

import pytest

from bot.domain import incident, notice
from bot.domain.finding import Severity
from bot.domain.target import Target
from bot.flow import tell
from tests.flow import fakes

WORKLOAD = Target("c", "DaemonSet", "kube-system", "flannel")
INCIDENT = incident.Incident(
    id=1,
    fingerprint="f",
    check="nic_pattern",
    cluster="c",
    workload=WORKLOAD,
    state=incident.State.OPEN,
    severity=Severity.WARNING,
    summary="said",
    cure="",
    opened_at=fakes.START,
    changed_at=fakes.START,
)


def rows(reason: notice.Reason, **changed: object) -> list[notice.Outgoing]:
    told = notice.Notice(incident=INCIDENT, reason=reason, text="so", calls=True)
    told = replace(told, **changed)  # type: ignore[arg-type]
    return tell.rows(told, "C1", now=fakes.START, new_id=lambda: "id")


@pytest.mark.parametrize("reason", list(notice.Reason))
def test_what_is_only_information_reaches_no_channel(reason: notice.Reason) -> None:
    assert rows(reason, quiet=True, calls=False) == []


def test_what_was_only_information_is_told_as_if_it_opened_now() -> None:
    opened, risen = rows(notice.Reason.OPENED), rows(notice.Reason.SEVERITY_ROSE, first=True)
    assert risen == opened
    assert [row.kind for row in risen] == [notice.Kind.CARD, notice.Kind.DETAIL]
    assert risen[1].detail is None  # composed when it is sent


def test_what_people_knew_of_calls_by_a_sentence_when_it_gets_worse() -> None:
    card, reply = rows(notice.Reason.SEVERITY_ROSE)
    assert card.kind is notice.Kind.CARD
    assert reply.detail is not None
    assert reply.detail.broadcast
