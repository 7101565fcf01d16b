"""Files: announced, sent, completed, processed, shared, shown; by Slack's own SDK."""

import asyncio
import struct
import zlib

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sim.slack import limits, people, pictures, serve, world

ALERTS = "C0ALERTS"
PAGE = {"Sec-Fetch-Site": "same-origin"}


def png(width=3, height=2):
    def chunk(kind, body):
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
async def slack():
    options = serve.SlackOptions(port=0, pace=world.Pace(processing=0.02))
    async with serve.SimulatedSlack(options) as running:
        yield running


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def client(slack, http):
    return AsyncWebClient(
        token=people.BOT_TOKEN, base_url=slack.api, session=http, retry_handlers=[]
    )


async def error_of(call):
    with pytest.raises(SlackApiError) as refused:
        await call
    return refused.value.response["error"]


async def said(slack, number=1):
    """Wait until so much was said; the server tells its listeners of each message."""
    heard = asyncio.Event()
    slack.world.space.listen(lambda _change: heard.set())
    async with asyncio.timeout(10):
        while len(slack.world.space.messages(ALERTS)) < number:
            heard.clear()
            await heard.wait()
    return slack.world.space.messages(ALERTS)


async def processed(client, name):
    async with asyncio.timeout(10):
        while not (told := (await client.files_info(file=name))["file"])["mimetype"]:
            await asyncio.sleep(0.005)
    return told


async def upload(client, http, body, name="chart.png", **completing):
    place = await client.files_getUploadURLExternal(
        filename=name, length=len(body), alt_txt="memory of flannel"
    )
    async with http.post(place["upload_url"], data=body) as answer:
        assert answer.status == 200, await answer.text()
    done = await client.files_completeUploadExternal(
        files=[{"id": place["file_id"], "title": "Memory"}], **completing
    )
    return done["files"][0]


async def test_the_sdk_uploads_into_a_channel_and_the_message_follows_later(slack, client, http):
    answer = await client.files_upload_v2(
        channel=ALERTS,
        content=png(),
        filename="memory.png",
        title="Memory of 120 nodes",
        alt_txt="a rising line",
        initial_comment="look",
    )
    assert "ts" not in answer.data  # the share is asynchronous: nobody can say yet where it is
    assert answer["file"]["mimetype"] == ""
    assert slack.world.space.messages(ALERTS) == ()
    (message,) = await said(slack)
    assert message.text == "look"
    (shown,) = message.files
    assert (shown["title"], shown["mimetype"]) == ("Memory of 120 nodes", "image/png")
    assert (shown["original_w"], shown["original_h"]) == (3, 2)
    assert shown["alt_txt"] == "a rising line"
    assert shown["shares"] == {"public": {ALERTS: [{"ts": message.ts}]}}
    history = await client.conversations_history(channel=ALERTS)
    assert history["messages"][0]["files"][0]["id"] == answer["file"]["id"]


async def test_several_files_are_one_message_in_a_thread(slack, client):
    root = await client.chat_postMessage(channel=ALERTS, text="card")
    files = [{"content": png(), "filename": f"{n}.png", "title": str(n)} for n in range(2)]
    await client.files_upload_v2(file_uploads=files, channel=ALERTS, thread_ts=root["ts"])
    _, reply = await said(slack, 2)
    assert reply.thread_ts == root["ts"]
    assert [file["title"] for file in reply.files] == ["0", "1"]


async def test_a_picture_stands_in_a_message_by_its_id_but_only_once_it_is_processed(
    slack, client, http
):
    slack.world.faults.put("files_slow", {})
    file = await upload(client, http, png())
    block = {"type": "image", "slack_file": {"id": file["id"]}, "alt_text": "memory"}
    with pytest.raises(SlackApiError) as early:
        await client.chat_postMessage(channel=ALERTS, text="chart", blocks=[block])
    assert early.value.response["error"] == "invalid_blocks"
    assert early.value.response["errors"] == [
        "invalid slack file [json-pointer:/blocks/0/slack_file]"
    ]
    slack.world.faults.lift("files_slow")
    told = await processed(client, file["id"])
    assert told["channels"] == []  # completed without a channel: nobody was shown it
    posted = await client.chat_postMessage(channel=ALERTS, text="chart", blocks=[block])
    assert posted["message"]["blocks"][0]["slack_file"] == {"id": file["id"]}
    by_url = block | {"slack_file": {"url": told["url_private"]}}
    await client.chat_update(channel=ALERTS, ts=posted["ts"], text="chart", blocks=[by_url])
    beside = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "accessory": block}
    await client.chat_postMessage(channel=ALERTS, text="chart", blocks=[beside])
    view = {"type": "home", "blocks": [block]}
    await client.views_publish(user_id="U0OPERATOR", view=view)


@pytest.mark.parametrize(
    "named", [{"id": "F0NONE"}, {}, {"url": "http://elsewhere/x.png"}, "F1", {"id": "F", "url": ""}]
)
async def test_a_block_with_a_file_that_is_not_there_is_refused(client, named):
    block = {"type": "image", "slack_file": named, "alt_text": "memory"}
    icon = {"type": "context", "elements": [block]}
    for blocks in ([block], [icon]):
        refused = client.chat_postMessage(channel=ALERTS, text="chart", blocks=blocks)
        assert await error_of(refused) == "invalid_blocks"
    view = {"type": "home", "blocks": [block]}
    assert await error_of(client.views_publish(user_id="U0OPERATOR", view=view)) == "invalid_blocks"


