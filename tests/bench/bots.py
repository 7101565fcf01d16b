"""The real bot as a process, told by its environment alone, and what it is started against."""

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import children


@dataclass
class Slack:
    """The pretend Slack and what the bot said there, as it happens."""

    child: children.Child
    ready: dict[str, Any]

    async def command(self, session: aiohttp.ClientSession, text: str) -> dict[str, Any]:
        """Type a slash command; the answer tells how the bot took it."""
        url = f"{self.ready['control']}/_sim/command"
        body = {"user": "U0OPERATOR", "channel": "C0ALERTS", "text": text}
        async with session.post(url, json=body) as answer:
            return await answer.json()


@contextlib.asynccontextmanager
async def slack(*, channels: int = 0) -> AsyncIterator[Slack]:
    async with children.running(
        "tests.bench.servers", "slack", "--channels", str(channels)
    ) as child:
        yield Slack(child, await child.said())


@contextlib.asynccontextmanager
async def clusters(
    number: int = 1, *, nodes: int, deployments: int = 0
) -> AsyncIterator[tuple[children.Child, list[str]]]:
    """API servers in one process, and their kubeconfigs."""
    with tempfile.TemporaryDirectory() as directory:
        async with children.running(
            "tests.bench.servers", "cluster", directory, "--clusters", str(number),
            "--nodes", str(nodes), "--deployments", str(deployments),
        ) as child:  # fmt: skip
            yield child, (await child.said())["kubeconfigs"]


@dataclass
class Bot:
    """A running bot."""

    child: children.Child
    url: str
    session: aiohttp.ClientSession

    @property
    def pid(self) -> int:
        return self.child.pid

    async def ready(self) -> bool:
        try:
            async with self.session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def until_ready(self) -> None:
        await children.until(self.ready, what="a ready bot")

    async def metrics(self) -> dict[str, float]:
        async with self.session.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


@contextlib.asynccontextmanager
async def bot(
    where: Slack,
    kubeconfigs: Sequence[str],
    *,
    channels: Sequence[str] = ("C0ALERTS",),
    module: str = "bot",
    **more: str,
) -> AsyncIterator[Bot]:
    """Start `run` on an empty database; it listens by now, and may not be ready yet."""
    watched = [
        {"name": f"c{number}", "kubeconfig": file, "channel": channel}
        for number, (file, channel) in enumerate(zip(kubeconfigs, channels, strict=True))
    ]
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "FLANNEL_BOT_CLUSTERS": json.dumps(watched),
            "FLANNEL_BOT_SLACK__API_URL": where.ready["slack_api"],
            "FLANNEL_BOT_SLACK__CHANNEL": "C0ALERTS",
            "SLACK_BOT_TOKEN": where.ready["tokens"]["bot"],
            "SLACK_APP_TOKEN": where.ready["tokens"]["app"],
            "FLANNEL_BOT_DATABASE__URL": f"sqlite:///{Path(directory) / 'bot.db'}",
            "FLANNEL_BOT_HTTP__HOST": "127.0.0.1",
            "FLANNEL_BOT_HTTP__PORT": "0",
            **more,
        }
        async with (
            children.running(module, "run", environment=environment) as child,
            aiohttp.ClientSession() as session,
        ):

            async def listening() -> int | None:
                if child.process.returncode is not None:
                    raise children.Failed(f"the bot ended: {' / '.join(child.errors[-3:])}")
                for line in child.errors:
                    with contextlib.suppress(ValueError, KeyError, TypeError):
                        told = json.loads(line)
                        if told["event"] == "listening":
                            return int(told["port"])
                return None

            port = await children.until(listening, what="a listening bot")
            yield Bot(child, f"http://127.0.0.1:{port}", session)
