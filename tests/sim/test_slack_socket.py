"""Socket Mode: by Slack's SDK and Bolt for what works, by a bare WebSocket for what goes wrong."""

import asyncio
import contextlib
import json
import time

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sim.slack import events, limits, people, serve, world

ALERTS = "C0ALERTS"
PACE = world.Pace(ack=0.2, event_retries=(0.0, 0.05, 0.05), trigger=0.2, response_url=60)


@pytest.fixture
async def slack(request):
    subscribed = getattr(request, "param", events.SUBSCRIBED)
    options = serve.SlackOptions(port=0, pace=PACE, events=subscribed)
    async with serve.SimulatedSlack(options) as running:
        yield running


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def act(slack, http):
    async def send(name, **body):
        async with http.post(f"{slack.page}_sim/{name}", json=body) as answer:
            return await answer.json()

    return send


async def address(slack):
    client = AsyncWebClient(token=people.APP_TOKEN, base_url=slack.api)
    return (await client.apps_connections_open(app_token=people.APP_TOKEN))["url"]


@contextlib.asynccontextmanager
async def connected(slack, http):
    """A bare connection, past its hello."""
    async with http.ws_connect(await address(slack)) as socket:
        hello = await socket.receive_json(timeout=2)
        assert hello["type"] == "hello"
        yield socket


async def until(condition, seconds=3.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def bolt(slack, *, before=None):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    app = AsyncApp(client=client)
    seen = []

    @app.command("/flannel")
    async def command(ack, body, respond):
        seen.append(body)
        if before is not None:
            await before(ack)
        await ack()
        await respond(text=f"status for {body['user_id']}: {body['text']}")

    @app.action("propose_fix")
    async def action(ack, body, client):
        await ack()
        seen.append(body)
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="proposed"
        )

    @app.event("app_mention")
    async def mention(event, say):
        seen.append(event)
        await say(text="here", thread_ts=event.get("thread_ts", event["ts"]))

    @app.event("message")
    async def message(event):
        seen.append(event)

    handler = AsyncSocketModeHandler(app, people.APP_TOKEN)
    await handler.connect_async()
    try:
        yield seen
    finally:
        await handler.close_async()
        for task in (
            handler.client.message_processor,
            handler.client.message_receiver,
            handler.client.current_session_monitor,
        ):
            task.cancel()


async def post(slack, **more):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Fix"},
        "action_id": "propose_fix",
        "value": "INC-1",
        "style": "primary",
    }
    return await client.chat_postMessage(
        channel=ALERTS,
        text="card",
        blocks=[{"type": "actions", "block_id": "b", "elements": [button]}],
        **more,
    )


async def test_a_command_is_acknowledged_and_answered_to_the_person_alone(slack, http, act):
    told = set()
    async with bolt(slack) as seen:
        for text in ("/flannel status", "status"):
            answer = await act("command", user="U0OPERATOR", channel=ALERTS, text=text)
            assert answer["acked"]
            assert answer["latency_ms"] > 0
            told.add(answer["command_id"])
            await until(lambda: {e.command_id for e in slack.world.space.ephemerals()} == told)
    assert [body["text"] for body in seen] == ["status", "status"]
    assert seen[0]["command"] == "/flannel"
    assert (seen[0]["team_id"], seen[0]["channel_id"]) == ("T0DEMO", ALERTS)
    shown = slack.world.space.ephemerals(ALERTS)
    assert {e.user for e in shown} == {"U0OPERATOR"}
    assert shown[0].text == "status for U0OPERATOR: status"
    assert slack.world.space.messages(ALERTS) == ()


async def test_a_click_reaches_the_app_with_what_decides_who_may(slack, act):
    card = await post(
        slack, metadata={"event_type": "flannel_bot", "event_payload": {"incident": "INC-1"}}
    )
    async with bolt(slack) as seen:
        answer = await act(
            "click", user="U0STRANGER", channel=ALERTS, ts=card["ts"], action_id="propose_fix"
        )
        assert answer["acked"]
        await until(lambda: slack.world.space.get(ALERTS, card["ts"]).text == "proposed")
    (body,) = seen
    assert body["type"] == "block_actions"
    assert body["user"]["team_id"] == "T0OTHER"
    assert body["team"]["id"] == "T0DEMO"
    assert body["container"] == {
        "type": "message",
        "message_ts": card["ts"],
        "channel_id": ALERTS,
        "is_ephemeral": False,
    }
    assert body["message"]["metadata"]["event_payload"] == {"incident": "INC-1"}
    (action,) = body["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == (
        "propose_fix",
        "b",
        "INC-1",
    )
    assert float(action["action_ts"]) > float(card["ts"])
    assert body["trigger_id"]
    assert body["response_url"].startswith(slack.page)


