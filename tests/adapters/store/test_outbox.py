"""What every store promises of the outbox: its order, and that nothing is told twice or lost."""

import asyncio
import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.store import memory
from bot.domain import errors, notice

Delivery = notice.Delivery


async def drained(store, now, **how) -> list[notice.Outgoing]:
    """Claim and settle everything that is due."""
    found = []
    while (row := await store.claim(now=now, **how)) is not None:
        found.append(row)
        await store.delivered([row], at=now)
    return found


async def test_a_row_comes_back_as_it_was_put_in_but_claimed(store, samples):
    (number,) = await samples.saved(store)
    row = dataclasses.replace(samples.detail(number), error="none yet", cluster="prod")
    await samples.shown(store, number)
    await samples.enqueued(store, row)

    taken = await store.claim(now=samples.at(5))

    assert taken == dataclasses.replace(
        row, delivery=Delivery.CLAIMED, claimed_at=samples.at(5), attempts=1
    )
    assert await store.claimed() == [taken]
    assert await store.claim(now=samples.at(5)) is None


async def test_claims_go_by_priority_then_age_then_order_of_arrival(store, samples):
    numbers = await samples.saved(store, 5)
    late, early, first, second, urgent = (
        samples.card(numbers[0], after=2),
        samples.card(numbers[1], after=1),
        samples.card(numbers[2], after=0, id="zzz"),
        samples.card(numbers[3], after=0, id="aaa"),
        samples.card(numbers[4], after=3, priority=10),
    )
    await samples.enqueued(store, late, early, first, second, urgent)

    found = [row.id for row in await drained(store, samples.at(9))]

    assert found == [row.id for row in (urgent, first, second, early, late)]


async def test_a_claim_for_one_channel_leaves_the_others_alone(store, samples):
    await samples.enqueued(
        store, samples.text("here", channel="C1"), samples.text("there", channel="C2", priority=1)
    )

    assert [row.channel for row in await drained(store, samples.now, channel="C1")] == ["C1"]
    assert [row.channel for row in await drained(store, samples.now)] == ["C2"]


async def test_a_row_waits_for_its_time(store, samples):
    await samples.enqueued(store, samples.text(not_before=samples.at(5)))

    assert await store.claim(now=samples.at(4.999999)) is None
    assert await store.due_channels(now=samples.at(4)) == {}
    assert await store.claim(now=samples.at(5)) is not None


async def test_a_second_card_is_folded_into_the_pending_one(store, samples):
    (number,) = await samples.saved(store)
    kept = samples.card(number, priority=30)
    await samples.enqueued(store, kept, samples.card(number, priority=10, after=1))
    await samples.enqueued(store, samples.card(number, priority=40, after=2))

    assert (await store.outbox()).pending == 1
    taken = await store.claim(now=samples.at(9))
    assert (taken.id, taken.priority, taken.created_at) == (kept.id, 10, kept.created_at)


async def test_cards_of_other_channels_and_incidents_are_not_folded(store, samples):
    one, two = await samples.saved(store, 2)
    await samples.enqueued(
        store, samples.card(one), samples.card(two), samples.card(one, channel="C2")
    )

    assert (await store.outbox()).pending == 3


async def test_a_card_after_one_that_is_claimed_is_a_row_of_its_own_and_waits_for_it(
    store, samples
):
    """Two senders with two cards of one incident would post it twice."""
    (number,) = await samples.saved(store)
    await samples.enqueued(store, samples.card(number))
    first = await store.claim(now=samples.now)
    newer = samples.card(number)
    await samples.enqueued(store, newer)

    assert await store.claim(now=samples.at(1)) is None
    assert await store.due_cards("C0ALERTS", now=samples.at(1)) == []
    assert await store.due_channels(now=samples.at(1)) == {}

    await store.delivered([first], at=samples.at(1), posted=[samples.place(number)])
    assert (await store.claim(now=samples.at(1))).id == newer.id


