"""The Web API: one session, no hidden repeats, errors that say what to do."""

import contextvars
import logging
import re
import types
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk import errors as sdk
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.adapters.slack import faults
from bot.adapters.slack.options import Options
from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)

_sent: contextvars.ContextVar[list[bool]] = contextvars.ContextVar("slack_request_sent")
"""Filled when a request of this task has begun to leave; before that it cannot have been stored."""

_BODIES = re.compile(r"(Unhandled request|Invalid request signature detected) .*", re.DOTALL)
"""What Bolt says with a whole request behind it: what somebody wrote is not for logs."""

NEEDED_SCOPES = ("app_mentions:read", "chat:write", "commands", "users:read")
"""Without these something people rely on does not work; the history scopes are wanted beside
them, to settle whether a message was posted."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is. `url` is its workspace's, for links to messages; empty if not told."""

    team_id: str
    user_id: str
    bot_id: str
    enterprise_id: str = ""
    url: str = ""
    scopes: tuple[str, ...] = ()
    date: str = ""
    """When Slack said so, by its own clock, as HTTP writes it."""

    @property
    def lacking(self) -> tuple[str, ...]:
        """Return scopes that are needed and not there; none if Slack did not list any."""
        return tuple(s for s in NEEDED_SCOPES if self.scopes and s not in self.scopes)

    def permalink(self, channel: str, ts: str) -> str:
        """Return the address of a message, or nothing where it cannot be told."""
        if not (self.url.startswith(("https://", "http://")) and channel and ts):
            return ""
        return f"{self.url.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"


class Quiet(logging.Filter):
    """Passes what the SDK says to our log at debug level, without secrets and stack traces.

    The SDK logs every failed attempt to connect as an error with a trace, for hours if need be;
    what matters of it is told once, by whoever watches the connection. `last` is the newest
    trouble it spoke of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the record over."""
        said = _BODIES.sub(r"\1 …", faults.hidden(record.getMessage()))[:500]
        if record.levelno >= logging.WARNING:
            self.last = said
        log.debug("slack_sdk_says", level=record.levelname, said=said)
        return False


