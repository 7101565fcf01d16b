"""Looks by probe pod that people allow: by approvers only, for one pod, for a short while."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from bot.adapters.store import memory
from bot.domain import errors
from bot.domain.access import Person, Role
from bot.flannel.inspection import Way
from bot.flow import inspect, permits, probes
from tests.flow import fakes, test_inspect, test_probes
from tests.flow.test_inspect import LISTED, NEVER

pytestmark = pytest.mark.looptime


@dataclass
class People:
    """Two people, of whom one approves; or a Slack that does not say."""

    roles: dict[str, frozenset[Role]] = field(
        default_factory=lambda: {
            "UANN": frozenset({Role.VIEWER, Role.APPROVER}),
            "UBOB": frozenset({Role.VIEWER, Role.REQUESTER, Role.ADMIN}),
        }
    )
    down: bool = False
    fresh: list[bool] = field(default_factory=list)

    async def person(self, user: str, cluster: str | None, *, fresh: bool = False) -> Person:
        self.fresh.append(fresh)
        if self.down:
            raise errors.Unavailable("Slack does not say who that is")
        if user not in self.roles:
            raise errors.Refused("guests may not act here")
        return Person(user, self.roles[user])

    async def who(self, role: Role, cluster: str | None) -> tuple[str, ...]:
        return tuple(user for user, roles in self.roles.items() if role in roles)


class SetBack(fakes.LoopClock):
    """A clock that somebody sets."""

    back = timedelta()

    def now(self) -> datetime:
        return super().now() - self.back


@dataclass
class Scene:
    people: People = field(default_factory=People)
    pods: test_probes.Cluster = field(default_factory=test_probes.Cluster)
    store: memory.MemoryStore = field(default_factory=memory.MemoryStore)

    def __post_init__(self) -> None:
        clock = fakes.LoopClock()
        nodes = test_inspect.Cluster(waiting={"node-1", "node-2"}, log=LISTED)
        self.permits = permits.Permits("prod", self.people, clock=clock)
        self.probes = probes.Probes(
            self.pods, self.pods, self.store, cluster="prod", clock=clock,
            within=timedelta(seconds=15), options=probes.Options(),
        )  # fmt: skip
        self.looks = inspect.Inspector(
            nodes, nodes, nodes, clock=clock, options=inspect.Options(),
            probes=self.probes, permission=self.permits,
        )  # fmt: skip


async def test_without_a_permit_no_pod_is_made_and_the_answer_says_what_it_would_take() -> None:
    scene = Scene()
    found = await scene.looks.node("node-1", max_age=NEVER)
    assert found.way is Way.LOG
    assert inspect.NEEDS_APPROVAL in found.problems[0]
    assert scene.pods.made == []
    assert await scene.store.remedy.latest_deeds(10) == []


async def test_an_approver_allows_one_pod_on_one_node_and_is_written_down() -> None:
    scene = Scene()
    await scene.permits.grant("node-1", "UANN")
    found = await scene.looks.node("node-1", max_age=NEVER)
    other = await scene.looks.node("node-2", max_age=NEVER)
    assert (found.way, other.way) == (Way.PROBE, Way.LOG)
    await asyncio.sleep(300)
    assert (await scene.looks.node("node-1", max_age=NEVER)).way is Way.LOG, "it was for one pod"
    await scene.looks.close()
    deeds = await scene.store.remedy.latest_deeds(10)
    assert [(one.actor, one.kind) for one in deeds] == [
        ("UANN", "probe_pod_begun"),
        ("flannel-bot", "probe_pod_removed"),
    ]
    assert scene.people.fresh == [True], "who somebody is, is asked anew"


async def test_a_permit_that_nobody_used_runs_out() -> None:
    scene = Scene()
    await scene.permits.grant("node-1", "UANN")
    assert scene.permits.pending("node-1")
    await asyncio.sleep(121)
    assert not scene.permits.pending("node-1")
    assert (await scene.looks.node("node-1", max_age=NEVER)).way is Way.LOG
    assert scene.pods.made == []


async def test_a_clock_set_back_prolongs_no_permit_and_no_offer() -> None:
    clock = SetBack()
    given = permits.Permits("prod", People(), clock=clock)
    assert given.take("node-1") == ""
    ticket = given.offer("node-1")
    await given.grant("node-1", "UANN")
    clock.back = timedelta(hours=1)
    await asyncio.sleep(60)
    assert (given.offered(ticket), given.pending("node-1")) == ("node-1", True)
    await asyncio.sleep(900)
    assert (given.offered(ticket), given.pending("node-1")) == ("", False)
    assert given.take("node-1") == ""


async def test_of_nodes_without_end_only_the_latest_are_remembered() -> None:
    asked = Scene().permits
    for number in range(1_500):
        assert asked.take(f"node-{number}") == ""
        await asked.grant(f"granted-{number}", "UANN")
        await asyncio.sleep(1)
    assert not asked.lacked("node-0")
    assert asked.lacked("node-1499")
    assert not asked.pending("granted-0")
    assert asked.pending("granted-1499")


@pytest.mark.parametrize(
    ("people", "said", "told"),
    [
        (People(), "only approvers may allow", ("UANN",)),
        (People(roles={"UBOB": frozenset({Role.VIEWER})}), "and nobody is one", ()),
    ],
)
async def test_who_is_no_approver_allows_nothing_and_hears_who_is(
    people: People, said: str, told: tuple[str, ...]
) -> None:
    scene = Scene(people)
    answer = await scene.permits.grant("node-1", "UBOB")
    assert not answer.done
    assert said in answer.text
    assert answer.people == told
    assert (await scene.looks.node("node-1", max_age=NEVER)).way is Way.LOG
    assert scene.pods.made == []


@pytest.mark.parametrize(
    ("people", "user", "said"),
    [(People(), "UGUEST", "guests may not"), (People(down=True), "UANN", "does not say")],
)
async def test_who_cannot_be_placed_allows_nothing(people: People, user: str, said: str) -> None:
    scene = Scene(people)
    with pytest.raises(errors.BotError, match=said):
        await scene.permits.grant("node-1", user)
    assert (await scene.looks.node("node-1", max_age=NEVER)).way is Way.LOG


async def test_a_button_is_offered_only_where_a_permit_was_lacking() -> None:
    scene = Scene()
    assert scene.permits.offer("node-1") == ""
    await scene.looks.node("node-1", max_age=NEVER)
    ticket = scene.permits.offer("node-1")
    assert scene.permits.offered(ticket) == "node-1"
    assert scene.permits.offered("forged") == ""
    assert "node-1" not in ticket
    await scene.permits.grant("node-1", "UANN")
    assert (await scene.looks.node("node-1", max_age=NEVER)).way is Way.LOG, "just looked at"
    await asyncio.sleep(1)
    assert (await scene.looks.node("node-1", max_age=NEVER)).way is Way.PROBE
    assert scene.permits.offer("node-1") == ""
    await asyncio.sleep(15 * 60)
    assert scene.permits.offered(ticket) == "", "it has run out"
    await scene.looks.close()


async def test_offers_do_not_pile_up() -> None:
    scene = Scene()
    await scene.looks.node("node-1", max_age=NEVER)
    tickets = [scene.permits.offer("node-1") for _ in range(1_001)]
    assert scene.permits.offered(tickets[0]) == ""
    assert scene.permits.offered(tickets[-1]) == "node-1"