async def test_a_detail_is_not_due_before_its_incident_is_shown_in_that_channel(store, samples):
    (number,) = await samples.saved(store)
    await samples.enqueued(store, samples.detail(number))
    await samples.shown(store, number, channel="C2")

    assert await store.claim(now=samples.at(9)) is None
    assert await store.due_channels(now=samples.at(9)) == {}

    await samples.shown(store, number)
    assert await store.due_channels(now=samples.at(9)) == {"C0ALERTS": 0}
    assert (await store.claim(now=samples.at(9))).kind is notice.Kind.DETAIL


async def test_a_detail_goes_alone_once_its_card_is_refused_and_no_other_is_to_come(store, samples):
    (number,) = await samples.saved(store)
    card, detail, later = samples.card(number), samples.detail(number), samples.card(number)
    await samples.enqueued(store, card, detail)
    await store.failed(await store.claim(now=samples.now), at=samples.now, error="invalid_blocks")
    assert await store.due_channels(now=samples.now) == {"C0ALERTS": 0}

    await samples.enqueued(store, later)
    assert (await store.claim(now=samples.now)).id == later.id
    assert await store.claim(now=samples.now) is None  # it may still get its thread
    await store.postpone(later, not_before=samples.at(60), error="limited")
    assert await store.claim(now=samples.now) is None

    await store.failed(later, at=samples.now, error="invalid_blocks")
    assert (await store.claim(now=samples.now)).id == detail.id


async def test_details_of_an_incident_keep_their_order_whatever_delays_one(store, samples):
    one, two = await samples.saved(store, 2)
    await samples.shown(store, one, two)
    a = samples.detail(one, "a", priority=40)
    b = samples.detail(one, "b", priority=10, after=-5)  # more urgent, and the clock went back
    c = samples.detail(two, "c", priority=50)
    await samples.enqueued(store, a, b, c)

    taken = await store.claim(now=samples.now)
    assert taken.id == a.id
    await store.postpone(taken, not_before=samples.at(60), error="limited")
    assert (await store.claim(now=samples.now)).id == c.id  # another incident's is free
    assert await store.claim(now=samples.now) is None

    again = await store.claim(now=samples.at(60))
    assert (again.id, again.attempts) == (a.id, 2)
    assert await store.claim(now=samples.at(60)) is None  # claimed, not told yet
    await store.delivered([again], at=samples.at(60))
    assert (await store.claim(now=samples.at(60))).id == b.id


async def test_a_detail_refused_for_good_does_not_hold_up_the_next(store, samples):
    (number,) = await samples.saved(store)
    await samples.shown(store, number)
    await samples.enqueued(store, samples.detail(number, "a"), samples.detail(number, "b"))

    refused = await store.claim(now=samples.now)
    await store.failed(refused, at=samples.now, error="msg_too_long")

    assert (await store.claim(now=samples.now)).detail.title == "b"


async def test_what_is_delivered_is_settled_together_with_where_it_is_shown(store, samples):
    one, two = await samples.saved(store, 2)
    await samples.enqueued(store, samples.card(one), samples.card(two))
    rows = [await store.claim(now=samples.now), await store.claim(now=samples.now)]
    places = [samples.place(n, ts="7.7", digest=True) for n in (one, two)]

    await store.delivered(rows, at=samples.at(1), posted=places)

    assert await store.claimed() == []
    assert (await store.outbox()).pending == 0
    assert await store.posted(one) == places[:1]
    assert await store.shown_at("C0ALERTS", "7.7") == [one, two]
    assert await store.shown_at("C0ALERTS", "7.8") == []
    assert await store.shown_at("C2", "7.7") == []
    async with store.unit() as unit:
        assert await unit.posted(two) == places[1:]


async def test_an_incident_is_shown_once_in_a_channel_where_it_was_shown_last(store, samples):
    (number,) = await samples.saved(store)
    await samples.shown(store, number, ts="1.1", digest=True)
    await samples.shown(store, number, ts="2.2")
    await samples.shown(store, number, ts="3.3", channel="C2")

    assert [(place.channel, place.ts, place.digest) for place in await store.posted(number)] == [
        ("C0ALERTS", "2.2", False),
        ("C2", "3.3", False),
    ]
    assert await store.shown_at("C0ALERTS", "1.1") == []


