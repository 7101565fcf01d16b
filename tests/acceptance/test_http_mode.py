"""The real bot with a Slack that calls it over HTTP."""

import asyncio
import contextlib
import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.sim.slack import webhooks
from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-b")]

SECRET = "demo-signing-secret"
Json = dict[str, Any]


def free_port() -> int:
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Trial:
    """A bot at a known address, and people who talk to it."""

    def __init__(self, outside: processes.Outside, address: str, environment: dict[str, str]):
        self.outside = outside
        self.address = address
        self.environment = environment

    async def act(self, door: str, **body: Any) -> Json:
        url = f"{self.outside.slack_control}/{door}"
        async with self.outside.session.post(url, json=body) as answer:
            return await answer.json()

    async def look(self, door: str, **query: str) -> Json:
        url = f"{self.outside.slack_control}/{door}"
        async with self.outside.session.get(url, params=query) as answer:
            return await answer.json()

    async def whispers(self, text: str) -> list[str]:
        shown = (await self.look("messages", channel="C0ALERTS"))["ephemerals"]
        return [one["text"] for one in shown if text in one["text"]]

    async def replies(self, ts: str) -> list[str]:
        return [
            one["text"]
            for one in await self.outside.messages()
            if one.get("thread_ts") == ts and one["user"] == "U0BOT"
        ]

    async def metric(self, result: str) -> float:
        base = self.address.removesuffix("/slack/events")
        async with self.outside.session.get(f"{base}/metrics") as answer:
            text = await answer.text()
        name = f'flannel_bot_slack_http_requests_total{{result="{result}"}}'
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextlib.asynccontextmanager
async def trial(directory: Path, **more: str) -> AsyncIterator[Trial]:
    port = free_port()
    address = f"http://127.0.0.1:{port}/slack/events"
    async with processes.outside(
        directory, nodes=12, speed=50, scenario="healthy", events_url=address
    ) as outside:
        environment = outside.environment(
            FLANNEL_BOT_SLACK__MODE="http",
            FLANNEL_BOT_HTTP__PORT=str(port),
            FLANNEL_BOT_SLACK__WATCHDOG_AFTER="1",
            SLACK_SIGNING_SECRET=SECRET,
            SLACK_APP_TOKEN="",
            **more,
        )
        yield Trial(outside, address, environment)


async def test_everything_works_when_slack_calls(tmp_path: Path) -> None:
    async with trial(tmp_path) as tried:
        outside = tried.outside
        # Whoever asks while the bot is not there is told so; what is said waits for it.
        absent = await outside.command("/flannel status")
        assert absent["error"] == "dispatch_failed"
        async with processes.started("run", environment=tried.environment) as bot:
            await processes.bot_ready(bot, outside.session)
            assert (await tried.act("verify"))["verified"] is True

            assert (await outside.command("/flannel status"))["acked"]
            await processes.until(lambda: tried.whispers("12 of 12 nodes ready"), what="status")

            said = await tried.act(
                "message", user="U0OPERATOR", channel="C0ALERTS", text="<@U0BOT> schedule"
            )
            assert "relist" in (await processes.until(lambda: tried.replies(said["ts"])))[0]

            await outside.fault("envelopes_doubled", of="slack")
            await outside.fault("envelopes_delayed", of="slack", params={"seconds": 0.3})
            assert (await outside.command("/flannel incidents"))["acked"]
            await processes.until(lambda: tried.whispers("Incidents"), what="incidents")
            await tried.act("home", user="U0OPERATOR")
            await tried.act("home", user="U0GUEST")

            async def homes() -> bool:
                own = json.dumps(await tried.look("views", user="U0OPERATOR"))
                guest = json.dumps(await tried.look("views", user="U0GUEST"))
                assert "12 of 12 nodes ready" in own
                assert "Guests cannot use this bot" in guest
                return True

            await processes.until(homes, what="home tabs")
            await outside.heal("envelopes_doubled", of="slack")
            await outside.heal("envelopes_delayed", of="slack")
            assert len(await tried.whispers("Incidents")) == 1, "answered twice"

            await outside.fault("pod_unready", nodes=["vm-01"])
            (card,) = await processes.until(outside.cards, what="a card")
            await tried.act("shortcut", user="U0OPERATOR", channel="C0ALERTS", ts=card["ts"])

            async def window() -> bool:
                shown = json.dumps(await tried.look("views", user="U0OPERATOR"))
                assert "INC-1" in shown
                assert "vm-01" in shown
                return True

            await processes.until(window, what="a window")
            assert await bot.end() == 0
        assert not [line for line in bot.errors if "Traceback" in line]


