"""Starting and stopping the pretend Slack: in a process of its own, or inside a test."""

import asyncio
import errno
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from aiohttp import web

from bot.sim.slack import (
    callbacks,
    control,
    delivery,
    errors,
    events,
    faults,
    files,
    gate,
    journal,
    limits,
    links,
    live,
    outside,
    pages,
    people,
    rates,
    storage,
    views,
    webapi,
    webhooks,
    workspace,
    world,
)

Json = dict[str, Any]

_SHUTDOWN_SECONDS = 2.0
_LARGEST_BODY = limits.FILE_BYTES + 64 * 1024


@dataclass(frozen=True, kw_only=True)
class SlackOptions:
    """How to serve."""

    port: int = 8765
    """0 takes any free port."""
    host: str = "127.0.0.1"
    mode: Literal["socket", "http"] = "socket"
    """How the app hears of things."""
    events_url: str | None = None
    """Where the app listens; needed in mode http."""
    ready_file: Path | None = None
    """Written, whole or not at all, when the server answers."""
    banner: str = ""
    """The page's words about what there is to see. Lines starting with `- ` become a list, and
    addresses become links."""
    events: tuple[str, ...] = events.SUBSCRIBED
    """The event kinds the app is subscribed to."""
    pace: world.Pace = field(default_factory=world.Pace)


class SimulatedSlack:
    """One pretend Slack. Use `async with`, or `start` and `stop`."""

    def __init__(self, options: SlackOptions | None = None) -> None:
        self.options = options or SlackOptions()
        self._runner: web.AppRunner | None = None
        self._world: world.World | None = None
        self.port = 0

    @property
    def world(self) -> world.World:
        """The parts, for tests that look inside."""
        if self._world is None:
            raise errors.StartError("the pretend Slack is not running")
        return self._world

    @property
    def page(self) -> str:
        """The address for a browser."""
        everywhere = self.options.host in {"0.0.0.0", "::", ""}  # noqa: S104 -- compared, not bound
        host = "127.0.0.1" if everywhere else self.options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def api(self) -> str:
        """The `base_url` for Slack's SDK."""
        return f"{self.page}api/"

    def ready(self) -> Json:
        """What somebody needs in order to use the server."""
        return {
            "page": self.page,
            "slack_api": self.api,
            "control": self.page.rstrip("/"),
            "team": people.TEAM,
            "app": people.APP,
            "bot": people.BOT_USER,
            "users": {p.name: p.id for p in people.PEOPLE if not p.is_bot},
            "channels": {channel.name: channel.id for channel in people.CHANNELS},
            "tokens": {
                "bot": people.BOT_TOKEN,
                "app": people.APP_TOKEN,
                "signing_secret": people.SIGNING_SECRET,
            },
        }

    async def start(self) -> None:
        """Listen.

        Raises:
            errors.StartError: when the port is taken or the options do not fit together.
        """
        if self.options.mode == "http":
            _judge_address(self.options.events_url or "")
        self._world = _build(self.options)
        app = _application(self._world, banner=self.options.banner)
        # A name in a log line is all that an access log would add to the journal.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.options.host, self.options.port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            if error.errno == errno.EADDRINUSE:
                taken = errors.PortTakenError(host=self.options.host, port=self.options.port)
                raise taken from error
            raise errors.StartError(f"cannot listen on {self.options.host}: {error}") from error
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """End all connections and whatever still waits; harmless when repeated."""
        whole, self._world = self._world, None
        if whole is not None:
            whole.faults.lift_all()
            whole.live.close()
            await whole.events.close()
            await whole.files.close()
            await whole.links.close()
            await whole.way.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()


def _judge_address(url: str) -> None:
    if not url:
        raise errors.StartError("--events-url: mode http needs the address where the app listens")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise errors.StartError(f"--events-url: {url!r} is no http or https address")


def _build(options: SlackOptions) -> world.World:
    space = workspace.Workspace()
    standing = faults.Faults()
    log = journal.Journal()
    pages_open = live.Live(space)
    pace = options.pace
    stored = files.Files(space, standing, seconds=pace.processing)
    connections = links.Links(
        standing=standing,
        log=log,
        ack_seconds=pace.ack,
        life_seconds=pace.connection,
        changed=lambda: pages_open.send("presence", {"online": connections.online()}),
    )
    shown = views.Views()
    shown.listen(lambda user: pages_open.send("views", {"user": user}))
    way: delivery.Delivery = connections
    if options.mode == "http" and options.events_url:
        way = webhooks.Webhooks(
            options.events_url, standing=standing, log=log, ack_seconds=pace.ack
        )
    return world.World(
        space=space,
        faults=standing,
        files=stored,
        journal=log,
        rates=rates.Rates(),
        live=pages_open,
        links=connections,
        way=way,
        events=events.Events(
            space,
            way,
            subscribed=options.events,
            retry_seconds=pace.event_retries,
            over_http=way is not connections,
        ),
        triggers=callbacks.Triggers(seconds=pace.trigger),
        responses=callbacks.ResponseUrls(space, stored, seconds=pace.response_url),
        views=shown,
        pace=pace,
    )


def _application(whole: world.World, *, banner: str) -> web.Application:
    app = web.Application(middlewares=[gate.guard], client_max_size=_LARGEST_BODY)
    methods = webapi.WebApi(whole)
    beside = outside.Outside()
    app.cleanup_ctx.append(beside.life)

    async def respond(request: web.Request) -> web.Response:
        return await _respond(whole, request)

    app.add_routes(
        [
            web.get("/api/{method}", methods.handle),
            web.post("/api/{method}", methods.handle),
            web.get("/link/", whole.links.accept),
            web.post(r"/hooks/{rest:.+}", respond),
            *control.Control(whole, banner=banner).routes(),
            *beside.routes(),
            *storage.Storage(whole).routes(),
            *pages.Pages().routes(),
        ]
    )
    return app


async def _respond(whole: world.World, request: web.Request) -> web.Response:
    """Take an answer at a `response_url`."""
    entry = whole.journal.add("response_url", path=request.path, status=200, error=None)
    text = await request.text()
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    error: str | None = None
    if isinstance(body, dict):
        entry["body"] = body
        try:
            whole.responses.use(request.path, body)
        except errors.ApiError as refused:
            error = refused.error
    else:
        error = "invalid_payload"
    if error is None:
        return web.Response(text="ok")
    gone = {"invalid_url", "expired_url", "used_url"}
    entry["status"], entry["error"] = (404 if error in gone else 400), error
    return web.json_response({"ok": False, "error": error}, status=entry["status"])


def _write_whole(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old or the new one, never half of it."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError as error:
        raise errors.StartError(
            f"--ready-file: cannot write {path}: {error.strerror or error}"
        ) from error


async def run(options: SlackOptions) -> None:
    """Serve until SIGINT or SIGTERM; prints `READY` and a JSON object when it answers.

    Raises:
        errors.StartError: when it cannot start.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with SimulatedSlack(options) as slack:
        text = json.dumps(slack.ready())
        if options.ready_file is not None:
            await asyncio.to_thread(_write_whole, options.ready_file, text)
        sys.stdout.write(f"READY {text}\n")
        sys.stdout.flush()
        await stopping.wait()
