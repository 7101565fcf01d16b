"""HTTP mode: signed requests to the app, repeated as Slack repeats them; and people's acts."""

import asyncio
import contextlib
import json
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sim.slack import people, serve, webhooks, world

ALERTS = "C0ALERTS"


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def until(condition, seconds=3.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def listening(receive):
    """An app's endpoint, and a pretend Slack in HTTP mode that calls it."""
    server = web.Application()
    server.router.add_post("/slack/events", receive)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    pace = world.Pace(ack=0.3, event_retries=(0.0, 0.05, 0.05))
    try:
        async with serve.SimulatedSlack(
            serve.SlackOptions(port=0, mode="http", events_url=url, pace=pace)
        ) as slack:
            yield slack
    finally:
        await runner.cleanup()


async def test_in_http_mode_bolt_accepts_the_signatures_and_answers(http):
    heard = []

    async def receive(request):
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    async with listening(receive) as slack:
        client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
        app = AsyncApp(client=client, signing_secret=people.SIGNING_SECRET)

        @app.command("/flannel")
        async def command(ack, body):
            heard.append(body["text"])
            await ack(text="right away")

        @app.event("app_mention")
        async def mention(event):
            heard.append(event["text"])

        @app.action("go")
        async def action(ack, body):
            heard.append(body["user"]["id"])
            await ack()

        async def act(name, **body):
            async with http.post(f"{slack.page}_sim/{name}", json=body) as answer:
                return await answer.json()

        answer = await act(
            "command", user="U0OPERATOR", channel=ALERTS, text="/flannel status & <x>"
        )
        assert answer["acked"], answer
        assert [e["text"] for e in answer["ephemeral"]] == ["right away"]
        button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
        card = await client.chat_postMessage(
            channel=ALERTS, text="x", blocks=[{"type": "actions", "elements": [button]}]
        )
        assert (
            await act("click", user="U0APPROVER", channel=ALERTS, ts=card["ts"], action_id="go")
        )["acked"]
        await act("message", user="U0OPERATOR", channel=ALERTS, text="<@U0BOT> hello")
        await until(lambda: len(heard) == 3)
    assert heard == ["status & <x>", "U0APPROVER", "<@U0BOT> hello"]


async def test_in_http_mode_a_refused_event_is_repeated_with_its_headers(http):
    seen = []

    async def receive(request):
        seen.append((request.headers, await request.read()))
        return web.Response(status=500 if len(seen) < 3 else 200)

    async with (
        listening(receive) as slack,
        http.post(
            f"{slack.page}_sim/message",
            json={"user": "U0OPERATOR", "channel": ALERTS, "text": "<@U0BOT> x"},
        ),
    ):
        await until(lambda: len(seen) == 3)
    assert [headers.get("X-Slack-Retry-Num") for headers, _ in seen] == [None, "1", "2"]
    assert seen[1][0]["X-Slack-Retry-Reason"] == "http_error"
    for headers, raw in seen:
        stamp = headers["X-Slack-Request-Timestamp"]
        assert headers["X-Slack-Signature"] == webhooks.signature(raw, timestamp=stamp)
    assert len({json.loads(raw)["event_id"] for _, raw in seen}) == 1


async def test_in_http_mode_a_slow_or_absent_app_fails_the_command_visibly(http):
    gone = asyncio.Event()

    async def receive(_request):
        await gone.wait()
        return web.Response()

    body = {"user": "U0OPERATOR", "channel": ALERTS, "text": "status"}
    async with listening(receive) as slack:
        async with http.post(f"{slack.page}_sim/command", json=body) as answer:
            assert (await answer.json())["error"] == "operation_timeout"
        gone.set()
    port = urlsplit(slack.page).port
    absent = serve.SlackOptions(port=0, mode="http", events_url=f"http://127.0.0.1:{port}/")
    async with (
        serve.SimulatedSlack(absent) as slack,
        http.post(f"{slack.page}_sim/command", json=body) as answer,
    ):
        assert (await answer.json())["error"] == "dispatch_failed"


def test_the_signature_is_the_one_in_slacks_documentation():
    """The worked example of "Verifying requests from Slack"."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    assert webhooks.signature(body, timestamp="1531420618", secret=secret) == expected


async def test_an_address_is_verified_by_giving_back_the_challenge(http):
    answers = ["json", "bare", "wrong", "refused"]
    seen = []

    async def receive(request):
        asked = await request.json()
        seen.append(asked["type"])
        how = answers[len(seen) - 1]
        if how == "json":
            return web.json_response({"challenge": asked["challenge"]})
        if how == "bare":
            return web.Response(text=asked["challenge"])
        return web.Response(text="ok", status=200 if how == "wrong" else 401)

    async with listening(receive) as slack:
        told = []
        for _ in answers:
            async with http.post(f"{slack.page}_sim/verify", json={}) as answer:
                body = await answer.json()
                told.append((body["verified"], body["error"]))
        async with http.get(f"{slack.page}_sim/truth") as answer:
            assert (await answer.json())["verified"] is False
    assert seen == ["url_verification"] * 4
    assert told == [
        (True, None),
        (True, None),
        (False, "challenge_failed"),
        (False, "http_error"),
    ]


async def test_in_http_mode_a_payload_can_come_late_and_twice_with_one_signature(http):
    seen = []

    async def receive(request):
        seen.append((request.headers["X-Slack-Signature"], await request.read()))
        return web.Response()

    async with listening(receive) as slack:
        slack.world.faults.put("envelopes_doubled", {"times": 1})
        slack.world.faults.put("envelopes_delayed", {"seconds": 0.05, "times": 1})
        body = {"user": "U0OPERATOR", "channel": ALERTS, "text": "status"}
        async with http.post(f"{slack.page}_sim/command", json=body) as answer:
            assert (await answer.json())["acked"]
    assert len(seen) == 2
    assert seen[0][1] == seen[1][1]


async def test_in_http_mode_an_app_can_ask_not_to_be_told_again(http):
    seen = []

    async def receive(request):
        seen.append(request.headers.get("X-Slack-Retry-Reason"))
        headers = {"X-Slack-No-Retry": "1"} if len(seen) == 2 else {}
        return web.Response(status=503, headers=headers)

    async with listening(receive) as slack:
        body = {"user": "U0OPERATOR", "channel": ALERTS, "text": "<@U0BOT> x"}
        async with http.post(f"{slack.page}_sim/message", json=body):
            await until(lambda: len(seen) == 2)
        await until(lambda: not slack.world.events._tasks)
    assert seen == [None, "http_error"]


async def test_in_http_mode_a_late_app_is_told_again_and_told_why(http):
    seen, gone = [], asyncio.Event()

    async def receive(request):
        seen.append(request.headers.get("X-Slack-Retry-Reason"))
        if len(seen) == 1:
            await gone.wait()
        return web.Response()

    async with listening(receive) as slack:
        body = {"user": "U0OPERATOR", "channel": ALERTS, "text": "<@U0BOT> x"}
        async with http.post(f"{slack.page}_sim/message", json=body):
            await until(lambda: len(seen) == 2)
        gone.set()
    assert seen == [None, "http_timeout"]


async def test_people_edit_delete_and_mark_messages_and_the_app_hears_of_it(http):
    seen = []

    async def receive(request):
        seen.append((await request.json())["event"])
        return web.Response()

    kinds = ("message.channels", "reaction_added")
    async with listening(receive) as slack:
        slack.world.events._subscribed = frozenset(kinds)

        async def act(name, status=200, **body):
            body = {"user": "U0OPERATOR", "channel": ALERTS, **body}
            async with http.post(f"{slack.page}_sim/{name}", json=body) as answer:
                assert answer.status == status, await answer.text()
                return await answer.json()

        ts = (await act("message", text="one"))["ts"]
        await act("edit", ts=ts, text="two")
        await act("react", ts=ts, emoji=":eyes:")
        assert (await act("react", status=400, ts=ts, emoji="eyes"))["error"] == "already_reacted"
        other = await act("edit", status=400, user="U0BYSTANDER", ts=ts, text="mine")
        assert other["error"] == "not_the_author"
        await act("delete", ts=ts)
        assert (await act("delete", status=404, ts=ts))["error"] == "message_not_found"
        await until(lambda: len(seen) == 4)
    told = {event.get("subtype") or event["type"]: event for event in seen}
    assert told["message_changed"]["message"]["text"] == "two"
    assert told["message_changed"]["previous_message"]["text"] == "one"
    assert told["message_deleted"]["deleted_ts"] == ts
    assert told["reaction_added"]["reaction"] == "eyes"


async def test_a_message_shortcut_carries_the_whole_message(http):
    seen = []

    async def receive(request):
        seen.append(json.loads((await request.post())["payload"]))
        return web.Response()

    async with listening(receive) as slack:
        client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
        metadata = {"event_type": "flannel_bot", "event_payload": {"incident": 7}}
        card = await client.chat_postMessage(channel=ALERTS, text="card", metadata=metadata)
        body = {"user": "U0OPERATOR", "channel": ALERTS, "ts": card["ts"]}
        async with http.post(f"{slack.page}_sim/shortcut", json=body) as answer:
            assert (await answer.json())["acked"]
        async with http.post(f"{slack.page}_sim/shortcut", json=body | {"ts": "1.1"}) as answer:
            assert (await answer.json())["error"] == "message_not_found"
        (payload,) = seen
        assert (payload["type"], payload["callback_id"]) == ("message_action", "show_incident")
        assert payload["message"]["metadata"] == metadata
        assert payload["message_ts"] == card["ts"]
        view = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}
        await client.views_open(trigger_id=payload["trigger_id"], view=view)
        async with http.post(payload["response_url"], json={"text": "hi"}) as answer:
            assert answer.status == 200


async def test_the_home_that_was_published_comes_with_its_next_opening(http):
    seen = []

    async def receive(request):
        seen.append((await request.json())["event"])
        return web.Response()

    async with listening(receive) as slack:
        client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)

        async def opened(**more):
            body = {"user": "U0OPERATOR", **more}
            async with http.post(f"{slack.page}_sim/home", json=body) as answer:
                return answer.status

        assert await opened() == 200
        await until(lambda: len(seen) == 1)
        block = {"type": "divider"}
        await client.views_publish(user_id="U0OPERATOR", view={"type": "home", "blocks": [block]})
        await opened()
        await opened(tab="messages")
        await until(lambda: len(seen) == 3)
        assert await opened(tab="attic") == 400
    views = {(event["tab"], "view" in event) for event in seen}
    assert views == {("home", False), ("home", True), ("messages", False)}
