"""People take incidents on and silence them: through the cycle, the store and the outbox."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.adapters.store import memory
from bot.domain import access, errors, inhibition, notice, routing, run, snapshot
from bot.domain.access import Role
from bot.domain.incident import State
from bot.domain.target import Target
from bot.flow import attending, cycle, deliver, handover, quieting
from tests.domain import plans
from tests.flow import fakes, office
from tests.flow.test_cycle import World, pod

pytestmark = pytest.mark.looptime

HOUR = timedelta(hours=1)


class People:
    """Three full members; everybody else is an outsider."""

    async def person(self, user: str, cluster: str | None, *, fresh: bool = False) -> access.Person:
        del fresh
        if user not in ("U1", "U2", "UREQ"):
            raise errors.Refused("Only members of this workspace can use this bot.")
        more = {Role.REQUESTER} if user == "UREQ" else set()
        return access.Person(user, frozenset({Role.VIEWER, *more}))

    async def who(self, role: Role, cluster: str | None) -> tuple[str, ...]:
        return ("UREQ",) if role is Role.REQUESTER else ()


@dataclass
class Watch:
    """A cluster whose containers are killed at will, and who attends to it."""

    routes: tuple[routing.Route, ...] = ()
    budget: int = 0
    woken: int = 0
    clock: fakes.LoopClock = field(default_factory=fakes.LoopClock)
    killed: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(self.clock)
        self.store = memory.MemoryStore()
        self.slack = fakes.FakeSlack(self.clock)
        self.cycle = cycle.Cycle(
            self.world,
            self.store,
            clock=self.clock,
            telemetry=fakes.NoTelemetry(),
            options=cycle.Options(
                channel="C1",
                quiet=quieting.Options(
                    routing.Place("C1", ("S1",)), routes=self.routes, budget=self.budget
                ),
            ),
        )
        self.attention = attending.Attending(
            self.store,
            People(),
            clock=self.clock,
            quiet={"c": self.cycle.quiet},
            judge={"c": self.cycle.once},
            told=self._wake,
            hands=handover.Handover(self.store, {"c": self.world.snapshot}, clock=self.clock),
            allowed=5,
        )

    def _wake(self) -> None:
        self.woken += 1

    async def kill(self, *numbers: int) -> None:
        """Kill a container of each, some time after what was before."""
        await asyncio.sleep(5)
        for number in numbers:
            self.killed[number] = self.killed.get(number, 0) + 1
        at = self.clock.elapsed
        self.world.show(
            *[pod(n, times, at if n in numbers else None) for n, times in self.killed.items()]
        )
        await self.cycle.once()

    async def begin(self) -> None:
        self.world.show(*[pod(number) for number in range(1, 7)])
        self.killed = dict.fromkeys(range(1, 7), 0)
        await self.cycle.once()

    async def deliver(self, channel: str = "C1") -> None:
        async def compose(_: object) -> Sequence[notice.Detail]:
            return [notice.Detail("Particulars")]

        courier = deliver.Courier(
            channel,
            self.store,
            self.slack,
            clock=self.clock,
            telemetry=fakes.NoTelemetry(),
            compose=compose,
            options=deliver.Options(),
            on_call=lambda one: self.cycle.quiet.place(one).on_call,
        )
        await courier.work()

    async def incident(self, number: int = 1):
        found = await self.store.incident(number)
        assert found is not None
        return found

    def broadcasts(self) -> list[str]:
        shown = [m.message for m in self.slack.messages]
        return [d.title for d in shown if isinstance(d, notice.Detail) and d.broadcast]


async def test_who_takes_an_incident_on_is_on_its_card_in_the_deeds_and_in_its_story() -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    await watch.deliver()
    done = await watch.attention.acknowledge(1, "U1")
    assert (done.owner, done.done, done.again) == ("U1", True, False)
    await asyncio.sleep(5)
    await watch.deliver()
    (card,) = watch.slack.cards("C1")
    assert isinstance(card.message, notice.CardView)
    assert (card.message.incident.state, card.message.incident.owner) == (State.ACKNOWLEDGED, "U1")
    (deed,) = await watch.store.remedy.latest_deeds(5)
    assert (deed.actor, deed.subject, deed.kind) == ("U1", "INC-1", "acknowledged")
    assert [line.kind for line in await watch.store.timeline("INC-1")][-1] == "acknowledged"


async def test_twenty_clicks_at_once_give_one_owner_and_one_deed() -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    users = ["U1", "U2"] * 10
    told = await asyncio.gather(*(watch.attention.acknowledge(1, user) for user in users))
    owner = (await watch.incident()).owner
    assert sum(not each.again for each in told) == 1
    assert {each.owner for each in told} == {owner}
    assert len(await watch.store.remedy.latest_deeds(50)) == 1
    taken = await watch.attention.acknowledge(1, "UREQ", take=True)
    assert (taken.owner, taken.again) == ("UREQ", False)


async def test_what_gets_worse_wants_attention_again_and_says_who_had_it() -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    await watch.attention.acknowledge(1, "U1")
    await watch.kill(1, 2, 3, 4, 5)
    after = await watch.incident()
    assert (after.state, after.owner) == (State.OPEN, "U1")


@pytest.mark.parametrize(
    ("number", "user", "words"),
    [
        (9, "U1", "there is no INC-9; the newest are INC-1"),
        (1, "UOUT", "Only members"),
    ],
)
async def test_what_cannot_be_taken_on_is_refused_with_a_reason(
    number: int, user: str, words: str
) -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    with pytest.raises(errors.Refused, match=words):
        await watch.attention.acknowledge(number, user)


async def silenced(watch: Watch, **changes: object):
    given = {"cluster": "c", "expression": "check=oom_killed", "user": "UREQ", "lasts": HOUR}
    return await watch.attention.silence(**{**given, **changes})  # type: ignore[arg-type]


async def test_what_is_silenced_says_nothing_until_it_is_over_and_is_told_then() -> None:
    watch = Watch()
    await watch.begin()
    made = await silenced(watch, reason="we know")
    assert made.hides.incidents == ()
    await watch.kill(1)
    await watch.deliver()
    assert not watch.slack.messages
    hidden = await watch.incident()
    assert hidden.muted is not None
    assert (hidden.muted.silence, hidden.muted.text) == (1, "SIL-1: we know")
    (one,) = (await watch.attention.silences()).alive
    assert (one.hides.incidents, one.hides.critical, one.silence.withheld) == (("INC-1",), 0, 1)
    assert (await watch.attention.unsilence(1, "UREQ")).done
    await watch.deliver()
    assert len(watch.slack.cards("C1")) == 1
    kinds = [deed.kind for deed in await watch.store.remedy.latest_deeds(9)]
    assert kinds == ["silenced", "unsilenced"]


async def test_a_silence_breaks_when_more_nodes_are_affected_than_when_it_was_set() -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1, 2)
    await watch.deliver()
    made = await silenced(watch)
    assert (made.hides.incidents, made.hides.members) == (("INC-1",), 2)
    await watch.kill(1, 2)
    await watch.deliver()
    assert watch.broadcasts() == []
    await watch.kill(1, 2, 3)
    await watch.deliver()
    assert watch.broadcasts() == ["INC-1 unmuted"]
    said = [m.message for m in watch.slack.messages if isinstance(m.message, notice.Detail)][-1]
    assert "it is on 3 nodes now, and was on 2" in said.sections[0].lines[0]
    assert said.people == (), "nobody is called by name for a warning"
    listed = await watch.attention.silences()
    assert (listed.alive, listed.ended[0].broken) == ((), "it is on 3 nodes now, and was on 2")
    assert (await watch.store.remedy.latest_deeds(1))[0].kind == "silence_broken"


async def test_one_that_begins_later_hides_nothing_before() -> None:
    watch = Watch()
    await watch.begin()
    await silenced(watch, after=HOUR)
    await watch.kill(1)
    assert (await watch.incident()).muted is None
    await asyncio.sleep(3600)
    await watch.cycle.once()
    assert (await watch.incident()).muted is not None


REFUSED = [
    ({"user": "U1"}, "takes a requester, an approver or an admin"),
    ({"user": "UOUT"}, "Only members"),
    ({"expression": "check=oom_kiled"}, "at character 7: .*did you mean oom_killed"),
    ({"expression": "node=~a("}, "at character 7: .*missing closing"),
    ({"expression": "cluster=d"}, "there is no cluster 'd'"),
    ({"lasts": timedelta()}, "at most 31 d"),
    ({"lasts": timedelta(days=32)}, "at most 31 d"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
async def test_what_cannot_be_silenced_is_refused_and_leaves_nothing(
    changes: dict[str, object], words: str
) -> None:
    watch = Watch()
    await watch.begin()
    with pytest.raises(errors.Refused, match=words):
        await silenced(watch, **changes)
    assert (await watch.attention.silences()).alive == ()
    assert await watch.store.remedy.latest_deeds(5) == []


async def test_a_silence_of_an_incident_hides_its_check_on_its_workload() -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    made = await watch.attention.silence_incident(1, "UREQ", lasts=HOUR, reason="known")
    assert made.silence.expression == (
        "cluster=c,check=oom_killed,namespace=kube-system,workload=kube-proxy"
    )
    with pytest.raises(errors.Refused, match="there is no INC-5"):
        await watch.attention.silence_incident(5, "UREQ", lasts=HOUR)
    with pytest.raises(errors.Refused, match="there is no SIL-5; in force are SIL-1"):
        await watch.attention.unsilence(5, "UREQ")


async def test_a_route_sends_what_it_matches_elsewhere_with_its_own_on_call() -> None:
    route = routing.Route(attending.read("check=crash_loop"), channel="C2", on_call=("U7",))
    watch = Watch(routes=(route,))
    await watch.begin()
    await watch.kill(1)
    await watch.kill(1)
    await watch.deliver("C1")
    await watch.deliver("C2")
    (own,) = watch.slack.cards("C1")
    assert isinstance(own.message, notice.CardView)
    assert (own.message.incident.check, own.message.on_call) == ("oom_killed", ())
    (card,) = watch.slack.cards("C2")
    assert isinstance(card.message, notice.CardView)
    assert card.message.on_call == ("U7",)


async def test_the_hand_over_tells_what_is_open_silenced_cordoned_and_not_seen() -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    await watch.attention.acknowledge(1, "U1")
    await silenced(watch, expression="node=n9")
    told = await watch.attention.handover("c")
    headings = [section.heading for section in told.sections]
    assert headings == [
        "Open incidents: 1", "Silences that end soon: 1", "Plans waiting and runs at work: none",
        "Cordoned for more than a day: no node", "Not seen: nothing: everything is seen",
        "Fixes that did not hold: none",
    ]  # fmt: skip
    assert "taken on by U1" in told.sections[0].lines[0]
    with pytest.raises(errors.Refused, match="no cluster 'x'; known: c"):
        await watch.attention.handover("x")


async def test_the_report_counts_what_was_acted_on() -> None:
    watch = Watch()
    await watch.begin()
    await watch.kill(1)
    await watch.attention.acknowledge(1, "U1")
    (kind,) = (await watch.attention.noise(None)).kinds
    assert (kind.channel, kind.calls, kind.acknowledged) == ("C1", 1, 1)


async def test_a_channel_that_had_its_days_worth_is_called_for_what_is_new_or_critical_only() -> (
    None
):
    watch = Watch(budget=1)
    await watch.begin()
    await watch.kill(1)
    await watch.deliver()
    await watch.kill(1, 2, 3, 4, 5)
    await watch.deliver()
    assert watch.broadcasts() == []
    spread = [line.text for line in await watch.store.timeline("INC-1")][-1]
    assert "over the noise budget" in spread
    assert len((await watch.incident()).called_at) == 1
    assert len(watch.slack.cards("C1")) == 2, "the crash loop is new"


@pytest.mark.parametrize("fault", [errors.Unavailable("away"), errors.Conflict("another leads")])
async def test_what_is_stored_is_done_though_it_cannot_be_judged_here_and_now(
    fault: errors.BotError,
) -> None:
    watch = Watch()
    await watch.begin()

    async def judge() -> None:
        raise fault

    watch.attention._judge = {"c": judge}
    made = await silenced(watch)
    assert made.silence.name == "SIL-1"
    assert watch.woken == 1
    await watch.kill(1)
    assert (await watch.incident()).muted is not None


async def test_what_a_rollout_of_ours_causes_is_told_only_where_it_outlasts_the_rollout() -> None:
    watch = Watch()
    await watch.begin()
    made = replace(
        plans.plan(), cluster="c", workload=Target("c", "DaemonSet", "kube-system", "kube-proxy")
    )
    held = await office.approved(watch.store, watch.clock, made)  # type: ignore[arg-type]
    begun = run.begin(held, executor="e", now=watch.clock.now())
    async with watch.store.unit() as unit:
        begun = await unit.remedy.start(held, begun)
    ill = snapshot.Condition("Ready", "False", since=watch.clock.now())
    watch.world.show(replace(pod(1), conditions=(ill,)), *[pod(number) for number in range(2, 7)])
    await asyncio.sleep(HOUR.total_seconds())
    await watch.cycle.once()
    mute = (await watch.incident()).muted
    assert mute is not None
    assert mute.text == "RUN-1 is rolling it out"
    await watch.deliver()
    assert watch.slack.cards("C1") == []
    over = replace(begun, state=run.State.SUCCEEDED, ended_at=watch.clock.now())
    async with watch.store.unit() as unit:
        await unit.remedy.save_run(over, epoch=begun.epoch)
    await asyncio.sleep(inhibition.GRACE.total_seconds() + 1)
    await watch.cycle.once()
    await watch.deliver()
    assert (await watch.incident()).muted is None
    assert len(watch.slack.cards("C1")) == 1
