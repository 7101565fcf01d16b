"""HTTP mode: only Slack is heard, and whatever else comes harms nothing and is not written down."""

import asyncio
import io
import json
import logging
import time
from collections.abc import Mapping
from functools import partialmethod
from typing import Any
from unittest.mock import AsyncMock
from urllib.parse import urlencode

import aiohttp
import pytest
import structlog
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.adapters.slack import errands, signatures
from bot.adapters.slack import http as slack_http
from bot.sim.slack import people, webhooks
from tests.adapters.slack import samples
from tests.adapters.slack.conftest import Slack, until
from tests.adapters.slack.test_app import ask

pytestmark = pytest.mark.parametrize("slack", ["http"], indirect=True)

OPERATOR = "U0OPERATOR"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def desk() -> samples.Desk:
    return samples.Desk()


def command(text: str = "status", trigger: str = "1") -> bytes:
    return urlencode(
        {
            "command": "/flannel", "text": text, "user_id": OPERATOR, "team_id": people.TEAM,
            "channel_id": "C0ALERTS", "trigger_id": trigger,
        }
    ).encode()  # fmt: skip


def signed(body: bytes, *, at: float | None = None, secret: str = "") -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    secret = secret or people.SIGNING_SECRET
    return {
        "Content-Type": FORM,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": webhooks.signature(body, timestamp=stamp, secret=secret),
    }


