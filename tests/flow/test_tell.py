"""Which notices become rows for the channel."""

from dataclasses import replace

import pytest

from bot.domain import incident, notice, routing
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


def everywhere(told: notice.Notice, *shown: str) -> list[tuple[str, str]]:
    made = tell.everywhere(
        told, routing.Place("C1", ("S1",)), shown, now=fakes.START, new_id=lambda: "id"
    )
    return [(row.channel, row.kind.value) for row in made]


def test_what_is_muted_goes_nowhere_where_it_is_not_shown() -> None:
    told = notice.Notice(
        incident=INCIDENT, reason=notice.Reason.OPENED, text="so", calls=False, hidden=True
    )
    assert everywhere(told) == []
    assert everywhere(told, "C1") == [("C1", "card")]
    assert everywhere(told, "C9") == [("C9", "card")]


def test_what_moved_to_another_channel_is_told_there_anew_and_its_old_card_stays_true() -> None:
    told = notice.Notice(
        incident=INCIDENT, reason=notice.Reason.SEVERITY_ROSE, text="so", calls=True
    )
    assert everywhere(told, "C9") == [("C1", "card"), ("C1", "detail"), ("C9", "card")]


def test_what_calls_again_names_who_is_on_call() -> None:
    told = notice.Notice(incident=INCIDENT, reason=notice.Reason.REPEATED, text="so", calls=True)
    _, reply = tell.rows(told, "C1", now=fakes.START, new_id=lambda: "id", on_call=("S1",))
    assert reply.detail is not None
    assert (reply.detail.broadcast, reply.detail.people) == (True, ("S1",))
