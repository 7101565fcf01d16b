"""People ask and click; everybody who may is answered, everybody else is told why not."""

import asyncio
import json
from typing import Any

import pytest

from bot.adapters.slack import app as slack_app
from bot.adapters.slack import wording
from bot.domain import errors
from bot.sim.slack import people
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack, until

OPERATOR = "U0OPERATOR"

pytestmark = pytest.mark.parametrize("slack", ["socket", "http"], indirect=True)
"""Everything that people do is answered alike, whichever way Slack brings it."""


async def ask(slack: Slack, text: str, *, user: str = OPERATOR, channel: str = "C0ALERTS") -> str:
    """Type a command and read the answer."""
    before = len(slack.whispers(user))
    told = await slack.act("command", user=user, channel=channel, text=text)
    assert told["acked"], told
    await until(lambda: len(slack.whispers(user)) > before)
    return slack.whispers(user)[-1].text


@pytest.fixture
def desk() -> samples.Desk:
    return samples.Desk()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "flannel-bot · help"),
        ("help", "/flannel incident INC-n"),
        ("status", "119 of 120 nodes ready"),
        ("incidents", "INC-42"),
        ("incident INC-42", "Raise the memory limit"),
        ("incident inc–42", "Raise the memory limit"),
        ("incident 7", "There is no INC-7"),
        ("check", "kube-flannel OOM-killed 3 times"),
        ("@staging check", "kube-flannel OOM-killed 3 times"),
        ("@stagin check", "Did you mean @staging?"),
        ("@prod incident INC-42", "INC-42"),
        ("@staging incident INC-42", "INC-42 is of cluster prod, not of staging"),
        ("schedule", "cycle  every 30 s"),
        ("doctor", "Failed: slack, bot token\nis wrong\nCure  set SLACK_BOT_TOKEN"),
        ("staus", "Did you mean status?"),
        ('status "', "does not end"),
    ],
)
async def test_a_command_is_answered_to_the_one_who_asked(
    slack: Slack, desk: samples.Desk, typed: str, told: str
) -> None:
    async with slack.app(desk):
        assert told in await ask(slack, typed)
    (whisper,) = slack.whispers(OPERATOR)
    assert whisper.via == "response_url"
    assert not slack.said()


