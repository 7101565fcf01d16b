"""What reaches people: nothing that is muted, everything that was held back, once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import attention, muting
from bot.domain.finding import Severity
from bot.domain.incident import Incident, State, acknowledged
from bot.domain.notice import Notice, Reason
from tests.domain.troubles import START, trouble

SILENCE = muting.Mute(kind=muting.Kind.SILENCE, text="SIL-3", silence=3)
CAUSE = muting.Mute(kind=muting.Kind.INHIBIT, text="its node is NotReady (INC-7)")
POLICY = attention.Policy(
    repeat={Severity.CRITICAL: timedelta(hours=4), Severity.WARNING: timedelta()}
)


def opened(value: Incident, *, calls: bool = True, reason: Reason = Reason.OPENED) -> Notice:
    return Notice(incident=value, reason=reason, text="said", calls=calls)


def settle(
    notices: list[Notice],
    *standing: Incident,
    mute: muting.Mute | None = None,
    now: datetime = START,
    broken: dict[int, str] | None = None,
) -> list[Notice]:
    reason: Callable[[Incident], muting.Mute | None] = lambda _: mute  # noqa: E731
    return attention.settle(notices, standing, mute=reason, policy=POLICY, now=now, broken=broken)


def test_what_nothing_mutes_calls_and_remembers_when() -> None:
    (told,) = settle([opened(trouble())])
    assert told.calls
    assert not told.hidden
    assert told.incident.called_at == (START,)


@pytest.mark.parametrize("mute", [SILENCE, CAUSE])
def test_what_is_muted_calls_nobody_and_waits(mute: muting.Mute) -> None:
    (told,) = settle([opened(trouble())], mute=mute)
    assert (told.calls, told.hidden) == (False, True)
    assert told.incident.muted == mute
    assert told.incident.held == "opened"
    assert told.incident.called_at == ()
    assert told.incident.silenced is (mute is SILENCE)
    assert "muted: " in told.text


def test_what_was_held_back_is_told_as_if_it_opened_when_the_reason_ends() -> None:
    (held,) = settle([opened(trouble())], mute=CAUSE)
    assert settle([], held.incident, mute=CAUSE) == []
    (told,) = settle([], held.incident)
    assert (told.calls, told.first, told.reason) == (True, True, Reason.UNMUTED)
    assert (told.incident.muted, told.incident.held) == (None, "")
    assert settle([], told.incident) == []


def test_what_was_told_before_it_was_muted_does_not_call_when_that_ends() -> None:
    (told,) = settle([opened(trouble())])
    (hidden,) = settle([], told.incident, mute=SILENCE)
    assert (hidden.reason, hidden.calls, hidden.hidden) == (Reason.MUTED, False, True)
    (free,) = settle([], hidden.incident)
    assert (free.reason, free.calls, free.hidden) == (Reason.UNMUTED, False, False)


def test_a_silence_that_breaks_calls_and_says_why_whoever_had_it() -> None:
    taken = acknowledged(trouble(muted=SILENCE), "U1", START)
    (told,) = settle([], taken, broken={3: "it is on 3 nodes now, and was on 2"})
    assert told.calls
    assert "since it is on 3 nodes now" in told.text
    assert told.incident.state is State.OPEN


def test_what_is_over_while_muted_says_so_on_its_card_alone() -> None:
    over = trouble(state=State.RESOLVED, muted=SILENCE, held="opened")
    (told,) = settle([opened(over, calls=False, reason=Reason.RESOLVED)], mute=SILENCE)
    assert told.hidden
    assert (told.incident.muted, told.incident.held) == (None, "")


def test_information_is_left_alone() -> None:
    told = Notice(
        incident=trouble(severity=Severity.INFO), reason=Reason.OPENED, text="", calls=False,
        quiet=True,
    )  # fmt: skip
    assert settle([told], mute=SILENCE) == [told]


CRITICAL = trouble(severity=Severity.CRITICAL, called_at=(START,))
LATER = START + timedelta(hours=4)


@pytest.mark.parametrize(
    ("value", "repeated"),
    [
        (CRITICAL, True),
        (trouble(called_at=(START,)), False),  # warnings never, by this policy
        (acknowledged(CRITICAL, "U1", START), False),
        (replace(CRITICAL, unseen=True), False),
        (replace(CRITICAL, members=()), False),
        (replace(CRITICAL, called_at=(START + timedelta(seconds=1),)), False),
        (replace(CRITICAL, state=State.RESOLVED), False),
    ],
)
def test_a_lasting_trouble_calls_again_until_somebody_takes_it_on(
    value: Incident, *, repeated: bool
) -> None:
    told = settle([], value, now=LATER)
    assert [each.reason for each in told] == [Reason.REPEATED] * repeated
    assert all(each.calls for each in told)
    assert settle([], *[each.incident for each in told], now=LATER) == []


STEPS = st.lists(st.sampled_from(["mute", "free", "grow"]), max_size=12)


@given(STEPS)
def test_whatever_mutes_come_and_go_a_call_is_told_or_waits_and_never_both(
    steps: list[str],
) -> None:
    (first,) = settle([opened(trouble())], mute=CAUSE)
    value, muted, owed = first.incident, True, True
    for step in steps:
        muted = {"mute": True, "free": False}.get(step, muted)
        grown = [opened(value, reason=Reason.SPREAD_GREW)] if step == "grow" else []
        told = settle(grown, value, mute=CAUSE if muted else None)
        owed = owed or bool(grown)
        called = any(each.calls for each in told)
        assert called is (owed and not muted)
        owed = owed and muted
        value = told[0].incident if told else value
        assert bool(value.held) is owed
