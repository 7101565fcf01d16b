"""The running bot looks after itself: one life of it, from a long absence to a stop in time."""

import asyncio
import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import test_utils, web

from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("acceptance-b")]
CHANNEL = "C0OPS"
SECRETS = ("xoxb-demo", "xapp-demo", "canary-alerts", "secret-beat")


class Switch:
    """A dead man's switch that counts."""

    def __init__(self) -> None:
        self.beats = 0

    async def beat(self, _request: web.Request) -> web.Response:
        self.beats += 1
        return web.Response()


def absent(url: str) -> None:
    """Leave a database as a bot does that died three quarters of an hour ago."""
    since = datetime.now(UTC) - timedelta(minutes=43)
    with sqlite3.connect(url.partition("///")[2]) as database:
        database.execute("insert into marks values ('seen_until/sim', ?)", (since.isoformat(),))
    database.close()


async def test_one_life(tmp_path: Path) -> None:
    switch = Switch()
    application = web.Application()
    application.router.add_get("/secret-beat", switch.beat)
    async with (
        test_utils.TestServer(application) as server,
        processes.outside(tmp_path, nodes=4, speed=10, scenario="healthy") as outside,
    ):
        file = tmp_path / "bot.yaml"
        good = {"log": {"level": "warning"}, "process": {"reload_every": "100ms"}}
        file.write_text(json.dumps(good))
        environment = {
            **outside.environment(),
            "FLANNEL_BOT_HEARTBEAT__URL": str(server.make_url("/secret-beat")),
            "FLANNEL_BOT_HEARTBEAT__EVERY": "1s",
            "FLANNEL_BOT_SELFTEST__CHANNEL": CHANNEL,
            "FLANNEL_BOT_SELFTEST__EVERY": "1s",
            "FLANNEL_BOT_PROCESS__STOP_WITHIN": "1s",
            "FLANNEL_BOT_ALERTMANAGER__TOKEN": "canary-alerts",
            "FLANNEL_BOT_HTTP__PORT": str(test_utils.unused_port()),
        }
        absent(environment["FLANNEL_BOT_DATABASE__URL"])
        started = processes.started("run", "--config", str(file), environment=environment)
        async with started as bot:
            base = f"http://127.0.0.1:{environment['FLANNEL_BOT_HTTP__PORT']}"

            async def said(words: str) -> bool:
                return any(words in message["text"] for message in await outside.messages())

            async def parts() -> dict:
                async with outside.session.get(f"{base}/readyz") as answer:
                    return (await answer.json())["parts"]

            async def number(name: str) -> float:
                async with outside.session.get(f"{base}/metrics") as answer:
                    text = await answer.text()
                return float(text.partition(f"\nflannel_bot_{name} ")[2].split("\n")[0] or 0)

            await processes.until(lambda: said("sim was not watched for 43 min"))
            await processes.until(lambda: number("selftest_ok"), what="a self-test")
            await processes.until(lambda: asyncio.sleep(0, switch.beats), what="a sign of life")
            assert await outside.messages(CHANNEL) == [], "the self-test leaves nothing behind"

            node = min((await outside.truth())["nodes"])
            fires = {"status": "firing", "labels": {"alertname": "NodeFilesystemFull", "node": node},
                     "annotations": {"summary": "the disk is nearly full"},
                     "startsAt": "2026-03-01T11:40:00Z"}  # fmt: skip
            bearer = {"Authorization": "Bearer canary-alerts"}
            for headers, status in (({}, 401), (bearer, 200)):
                async with outside.session.post(
                    f"{base}/alertmanager",
                    json={"version": "4", "alerts": [fires]},
                    headers=headers,
                ) as answer:
                    assert answer.status == status
            await processes.until(lambda: said("the disk is nearly full"), what="the alert's card")

            await outside.command("/flannel doctor")

            async def examined() -> bool:
                found = [one for one in await outside.whispers() if "Doctor" in one["text"]]
                return bool(found) and "channel C0ALERTS" in found[0]["text"]

            await processes.until(examined, what="the doctor's answer")

            said_anywhere = json.dumps([await outside.messages(), await outside.whispers()])
            for path in ("metrics", "readyz", "healthz"):
                async with outside.session.get(f"{base}/{path}") as answer:
                    said_anywhere += await answer.text()
            for secret in SECRETS:
                assert secret not in said_anywhere

            file.write_text("log: {level: loud}")
            await processes.until(lambda: said("The changed configuration is refused"))
            refused = (await parts())["configuration"]
            assert refused["ok"] is True, "what runs is well"
            assert "log.level" in refused["reason"]

            file.write_text(
                json.dumps(good | {"log": {"level": "debug"}, "telling": {"log_lines": 3}})
            )
            await processes.until(
                lambda: asyncio.sleep(0, any("beginning anew" in line for line in bot.errors)),
                what="a new beginning",
            )

            async def mended() -> bool:
                found = await parts()
                return "configuration" not in found and all(each["ok"] for each in found.values())

            await processes.until(mended, what="all well under the new settings")
            assert bot.process.returncode is None, "it is the same process"
            for secret in SECRETS:
                assert secret not in "\n".join(bot.errors)

            await outside.fault("slow", of="slack", params={"seconds": 60})
            await outside.command("/flannel status")
            began = time.monotonic()
            assert await bot.end(within=10) == 0
            assert time.monotonic() - began < 8, "Slack hangs, and the bot is gone all the same"
