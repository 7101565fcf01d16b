"""The connection to Slack comes back by itself, from everything it can come back from."""

import asyncio
import io
import logging
import re

import aiohttp
import pytest
import structlog

from bot.adapters.slack import app as slack_app
from bot.sim.slack import people, serve, world
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack, until

OPERATOR = "U0OPERATOR"


@pytest.fixture
def desk() -> samples.Desk:
    return samples.Desk()


@pytest.fixture(autouse=True)
def hasty(slack: Slack) -> None:
    """Silence is noticed within a second. Elsewhere that would blame a slow machine on the line."""
    slack.usual = {"ping_interval": 0.2, "watchdog_after": 0.4}


async def answered(slack: Slack) -> bool:
    before = len(slack.whispers(OPERATOR))
    told = await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="schedule")
    if not told["acked"]:
        return False
    await until(lambda: len(slack.whispers(OPERATOR)) > before)
    return True


async def test_a_spent_ticket_is_thrown_away_by_the_watchdog(
    slack: Slack, desk: samples.Desk
) -> None:
    """The SDK alone would try the spent ticket for ever."""
    await slack.fault("link_refused", times=1)
    async with slack.app(desk) as app:
        assert app.connected
        assert app.trouble == ""
        assert await answered(slack)
    refused = [link for link in slack.noted("link") if link["event"] == "refused"]
    assert len(refused) >= 2, "the SDK was expected to repeat the spent ticket"


async def test_connections_refused_for_long_come_back_too(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk) as app:
        await slack.fault("link_refused")
        await slack.act("disconnect", cut=True)
        await until(lambda: not app.connected)
        await until(lambda: len([x for x in slack.noted("link") if x["event"] == "refused"]) > 8)
        assert app.trouble
        assert slack.telemetry.gauges["slack_connected"] == 0
        await slack.lift("link_refused")
        await until(lambda: app.connected)
        assert await answered(slack)
        await until(lambda: slack.telemetry.gauges["slack_connected"] == 1)


async def test_an_announced_refresh_loses_nothing(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk) as app:
        for reason in ("warning", "refresh_requested"):
            opened = len([x for x in slack.noted("link") if x["event"] == "opened"])
            await slack.act("disconnect", reason=reason)
            await until(
                lambda n=opened: len([x for x in slack.noted("link") if x["event"] == "opened"]) > n
            )
            await until(lambda: app.connected and slack.server.world.links.count == 1)
            assert await answered(slack)


async def test_a_cut_line_comes_back(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk) as app:
        for _ in range(2):
            await slack.act("disconnect", cut=True)
            await until(lambda: not app.connected)
            await until(lambda: app.connected)
            assert await answered(slack)


async def test_a_line_that_fell_silent_is_noticed_and_replaced(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk) as app:
        opened = len([x for x in slack.noted("link") if x["event"] == "opened"])
        await slack.fault("link_silent")
        await until(lambda: not app.connected)
        assert app.trouble == "the connection was lost"
        await until(
            lambda: len([x for x in slack.noted("link") if x["event"] == "opened"]) > opened
        )
        await slack.lift("link_silent")
        await until(lambda: app.connected)
        assert await answered(slack)


async def test_socket_mode_switched_off_is_said_and_looked_after_now_and_then(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk) as app:
        await slack.fault("link_refused")
        await slack.act("disconnect", reason="link_disabled", close=True)
        await until(lambda: not app.connected and "switched off" in app.trouble)
        refused = len([x for x in slack.noted("link") if x["event"] == "refused"])
        await asyncio.sleep(0.3)
        again = len([x for x in slack.noted("link") if x["event"] == "refused"])
        assert again - refused <= 1, "it should wait before it looks again"
        await slack.lift("link_refused")
        await until(lambda: app.connected)
        assert await answered(slack)


async def test_a_connection_lost_for_too_long_is_called_dead_and_alive_when_it_returns(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk, give_up_after=0.3) as app:
        assert not app.dead
        await slack.fault("link_refused")
        await slack.act("disconnect", cut=True)
        await until(lambda: app.dead)
        assert not app.connected
        await slack.lift("link_refused")
        await until(lambda: app.connected and not app.dead)