async def test_a_delivery_that_cannot_be_stored_whole_is_not_stored_at_all(store, samples):
    (number,) = await samples.saved(store)
    await samples.enqueued(store, samples.card(number))
    taken = await store.claim(now=samples.now)

    with pytest.raises(errors.Conflict):
        await store.delivered([taken], at=samples.now, posted=[samples.place(number + 1000)])

    assert [row.id for row in await store.claimed()] == [taken.id]


async def test_a_postponed_row_comes_back_with_its_reason(store, samples):
    row = samples.text()
    await samples.enqueued(store, row)
    taken = await store.claim(now=samples.now)
    await store.postpone(taken, not_before=samples.at(30), error="ratelimited")

    assert await store.claimed() == []
    assert await store.claim(now=samples.at(29)) is None
    again = await store.claim(now=samples.at(30))
    assert (again.id, again.attempts, again.error) == (row.id, 2, "ratelimited")


async def test_a_postponed_card_gives_way_to_the_newer_one_and_its_place_with_it(store, samples):
    (number,) = await samples.saved(store)
    await samples.enqueued(store, samples.card(number, priority=0))
    taken = await store.claim(now=samples.at(1))
    newer = samples.card(number, priority=30, after=2)
    await samples.enqueued(store, newer)

    await store.postpone(taken, not_before=samples.at(60), error="ratelimited")

    state = await store.outbox()
    assert (state.pending, state.oldest) == (1, samples.now)
    assert await store.claim(now=samples.at(59)) is None
    again = await store.claim(now=samples.at(60))
    assert (again.id, again.priority, again.created_at) == (newer.id, 0, samples.now)
    assert (again.attempts, again.error) == (2, "ratelimited")


async def test_a_message_that_is_gone_is_forgotten_and_the_card_is_a_first_one_again(
    store, samples
):
    one, two = await samples.saved(store, 2)
    await samples.shown(store, one, two, ts="7.7")
    await samples.shown(store, one, channel="C2")
    await samples.enqueued(store, samples.card(one))
    assert await store.due_cards("C0ALERTS", now=samples.now) == []
    assert await store.due_channels(now=samples.now) == {"C0ALERTS": 0}
    taken = await store.claim(now=samples.now)

    await store.postpone(taken, not_before=samples.now, error="gone", forget_posted=True)

    assert [place.channel for place in await store.posted(one)] == ["C2"]
    assert await store.shown_at("C0ALERTS", "7.7") == [two]
    assert [row.id for row in await store.due_cards("C0ALERTS", now=samples.now)] == [taken.id]
    assert await store.due_channels(now=samples.now) == {"C0ALERTS": 1}


async def test_what_is_settled_stays_so(store, samples):
    """A courier that settles late, after another did, changes nothing."""
    await samples.enqueued(store, samples.text("a"), samples.text("b"))
    a, b = await store.claim(now=samples.now), await store.claim(now=samples.now)
    await store.delivered([a], at=samples.now)
    await store.failed(b, at=samples.now, error="refused")

    await store.postpone(a, not_before=samples.now, error="late")
    await store.failed(a, at=samples.now, error="late")
    await store.delivered([b], at=samples.now)

    assert await store.claim(now=samples.at(9)) is None
    state = await store.outbox()
    assert (state.pending, state.oldest, state.failed) == (0, None, 1)


async def test_the_outbox_tells_how_much_waits_since_when(store, samples):
    assert await store.outbox() == type(await store.outbox())(pending=0, oldest=None, failed=0)
    await samples.enqueued(store, samples.text(after=3), samples.text(after=1), samples.text())
    taken = await store.claim(now=samples.at(9))
    state = await store.outbox()

    assert (state.pending, state.oldest) == (3, samples.now)  # claimed is not told yet
    await store.delivered([taken], at=samples.at(9))
    assert (await store.outbox()).oldest == samples.at(1)