async def post(slack: Slack, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    async with slack.http.post(slack.address, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


def results(slack: Slack) -> list[str]:
    counted = slack.telemetry.counted
    return [labels["result"] for name, labels in counted if name == "slack_http_requests_total"]


async def test_a_command_that_slack_signed_is_answered(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        assert await post(slack, command(), signed(command())) == (200, "")
        await until(lambda: slack.whispers(OPERATOR))
    assert "119 of 120" in slack.whispers(OPERATOR)[0].text
    assert results(slack) == ["ok"]


NOW = time.time
BAD = {
    "unsigned": lambda body: {"Content-Type": FORM},
    "without a signature": lambda body: {
        k: v for k, v in signed(body).items() if k != "X-Slack-Signature"
    },
    "without a timestamp": lambda body: {
        k: v for k, v in signed(body).items() if k != "X-Slack-Request-Timestamp"
    },
    "too old": lambda body: signed(body, at=NOW() - 301),
    "too far ahead": lambda body: signed(body, at=NOW() + 310),
    "of another app": lambda body: signed(body, secret="another-secret"),
    "of another body": lambda body: signed(body + b"x"),
    "cut": lambda body: (
        signed(body) | {"X-Slack-Signature": signed(body)["X-Slack-Signature"][:-1]}
    ),
    "not ascii": lambda body: signed(body) | {"X-Slack-Signature": "v0=ümläut"},
    "of another version": lambda body: (
        signed(body) | {"X-Slack-Signature": signed(body)["X-Slack-Signature"].replace("v0", "v1")}
    ),
    **{
        f"timestamp {stamp!r}": lambda body, stamp=stamp: (
            signed(body) | {"X-Slack-Request-Timestamp": stamp}
        )
        for stamp in (
            "yesterday",
            "-1",
            "1e9",
            "１７９５６４５６４５",
            "0x10",
            "9" * 400,
            "1.5",
            "nan",
        )
    },
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_slack_did_not_sign_now_is_refused_and_nothing_is_done(
    slack: Slack, desk: samples.Desk, kind: str
) -> None:
    async with slack.app(desk):
        status, said = await post(slack, command(), BAD[kind](command()))
        assert (status, said) == (401, "")
        # A request of Slack's own afterwards shows that the other one left nothing behind.
        await ask(slack, "schedule")
    assert [name for name, _ in desk.asked] == ["schedule"]
    assert len(slack.whispers(OPERATOR)) == 1


async def test_a_body_that_is_no_text_is_no_fault_of_ours(slack: Slack, desk: samples.Desk) -> None:
    body = b"\xff\xfe\x00payload=%ff"
    async with slack.app(desk):
        assert (await post(slack, body, signed(body)))[0] == 400
        assert (await post(slack, body, signed(body, secret="other")))[0] == 401


BROKEN = [
    (b"{", "application/json"),
    (b"[]", "application/json"),
    (b'"text"', "application/json"),
    (b"[" * 100_000, "application/json"),
    (b"payload={", FORM),
    (b"payload=[]", FORM),
    (b"&".join(b"a=%d" % n for n in range(500)), FORM),
]


@pytest.mark.parametrize(("body", "kind"), BROKEN, ids=range(len(BROKEN)))
async def test_what_cannot_be_read_is_answered_400(
    slack: Slack, desk: samples.Desk, body: bytes, kind: str
) -> None:
    async with slack.app(desk):
        headers = signed(body) | {"Content-Type": kind}
        assert (await post(slack, body, headers))[0] == 400
    assert results(slack) == [slack_http.UNREADABLE]


async def test_a_request_that_is_replayed_is_taken_once(slack: Slack, desk: samples.Desk) -> None:
    body = command(trigger="")  # nothing in the body itself would tell
    headers = signed(body)
    async with slack.app(desk):
        both = await asyncio.gather(*(post(slack, body, headers) for _ in range(5)))
        assert {status for status, _ in both} == {200}
        await until(lambda: slack.whispers(OPERATOR))
        await ask(slack, "schedule")
    assert [name for name, _ in desk.asked] == ["status", "schedule"]
    assert sorted(results(slack)) == ["ok", "ok", *["repeated"] * 4]


async def test_an_event_that_slack_repeats_with_a_new_signature_is_answered_once(
    slack: Slack, desk: samples.Desk
) -> None:
    event = {
        "type": "event_callback", "team_id": people.TEAM, "api_app_id": people.APP,
        "event_id": "Ev1", "event_time": 1,
        "event": {"type": "app_mention", "user": OPERATOR, "team": people.TEAM, "ts": "1.000001",
                  "channel": "C0ALERTS", "text": "<@U0BOT> status"},
    }  # fmt: skip
    root = (await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="x"))["ts"]
    event["event"]["ts"] = root
    body = json.dumps(event).encode()
    async with slack.app(desk):
        for attempt in range(3):
            headers = signed(body, at=time.time() - attempt) | {"Content-Type": "application/json"}
            if attempt:
                headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": "timeout"}
            assert (await post(slack, body, headers))[0] == 200
        await until(slack.said)
        await ask(slack, "schedule")
    assert [name for name, _ in desk.asked] == ["status", "schedule"]
    assert len(slack.said()) == 1


async def test_a_repetition_whose_first_was_lost_is_answered(
    slack: Slack, desk: samples.Desk
) -> None:
    """That it is marked as a repetition is no reason to leave it: the first may not have come."""
    await slack.act("message", user=OPERATOR, channel="C0ALERTS", text="<@U0BOT> status")
    await until(lambda: [e for e in slack.noted("webhook") if e["status"] == 503])
    async with slack.app(desk):
        await until(slack.said)
    assert [name for name, _ in desk.asked] == ["status"]


@pytest.mark.parametrize("told", [True, False], ids=["announced", "in pieces"])
async def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    slack: Slack, desk: samples.Desk, told: bool
) -> None:
    body = b"x" * (slack_http.LARGEST + 1)

    async def pieces():
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    async with slack.app(desk):
        try:
            async with slack.http.post(
                slack.address, data=io.BytesIO(body) if told else pieces(), headers=signed(body)
            ) as answer:
                assert answer.status == 413
        except aiohttp.ClientError:
            pass  # the connection was closed while the rest was still on its way
        await until(lambda: results(slack))
        assert results(slack) == ["too_large"]
        assert "119 of 120" in await ask(slack, "status")


async def test_a_body_that_never_ends_is_given_up(
    slack: Slack, desk: samples.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_http, "_READ_SECONDS", 0.1)
    async with slack.app(desk):
        host, port = slack.address.split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npayload="
        )
        await writer.drain()
        assert b" 408 " in (await reader.read()).splitlines()[0]
        writer.close()
    assert results(slack) == ["too_slow"]


async def test_packed_bodies_are_not_unpacked(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        headers = signed(b"x") | {"Content-Encoding": "gzip"}
        assert (await post(slack, b"x", headers))[0] == 400


async def test_only_posting_is_answered(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk), slack.http.get(slack.address) as answer:
        assert answer.status == 405


async def test_the_address_is_verified_with_its_challenge(slack: Slack, desk: samples.Desk) -> None:
    async with slack.app(desk):
        told = await slack.act("verify")
        assert (told["verified"], told["error"]) == (True, None)
        body = b"ssl_check=1&token=x"
        assert (await post(slack, body, signed(body)))[0] == 200
        forged = json.dumps({"type": "url_verification", "challenge": "x"}).encode()
        assert (await post(slack, forged, signed(forged, secret="other"))) == (401, "")
    assert not desk.asked


async def test_before_the_start_and_after_the_end_slack_is_told_to_come_again(
    slack: Slack, desk: samples.Desk
) -> None:
    assert (await post(slack, command(), signed(command())))[0] == 503
    async with slack.app(desk) as app:
        pass
    assert not app.connected
    assert (await post(slack, command(), signed(command())))[0] == 503
    assert not desk.asked


async def test_what_would_be_too_much_at_once_is_refused_aloud_and_taken_again_later(
    slack: Slack, desk: samples.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        errands.Errands, "__init__", partialmethod(errands.Errands.__init__, most=3)
    )
    finish = asyncio.Event()
    desk.wait = finish.wait
    async with slack.app(desk) as app:
        sent = [command(trigger=f"1.{number}") for number in range(8)]
        told = [await post(slack, body, signed(body)) for body in sent]
        assert [status for status, _ in told] == [200] * 3 + [503] * 5
        link = AsyncMock()
        payload = {"type": "block_actions"}
        await app._handle(link, SocketModeRequest("interactive", "e1", payload))
        # Without an acknowledgement Slack tells the person that it did not work.
        link.send_socket_mode_response.assert_not_awaited()
        finish.set()
        await until(lambda: not app._errands.full)
        assert (await post(slack, sent[7], signed(sent[7])))[0] == 200
        await until(lambda: len(slack.whispers(OPERATOR)) == 4)
    assert results(slack) == ["ok"] * 3 + ["busy"] * 5 + ["ok"]


async def test_it_is_ready_while_the_web_api_answers_and_never_because_nobody_calls(
    slack: Slack, desk: samples.Desk
) -> None:
    async with slack.app(desk, watchdog_after=0.05) as app:
        assert app.connected
        assert slack.telemetry.gauges["slack_connected"] == 1
        for number in range(50):
            await post(slack, command(), signed(command(), secret=f"wrong {number}"))
        assert app.connected, "strangers made it unready"
        await slack.fault("token_revoked")
        await until(lambda: not app.connected)
        assert "token_revoked" in app.trouble
        assert slack.telemetry.gauges["slack_connected"] == 0
        await slack.lift("token_revoked")
        await until(lambda: app.connected)
        assert not app.trouble
        assert not app.dead
    assert not slack.noted("link"), "no socket is opened in this mode"


async def test_no_body_and_no_secret_reaches_the_log_and_strangers_cannot_fill_it(
    slack: Slack,
    desk: samples.Desk,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    # One that was used before under the program's own configuration keeps to that.
    monkeypatch.setattr(slack_http, "log", structlog.get_logger())
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(written),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    try:
        with caplog.at_level(logging.DEBUG):
            async with slack.app(desk):
                for number in range(30):
                    body = command(f"my-private-words {number}")
                    await post(slack, body, signed(body, secret="another"))
                strange = json.dumps({"type": "my-private-words"}).encode()
                await post(slack, strange, signed(strange) | {"Content-Type": "application/json"})
                body = b"payload=" + strange
                await post(slack, body, signed(body))
    finally:
        structlog.reset_defaults()
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp.client")]
    text = written.getvalue() + "\n".join(record.getMessage() for record in ours)
    assert written.getvalue().count("slack_request_refused") == 1
    assert "slack.signing_secret" in text
    for secret in ("my-private-words", people.SIGNING_SECRET, people.BOT_TOKEN, "v0="):
        assert secret not in text


def test_a_signature_is_judged_as_slacks_own_verifier_does(slack: Slack) -> None:
    ours = signatures.Signatures("secret")
    theirs = SignatureVerifier("secret")
    for body in (b"", b"a=1", "ü=ß".encode(), b"x" * 10_000):
        for age in (0, 200, 299, 301, -299, -302):
            stamp = str(int(time.time()) - age)
            headers: dict[str, Any] = {
                "X-Slack-Request-Timestamp": stamp,
                "X-Slack-Signature": ours.sign(stamp, body).decode(),
            }
            assert theirs.is_valid_request(body, headers) == (
                ours.objection(headers, body, now=time.time()) == ""
            )
