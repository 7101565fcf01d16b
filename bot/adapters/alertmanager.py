"""Where an Alertmanager posts: `/alertmanager`, with a bearer token.

A body is believed no further than its token: its texts are cut, its size is bounded, and what is
no webhook of Alertmanager is refused in one sentence. It is answered with success only once it is
stored, since an Alertmanager repeats what was not.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import structlog
from aiohttp import web

from bot.domain import errors
from bot.domain.alert import Alert, Status
from bot.flow import ports

log = structlog.get_logger(__name__)

PATH = "/alertmanager"
LARGEST = 1024 * 1024
"""Bytes of a body: thousands of alerts."""
_MOST_ALERTS = 2_000
_MOST_LABELS = 64
_LABEL, _TEXT = 200, 400
_READ_SECONDS = 5.0
_SPEAK_SECONDS = 60.0

Take = Callable[[Sequence[Alert]], Awaitable[object]]


async def _starting(_alerts: Sequence[Alert]) -> None:
    raise errors.Unavailable("the bot is starting")


@dataclass(frozen=True, slots=True)
class Options:
    """The token that whoever posts must bear; empty: nobody may."""

    token: str = field(repr=False)


class _Alert(msgspec.Struct, gc=False, rename="camel"):
    status: str
    labels: dict[str, str]
    starts_at: datetime
    annotations: dict[str, str] = {}
    ends_at: datetime | None = None
    fingerprint: str = ""


class _Webhook(msgspec.Struct, gc=False):
    version: str
    alerts: list[_Alert]


_DECODER = msgspec.json.Decoder(_Webhook)


def parse(body: bytes, *, now: datetime) -> list[Alert]:
    """Read a webhook's body. Raises Refused with a sentence that says what is wrong with it."""
    try:
        told = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise errors.Refused(f"this is no webhook of Alertmanager: {str(error)[:_LABEL]}") from None
    if told.version != "4":
        raise errors.Refused(f"version {told.version[:20]!r} of the webhook is not known, only '4'")
    if len(told.alerts) > _MOST_ALERTS:
        raise errors.Refused(f"more than {_MOST_ALERTS} alerts at once; set max_alerts lower")
    return [_alert(one, now) for one in told.alerts]


def _alert(one: _Alert, now: datetime) -> Alert:
    if one.status not in (Status.FIRING, Status.RESOLVED):
        raise errors.Refused(f"status {one.status[:20]!r} is neither firing nor resolved")
    labels = {
        name[:_LABEL]: value[:_LABEL] for name, value in sorted(one.labels.items())[:_MOST_LABELS]
    }
    # "0001-01-01T00:00:00Z" is Alertmanager's word for no end.
    ends_at = one.ends_at if one.ends_at is not None and one.ends_at.year > 1 else None
    said = one.annotations.get("summary") or one.annotations.get("description") or ""
    digest = hashlib.sha256(repr(sorted(one.labels.items())).encode()).hexdigest()[:16]
    return Alert(
        key=one.fingerprint[:_LABEL] or digest,
        status=Status(one.status),
        labels=labels,
        summary=" ".join(said.split())[:_TEXT],
        starts_at=_utc(one.starts_at),
        told_at=now,
        ends_at=_utc(ends_at) if ends_at else None,
    )


def _utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise errors.Refused(f"{moment.isoformat()} is no time that can be kept") from None


class Alertmanager:
    """Answers what is posted.

    Args:
        options: who may post.
        clock: time.
        telemetry: numbers.
    """

    def __init__(self, options: Options, *, clock: ports.Clock, telemetry: ports.Telemetry) -> None:
        self._options = options
        self._clock = clock
        self._telemetry = telemetry
        self._spoken_at = float("-inf")
        self.take: Take = _starting
        """Who takes alerts; nobody while the bot starts."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if not self._allowed(request):
            return self._refused(401, "no or another bearer token than alertmanager.token")
        try:
            async with asyncio.timeout(_READ_SECONDS):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refused(413, f"the body is larger than {LARGEST} bytes")
        except TimeoutError:
            return self._refused(408, f"the body did not arrive within {_READ_SECONDS:g} s")
        try:
            alerts = parse(body, now=self._clock.now())
            await self.take(alerts)
        except errors.Refused as error:
            return self._refused(400, str(error))
        except errors.Unavailable as error:
            return self._refused(503, str(error))
        return web.Response(text="taken\n")

    def _allowed(self, request: web.Request) -> bool:
        token = self._options.token
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(errors="replace"), token.encode())
        return bool(token) and scheme.lower() == "bearer" and same

    def _refused(self, status: int, why: str) -> web.Response:
        self._telemetry.count("alerts_received_total", result="refused")
        now = self._clock.monotonic()
        if now - self._spoken_at >= _SPEAK_SECONDS:
            log.warning("alerts_refused", status=status, why=why)
            self._spoken_at = now
        response = web.Response(status=status, text=f"{why}\n")
        if status in (408, 413):
            response.force_close()
        return response
