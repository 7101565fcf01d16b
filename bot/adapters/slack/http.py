"""Slack over HTTP: every request is proved to be Slack's before a byte of it is understood.

A body is never logged, proved or not: it holds what people wrote and addresses that anybody can
answer at. Refusals are counted, and told in the log at most once a minute, since whoever finds
the address can cause as many as they like.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from aiohttp import web

from bot.adapters.slack import client, signatures
from bot.adapters.slack.options import Options
from bot.domain import errors
from bot.flow import ports

log = structlog.get_logger(__name__)

Json = dict[str, Any]
Take = Callable[[str, Json], Awaitable[Json | None]]
"""Takes a payload of a kind (as Socket Mode names it) and returns what the answer carries."""

LARGEST = 1024 * 1024
"""Bytes of a request. A click carries its whole message, far below this."""
_READ_SECONDS = 5.0
"""For a request to arrive whole; Slack itself gives up after three."""
_SPEAK_SECONDS = 60.0
_HASTE = 6
"""How much oftener Slack is looked for while it does not answer."""

_CURES = {
    signatures.FORGED: "if this was Slack: slack.signing_secret must be the one of this Slack app",
    signatures.EXPIRED: "if this was Slack: the clock of this machine is wrong",
}

TOO_LARGE = "too_large"
TOO_SLOW = "too_slow"
UNREADABLE = "unreadable"


class Http:
    """The way to the bot when `slack.mode` is `http`."""

    def __init__(
        self,
        web_api: client.Web,
        *,
        options: Options,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        take: Take,
        busy: Callable[[], bool],
    ) -> None:
        self._web = web_api
        self._options = options
        self._clock = clock
        self._telemetry = telemetry
        self._take = take
        self._busy = busy
        self._signatures = signatures.Signatures(options.signing_secret)
        self._open = False
        self._spoken_at = float("-inf")
        self._refused = 0
        self.trouble = "not connected yet"

    @property
    def connected(self) -> bool:
        """Whether questions can be taken and answered: whether Slack's Web API answers us.

        That Slack reaches us cannot be seen from here, and must not count: a bot called not
        ready gets no requests, and would never learn better.
        """
        return self._open and not self.trouble

    @property
    def dead(self) -> bool:
        """Never: there is no connection that a new process would renew."""
        return False

    async def run(self) -> None:
        """Take requests until cancelled, and look now and then whether Slack answers."""
        self._open = True
        self._found("")
        try:
            while True:
                wait = self._options.watchdog_after / (_HASTE if self.trouble else 1)
                await self._clock.sleep(max(wait, 0.05))
                try:
                    await self._web.call("auth.test", self._web.sdk.auth_test())
                except errors.BotError as error:
                    self._found(str(error))
                else:
                    self._found("")
        finally:
            self._open = False
            self._telemetry.gauge("slack_connected", 0)

    def _found(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.warning("slack_disconnected", trouble=trouble)
        elif self.trouble and not trouble:
            log.info("slack_connected", mode="http")
        self.trouble = trouble
        self._telemetry.gauge("slack_connected", 0 if trouble else 1)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body, objection = await _read(request)
        if not objection:
            now = self._clock.now().timestamp()
            objection = self._signatures.objection(request.headers, body, now=now)
        if objection:
            return self._refuse(objection, request)
        if not self._open or self._busy():
            # Slack sends events again, and tells a person whose command it could not deliver.
            return self._answered("busy" if self._open else "closed", 503)
        if self._signatures.repeated(request.headers):
            return self._answered("repeated", 200)
        found = _parsed(request.content_type, body)
        if found is None:
            return self._answered(UNREADABLE, 400)
        kind, payload = found
        if kind == "url_verification":
            log.info("slack_url_verified")
            return self._answered("ok", 200, {"challenge": str(payload.get("challenge", ""))})
        if kind == "ssl_check":
            return self._answered("ok", 200)
        if "X-Slack-Retry-Num" in request.headers:
            log.info(
                "slack_repeats",
                attempt=request.headers["X-Slack-Retry-Num"][:10],
                reason=request.headers.get("X-Slack-Retry-Reason", "")[:40],
            )
        return self._answered("ok", 200, await self._take(kind, payload))

    def _answered(self, result: str, status: int, carried: Json | None = None) -> web.Response:
        self._telemetry.count("slack_http_requests_total", result=result)
        if carried is None:
            return web.Response(status=status)
        return web.json_response(carried, status=status)

    def _refuse(self, objection: str, request: web.Request) -> web.Response:
        self._refused += 1
        now = self._clock.monotonic()
        if now - self._spoken_at >= _SPEAK_SECONDS:
            log.warning(
                "slack_request_refused",
                reason=objection,
                remote=request.remote,
                refused=self._refused,
                cure=_CURES.get(objection),
            )
            self._spoken_at, self._refused = now, 0
        status = {TOO_LARGE: 413, TOO_SLOW: 408, UNREADABLE: 400}.get(objection, 401)
        answer = self._answered(objection, status)
        if status in (408, 413):
            # What is left of the body is not waited for.
            answer.force_close()
        return answer


async def _read(request: web.Request) -> tuple[bytes, str]:
    """Read a body as it was signed; or say why not."""
    if request.headers.get("Content-Encoding"):
        return b"", UNREADABLE
    if request.content_length is not None and request.content_length > LARGEST:
        return b"", TOO_LARGE
    body = bytearray()
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > LARGEST:
                    return b"", TOO_LARGE
    except TimeoutError:
        return b"", TOO_SLOW
    return bytes(body), ""


def _parsed(content_type: str, body: bytes) -> tuple[str, Json] | None:
    """Return the kind and the payload; None for what Slack would not send."""
    try:
        text = body.decode()
        if content_type == "application/json":
            return _event(json.loads(text))
        form = parse_qs(text, keep_blank_values=True, max_num_fields=200)
        fields = {name: values[-1] for name, values in form.items()}
        if "payload" in fields:
            payload = json.loads(fields["payload"])
            return ("interactive", payload) if isinstance(payload, dict) else None
    except (ValueError, RecursionError):
        return None
    return ("ssl_check", {}) if "ssl_check" in fields else ("slash_commands", dict(fields))


def _event(payload: object) -> tuple[str, Json] | None:
    if not isinstance(payload, Mapping):
        return None
    kind = "url_verification" if payload.get("type") == "url_verification" else "events_api"
    return kind, dict(payload)
