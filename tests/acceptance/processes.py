"""The real program as processes: started, asked over HTTP, killed."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests import databases
from tests.acceptance import forge

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0


async def until(
    look: Callable[[], Awaitable[Any]], *, within: float = PATIENCE, what: str = "it"
) -> Any:
    """Look until something truthy is seen; say what was seen last if it never is."""
    deadline = time.monotonic() + within
    seen: object = None
    while time.monotonic() < deadline:
        try:
            found = await look()
            seen = found
            if found:
                return found
        except (aiohttp.ClientError, AssertionError, KeyError) as error:
            seen = error
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what} did not come within {within:g} s; seen last: {seen!r}")


@dataclass
class Process:
    """One run of the program."""

    process: forge.Forged
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    readers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ready(self) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            if self.process.returncode is not None:
                raise RuntimeError(f"ended with {self.process.returncode}: {self.errors}")
            found = [line for line in self.lines if line.startswith("READY ")]
            return json.loads(found[-1][6:]) if found else None

        ready = await until(look, what="READY")
        assert ready is not None
        return ready

    async def end(self, number: int = signal.SIGTERM, *, within: float = 20) -> int:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            async with asyncio.timeout(within):
                code = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"still alive {within} s after signal {number}") from None
        await asyncio.gather(*self.readers)
        return code


@contextlib.asynccontextmanager
async def started(
    *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[Process]:
    """Run `python -m bot ARGUMENTS` and end it at the end, however the test ended."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("FLANNEL_BOT_", "SLACK_", "KUBE"))
    }
    with contextlib.ExitStack() as ours:
        (out, stdout), (err, stderr) = os.pipe(), os.pipe()
        for descriptor in (stdout, stderr):
            ours.callback(os.close, descriptor)
        running = Process(
            await forge.start(
                arguments,
                cwd=cwd or ROOT,
                env={**inherited, "PYTHONPATH": str(ROOT), **(environment or {})},
                stdout=stdout,
                stderr=stderr,
            )
        )
    process = running.process

    async def read(descriptor: int, into: list[str]) -> None:
        stream = asyncio.StreamReader(limit=2**22)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", 0)
        )
        with contextlib.closing(transport):
            async for line in stream:
                into.append(line.decode(errors="replace").rstrip("\n"))  # noqa: PERF401  # seen at once

    running.readers = [
        asyncio.create_task(read(out, running.lines)),
        asyncio.create_task(read(err, running.errors)),
    ]
    try:
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(15):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        await asyncio.gather(*running.readers)


async def finished(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    within: float = PATIENCE,
) -> tuple[int, str, str]:
    """Run to the end; return exit code, stdout, stderr."""
    async with started(*arguments, environment=environment, cwd=cwd) as running:
        async with asyncio.timeout(within):
            code = await running.process.wait()
            await asyncio.gather(*running.readers)
        return code, "\n".join(running.lines), "\n".join(running.errors)


