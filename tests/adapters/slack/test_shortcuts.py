"""The message shortcut: a window at once, filled with the incident's story."""

import asyncio
import json
from typing import Any

import pytest

from bot.adapters.slack import shortcuts, wording, wording_windows
from bot.domain import errors
from bot.sim.slack import people
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack, until

OPERATOR = "U0OPERATOR"

pytestmark = pytest.mark.parametrize("slack", ["socket", "http"], indirect=True)


@pytest.fixture
def desk() -> samples.Desk:
    return samples.Desk()


def window(slack: Slack, user: str = OPERATOR) -> str:
    stack = slack.server.world.views.stack(user)
    return json.dumps(stack[-1].body, ensure_ascii=False) if stack else ""


async def card(slack: Slack, text: str = "Critical", **payload: Any) -> str:
    metadata = {"event_type": "flannel_bot", "event_payload": {"outbox_id": "1", **payload}}
    space = slack.server.world.space
    said = space.post("C0ALERTS", people.BOT_USER, text=text, metadata=metadata)
    return said.ts


async def use(slack: Slack, ts: str, user: str = OPERATOR, **more: Any) -> None:
    told = await slack.act("shortcut", user=user, channel="C0ALERTS", ts=ts, **more)
    assert told["acked"], told


async def test_a_card_leads_to_its_story(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        await use(slack, await card(slack, incident=42))
        await until(lambda: "Raise the memory limit" in window(slack))
    assert "INC-42" in window(slack)
    assert "opened: 4 nodes" in window(slack)
    assert desk.asked == [("incident", 42)]
    assert not slack.whispers(OPERATOR)
    assert len(slack.said()) == 1, "nothing is said in the channel"


async def test_the_window_is_there_before_the_answer_is(slack: Slack, desk: samples.Desk) -> None:
    finish = asyncio.Event()
    desk.wait = finish.wait
    async with slack.app(desk):
        await use(slack, await card(slack, incident=42))
        await until(lambda: window(slack))
        assert wording_windows.WAITING in window(slack)
        assert "INC-42" not in window(slack)
        finish.set()
        await until(lambda: "INC-42" in window(slack))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("see INC-42 please", "Raise the memory limit"),
        ("INC-42, again INC-42", "Raise the memory limit"),
        ("INC-7 was it", "There is no INC-7"),
        ("INC-42 and INC-43", "incident INC-43"),
        ("lunch?", wording_windows.NO_INCIDENT_THERE.partition("`")[0]),
        ("INC-0 INC-x XINC-42", wording_windows.NO_INCIDENT_THERE.partition("`")[0]),
    ],
)
async def test_any_message_that_names_an_incident_leads_there(
    slack: Slack, desk: samples.Desk, text: str, told: str
) -> None:
    async with slack.app(desk):
        said = await slack.act("message", user="U0BYSTANDER", channel="C0ALERTS", text=text)
        await use(slack, said["ts"])
        await until(lambda: told in window(slack))


@pytest.mark.parametrize(
    ("user", "told"), [("U0GUEST", wording.GUEST), ("U0STRANGER", wording.OUTSIDER)]
)
async def test_guests_and_outsiders_are_refused_in_the_window(
    slack: Slack, desk: samples.Desk, user: str, told: str
) -> None:
    async with slack.app(desk):
        await use(slack, await card(slack, incident=42), user)
        await until(lambda: told in window(slack, user))
    assert not desk.asked


async def test_a_payload_without_the_persons_team_is_judged_by_slacks_word_alone(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        for user, told in ((OPERATOR, "INC-42"), ("U0STRANGER", wording.OUTSIDER)):
            trigger = slack.server.world.triggers.new(user)
            payload = {
                "type": "message_action", "callback_id": "show_incident", "trigger_id": trigger,
                "user": {"id": user, "name": "x"}, "channel": {"id": "C0ALERTS", "name": "x"},
                "team": {"id": people.TEAM}, "message": {"text": "INC-42", "ts": "1.1"},
            }  # fmt: skip
            await slack.act("raw", kind="interactive", payload=payload)
            await until(lambda u=user, t=told: t in window(slack, u))
    assert desk.asked == [("incident", 42)]


async def test_when_no_window_can_be_opened_the_answer_comes_to_the_one_who_asked(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        await slack.fault("api_error", method="views.open", error="expired_trigger_id")
        await use(slack, await card(slack, incident=42))
        await until(lambda: slack.whispers(OPERATOR))
    assert "Raise the memory limit" in slack.whispers(OPERATOR)[0].text
    assert not window(slack)


async def test_a_window_that_was_closed_meanwhile_harms_nothing(
    slack: Slack, desk: samples.Desk
) -> None:
    finish = asyncio.Event()
    desk.wait = finish.wait
    async with slack.app(desk):
        await use(slack, await card(slack, incident=42))
        await until(lambda: window(slack))
        await slack.act("view_close", user=OPERATOR)
        finish.set()
        await until(lambda: [c for c in slack.noted("web_api") if c["method"] == "views.update"])
    assert not window(slack)
    assert not slack.whispers(OPERATOR)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (errors.Unavailable("the store is locked"), "the store is locked"),
        (RuntimeError("secret detail"), "Something went wrong inside the bot"),
    ],
)
async def test_what_goes_wrong_is_said_in_the_window(
    slack: Slack, desk: samples.Desk, fault: Exception, told: str
) -> None:
    desk.fault = fault
    async with slack.app(desk):
        await use(slack, await card(slack, incident=42))
        await until(lambda: told in window(slack))
    assert "secret detail" not in window(slack)


async def test_a_shortcut_of_another_age_is_answered_too(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        await use(slack, await card(slack, incident=42), callback_id="of_long_ago")
        await until(lambda: wording_windows.OLD_SHORTCUT in window(slack))
    assert not desk.asked


async def test_a_shortcut_that_arrives_twice_opens_one_window(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        await slack.fault("envelopes_doubled", times=1)
        await use(slack, await card(slack, incident=42))
        await until(lambda: "INC-42" in window(slack))
    assert len(slack.calls("views.open")) == 1
    assert desk.asked == [("incident", 42)]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (None, []),
        ("x", []),
        ({}, []),
        ({"metadata": {"event_payload": {"incident": 7}}, "text": "INC-9"}, [7]),
        ({"metadata": {"event_payload": {"incident": "7"}}, "text": "INC-9"}, [9]),
        ({"metadata": [], "text": None}, []),
        ({"text": "INC-9 INC-8 INC-9"}, [9, 8]),
        ({"text": "INC-99999999999"}, []),
    ],
)
def test_incidents_are_found_in_messages(slack: Slack, message: object, found: list[int]) -> None:
    assert shortcuts.incidents_of(message) == found
