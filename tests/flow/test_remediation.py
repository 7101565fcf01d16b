"""Who may ask and decide, what a click is worth, and that none of it does more than it says."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.store.memory import MemoryStore
from bot.domain import audit, errors, notice, plan, run
from bot.domain.access import Role
from bot.domain.approval import Answer, Choice
from bot.domain.plan import Effect, Plan, Prediction
from bot.domain.snapshot import Gap
from bot.flow import (
    approve,
    authority,
    offering,
    ports,
    propose,
    recheck,
    remediation,
    remedy_answers,
    tickets,
)
from bot.flow import drafting as drafting_
from bot.flow.remedy_answers import Wishes
from bot.flow.site import Site
from bot.runbooks import NoPlan
from tests.checks import worlds
from tests.domain import plans
from tests.flow import networks
from tests.flow.fakes import LoopClock
from tests.flow.office import Office, Staff, ended
from tests.flow.plant import NEW, OLD, Plant
from tests.flow.test_execute import rolling
from tests.runbooks import cases

pytestmark = pytest.mark.looptime

Desk = remediation.Remediation
HOUR = timedelta(hours=1)


class Drafts(propose.Proposing):
    """Drafts what it is given instead of looking; everything else is the real thing."""

    next: Plan | NoPlan | errors.BotError

    async def draft(self, site, runbook, requester, wishes, *, incident=None):  # type: ignore[no-untyped-def,override]
        if isinstance(self.next, errors.BotError):
            raise self.next
        if isinstance(self.next, NoPlan):
            return self.next
        now = self._clock.now()
        return replace(
            self.next, id=0, requester=requester, created_at=now, expires_at=now + 15 * MINUTE,
            state=plan.State.PROPOSED, asked={"node": wishes.node},
        )  # fmt: skip


MINUTE = timedelta(minutes=1)


def drafting(
    sites: Mapping[str, Site],
    store: ports.Store,
    people: remedy_answers.People,
    drafts: propose.Proposing,
    clock: ports.Clock,
) -> drafting_.Drafting:
    """Where what people ask for becomes a request."""
    return drafting_.Drafting(
        sites,
        store,
        authority=authority.Authority(sites, people),
        tickets=tickets.Tickets(store),
        offering=offering.Offering(sites, clock=clock),
        proposing=drafts,
    )


class Bench:
    """A desk over a plant."""

    def __init__(
        self,
        *,
        enabled: bool = True,
        store: MemoryStore | None = None,
        staff: remedy_answers.People | None = None,
    ) -> None:
        self.clock = LoopClock()
        self.store = store or MemoryStore()
        self.plant = Plant(self.clock)
        self.office = Office(
            self.plant, self.store, self.clock, staff=staff or Staff(), enabled=enabled
        )
        office = self.office
        self.sites: dict[str, Site] = {"prod": office.site}
        self.drafts = Drafts(
            self.sites, office.journal, office.situations,
            clock=self.clock, options=propose.Options(),
        )  # fmt: skip
        self.drafts.next = rolling()
        self.desk = Desk(
            self.sites,
            office.journal,
            situations=office.situations,
            people=office.staff,
            drafting=drafting(self.sites, self.store, office.staff, self.drafts, self.clock),
            approving=approve.Approving(
                office.journal,
                office.staff,
                void=recheck.Rechecking(
                    self.sites, office.journal, office.situations, self.drafts, clock=self.clock
                ).void,
                clock=self.clock,
            ),
            clock=self.clock,
            wake=office.executor.wake,
        )

    async def asked(self, user: str = "UREQ") -> Plan:
        made = await self.desk.propose(None, "anchor_regex", user, wishes=Wishes())
        assert made.plan is not None, made
        assert made.denials == ()
        return made.plan

    async def click(self, held: Plan, user: str, choice: Choice = Choice.APPROVE) -> Answer:
        ticket = await self.desk.of_plan(held)
        return (await self.desk.vote(ticket, user, choice, reason="no")).answer

    async def under_way(self) -> tuple[run.Run, asyncio.Task[None]]:
        """A run in the middle of its rollout, and who carries it out."""
        self.plant.pace = MINUTE
        await self.click(await self.asked(), "UAPP")
        work = asyncio.create_task(self.office.work())
        await asyncio.sleep(30)
        (held,) = await self.store.remedy.runs()
        return held, work


def staff(bench: Bench) -> Staff:
    assert isinstance(bench.office.staff, Staff)
    return bench.office.staff


async def test_a_request_is_approved_by_another_and_carried_out() -> None:
    bench = Bench()
    held = await bench.asked()
    assert await bench.click(held, "UAPP") is Answer.APPROVED
    await bench.office.work()
    assert (await ended(bench.store)).state is run.State.SUCCEEDED
    assert bench.plant.args == NEW
    kinds = [one.kind for one in await bench.store.remedy.deeds()]
    assert kinds[:3] == ["plan_proposed", "plan_approved", "run_started"]
    assert audit.verify(await bench.store.remedy.deeds()).broken is None


@pytest.mark.parametrize(
    ("user", "answer"),
    [
        ("UAPP", Answer.APPROVED),
        ("UBOTH", Answer.APPROVED),
        ("UREQ", Answer.NOT_ALLOWED),
        ("UADM", Answer.NOT_ALLOWED),
        ("UVIEW", Answer.NOT_ALLOWED),
    ],
)
async def test_only_approvers_approve(user: str, answer: Answer) -> None:
    bench = Bench()
    assert await bench.click(await bench.asked(), user) is answer


async def test_whoever_asked_cannot_approve_though_they_are_an_approver() -> None:
    bench = Bench()
    assert await bench.click(await bench.asked("UBOTH"), "UBOTH") is Answer.OWN_REQUEST


async def test_a_guest_is_refused_by_name_and_changes_nothing() -> None:
    bench = Bench()
    held = await bench.asked()
    with pytest.raises(errors.Refused):
        await bench.click(held, "UGUEST")
    assert (await bench.store.remedy.votes(held.id)) == []


@pytest.mark.parametrize("user", ["UVIEW", "UAPP", "UADM"])
async def test_only_requesters_ask(user: str) -> None:
    bench = Bench()
    with pytest.raises(errors.Refused, match=r"<@UREQ> may"):
        await bench.asked(user)
    assert await bench.store.remedy.plans() == []


async def test_anybody_may_ask_what_would_be_and_nothing_is_opened() -> None:
    bench = Bench()
    made = await bench.desk.propose(None, "anchor_regex", "UVIEW", wishes=Wishes(), what_if=True)
    assert made.plan is not None
    assert made.plan.id == 0
    assert await bench.store.remedy.plans() == []


async def test_while_it_only_observes_nothing_can_be_asked_for() -> None:
    bench = Bench(enabled=False)
    with pytest.raises(errors.Refused, match="only observes"):
        await bench.asked()


async def test_guards_refuse_at_the_proposal_and_open_nothing() -> None:
    bench = Bench()
    bench.drafts.next = replace(
        rolling(), predictions=(Prediction("n1", Effect.FAILS, "eth1", ""),)
    )
    made = await bench.desk.propose(None, "anchor_regex", "UREQ", wishes=Wishes())
    assert [one.guard for one in made.denials] == ["nic_prediction"]
    assert await bench.store.remedy.plans() == []


async def test_no_plan_is_told_with_its_reason_and_what_would_do_instead() -> None:
    bench = Bench()
    bench.drafts.next = NoPlan("n3 would fail", manual="kubectl ...", instead=("anchor-regex",))
    made = await bench.desk.propose(None, "raise-memory", "UREQ", wishes=Wishes())
    assert (made.plan, made.reason, made.manual) == (None, "n3 would fail", "kubectl ...")
    assert [one.runbook for one in made.offers] == ["anchor-regex"]


async def test_a_plan_that_would_be_another_by_now_is_void_and_asks_anew() -> None:
    bench = Bench()
    held = await bench.asked()
    bench.drafts.next = replace(
        rolling(), bindings=tuple(replace(one, generation=2) for one in rolling().bindings)
    )
    bench.plant.document["metadata"]["generation"] = 2
    assert await bench.click(held, "UAPP") is Answer.SUPERSEDED
    (fresh,) = await bench.store.remedy.plans()
    assert fresh.id != held.id
    assert fresh.requester == "UREQ"
    assert (await bench.store.remedy.plan(held.id)).state is plan.State.SUPERSEDED  # type: ignore[union-attr]
    assert await bench.click(held, "UAPP") is Answer.SUPERSEDED
    assert await bench.click(fresh, "UAPP") is Answer.APPROVED


@pytest.mark.parametrize(
    "gone", [errors.Unavailable("the API server is silent"), NoPlan("n1 would fail now")]
)
async def test_what_cannot_be_checked_again_is_not_approved(
    gone: errors.BotError | NoPlan,
) -> None:
    bench = Bench()
    held = await bench.asked()
    bench.drafts.next = gone
    assert await bench.click(held, "UAPP") is Answer.DENIED
    assert (await bench.store.remedy.votes(held.id)) == []


async def test_a_freeze_stops_the_click_and_its_end_allows_it() -> None:
    bench = Bench()
    held = await bench.asked()
    said = await bench.desk.freeze(None, "UAPP", lasts=HOUR, reason="core switch")
    assert said.done
    assert await bench.click(held, "UAPP") is Answer.DENIED
    assert not (await bench.desk.unfreeze(None, "UREQ")).done
    assert (await bench.desk.unfreeze(None, "UADM")).done
    assert await bench.click(held, "UAPP") is Answer.APPROVED


async def test_a_request_that_nobody_decides_expires_and_says_so() -> None:
    bench = Bench()
    held = await bench.asked()
    await asyncio.sleep(15 * 60 + 1)
    assert await bench.click(held, "UAPP") is Answer.EXPIRED
    await bench.office.work(within=5)
    kept = await bench.store.remedy.plan(held.id)
    assert kept is not None
    assert kept.state is plan.State.EXPIRED
    assert bench.plant.patches == []


async def test_a_rejection_holds_whoever_approves_later() -> None:
    bench = Bench()
    held = await bench.asked()
    assert await bench.click(held, "UAPP", Choice.REJECT) is Answer.REJECTED
    assert await bench.click(held, "UAPP2") is Answer.DECIDED
    kept = await bench.store.remedy.plan(held.id)
    assert kept is not None
    assert (kept.state, kept.reason) == (plan.State.REJECTED, "no")


async def test_two_are_needed_where_the_plan_says_two() -> None:
    bench = Bench()
    bench.drafts.next = replace(rolling(), quorum=2)
    held = await bench.asked()
    assert await bench.click(held, "UAPP") is Answer.COUNTED
    assert await bench.click(held, "UAPP") is Answer.ALREADY_VOTED
    assert await bench.click(held, "UAPP2") is Answer.APPROVED


async def test_twenty_clicks_at_once_execute_it_once() -> None:
    bench = Bench()
    held = await bench.asked()
    for number in range(20):
        staff(bench).roles[f"UA{number}"] = {Role.APPROVER}
    answers = await asyncio.gather(*(bench.click(held, f"UA{n}") for n in range(20)))
    assert answers.count(Answer.APPROVED) == 1
    assert set(answers) == {Answer.APPROVED, Answer.DECIDED}
    await bench.office.work()
    assert len(bench.plant.patches) == 1


async def test_asked_for_twice_it_is_one_request() -> None:
    bench = Bench()
    held = await bench.asked()
    staff(bench).roles["UREQ2"] = {Role.REQUESTER}
    again = await bench.desk.propose(None, "anchor_regex", "UREQ2", wishes=Wishes())
    assert again.plan is not None
    assert again.plan.id == held.id
    assert "asks for that already" in again.reason


FORGED = ["", "7", "PLAN-1", "p1", "p1-" + "0" * 32, "p99999-" + "a" * 32, "i1-" + "0" * 32, "p1-é"]


@pytest.mark.parametrize("value", FORGED)
async def test_a_forged_button_does_nothing(value: str) -> None:
    bench = Bench()
    await bench.asked()
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: bench.desk.vote(value, "UAPP", Choice.APPROVE),
        lambda: bench.desk.cancel(value, "UAPP"),
        lambda: bench.desk.undo(value, "UREQ"),
        lambda: bench.desk.fix(value, "UREQ"),
        lambda: bench.desk.amend(value, "UREQ", wishes=Wishes()),
    ]
    for act in acts:
        with pytest.raises(errors.Refused):
            await act()
    assert (await bench.store.remedy.votes(1)) == []


async def test_a_button_of_one_plan_is_none_of_another() -> None:
    bench = Bench()
    one = await bench.asked()
    ticket = await bench.desk.of_plan(replace(one, id=one.id + 1))
    with pytest.raises(errors.Refused):
        await bench.desk.vote(ticket, "UAPP", Choice.APPROVE)
    bent = await bench.desk.of_plan(replace(one, title="other", at_once=7))
    with pytest.raises(errors.Refused):
        await bench.desk.vote(bent, "UAPP", Choice.APPROVE)


async def test_buttons_outlive_the_process_that_made_them() -> None:
    first = Bench()
    held = await first.asked()
    ticket = await first.desk.of_plan(held)
    second = Bench(store=first.store)
    assert (await second.desk.vote(ticket, "UAPP", Choice.APPROVE)).answer is Answer.APPROVED
    # And a click that is replayed says what is true by now.
    assert (await first.desk.vote(ticket, "UAPP", Choice.APPROVE)).answer is Answer.DECIDED


@pytest.mark.parametrize(
    ("user", "done"),
    [("UREQ", True), ("UAPP", True), ("UADM", True), ("cli", True), ("UVIEW", False)],
)
async def test_a_run_is_cancelled_by_those_who_have_a_say(user: str, done: bool) -> None:
    bench = Bench()
    held, work = await bench.under_way()
    said = await bench.desk.cancel_run(held.id, user)
    assert said.done is done
    await work
    assert (await ended(bench.store)).state is (run.State.ABORTED if done else run.State.SUCCEEDED)
    assert bench.plant.args == (OLD if done else NEW)


@pytest.mark.parametrize(
    ("user", "done"), [("UREQ", True), ("UAPP", True), ("UADM", True), ("UVIEW", False)]
)
async def test_a_run_waits_longer_when_those_say_so_who_have_a_say(user: str, done: bool) -> None:
    bench = Bench()
    held, work = await bench.under_way()
    button = await bench.desk.of_run(held)
    idle = await bench.desk.prolong_run(held.id, user)
    assert not idle.done
    assert ("held up by nothing" in idle.text) is done
    later = bench.clock.now() + MINUTE
    async with bench.store.unit() as unit:
        await unit.remedy.save_run(replace(held, gives_up_at=later), epoch=held.epoch)
    assert (await bench.desk.prolong(button, user)).done is done
    (held,) = await bench.store.remedy.runs()
    assert held.prolonged == int(done)
    await work
    over = await bench.desk.prolong_run(held.id, "UAPP")
    assert not over.done
    assert "has ended" in over.text


@pytest.mark.parametrize(
    ("user", "answer"),
    [("UREQ", Answer.WITHDRAWN), ("UADM", Answer.WITHDRAWN), ("UAPP", Answer.NOT_ALLOWED)],
)
async def test_a_request_is_withdrawn_by_who_asked_or_an_admin(user: str, answer: Answer) -> None:
    bench = Bench()
    held = await bench.asked()
    assert (await bench.desk.withdraw(held.id, user)).answer is answer


@pytest.mark.parametrize(
    ("user", "may"),
    [("UREQ", True), ("UAPP", True), ("UADM", True), ("cli", True), ("UVIEW", False)],
)
async def test_changes_are_frozen_by_those_who_have_a_say(user: str, may: bool) -> None:
    bench = Bench()
    assert (await bench.desk.freeze(None, user, lasts=HOUR, reason="x")).done is may
    assert bool(await bench.desk.frozen()) is may


async def test_who_froze_may_lift_it() -> None:
    bench = Bench()
    await bench.desk.freeze("prod", "UREQ", lasts=HOUR, reason="x")
    assert (await bench.desk.unfreeze("prod", "UREQ")).done
    assert await bench.desk.frozen() == []


@pytest.mark.parametrize(("lasts", "reason"), [(timedelta(), "x"), (HOUR, "  ")])
async def test_a_freeze_needs_a_time_and_a_reason(lasts: timedelta, reason: str) -> None:
    with pytest.raises(errors.Refused, match="for how long and why"):
        await Bench().desk.freeze(None, "UADM", lasts=lasts, reason=reason)


async def test_a_cards_view_names_who_may_and_carries_a_button_while_it_is_open() -> None:
    bench = Bench()
    held = await bench.asked("UBOTH")
    view = await bench.desk.plan(held.id)
    assert view.approvers == ("UAPP", "UAPP2", "UBOTH")
    assert view.ticket
    await bench.click(held, "UAPP")
    assert (await bench.desk.plan(held.id)).ticket == ""
    await bench.office.work()
    assert (await bench.desk.run(1)).ticket.startswith("r1-")


async def test_every_change_of_a_plan_is_told() -> None:
    bench = Bench()
    held = await bench.asked()
    rows = [row async for row in _rows(bench.store)]
    assert [(row.kind, row.plan) for row in rows] == [
        (notice.Kind.PLAN, held.id),
        (notice.Kind.DETAIL, held.id),
    ]


async def _rows(store: MemoryStore):  # type: ignore[no-untyped-def]
    now = plans.START + timedelta(days=1)
    for _ in itertools.count():
        row = await store.claim(now=now)
        if row is None:
            return
        posted = (
            [notice.PostedPlan(row.plan, row.channel, "1.0", now, now, row.id)] if row.plan else []
        )
        await store.delivered([row], at=now, posted=posted)
        yield row


@pytest.mark.parametrize("number", [0, 99])
async def test_a_plan_or_run_that_is_not_there_is_said(number: int) -> None:
    bench = Bench()
    for ask in (bench.desk.plan, bench.desk.run):
        with pytest.raises(errors.Refused, match=f"-{number}"):
            await ask(number)


@pytest.mark.parametrize(
    ("check", "unseen", "offered"),
    [("nic_pattern", True, True), ("nic_pattern", False, False), ("node_not_ready", True, False)],
)
async def test_a_card_keeps_its_button_while_the_cluster_is_not_seen_yet(
    check: str, unseen: bool, offered: bool
) -> None:
    """Right after a start cards are renewed before anything has been listed."""
    bench = Bench()
    gap = Gap("daemonsets", "not listed yet", plans.START)
    nothing = worlds.world(gaps=(gap,) if unseen else ())
    site = replace(bench.office.site, mirror=networks.StillMirror(nothing))
    bench.sites["prod"] = site
    async with bench.store.unit() as unit:
        held = await unit.save_incident(cases.trouble(check, id=0))
    assert bool(await bench.desk.of_incident(held)) == offered
    with pytest.raises(errors.Refused, match="not seen right now" if offered else "no runbook"):
        await bench.desk.fix_incident(held.id, "UREQ")