async def test_strangers_are_refused_and_leave_the_bot_ready(tmp_path: Path) -> None:
    async with trial(tmp_path) as tried:
        async with processes.started("run", environment=tried.environment) as bot:
            base = await processes.bot_ready(bot, tried.outside.session)
            body = b"command=%2Fflannel&text=private-words&user_id=U0OPERATOR&team_id=T0DEMO"
            own = {"Content-Type": "application/x-www-form-urlencoded"}
            signed = webhooks.signed(body) | own
            statuses = []
            for headers in (
                own,
                webhooks.signed(body, secret="guessed") | own,
                signed | {"X-Slack-Request-Timestamp": "soon"},
                signed | {"X-Slack-Request-Timestamp": "1700000000"},
                signed,
                signed,
            ):
                async with tried.outside.session.post(
                    tried.address, data=body, headers=headers
                ) as answer:
                    statuses.append(answer.status)
            assert statuses == [401, 401, 401, 401, 200, 200]
            assert await tried.metric("ok") == 1
            assert await tried.metric("repeated") == 1
            async with tried.outside.session.get(f"{base}/readyz") as answer:
                assert answer.status == 200
            assert await bot.end() == 0
        assert not [line for line in bot.errors if "private-words" in line or "Traceback" in line]


async def test_a_revoked_token_makes_it_unready_and_a_killed_bot_is_told_again(
    tmp_path: Path,
) -> None:
    async with trial(tmp_path) as tried:
        outside = tried.outside
        async with processes.started("run", environment=tried.environment) as bot:
            base = await processes.bot_ready(bot, outside.session)
            await outside.fault("token_revoked", of="slack")

            async def unready() -> bool:
                async with outside.session.get(f"{base}/readyz") as answer:
                    assert answer.status == 503
                    assert "token_revoked" in (await answer.json())["parts"]["slack"]["reason"]
                    return True

            await processes.until(unready, what="an unready bot")
            await outside.heal("token_revoked", of="slack")
            await processes.bot_ready(bot, outside.session)
            assert await bot.end(signal.SIGKILL) == -signal.SIGKILL
        # Said while nobody is there: Slack says it again, a minute later as it is; here by hand.
        said = await tried.act("message", user="U0OPERATOR", channel="C0ALERTS", text="x")
        event = {
            "type": "event_callback", "team_id": "T0DEMO", "api_app_id": "A0DEMO",
            "event_id": "Ev1", "event_time": 1,
            "event": {"type": "app_mention", "user": "U0OPERATOR", "team": "T0DEMO",
                      "ts": said["ts"], "channel": "C0ALERTS", "text": "<@U0BOT> schedule"},
        }  # fmt: skip
        async with processes.started("run", environment=tried.environment) as bot:
            await processes.bot_ready(bot, outside.session)
            body = json.dumps(event).encode()
            for attempt in (1, 2, 3):
                headers = webhooks.signed(body) | {
                    "Content-Type": "application/json", "X-Slack-Retry-Num": str(attempt),
                    "X-Slack-Retry-Reason": "connection_failed",
                }  # fmt: skip
                async with outside.session.post(
                    tried.address, data=body, headers=headers
                ) as answer:
                    assert answer.status == 200
            await processes.until(lambda: tried.replies(said["ts"]), what="an answer")
            await outside.command("/flannel status")
            await processes.until(lambda: tried.whispers("nodes ready"), what="another answer")
            assert len(await tried.replies(said["ts"])) == 1
            assert await bot.end() == 0


@pytest.mark.parametrize(
    ("mode", "variable", "key"),
    [
        ("http", "SLACK_SIGNING_SECRET", "slack.signing_secret"),
        ("socket", "SLACK_APP_TOKEN", "slack.app_token"),
    ],
)
async def test_what_a_mode_needs_and_lacks_ends_the_start_with_a_sentence(
    mode: str, variable: str, key: str, tmp_path: Path
) -> None:
    given = {
        "SLACK_BOT_TOKEN": "xoxb-demo", "SLACK_APP_TOKEN": "xapp-demo",
        "SLACK_SIGNING_SECRET": SECRET, "FLANNEL_BOT_SLACK__MODE": mode,
        "FLANNEL_BOT_SLACK__CHANNEL": "C0ALERTS", "FLANNEL_BOT_HTTP__PORT": "0",
    }  # fmt: skip
    code, out, err = await asyncio.wait_for(
        processes.finished("run", environment={**given, variable: ""}, cwd=tmp_path), 60
    )
    assert (code, out) == (2, "")
    assert f"error: {key}: is not set, and mode {mode} needs it; set {variable}" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--mode", "http"), "error: --events-url: mode http needs the address"),
        (("--mode", "http", "--events-url", "bot:8080"), "error: --events-url: 'bot:8080' is no"),
        ((), "error: --port: port "),
    ],
)
async def test_a_pretend_slack_that_cannot_start_says_which_flag_is_at_fault(
    arguments: tuple[str, ...], told: str
) -> None:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1]) if not arguments else "0"
        code, out, err = await processes.finished("sim", "slack", "--port", port, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(told), err
    assert "Traceback" not in err