async def test_first_cards_are_counted_for_each_channel(store, samples):
    one, two, three = await samples.saved(store, 3)
    await samples.shown(store, three)
    first, second = samples.card(two, after=-1), samples.card(one)
    await samples.enqueued(
        store,
        *(second, first, samples.card(three), samples.card(three, channel="C2")),
        *(samples.text(channel="C3"), samples.detail(one)),
    )

    assert await store.due_channels(now=samples.now) == {"C0ALERTS": 2, "C2": 1, "C3": 0}
    due = await store.due_cards("C0ALERTS", now=samples.now)
    assert [row.id for row in due] == [first.id, second.id]
    assert {row.delivery for row in due} == {Delivery.PENDING}


async def test_cards_collapse_into_one_digest_that_shows_them_all(store, samples):
    numbers = await samples.saved(store, 3)
    cards = [samples.card(number, priority=30) for number in numbers]
    await samples.enqueued(store, *cards)
    digest = samples.row(notice.Kind.DIGEST, incidents=tuple(numbers), priority=15)

    await store.collapse(await store.due_cards("C0ALERTS", now=samples.now), digest)

    (taken,) = await drained(store, samples.now)
    assert (taken.id, taken.kind, taken.incidents) == (digest.id, digest.kind, tuple(numbers))
    assert (await store.outbox()).pending == 0


async def test_a_digest_leaves_out_cards_that_are_on_their_way_already(store, samples):
    one, two = await samples.saved(store, 2)
    await samples.enqueued(store, samples.card(one), samples.card(two))
    due = await store.due_cards("C0ALERTS", now=samples.now)
    taken = await store.claim(now=samples.now)
    assert taken.incident == one

    await store.collapse(due, samples.row(notice.Kind.DIGEST, incidents=(one, two)))

    assert (await store.claim(now=samples.now)).incidents == (two,)
    assert (await store.claimed())[0].id == taken.id


async def test_no_digest_is_made_of_nothing(store, samples):
    (number,) = await samples.saved(store)
    card = samples.card(number)
    await samples.enqueued(store, card)
    await store.claim(now=samples.now)

    await store.collapse([card], samples.row(notice.Kind.DIGEST, incidents=(number,)))
    await store.collapse([], samples.row(notice.Kind.DIGEST, incidents=(number,)))

    assert (await store.outbox()).pending == 1


async def test_a_card_waits_for_the_digest_that_names_its_incident(store, samples):
    """Else the incident would be posted by itself and in the digest too."""
    one, two = await samples.saved(store, 2)
    await samples.enqueued(store, samples.card(one), samples.card(two, channel="C2"))
    digest = samples.row(notice.Kind.DIGEST, incidents=(one,), priority=90)
    await store.collapse(await store.due_cards("C0ALERTS", now=samples.now), digest)
    newer = samples.card(one, priority=0)
    await samples.enqueued(store, newer, samples.card(one, channel="C2", priority=5))

    assert await store.due_cards("C0ALERTS", now=samples.now) == []
    assert len(await store.due_cards("C2", now=samples.now)) == 2  # elsewhere it is free
    taken = await store.claim(now=samples.now, channel="C0ALERTS")
    assert taken.id == digest.id
    assert await store.claim(now=samples.now, channel="C0ALERTS") is None

    place = samples.place(one, ts="7.7", digest=True)
    await store.delivered([taken], at=samples.now, posted=[place])
    assert (await store.claim(now=samples.now, channel="C0ALERTS")).id == newer.id


async def test_a_digest_that_is_refused_lets_the_cards_go(store, samples):
    (number,) = await samples.saved(store)
    await samples.enqueued(store, samples.card(number))
    digest = samples.row(notice.Kind.DIGEST, incidents=(number,))
    await store.collapse(await store.due_cards("C0ALERTS", now=samples.now), digest)
    await samples.enqueued(store, samples.card(number))
    await store.failed(await store.claim(now=samples.now), at=samples.now, error="invalid_blocks")

    assert (await store.claim(now=samples.now)).kind is notice.Kind.CARD


