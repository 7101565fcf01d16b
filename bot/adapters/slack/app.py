"""The bot's side of Slack: whichever way it reaches us, one inbox takes what arrives."""

import asyncio
from typing import Any

import structlog
from aiohttp import web as aiohttp_web
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.adapters.slack import (
    attention_clicks,
    callers,
    client,
    commands,
    errands,
    home,
    http,
    inbox,
    look_clicks,
    questions,
    remedy_clicks,
    replies,
    rights,
    shortcuts,
    socket,
    windows,
    works,
)
from bot.adapters.slack import people as people_
from bot.adapters.slack.options import Options
from bot.domain import errors
from bot.flow import answers, drawings, ports

log = structlog.get_logger(__name__)

Json = dict[str, Any]

PATH = "/slack/events"
"""Where Slack's requests are taken in HTTP mode: events, commands and interactivity alike."""

_INTRODUCTION_SECONDS = (1.0, 60.0)
"""Waits between tries to learn who we are, doubling from first to last."""


class SlackApp:
    """Listens to Slack and answers out of the desk."""

    def __init__(
        self,
        web: client.Web,
        *,
        options: Options,
        desk: answers.Desk,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        people: people_.People | None = None,
        painter: drawings.Painter | None = None,
    ) -> None:
        self._web = web
        self._options = options
        self._clock = clock
        who = callers.Callers(web, clock=clock, ttl=options.caller_ttl)
        may = rights.Rights(web, people, clock=clock, ttl=options.caller_ttl)
        asking = commands.Commands(
            desk,
            web,
            may=may,
            clock=clock,
            slash=options.command,
            timeout=options.answer_timeout,
            long=options.work_timeout,
        )
        answering = replies.Replies(web, painter=painter)
        self._errands = errands.Errands()
        self._home = home.Home(web, desk, who=who, options=options, clock=clock)
        rooms = inbox.Rooms(
            callers=who,
            commands=asking,
            home=self._home,
            shortcuts=shortcuts.Shortcuts(web, who=who, asking=asking, answering=answering),
            replies=answering,
            questions=questions.Questions(
                works.Works(), after=options.progress_after, every=options.progress_every
            ),
            clicks=remedy_clicks.Clicks(
                desk,
                may=may,
                opening=windows.Windows(web),
                answering_=answering,
                after=options.progress_after,
                longest=options.work_timeout,
            ),
            looks=look_clicks.LookClicks(
                desk, may=may, answering_=answering, longest=options.work_timeout
            ),
            attention=attention_clicks.AttentionClicks(
                desk,
                may=may,
                opening=windows.Windows(web),
                answering_=answering,
                clock=clock,
                longest=options.work_timeout,
            ),
            errands=self._errands,
        )
        self._inbox = inbox.Inbox(web, rooms, options=options)
        self._http: http.Http | None = None
        if options.mode == "http":
            self._http = http.Http(
                web, options=options, clock=clock, telemetry=telemetry, take=self._inbox.take,
                busy=lambda: self._errands.full,
            )  # fmt: skip
        self._way: http.Http | socket.Socket = self._http or socket.Socket(
            web, options=options, clock=clock, telemetry=telemetry, handle=self._handle
        )
        self._trouble = ""
        # What Bolt remarks while it is built is no trouble of the connection.
        web.quiet.last = ""

    @property
    def connected(self) -> bool:
        """Whether people can reach the bot now, as far as can be told from here."""
        return self._way.connected

    @property
    def trouble(self) -> str:
        """Why they cannot; empty while they can."""
        return self._trouble or self._way.trouble

    @property
    def dead(self) -> bool:
        """Whether they could not for so long that a new process is the best cure."""
        return self._way.dead

    def changed(self) -> None:
        """Hear that the state of a cluster has changed."""
        self._home.changed()

    async def answer(self, request: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
        """Answer a request of Slack's; in HTTP mode only."""
        if self._http is None:
            raise aiohttp_web.HTTPNotFound
        return await self._http.answer(request)

    async def run(self) -> None:
        """Listen until cancelled; then stop listening and finish what was asked."""
        try:
            await self._introduce()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._way.run(), name="slack way")
                group.create_task(self._home.run(), name="slack home")
        finally:
            await self._errands.drain(self._options.drain_after)

    async def _introduce(self) -> None:
        """Learn who we are, however long Slack takes to say so."""
        wait, longest = _INTRODUCTION_SECONDS
        while self._web.identity is None:
            try:
                await self._web.verify()
            except (errors.Unavailable, errors.Misconfigured) as error:
                if str(error) != self._trouble:
                    log.warning("slack_not_introduced", error=str(error))
                self._trouble = str(error)
                await self._clock.sleep(wait)
                wait = min(wait * 2, longest)
        self._trouble = ""
        if self._web.identity.lacking:
            log.warning("slack_scopes_lacking", scopes=self._web.identity.lacking)

    async def _handle(self, link: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Take one envelope and acknowledge it, unless too much is under way already."""
        if self._errands.full:
            return
        carried = await self._inbox.take(request.type, request.payload)
        try:
            await link.send_socket_mode_response(
                SocketModeResponse(envelope_id=request.envelope_id, payload=carried)
            )
        except (OSError, AttributeError) as error:
            log.warning("slack_ack_failed", type=request.type, error=str(error))
