"""Each failure of Slack's means the right thing."""

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web
from slack_sdk import errors as sdk

from bot.adapters.slack import client, faults
from bot.adapters.slack.options import Options
from bot.domain import errors
from bot.flow import ports
from tests.adapters.slack import samples

OPTIONS = Options(bot_token="xoxb-secret-1", app_token="xapp-secret-2", timeout=0.3)


def answered(status: int, body: object, **headers: str) -> sdk.SlackApiError:
    response = type("R", (), {"status_code": status, "data": body, "headers": headers})()
    return sdk.SlackApiError("said", response)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ratelimited", ports.RateLimited),
        ("invalid_auth", errors.Unavailable),
        ("token_revoked", errors.Unavailable),
        ("missing_scope", errors.Unavailable),
        ("channel_not_found", errors.Unavailable),
        ("not_in_channel", errors.Unavailable),
        ("is_archived", errors.Unavailable),
        ("never_heard_of", errors.Unavailable),
        ("invalid_blocks", errors.Refused),
        ("msg_too_long", errors.Refused),
        ("msg_blocks_too_long", errors.Refused),
        ("message_not_found", ports.MessageGone),
        ("cant_update_message", ports.MessageGone),
        ("edit_window_closed", ports.MessageGone),
        ("thread_not_found", ports.MessageGone),
        ("internal_error", ports.Ambiguous),
        ("fatal_error", ports.Ambiguous),
    ],
)
def test_each_error_of_slack_has_its_meaning(name: str, kind: type[errors.BotError]) -> None:
    told = faults.translate(answered(200, {"ok": False, "error": name}), verb="v", posts=True)
    assert type(told) is kind
    if kind is not ports.RateLimited:
        assert name in str(told)


def test_a_channel_that_cannot_be_written_to_says_how_that_is_cured() -> None:
    told = faults.translate(answered(200, {"error": "not_in_channel"}), verb="v", posts=True)
    assert "invite the bot" in str(told)
    scope = answered(200, {"error": "missing_scope", "needed": "channels:history"})
    assert "channels:history" in str(faults.translate(scope, verb="v", posts=True))


@pytest.mark.parametrize("body", [{}, "", b"", None, "<html>", [], {"error": 7}])
@pytest.mark.parametrize("status", [200, 302, 500, 503])
def test_an_answer_without_a_reason_may_have_been_stored(status: int, body: object) -> None:
    error = answered(status, body)
    assert type(faults.translate(error, verb="v", posts=True)) is ports.Ambiguous
    assert type(faults.translate(error, verb="v", posts=False)) is errors.Unavailable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7), ({"retry-after": "0.5"}, 0.5), ({"Retry-After": "0"}, 0.1),
        ({"Retry-After": "soon"}, 1), ({}, 1), ({"Retry-After": "-3"}, 1),
        ({"Retry-After": "nan"}, 1), ({"Retry-After": "inf"}, 1), ({"Retry-After": "1e9"}, 3600),
        ({"Retry-After": ["4"]}, 4), ({"Retry-After": None}, 1),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_always_a_sensible_number(
    headers: dict[str, object], seconds: float
) -> None:
    assert faults.retry_after(headers) == seconds


def test_no_token_or_ticket_is_told() -> None:
    text = "xoxb-1-abc xapp-1-A-2 xoxe.xoxb-1-z wss://x/link/?ticket=abc&app_id=1"
    told = faults.hidden(text)
    assert "abc" not in told
    assert "xapp" not in told
    assert "xoxe" not in told
    assert "app_id=1" in told
    assert "secret" not in repr(OPTIONS)


async def call(url: str, *, posts: bool = True) -> errors.BotError:
    telemetry = samples.Telemetry()
    options = Options(bot_token="xoxb-secret-1", app_token="x", api_url=url, timeout=0.3)
    async with client.opened(options, telemetry=telemetry) as opened:
        request = opened.sdk.chat_postMessage(channel="C1", text="t")
        with pytest.raises(errors.BotError) as caught:
            await opened.call("chat.postMessage", request, posts=posts)
    assert telemetry.counted[0][0] == "slack_requests_total"
    assert telemetry.counted[0][1]["verb"] == "chat.postMessage"
    assert telemetry.counted[0][1]["result"] != "ok"
    assert "secret" not in str(caught.value)
    return caught.value


async def served(answer: web.Response | None, *, posts: bool = True) -> errors.BotError:
    async def respond(request: web.Request) -> web.Response:
        await request.read()
        if answer is None:
            request.transport.abort()
            return web.Response()
        return answer

    app = web.Application()
    app.router.add_post("/api/{verb}", respond)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        return await call(f"http://127.0.0.1:{runner.addresses[0][1]}/api/", posts=posts)
    finally:
        await runner.cleanup()


async def test_a_refused_connection_was_certainly_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        told = await call(f"http://127.0.0.1:{taken.getsockname()[1]}/api/")
    assert type(told) is errors.Unavailable


async def test_a_name_that_does_not_resolve_was_certainly_not_sent() -> None:
    assert type(await call("http://slack.invalid/api/")) is errors.Unavailable


async def test_a_server_that_does_not_speak_tls_was_certainly_not_sent_to() -> None:
    assert type(await _tls_to_plain()) is errors.Unavailable


async def _tls_to_plain() -> errors.BotError:
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        return await call(f"https://127.0.0.1:{runner.addresses[0][1]}/api/")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        web.Response(status=503, text="<html>", content_type="text/html"),
        web.Response(status=200, text="<html>", content_type="text/html"),
        web.Response(status=200, text="ok", content_type="text/plain"),
        web.Response(status=200, text="[]", content_type="application/json"),
        web.Response(status=200, text='{"ok": tr', content_type="application/json"),
        web.Response(status=200, body=b"\xff\xfe", content_type="application/json"),
        web.Response(status=500, text="upstream", content_type="text/plain"),
        web.Response(status=204),
    ],
    ids=["dropped", "503", "html", "plain", "array", "half", "bytes", "500", "nothing"],
)
async def test_a_post_that_ended_strangely_may_have_been_stored(answer: web.Response) -> None:
    assert type(await served(answer)) is ports.Ambiguous


async def test_a_post_that_was_never_answered_may_have_been_stored() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert type(await call(f"http://127.0.0.1:{port}/api/")) is ports.Ambiguous
        # The same server never finishes a TLS handshake, so nothing was ever sent to it.
        assert type(await call(f"https://127.0.0.1:{port}/api/")) is errors.Unavailable


async def test_an_edit_that_ended_strangely_may_simply_be_repeated() -> None:
    told = await served(None, posts=False)
    assert type(told) is errors.Unavailable


async def test_being_asked_to_wait_without_json_is_understood() -> None:
    limited = web.Response(status=429, headers={"Retry-After": "3"}, text="slow down")
    told = await served(limited)
    assert isinstance(told, ports.RateLimited)
    assert told.retry_after == 3


def test_addresses_on_this_machine_are_never_reached_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3129")
    monkeypatch.setenv("NO_PROXY", "internal.example,10.0.0.1")
    assert client.proxy_for("http://127.0.0.1:8765/api/") is None
    assert client.proxy_for("https://localhost/api/") is None
    assert client.proxy_for("https://slack.internal.example/api/") is None
    assert client.proxy_for("https://slack.com/api/") == "http://proxy:3128"
    assert client.proxy_for("http://slack.com/api/") == "http://proxy:3129"


async def test_the_session_is_closed_at_the_end() -> None:
    async with client.opened(OPTIONS, telemetry=samples.Telemetry()) as opened:
        session: aiohttp.ClientSession = opened.session
        assert not session.closed
    assert session.closed