async def test_a_click_on_something_that_is_not_there_is_not_sent(slack, act):
    card = await post(slack)
    missing = await act(
        "click", user="U0OPERATOR", channel=ALERTS, ts=card["ts"], action_id="nonsense"
    )
    assert missing["error"] == "action_not_found"
    nowhere = await act(
        "click", user="U0OPERATOR", channel=ALERTS, ts="1.000001", action_id="propose_fix"
    )
    assert nowhere["error"] == "message_not_found"
    elsewhere = await act(
        "click", user="U0OPERATOR", channel="C0OPS", ts=card["ts"], action_id="propose_fix"
    )
    assert elsewhere["error"] == "message_not_found"


@pytest.mark.parametrize("slack", [(*events.SUBSCRIBED, "message.channels")], indirect=True)
async def test_a_mention_is_answered_in_a_thread_and_messages_are_told_if_subscribed(slack, act):
    async with bolt(slack) as seen:
        said = await act("message", user="U0OPERATOR", channel=ALERTS, text="@flannel-bot status")
        await until(lambda: len(slack.world.space.replies(ALERTS, said["ts"])) == 1)
        await act(
            "message",
            user="U0APPROVER",
            channel=ALERTS,
            text="<@U0BOT> again",
            thread_ts=said["ts"],
        )
        await until(lambda: len(slack.world.space.replies(ALERTS, said["ts"])) == 3)
        # Bolt keeps an app from hearing itself.
        await until(lambda: sum(e["type"] == "message" for e in seen) == 2)
    mentions = [event for event in seen if event["type"] == "app_mention"]
    assert [m["text"] for m in mentions] == ["<@U0BOT> status", "<@U0BOT> again"]
    assert "thread_ts" not in mentions[0]
    assert mentions[1]["thread_ts"] == said["ts"]


async def test_a_command_that_nobody_acknowledges_fails_visibly(slack, http, act):
    async with connected(slack, http):
        answer = await act("command", user="U0OPERATOR", channel=ALERTS, text="status")
    assert not answer["acked"]
    assert answer["error"] == "operation_timeout"
    assert answer["latency_ms"] >= 190
    (shown,) = answer["ephemeral"]
    assert shown["text"] == '/flannel failed with the error "operation_timeout"'
    assert shown["user"] == "U0OPERATOR"


async def test_a_command_without_a_connection_fails_at_once(slack, act):
    started = time.monotonic()
    answer = await act("command", user="U0OPERATOR", channel=ALERTS, text="status")
    assert answer["error"] == "dispatch_failed"
    assert "dispatch_failed" in answer["ephemeral"][0]["text"]
    assert time.monotonic() - started < 0.19


async def test_a_command_of_no_app_never_reaches_this_one(slack, http, act):
    async with connected(slack, http) as socket:
        answer = await act("command", user="U0OPERATOR", channel=ALERTS, text="/other thing")
        assert answer["error"] == "unknown_command"
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.05)


async def test_an_answer_inside_the_acknowledgement_is_shown(slack, http, act):
    async with connected(slack, http) as socket:
        for kind, expected in ((None, 0), ("in_channel", 1)):
            typed = asyncio.create_task(
                act("command", user="U0OPERATOR", channel=ALERTS, text="status")
            )
            envelope = await socket.receive_json(timeout=2)
            assert envelope["accepts_response_payload"]
            payload = {"text": "all well"} | ({"response_type": kind} if kind else {})
            await socket.send_json({"envelope_id": envelope["envelope_id"], "payload": payload})
            answer = await typed
            assert [e["text"] for e in answer["ephemeral"]] == (
                ["all well"] if kind is None else []
            )
            assert len(slack.world.space.messages(ALERTS)) == expected


async def test_commands_and_clicks_are_never_sent_twice(slack, http, act):
    card = await post(slack)
    async with connected(slack, http) as socket:
        await act("command", user="U0OPERATOR", channel=ALERTS, text="status")
        await act(
            "click", user="U0OPERATOR", channel=ALERTS, ts=card["ts"], action_id="propose_fix"
        )
        kinds = []
        with contextlib.suppress(TimeoutError):
            while True:
                envelope = await socket.receive_json(timeout=0.6)
                kinds.append(envelope["type"])
                assert "retry_attempt" not in envelope
    assert kinds == ["slash_commands", "interactive"]


