"""The home tab: the fleet's state for members, a refusal for others, fresh but seldom published."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.slack import blocks as rendering
from bot.adapters.slack import home, home_view, limits, wording, wording_windows
from bot.domain import errors
from bot.flow import answers
from tests.adapters.slack import judge, samples
from tests.adapters.slack.conftest import Slack, until

OPERATOR = "U0OPERATOR"

pytestmark = pytest.mark.parametrize("slack", ["socket", "http"], indirect=True)


class Desk(samples.Desk):
    """A desk whose fleet can change."""

    def __init__(self) -> None:
        super().__init__()
        self.now = samples.status()

    async def status(self, cluster: str | None) -> answers.Status:
        await super().status(cluster)
        return self.now

    def nodes_ready(self, number: int) -> None:
        self.now = replace(self.now, clusters=(samples.cluster_status(nodes_ready=number),))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def shown(slack: Slack, user: str = OPERATOR) -> str:
    view = slack.server.world.views.homes.get(user)
    return "" if view is None else json.dumps(view.body["blocks"], ensure_ascii=False)


def published(slack: Slack) -> int:
    return len(slack.calls("views.publish"))


async def opened(slack: Slack, user: str = OPERATOR, **more: Any) -> str:
    before = published(slack)
    await slack.act("home", user=user, **more)
    await until(lambda: published(slack) > before)
    await until(lambda: shown(slack, user))
    return shown(slack, user)


async def test_whoever_opens_the_tab_sees_the_fleet(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk):
        told = await opened(slack)
    for words in ("Fleet · 🔴 Unhealthy", "119 of 120 nodes ready", "INC-42", "v0.12.0",
                  "403 Forbidden", "Windows nodes are not seen", "/flannel incident INC-n",
                  "direct message", wording.OBSERVE_ONLY):  # fmt: skip
        assert words in told, words


@pytest.mark.parametrize(
    ("user", "told"), [("U0GUEST", wording.GUEST), ("U0STRANGER", wording.OUTSIDER)]
)
async def test_guests_and_outsiders_see_a_refusal_and_nothing_else(
    slack: Slack, desk: Desk, user: str, told: str
) -> None:
    async with slack.app(desk):
        seen = await opened(slack, user)
    assert told in seen
    assert "INC-42" not in seen
    assert "120" not in seen
    assert not desk.asked


async def test_the_messages_tab_is_none_of_ours(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk):
        await slack.act("home", user=OPERATOR, tab="messages")
        await opened(slack, "U0APPROVER")
    assert not shown(slack)


async def test_a_change_is_shown_to_those_who_look_and_only_then(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk, home_interval=0.05) as app:
        await opened(slack)
        await opened(slack, "U0APPROVER")
        looked = len(desk.asked)
        app.changed()
        await until(lambda: len(desk.asked) >= looked + 4)
        assert published(slack) == 2, "nothing had changed"
        desk.nodes_ready(7)
        app.changed()
        await until(lambda: "7 of 120" in shown(slack))
        await until(lambda: "7 of 120" in shown(slack, "U0APPROVER"))
        assert published(slack) == 4


class Gate(samples.Clock):
    """A clock whose waits end when the test says so."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self.over.wait()
        self.over.clear()


async def test_many_changes_are_published_no_oftener_than_the_interval(
    slack: Slack, desk: Desk
) -> None:
    clock = Gate()
    async with slack.app(desk) as app:
        who = app._inbox._rooms.callers
        own = home.Home(app._web, desk, who=who, options=slack.options(), clock=clock)
        running = asyncio.create_task(own.run())
        await own.opened(OPERATOR)
        before = published(slack)
        for number in range(100):
            desk.nodes_ready(number)
            own.changed()
            await asyncio.sleep(0)
        assert published(slack) == before
        assert clock.waits == [slack.options().home_interval]
        clock.over.set()
        await until(lambda: "99 of 120" in shown(slack))
        assert published(slack) == before + 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_tab_opened_long_ago_is_left_alone(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk, home_interval=0.03, home_watch=0.1) as app:
        await opened(slack)
        watchers = app._home._watchers
        await until(lambda: not watchers)
        desk.nodes_ready(1)
        app.changed()
        await until(lambda: not app._home._changed.is_set())  # it was heard, and nobody looks
        assert "119 of 120" in shown(slack)
        assert "1 of 120" in await opened(slack)  # until it is opened again


async def test_only_the_last_few_are_kept_fresh(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk) as app:
        for number in range(home._WATCHERS + 5):
            app._home._watchers[f"U{number}"] = home._Watcher(0.0)
        await opened(slack)
        assert len(app._home._watchers) == home._WATCHERS
        assert OPERATOR in app._home._watchers


async def test_whoever_is_deactivated_meanwhile_sees_no_more(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk, home_interval=0.05, caller_ttl=0.0) as app:
        await opened(slack)
        await slack.act("person", user=OPERATOR, is_restricted=True)
        app.changed()
        await until(lambda: wording.GUEST in shown(slack))
        assert "INC-42" not in shown(slack)


async def test_a_tab_that_could_not_be_shown_is_shown_at_the_next_look(
    slack: Slack, desk: Desk
) -> None:
    async with slack.app(desk, home_interval=0.05) as app:
        await slack.fault("rate_limited", method="views.publish", times=1)
        await slack.act("home", user=OPERATOR)
        app.changed()
        await until(lambda: "119 of 120" in shown(slack))


async def test_a_layout_that_slack_refuses_is_said_plainly(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk):
        await slack.fault("api_error", method="views.publish", error="invalid_blocks", times=1)
        await slack.act("home", user=OPERATOR)
        await until(lambda: "119 of 120" in shown(slack))
    assert "rich_text" not in shown(slack)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (errors.Unavailable("the store is locked"), "the store is locked"),
        (RuntimeError("secret detail"), "Something went wrong inside the bot"),
    ],
)
async def test_what_goes_wrong_is_said_on_the_tab(
    slack: Slack, desk: Desk, fault: Exception, told: str
) -> None:
    desk.fault = fault
    async with slack.app(desk):
        seen = await opened(slack)
    assert told in seen
    assert "secret detail" not in seen


async def test_an_opening_that_comes_twice_is_answered_once(slack: Slack, desk: Desk) -> None:
    async with slack.app(desk):
        await slack.fault("envelopes_doubled", times=1)
        await opened(slack)
        await opened(slack, "U0APPROVER")
    assert len(desk.asked) == 2


async def test_a_fleet_of_any_size_fits_the_tab(slack: Slack, desk: Desk) -> None:
    hostile = "<!channel> *b* `c` &amp; " * 40
    many = tuple(
        samples.cluster_status(
            cluster=f"cluster-{number:03}",
            incidents=tuple(samples.trouble(3, summary=hostile) for _ in range(8)),
        )
        for number in range(150)
    )
    desk.now = replace(samples.status(), clusters=many)
    async with slack.app(desk):
        told = await opened(slack)
    made = slack.server.world.views.homes[OPERATOR].body["blocks"]
    assert len(made) <= 100
    assert limits.size(made) < 100_000
    assert "not fit" in told
    assert "<!channel>" not in told
    page = home_view.page(desk.now, slash="/flannel")
    rendered = rendering.render(page, most=limits.VIEW_BLOCKS, room=limits.VIEW_BYTES)
    assert limits.size(rendered.blocks) <= limits.VIEW_BYTES
    assert wording_windows.HOME_TITLE in rendered.blocks[0]["text"]["text"]
    for run in judge.runs(list(rendered.blocks)):
        assert run["type"] in judge.TYPES
        judge.inert(str(run.get("text", "")))
