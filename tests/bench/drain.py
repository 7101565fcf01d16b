"""Draining a node: the bot's plan beside `kubectl drain`, in turns, of the same pods.

The pods are those of Deployments that fit nowhere else, so that the drained node gets as many new
ones as soon as it takes pods again. They hear no SIGTERM, as so many do: each takes the whole of
its grace. The bot is the whole bot, asked and approved at Slack.

What is measured of both is what the API server saw of them: from the first write, which is the
cordon, until the last pod was asked for and not found any more. So what a plan asks before
approval is left out, as is kubectl's start.
"""

import contextlib
import json
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import bots, children, kubectl, rows
from tests.bench.sizes import Size

ROWS = ("drain_wall", "drain_vs_kubectl")
FULL = 30
"""Pods on the node; what a node of a middling cluster has."""
NODES = 6
SPACE = "bench"
GRACES = (3, 6, 10)
"""Seconds that pods take to end, a third each. Kubernetes' default is 30, and would help us."""
REMEDYING = {
    "FLANNEL_BOT_REMEDIATION__ENABLED": "true",
    "FLANNEL_BOT_REMEDIATION__LIMITS__COOLDOWN": "1s",
    "FLANNEL_BOT_REMEDIATION__TIMING__STAYS": "1s",
    "FLANNEL_BOT_ACCESS__REQUESTERS": '["U0OPERATOR"]',
    "FLANNEL_BOT_ACCESS__APPROVERS": '["U0APPROVER", "U0APPROVER2"]',
    "FLANNEL_BOT_SLACK__ALLOW_INSECURE": "true",
    "FLANNEL_BOT_SCHEDULE__AUDIT": "5s",
}
"""A bot that may change things, at its ordinary pace, but for how long it watches the outcome."""


async def measure(size: Size) -> list[rows.Row]:
    command = kubectl.found()
    if not command:
        return [rows.missing(name, "kubectl is not installed") for name in ROWS]
    pods = size.of(FULL, quick=6)
    ours: list[float] = []
    theirs: list[float] = []
    async with _draining(command, pods) as here:
        for number in range(size.of(5, quick=1)):
            # In turns, each first as often as the other but once.
            for bot_now in random.Random(number).sample((True, False), 2):
                await here.full()
                if bot_now:
                    ours.append(await here.timed(here.by_bot))
                else:
                    theirs.append(await here.timed(here.by_kubectl))
        version = await here.kubectl.version()
    skipped = size.smaller(pods, FULL, "pods")
    return [
        rows.row("drain_wall", ours, skipped=skipped),
        rows.ratio(
            "drain_vs_kubectl", ours, theirs, of=("kubectl drain", version), skipped=skipped
        ),
    ]


