"""A plan's message: posted once, edited in place, its particulars in its thread."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import approval, notice, run
from bot.domain.plan import Effect, Ownership, Plan, Prediction, State
from bot.flow import deliver, plancards, tell
from bot.flow.sender import Sender
from tests.domain import plans
from tests.flow import fakes, test_deliver

pytestmark = pytest.mark.looptime

CHANNEL = test_deliver.CHANNEL


class Clicks(plancards.NoClicks):
    async def of_incident(self, incident) -> str:
        return f"ticket of {incident.name}"

    async def of_plan(self, plan: Plan) -> str:
        return f"ticket of {plan.name}"

    async def of_run(self, value: run.Run) -> str:
        return f"ticket of {value.name}"

    async def approvers(self, cluster: str) -> tuple[str, ...]:
        return ("UAPP",)


class Post(test_deliver.Post):
    def sender(self) -> Sender:
        def courier(channel: str) -> deliver.Courier:
            return deliver.Courier(
                channel, self.store, self.slack, clock=self.clock, telemetry=fakes.NoTelemetry(),
                compose=self.compose, options=self.options, clicks=Clicks(),
            )  # fmt: skip

        return Sender(
            self.store, courier, clock=self.clock, telemetry=fakes.NoTelemetry(), poll_seconds=1.0
        )

    async def propose(self, **changes: object) -> Plan:
        now = self.clock.now()
        made = plans.plan(id=0, expires_at=now + timedelta(minutes=15), **changes)
        async with self.store.unit() as unit:
            stored = await unit.remedy.save_plan(made)
            await self.enqueue(unit, stored, first=True)
        return stored

    async def save(self, plan: Plan) -> None:
        async with self.store.unit() as unit:
            await unit.remedy.save_plan(plan)
            await self.enqueue(unit, plan)

    async def enqueue(self, unit, plan: Plan, *, first: bool = False) -> None:
        now = self.clock.now()

        def new_id() -> str:
            return uuid.uuid4().hex

        await unit.enqueue(tell.plan_row(plan, CHANNEL, now=now, new_id=new_id, first=first))
        if first:
            told = plancards.particulars(plan)
            for row in tell.plan_details(plan, told, CHANNEL, now=now, new_id=new_id):
                await unit.enqueue(row)

    async def begin(self, plan: Plan) -> run.Run:
        now = self.clock.now()
        decided = replace(plan, state=State.APPROVED, decided_at=now, decided_by=("UAPP",))
        await self.save(decided)
        async with self.store.unit() as unit:
            started = await unit.remedy.start(decided, run.begin(decided, executor="e", now=now))
            await self.enqueue(unit, decided)
        return started

    def shown(self) -> notice.PlanView:
        (card,) = self.slack.cards(CHANNEL)
        assert isinstance(card.message, notice.PlanView)
        return card.message


async def test_a_plan_is_posted_and_its_particulars_follow_in_its_thread() -> None:
    post = Post()
    async with post.running():
        plan = await post.propose()
        await post.pass_time(3)
    card, reply = post.slack.messages
    assert reply.thread_ts == card.ts
    assert isinstance(reply.message, notice.Detail)
    assert reply.message.title == f"{plan.name} in full"
    assert post.explained == []
    view = post.shown()
    assert (view.plan, view.approvers, view.ticket) == (plan, ("UAPP",), f"ticket of {plan.name}")


async def test_from_request_to_end_there_is_one_message_and_it_says_the_newest() -> None:
    post = Post()
    async with post.running():
        plan = await post.propose()
        await post.pass_time(5)
        started = await post.begin(plan)
        await post.pass_time(5)
        assert post.shown().ticket == f"ticket of {started.name}"
        assert post.shown().approvers == ()
        for number in range(20):
            async with post.store.unit() as unit:
                await unit.remedy.save_run(replace(started, progress=f"{number} of 20"), epoch=1)
                await post.enqueue(unit, plan)
        await post.pass_time(10)
        assert post.shown().run.progress == "19 of 20"
        ended = replace(started, state=run.State.FAILED, phase=run.Phase.OVER, needs="look")
        async with post.store.unit() as unit:
            await unit.remedy.save_run(ended, epoch=1)
            await post.enqueue(unit, plan)
        await post.pass_time(10)
    (card,) = post.slack.cards(CHANNEL)
    assert post.shown().run == ended
    assert post.shown().ticket == ""
    assert card.edits <= 4


async def test_a_plan_whose_time_is_over_is_shown_as_expired_and_without_buttons() -> None:
    post = Post()
    async with post.running():
        plan = await post.propose()
        await post.pass_time(16 * 60)
        async with post.store.unit() as unit:
            await post.enqueue(unit, plan)
        await post.pass_time(5)
    assert post.shown().plan.state is State.EXPIRED
    assert post.shown().ticket == ""


async def test_votes_are_on_the_card() -> None:
    post = Post()
    async with post.running():
        plan = await post.propose(quorum=2)
        await post.pass_time(5)
        vote = approval.Vote(plan.id, "UAPP", approval.Choice.APPROVE, plan.digest, plans.START)
        async with post.store.unit() as unit:
            await unit.remedy.add_vote(vote)
            await post.enqueue(unit, plan)
        await post.pass_time(5)
    assert post.shown().votes == (vote,)


async def test_a_message_that_somebody_deleted_comes_back_with_its_thread() -> None:
    post = Post()
    async with post.running():
        plan = await post.propose()
        await post.pass_time(5)
        post.slack.messages.clear()
        await post.save(plan)
        await post.pass_time(5)
    assert post.shown().plan == plan


async def test_a_reply_whose_card_is_gone_has_the_card_posted_anew() -> None:
    post = Post()
    async with post.running():
        plan = await post.propose()
        await post.pass_time(0.5)
        post.slack.messages.clear()
        post.slack.faults = [_gone]
        await post.pass_time(10)
    assert post.shown().plan == plan
    assert any(m.thread_ts for m in post.slack.messages)


def _gone(_store) -> None:
    from bot.flow import ports

    raise ports.MessageGone("thread_not_found")


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated() -> None:
    post = Post()
    post.slack.faults = [fakes.answer_lost]
    async with post.running():
        plan = await post.propose()
        await post.pass_time(10)
    assert post.shown().plan == plan
    (place,) = await post.store.posted_plan(plan.id)
    assert place.outbox_id == post.slack.cards(CHANNEL)[0].outbox_id


async def test_killed_between_answer_and_note_it_is_not_posted_twice() -> None:
    post = Post()
    post.slack.hang = asyncio.Event()
    async with post.running():
        plan = await post.propose()
        await post.pass_time(2)
    post.slack.hang = None
    async with post.running():
        await post.pass_time(10)
    assert post.shown().plan == plan


async def test_an_incidents_card_carries_its_ticket() -> None:
    post = Post()
    async with post.running():
        told = await post.tell(test_deliver.trouble())
        await post.pass_time(2)
    (card,) = post.slack.cards(CHANNEL)
    assert card.message.ticket == f"ticket of {told.name}"


def test_the_thread_says_all_alike_nodes_in_one_line_the_worst_first() -> None:
    plan = plans.plan(
        predictions=(
            *(Prediction(f"a{n}", Effect.UNCHANGED, "eth1", "eth1") for n in range(118)),
            Prediction("b1", Effect.CHANGES, "eth0", "eth1"),
            Prediction("b2", Effect.FAILS, "bond1", "", "no address"),
        ),
        ownership=Ownership("Helm", "the next upgrade reverts it", "label", "args: [x]"),
        reasoning=("peak 60Mi",),
    )
    said = {each.heading: each for each in plancards.particulars(plan).sections}
    lines = said["Predicted for each node"].lines
    assert [line.split(":")[0] for line in lines] == [
        "1 node, no NIC would be found (no address)",
        "1 node, eth0 becomes eth1",
        "118 nodes, unchanged on eth1",
    ]
    assert all(f"a{n}" in lines[-1] for n in range(118))
    assert '"op": "replace"' in said["Patch of step 1"].verbatim
    assert said["For the repository of Helm"].verbatim == "args: [x]"
    assert said["Why so"].lines == ("peak 60Mi",)
    assert plan.digest in said["Bound to"].lines[-1]
