"""The doors, who may use them, the page, start and stop."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from importlib import resources

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sim.slack import errors, gate, people, serve

ALERTS = "C0ALERTS"


@pytest.fixture
async def slack():
    async with serve.SimulatedSlack(serve.SlackOptions(port=0, banner="look\n- here")) as running:
        yield running


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def until(condition, seconds=3.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8765"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.example:8765"}, 403),
        ({"Host": "127.0.0.1@evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_control_refuses_other_hosts_and_origins(slack, http, headers, status):
    for path in ("messages", "state", "requests", "faults", "truth"):
        async with http.get(f"{slack.page}_sim/{path}", headers=headers) as answer:
            assert answer.status == status
    async with http.post(
        f"{slack.page}_sim/message",
        json={"user": "U0OPERATOR", "channel": ALERTS, "text": "x"},
        headers=headers,
    ) as answer:
        assert answer.status == status
    assert len(slack.world.space.messages(ALERTS)) == (status == 200)


async def test_a_page_of_another_site_cannot_use_the_api_either(slack, http):
    form = {"token": people.BOT_TOKEN, "channel": ALERTS, "text": "x"}
    async with http.post(
        f"{slack.api}chat.postMessage", data=form, headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403
    assert slack.world.space.messages(ALERTS) == ()


@pytest.mark.parametrize(
    ("name", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),
        ("example.com", False),
        (None, False),
    ],
)
def test_what_counts_as_this_machine(name, loopback):
    assert gate._is_loopback(name) is loopback


async def test_control_is_closed_to_other_machines_even_where_the_page_is_open(http):
    """Bound to all addresses, the server answers others on `/` but not on `/_sim/`."""
    addresses = {
        info[4][0]
        for info in await asyncio.get_running_loop().getaddrinfo(os.uname().nodename, None)
    }
    outside = next((a for a in addresses if "." in a and not a.startswith("127.")), None)
    if outside is None:
        outside = "127.0.0.1"
    async with serve.SimulatedSlack(serve.SlackOptions(port=0, host="0.0.0.0")) as slack:
        async with http.get(f"http://{outside}:{slack.port}/") as answer:
            assert answer.status == 200
        async with http.get(f"http://{outside}:{slack.port}/_sim/messages") as answer:
            assert answer.status == (200 if outside == "127.0.0.1" else 403)
        async with http.get(f"{slack.page}_sim/messages") as answer:
            assert answer.status == 200


async def test_messages_come_in_order_with_threads_and_ephemerals(slack, http):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    parent = await client.chat_postMessage(
        channel=ALERTS, text="parent", metadata={"event_type": "e", "event_payload": {"k": 1}}
    )
    other = await client.chat_postMessage(channel="C0OPS", text="other")
    reply = await client.chat_postMessage(channel=ALERTS, text="reply", thread_ts=parent["ts"])
    await client.chat_update(channel=ALERTS, ts=parent["ts"], text="parent, edited")
    await client.chat_postEphemeral(channel=ALERTS, user="U0OPERATOR", text="psst")
    async with http.get(f"{slack.page}_sim/messages", params={"channel": ALERTS}) as answer:
        body = await answer.json()
    first, second = body["messages"]
    assert (first["ts"], first["text"], first["reply_count"]) == (parent["ts"], "parent, edited", 1)
    assert first["metadata"]["event_payload"] == {"k": 1}
    assert first["edited"]["user"] == people.BOT_USER
    assert first["replies"] == [{"user": people.BOT_USER, "ts": reply["ts"]}]
    assert second["thread_ts"] == parent["ts"]
    assert [e["text"] for e in body["ephemerals"]] == ["psst"]
    async with http.get(f"{slack.page}_sim/messages") as answer:
        everything = await answer.json()
    assert [m["ts"] for m in everything["messages"]] == [parent["ts"], other["ts"], reply["ts"]]
    async with http.get(f"{slack.page}_sim/messages", params={"channel": "C0NOWHERE"}) as answer:
        assert answer.status == 404


async def test_requests_can_be_read_on_by_number_or_by_time(slack, http):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    await client.chat_postMessage(channel=ALERTS, text="one")

    async def read(since):
        async with http.get(f"{slack.page}_sim/requests", params={"since": str(since)}) as answer:
            return await answer.json()

    first = await read(0)
    assert [r["method"] for r in first["requests"]] == ["chat.postMessage"]
    await client.chat_postMessage(channel=ALERTS, text="two")
    assert [r["args"]["text"] for r in (await read(first["next"]))["requests"]] == ["two"]
    moment = first["requests"][0]["at"]
    assert len((await read(moment))["requests"]) == 2
    assert (await read(moment + 1000))["requests"] == []
    async with http.get(f"{slack.page}_sim/requests", params={"since": "x"}) as answer:
        assert answer.status == 400


async def test_faults_are_put_seen_and_lifted_over_http(slack, http):
    url = f"{slack.page}_sim/faults"
    async with http.put(
        f"{url}/rate_limited", json={"nodes": [], "params": {"retry_after": 3}}
    ) as answer:
        assert (await answer.json())["fault"]["params"] == {"retry_after": 3}
    async with http.get(url) as answer:
        body = await answer.json()
    assert [fault["name"] for fault in body["faults"]] == ["rate_limited"]
    assert "dropped_after_storing" in body["known"]
    async with http.post(f"{slack.api}auth.test") as answer:
        assert answer.status == 429
    for _ in range(2):
        async with http.delete(f"{url}/rate_limited") as answer:
            assert answer.status == 200
    async with http.post(f"{slack.api}auth.test") as answer:
        assert answer.status == 200
    async with http.put(f"{url}/nonsense", json={}) as answer:
        assert answer.status == 400
        assert "known:" in (await answer.json())["error"]
    async with http.put(f"{url}/slow", data=b"[") as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    ("door", "body", "status"),
    [
        ("command", {"channel": ALERTS, "text": "x"}, 400),
        ("command", {"user": "U0NOBODY", "channel": ALERTS, "text": "x"}, 404),
        ("message", {"user": "U0OPERATOR", "channel": "C0NOWHERE", "text": "x"}, 404),
        ("message", {"user": "U0OPERATOR", "channel": ALERTS, "text": " "}, 400),
        (
            "message",
            {"user": "U0OPERATOR", "channel": ALERTS, "text": "x", "thread_ts": "1.000001"},
            404,
        ),
        ("view_submit", {"user": "U0OPERATOR"}, 404),
        ("raw", {"kind": "nonsense", "payload": {}}, 400),
        ("raw", {"kind": "interactive", "payload": []}, 400),
        ("disconnect", {}, 400),
        ("channel", {"channel": "C0NOWHERE"}, 404),
        ("person", {"user": "U0NOBODY"}, 404),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(slack, http, door, body, status):
    async with http.post(f"{slack.page}_sim/{door}", json=body) as answer:
        assert answer.status == status
        told = await answer.json()
    assert not told["ok"]
    assert told["error"]


async def test_channels_and_people_can_be_altered(slack, http):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    async with http.post(
        f"{slack.page}_sim/channel", json={"channel": "C0OPS", "is_archived": True}
    ) as answer:
        assert answer.status == 200
    assert (await client.conversations_info(channel="C0OPS"))["channel"]["is_archived"]
    async with http.post(
        f"{slack.page}_sim/person", json={"user": "U0APPROVER", "deleted": True}
    ) as answer:
        assert answer.status == 200
    assert (await client.users_info(user="U0APPROVER"))["user"]["deleted"]


async def test_an_open_page_hears_of_everything_at_once(slack, http):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    async with http.get(f"{slack.page}_sim/stream") as stream:
        heard = []

        async def listen():
            async for line in stream.content:
                name, _, data = line.partition(b": ")
                heard.extend([json.loads(data)] if name == b"data" else [])

        listening = asyncio.create_task(listen())
        await until(lambda: heard == [{"online": False}])
        parent = await client.chat_postMessage(channel=ALERTS, text="x")
        reply = await client.chat_postMessage(channel=ALERTS, text="y", thread_ts=parent["ts"])
        await client.chat_delete(channel=ALERTS, ts=reply["ts"])
        await client.chat_postEphemeral(channel=ALERTS, user="U0OPERATOR", text="psst")
        home = {"type": "home", "blocks": [{"type": "divider"}]}
        await client.views_publish(user_id="U0OPERATOR", view=home)
        await until(lambda: len(heard) == 6)
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    posted, replied, deleted, whispered, published = heard[1:]
    assert published == {"user": "U0OPERATOR"}
    assert posted["kind"] == "posted"
    assert [m.get("reply_count") for m in replied["messages"]] == [None, 1]
    assert deleted["ts"] == reply["ts"]
    assert [m["ts"] for m in deleted["messages"]] == [parent["ts"]]
    assert "reply_count" not in deleted["messages"][0]
    assert whispered["ephemeral"]["user"] == "U0OPERATOR"


async def test_a_page_that_does_not_read_is_cut_off_and_harms_nobody(slack):
    with slack.world.live.reading(heartbeat=5) as texts:
        for _ in range(2500):
            slack.world.live.send("change", {})
        heard = [text async for text in texts]
    assert 2000 <= len(heard) < 2500


async def test_the_page_allows_nothing_from_elsewhere(slack, http):
    async with http.get(slack.page) as answer:
        index = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in re.findall(r'(?:href|src)="(/[^"]+)"', index):
        async with http.get(slack.page.rstrip("/") + path) as answer:
            assert answer.status == 200, path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with http.get(f"{slack.page}page/..%2Fserve.py") as answer:
        assert answer.status == 404


PAGE = resources.files("bot.sim.slack") / "page"


def test_no_script_of_the_page_can_turn_text_into_markup():
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    )
    scripts = [entry for entry in PAGE.iterdir() if entry.name.endswith(".js")]
    assert len(scripts) > 10
    for script in scripts:
        assert not forbidden.search(script.read_text()), script.name


def test_every_part_the_page_asks_for_exists_and_none_comes_from_outside():
    names = {entry.name for entry in PAGE.iterdir()}
    for entry in PAGE.iterdir():
        text = entry.read_text()
        for imported in re.findall(r'from "([^"]+)"', text):
            assert imported.removeprefix("./") in names
        outside = [url for url in re.findall(r"https?://[\w.-]+", text) if "w3.org" not in url]
        assert outside == [], entry.name


async def test_a_taken_port_is_told_by_its_number(slack):
    second = serve.SimulatedSlack(serve.SlackOptions(port=slack.port))
    with pytest.raises(errors.PortTakenError, match=f"port {slack.port} on 127.0.0.1 is taken"):
        await second.start()
    await second.stop()


async def test_mode_http_without_an_address_is_refused():
    with pytest.raises(errors.StartError, match="needs the address"):
        await serve.SimulatedSlack(serve.SlackOptions(port=0, mode="http")).start()


async def test_by_itself_it_says_when_it_is_ready_and_ends_on_a_signal(tmp_path, http):
    ready_file = tmp_path / "ready.json"
    code = (
        "import asyncio, pathlib, sys; from bot.sim.slack import serve; "
        "asyncio.run(serve.run(serve.SlackOptions(port=0, ready_file=pathlib.Path(sys.argv[1]))))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(ready_file), stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        word, _, text = line.decode().partition(" ")
        ready = json.loads(text)
        assert word == "READY"
        assert json.loads(ready_file.read_text()) == ready
        assert ready["tokens"] == {
            "bot": "xoxb-demo",
            "app": "xapp-demo",
            "signing_secret": "demo-signing-secret",
        }
        assert set(ready["channels"].values()) == {"C0ALERTS", "C0OPS", "C0SHARED"}
        who = await AsyncWebClient(token="xoxb-demo", base_url=ready["slack_api"]).auth_test()
        assert who["ok"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()


async def test_the_journal_keeps_short_answers_and_says_how_long_the_others_were(slack):
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    await client.auth_test()
    for _ in range(4):
        slack.world.space.post("C0OPS", people.BOT_USER, text="x" * 3000)
    await client.conversations_history(channel="C0OPS")
    short, long = slack.world.journal.since(0)
    assert short["answer"]["user_id"] == people.BOT_USER
    assert long["answer"].endswith("bytes, too long to keep")
    assert people.BOT_TOKEN not in json.dumps([short, long])
