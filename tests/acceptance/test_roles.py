"""Chat and executor as two processes on one database: people heal the cluster by way of both."""

import asyncio
from pathlib import Path

import pytest

from tests.acceptance import chartered, processes
from tests.acceptance.test_remediation import card, container, whispered

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-b")]

APART = {"database": {"postgresql": {"existingSecret": "postgres"}}}
"""What both releases of the chart say: they share a database."""
REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


async def test_who_speaks_with_people_changes_nothing_and_asks_who_may(tmp_path: Path) -> None:
    async with processes.outside(tmp_path, nodes=8, seed=3, speed=20) as outside:
        changes = {"remediation": {"enabled": True}}
        of_chat, of_executor = [
            await chartered.install(
                outside, {**APART, "config": {"process": {"role": role}, **changes}}, name=name
            )
            for role, name in (("chat", "flannel-bot"), ("executor", "flannel-bot-executor"))
        ]
        common = outside.remedying()
        chats = outside.environment(**common, FLANNEL_BOT_CLUSTERS=of_chat.clusters())
        async with processes.started("run", "--role", "chat", environment=chats) as chat:
            base = await processes.bot_ready(chat, outside.session)

            async def alone(wanted: bool) -> bool:
                async with outside.session.get(f"{base}/readyz") as answer:
                    said = "no executor is running" in await answer.text()
                async with outside.session.get(f"{base}/metrics") as answer:
                    number = f"\nflannel_bot_executor_missing {int(wanted)}.0\n"
                    return said is wanted and number in await answer.text()

            await processes.until(lambda: alone(True), what="the executor missed")
            asked = await outside.command("raise-memory-and-anchor", user="U0OPERATOR")
            assert asked["ok"]
            await whispered(outside, "U0OPERATOR", "no executor is running")

            # It only asks Slack who people are.
            others = outside.environment(
                **common, SLACK_APP_TOKEN="", FLANNEL_BOT_CLUSTERS=of_executor.clusters()
            )
            async with processes.started("run", "--role", "executor", environment=others) as other:
                await processes.bot_ready(other, outside.session)
                await processes.until(lambda: alone(False), what="the executor heard")
                trouble = await card(outside, "also matches pods' NICs")
                await outside.click(trouble, "propose_fix", "U0BYSTANDER")
                await whispered(outside, "U0BYSTANDER", "You may not")
                await outside.click(trouble, "propose_fix", "U0OPERATOR")
                plan = await card(outside, "Approval needed", "PLAN-1")
                await outside.click(plan, "approve_plan", "U0OPERATOR")
                await whispered(outside, "U0OPERATOR", "You may not")
                await outside.click(plan, "approve_plan", "U0APPROVER")
                await card(outside, "Done", "PLAN-1", "RUN-1")
                after = await container(outside)
                assert "--iface-regex=^(?:eth1|bond1)$" in after["args"]
                ended = await asyncio.gather(chat.end(), other.end())
                assert ended == [0, 0]
        made = [one for one in await outside.requests() if one["resource"] not in REVIEWS]
        by_chat = {one["verb"] for one in made if one["identity"] == of_chat.user}
        assert by_chat
        assert by_chat <= {"get", "list", "watch"}
        assert chartered.refused(made) == []
        patches = [one for one in made if one["verb"] == "patch" and "dryRun" not in one["query"]]
        assert {one["identity"] for one in patches} == {of_executor.user}