async def test_a_row_about_an_unknown_incident_is_a_conflict(store, samples):
    for row in (
        samples.card(41),
        samples.detail(41),
        samples.row(notice.Kind.DIGEST, incidents=(41,)),
    ):
        with pytest.raises(errors.Conflict, match="INC-41"):
            await samples.enqueued(store, row)

    assert (await store.outbox()).pending == 0


@pytest.mark.parametrize("kind", [notice.Kind.CARD, notice.Kind.DETAIL])
async def test_a_row_that_could_never_be_told_is_a_mistake(store, samples, kind):
    with pytest.raises(ValueError, match="none is named"):
        await samples.enqueued(store, samples.row(kind))


async def test_the_same_row_twice_is_a_conflict_and_the_first_stays(store, samples):
    row = samples.text("first")
    await samples.enqueued(store, row)
    with pytest.raises(errors.Conflict):
        await samples.enqueued(store, dataclasses.replace(row, channel="C2"))

    assert [found.channel for found in await drained(store, samples.now)] == ["C0ALERTS"]


async def test_many_senders_share_the_rows_without_a_double(store, samples):
    rows = [samples.text(str(n)) for n in range(30)]
    await samples.enqueued(store, *rows)

    async def sender():
        return [row.id for row in await drained(store, samples.now)]

    taken = [
        found for each in await asyncio.gather(*(sender() for _ in range(6))) for found in each
    ]

    assert sorted(taken) == sorted(row.id for row in rows)


KINDS = st.sampled_from(["card", "detail", "text", "claim", "sent", "later", "refused", "collapse"])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            KINDS,
            st.integers(0, 2),
            st.sampled_from(["C1", "C2"]),
            st.sampled_from([0, 10, 30]),
        ),
        max_size=30,
    )
)
async def test_memory_and_sqlite_agree_on_any_history(
    steps, samples, opened, migrated_file, tmp_path_factory
):
    """What the flow was tested on in memory is what a database does, step by step."""
    import shutil

    path = tmp_path_factory.mktemp("agree") / "a.db"
    shutil.copy(migrated_file, path)
    async with opened(f"sqlite:///{path}") as real:
        pretend = memory.MemoryStore()
        both = (pretend, real)
        for store in both:
            numbers = await samples.saved(store, 3)
        for moment, (what, which, channel, priority) in enumerate(steps):
            now = samples.at(moment)
            number = numbers[which]
            made = samples.row(
                notice.Kind(what) if what in ("card", "detail", "text") else notice.Kind.DIGEST,
                None if what in ("text", "collapse") else number,
                channel=channel,
                priority=priority,
                after=moment % 7,
                incidents=tuple(numbers) if what == "collapse" else (),
            )
            answers = []
            for store in both:
                answer: object = None
                held = await store.claimed()
                if what in ("card", "detail", "text"):
                    await samples.enqueued(store, made)
                elif what == "claim":
                    answer = await store.claim(now=now, channel=None if which else channel)
                elif what == "collapse":
                    await store.collapse(await store.due_cards(channel, now=now), made)
                elif held and what == "sent":
                    row = held[which % len(held)]
                    shows = row.incidents or ((row.incident,) if row.incident else ())
                    places = [
                        samples.place(n, channel=row.channel, ts=f"{moment}.1") for n in shows
                    ]
                    await store.delivered([row], at=now, posted=places)
                elif held and what == "later":
                    await store.postpone(
                        held[which % len(held)],
                        not_before=samples.at(moment + which * 2),
                        error="x",
                        forget_posted=which == 2,
                    )
                elif held and what == "refused":
                    await store.failed(held[which % len(held)], at=now, error="x")
                later = samples.at(moment + 1)
                answers.append(
                    [
                        answer,
                        await store.claimed(),
                        await store.outbox(),
                        await store.due_channels(now=later),
                        await store.due_cards("C1", now=later),
                        [await store.posted(n) for n in numbers],
                    ]
                )
            assert answers[0] == answers[1]
