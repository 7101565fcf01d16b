"""The demo: a pretend cluster, a pretend Slack and the real bot, as three processes.

The bot is told everything by its environment, as in production, and knows nothing of the demo.
It is restarted on the same database if it dies, so that killing it is part of the fun.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bot import settings, settings_noise
from bot.domain import errors
from bot.sim import gateway
from bot.sim.scenarios import scenario

_CHANNELS = {"flannel-alerts": "C0ALERTS", "ops": "C0OPS", "shared": "C0SHARED"}
_USERS = {
    "operator": "U0OPERATOR",
    "approver": "U0APPROVER",
    "approver2": "U0APPROVER2",
    "bystander": "U0BYSTANDER",
    "guest": "U0GUEST",
    "stranger": "U0STRANGER",
}
_TOKENS = {
    "bot": "xoxb-demo",
    "app": "xapp-demo",
    "signing_secret": "demo-signing-secret",
}
_READY_WITHIN = 60.0
_STOP_WITHIN = 10.0
_MISCONFIGURED = 2
_FAILS = 5
"""Starts in a row that end by themselves before the bot is ready, until the demo ends with it."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of the demo, see `flannel-bot demo --help`."""

    nodes: int = 120
    seed: int = 1
    speed: float = 10.0
    scenario: str = "story"
    host: str = "127.0.0.1"
    page_port: int = 8765
    api_port: int = 6443
    health_port: int = 8080
    data_dir: Path | None = None
    ready_file: Path | None = None
    browser: bool = True


@dataclass(slots=True)
class _Child:
    name: str
    process: asyncio.subprocess.Process
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


def divided(speed: float) -> dict[str, str]:
    """Return the settings that keep pace with a world `speed` times as fast.

    The bot has no notion of speed: it gets shorter durations. What paces Slack stays, since
    Slack's limits are not simulated faster; what watches the network keeps a floor of seconds.
    """
    environment: dict[str, str] = {}
    for name in ("checks", "incidents"):
        section = settings.Settings.model_fields[name].default
        for key in type(section).model_fields:
            span = getattr(section, key)
            if isinstance(span, timedelta):
                environment[_variable(name, key)] = f"{span.total_seconds() / speed:g}"
    noise = settings_noise.Noise()
    for key in ("repeat_critical", "repeat_warning"):
        seconds = max(600.0, getattr(noise, key).total_seconds() / speed)
        environment[_variable("noise", key)] = f"{seconds:g}"
    mirror = settings.Mirror()
    for key, floor in (("watch_timeout", 5.0), ("silence_after", 4.0), ("gap_after", 1.0)):
        seconds = max(floor, getattr(mirror, key).total_seconds() / speed)
        environment[_variable("mirror", key)] = f"{seconds:g}"
    timing = settings.Timing()
    for key in type(timing).model_fields:
        seconds = max(0.5, getattr(timing, key).total_seconds() / speed)
        environment[_variable("remediation__timing", key)] = f"{seconds:g}"
    cooldown = settings.Limits().cooldown.total_seconds() / speed
    environment[_variable("remediation__limits", "cooldown")] = f"{cooldown:g}"
    environment[_variable("schedule", "cycle")] = f"{max(1.0, 30 / speed):g}"
    environment[_variable("schedule", "audit")] = f"{max(3.0, 60 / speed):g}"
    environment[_variable("inspection", "restarted")] = f"{max(1.0, 20 / speed):g}"
    environment[_variable("schedule", "samples")] = f"{max(1.0, 60 / speed):g}"
    metrics = settings.Metrics()
    for key, shortest in (("resolution", 2.0), ("trend_after", 60.0)):
        seconds = max(shortest, getattr(metrics, key).total_seconds() / speed)
        environment[_variable("metrics", key)] = f"{seconds:g}"
    environment[_variable("metrics", "history")] = f"{86_400 / speed:g}"
    environment[_variable("schedule", "relist")] = f"{max(5.0, 600 / speed):g}"
    return environment


def _may() -> dict[str, str]:
    """Return who may change the pretend cluster; the pretend Slack is this machine's own."""
    approvers = [_USERS["approver"], _USERS["approver2"]]
    return {
        _variable("remediation", "enabled"): "true",
        _variable("access", "requesters"): json.dumps([_USERS["operator"]]),
        _variable("access", "approvers"): json.dumps(approvers),
        _variable("access", "admins"): json.dumps(approvers[:1]),
        _variable("slack", "allow_insecure"): "true",
    }


