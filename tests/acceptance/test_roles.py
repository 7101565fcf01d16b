"""Chat and executor as processes on one PostgreSQL: people heal the cluster by way of both."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import chartered, processes
from tests.acceptance.test_remediation import card, container, whispered
from tests.acceptance.test_replicas import QUICK
from tests.adapters.store.conftest import Cluster, postgresql  # noqa: F401  # a fixture
from tests.packaging import chart

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.real("postgresql"),
    pytest.mark.xdist_group("acceptance-b"),
]

APART = {"replicas": 2, "database": {"postgresql": {"existingSecret": "postgres"}}}
"""What both releases of the chart say: they share a database."""
REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")


def dry(request: dict[str, Any]) -> bool:
    return "dryRun" in request["query"]


async def test_who_speaks_with_people_changes_nothing_and_of_two_executors_one_outlives_the_other(
    tmp_path: Path,
    postgresql: Cluster,  # noqa: F811
) -> None:
    async with processes.outside(tmp_path, nodes=6, seed=3, speed=40) as outside:
        changes = {"remediation": {"enabled": True}}
        of_chat, of_executor = [
            await chartered.install(
                outside, {**APART, "config": {"process": {"role": role}, **changes}}, name=name
            )
            for role, name in (("chat", "flannel-bot"), ("executor", "flannel-bot-executor"))
        ]
        common = {
            **outside.remedying(),
            **QUICK,
            # However fast the rollout is, its run is not over when its executor is killed.
            "FLANNEL_BOT_REMEDIATION__TIMING__STAYS": "4",
            "FLANNEL_BOT_REMEDIATION__TIMING__HELPS_WITHIN": "60",
            "FLANNEL_BOT_REPLICAS__NAMESPACE": chart.NAMESPACE,
            "FLANNEL_BOT_DATABASE__URL": postgresql.url(postgresql.create()),
        }
        chats = outside.environment(**common, FLANNEL_BOT_CLUSTERS=of_chat.clusters())
        async with processes.started("run", "--role", "chat", environment=chats) as chat:
            base = await processes.bot_ready(chat, outside.session)

            async def served(at: str, what: str) -> str:
                async with outside.session.get(f"{at}/{what}") as answer:
                    return await answer.text()

            async def alone(wanted: bool) -> bool:
                number = f"\nflannel_bot_executor_missing {int(wanted)}.0\n"
                said = "no executor is running" in await served(base, "readyz")
                return said is wanted and number in await served(base, "metrics")

            async def patches() -> list[dict[str, Any]]:
                made = await outside.requests()
                return [one for one in made if one["verb"] == "patch" and not dry(one)]

            await processes.until(lambda: alone(True), what="the executor missed")
            asked = await outside.command("raise-memory-and-anchor", user="U0OPERATOR")
            assert asked["ok"]
            await whispered(outside, "U0OPERATOR", "no executor is running")

            # They only ask Slack who people are.
            others = outside.environment(
                **common,
                SLACK_APP_TOKEN="",
                FLANNEL_BOT_CLUSTERS=of_executor.clusters(),
                FLANNEL_BOT_REPLICAS__LEASE="flannel-bot-executor",
            )
            started = processes.started
            async with (
                started("run", "--role", "executor", environment=others) as one,
                started("run", "--role", "executor", environment=others) as two,
            ):
                places = [await processes.bot_ready(each, outside.session) for each in (one, two)]
                await processes.until(lambda: alone(False), what="the executor heard")
                trouble = await card(outside, "also matches pods' NICs")
                await outside.click(trouble, "propose_fix", "U0BYSTANDER")
                await whispered(outside, "U0BYSTANDER", "You may not")
                await outside.click(trouble, "propose_fix", "U0OPERATOR")
                plan = await card(outside, "Approval needed", "PLAN-1")
                await outside.click(plan, "approve_plan", "U0OPERATOR")
                await whispered(outside, "U0OPERATOR", "You may not")
                await outside.click(plan, "approve_plan", "U0APPROVER")
                await processes.until(patches, what="a patch")
                lead = ["flannel_bot_leader 1.0" in await served(at, "metrics") for at in places]
                assert sorted(lead) == [False, True]
                killed, left = (one, two) if lead[0] else (two, one)
                assert await killed.end(signal.SIGKILL) == -signal.SIGKILL
                await card(outside, "Done", "PLAN-1", "RUN-1")
                assert any("run_taken_over" in line for line in left.errors)
                after = await container(outside)
                assert "--iface-regex=^(?:eth1|bond1)$" in after["args"]
                ended = await asyncio.gather(chat.end(), left.end())
                assert ended == [0, 0]
        made = [one for one in await outside.requests() if one["resource"] not in REVIEWS]
        by_chat = {
            one["verb"]
            for one in made
            if one["identity"] == of_chat.user and one["resource"] != "leases"
        }
        assert by_chat
        assert by_chat <= {"get", "list", "watch"}
        assert chartered.refused(made) == []
        found = await patches()
        assert {one["identity"] for one in found} == {of_executor.user}
        assert len({one["path"] for one in found}) == len(found), "each once"