@dataclass
class Outside:
    """The pretend cluster and Slack, with what a bot needs to be told of them."""

    session: aiohttp.ClientSession
    cluster: dict[str, Any]
    slack: dict[str, Any]
    kubeconfig: Path
    directory: Path
    speed: float

    @property
    def cluster_control(self) -> str:
        return self.cluster["control"] + "/_sim"

    @property
    def slack_control(self) -> str:
        return self.slack["control"] + "/_sim"

    def environment(self, **more: str) -> dict[str, str]:
        """What `run` is told; durations as many times shorter as the world is faster."""
        durations = {
            "CHECKS__POD_GRACE": 300, "CHECKS__DAEMONSET_GRACE": 300,
            "CHECKS__ROLLOUT_STUCK": 600, "CHECKS__DEPLOYMENT_GRACE": 120,
            "CHECKS__NODE_GRACE": 30, "CHECKS__FLANNEL_MISSING_GRACE": 120,
            "CHECKS__BLIND_AFTER": 180, "CHECKS__RESTART_WINDOW": 600,
            "CHECKS__STABLE_AFTER": 600, "CHECKS__OOM_QUIET": 1800, "CHECKS__LOOKBACK": 3600,
            "INCIDENTS__RESOLVE_AFTER": 180, "INCIDENTS__REOPEN_WITHIN": 900,
            "SCHEDULE__CYCLE": 30,
        }  # fmt: skip
        return {
            "FLANNEL_BOT_CLUSTERS": json.dumps(
                [{"name": "sim", "kubeconfig": str(self.kubeconfig)}]
            ),
            "FLANNEL_BOT_SLACK__API_URL": self.slack["slack_api"],
            "FLANNEL_BOT_SLACK__CHANNEL": "C0ALERTS",
            "SLACK_BOT_TOKEN": "xoxb-demo",
            "SLACK_APP_TOKEN": "xapp-demo",
            "FLANNEL_BOT_DATABASE__URL": f"sqlite:///{self.directory / 'bot.db'}",
            "FLANNEL_BOT_HTTP__HOST": "127.0.0.1",
            "FLANNEL_BOT_HTTP__PORT": "0",
            **{f"FLANNEL_BOT_{key}": f"{value / self.speed:g}" for key, value in durations.items()},
            **more,
        }

    async def truth(self) -> dict[str, Any]:
        async with self.session.get(f"{self.cluster_control}/truth") as answer:
            return await answer.json()

    async def messages(self, channel: str = "C0ALERTS") -> list[dict[str, Any]]:
        url = f"{self.slack_control}/messages"
        async with self.session.get(url, params={"channel": channel}) as answer:
            return (await answer.json())["messages"]

    async def cards(self) -> list[dict[str, Any]]:
        """The bot's own messages in the channel, threads left out."""
        return [
            message
            for message in await self.messages()
            if message.get("user") == "U0BOT" and message.get("thread_ts") in (None, message["ts"])
        ]

    async def command(self, text: str, user: str = "U0OPERATOR") -> dict[str, Any]:
        body = {"user": user, "channel": "C0ALERTS", "text": text}
        async with self.session.post(f"{self.slack_control}/command", json=body) as answer:
            return await answer.json()

    async def click(self, card: dict[str, Any], action: str, user: str) -> dict[str, Any]:
        body = {"user": user, "channel": "C0ALERTS", "ts": card["ts"], "action_id": action}
        async with self.session.post(f"{self.slack_control}/click", json=body) as answer:
            return await answer.json()

    async def stale_click(self, card: dict[str, Any], action: str, user: str) -> None:
        """Click as a client does that has not seen the card's last change."""
        [button] = [
            element
            for block in card["blocks"]
            for element in block.get("elements", ())
            if element.get("action_id") == action
        ]
        pressed = {"type": "button", "action_id": action, "value": button["value"]}
        payload = {
            "type": "block_actions",
            "team": {"id": "T0DEMO", "domain": "demo"},
            "user": {"id": user, "team_id": "T0DEMO"},
            "channel": {"id": "C0ALERTS", "name": "flannel-alerts"},
            "container": {"type": "message", "channel_id": "C0ALERTS", "message_ts": card["ts"]},
            "message": card,
            "actions": [pressed | {"block_id": "b", "action_ts": card["ts"]}],
            "trigger_id": "1.1",
        }
        body = {"kind": "interactive", "payload": payload}
        async with self.session.post(f"{self.slack_control}/raw", json=body) as answer:
            assert (await answer.json())["acked"]

    async def whispers(self) -> list[dict[str, Any]]:
        """What only one person sees."""
        url = f"{self.slack_control}/messages"
        async with self.session.get(url, params={"channel": "C0ALERTS"}) as answer:
            return (await answer.json())["ephemerals"]

    def remedying(self) -> dict[str, str]:
        """The settings of a bot that may change the cluster, at the world's pace."""
        timing = {
            "WRITE": 60, "POD_READY": 300, "SETTLE": 60, "PACE": 36, "DRAIN": 600,
            "HELPS_WITHIN": 600, "STAYS": 60, "POLL": 4,
        }  # fmt: skip
        return {
            "FLANNEL_BOT_REMEDIATION__ENABLED": "true",
            "FLANNEL_BOT_ACCESS__REQUESTERS": '["U0OPERATOR"]',
            "FLANNEL_BOT_ACCESS__APPROVERS": '["U0APPROVER", "U0APPROVER2"]',
            "FLANNEL_BOT_SLACK__ALLOW_INSECURE": "true",
            "FLANNEL_BOT_SCHEDULE__AUDIT": "2s",
            "FLANNEL_BOT_REMEDIATION__LIMITS__COOLDOWN": f"{600 / self.speed:g}",
            **{
                f"FLANNEL_BOT_REMEDIATION__TIMING__{key}": f"{value / self.speed:g}"
                for key, value in timing.items()
            },
        }

    async def fault(self, name: str, *, of: str = "cluster", **body: Any) -> None:
        base = self.cluster_control if of == "cluster" else self.slack_control
        async with self.session.put(f"{base}/faults/{name}", json=body) as answer:
            assert answer.status < 300, await answer.text()

    async def heal(self, name: str, *, of: str = "cluster") -> None:
        base = self.cluster_control if of == "cluster" else self.slack_control
        async with self.session.delete(f"{base}/faults/{name}") as answer:
            assert answer.status < 300, await answer.text()

    async def requests(self) -> list[dict[str, Any]]:
        async with self.session.get(
            f"{self.cluster_control}/requests", params={"since": "0"}
        ) as answer:
            return (await answer.json())["requests"]


@contextlib.asynccontextmanager
async def outside(
    directory: Path,
    *,
    nodes: int = 20,
    seed: int = 1,
    speed: float = 20,
    scenario: str = "story",
    events_url: str = "",
    with_slack: bool = True,
) -> AsyncIterator[Outside]:
    """Start both sims by themselves, as an outsider would; Slack calls `events_url` if given.

    The bot's database is there and empty: how one is made, the demo's tests try.
    """
    over_http = ("--mode", "http", "--events-url", events_url) if events_url else ()
    kubeconfig = directory / "kubeconfig"
    if with_slack:
        databases.migrated(directory / "bot.db")
    async with (
        started(
            "sim", "cluster", "--port", "0", "--nodes", str(nodes), "--seed", str(seed),
            "--speed", f"{speed:g}", "--scenario", scenario, "--write-kubeconfig", str(kubeconfig),
        ) as cluster,
        (
            started("sim", "slack", "--port", "0", *over_http)
            if with_slack
            else contextlib.nullcontext()
        ) as slack,
        aiohttp.ClientSession() as session,
    ):  # fmt: skip
        yield Outside(
            session=session,
            cluster=await cluster.ready(),
            slack=await slack.ready() if slack is not None else {},
            kubeconfig=kubeconfig,
            directory=directory,
            speed=speed,
        )


async def bot_ready(running: Process, session: aiohttp.ClientSession) -> str:
    """Wait until `/readyz` says so; return the base URL."""

    async def port() -> int | None:
        if running.process.returncode is not None:
            raise RuntimeError(f"ended with {running.process.returncode}: {running.errors}")
        for line in running.errors:
            with contextlib.suppress(ValueError, KeyError):
                told = json.loads(line)
                if told["event"] == "listening":
                    return told["port"]
        return None

    base = f"http://127.0.0.1:{await until(port, what='a listening bot')}"

    async def ready() -> bool:
        async with session.get(f"{base}/readyz") as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return True

    await until(ready, what="readiness")
    return base