async def test_an_event_is_sent_again_until_acknowledged_with_the_same_id(slack, http, act):
    async with connected(slack, http) as socket:
        await act("message", user="U0OPERATOR", channel="C0OPS", text="<@U0BOT> hello")
        envelopes = [await socket.receive_json(timeout=2) for _ in range(3)]
        await socket.send_json({"envelope_id": envelopes[2]["envelope_id"]})
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.4)
    assert [e["retry_attempt"] for e in envelopes] == [0, 1, 2]
    assert [e["retry_reason"] for e in envelopes] == ["", "timeout", "timeout"]
    assert len({e["payload"]["event_id"] for e in envelopes}) == 1
    assert len({e["envelope_id"] for e in envelopes}) == 3


async def test_an_event_is_given_up_after_three_repetitions(slack, http, act):
    async with connected(slack, http) as socket:
        await act("message", user="U0OPERATOR", channel="C0OPS", text="<@U0BOT> hello")
        for attempt in range(4):
            assert (await socket.receive_json(timeout=2))["retry_attempt"] == attempt
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.4)


async def test_an_event_that_found_nobody_is_delivered_to_who_comes_next(slack, http, act):
    await act("message", user="U0OPERATOR", channel="C0OPS", text="<@U0BOT> hello")
    async with connected(slack, http) as socket:
        envelope = await socket.receive_json(timeout=2)
        assert envelope["retry_attempt"] > 0
        assert envelope["retry_reason"] == "connection_failed"
        await socket.send_json({"envelope_id": envelope["envelope_id"]})


async def test_one_payload_goes_to_one_of_several_connections(slack, http, act):
    async with connected(slack, http) as one, connected(slack, http) as two:

        async def drain(socket):
            got = []
            async for frame in socket:
                body = json.loads(frame.data)
                got.append(body)
                await socket.send_json({"envelope_id": body["envelope_id"]})
            return got

        readers = [asyncio.create_task(drain(socket)) for socket in (one, two)]
        for _ in range(6):
            assert (await act("command", user="U0OPERATOR", channel=ALERTS, text="x"))["acked"]
        await slack.world.links.close()
        got = [await reader for reader in readers]
    assert [len(part) for part in got] == [3, 3]


async def test_an_acknowledgement_counts_over_any_connection(slack, http, act):
    async with connected(slack, http) as one:
        typed = asyncio.create_task(act("command", user="U0OPERATOR", channel=ALERTS, text="x"))
        envelope = await one.receive_json(timeout=2)
        async with connected(slack, http) as two:
            await two.send_json({"envelope_id": envelope["envelope_id"]})
            assert (await typed)["acked"]


async def test_a_ticket_opens_one_connection(slack, http):
    url = await address(slack)
    async with http.ws_connect(url) as socket:
        await socket.receive_json(timeout=2)
    for used in (url, url.replace("ticket=", "ticket=forged")):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(used)
        assert refused.value.status == 404


async def test_an_eleventh_connection_is_sent_away(slack, http):
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(limits.CONNECTIONS):
            await stack.enter_async_context(connected(slack, http))
        async with http.ws_connect(await address(slack)) as extra:
            assert (await extra.receive_json(timeout=2))["reason"] == "too_many_websockets"
            assert (await extra.receive(timeout=2)).type is aiohttp.WSMsgType.CLOSE
        assert slack.world.links.count == limits.CONNECTIONS


@pytest.mark.parametrize(
    ("reason", "closes"), [("warning", False), ("refresh_requested", True), ("link_disabled", True)]
)
async def test_a_disconnect_is_announced_with_its_reason(slack, http, act, reason, closes):
    async with connected(slack, http) as socket:
        assert (await act("disconnect", reason=reason))["links"] == 1
        told = await socket.receive_json(timeout=2)
        assert (told["type"], told["reason"]) == ("disconnect", reason)
        if closes:
            assert (await socket.receive(timeout=2)).type is aiohttp.WSMsgType.CLOSE
        else:
            assert slack.world.links.online()


