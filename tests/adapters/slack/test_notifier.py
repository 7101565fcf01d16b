"""Posting, editing and finding, over the wire."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.slack import notifier
from bot.domain import errors, notice
from bot.flow import ports
from bot.sim.slack import people
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack

LONG_AGO = samples.NOW - timedelta(days=3650)
DETAIL = notice.Detail("INC-42: particulars", (notice.Section("Log", ("why",), "a <!channel> b"),))


async def test_a_card_is_posted_with_its_outbox_id_and_no_markup(slack: Slack) -> None:
    async with slack.web() as web:
        ts = await notifier.Notifier(web).post("C0ALERTS", samples.view(), row=samples.row())
    (message,) = slack.said()
    assert message.ts == ts
    assert message.metadata == {
        "event_type": "flannel_bot",
        "event_payload": {"outbox_id": "row-1", "kind": "card", "incident": 42},
    }
    assert message.text.startswith("🔴 Critical · INC-42 · flannel OOM-killed on 4 of 120 nodes")
    (sent,) = slack.calls("chat.postMessage")
    assert sent["parse"] == "none"
    assert sent["mrkdwn"] is False
    assert sent["unfurl_links"] is False
    assert sent["unfurl_media"] is False


async def test_a_card_is_edited_in_place(slack: Slack) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        ts = await messenger.post("C0ALERTS", samples.view(), row=samples.row("first"))
        grown = samples.view(samples.trouble(19))
        await messenger.update("C0ALERTS", ts, grown, row=samples.row("second"))
        found = await messenger.find("C0ALERTS", "first", since=LONG_AGO)
    (message,) = slack.said()
    assert message.ts == ts == found
    assert "19 of 120" in message.text
    assert message.metadata["event_payload"]["outbox_id"] == "first"


async def test_particulars_go_into_the_thread_and_a_broadcast_is_seen_outside(
    slack: Slack,
) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        ts = await messenger.post("C0ALERTS", samples.view(), row=samples.row())
        kind = notice.Kind.DETAIL
        await messenger.post("C0ALERTS", DETAIL, row=samples.row("d", kind=kind), thread_ts=ts)
        loud = notice.Detail("INC-42 spread grew", (), broadcast=True)
        await messenger.post("C0ALERTS", loud, row=samples.row("l", kind=kind), thread_ts=ts)
        found = await messenger.find("C0ALERTS", "d", since=LONG_AGO, thread_ts=ts)
    _, reply, broadcast = slack.said()
    assert found == reply.ts
    assert reply.thread_ts == ts
    assert not reply.broadcast
    assert broadcast.broadcast
    assert "<!channel>" not in json.dumps(reply.blocks)


@pytest.mark.parametrize(
    ("fault", "params", "kind"),
    [
        ("rate_limited", {"retry_after": 7}, ports.RateLimited),
        ("server_error", {"status": 503, "html": True}, ports.Ambiguous),
        ("dropped", {}, ports.Ambiguous),
        ("api_error", {"error": "internal_error"}, ports.Ambiguous),
        ("api_error", {"error": "not_in_channel"}, errors.Unavailable),
        ("token_revoked", {}, errors.Unavailable),
        ("missing_scope", {"scope": "chat:write"}, errors.Unavailable),
        ("timeout_after_storing", {"seconds": 5}, ports.Ambiguous),
    ],
)
async def test_a_post_that_fails_says_whether_it_may_have_been_stored(
    slack: Slack, fault: str, params: dict[str, Any], kind: type[errors.BotError]
) -> None:
    if fault not in ("token_revoked", "missing_scope"):
        params = params | {"method": "chat.postMessage"}
    async with slack.web(timeout=0.4) as web:
        await slack.fault(fault, **params)
        with pytest.raises(errors.BotError) as caught:
            await notifier.Notifier(web).post("C0ALERTS", samples.view(), row=samples.row())
    assert type(caught.value) is kind
    if isinstance(caught.value, ports.RateLimited):
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("fault", ["dropped_after_storing", "server_error_after_storing"])
async def test_a_message_stored_before_the_line_broke_is_found_and_not_posted_twice(
    slack: Slack, fault: str
) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        await slack.fault(fault, method="chat.postMessage", times=1)
        with pytest.raises(ports.Ambiguous):
            await messenger.post("C0ALERTS", samples.view(), row=samples.row("lost"))
        found = await messenger.find("C0ALERTS", "lost", since=LONG_AGO)
        none = await messenger.find("C0ALERTS", "never sent", since=LONG_AGO)
    (message,) = slack.said()
    assert found == message.ts
    assert none is None


async def test_a_message_is_found_behind_many_pages(slack: Slack) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        ts = await messenger.post("C0ALERTS", samples.view(), row=samples.row("old"))
        for number in range(250):
            slack.server.world.space.post("C0ALERTS", "U0OPERATOR", text=f"talk {number}")
        assert await messenger.find("C0ALERTS", "old", since=LONG_AGO) == ts


async def test_a_history_that_may_never_be_read_is_refused_and_one_not_now_waits(
    slack: Slack,
) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        method = "conversations.history"
        await slack.fault("api_error", method=method, error="missing_scope", times=1)
        with pytest.raises(errors.Refused):
            await messenger.find("C0ALERTS", "x", since=LONG_AGO)
        await slack.fault("server_error", method=method)
        with pytest.raises(errors.Unavailable) as caught:
            await messenger.find("C0ALERTS", "x", since=LONG_AGO)
        assert not isinstance(caught.value, ports.Ambiguous)


async def test_a_layout_that_slack_refuses_is_said_plainly_instead(slack: Slack) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        fault = {"method": "chat.postMessage", "error": "invalid_blocks", "times": 1}
        await slack.fault("api_error", **fault)
        await messenger.post("C0ALERTS", samples.view(), row=samples.row())
        await slack.fault("api_error", method="chat.postMessage", error="msg_too_long")
        with pytest.raises(errors.Refused, match="msg_too_long"):
            await messenger.post("C0ALERTS", samples.view(), row=samples.row("two"))
    (message,) = slack.said()
    assert message.blocks[0]["text"]["type"] == "plain_text"
    assert "node-001" in message.blocks[0]["text"]["text"]


async def test_a_message_that_is_gone_is_told_so(slack: Slack) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        ts = await messenger.post("C0ALERTS", samples.view(), row=samples.row())
        (message,) = slack.said()
        slack.server.world.space.delete(message)
        row = samples.row("two")
        with pytest.raises(ports.MessageGone):
            await messenger.update("C0ALERTS", ts, samples.view(), row=row)
        with pytest.raises(ports.MessageGone):
            await messenger.post("C0ALERTS", DETAIL, row=row, thread_ts=ts)
        assert await messenger.find("C0ALERTS", "two", since=LONG_AGO, thread_ts=ts) is None


async def test_an_edit_is_never_ambiguous(slack: Slack) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        ts = await messenger.post("C0ALERTS", samples.view(), row=samples.row())
        await slack.fault("dropped_after_storing", method="chat.update")
        with pytest.raises(errors.Unavailable) as caught:
            await messenger.update("C0ALERTS", ts, samples.view(), row=samples.row())
    assert type(caught.value) is errors.Unavailable


async def test_all_posts_share_one_connection(slack: Slack) -> None:
    async with slack.web() as web:
        messenger = notifier.Notifier(web)
        for number in range(5):
            await messenger.post("C0OPS", samples.view(), row=samples.row(str(number)))
        pool = web.session.connector
        assert sum(len(waiting) for waiting in pool._conns.values()) == 1


async def test_the_bot_knows_who_it_is_and_what_it_may(slack: Slack) -> None:
    async with slack.web() as web:
        who = await web.verify()
    assert (who.team_id, who.user_id) == (people.TEAM, people.BOT_USER)
    assert "chat:write" in who.scopes
    assert who.lacking == ()
    assert who.permalink("C0ALERTS", "123.456").endswith("/archives/C0ALERTS/p123456")


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"bot_token": "xoxb-wrong"}, "slack.bot_token"),
        ({"app_token": "xapp-wrong"}, "slack.app_token"),
        ({"app_token": people.BOT_TOKEN}, "slack.app_token"),
        ({"mode": "http", "bot_token": "xoxb-wrong"}, "slack.bot_token"),
    ],
)
async def test_a_wrong_token_is_named_by_its_setting(
    slack: Slack, changes: dict[str, str], setting: str
) -> None:
    async with slack.web(**changes) as web:
        with pytest.raises(errors.Misconfigured, match=setting) as caught:
            await web.verify()
    assert "wrong" not in str(caught.value).replace("is wrong", "")


async def test_a_slack_that_is_away_at_the_start_is_no_wrong_token(slack: Slack) -> None:
    await slack.fault("server_error", status=502, html=True)
    async with slack.web() as web:
        with pytest.raises(errors.Unavailable):
            await web.verify()