async def test_the_channel_chooses_the_cluster_and_the_at_sign_overrides_it(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        await ask(slack, "status")
        await ask(slack, "@staging status")
        await ask(slack, "status", channel="C0OPS")
    assert desk.asked == [("status", "prod"), ("status", "staging"), ("status", None)]


async def test_lists_of_the_bots_own_are_of_all_clusters_unless_one_is_named(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        for text in ("schedule", "@staging schedule", "doctor", "@staging doctor"):
            await ask(slack, text)
    assert desk.asked == [
        ("schedule", None), ("schedule", "staging"), ("doctor", None), ("doctor", "staging")
    ]  # fmt: skip


async def test_what_bolt_remarks_while_it_is_built_is_no_trouble(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.web() as web:
        app = slack_app.SlackApp(
            web,
            options=slack.options(),
            desk=desk,
            clock=samples.Clock(),
            telemetry=slack.telemetry,
        )
        assert app.trouble == "not connected yet"
        assert not app.connected


async def test_what_can_be_no_nodes_name_is_answered_with_the_nearest_that_is_one(
    slack: Slack, desk: samples.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Network:
        def near(self, word: str) -> tuple[str, ...]:
            return ("web-1",) if word == "web-1;reboot" else ()

    monkeypatch.setattr(desk, "network", {"prod": Network()}.__getitem__)
    async with slack.app(desk):
        told = await ask(slack, "nics web-1;reboot")
        usage = await ask(slack, "nics $(reboot)")
    assert "'web-1;reboot' cannot be the name of a node." in told
    assert "Did you mean web-1?" in told
    assert "Usage: [@cluster] nics" in usage


async def test_a_command_is_acknowledged_before_any_work(slack: Slack, desk: samples.Desk) -> None:
    finish = asyncio.Event()
    desk.wait = finish.wait
    async with slack.app(desk):
        told = await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="check")
        assert told["acked"]
        assert told["latency_ms"] < 500
        assert not slack.whispers(OPERATOR)
        finish.set()
        await until(lambda: slack.whispers(OPERATOR))


async def test_an_answer_under_way_is_finished_at_shutdown(
    slack: Slack, desk: samples.Desk
) -> None:
    finish = asyncio.Event()
    desk.wait = finish.wait
    async with slack.app(desk):
        await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="status")
        asyncio.get_running_loop().call_later(0.2, finish.set)
    assert "119 of 120" in slack.whispers(OPERATOR)[0].text


async def test_an_answer_that_never_comes_does_not_hold_up_the_shutdown(
    slack: Slack, desk: samples.Desk
) -> None:
    desk.wait = asyncio.Event().wait
    async with slack.app(desk, drain_after=0.1):
        await slack.act("command", user=OPERATOR, channel="C0ALERTS", text="status")
    assert not slack.whispers(OPERATOR)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (errors.Refused("No such cluster.", "Known: prod."), "Known: prod."),
        (errors.Unavailable("the store is locked"), "the store is locked"),
        (errors.Conflict("it moved"), "it moved"),
        (RuntimeError("secret detail"), "Something went wrong inside the bot"),
    ],
)
async def test_whatever_goes_wrong_is_answered_with_a_sentence(
    slack: Slack, desk: samples.Desk, fault: Exception, told: str
) -> None:
    desk.fault = fault
    async with slack.app(desk):
        answer = await ask(slack, "status")
    assert told in answer
    assert "secret detail" not in answer
    assert "Traceback" not in answer


async def test_a_desk_that_takes_too_long_is_given_up_with_a_sentence(
    slack: Slack, desk: samples.Desk
) -> None:
    desk.wait = asyncio.Event().wait
    async with slack.app(desk, answer_timeout=0.1):
        assert wording.TIMED_OUT in await ask(slack, "status")


