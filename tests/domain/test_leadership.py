"""At no moment do two replicas act, whatever clocks, pauses and networks do."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import leadership
from bot.domain.leadership import Record, Step, Terms, View

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERMS = Terms(lasts=15, renew_within=10, retry=2)
OTHER = Record("b", 15, AT, AT, transitions=3, version="7")


@pytest.mark.parametrize(
    ("seen", "waited", "step"),
    [
        (None, 0.0, Step.TAKE),
        (replace(OTHER, holder=""), 0.0, Step.TAKE),
        (OTHER, 14.9, Step.WAIT),
        (OTHER, 15.0, Step.TAKE),
        (replace(OTHER, lasts=60), 15.0, Step.WAIT),
        (replace(OTHER, holder="a"), 0.0, Step.RENEW),
        (replace(OTHER, holder="a"), 99.0, Step.RENEW),
    ],
)
def test_a_lease_is_taken_when_it_is_free_or_was_seen_unchanged_for_its_time(seen, waited, step):
    view = leadership.observed(View("a"), seen, now=100.0)
    assert leadership.decide(view, now=100.0 + waited) is step


def test_what_a_lease_says_of_time_does_not_matter_but_that_it_changed_does():
    long_ago = replace(OTHER, renewed_at=AT - timedelta(days=365))
    view = leadership.observed(View("a"), long_ago, now=0.0)
    assert leadership.decide(view, now=5.0) is Step.WAIT
    view = leadership.observed(view, replace(long_ago, version="8"), now=14.0)
    assert leadership.decide(view, now=15.0) is Step.TAKE, "touched by somebody, not renewed"
    view = leadership.observed(view, replace(long_ago, renewed_at=AT, version="9"), now=14.5)
    assert leadership.decide(view, now=15.0) is Step.WAIT


def test_who_could_not_renew_stops_before_others_may_take():
    view = leadership.observed(View("a"), None, now=0.0)
    record = leadership.proposed(view, TERMS, at=AT)
    view = leadership.written(view, replace(record, version="1"), sent_at=1.0, now=3.0)
    assert leadership.leads(view, TERMS, now=10.9)
    assert not leadership.leads(view, TERMS, now=11.0)


def test_who_sees_another_holder_leads_no_more():
    view = leadership.written(View("a"), replace(OTHER, holder="a"), sent_at=0.0, now=0.0)
    assert not leadership.leads(leadership.observed(view, OTHER, now=1.0), TERMS, now=1.0)
    assert not leadership.leads(leadership.observed(view, None, now=1.0), TERMS, now=1.0)


def test_giving_back_lets_another_take_at_once_and_only_the_holder_can():
    mine = leadership.observed(View("a"), replace(OTHER, holder="a"), now=0.0)
    free = leadership.released(mine, at=AT)
    assert free is not None
    assert (free.holder, free.version) == ("", "7")
    assert leadership.released(leadership.observed(View("a"), OTHER, now=0.0), at=AT) is None
    taken = leadership.proposed(leadership.observed(View("c"), free, now=0.0), TERMS, at=AT)
    assert (taken.holder, taken.transitions) == ("c", 4)


@dataclass
class Server:
    """Keeps one record; accepts what names its version."""

    record: Record | None = None
    versions: int = 0

    def write(self, record: Record) -> Record | None:
        if record.version != (self.record.version if self.record else ""):
            return None
        self.versions += 1
        self.record = replace(record, version=str(self.versions))
        return self.record


@dataclass
class Replica:
    """One replica with a clock of its own, and at most one request on its way."""

    view: View
    offset: float
    pace: float
    flight: tuple[str, object, float] | None = field(default=None)

    def clock(self, now: float) -> float:
        return self.offset + self.pace * now

    def leads(self, now: float) -> bool:
        return leadership.leads(self.view, TERMS, now=self.clock(now))

    def act(self, what: str, now: float, server: Server) -> None:
        mine = self.clock(now)
        # Its wall clock is as wrong as it likes, too.
        wall = AT + timedelta(seconds=mine * 7)
        if what == "ask" and self.flight is None:
            step = leadership.decide(self.view, now=mine)
            if self.view.seen is None or step is Step.WAIT:
                self.flight = ("read", None, mine)
            else:
                record = leadership.proposed(self.view, TERMS, at=wall)
                self.flight = ("write", record, mine)
        elif what == "arrive" and self.flight is not None:
            kind, carried, sent = self.flight
            if kind == "write":
                assert isinstance(carried, Record)
                self.flight = ("wrote", server.write(carried), sent)
            elif kind == "read":
                self.flight = ("told", server.record, sent)
        elif what == "answer" and self.flight is not None:
            kind, carried, sent = self.flight
            assert carried is None or isinstance(carried, Record)
            if kind == "told" and carried is None:
                self.view = leadership.observed(self.view, None, now=mine)
                record = leadership.proposed(self.view, TERMS, at=wall)
                self.flight = ("write", record, mine)
                return
            if kind == "told":
                self.view = leadership.observed(self.view, carried, now=mine)
                self.flight = None
            elif kind == "wrote":
                if carried is not None:
                    self.view = leadership.written(self.view, carried, sent_at=sent, now=mine)
                else:
                    self.view = leadership.observed(self.view, server.record, now=mine)
                self.flight = None
        elif what == "lose":
            self.flight = None


MOVES = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["ask", "arrive", "answer", "whole", "whole", "lose", "release"]),
    st.sampled_from([0.0, 0.1, 1.0, 2.0, 5.0, 9.9, 15.0, 40.0]),
)


@settings(max_examples=300)
@given(
    offsets=st.tuples(*[st.floats(-1e6, 1e6)] * 3),
    # A clock that gains or loses a seventh is broken; crystals do a ten-thousandth.
    paces=st.tuples(*[st.floats(0.93, 1.07)] * 3),
    moves=st.lists(MOVES, max_size=60),
)
def test_never_two_replicas_act_at_the_same_moment(offsets, paces, moves):
    server, now = Server(), 0.0
    replicas = [
        Replica(View(name), offset, pace)
        for name, offset, pace in zip("abc", offsets, paces, strict=True)
    ]
    for who, what, pause in moves:
        now += pause
        one = replicas[who]
        if what == "whole":
            for part in ("ask", "arrive", "answer", "arrive", "answer"):
                one.act(part, now, server)
        elif what == "release":
            free = leadership.released(one.view, at=AT)
            one.view = replace(one.view, renewed_at=None)
            if free is not None and one.flight is None and (kept := server.write(free)):
                one.view = leadership.observed(one.view, kept, now=one.clock(now))
        else:
            one.act(what, now, server)
        for moment in (now, now + pause / 2):
            acting = [each.view.me for each in replicas if each.leads(moment)]
            assert len(acting) <= 1, acting
