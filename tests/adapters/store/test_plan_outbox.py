"""What every store promises of messages that show plans: one each, edited in place, in order."""

import dataclasses

import pytest

from bot.domain import errors, notice

Delivery = notice.Delivery
Kind = notice.Kind


async def test_a_plans_row_comes_back_as_it_was_put_in(store, samples):
    (plan,) = await samples.planned(store)
    row = samples.plan(plan)
    await samples.enqueued(store, row)

    taken = await store.claim(now=samples.at(5))

    assert taken == dataclasses.replace(
        row, delivery=Delivery.CLAIMED, claimed_at=samples.at(5), attempts=1
    )


async def test_a_second_row_of_a_plan_is_folded_into_the_pending_one(store, samples):
    one, other = await samples.planned(store, 2)
    first = samples.plan(one, priority=30)
    await samples.enqueued(
        store, first, samples.plan(one, priority=10), samples.plan(one, channel="C2"),
        samples.plan(other),
    )  # fmt: skip
    assert (await store.outbox()).pending == 3
    taken = await store.claim(now=samples.at(5))
    assert (taken.id, taken.priority) == (first.id, 10)


async def test_a_row_after_one_that_is_claimed_waits_for_it(store, samples):
    (plan,) = await samples.planned(store)
    await samples.enqueued(store, samples.plan(plan))
    first = await store.claim(now=samples.now)
    await samples.enqueued(store, samples.plan(plan))
    assert await store.claim(now=samples.at(9)) is None
    await store.delivered([first], at=samples.now, posted=[samples.plan_place(plan)])
    assert (await store.claim(now=samples.at(9))).kind is Kind.PLAN
    assert await store.posted_plan(plan) == [samples.plan_place(plan)]
    assert await store.posted(plan) == []


async def test_a_plans_detail_waits_for_its_card_and_not_for_its_incidents(store, samples):
    (number,) = await samples.saved(store)
    (plan,) = await samples.planned(store)
    await samples.shown(store, number)
    of_plan = samples.detail(number, "of the plan", plan=plan)
    of_incident = samples.detail(number, "of the incident")
    await samples.enqueued(store, of_plan, of_incident)

    first = await store.claim(now=samples.now)
    assert first.detail.title == "of the incident"
    assert await store.claim(now=samples.now) is None
    await store.delivered([], at=samples.now, posted=[samples.plan_place(plan)])
    assert (await store.claim(now=samples.now)).id == of_plan.id


async def test_a_plans_details_keep_their_order(store, samples):
    (plan,) = await samples.planned(store)
    await store.delivered([], at=samples.now, posted=[samples.plan_place(plan)])
    first, second = (samples.row(Kind.DETAIL, plan=plan, priority=p) for p in (20, 0))
    await samples.enqueued(store, first, second)
    assert (await store.claim(now=samples.now)).id == first.id
    assert await store.claim(now=samples.now) is None
    await store.delivered([first], at=samples.now)
    assert (await store.claim(now=samples.now)).id == second.id


async def test_a_plans_detail_goes_alone_once_its_card_is_refused(store, samples):
    (plan,) = await samples.planned(store)
    await samples.enqueued(store, samples.plan(plan), samples.row(Kind.DETAIL, plan=plan))
    card = await store.claim(now=samples.now)
    assert await store.claim(now=samples.now) is None
    await store.failed(card, at=samples.now, error="invalid_blocks")
    assert (await store.claim(now=samples.now)).kind is Kind.DETAIL


async def test_a_postponed_row_gives_way_to_the_newer_one(store, samples):
    (plan,) = await samples.planned(store)
    await samples.enqueued(store, samples.plan(plan, priority=10))
    old = await store.claim(now=samples.now)
    newer = samples.plan(plan, priority=30, after=4)
    await samples.enqueued(store, newer)
    await store.postpone(old, not_before=samples.at(3), error="timeout")
    assert (await store.outbox()).pending == 1
    assert await store.claim(now=samples.at(2)) is None
    taken = await store.claim(now=samples.at(3))
    assert (taken.id, taken.priority, taken.created_at) == (newer.id, 10, old.created_at)


async def test_a_message_that_is_gone_is_forgotten(store, samples):
    one, other = await samples.planned(store, 2)
    places = [samples.plan_place(one), samples.plan_place(one, channel="C2")]
    await store.delivered([], at=samples.now, posted=[*places, samples.plan_place(other)])
    await samples.enqueued(store, samples.plan(one))
    row = await store.claim(now=samples.now)
    await store.postpone(row, not_before=samples.now, error="gone", forget_posted=True)
    assert await store.posted_plan(one) == [places[1]]
    assert await store.posted_plan(other) == [samples.plan_place(other)]


async def test_a_plan_is_shown_where_it_was_posted_last(store, samples):
    (plan,) = await samples.planned(store)
    again = samples.plan_place(plan, ts="9.9", outbox_id="again")
    for place in (samples.plan_place(plan), again):
        await store.delivered([], at=samples.now, posted=[place])
    assert await store.posted_plan(plan) == [again]


async def test_plans_never_become_digests(store, samples):
    (number,) = await samples.saved(store)
    (plan,) = await samples.planned(store)
    assert number == plan
    await samples.enqueued(store, samples.plan(plan), samples.card(number))
    assert [row.kind for row in await store.due_cards("C0ALERTS", now=samples.now)] == [Kind.CARD]
    assert await store.due_channels(now=samples.now) == {"C0ALERTS": 1}
    digest = samples.row(Kind.DIGEST, incidents=(number,))
    await store.collapse([samples.plan(plan)], digest)
    await samples.enqueued(store, digest)
    kinds = {(await store.claim(now=samples.now)).kind for _ in range(2)}
    assert kinds == {Kind.PLAN, Kind.DIGEST}


async def test_a_row_about_an_unknown_plan_is_a_conflict(store, samples):
    for row in (samples.plan(9), samples.row(Kind.DETAIL, plan=9)):
        with pytest.raises(errors.Conflict, match="PLAN-9"):
            await samples.enqueued(store, row)
    with pytest.raises(errors.Conflict, match="PLAN-9"):
        await store.delivered([], at=samples.now, posted=[samples.plan_place(9)])
    assert (await store.outbox()).pending == 0


async def test_a_row_that_names_no_plan_is_a_mistake(store, samples):
    with pytest.raises(ValueError, match="tells of a plan, and none is named"):
        await samples.enqueued(store, samples.row(Kind.PLAN))
