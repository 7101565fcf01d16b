"""What is open in a cluster that is configured no more is told as that, and as nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.slack import cards, catalogue, plan_cards
from bot.adapters.store.memory import MemoryStore
from bot.domain import errors, notice, plan, run
from bot.domain.approval import Choice
from bot.domain.incident import State
from bot.flow import plancards, unwatched
from bot.flow.journal import Journal
from tests.adapters.slack import samples
from tests.flow.test_access_by_cluster import Two

NOW = samples.trouble().opened_at + timedelta(hours=1)


async def two_clusters() -> MemoryStore:
    """INC-1 in east, INC-2 in west, both shown in a channel."""
    store = MemoryStore()
    async with store.unit() as unit:
        for cluster in ("east", "west"):
            made = replace(samples.trouble(), id=0, cluster=cluster, fingerprint=f"f-{cluster}")
            await unit.save_incident(made)
    return store


async def test_only_what_is_in_clusters_that_are_watched_no_more_is_closed_and_once() -> None:
    store = await two_clusters()
    (closed,) = await unwatched.close(store, {"west"}, now=NOW)
    assert (closed.cluster, closed.unwatched, closed.ending) == ("east", True, "no longer watched")
    assert closed.affected, "nobody has recovered"
    (left,) = await store.incidents()
    assert (left.cluster, left.state, left.unwatched) == ("west", State.OPEN, False)
    assert await unwatched.close(store, {"west"}, now=NOW) == ()
    (entry,) = await store.timeline(closed.name)
    assert entry.kind == notice.Reason.UNWATCHED.value


@pytest.mark.parametrize(("tongue", "words"), [("en", "No longer watched"), ("zh-CN", "不再监视")])
async def test_its_card_says_that_nobody_watches_and_not_that_it_is_well(
    tongue: str, words: str
) -> None:
    (closed,) = await unwatched.close(await two_clusters(), {"west"}, now=NOW)
    with catalogue.speaking(tongue):
        page = cards.card(samples.view(closed))
    text = repr(page)
    assert words in text
    assert "Resolved" not in text
    assert "已恢复" not in text
    assert not any("Button" in type(part).__name__ for part in page.parts)


async def shown(store: MemoryStore, its: plan.Plan) -> None:
    """Have a plan's card be in the channel of its cluster."""
    row = notice.Outgoing(
        id=f"o-{its.id}", kind=notice.Kind.PLAN, channel=f"C-{its.cluster}", created_at=NOW,
        cluster=its.cluster, plan=its.id, priority=1,
    )  # fmt: skip
    async with store.unit() as unit:
        await unit.enqueue(row)
    place = notice.PostedPlan(
        plan=its.id, channel=row.channel, ts="1.1", posted_at=NOW, edited_at=NOW, outbox_id=row.id
    )
    await store.delivered([row], at=NOW, posted=[place])


async def told(store: MemoryStore) -> list[tuple[notice.Kind, str, int | None]]:
    """What waits to be told."""
    rows = []
    while row := await store.claim(now=NOW + timedelta(days=1)):
        rows.append((row.kind, row.channel, row.plan))
    return rows


async def card(store: MemoryStore, number: int) -> str:
    view = await plancards.PlanCards(store, plancards.NoClicks()).view(number, now=NOW)
    assert view is not None
    return repr(plan_cards.card(view))


STEPS = pytest.mark.parametrize(
    ("settled", "begun", "where"),
    [
        (0, False, "stopped before step 1 of "),
        (1, False, "stopped after step 1 of "),
        (1, True, "stopped within step 2 of "),
    ],
)


@STEPS
@pytest.mark.looptime
async def test_a_run_that_was_left_in_one_says_where_it_stopped_and_goes_on_when_it_is_back(
    settled: int, begun: bool, where: str
) -> None:
    two = Two()
    left, other = await two.ran("east", over=False), await two.ran("west", over=False)
    its = await two.store.remedy.plan(left.plan)
    assert its is not None
    assert len(its.steps) > 1
    await shown(two.store, its)
    done = run.Record(run.StepState.APPLIED, NOW, NOW)
    steps = [done] * settled + [run.Record(intended_at=NOW)] * begun
    async with two.store.unit() as unit:
        rest = left.steps[len(steps) :]
        await unit.remedy.save_run(replace(left, steps=(*steps, *rest)), epoch=left.epoch)

    assert (await unwatched.park(two.store, {"west"}, now=NOW)) == (left.name,)
    assert await told(two.store) == [
        (notice.Kind.DETAIL, "C-east", its.id), (notice.Kind.PLAN, "C-east", its.id)
    ]  # fmt: skip
    said = await card(two.store, its.id)
    assert "cluster east is no longer watched" in said
    assert f"{where}{len(its.steps)}" in said
    assert "Running" not in said
    assert "Running" in await card(two.store, other.plan)
    with catalogue.speaking("zh-CN"):
        assert "不再监视集群 east" in await card(two.store, its.id)

    # Whoever carried it out until then writes nothing any more.
    journal = Journal(two.store, lambda _: "C1", clock=two.clock)
    with pytest.raises(errors.Conflict):
        await journal.move(
            left, its, lambda held, _: replace(held, progress="x"), kind="k", text=""
        )
    before = await two.deeds()
    assert await unwatched.park(two.store, {"west"}, now=NOW) == (), "told once"
    assert await two.deeds() == before

    back = run.take_over(await running(two.store, left.id), executor="e")
    async with two.store.unit() as unit:
        await unit.remedy.save_run(back, epoch=back.epoch - 1)
    assert "no longer watched" not in await card(two.store, its.id)
    assert back.steps[:settled] == (done,) * settled


