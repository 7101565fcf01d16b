"""HTTP mode: signed requests to the app's own endpoint, as an alternative to Socket Mode."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.sim.slack import delivery, journal, limits, people

Json = dict[str, Any]


def signature(body: bytes, *, timestamp: str, secret: str = people.SIGNING_SECRET) -> str:
    """Slack's `v0` signature over the time and the raw body."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Webhooks:
    """The way to an app that listens at `url`."""

    def __init__(
        self, url: str, *, log: journal.Journal, ack_seconds: float = limits.ACK_SECONDS
    ) -> None:
        self._url = url
        self._log = log
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ack_seconds), trust_env=False
        )

    def online(self) -> bool:
        """Always: only the next request can tell."""
        return True

    def _headers(self, body: bytes, form: str, retry: delivery.Retry | None) -> dict[str, str]:
        timestamp = str(int(time.time()))
        kinds = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
        headers = {
            "Content-Type": kinds[form],
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(body, timestamp=timestamp),
        }
        if retry is not None:
            headers["X-Slack-Retry-Num"] = str(retry.attempt)
            headers["X-Slack-Retry-Reason"] = retry.reason
        return headers

    async def send(
        self, kind: delivery.Kind, payload: Json, *, retry: delivery.Retry | None = None
    ) -> delivery.Outcome:
        """Post one payload in the form its kind has, signed."""
        started = time.monotonic()
        if kind == "events_api":
            form, body = "json", json.dumps(payload)
        elif kind == "interactive":
            form, body = "form", urlencode({"payload": json.dumps(payload)})
        else:
            form, body = "form", urlencode(payload)
        self._log.add("webhook", type=kind, body=payload)
        raw = body.encode()
        try:
            async with self._session.post(
                self._url, data=raw, headers=self._headers(raw, form, retry)
            ) as answer:
                text = await answer.text()
                ok = 200 <= answer.status < 300
        except TimeoutError:
            return delivery.Outcome(error=delivery.TIMED_OUT, seconds=time.monotonic() - started)
        except aiohttp.ClientError:
            return delivery.Outcome(error=delivery.UNREACHABLE, seconds=time.monotonic() - started)
        seconds = time.monotonic() - started
        if not ok:
            return delivery.Outcome(error="http_error", seconds=seconds)
        carried = _answer(text) if delivery.accepts_response(kind, payload) else None
        return delivery.Outcome(payload=carried, seconds=seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _answer(text: str) -> Json | None:
    if not text.strip():
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return {"text": text}
    return parsed if isinstance(parsed, dict) else {"text": text}
