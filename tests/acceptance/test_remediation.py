"""The running bot heals, takes back and refuses, over the wire, by clicks of pretend people."""

import json
import signal
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance import processes

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-b")]

FLANNEL = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-flannel-ds-amd64"


async def container(outside: processes.Outside) -> dict[str, Any]:
    """Flannel's container as the API server has it."""
    config = yaml.safe_load(outside.kubeconfig.read_text())
    user = config["users"][0]["user"]
    async with outside.session.get(
        outside.cluster["kube_api"] + FLANNEL,
        headers={"Authorization": f"Bearer {user['token']}"},
        ssl=ssl._create_unverified_context(),  # our own child on loopback
    ) as answer:
        body = await answer.json()
    return dict(body["spec"]["template"]["spec"]["containers"][0])


async def card(outside: processes.Outside, *words: str) -> dict[str, Any]:
    """Wait for a card that says all of these."""

    async def seen() -> dict[str, Any]:
        told = await outside.cards()
        found = [one for one in told if all(word in one["text"] for word in words)]
        assert found, [one["text"] for one in told if "PLAN" in one["text"]]
        return found[0]

    return dict(await processes.until(seen, within=60, what=f"a card that says {words}"))


async def whispered(outside: processes.Outside, user: str, words: str) -> None:
    async def told() -> bool:
        return any(
            one.get("user") == user and words in one["text"] for one in await outside.whispers()
        )

    await processes.until(told, what=f"an answer to {user} that says {words!r}")


async def test_two_clicks_heal_the_cluster_though_the_bot_is_killed_midway(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=8, seed=3, speed=20) as outside:
        environment = outside.environment(**outside.remedying())
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)
            trouble = await card(outside, "also matches pods' NICs")
            await outside.click(trouble, "propose_fix", "U0BYSTANDER")
            await whispered(outside, "U0BYSTANDER", "You may not")
            await outside.click(trouble, "propose_fix", "U0OPERATOR")
            asked = await card(outside, "Approval needed", "PLAN-1", "Raise flannel's memory limit")
            before = await container(outside)
            for user, words in (
                ("U0OPERATOR", "You may not"),
                ("U0GUEST", "Guests cannot"),
                ("U0BYSTANDER", "You may not"),
            ):
                await outside.click(asked, "approve_plan", user)
                await whispered(outside, user, words)
            assert await container(outside) == before
            await outside.click(asked, "approve_plan", "U0APPROVER")
            await card(outside, "PLAN-1", "RUN-1")
            assert await bot.end(signal.SIGKILL) == -signal.SIGKILL
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)
            await card(outside, "Done", "PLAN-1", "RUN-1")
            after = await container(outside)
            assert "--iface-regex=^(?:eth1|bond1)$" in after["args"]
            assert after["resources"]["limits"]["memory"] == "256Mi"
            # A click on the old card is answered with what is true by now.
            await outside.stale_click(asked, "approve_plan", "U0APPROVER2")
            await whispered(outside, "U0APPROVER2", "was approved already")
            patched = [
                one
                for one in await outside.requests()
                if one["verb"] == "patch"
                and one["path"].endswith("kube-flannel-ds-amd64")
                and "dryRun" not in one["query"]
            ]
            assert len(patched) == 1
            assert await bot.end() == 0
        code, said, _ = await processes.finished("audit", "verify", environment=environment)
        assert code == 0, said


async def test_a_plan_that_does_harm_is_taken_back(tmp_path: Path) -> None:
    async with processes.outside(
        tmp_path, nodes=6, seed=1, speed=20, scenario="bad-plan"
    ) as outside:
        environment = outside.environment(**outside.remedying())
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)
            before = await container(outside)
            await outside.command("raise-memory-and-anchor", user="U0OPERATOR")
            asked = await card(outside, "Approval needed", "PLAN-1")
            await outside.click(asked, "approve_plan", "U0APPROVER")
            await outside.click(asked, "approve_plan", "U0APPROVER2")
            await card(outside, "PLAN-1", "RUN-1", "Undone")
            after = await container(outside)
            assert after["args"] == before["args"]
            assert after["resources"] == before["resources"]
            assert await bot.end() == 0


async def test_a_guard_refuses_what_a_budget_forbids_and_nothing_is_changed(
    tmp_path: Path,
) -> None:
    async with processes.outside(tmp_path, nodes=8, seed=3, speed=20, scenario="guard") as outside:
        environment = outside.environment(**outside.remedying())
        async with processes.started("run", environment=environment) as bot:
            await processes.bot_ready(bot, outside.session)
            truth = await outside.truth()
            for node in truth["nodes"]:
                await outside.command(f"drain {node}", user="U0OPERATOR")

            async def refused() -> bool:
                return any("budget" in one["text"].lower() for one in await outside.whispers())

            await processes.until(refused, what="a drain that a budget forbids")
            writes = [
                one
                for one in await outside.requests()
                if one["verb"] in ("patch", "delete", "create")
                and "dryRun" not in json.dumps(one)
                and "exec" not in one["path"]
            ]
            assert [one for one in writes if "subjectaccess" not in one["path"]] == []
            assert await bot.end() == 0
