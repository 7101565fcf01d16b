"""Probe pods and the running bot: none where they are off, and none left where it was killed."""

import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import processes
from tests.acceptance.processes import Outside

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-b")]

NODE = "vm-1"
LABEL = "app.kubernetes.io/name=flannel-bot-probe"


async def pods(outside: Outside) -> list[dict[str, Any]]:
    """The probe pods, as kubectl would list them."""
    async with outside.session.get(
        f"{outside.cluster['kube_api']}/api/v1/pods",
        params={"labelSelector": LABEL},
        headers={"Authorization": f"Bearer {outside.cluster['token']}"},
        ssl=False,
    ) as answer:
        return list((await answer.json())["items"])


async def told(outside: Outside, text: str) -> list[str]:
    """Ask, and return all that was whispered since."""
    assert (await outside.command(text))["ok"]
    url = f"{outside.slack_control}/messages"
    async with outside.session.get(url, params={"channel": "C0ALERTS"}) as answer:
        return [str(one["text"]) for one in (await answer.json())["ephemerals"]]


async def break_flannel(outside: Outside) -> None:
    await outside.fault("flannel_crash", nodes=[NODE])

    async def looping() -> bool:
        return NODE in (await outside.truth())["summary"]["crash_looping_nodes"]

    await processes.until(looping, what="a crash loop")


async def test_where_they_are_off_the_running_bot_makes_none(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=4, seed=3, scenario="healthy") as outside:
        await break_flannel(outside)
        async with processes.started("run", environment=outside.environment()) as bot:
            await processes.bot_ready(bot, outside.session)

            async def answered() -> bool:
                said = "\n".join(await told(outside, f"nics {NODE}"))
                return "a probe pod could look there" in said

            await processes.until(answered, what="the answer that says how more could be had")
            assert await bot.end() == 0
        changing = [
            (one["method"], one["path"])
            for one in await outside.requests()
            if one["method"] != "GET" and "flannel-bot" in one["user_agent"]
        ]
        assert not changing


async def test_a_killed_bots_pod_is_removed_by_its_next_start_and_both_are_recorded(
    tmp_path: Path,
) -> None:
    async with processes.outside(tmp_path, nodes=4, seed=3, scenario="healthy") as outside:
        environment = outside.environment(
            FLANNEL_BOT_INSPECTION__PROBE_PODS="on", FLANNEL_BOT_INSPECTION__WITHIN="60"
        )
        await break_flannel(outside)
        await outside.fault("exec_hangs", nodes=[NODE])
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)

            async def there() -> list[dict[str, Any]]:
                await told(outside, f"nics {NODE}")
                return await pods(outside)

            (pod,) = await processes.until(there, what="a probe pod")
            assert pod["spec"]["nodeName"] == NODE
            assert await bot.end(signal.SIGKILL) == -signal.SIGKILL
        assert await pods(outside), "nobody was left to remove it"
        async with processes.started("run", environment=environment) as bot:

            async def gone() -> bool:
                uids = {one["metadata"]["uid"] for one in await pods(outside)}
                return pod["metadata"]["uid"] not in uids

            async def recorded() -> list[str]:
                with sqlite3.connect(tmp_path / "bot.db") as database:
                    rows = database.execute("select kind from deeds order by id").fetchall()
                kinds = [kind for (kind,) in rows]
                return kinds if "probe_pod_removed" in kinds else []

            await processes.until(gone, what="the removal")
            kinds = await processes.until(recorded, what="the record of the removal")
            assert await bot.end() == 0
        assert await processes.until(lambda: none_left(outside), what="none left")
    assert kinds[:2] == ["probe_pod_begun", "probe_pod_removed"]


async def none_left(outside: Outside) -> bool:
    return not await pods(outside)


async def test_where_each_look_has_to_be_allowed_an_approvers_click_makes_the_pod(
    tmp_path: Path,
) -> None:
    async with processes.outside(tmp_path, nodes=4, seed=3, scenario="healthy") as outside:
        environment = outside.environment(
            FLANNEL_BOT_INSPECTION__PROBE_PODS="approve",
            FLANNEL_BOT_ACCESS__APPROVERS='["U0APPROVER"]',
            FLANNEL_BOT_SLACK__ALLOW_INSECURE="true",
        )
        await break_flannel(outside)
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)

            async def asked(user: str) -> dict[str, Any] | None:
                # Between two crashes flannel runs for a moment, and no probe is needed then.
                assert (await outside.command(f"nics {NODE}", user=user))["ok"]
                return await offered(outside, user)

            button = await processes.until(lambda: asked("U0APPROVER"), what="an offer")
            other = await processes.until(lambda: asked("U0BYSTANDER"), what="an offer")
            assert await said(outside, "would need an approval")
            await click(outside, "U0BYSTANDER", other)
            await processes.until(lambda: said(outside, "You may not look"), what="a refusal")
            assert not await made(outside)
            await click(outside, "U0APPROVER", button)
            await processes.until(lambda: said(outside, "by a probe pod, "), what="the look")
            assert await made(outside) == 1
            await processes.until(lambda: none_left(outside), what="none left")
            assert await bot.end() == 0
    with sqlite3.connect(tmp_path / "bot.db") as database:
        (actor, kind), *_ = database.execute("select actor, kind from deeds order by id")
    assert (actor, kind) == ("U0APPROVER", "probe_pod_begun")


async def whispers(outside: Outside) -> list[dict[str, Any]]:
    url = f"{outside.slack_control}/messages"
    async with outside.session.get(url, params={"channel": "C0ALERTS"}) as answer:
        return list((await answer.json())["ephemerals"])


async def said(outside: Outside, text: str) -> bool:
    return any(text in json.dumps(one) for one in await whispers(outside))


async def offered(outside: Outside, user: str) -> dict[str, Any] | None:
    """The newest whisper to that person with the button."""
    found = [
        one
        for one in await whispers(outside)
        if one["user"] == user and "look_by_probe_pod" in json.dumps(one)
    ]
    return found[-1] if found else None


async def click(outside: Outside, user: str, message: dict[str, Any]) -> None:
    body = {
        "user": user,
        "channel": "C0ALERTS",
        "ts": message["ts"],
        "action_id": "look_by_probe_pod",
    }
    async with outside.session.post(f"{outside.slack_control}/click", json=body) as answer:
        assert answer.status < 300, await answer.text()


async def made(outside: Outside) -> int:
    return sum(
        one["method"] == "POST" and one["path"].endswith("/pods") and one["status"] == 201
        for one in await outside.requests()
        if "flannel-bot" in one["user_agent"]
    )