async def running(store: MemoryStore, number: int) -> run.Run:
    found = await store.remedy.run(number)
    assert found is not None
    return found


@pytest.mark.looptime
async def test_a_run_that_was_left_in_one_can_be_cancelled_before_that_is_back() -> None:
    two = Two()
    left = await two.ran("east", over=False)
    await unwatched.park(two.store, {"west"}, now=NOW)
    its = await two.store.remedy.plan(left.plan)
    assert its is not None
    journal = Journal(two.store, lambda _: "", clock=two.clock)
    held = await running(two.store, left.id)
    after = await journal.move(
        held, its, lambda one, of: run.cancel(one, of, by="U1", now=NOW), kind="c", text=""
    )
    assert after.state is run.State.ABORTED, "nothing was changed, so nothing waits to be undone"
    assert "no longer watched" not in await card(two.store, its.id)


@pytest.mark.looptime
async def test_a_request_that_was_left_in_one_is_void_and_starts_nothing_when_that_is_back() -> (
    None
):
    two = Two()
    left, other = await two.proposed("east", "UEREQ"), await two.proposed("west", "UWREQ")
    await shown(two.store, left)
    await unwatched.park(two.store, {"west"}, now=NOW)
    assert await told(two.store) == [(notice.Kind.PLAN, "C-east", left.id)]
    said = await card(two.store, left.id)
    assert "cluster east is no longer watched" in said
    now_is = await two.store.remedy.plan(left.id)
    assert now_is is not None
    assert now_is.state is plan.State.SUPERSEDED
    assert [one.id for one in await two.store.remedy.plans()] == [other.id]
    with pytest.raises(errors.Refused):
        run.begin(now_is, executor="e", now=NOW)
    assert await unwatched.park(two.store, {"west"}, now=NOW) == ()


@pytest.mark.looptime
async def test_a_request_that_was_approved_and_not_begun_in_one_is_void() -> None:
    """Put back, the cluster is another than the one that people decided about."""
    two = Two()
    asked = await two.proposed("east", "UEREQ")
    await two.desk.vote(await two.desk.of_plan(asked), "UEAPP", Choice.APPROVE)
    await told(two.store)
    await shown(two.store, asked)
    assert "Approved" in await card(two.store, asked.id)
    assert await unwatched.park(two.store, {"west"}, now=NOW) == (asked.name,)
    assert await told(two.store) == [(notice.Kind.PLAN, "C-east", asked.id)]
    said = await card(two.store, asked.id)
    assert "cluster east is no longer watched" in said
    assert "Approved" not in said
    assert "not begun" not in repr(await two.attention.handover(None))
    now_is = await two.store.remedy.plan(asked.id)
    assert now_is is not None
    with pytest.raises(errors.Refused):
        run.begin(now_is, executor="e", now=NOW)
    assert await unwatched.park(two.store, {"west"}, now=NOW) == ()


@pytest.mark.looptime
async def test_one_that_is_begun_while_it_becomes_void_stays_begun() -> None:
    two = Two()
    asked = await two.proposed("east", "UEREQ")
    await two.desk.vote(await two.desk.of_plan(asked), "UEAPP", Choice.APPROVE)
    (approved,) = await two.store.remedy.unclaimed()
    async with two.store.unit() as unit:
        begun = await unit.remedy.start(
            approved, run.begin(approved, executor="e", now=two.clock.now())
        )

    async def as_it_was(_: object) -> list[plan.Plan]:
        return [approved]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(two.store.remedy), "unclaimed", as_it_was)
        assert await unwatched.park(two.store, {"west"}, now=NOW) == (begun.name,)
    assert await two.store.remedy.plan(asked.id) == approved


@pytest.mark.looptime
async def test_a_run_that_ended_in_one_stays_as_it_is() -> None:
    two = Two()
    over = await two.ran("east", over=True)
    assert await unwatched.park(two.store, {"west"}, now=NOW) == ()
    assert await running(two.store, over.id) == over


@pytest.mark.looptime
async def test_the_hand_over_does_not_call_a_run_at_work_that_nobody_carries_out() -> None:
    two = Two()
    await two.ran("east", over=False)
    at_work = await two.ran("west", over=False)
    await unwatched.park(two.store, {"west"}, now=NOW)
    said = repr(await two.attention.handover(None))
    assert "RUN-1: cluster east is no longer watched: stopped before step 1 of" in said
    assert said.count("is at work") == 1
    assert f"{at_work.name} is at work" in said