@dataclass
class Draining:
    """A cluster, a bot and a kubectl."""

    kubectl: kubectl.Kubectl
    slack: bots.Slack
    session: aiohttp.ClientSession
    control: str
    node: str
    pods: int
    runs: int = 0

    async def full(self) -> None:
        """Wait until all pods run on the node."""

        async def running() -> bool:
            told = await self.kubectl.json("get", "pods", "-n", SPACE)
            well = [
                one
                for one in told["items"]
                if one["status"]["phase"] == "Running" and one["spec"].get("nodeName") == self.node
            ]
            return len(well) == len(told["items"]) == self.pods

        await children.until(running, every=0.5, what=f"{self.pods} running pods on {self.node}")

    async def timed(self, drain: Callable[[], Awaitable[None]]) -> float:
        """Seconds from a drain's first write until its last pod was not found any more."""
        seen = (await self._requests(0))[-1]["seq"]
        await drain()
        began = ended = ""
        gone = set()
        for one in await self._requests(seen):
            mine = one["resource"] == "nodes" and one["name"] == self.node
            if one["verb"] == "patch" and mine and "dryRun" not in one["query"]:
                began = began or one["time"]
            asked = one["verb"] == "get" and one["resource"] == "pods"
            if asked and one["namespace"] == SPACE and one["status"] == 404:
                gone.add(one["name"])
                ended = one["time"]
        if len(gone) != self.pods:
            raise children.Failed(f"{len(gone)} of {self.pods} pods were seen to be gone")
        return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()

    async def by_kubectl(self) -> None:
        """Drain the node, and let it take pods again."""
        await self.kubectl("drain", self.node, "--ignore-daemonsets")
        await self.kubectl("uncordon", self.node)

    async def by_bot(self) -> None:
        """Have the bot drain the node: asked by one person, approved by others."""
        self.runs += 1
        await self.slack.command(self.session, f"drain {self.node}")
        plan = await self._card(f"PLAN-{self.runs}", "Approval needed")
        for user in ("U0APPROVER", "U0APPROVER2"):
            await self._click(plan, user)
        await self._card(f"RUN-{self.runs}", "Done")

    async def _card(self, *words: str) -> dict[str, Any]:
        async def told() -> dict[str, Any] | None:
            url = f"{self.slack.ready['control']}/_sim/messages"
            async with self.session.get(url, params={"channel": "C0ALERTS"}) as answer:
                said = (await answer.json())["messages"]
            return next((one for one in said if all(word in one["text"] for word in words)), None)

        return dict(await children.until(told, what=f"a card that says {' and '.join(words)}"))

    async def _click(self, card: dict[str, Any], user: str) -> None:
        url = f"{self.slack.ready['control']}/_sim/click"
        body = {
            "user": user, "channel": "C0ALERTS", "ts": card["ts"], "action_id": "approve_plan",
        }  # fmt: skip
        async with self.session.post(url, json=body) as answer:
            await answer.read()

    async def _requests(self, since: int) -> list[dict[str, Any]]:
        url = f"{self.control}/_sim/requests"
        async with self.session.get(url, params={"since": str(since)}) as answer:
            return list((await answer.json())["requests"])


@contextlib.asynccontextmanager
async def _draining(command: str, pods: int) -> AsyncIterator[Draining]:
    with tempfile.TemporaryDirectory() as directory:
        kubeconfig = str(Path(directory) / "kubeconfig")
        async with (
            children.running(
                "bot", "sim", "cluster", "--port", "0", "--nodes", str(NODES), "--speed", "1",
                "--scenario", "healthy", "--write-kubeconfig", kubeconfig,
            ) as cluster,
            bots.slack() as slack,
        ):  # fmt: skip
            ready = await cluster.said()
            peer = kubectl.Kubectl(command, kubeconfig)
            node = await _furnish(peer, pods)
            async with bots.bot(slack, [kubeconfig], **REMEDYING) as bot:
                await bot.until_ready()
                yield Draining(peer, slack, bot.session, ready["control"], node, pods)


async def _furnish(peer: kubectl.Kubectl, pods: int) -> str:
    """Put the pods on a node that has none but DaemonSets' beside them; return its name."""
    nodes = await peer.json("get", "nodes", "-l", "!node-role.kubernetes.io/control-plane")
    node = str(nodes["items"][0]["metadata"]["name"])
    await peer("drain", node, "--ignore-daemonsets", "--delete-emptydir-data")
    await peer("uncordon", node)
    for manifest in _manifests(node, pods):
        await peer("apply", "-f", "-", given=json.dumps(manifest))
    return node


def _manifests(node: str, pods: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
    ]
    for number, grace in enumerate(GRACES):
        labels = {"app": f"slow-{grace}"}
        container = {
            "name": "app", "image": "registry.example/busybox:1.36", "command": ["sleep", "86400"],
        }  # fmt: skip
        spec = {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": grace,
            "containers": [container],
        }
        found.append(
            {
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": labels["app"], "namespace": SPACE},
                "spec": {
                    "replicas": len(range(number, pods, len(GRACES))),
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": spec},
                },
            }
        )  # fmt: skip
    return found