class Web:
    """Slack's Web API as one workspace's bot. Made by `opened`."""

    def __init__(
        self,
        sdk_client: AsyncWebClient,
        session: aiohttp.ClientSession,
        *,
        options: Options,
        telemetry: ports.Telemetry,
        quiet: Quiet,
    ) -> None:
        self.sdk = sdk_client
        self.session = session
        self.quiet = quiet
        self.identity: Identity | None = None
        self._options = options
        self._telemetry = telemetry

    async def call(
        self, verb: str, request: Awaitable[AsyncSlackResponse], *, posts: bool = False
    ) -> dict[str, Any]:
        """Await a request of the SDK and return the body of its answer.

        Raises:
            ports.RateLimited: Asked to wait.
            ports.Ambiguous: Only if `posts`: it may have been stored.
            ports.MessageGone: The message meant is not there any more.
            errors.Refused: The same request will never be taken.
            errors.Unavailable: Anything else; asking again may help.
        """
        sent: list[bool] = []
        _sent.set(sent)
        try:
            data = _object((await request).data)
        except (
            sdk.SlackClientError,
            aiohttp.ClientError,
            TimeoutError,
            OSError,
            # The SDK trips over bodies that are not a JSON object.
            AttributeError,
            TypeError,
            ValueError,
        ) as error:
            told = faults.translate(error, verb=verb, posts=posts and bool(sent))
            result = faults.name_of(error) or type(told).__name__.lower()
            self._telemetry.count("slack_requests_total", verb=verb, result=result[:40])
            raise told from error
        self._telemetry.count("slack_requests_total", verb=verb, result="ok")
        return data

    async def send(self, url: str, content: bytes) -> None:
        """Send a file's content to the address that Slack named for it. Raises Unavailable."""
        try:
            async with self.session.post(url, data=content, proxy=proxy_for(url)) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The address is a ticket: whoever has it may write there.
            raise errors.Unavailable(
                f"the file could not be sent to Slack ({type(error).__name__})"
            ) from error
        self._telemetry.count(
            "slack_requests_total", verb="upload", result="ok" if status == 200 else str(status)
        )
        if status != 200:
            raise errors.Unavailable(f"the file could not be sent to Slack (HTTP {status})")

    async def verify(self) -> Identity:
        """Ask Slack who we are and whether every token that this mode needs works.

        Raises:
            errors.Misconfigured: A token is definitely wrong; the text names its setting.
            errors.Unavailable: Slack cannot be asked now.
        """
        self.identity = await self.who()
        if self._options.connects:
            await self.may_connect()
        return self.identity

    async def may_connect(self) -> None:
        """Ask whether the app-level token opens Socket Mode. Raises as `verify`."""
        await self._certain(
            "apps.connections.open",
            self.sdk.apps_connections_open(app_token=self._options.app_token),
            setting="slack.app_token",
            cure="it must be an app-level token (xapp-...) with the scope connections:write",
        )

    async def who(self) -> Identity:
        """Ask who we are and what the bot token may do. Raises as `verify`."""
        response = await self._certain(
            "auth.test",
            self.sdk.auth_test(),
            setting="slack.bot_token",
            cure="it must be the bot token (xoxb-...) of the app installed in your workspace",
        )
        told = response.data if isinstance(response.data, dict) else {}
        found = {
            key: str(told.get(key) or "")
            for key in ("team_id", "user_id", "bot_id", "enterprise_id", "url")
        }
        if not found["team_id"] or not found["user_id"]:
            raise errors.Unavailable("Slack did not say who the bot is (auth.test)")
        headers = {str(k).lower(): str(v) for k, v in response.headers.items()}
        listed = headers.get("x-oauth-scopes", "").split(",")
        scopes = tuple(scope.strip() for scope in listed if scope.strip())
        return Identity(**found, scopes=scopes, date=headers.get("date", ""))

    async def _certain(
        self, verb: str, request: Awaitable[AsyncSlackResponse], *, setting: str, cure: str
    ) -> AsyncSlackResponse:
        answered: list[AsyncSlackResponse] = []

        async def kept() -> AsyncSlackResponse:
            answered.append(await request)
            return answered[0]

        try:
            await self.call(verb, kept())
        except errors.Unavailable as error:
            name = faults.name_of(error.__cause__) if error.__cause__ else ""
            if name in faults.WRONG_TOKEN or name == "missing_scope":
                raise errors.Misconfigured(f"{setting}: Slack says {name}; {cure}") from error
            raise
        return answered[0]


def _tracing() -> aiohttp.TraceConfig:
    tracing = aiohttp.TraceConfig()
    tracing.on_request_headers_sent.append(_leaving)
    return tracing


async def _leaving(
    _session: aiohttp.ClientSession,
    _context: types.SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    _sent.get([]).append(True)


def _object(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError(type(data).__name__)
    return data


@asynccontextmanager
async def opened(options: Options, *, telemetry: ports.Telemetry) -> AsyncIterator[Web]:
    """Open the Web API for as long as the context lasts. Asks Slack nothing yet."""
    quiet = Quiet()
    # Named under the project, so that nobody's settings for slack_sdk's own logger matter; its
    # level spares the SDK from formatting requests for nobody.
    logger = logging.getLogger("bot.adapters.slack.sdk")
    logger.setLevel(logging.INFO)
    logger.addFilter(quiet)
    timeout = aiohttp.ClientTimeout(total=options.timeout, sock_connect=options.connect_timeout)
    try:
        async with aiohttp.ClientSession(timeout=timeout, trace_configs=[_tracing()]) as session:
            client = AsyncWebClient(
                token=options.bot_token,
                base_url=options.api_url,
                session=session,
                logger=logger,
                # None of its own: its handler for lost connections would post twice.
                retry_handlers=[],
            )
            client.proxy = proxy_for(options.api_url)
            yield Web(client, session, options=options, telemetry=telemetry, quiet=quiet)
    finally:
        logger.removeFilter(quiet)


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for an address; the SDK ignores NO_PROXY.

    An address on this machine is never reached through a proxy.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return None
    proxies = urllib.request.getproxies_environment()
    if urllib.request.proxy_bypass_environment(host, proxies):  # type: ignore[attr-defined]
        return None
    return proxies.get("http" if parts.scheme in ("http", "ws") else "https")
