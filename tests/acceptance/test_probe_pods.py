"""Probe pods and the running bot: none where they are off, and none left where it was killed."""

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import processes
from tests.acceptance.processes import Outside

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance")]

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

            await processes.until(gone, what="the removal")
            assert await bot.end() == 0
        assert await processes.until(lambda: none_left(outside), what="none left")
    with sqlite3.connect(tmp_path / "bot.db") as database:
        kinds = [kind for (kind,) in database.execute("select kind from deeds order by id")]
    assert kinds[:2] == ["probe_pod_begun", "probe_pod_removed"]


async def none_left(outside: Outside) -> bool:
    return not await pods(outside)
