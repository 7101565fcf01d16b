"""Many who click at the same moment are asked about once, and none by what was so before."""

import asyncio
from collections.abc import Callable

import pytest

from bot.adapters.slack import lookups
from bot.adapters.slack import people as slack_people
from bot.domain import access, errors
from bot.domain.access import Role
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack

ON_CALL = access.Policy(members={Role.APPROVER: access.Members(groups=frozenset({"S0ONCALL"}))})


class Desk:
    """Says who is in a group when it is let to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.members = "ann"
        self.asked = 0
        self.open = asyncio.Event()
        self.error: errors.BotError | None = None

    async def ask(self, _group: str) -> str:
        self.asked += 1
        read = self.members  # as Slack reads it when it takes the question, whenever it answers
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return read


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def about(desk: Desk) -> lookups.Lookups[str]:
    return lookups.Lookups(desk.ask, clock=samples.Clock(), ttl=60)


Ask = Callable[[], asyncio.Task[str]]


@pytest.fixture
def fresh(about: lookups.Lookups[str]) -> Ask:
    return lambda: asyncio.create_task(about.get("S1", fresh=True))


async def turned() -> None:
    """Let every task go on as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nobody_is_told_what_was_so_before_they_asked(desk: Desk, fresh: Ask) -> None:
    before = fresh()
    await turned()
    desk.members = "bob"  # ann is taken out while a question about her is on its way
    after = [fresh() for _ in range(30)]
    await turned()
    assert desk.asked == 1, "one question at a time"
    desk.open.set()
    assert await before == "ann"
    assert set(await asyncio.gather(*after)) == {"bob"}
    assert desk.asked == 2, "all who waited share the next question"
    assert await fresh() == "bob"
    assert desk.asked == 3, "and what was answered is no fresh answer for who comes later"


async def test_a_failure_is_shared_as_an_answer_is_and_hinders_nobody_who_comes_later(
    desk: Desk, fresh: Ask
) -> None:
    asking = [fresh() for _ in range(30)]
    await turned()
    desk.error = errors.Unavailable("asked to wait")
    desk.open.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(one) for one in found} == {errors.Unavailable}
    assert desk.asked == 2, "whoever asks to be left alone is not asked by each in turn"
    desk.error = None
    assert await fresh() == "ann"


async def test_who_gives_up_takes_nobody_along(desk: Desk, fresh: Ask) -> None:
    first, second, third = fresh(), fresh(), fresh()
    await turned()
    first.cancel()
    await turned()
    second.cancel()
    await turned()
    desk.open.set()
    assert await third == "ann"
    assert first.cancelled()
    assert second.cancelled()


async def test_who_need_not_have_it_fresh_takes_what_is_on_its_way(
    desk: Desk, about: lookups.Lookups[str]
) -> None:
    asking = [asyncio.create_task(about.get("S1")) for _ in range(30)]
    await turned()
    desk.open.set()
    assert set(await asyncio.gather(*asking)) == {"ann"}
    assert desk.asked == 1


async def test_a_burst_of_clicks_stays_within_what_slack_allows(slack: Slack) -> None:
    async with slack.web() as web:
        await web.verify()
        policies = access.Policies({"prod": ON_CALL})
        staff = slack_people.People(web, policies=policies, clock=samples.Clock())
        clicks = [staff.person("U0APPROVER", "prod", fresh=True) for _ in range(150)]
        found = await asyncio.gather(*clicks)
    assert {one.may(Role.APPROVER) for one in found} == {True}
    assert len(slack.calls("users.info")) == 2
    assert len(slack.calls("usergroups.users.list")) <= 3