async def test_the_sdk_comes_back_after_a_refresh_and_goes_on_working(slack, act):
    async with bolt(slack) as seen:
        await act("disconnect", reason="refresh_requested")
        journal = slack.world.journal
        await until(lambda: sum(e.get("event") == "opened" for e in journal.since(0)) >= 2)
        await until(slack.world.links.online)
        # Slack gives a command three seconds, which a busy machine may take by itself.
        async with asyncio.timeout(20):
            acked = False
            while not acked:
                answer = await act("command", user="U0OPERATOR", channel=ALERTS, text="status")
                acked = answer["acked"]
        await until(lambda: seen)


async def test_a_connection_can_break_without_a_word(slack, http, act):
    async with connected(slack, http) as socket:
        assert (await act("disconnect", cut=True))["links"] == 1
        frame = await socket.receive(timeout=2)
        assert frame.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        await until(lambda: not slack.world.links.online())


async def test_a_silent_link_answers_no_ping_and_a_refused_one_no_handshake(slack, http):
    async with http.ws_connect(await address(slack), autoping=False) as socket:
        await socket.receive_json(timeout=2)
        await socket.ping(b"one")
        assert (await socket.receive(timeout=2)).type is aiohttp.WSMsgType.PONG
        slack.world.faults.put("link_silent", {})
        await socket.ping(b"two")
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.1)
        slack.world.faults.lift("link_silent")
    slack.world.faults.put("link_refused", {"times": 1})
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(await address(slack))
    async with connected(slack, http):
        assert slack.world.links.online()


async def test_an_envelope_can_come_twice(slack, http, act):
    slack.world.faults.put("envelopes_doubled", {"times": 1})
    async with connected(slack, http) as socket:
        typed = asyncio.create_task(act("command", user="U0OPERATOR", channel=ALERTS, text="x"))
        first, second = [await socket.receive_json(timeout=2) for _ in range(2)]
        assert first == second
        await socket.send_json({"envelope_id": first["envelope_id"]})
        assert (await typed)["acked"]


async def test_an_envelope_can_come_too_late(slack, http, act):
    slack.world.faults.put("envelopes_delayed", {"seconds": 1})
    async with connected(slack, http):
        answer = await act("command", user="U0OPERATOR", channel=ALERTS, text="x")
    assert answer["error"] == "operation_timeout"


@pytest.mark.parametrize(
    "noise", ["not json", "[]", "17", '{"envelope_id": "unknown"}', '{"envelope_id": {}}', "{}"]
)
async def test_nonsense_from_the_app_harms_nobody(slack, http, act, noise):
    async with connected(slack, http) as socket:
        await socket.send_str(noise)
        typed = asyncio.create_task(act("command", user="U0OPERATOR", channel=ALERTS, text="x"))
        envelope = await socket.receive_json(timeout=2)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        assert (await typed)["acked"]


async def test_a_forged_payload_travels_in_a_true_envelope_and_a_frame_as_it_is(slack, http, act):
    async with connected(slack, http) as socket:
        sent = asyncio.create_task(
            act("raw", kind="interactive", payload={"type": "block_actions", "forged": True})
        )
        envelope = await socket.receive_json(timeout=2)
        assert envelope["payload"]["forged"]
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        assert (await sent)["acked"]
        assert (await act("raw", frame="half a fra"))["links"] == 1
        assert (await socket.receive(timeout=2)).data == "half a fra"


async def test_mentions_in_a_command_become_references(slack, http, act):
    async with connected(slack, http) as socket:
        typed = asyncio.create_task(
            act("command", user="U0OPERATOR", channel=ALERTS, text="ack @adam in #ops, mail a@b.c")
        )
        envelope = await socket.receive_json(timeout=2)
        assert envelope["payload"]["text"] == "ack <@U0APPROVER|adam> in <#C0OPS|ops>, mail a@b.c"
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await typed