def _variable(section: str, key: str) -> str:
    return f"{settings.PREFIX}{section.upper()}__{key.upper()}"


class Demo:
    """Runs the three processes and tells in the terminal what happens."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._children: list[_Child] = []
        self._stopping = asyncio.Event()
        self._ready: dict[str, Any] = {}

    async def run(self) -> None:
        """Run until interrupted.

        Raises:
            errors.Misconfigured: a port is taken, the data directory is unusable, or a part of
                the demo cannot start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stopping.set)
        self._refuse_taken_ports()
        self._refuse_ready_file()
        async with contextlib.AsyncExitStack() as stack:
            directory = self._directory(stack)
            stack.push_async_callback(self._stop_children)
            work = asyncio.create_task(self._run(directory, stack), name="demo")
            stop = asyncio.create_task(self._stopping.wait(), name="interrupted")
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            for task in (work, stop):
                task.cancel()
            results = await asyncio.gather(work, stop, return_exceptions=True)
            _raise_first(results[0])
            _tell("stopping: the bot, the pretend Slack and the pretend cluster end now")

    def _refuse_taken_ports(self) -> None:
        wanted = {
            "--page-port": self._options.page_port,
            "--api-port": self._options.api_port,
            "--health-port": self._options.health_port,
        }
        for flag, port in wanted.items():
            if port == 0:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self._options.host, port))
                except OSError as error:
                    raise errors.Misconfigured(
                        f"{flag} {port}: the port cannot be used ({error.strerror}); "
                        f"choose another with {flag} N, or {flag} 0 for any free one"
                    ) from None

    def _refuse_ready_file(self) -> None:
        file = self._options.ready_file
        if file is not None and file.is_dir():
            raise errors.Misconfigured(f"--ready-file {file}: it is a directory; name a file")
        if file is not None and not os.access(file.absolute().parent, os.W_OK | os.X_OK):
            raise errors.Misconfigured(f"--ready-file {file}: its directory cannot be written")
        if file is not None:
            file.unlink(missing_ok=True)  # of an earlier demo: who waits for it must not read it

    def _directory(self, stack: contextlib.AsyncExitStack) -> Path:
        if self._options.data_dir is None:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flannel-bot-")))
        given = self._options.data_dir
        try:
            given.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((given / "demo.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.Misconfigured(f"--data-dir {given}: another demo is using it") from None
        except OSError as error:
            raise errors.Misconfigured(f"--data-dir {given}: {error.strerror}") from None
        return given.resolve()

    async def _run(self, directory: Path, stack: contextlib.AsyncExitStack) -> None:
        options = self._options
        kubeconfig = directory / "kubeconfig"
        cluster, slack = await asyncio.gather(
            self._start_sim(
                directory, "cluster", "--host", options.host, "--port", str(options.api_port),
                "--nodes", str(options.nodes), "--seed", str(options.seed),
                "--speed", f"{options.speed:g}", "--scenario", options.scenario,
                "--write-kubeconfig", str(kubeconfig),
            ),
            self._start_sim(
                directory, "slack", "--host", options.host, "--port", str(options.page_port),
            ),
        )  # fmt: skip
        control = gateway.Gateway(cluster=cluster["control"], slack=slack["control"])
        control_url = await control.start()
        stack.push_async_callback(control.stop)
        await _introduce(slack["control"], control_url)
        database = f"sqlite+aiosqlite:///{directory / 'flannel-bot.db'}"
        environment = {
            "FLANNEL_BOT_CLUSTERS": json.dumps([{"name": "demo", "kubeconfig": str(kubeconfig)}]),
            "FLANNEL_BOT_SLACK__API_URL": slack["slack_api"],
            "FLANNEL_BOT_SLACK__CHANNEL": _CHANNELS["flannel-alerts"],
            "SLACK_BOT_TOKEN": _TOKENS["bot"],
            "SLACK_APP_TOKEN": _TOKENS["app"],
            "FLANNEL_BOT_DATABASE__URL": database,
            "FLANNEL_BOT_HTTP__HOST": options.host,
            "FLANNEL_BOT_HTTP__PORT": str(options.health_port or _free_port(options.host)),
            **_may(),
            **divided(options.speed),
        }
        bot_http = f"http://{options.host}:{environment['FLANNEL_BOT_HTTP__PORT']}"
        bot = await self._start_bot(directory, environment)
        if not await self._became_ready(bot, bot_http, directory, _READY_WITHIN):
            raise errors.Misconfigured(
                f"the bot did not become ready: {_last_line(directory / 'bot.log')}"
            )
        self._ready = {
            "page": slack["page"],
            "slack_api": slack["slack_api"],
            "kube_api": cluster["kube_api"],
            "kubeconfig": str(kubeconfig),
            "control": control_url,
            "bot_http": bot_http,
            "bot_pid": bot.process.pid,
            "database": database,
            "users": _USERS,
            "channels": _CHANNELS,
            "tokens": _TOKENS,
        }
        self._welcome(environment, await _running(control_url))
        self._announce()
        if options.browser:
            _open_browser(slack["page"])
        async with asyncio.TaskGroup() as group:
            group.create_task(self._supervise(bot, directory, environment), name="supervisor")
            group.create_task(self._narrate(control_url), name="narrator")
            for child in self._children:
                if child.name != "bot":
                    group.create_task(self._must_live(child, directory), name=child.name)

    async def _start_sim(self, directory: Path, part: str, *arguments: str) -> dict[str, Any]:
        child = await self._spawn(directory, part, ["sim", part, *arguments], {}, stdout=True)
        assert child.process.stdout is not None
        try:
            async with asyncio.timeout(_READY_WITHIN):
                async for line in child.process.stdout:
                    if line.startswith(b"READY "):
                        ready: dict[str, Any] = json.loads(line[6:])
                        child.tasks.append(asyncio.create_task(_drain(child.process.stdout)))
                        return ready
        except TimeoutError:
            raise errors.Misconfigured(
                f"the pretend {part} was not ready within {_READY_WITHIN:g} s; "
                f"see {directory / part}.log"
            ) from None
        await child.process.wait()
        raise errors.Misconfigured(
            f"the pretend {part} did not start: {_last_line(directory / f'{part}.log')}"
        )

    async def _spawn(
        self,
        directory: Path,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        *,
        stdout: bool = False,
    ) -> _Child:
        kept = {key: value for key, value in os.environ.items() if not _of_bot(key)}
        with (directory / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if stdout else log,
                stderr=log,
                env={**kept, **environment},
                preexec_fn=_die_with_parent,  # one thread here, and no locks held
                start_new_session=True,  # Ctrl-C reaches the demo alone, which ends all in order
            )  # fmt: skip
        child = _Child(name=name, process=process)
        self._children.append(child)
        return child

    async def _start_bot(self, directory: Path, environment: Mapping[str, str]) -> _Child:
        return await self._spawn(directory, "bot", ["run"], environment)

    async def _became_ready(
        self, bot: _Child, bot_http: str, directory: Path, within: float | None
    ) -> bool:
        """Return whether the bot became ready before it ended, or before that many seconds did."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within), aiohttp.ClientSession() as session:
                while bot.process.returncode is None:
                    for child in self._children:
                        if child is not bot and child.process.returncode is not None:
                            raise _ended(child, directory)
                    with contextlib.suppress(aiohttp.ClientError):
                        async with session.get(f"{bot_http}/readyz") as answer:
                            if answer.ok:
                                return True
                    await asyncio.sleep(0.1)
        return False

    def _announce(self) -> None:
        text = json.dumps(self._ready)
        if self._options.ready_file is not None:
            partial = self._options.ready_file.with_name(f".{self._options.ready_file.name}.part")
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self._options.ready_file)
        sys.stdout.write(f"READY {text}\n")
        sys.stdout.flush()

    def _welcome(self, environment: Mapping[str, str], running: str) -> None:
        ready, options = self._ready, self._options
        _tell(f"scenario {options.scenario}, seed {options.seed}: {running}")
        _tell(f"time runs {options.speed:g} times as fast, so the bot was given shorter durations:")
        short = [
            f"{key.removeprefix(settings.PREFIX).lower().replace('__', '.')}={value}"
            for key, value in sorted(environment.items())
            if key in divided(options.speed)
        ]
        _tell("  " + " ".join(short))
        _tell(f"the pretend Slack:   {ready['page']}")
        _tell(f"the pretend cluster: kubectl --kubeconfig {ready['kubeconfig']} get nodes")
        _tell(f"the bot itself:      {ready['bot_http']}/readyz and /metrics")
        _tell(f"to try: {scenario.ALL[options.scenario].to_try}")
        _tell("end with Ctrl-C")

    async def _must_live(self, child: _Child, directory: Path) -> None:
        await child.process.wait()
        raise _ended(child, directory)

    async def _supervise(
        self, bot: _Child, directory: Path, environment: Mapping[str, str]
    ) -> None:
        failed = 0
        while True:
            code = await bot.process.wait()
            self._children.remove(bot)
            if code == _MISCONFIGURED or failed >= _FAILS:
                raise errors.Misconfigured(
                    f"the bot refused to run: {_last_line(directory / 'bot.log')}"
                )
            _tell(f"the bot (pid {bot.process.pid}) died with code {code}; starting it again")
            await asyncio.sleep(0.2)
            bot = await self._start_bot(directory, environment)
            # However long that takes: somebody may have broken Slack or the cluster, too.
            if await self._became_ready(bot, self._ready["bot_http"], directory, None):
                failed = 0
                self._ready["bot_pid"] = bot.process.pid
                _tell(f"the bot is back, pid {bot.process.pid}, on the same database")
                self._announce()
            elif (bot.process.returncode or 0) > 0:
                failed += 1  # by itself; to be killed again meanwhile is no failure of its own

    async def _narrate(self, control: str) -> None:
        """Say in the terminal what the pretend outside does and what the bot makes of it."""
        told: set[str] = set()
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, KeyError):
                    async for line in _news(session, control):
                        if line not in told:
                            told.add(line)
                            _tell(line)
                await asyncio.sleep(0.5)

    async def _stop_children(self) -> None:
        for child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
        for child in self._children:
            try:
                async with asyncio.timeout(_STOP_WITHIN):
                    await child.process.wait()
            except TimeoutError:
                child.process.kill()
                await child.process.wait()
            for task in child.tasks:
                task.cancel()
            await asyncio.gather(*child.tasks, return_exceptions=True)


async def _introduce(slack: str, control: str) -> None:
    """Tell the pretend Slack where its page finds the rest of the pretend outside."""
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{slack}/_sim/outside", json={"control": control}) as answer,
    ):
        answer.raise_for_status()


async def _running(control: str) -> str:
    """Say what the pretend cluster runs, as it says itself."""
    async with aiohttp.ClientSession() as session, session.get(f"{control}/_sim/truth") as answer:
        nodes = (await answer.json())["nodes"]
    one = next(iter(nodes.values()))
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    return f"{count}, flannel v0.12.0, memory limit {one['memory_limit']}, {' '.join(one['flags'])}"


async def _news(session: aiohttp.ClientSession, control: str) -> AsyncIterator[str]:
    async with session.get(f"{control}/_sim/story") as answer:
        happenings = (await answer.json())["happenings"]
    for one in happenings:
        yield f"cluster: {one['text']}" + ("" if one["node"] else f" [{one['id']}]")
    async with session.get(f"{control}/_sim/messages") as answer:
        messages = (await answer.json())["messages"]
    for message in messages:
        if message.get("user") == "U0BOT" and not message.get("thread_ts"):
            first = " ".join(str(message.get("text", "")).split())[:120]
            yield f"slack:   {first}"


def _ended(child: _Child, directory: Path) -> errors.Misconfigured:
    return errors.Misconfigured(
        f"the pretend {child.name} ended with code {child.process.returncode}: "
        f"{_last_line(directory / f'{child.name}.log')}"
    )


def _die_with_parent() -> None:
    """Have Linux end this child when the demo is killed, which cannot tidy up then."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _raise_first(result: object) -> None:
    """Raise what ended the work, out of the groups that task groups wrap around it."""
    while isinstance(result, ExceptionGroup):
        result = result.exceptions[0]
    if isinstance(result, Exception):
        raise result


def _of_bot(name: str) -> bool:
    return name.startswith((settings.PREFIX, "SLACK_", "KUBERNETES_SERVICE_"))


async def _drain(stream: asyncio.StreamReader) -> None:
    async for _ in stream:
        pass


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "no log was written"
    return lines[-1] if lines else "its log is empty"


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _open_browser(page: str) -> None:
    """Open the page where there is a screen; a terminal browser would take the terminal."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin":
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(page)


def _tell(text: str) -> None:
    sys.stderr.write(f"demo | {text}\n")
    sys.stderr.flush()
