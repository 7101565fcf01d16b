"""What every store promises of plans, votes, runs, freezes and deeds."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import audit, errors, freeze, run
from bot.domain.approval import Choice, Vote
from bot.domain.plan import State as PlanState
from tests.domain import plans
from tests.domain.plans import START


async def proposed(store, **changes):
    async with store.unit() as unit:
        return await unit.remedy.save_plan(plans.plan(id=0, **changes))


async def approved(store, **changes):
    plan = await proposed(store, **changes)
    async with store.unit() as unit:
        return await unit.remedy.save_plan(
            replace(plan, state=PlanState.APPROVED, decided_at=START, decided_by=("UAPP",))
        )


async def begun(store, plan):
    async with store.unit() as unit:
        return await unit.remedy.start(plan, run.begin(plan, executor="a", now=START))


async def test_a_plan_comes_back_as_it_was_saved_with_the_same_digest(store) -> None:
    plan = await proposed(store)
    again = await store.remedy.plan(plan.id)
    assert again == plan
    assert again.digest == plan.digest
    assert await store.remedy.plan(plan.id + 1) is None
    assert await store.remedy.plans() == [plan]


async def test_what_is_decided_is_never_replaced(store) -> None:
    plan = await approved(store)
    with pytest.raises(errors.Conflict):
        async with store.unit() as unit:
            await unit.remedy.save_plan(replace(plan, state=PlanState.PROPOSED))
    assert await store.remedy.plan(plan.id) == plan
    assert await store.remedy.plans() == []
    assert await store.remedy.plans(open_only=False, cluster="prod") == [plan]
    assert await store.remedy.plans(open_only=False, cluster="other") == []


async def test_a_person_has_one_vote_on_a_plan(store) -> None:
    plan = await proposed(store)
    first = Vote(plan.id, "UAPP", Choice.APPROVE, plan.digest, START)
    async with store.unit() as unit:
        await unit.remedy.add_vote(first)
        await unit.remedy.add_vote(replace(first, user="UAPP2", choice=Choice.REJECT, reason="no"))
    with pytest.raises(errors.Conflict):
        async with store.unit() as unit:
            await unit.remedy.add_vote(replace(first, choice=Choice.REJECT))
    found = await store.remedy.votes(plan.id)
    assert [vote.user for vote in found] == ["UAPP", "UAPP2"]
    assert found[0] == first


async def test_of_twenty_that_would_start_a_plan_one_does(store) -> None:
    plan = await approved(store)
    assert await store.remedy.unclaimed() == [plan]

    async def claim(name: str):
        async with store.unit() as unit:
            return await unit.remedy.start(plan, run.begin(plan, executor=name, now=START))

    ended = await asyncio.gather(*(claim(f"e{i}") for i in range(20)), return_exceptions=True)
    won = [one for one in ended if isinstance(one, run.Run)]
    assert len(won) == 1
    assert all(isinstance(one, errors.Conflict) for one in ended if one not in won)
    assert await store.remedy.run_of(plan.id) == won[0]
    assert await store.remedy.unclaimed() == []


@pytest.mark.parametrize("state", [s for s in PlanState if s is not PlanState.APPROVED])
async def test_nothing_but_an_approved_plan_is_started(store, state: PlanState) -> None:
    plan = await proposed(store, state=state, decided_at=START)
    forged = replace(plan, state=PlanState.APPROVED)
    with pytest.raises(errors.Conflict):
        await begun(store, forged)
    assert await store.remedy.runs() == []


async def test_a_plan_is_not_started_under_another_digest(store) -> None:
    plan = await approved(store)
    with pytest.raises(errors.Conflict):
        await begun(store, replace(plan, quorum=5))


async def test_an_approval_lapses_once_and_only_while_no_run_was_begun_for_it(store) -> None:
    plan = await approved(store)
    late = run.lapse(plan, now=START + timedelta(hours=1))
    assert late.state is PlanState.EXPIRED
    async with store.unit() as unit:
        await unit.remedy.lapse(late)
    assert await store.remedy.plan(plan.id) == late
    assert await store.remedy.unclaimed() == []
    begun_for = await approved(store)
    await begun(store, begun_for)
    for over in (late, run.lapse(begun_for, now=START + timedelta(hours=1))):
        with pytest.raises(errors.Conflict):
            async with store.unit() as unit:
                await unit.remedy.lapse(over)


async def test_an_executor_that_was_succeeded_stores_nothing_more(store) -> None:
    plan = await approved(store)
    old = await begun(store, plan)
    new = run.take_over(old, executor="b")
    async with store.unit() as unit:
        await unit.remedy.save_run(new, epoch=old.epoch)
    late = run.intend(old, plan, 0, now=START)
    with pytest.raises(errors.Conflict):
        async with store.unit() as unit:
            await unit.remedy.save_run(late, epoch=old.epoch)
    assert await store.remedy.run(old.id) == new


async def test_a_run_that_has_ended_is_never_replaced(store) -> None:
    plan = await approved(store)
    value = await begun(store, plan)
    ended = run.cancel(value, plan, by="U", now=START)
    async with store.unit() as unit:
        await unit.remedy.save_run(ended, epoch=1)
    with pytest.raises(errors.Conflict):
        async with store.unit() as unit:
            await unit.remedy.save_run(value, epoch=1)
    assert await store.remedy.runs() == []
    before = START - timedelta(seconds=1)
    assert await store.remedy.runs(ended_after=before, cluster="prod") == [ended]
    assert await store.remedy.runs(ended_after=START) == []


async def test_freezes_hold_until_they_are_over_or_lifted(store) -> None:
    made = freeze.Freeze("U1", "release", START, START + timedelta(hours=1), cluster="prod")
    async with store.unit() as unit:
        number = await unit.remedy.save_freeze(made)
    assert await store.remedy.freezes(now=START) == [(number, made)]
    assert await store.remedy.freezes(now=made.until) == []
    async with store.unit() as unit:
        await unit.remedy.save_freeze(replace(made, lifted_at=START), number=number)
    assert await store.remedy.freezes(now=START) == []


async def test_deeds_are_a_chain_that_shows_every_tampering(store) -> None:
    for number in range(5):
        async with store.unit() as unit:
            await unit.remedy.record(
                at=START + timedelta(seconds=number, microseconds=7),
                actor="U1",
                subject=f"PLAN-{number}",
                kind="approved",
                text="接口 \0 ok",
            )
    entries = list(await store.remedy.deeds())
    whole = audit.verify(entries)
    assert whole.broken is None
    assert whole.entries == 5
    assert whole.head == entries[-1].hash
    assert list(await store.remedy.latest_deeds(2)) == entries[-2:]
    assert list(await store.remedy.deeds(after=entries[1].number, limit=2)) == entries[2:4]
    for place, entry in enumerate(entries):
        changed = [*entries[:place], replace(entry, text="other"), *entries[place + 1 :]]
        assert audit.verify(changed).broken == entry.number
        if place < 4:
            dropped = [*entries[:place], *entries[place + 1 :]]
            assert audit.verify(dropped).broken is not None
    assert audit.verify([entries[1], entries[0]]).broken is not None
    assert audit.verify(entries[2:], start=entries[1].hash).broken is None


async def test_a_unit_that_fails_leaves_nothing_of_remediation(store) -> None:
    async def fails() -> None:
        async with store.unit() as unit:
            await unit.remedy.save_plan(plans.plan(id=0))
            await unit.remedy.record(at=START, actor="a", subject="s", kind="k", text="t")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert await store.remedy.plans(open_only=False) == []
    assert list(await store.remedy.deeds()) == []