async def test_a_modal_opens_by_a_fresh_trigger_only_and_answers_its_submission(slack, http, act):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    modal = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Why"},
        "blocks": [],
        "callback_id": "why",
    }

    async with connected(slack, http) as socket:
        typed = asyncio.create_task(act("command", user="U0OPERATOR", channel=ALERTS, text="x"))
        envelope = await socket.receive_json(timeout=2)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await typed
        trigger = envelope["payload"]["trigger_id"]
        opened = await client.views_open(trigger_id=trigger, view=modal)
        with pytest.raises(Exception, match="exchanged_trigger_id"):
            await client.views_open(trigger_id=trigger, view=modal)
        with pytest.raises(Exception, match="invalid_trigger_id"):
            await client.views_open(trigger_id="1.2.3", view=modal)
        submitted = asyncio.create_task(
            act("view_submit", user="U0OPERATOR", values={"b": {"a": {"value": "because"}}})
        )
        envelope = await socket.receive_json(timeout=2)
        assert envelope["payload"]["view"]["id"] == opened["view"]["id"]
        assert envelope["payload"]["view"]["state"]["values"]["b"]["a"]["value"] == "because"
        complaint = {"response_action": "errors", "errors": {"b": "no"}}
        await socket.send_json({"envelope_id": envelope["envelope_id"], "payload": complaint})
        assert (await submitted)["response"] == complaint
        assert slack.world.views.stack("U0OPERATOR"), "a modal with errors stays"
        submitted = asyncio.create_task(act("view_submit", user="U0OPERATOR"))
        envelope = await socket.receive_json(timeout=2)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await submitted
        assert slack.world.views.stack("U0OPERATOR") == ()


async def test_a_trigger_is_good_for_a_moment(slack, http, act):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    modal = {"type": "modal", "title": {"type": "plain_text", "text": "Why"}, "blocks": []}
    async with connected(slack, http) as socket:
        typed = asyncio.create_task(act("command", user="U0OPERATOR", channel=ALERTS, text="x"))
        envelope = await socket.receive_json(timeout=2)
        await typed
        trigger = envelope["payload"]["trigger_id"]
        gone = time.monotonic() + PACE.trigger
        await until(lambda: time.monotonic() > gone)
        with pytest.raises(Exception, match="expired_trigger_id"):
            await client.views_open(trigger_id=trigger, view=modal)


async def answer_address(slack, http, act, *, card=None):
    """The response_url of a command, or of a click on `card`."""
    async with connected(slack, http) as socket:
        if card is None:
            done = asyncio.create_task(act("command", user="U0OPERATOR", channel=ALERTS, text="x"))
        else:
            done = asyncio.create_task(
                act("click", user="U0OPERATOR", channel=ALERTS, ts=card, action_id="propose_fix")
            )
        envelope = await socket.receive_json(timeout=2)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await done
    return envelope["payload"]["response_url"]


async def respond(http, url, **body):
    async with http.post(url, json=body) as answer:
        return answer.status, await answer.text()


async def test_a_response_url_is_good_for_five_answers(slack, http, act):
    url = await answer_address(slack, http, act)
    for n in range(limits.RESPONSE_URL_USES):
        assert await respond(http, url, text=str(n)) == (200, "ok")
    status, text = await respond(http, url, text="six")
    assert status == 404
    assert "used_url" in text
    assert [e.text for e in slack.world.space.ephemerals(ALERTS)] == ["0", "1", "2", "3", "4"]


async def test_a_response_url_expires(http):
    pace = world.Pace(ack=0.2, response_url=0.0)
    async with serve.SimulatedSlack(serve.SlackOptions(port=0, pace=pace)) as slack:

        async def act(name, **body):
            async with http.post(f"{slack.page}_sim/{name}", json=body) as answer:
                return await answer.json()

        url = await answer_address(slack, http, act)
        status, text = await respond(http, url, text="late")
    assert status == 404
    assert "expired_url" in text


async def test_a_forged_response_url_does_nothing(slack, http):
    status, _ = await respond(http, f"{slack.page}hooks/commands/T0DEMO/X/forged", text="x")
    assert status == 404
    assert slack.world.space.ephemerals() == ()


async def test_an_answer_to_a_click_can_replace_or_delete_what_was_clicked(slack, http, act):
    card = await post(slack)
    url = await answer_address(slack, http, act, card=card["ts"])
    await respond(http, url, text="to you")
    await respond(http, url, text="to all", response_type="in_channel")
    await respond(http, url, text="instead", replace_original=True)
    said = slack.world.space.messages(ALERTS)
    assert [m.text for m in said] == ["instead", "to all"]
    assert said[0].blocks == ()
    await respond(http, url, delete_original=True)
    assert [m.text for m in slack.world.space.messages(ALERTS)] == ["to all"]
    assert [e.text for e in slack.world.space.ephemerals(ALERTS)] == ["to you"]


async def test_an_empty_or_broken_answer_is_refused(slack, http, act):
    url = await answer_address(slack, http, act)
    assert (await respond(http, url))[0] == 400
    assert "invalid_blocks" in (await respond(http, url, blocks=[{"type": "section"}]))[1]
    async with http.post(url, data=b"not json") as answer:
        assert answer.status == 400