async def test_a_slack_that_is_away_at_the_start_is_waited_for(desk: samples.Desk) -> None:
    server = serve.SimulatedSlack(serve.SlackOptions(port=0))
    async with server:
        port = server.port
        api = server.api
    slack = Slack(server, None)
    async with slack.web(api_url=api) as web:
        app = slack_app.SlackApp(
            web,
            options=slack.options(api_url=api),
            desk=desk,
            clock=Fast(),
            telemetry=slack.telemetry,
        )
        running = asyncio.create_task(app.run())
        try:
            await until(lambda: "cannot be reached" in app.trouble)
            assert not app.connected
            async with serve.SimulatedSlack(serve.SlackOptions(port=port)):
                await until(lambda: app.connected)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class Fast(samples.Clock):
    """Long waits are short."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


async def test_no_secret_and_no_stack_trace_reaches_the_log(
    slack: Slack, desk: samples.Desk, caplog: pytest.LogCaptureFixture
) -> None:
    written = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(written),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    try:
        with caplog.at_level(logging.DEBUG):
            await slack.fault("link_refused", times=3)
            async with slack.app(desk):
                assert await answered(slack)
                await until(lambda: "slack_connected" in written.getvalue())
                await slack.act("disconnect", cut=True)
    finally:
        structlog.reset_defaults()
    text = written.getvalue() + caplog.text
    assert "slack_connected" in text
    for secret in (people.BOT_TOKEN, people.APP_TOKEN, "ticket=A", "Traceback"):
        assert secret not in text
    assert not re.search(r"ticket=[\w-]{8}", text)


def opened(slack: Slack) -> int:
    return len([x for x in slack.noted("link") if x["event"] == "opened"])


async def test_of_two_connections_each_question_goes_to_one_and_is_answered_once(
    slack: Slack,
) -> None:
    desks = samples.Desk(), samples.Desk()
    async with slack.app(desks[0]), slack.app(desks[1]):
        assert slack.server.world.links.count == 2
        for number in range(6):
            told = await slack.act("command", user="U0OPERATOR", channel="C0ALERTS", text="status")
            assert told["acked"]
            await until(lambda n=number: len(slack.whispers("U0OPERATOR")) == n + 1)
    assert [len(desk.asked) for desk in desks] == [3, 3]


async def test_when_one_of_two_goes_the_other_answers(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        async with slack.app(samples.Desk()):
            pass
        await until(lambda: slack.server.world.links.count == 1)
        for _ in range(3):
            assert await answered(slack)
    assert len(desk.asked) == 3


@pytest.mark.parametrize("doubled", [False, True])
async def test_in_a_storm_of_disconnects_whatever_was_acknowledged_is_answered_once(
    slack: Slack, desk: samples.Desk, doubled: bool
) -> None:
    ends = [{"cut": True}, {"reason": "refresh_requested"}, {"reason": "warning"}] * 3
    acked: list[int] = []

    async def ask(number: int) -> None:
        told = await slack.act(
            "command", user="U0OPERATOR", channel="C0ALERTS", text=f"incident {number}"
        )
        if told["acked"]:
            acked.append(number)

    async with slack.app(desk) as app:
        if doubled:
            await slack.fault("envelopes_doubled")
        number = 100
        for end in ends:
            asking = [asyncio.create_task(ask(number + one)) for one in range(3)]
            number += 3
            before = opened(slack)
            await slack.act("disconnect", **end)
            await asyncio.gather(*asking)
            await until(lambda n=before: opened(slack) > n and app.connected)
        await until(lambda: slack.server.world.links.count == 1)
        await ask(42)
        await until(lambda: "INC-42" in slack.whispers("U0OPERATOR")[-1].text)
        await until(lambda: len(slack.whispers("U0OPERATOR")) >= len(acked))
    asked = [about for _, about in desk.asked]
    assert len(asked) == len(set(asked)), "something was answered twice"
    assert set(acked) <= set(asked)
    assert 42 in acked
    assert len(slack.whispers("U0OPERATOR")) >= len(acked)
    told = [w.text for w in slack.whispers("U0OPERATOR") if "There is no INC-" in w.text]
    assert len(told) == len(set(told))


async def test_connections_that_slack_ends_when_their_time_is_over_are_replaced(
    desk: samples.Desk,
) -> None:
    pace = world.Pace(ack=1.0, connection=0.3, event_retries=(0.05,) * 20)
    server = serve.SimulatedSlack(serve.SlackOptions(port=0, pace=pace))
    async with server, aiohttp.ClientSession() as http:
        slack = Slack(server, http)
        async with slack.app(desk) as app:
            await until(lambda: opened(slack) >= 4 and app.connected)
            # A mention is sent again if the connection that brought it was just being left.
            await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="<@U0BOT> status")
            await until(slack.said)