async def test_what_only_claims_to_be_a_picture_is_none(client, http):
    file = await upload(client, http, b"<svg onload=alert(1)>", name="evil.png")
    told = await processed(client, file["id"])
    assert told["filetype"] == "binary"
    block = {"type": "image", "slack_file": {"id": file["id"]}, "alt_text": "x"}
    refused = client.chat_postMessage(channel=ALERTS, text="x", blocks=[block])
    assert await error_of(refused) == "invalid_blocks"
    async with http.get(told["url_private"], headers=PAGE) as answer:
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["Content-Type"] == "application/octet-stream"


async def test_the_picture_is_shown_to_the_page_and_to_the_token_and_to_nobody_else(client, http):
    file = await upload(client, http, png())
    await processed(client, file["id"])
    url = file["url_private"]
    token = {"Authorization": f"Bearer {people.BOT_TOKEN}"}
    for headers in (PAGE, token):
        async with http.get(url, headers=headers) as answer:
            assert await answer.read() == png()
            assert answer.headers["Content-Type"] == "image/png"
            assert "sandbox" in answer.headers["Content-Security-Policy"]
    without_name = url.rpartition("/")[0]
    async with http.get(without_name, headers=PAGE) as answer:
        assert await answer.read() == png()
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Authorization": "Bearer xoxb-other"}):
        async with http.get(url, headers=headers, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, "/")


async def test_content_comes_once_whole_and_also_as_a_form(slack, client, http):
    place = await client.files_getUploadURLExternal(filename="a.txt", length=5)
    unsent = client.files_completeUploadExternal(files=[{"id": place["file_id"], "title": "a"}])
    assert await error_of(unsent) == "file_not_found"
    form = aiohttp.FormData()
    form.add_field("filename", b"hello", filename="a.txt")
    async with http.post(place["upload_url"], data=form) as answer:
        assert (answer.status, await answer.text()) == (200, "OK - 5")
    async with http.post(place["upload_url"], data=b"other") as answer:
        assert (answer.status, await answer.text()) == (400, "file_not_found")
    await client.files_completeUploadExternal(files=[{"id": place["file_id"], "title": "a"}])
    again = client.files_completeUploadExternal(files=[{"id": place["file_id"], "title": "a"}])
    assert await error_of(again) == "file_not_found"
    assert (await processed(client, place["file_id"]))["filetype"] == "text"

    short = await client.files_getUploadURLExternal(filename="b.txt", length=5)
    async with http.post(short["upload_url"], data=b"1234") as answer:
        assert (answer.status, await answer.text()) == (400, "invalid_length")


async def test_what_cannot_be_is_refused_by_name(client, http):
    url = client.files_getUploadURLExternal
    assert await error_of(url(filename="a", length=0)) == "invalid_arguments"
    assert await error_of(url(filename="", length=1)) == "invalid_arguments"
    too_big = url(filename="a", length=limits.FILE_BYTES + 1)
    assert await error_of(too_big) == "file_upload_size_restricted"
    long_alt = url(filename="a", length=1, alt_txt="x" * 1001)
    assert await error_of(long_alt) == "invalid_arguments"
    complete = client.files_completeUploadExternal
    assert await error_of(complete(files=[])) == "invalid_arguments"
    assert await error_of(complete(files=[{"title": "x"}])) == "invalid_arguments"
    some = [{"id": "F0NONE", "title": "x"}]
    assert await error_of(complete(files=some)) == "file_not_found"
    assert await error_of(complete(files=some, channel_id="C0NONE")) == "channel_not_found"
    lost = complete(files=some, channel_id=ALERTS, thread_ts="1.000000")
    assert await error_of(lost) == "thread_not_found"
    assert await error_of(client.files_info(file="F0NONE")) == "file_not_found"
    assert await error_of(client.files_delete(file="F0NONE")) == "file_not_found"


async def test_a_deleted_file_leaves_its_message_and_a_mark(slack, client):
    answer = await client.files_upload_v2(channel=ALERTS, content=png(), filename="a.png")
    await said(slack)
    await client.files_delete(file=answer["file"]["id"])
    (message,) = slack.world.space.messages(ALERTS)
    assert message.files == ({"id": answer["file"]["id"], "mode": "tombstone"},)


async def test_without_its_scope_no_upload_begins(slack, client):
    slack.world.faults.put("missing_scope", {"scope": "files:write"})
    refused = client.files_getUploadURLExternal(filename="a", length=1)
    assert await error_of(refused) == "missing_scope"


def test_kinds_are_told_by_bytes():
    assert pictures.kind_of("a.txt", png(640, 480)).width == 640
    gif = b"GIF89a" + struct.pack("<HH", 7, 9)
    assert (pictures.kind_of("a", gif).width, pictures.kind_of("a", gif).height) == (7, 9)
    assert pictures.kind_of("a", b"\xff\xd8\xff\xe0").mimetype == "image/jpeg"
    assert not pictures.kind_of("a.png", b"\x89PNG\r\n\x1a\n").is_image
    assert not pictures.kind_of("a.yaml", b"a: 1").is_image
