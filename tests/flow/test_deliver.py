"""The outbox into Slack: in order, paced, never lost, never twice knowingly."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.store import memory
from bot.domain import errors, incident, notice
from bot.domain.finding import Severity
from bot.domain.target import Target
from bot.flow import deliver, ports, tell
from bot.flow.sender import Sender
from tests.flow import fakes

pytestmark = pytest.mark.looptime

CHANNEL = "C1"


def trouble(name: str = "flannel", severity: Severity = Severity.CRITICAL) -> incident.Incident:
    return incident.Incident(
        id=0,
        fingerprint=f"oom_killed:{name}",
        check="oom_killed",
        cluster="c",
        workload=Target("c", "DaemonSet", "kube-system", name),
        state=incident.State.OPEN,
        severity=severity,
        summary="OOM-killed",
        cure="",
        opened_at=fakes.START,
        changed_at=fakes.START,
    )


class Post:
    """A sender over a store and a Slack that both live on when the sender dies."""

    def __init__(self, **options: object) -> None:
        self.clock = fakes.LoopClock()
        self.slack = fakes.FakeSlack(self.clock)
        self.store = memory.MemoryStore()
        self.options = replace(deliver.Options(), **options)  # type: ignore[arg-type]
        self.explained: list[int] = []

    async def compose(self, value: incident.Incident) -> Sequence[notice.Detail]:
        self.explained.append(value.id)
        return [notice.Detail(title=f"particulars of {value.name}")]

    def sender(self) -> Sender:
        def courier(channel: str) -> deliver.Courier:
            return deliver.Courier(
                channel,
                self.store,
                self.slack,
                clock=self.clock,
                telemetry=fakes.NoTelemetry(),
                compose=self.compose,
                options=self.options,
            )

        return Sender(
            self.store,
            courier,
            clock=self.clock,
            telemetry=fakes.NoTelemetry(),
            poll_seconds=1.0,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sender]:
        value = self.sender()
        task = asyncio.create_task(value.run(), name="sender")
        try:
            yield value
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def tell(
        self,
        value: incident.Incident,
        reason: notice.Reason = notice.Reason.OPENED,
        *,
        calls: bool = True,
    ) -> incident.Incident:
        async with self.store.unit() as unit:
            stored = await unit.save_incident(value)
            told = notice.Notice(incident=stored, reason=reason, text="because", calls=calls)
            for row in tell.rows(
                told, CHANNEL, now=self.clock.now(), new_id=lambda: uuid.uuid4().hex
            ):
                await unit.enqueue(row)
        return stored

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def test_a_card_is_posted_at_once_and_its_particulars_follow_in_its_thread() -> None:
    post = Post()
    async with post.running():
        told = await post.tell(trouble())
        await post.pass_time(0.5)
        assert [m.thread_ts for m in post.slack.messages] == [""]
        await post.pass_time(2)
    card, reply = post.slack.messages
    assert reply.thread_ts == card.ts
    assert post.explained == [told.id]


async def test_messages_of_one_channel_keep_a_second_between_them() -> None:
    post = Post()
    async with post.running():
        for number in range(4):
            await post.tell(trouble(str(number)))
        await post.pass_time(12)
    times = sorted(m.at for m in post.slack.messages)
    assert len(times) == 8
    assert all(b - a >= 1.0 for a, b in itertools.pairwise(times))


async def test_edits_coalesce_and_keep_three_seconds() -> None:
    post = Post()
    async with post.running():
        told = await post.tell(trouble())
        await post.pass_time(3)
        for number in range(20):
            told = replace(told, summary=f"version {number}")
            await post.tell(told, notice.Reason.CHANGED, calls=False)
        await post.pass_time(12)
    (card,) = post.slack.cards(CHANNEL)
    assert card.edits <= 2
    assert isinstance(card.message, notice.CardView)
    assert card.message.incident.summary == "version 19"


async def test_a_clock_that_was_set_back_holds_up_no_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post()
    async with post.running():
        told = await post.tell(trouble())
        await post.pass_time(5)
        monkeypatch.setattr(fakes, "START", fakes.START - timedelta(hours=1))
        await post.tell(replace(told, summary="newer"), notice.Reason.CHANGED, calls=False)
        await post.pass_time(5)
    (card,) = post.slack.cards(CHANNEL)
    assert isinstance(card.message, notice.CardView)
    assert card.message.incident.summary == "newer"


async def test_first_cards_of_critical_incidents_go_before_everything_else() -> None:
    post = Post()
    for number in range(3):
        await post.tell(trouble(f"mild {number}", Severity.WARNING))
    await post.tell(trouble("grave", Severity.CRITICAL))
    async with post.running():
        await post.pass_time(10)
    first = post.slack.cards(CHANNEL)[0].message
    assert isinstance(first, notice.CardView)
    assert first.incident.workload.name == "grave"


async def test_nothing_is_lost_while_slack_is_dead_for_ten_minutes() -> None:
    post = Post()
    post.slack.faults = [fakes.unreachable] * 16
    async with post.running():
        await post.tell(trouble())
        await post.pass_time(900)
    assert len(post.slack.cards(CHANNEL)) == 1
    card = post.slack.cards(CHANNEL)[0].message
    assert isinstance(card, notice.CardView)
    assert card.delayed_seconds > 300, "a late card says how late"


async def test_a_request_to_wait_is_obeyed() -> None:
    post = Post()
    post.slack.faults = [fakes.limited(30)]
    async with post.running():
        await post.tell(trouble())
        await post.pass_time(29)
        assert post.slack.messages == []
        await post.pass_time(5)
    assert len(post.slack.cards(CHANNEL)) == 1


async def test_being_asked_to_wait_with_an_edit_holds_up_no_first_card() -> None:
    post = Post()
    async with post.running() as sender:
        told = await post.tell(trouble("shown"))
        other = await post.tell(trouble("shown too"))
        await post.pass_time(8)
        post.slack.faults = [fakes.limited(60)]
        for each in (told, other):
            await post.tell(replace(each, summary="newer"), notice.Reason.CHANGED, calls=False)
        await post.pass_time(3)
        updates = post.slack.calls.count("update")
        await post.tell(trouble("new"))
        await post.pass_time(2)
        assert len(post.slack.cards(CHANNEL)) == 3, "the first card of the new one is there"
        await post.pass_time(50)
        assert post.slack.calls.count("update") == updates == 1, "no edit is tried before its time"
        assert not sender.troubles()
        await post.pass_time(20)
    summaries = [
        card.message.incident.summary
        for card in post.slack.cards(CHANNEL)[:2]
        if isinstance(card.message, notice.CardView)
    ]
    assert summaries == ["newer", "newer"], "and both edits are made after it"


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated() -> None:
    post = Post()
    post.slack.faults = [fakes.answer_lost]
    async with post.running():
        await post.tell(trouble())
        await post.pass_time(20)
    assert len(post.slack.cards(CHANNEL)) == 1
    assert "find" in post.slack.calls


async def test_a_channel_whose_last_message_was_found_has_no_trouble_left() -> None:
    post = Post()
    async with post.running() as sender:
        await post.tell(trouble())
        await post.pass_time(0.5)
        post.slack.faults = [fakes.unreachable, fakes.unreachable, fakes.answer_lost]
        await post.pass_time(3)
        assert sender.troubles()
        await post.pass_time(60)
        assert len(post.slack.messages) == 2
        assert not sender.troubles(), "found, and nothing else to send"


async def test_a_post_that_was_lost_unsent_is_sent_again() -> None:
    post = Post()
    post.slack.faults = [fakes.lost_unsent]
    async with post.running():
        await post.tell(trouble())
        await post.pass_time(20)
    assert len(post.slack.cards(CHANNEL)) == 1


async def test_while_history_cannot_be_read_nothing_is_repeated() -> None:
    post = Post()
    post.slack.faults = [fakes.answer_lost]
    post.slack.find_faults = [errors.Unavailable("still down")] * 5
    async with post.running():
        await post.tell(trouble())
        await post.pass_time(120)
    assert len(post.slack.cards(CHANNEL)) == 1


async def test_without_the_right_to_read_history_a_duplicate_is_preferred_to_a_loss() -> None:
    post = Post()
    post.slack.faults = [fakes.answer_lost]
    post.slack.find_faults = [errors.Refused("missing_scope")]
    async with post.running():
        await post.tell(trouble())
        await post.pass_time(20)
    assert len(post.slack.cards(CHANNEL)) == 2


async def test_a_refused_message_is_kept_as_failed_and_stops_nothing_else() -> None:
    post = Post()
    post.slack.faults = [fakes.refused]
    async with post.running():
        await post.tell(trouble("one"))
        await post.pass_time(5)
        await post.tell(trouble("two"))
        await post.pass_time(5)
        assert (await post.store.outbox()).failed == 1
    assert any(m.outbox_id for m in post.slack.cards(CHANNEL))


async def test_a_deleted_card_is_posted_anew_at_its_next_edit() -> None:
    post = Post()
    async with post.running():
        told = await post.tell(trouble())
        await post.pass_time(4)
        post.slack.messages.clear()
        await post.tell(replace(told, summary="more"), notice.Reason.CHANGED, calls=False)
        await post.pass_time(10)
    assert len(post.slack.cards(CHANNEL)) == 1


async def test_a_card_that_is_deleted_again_and_again_holds_up_nothing() -> None:
    post = Post()
    deleted = await post.tell(trouble("deleted"))
    send = post.slack.post

    async def deleting(*args: Any, **given: Any) -> str:
        if given.get("thread_ts") and given["row"].incident == deleted.id:
            raise ports.MessageGone("thread_not_found")
        return await send(*args, **given)

    post.slack.post = deleting  # type: ignore[method-assign]
    async with post.running():
        await post.pass_time(20)
        told = await post.tell(trouble("other"))
        await post.pass_time(5)
        await post.tell(replace(told, summary="newer"), notice.Reason.CHANGED, calls=False)
        await post.pass_time(10)
        assert (await post.store.outbox()).pending == 0
    (other,) = [
        m
        for m in post.slack.cards(CHANNEL)
        if isinstance(m.message, notice.CardView) and m.message.incident.summary == "newer"
    ]
    assert other.edits == 1


async def test_what_a_refused_card_cannot_say_its_particulars_say_alone() -> None:
    post = Post()
    post.slack.faults = [fakes.refused]
    async with post.running():
        told = await post.tell(trouble())
        await post.pass_time(10)
        assert (await post.store.outbox()).pending == 0
    (alone,) = post.slack.messages
    assert alone.thread_ts == ""
    assert alone.message == notice.Detail(title=f"particulars of {told.name}")


@pytest.mark.parametrize("kind", ["card", "detail", "edit"])
async def test_what_slack_took_while_the_store_was_locked_is_not_sent_again(kind: str) -> None:
    post = Post()
    moment = {"card": 0, "detail": 1, "edit": 2}[kind]
    delivered, sent = post.store.delivered, itertools.count()

    async def locked(*args: Any, **given: Any) -> None:
        if next(sent) == moment:
            raise errors.Unavailable("the database is locked")
        await delivered(*args, **given)

    post.store.delivered = locked  # type: ignore[method-assign]
    async with post.running():
        told = await post.tell(trouble())
        await post.pass_time(5)
        await post.tell(replace(told, summary="newer"), notice.Reason.CHANGED, calls=False)
        await post.pass_time(20)
        assert (await post.store.outbox()).pending == 0
    card, _particulars = post.slack.messages
    assert isinstance(card.message, notice.CardView)
    assert card.message.incident.summary == "newer"


@pytest.mark.parametrize("failing", ["unit", "delivered"])
async def test_a_card_found_in_the_history_shows_what_came_meanwhile(failing: str) -> None:
    post = Post()
    told = await post.tell(trouble())
    with pytest.raises(Killed):
        await mortal(post, "after post").work()
    async with post.store.unit() as unit:
        await unit.save_incident(replace(told, summary="newer"))

    broken = getattr(post.store, failing)

    def once(*_args: object, **_given: object) -> object:
        setattr(post.store, failing, broken)
        raise errors.Unavailable("locked for a moment")

    setattr(post.store, failing, once)
    async with post.running():
        await post.pass_time(20)
    (card,) = post.slack.cards(CHANNEL)
    assert isinstance(card.message, notice.CardView)
    assert card.message.incident.summary == "newer"


async def test_a_trouble_that_comes_back_is_said_in_the_channel_and_not_only_edited() -> None:
    post = Post()
    async with post.running():
        told = await post.tell(trouble())
        await post.pass_time(5)
        await post.tell(told, notice.Reason.REOPENED)
        await post.pass_time(10)
    card, opened, again, particulars = post.slack.messages
    assert card.edits == 1
    assert {reply.thread_ts for reply in (opened, again, particulars)} == {card.ts}
    assert isinstance(again.message, notice.Detail)
    assert again.message.broadcast
    assert particulars.message == opened.message


async def test_a_long_backlog_becomes_digests_and_drops_nothing() -> None:
    post = Post(digest_over=5, digest_size=25)
    for number in range(60):
        await post.tell(trouble(f"mild {number:02}", Severity.WARNING))
    await post.tell(trouble("grave", Severity.CRITICAL))
    async with post.running():
        await post.pass_time(8)
        shown = [m.message for m in post.slack.cards(CHANNEL)]
        assert isinstance(shown[0], notice.CardView)
        digests = [m for m in shown if isinstance(m, notice.DigestView)]
        names = {each.workload.name for digest in digests for each in digest.incidents}
        assert names == {f"mild {number:02}" for number in range(60)}
        assert len(shown) == 4
        told = await post.store.incident(1)
        assert told is not None
        await post.tell(
            replace(told, state=incident.State.RESOLVED), notice.Reason.RESOLVED, calls=False
        )
        await post.pass_time(200)
    edited = [m for m in post.slack.cards(CHANNEL) if m.edits]
    assert len(edited) == 1
    assert isinstance(edited[0].message, notice.DigestView)


async def test_a_digest_whose_answer_was_lost_is_not_repeated() -> None:
    post = Post(digest_over=3)
    for number in range(8):
        await post.tell(trouble(f"mild {number}", Severity.WARNING))
    post.slack.faults = [fakes.answer_lost]
    async with post.running():
        await post.pass_time(30)
    assert len(post.slack.cards(CHANNEL)) == 1


async def test_a_refused_digest_goes_on_in_halves_until_everybody_is_told() -> None:
    post = Post(digest_over=3)
    for number in range(8):
        await post.tell(trouble(f"mild {number}", Severity.WARNING))
    post.slack.faults = [fakes.refused]
    async with post.running():
        await post.pass_time(30)
    shown = [m.message for m in post.slack.cards(CHANNEL)]
    names = {
        each.workload.name
        for message in shown
        if isinstance(message, notice.DigestView)
        for each in message.incidents
    }
    assert names == {f"mild {number}" for number in range(8)}
    assert len(shown) == 2


async def test_channels_do_not_wait_for_each_other() -> None:
    post = Post()
    other = replace(trouble("other"), fingerprint="other")
    await post.tell(trouble())
    async with post.store.unit() as unit:
        stored = await unit.save_incident(other)
        await unit.enqueue(
            notice.Outgoing(
                id="x",
                kind=notice.Kind.CARD,
                channel="C2",
                created_at=post.clock.now(),
                incident=stored.id,
            )
        )
    async with post.running():
        await post.pass_time(0.5)
        assert {m.channel for m in post.slack.messages} == {"C1", "C2"}


class Killed(BaseException):
    """The process dies here."""


MOMENTS = ["claim", "before post", "after post", "before delivered", "after delivered"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", ["card", "detail", "edit"])
async def test_killed_at_any_moment_the_next_sender_neither_loses_nor_repeats(
    moment: str, kind: str
) -> None:
    post = Post()
    told = await post.tell(trouble())
    if kind != "card":
        async with post.running():
            await post.pass_time(0.5 if kind == "detail" else 4)
        if kind == "edit":
            told = replace(told, summary="newer")
            await post.tell(told, notice.Reason.CHANGED, calls=False)
            await post.pass_time(5)
    with pytest.raises(Killed):
        await mortal(post, moment).work()
    async with post.running():
        await post.pass_time(30)
    cards = post.slack.cards(CHANNEL)
    replies = [m for m in post.slack.messages if m.thread_ts]
    assert len(cards) == 1
    assert len(replies) == 1
    assert isinstance(cards[0].message, notice.CardView)
    assert cards[0].message.incident.summary == told.summary
    state = await post.store.outbox()
    assert (state.pending, state.failed) == (0, 0)
    assert await post.store.claimed() == []


def mortal(post: Post, moment: str) -> deliver.Courier:
    """A courier over the same store and Slack that dies at that moment."""

    class Mortal:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    class Store(Mortal):
        async def claim(self, **given: object) -> notice.Outgoing | None:
            row = await post.store.claim(**given)  # type: ignore[arg-type]
            if moment == "claim" and row is not None:
                raise Killed
            return row

        async def delivered(self, *args: object, **given: object) -> None:
            if moment == "before delivered":
                raise Killed
            await post.store.delivered(*args, **given)  # type: ignore[arg-type]
            raise Killed

    class Slack(Mortal):
        async def post(self, *args: object, **given: object) -> str:
            if moment == "before post":
                raise Killed
            ts = await post.slack.post(*args, **given)  # type: ignore[arg-type]
            if moment == "after post":
                raise Killed
            return ts

        async def update(self, *args: object, **given: object) -> None:
            if moment == "before post":
                raise Killed
            await post.slack.update(*args, **given)  # type: ignore[arg-type]
            if moment == "after post":
                raise Killed

    return deliver.Courier(
        CHANNEL,
        Store(post.store),  # type: ignore[arg-type]
        Slack(post.slack),  # type: ignore[arg-type]
        clock=post.clock,
        telemetry=fakes.NoTelemetry(),
        compose=post.compose,
        options=post.options,
    )