async def test_an_answer_finds_another_way_when_its_url_is_spent(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        payload = {
            "command": "/flannel", "text": "status", "user_id": OPERATOR, "team_id": people.TEAM,
            "channel_id": "C0ALERTS", "trigger_id": "1.2",
            "response_url": f"{slack.server.page}hooks/commands/gone",
        }  # fmt: skip
        await slack.act("raw", kind="slash_commands", payload=payload)
        await until(lambda: slack.whispers(OPERATOR))
    assert slack.whispers(OPERATOR)[0].via == "post"


async def test_a_mention_is_answered_in_its_thread(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        for text in ("<@U0BOT> status", "hello <@U0BOT>: status", "status <@U0BOT>"):
            asked = await slack.act("message", user=OPERATOR, channel="C0ALERTS", text=text)
            count = len(slack.said())
            await until(lambda n=count: len(slack.said()) > n)
            reply = slack.said()[-1]
            assert reply.thread_ts == asked["ts"]
        assert "119 of 120" in slack.said()[0].text
        root = slack.said()[0].thread_ts
        await slack.act(
            "message", user=OPERATOR, channel="C0ALERTS", text="<@U0BOT> incident 42", thread_ts=root
        )  # fmt: skip
        await until(lambda: len(slack.said()) == 4)
        assert slack.said()[-1].thread_ts == root


async def test_a_mention_where_outsiders_read_along_is_answered_to_the_asker_alone(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        await slack.act("message", user=OPERATOR, channel="C0SHARED", text="<@U0BOT> status")
        await until(lambda: slack.whispers(OPERATOR))
    assert not slack.said("C0SHARED")
    assert "119 of 120" in slack.whispers(OPERATOR)[0].text


DIRECT = "D0OPERATOR"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("help", "/flannel incident INC-n"),
        ("status", "119 of 120"),
        ("<@U0BOT> status", "119 of 120"),
        ("incident 42", "Raise the memory limit"),
        ("@staging check", "kube-flannel OOM-killed 3 times"),
        ("staus", "Did you mean status?"),
    ],
)
async def test_a_direct_message_needs_no_mention_and_is_answered_beneath_it(
    slack: Slack, desk: samples.Desk, text: str, told: str
) -> None:
    async with slack.app(desk):
        await slack.act("message", user=OPERATOR, channel=DIRECT, text=text)
        await until(lambda: slack.said(DIRECT))
    (answer,) = slack.said(DIRECT)
    assert told in answer.text
    assert answer.thread_ts is None


async def test_in_a_thread_of_direct_messages_the_answer_stays_in_it(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        first = await slack.act("message", user=OPERATOR, channel=DIRECT, text="status")
        await until(lambda: slack.said(DIRECT))
        await slack.act(
            "message", user=OPERATOR, channel=DIRECT, text="help", thread_ts=first["ts"]
        )
        await until(lambda: len(slack.said(DIRECT)) == 2)
    assert slack.said(DIRECT)[1].thread_ts == first["ts"]


async def test_commands_are_answered_in_direct_messages_too(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        assert "/flannel schedule" in await ask(slack, "help", channel=DIRECT)
    assert not slack.said(DIRECT)


@pytest.mark.parametrize(
    ("user", "told"), [("U0GUEST", wording.GUEST), ("U0STRANGER", wording.OUTSIDER)]
)
async def test_guests_and_outsiders_are_refused_in_direct_messages(
    slack: Slack, desk: samples.Desk, user: str, told: str
) -> None:
    async with slack.app(desk):
        channel = user.replace("U0", "D0")
        await slack.act("message", user=user, channel=channel, text="status")
        await until(lambda: slack.whispers(user))
    assert told in slack.whispers(user)[0].text
    assert not desk.asked


async def test_an_edit_a_deletion_and_what_others_say_are_not_answered(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        for channel, text in ((DIRECT, "status"), ("C0ALERTS", "<@U0BOT> status")):
            said = await slack.act("message", user=OPERATOR, channel=channel, text=text)
            await until(lambda c=channel: slack.said(c))
            where = {"user": OPERATOR, "channel": channel, "ts": said["ts"]}
            await slack.act("edit", text=f"{text} ", **where)
            await slack.act("react", emoji="eyes", **where)
            await slack.act("delete", **where)
        await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="status, anybody?")
        await ask(slack, "schedule")
    assert [name for name, _ in desk.asked] == ["status", "status", "schedule"]


async def test_help_is_the_same_wherever_it_is_asked_for(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        typed = await ask(slack, "help")
        await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="<@U0BOT> help")
        await slack.act("message", user=OPERATOR, channel=DIRECT, text="help")
        await until(lambda: slack.said() and slack.said(DIRECT))
    assert typed == slack.said()[0].text == slack.said(DIRECT)[0].text
    for words in ("direct message", "Show incident", "home tab"):
        assert words in typed


async def test_an_event_that_is_sent_again_is_answered_once(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        await slack.fault("envelopes_doubled", times=1)
        await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="<@U0BOT> status")
        kind = {"socket": "ack", "http": "webhook"}[slack.mode]
        await until(lambda: len(slack.noted(kind)) >= 2)
        await until(slack.said)
        await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="<@U0BOT> schedule")
        await until(lambda: len(slack.said()) == 2)
    assert [name for name, _ in desk.asked] == ["status", "schedule"]


@pytest.mark.parametrize(
    ("user", "channel", "told"),
    [
        ("U0GUEST", "C0ALERTS", wording.GUEST),
        ("U0STRANGER", "C0SHARED", wording.OUTSIDER),
        ("U0BYSTANDER", "C0ALERTS", None),
    ],
)
async def test_full_members_are_answered_and_all_others_refused(
    slack: Slack, desk: samples.Desk, user: str, channel: str, told: str | None
) -> None:
    async with slack.app(desk):
        answer = await ask(slack, "status", user=user, channel=channel)
        await slack.act("message", user=user, channel=channel, text="<@U0BOT> status")
        if told:
            await until(lambda: len(slack.whispers(user)) == 2)
            assert told in answer
            assert told in slack.whispers(user)[1].text
            assert not desk.asked
            assert not slack.said(channel)
        else:
            await until(lambda: slack.said(channel))
            assert "119 of 120" in answer


async def test_a_stranger_who_comes_with_our_team_in_the_payload_is_refused(
    slack: Slack, desk: samples.Desk
) -> None:
    """The app's own workspace in a payload says nothing about who acts."""
    async with slack.app(desk):
        for number, teams in enumerate(({"team_id": people.TEAM}, {"team_id": ""}, {})):
            payload = {
                "command": "/flannel", "text": "status", "user_id": "U0STRANGER",
                "channel_id": "C0SHARED", "trigger_id": f"{number}", **teams,
            }  # fmt: skip
            await slack.act("raw", kind="slash_commands", payload=payload)
            await until(lambda n=number: len(slack.whispers("U0STRANGER")) > n)
    assert all(wording.OUTSIDER in w.text for w in slack.whispers("U0STRANGER"))
    assert not desk.asked


async def test_a_member_who_acts_for_another_team_is_refused(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        payload = {
            "command": "/flannel", "text": "status", "user_id": OPERATOR,
            "channel_id": "C0ALERTS", "trigger_id": "1", "team_id": people.OTHER_TEAM,
        }  # fmt: skip
        await slack.act("raw", kind="slash_commands", payload=payload)
        await until(lambda: slack.whispers(OPERATOR))
        click = {
            "type": "block_actions", "channel": {"id": "C0ALERTS"}, "team": {"id": people.TEAM},
            "user": {"id": OPERATOR, "team_id": people.OTHER_TEAM},
            "actions": [{"action_id": "approve_plan", "action_ts": "1.1"}],
        }  # fmt: skip
        await slack.act("raw", kind="interactive", payload=click)
        await until(lambda: len(slack.whispers(OPERATOR)) == 2)
    assert all(wording.OUTSIDER in whisper.text for whisper in slack.whispers(OPERATOR))
    assert not desk.asked


async def test_a_member_who_was_deactivated_is_refused_as_soon_as_the_memory_ends(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk, caller_ttl=0.2):
        assert "119 of 120" in await ask(slack, "status")
        await slack.act("person", user=OPERATOR, deleted=True)
        await asyncio.sleep(0.2)
        assert wording.DEACTIVATED in await ask(slack, "status")
    assert len(slack.calls("users.info")) == 2


async def test_callers_are_asked_about_once_while_the_memory_lasts(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        for _ in range(3):
            await ask(slack, "status")
    assert len(slack.calls("users.info")) == 1


@pytest.mark.parametrize("fault", ["server_error", "rate_limited", "dropped"])
async def test_nobody_is_let_in_while_slack_does_not_say_who_they_are(
    slack: Slack, desk: samples.Desk, fault: str
) -> None:
    async with slack.app(desk):
        await slack.fault(fault, method="users.info")
        assert wording.UNKNOWN_CALLER in await ask(slack, "status")
        await slack.lift(fault)
        assert "119 of 120" in await ask(slack, "status")
    assert len(desk.asked) == 1


def button(action_id: str) -> list[dict[str, Any]]:
    text = {"type": "plain_text", "text": "Do it"}
    element = {"type": "button", "action_id": action_id, "text": text, "value": "opaque"}
    return [{"type": "actions", "elements": [element]}]


@pytest.mark.parametrize(
    ("action_id", "told"),
    [
        ("ack_incident", "not known to the bot any more"),
        ("silence_incident", "not known to the bot any more"),
        ("some_button_of_long_ago", "not known to the bot any more"),
    ],
)
async def test_no_click_is_silent(
    slack: Slack, desk: samples.Desk, action_id: str, told: str
) -> None:
    async with slack.app(desk) as app:
        posted = await app._web.sdk.chat_postMessage(
            channel="C0ALERTS", text="old card", blocks=button(action_id)
        )
        click = {"channel": "C0ALERTS", "ts": posted["ts"], "action_id": action_id}
        for user in (OPERATOR, "U0GUEST", "U0STRANGER"):
            acted = await slack.act("click", user=user, **click)
            assert acted["acked"]
            await until(lambda who=user: slack.whispers(who))
    assert told in slack.whispers(OPERATOR)[0].text
    assert wording.GUEST in slack.whispers("U0GUEST")[0].text
    assert wording.OUTSIDER in slack.whispers("U0STRANGER")[0].text
    assert slack.said()[0].blocks[0]["type"] == "actions", "the card was replaced"


FORGED = [
    {},
    {"type": "block_actions"},
    {"type": "block_actions", "user": None, "actions": None},
    {"type": "block_actions", "user": {"id": OPERATOR, "team_id": people.TEAM}, "actions": [{}],
     "channel": {"id": "C0ALERTS"}},
    {"type": "block_actions", "user": "U1", "team": 7, "actions": "x", "container": []},
    {"type": "shortcut", "user": {"id": OPERATOR, "team_id": people.TEAM}, "callback_id": "x"},
    {"type": "view_submission", "view": {"callback_id": "x", "type": "modal"}},
    {"type": "never_heard_of"},
]  # fmt: skip


async def test_a_forged_payload_is_acknowledged_and_ends_nothing(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk) as app:
        for kind in ("interactive", "slash_commands", "events_api"):
            for payload in FORGED:
                told = await slack.act("raw", kind=kind, payload=payload)
                assert told["acked"], (kind, payload)
        for frame in ("{", "[]", "null", '{"type":"interactive"}', "x" * 70_000):
            if slack.mode == "socket":
                await slack.act("raw", frame=frame)
        assert "119 of 120" in await ask(slack, "status")
        assert app.connected


async def test_a_click_whose_button_has_no_name_is_still_answered(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        await slack.act("raw", kind="interactive", payload=FORGED[3])
        await until(lambda: slack.whispers(OPERATOR))
    assert wording.OLD_BUTTON in slack.whispers(OPERATOR)[0].text


async def test_a_form_of_another_age_is_answered_in_its_window(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        person = {"id": OPERATOR, "team_id": people.TEAM}
        view = {"id": "V1", "type": "modal", "callback_id": "old", "state": {"values": {}}}
        payload = {"type": "view_submission", "user": person, "view": view}
        told = await slack.act("raw", kind="interactive", payload=payload)
    assert told["response"]["response_action"] == "update"
    assert wording.NO_FORMS in json.dumps(told["response"])


async def test_nothing_is_said_twice_when_a_command_arrives_twice(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk):
        await slack.fault("envelopes_doubled", times=1)
        await ask(slack, "status")
        await ask(slack, "schedule")
    assert [name for name, _ in desk.asked] == ["status", "schedule"]


async def test_a_huge_answer_is_cut_and_says_so(slack: Slack, desk: samples.Desk) -> None:
    async def everything(_cluster: str | None) -> object:
        incidents = tuple(samples.trouble(1, id=number) for number in range(1, 500))
        return samples.answers.IncidentList(cluster=None, unresolved=incidents, resolved=())

    desk.incidents = everything
    async with slack.app(desk):
        await ask(slack, "incidents")
    (whisper,) = slack.whispers(OPERATOR)
    assert "do not fit into one message" in json.dumps(whisper.blocks, ensure_ascii=False)
