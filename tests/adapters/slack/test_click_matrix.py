"""Whoever clicks whatever wherever with whichever value: no write without the role, one answer."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.slack import app as slack_app
from bot.adapters.slack import people as roles
from bot.adapters.slack import remedy_clicks, remedy_forms, wording, wording_plans
from bot.adapters.store.memory import MemoryStore
from bot.domain import access, errors, plan, run, ticket
from bot.domain.access import Role
from bot.domain.finding import Severity
from bot.runbooks import NoPlan
from bot.sim.slack import payloads
from bot.sim.slack import people as cast
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack, until
from tests.flow import test_remediation
from tests.flow.test_execute import on_delete, rolling
from tests.flow.test_remediation import Bench

DAY = timedelta(days=1)
ACTIONS = tuple(remedy_clicks.NEEDED)
CHANNELS = ("C0ALERTS", "C0SHARED", "DM")
HOLDERS = {
    "U0OPERATOR": Role.REQUESTER,
    "U0APPROVER": Role.APPROVER,
    "U0APPROVER2": Role.APPROVER,
    "U0ADMIN": Role.ADMIN,
}
LISTED = frozenset({"U0GUEST", "U0STRANGER", "U0ROBOT", "U0LEFT", "U0NOBODY"})
"""Whom the lists name by mistake: that must not help them."""
POLICY = access.Policy(
    {
        Role.REQUESTER: access.Members(users=LISTED | {"U0OPERATOR"}),
        Role.APPROVER: access.Members(users=LISTED, groups=frozenset({"S0ONCALL"})),
        Role.ADMIN: access.Members(users=LISTED | {"U0ADMIN"}),
    }
)
NEW = (
    cast.Person(id="U0ADMIN", name="ada", real_name="Ada Admin"),
    cast.Person(id="U0ROBOT", name="robo", real_name="Robo", is_bot=True),
    cast.Person(id="U0LEFT", name="lee", real_name="Lee Left", deleted=True),
)
UNKNOWN = cast.Person(id="U0NOBODY", name="no", real_name="No Body")


@dataclass(frozen=True)
class Click:
    """One press, as Slack would send it, and what it may lead to."""

    user: str
    action: str
    value: Any
    channel: str = "C0ALERTS"
    team: str = ""
    """Of the person, where the payload lies about it."""

    @property
    def may(self) -> bool:
        return (
            self.channel != "C0SHARED"
            and not self.team
            and HOLDERS.get(self.user) in remedy_clicks.NEEDED[self.action]
        )


@dataclass
class Floor:
    """A pretend Slack with a bot that has remediation behind it."""

    slack: Slack
    bench: Bench
    paths: dict[str, Click] = field(default_factory=dict)
    triggers: dict[str, Click] = field(default_factory=dict)

    def payload(self, click: Click, stamp: int, **more: Any) -> dict[str, Any]:
        world = self.slack.server.world
        person = world.space.people.get(click.user, UNKNOWN)
        person = replace(person, team=click.team or person.team)
        where = world.space.open_im(click.user).id if click.channel == "DM" else click.channel
        path = world.responses.new("actions", channel=where, user=click.user)
        trigger = world.triggers.new(click.user)
        self.paths[path], self.triggers[trigger] = click, click
        return (
            payloads.message_click(
                person=person,
                home=world.space.teams[cast.TEAM],
                channel=cast.Channel(id=where, name="x", members=frozenset()),
                ts="1.000001",
                thread_ts=None,
                # What a message carries unseen is not asked, or this would be another plan.
                message={"metadata": {"event_type": "flannel_bot", "event_payload": {"plan": 2}}},
                action={
                    "type": "button",
                    "action_id": click.action,
                    "action_ts": f"{stamp}.0",
                    "value": click.value,
                },
                callback=payloads.Callback(
                    trigger_id=trigger, response_url=self.slack.server.page.rstrip("/") + path
                ),
            )
            | more
        )

    async def press(self, clicks: list[Click]) -> None:
        """Press all of them at once and wait until the bot has nothing left to do."""
        known = len(self.paths)
        sent = [self.payload(click, known + number) for number, click in enumerate(clicks)]
        due = self.answers().total() + len(clicks)
        for start in range(0, len(sent), 40):
            await asyncio.gather(*(self.send(one) for one in sent[start : start + 40]))
        await until(lambda: self.answers().total() >= due)

    async def send(self, payload: dict[str, Any]) -> None:
        outcome = await self.slack.server.world.way.send("interactive", payload)
        assert outcome.acked, outcome

    def answers(self) -> Counter[Click]:
        """How often each was answered: at its own address, or by a window of its own."""
        told = Counter(
            self.paths[entry["path"]]
            for entry in self.slack.noted("response_url")
            if entry["status"] == 200
        )
        opened = (self.triggers.get(args["trigger_id"]) for args in self.slack.calls("views.open"))
        return told + Counter(click for click in opened if click is not None)

    def words(self, user: str) -> list[str]:
        return [whisper.text for whisper in self.slack.whispers(user)]

    async def deeds(self) -> list[str]:
        return [f"{one.actor} {one.kind}" for one in await self.bench.store.remedy.deeds()]


class Drafts(test_remediation.Drafts):
    """Also what would take something back."""

    async def _undoing(self, site, done, ended, requester):  # type: ignore[no-untyped-def,override]
        return await self.draft(site, "undo", requester, _WISHES)

    async def case(self, site, requester, **asked):  # type: ignore[no-untyped-def,override]
        raise errors.Unavailable("no node is looked at here")


_WISHES = test_remediation.Wishes()


@asynccontextmanager
async def floor(slack: Slack, store: MemoryStore) -> AsyncIterator[Floor]:
    """A process of the bot; another one with the same store is its successor."""
    for person in NEW:
        slack.server.world.space.people.setdefault(person.id, person)
    await slack.fault("rate_limits_off")
    async with slack.web() as web:
        clock = samples.Clock()
        staff = roles.People(web, policies=access.Policies({"prod": POLICY}), clock=clock)
        bench = Bench(store=store, staff=staff)
        bench.drafts.__class__ = Drafts
        desk = samples.Desk()
        desk.remedy = bench.desk
        app = slack_app.SlackApp(
            web, options=slack.options(), desk=desk, clock=clock, telemetry=slack.telemetry,
            people=staff,
        )  # fmt: skip
        running = asyncio.create_task(app.run())
        try:
            await until(lambda: app.connected or running.done())
            yield Floor(slack, bench)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def values(bench: Bench, *, works: bool = True) -> dict[str, str]:
    """The right value of each button, for things that are there to be decided on.

    With `works` a run is under way, which forbids to begin another.
    """
    store, clock = bench.store, bench.clock
    now = clock.now()
    async with store.unit() as unit:
        trouble = await unit.save_incident(
            replace(samples.trouble(), id=0, severity=Severity.WARNING)
        )
        plans = []
        for number, state in enumerate([plan.State.PROPOSED] * 2 + [plan.State.APPROVED] * 2):
            made = rolling(title=f"number {number}", requester="U0OPERATOR", id=0)
            made = replace(made, created_at=now, expires_at=now + timedelta(minutes=15))
            kept = await unit.remedy.save_plan(made)
            if state is plan.State.APPROVED:
                kept = replace(kept, state=state, decided_at=now, decided_by=("U0APPROVER",))
                kept = await unit.remedy.save_plan(kept)
            plans.append(kept)
        runs = [
            await unit.remedy.start(one, run.begin(one, executor="e", now=now)) for one in plans[2:]
        ]
        over = [
            replace(one, state=run.State.SUCCEEDED, phase=run.Phase.OVER, ended_at=now - DAY)
            for one in (runs[1:] if works else runs)
        ]
        for one in over:
            await unit.remedy.save_run(one, epoch=1)
    desk = bench.desk
    voted, other = await desk.of_plan(plans[0]), await desk.of_plan(plans[1])
    incident = await desk._tickets.value(ticket.Ticket(ticket.Kind.INCIDENT, trouble.id))
    return {
        "propose_fix": incident,
        "approve_plan": voted,
        "reject_plan": voted,
        "edit_plan": voted,
        "cancel_run": await desk.of_run(runs[0]),
        "prolong_run": await desk.of_run(runs[0]),
        "undo_run": await desk.of_run(over[-1]),
        "other": other,
    }


def forged(action: str, right: dict[str, str]) -> list[Any]:
    """Values that no button of this bot carries for that."""
    value = right[action]
    seal = value.partition("-")[2]
    wrong = right["cancel_run" if action in ("propose_fix", "undo_run") else "propose_fix"]
    key = b"0123456789abcdef"
    stale = ticket.made(key, ticket.Ticket(ticket.Kind.PLAN, 1, "another digest"))
    return [
        "",
        value + "x" * 1_900,
        value.upper(),
        f"{value[0]}1-" + "0" * 32,
        f"{value[0]}99-{seal}",
        wrong if action != "undo_run" else right["approve_plan"],
        stale,
        {"value": value},
    ]


async def test_nobody_without_the_role_causes_a_write_and_every_click_has_one_answer(
    slack: Slack,
) -> None:
    store = MemoryStore()
    async with floor(slack, store) as on:
        right = await values(on.bench)
        people = [*HOLDERS, "U0BYSTANDER", *sorted(LISTED), cast.BOT_USER]
        clicks = [
            Click(user, action, right[action], channel)
            for user, action, channel in itertools.product(people, ACTIONS, CHANNELS)
        ]
        clicks += [
            Click(user, action, right[action], team=cast.OTHER_TEAM)
            for user, action in itertools.product(HOLDERS, ACTIONS)
        ]
        clicks += [Click("U0STRANGER", action, right[action], team=cast.TEAM) for action in ACTIONS]
        clicks = [one for one in clicks if not one.may]
        assert len(clicks) > 180
        before = await on.deeds()
        await on.press(clicks)
        assert await on.deeds() == before
        assert not slack.said()
        assert not slack.calls("views.open")
    assert on.answers() == Counter(clicks)
    heard = {user: set(on.words(user)) for user in people}
    outside = {
        "U0GUEST": wording.GUEST,
        "U0STRANGER": wording.OUTSIDER,
        "U0ROBOT": wording.BOT_CALLER,
        cast.BOT_USER: wording.BOT_CALLER,
        "U0LEFT": wording.DEACTIVATED,
        "U0NOBODY": wording.UNKNOWN_CALLER,
    }
    for user, why in outside.items():
        assert all(why in text for text in heard[user]), (user, heard[user])
    lacking = [text for text in heard["U0BYSTANDER"] if "may not" in text]
    assert len(lacking) == len(ACTIONS)
    assert any("@U0APPROVER" in text and "@U0APPROVER2" in text for text in lacking)


async def test_what_no_button_carries_does_nothing_whoever_presses_it(slack: Slack) -> None:
    store = MemoryStore()
    async with floor(slack, store) as on:
        right = await values(on.bench)
        clicks = [
            Click(user, action, str(value) if isinstance(value, dict) else value)
            for user, action in itertools.product(HOLDERS, ACTIONS)
            for value in forged(action, right)
        ]
        # One window at a time is what a person sees; they are judged below.
        windowed = {"reject_plan", "edit_plan"}
        clicks = [one for one in clicks if one.may and one.action not in windowed]
        before = await on.deeds()
        await on.press(clicks)
        assert await on.deeds() == before
    assert on.answers() == Counter(clicks)
    for user in HOLDERS:
        assert all("not one of this bot's" in text for text in on.words(user)), on.words(user)


def answered(slack: Slack, view: str) -> str:
    """What a window says, once it no longer asks or waits."""
    shown = slack.server.world.views.get(view)
    assert shown is not None
    text = str(shown.body)
    return "" if "private_metadata" in text or wording_plans.SENT in text else text


async def test_windows_are_judged_when_they_are_submitted(slack: Slack) -> None:
    """Who opened a window, and what it carries, says nothing about who may submit it."""
    store = MemoryStore()
    filled = {"asked": {"asked": {"type": "plain_text_input", "value": "64Mi"}}}
    async with floor(slack, store) as on, slack.web() as web:
        right = await values(on.bench)
        before = await on.deeds()

        async def submitted(user: str, name: str) -> str:
            may = HOLDERS.get(user) in remedy_clicks.NEEDED[name]
            value = forged(name, right)[4] if may else right[name]
            shown = remedy_forms.reject(remedy_forms.Carried(value, "C0ALERTS", 1, 2**40))
            trigger = slack.server.world.triggers.new(user)
            opened = await web.sdk.views_open(
                trigger_id=trigger, view=shown | {"callback_id": name}
            )
            view = opened["view"]["id"]
            await slack.act("view_submit", user=user, view_id=view, values=filled)
            return str(await until(lambda: answered(slack, view)))

        people = [*HOLDERS, "U0BYSTANDER", "U0GUEST", "U0STRANGER"]
        for name in sorted(remedy_forms.NAMES):
            told = await asyncio.gather(*(submitted(user, name) for user in people))
            for user, text in zip(people, told, strict=True):
                may = HOLDERS.get(user) in remedy_clicks.NEEDED[name]
                outside = {"U0GUEST": wording.GUEST, "U0STRANGER": wording.OUTSIDER}
                words = "not one of this bot" if may else outside.get(user, "You may not")
                assert words in text, (user, name)
        assert await on.deeds() == before


async def test_an_approval_counts_once_doubled_replayed_and_after_a_restart(slack: Slack) -> None:
    store = MemoryStore()
    async with floor(slack, store) as on:
        right = await values(on.bench, works=False)
        before = len(await on.deeds())
        click = Click("U0APPROVER", "approve_plan", right["approve_plan"])
        payload = on.payload(click, 7)
        await asyncio.gather(*(on.send(payload) for _ in range(5)))
        late = Click("U0APPROVER2", "approve_plan", right["approve_plan"])
        await until(lambda: on.answers()[click])
        await on.press([late])
        assert on.answers() == Counter([click, late])
        assert "PLAN-1 is approved" in on.words("U0APPROVER")[0]
        assert "was approved already" in on.words("U0APPROVER2")[0]
        assert "@U0APPROVER" in on.words("U0APPROVER2")[0]
        deeds = await on.deeds()
        assert deeds[before:] == ["U0APPROVER plan_approved"]
    async with floor(slack, store) as successor:
        successor.paths, successor.triggers = on.paths, on.triggers
        await successor.send(payload)
        await until(lambda: len(successor.words("U0APPROVER")) == 2)
        assert "was approved by you already" in successor.words("U0APPROVER")[1]
        assert await successor.deeds() == deeds
    assert len(await store.remedy.votes(1)) == 1
    assert await store.remedy.votes(2) == []


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        ({"expires_at": True}, "expired"),
        ({"state": plan.State.SUPERSEDED, "reason": "its flags were changed"}, "void"),
        ({"state": plan.State.REJECTED, "decided_by": ("U0APPROVER2",)}, "was rejected already"),
        ({"state": plan.State.WITHDRAWN, "decided_by": ("U0OPERATOR",)}, "was withdrawn already"),
    ],
    ids=["expired", "superseded", "rejected", "withdrawn"],
)
async def test_a_card_of_what_is_over_says_how_it_ended(
    slack: Slack, bend: dict[str, Any], said: str
) -> None:
    store = MemoryStore()
    async with floor(slack, store) as on:
        now = on.bench.clock.now()
        ends = now - timedelta(minutes=1) if "expires_at" in bend else now + timedelta(minutes=9)
        made = rolling(requester="U0OPERATOR", id=0, created_at=now, expires_at=ends)
        async with store.unit() as unit:
            kept = await unit.remedy.save_plan(made)
            if "state" in bend:
                kept = await unit.remedy.save_plan(replace(kept, decided_at=now, **bend))
        value = await on.bench.desk.of_plan(kept)
        before = await on.deeds()
        await on.press([Click("U0APPROVER", "approve_plan", value)])
        (text,) = on.words("U0APPROVER")
        assert said in text
        assert all(f"@{who}" in text for who in bend.get("decided_by", ()))
        assert [one for one in await on.deeds() if one not in before] in (
            [], ["U0APPROVER plan_expired"],
        )  # fmt: skip
    assert await store.remedy.votes(kept.id) == []


async def test_a_run_is_cancelled_once_and_whoever_comes_later_hears_so(slack: Slack) -> None:
    store = MemoryStore()
    async with floor(slack, store) as on:
        right = await values(on.bench)
        before = len(await on.deeds())
        for user, said in (("U0APPROVER", "is being cancelled"), ("U0ADMIN", "has ended already")):
            await on.press([Click(user, "cancel_run", right["cancel_run"])])
            assert said in on.words(user)[-1]
        assert (await on.deeds())[before:] == ["U0APPROVER run_cancelled", "e run_aborted"]


async def test_by_a_typed_command_those_have_a_run_wait_longer_who_may_by_its_button(
    slack: Slack,
) -> None:
    store = MemoryStore()
    async with floor(slack, store) as on:
        await values(on.bench)
        held = next(one for one in await store.remedy.runs() if not one.over)
        later = on.bench.clock.now() + timedelta(minutes=1)
        async with store.unit() as unit:
            await unit.remedy.save_run(replace(held, gives_up_at=later), epoch=held.epoch)
        for user in (*HOLDERS, "U0BYSTANDER"):
            before, heard = await on.deeds(), len(on.words(user))
            await slack.act("command", user=user, channel="C0ALERTS", text=f"wait {held.name}")
            await until(lambda user=user, heard=heard: len(on.words(user)) > heard)  # type: ignore[misc]
            may = user in HOLDERS
            assert ("waits as long again" in on.words(user)[-1]) is may
            new = (await on.deeds())[len(before) :]
            assert new == ([f"{user} run_prolonged"] if may else [])


async def test_undoing_is_a_request_of_its_own_or_says_why_not(slack: Slack) -> None:
    store = MemoryStore()
    async with floor(slack, store) as on:
        right = await values(on.bench, works=False)
        click = Click("U0OPERATOR", "undo_run", right["undo_run"])
        on.bench.drafts.next = NoPlan("n3 would fail")
        await on.press([click])
        before = len(await on.deeds())
        on.bench.drafts.next = on_delete()
        await on.press([click])
        assert "U0OPERATOR plan_proposed" in (await on.deeds())[before:]
    refused, proposed = on.words("U0OPERATOR")
    assert "n3 would fail" in refused
    assert "is proposed" in proposed
