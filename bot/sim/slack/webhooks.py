"""HTTP mode: signed requests to the app's own endpoint, as an alternative to Socket Mode."""

import asyncio
import dataclasses
import hashlib
import hmac
import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.sim.slack import delivery, faults, journal, limits, people

Json = dict[str, Any]

_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
_TOKEN = "simulated"  # noqa: S105 -- Slack still sends such a word, long after signatures


def signature(body: bytes, *, timestamp: str, secret: str = people.SIGNING_SECRET) -> str:
    """Slack's `v0` signature over the time and the raw body."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Webhooks:
    """The way to an app that listens at `url`."""

    def __init__(
        self,
        url: str,
        *,
        standing: faults.Faults,
        log: journal.Journal,
        ack_seconds: float = limits.ACK_SECONDS,
    ) -> None:
        self._url = url
        self._faults = standing
        self._log = log
        self.verified = False
        """Whether the app has given back a challenge, as only its owner's server would."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ack_seconds), trust_env=False
        )

    def online(self) -> bool:
        """Always: only the next request can tell."""
        return True

    async def verify(self) -> delivery.Outcome:
        """Ask for a challenge back, as Slack does when an address is entered.

        Nothing depends on it: the address that this server was started with counts as entered.
        """
        challenge = secrets.token_urlsafe(32)
        payload = {"token": _TOKEN, "challenge": challenge, "type": "url_verification"}
        outcome, text = await self._post("events_api", payload, retry=None)
        if outcome.acked and _challenge(text) != challenge:
            outcome = dataclasses.replace(outcome, error="challenge_failed")
        self.verified = outcome.acked
        return outcome

    async def send(
        self, kind: delivery.Kind, payload: Json, *, retry: delivery.Retry | None = None
    ) -> delivery.Outcome:
        """Post one payload in the form its kind has, signed."""
        late = self._faults.strike("envelopes_delayed")
        if late is not None:
            await asyncio.sleep(late.number("seconds", 1.0))
        copies = 2 if self._faults.strike("envelopes_doubled") is not None else 1
        sent = [self._post(kind, payload, retry=retry) for _ in range(copies)]
        (outcome, text), *_ = await asyncio.gather(*sent)
        if outcome.acked and delivery.accepts_response(kind, payload):
            return dataclasses.replace(outcome, payload=_answer(text))
        return outcome

    async def _post(
        self, kind: delivery.Kind, payload: Json, *, retry: delivery.Retry | None
    ) -> tuple[delivery.Outcome, str]:
        started = time.monotonic()
        content_type, body = _body(kind, payload)
        headers = {"Content-Type": content_type, "User-Agent": _AGENT, **signed(body)}
        if retry is not None:
            headers["X-Slack-Retry-Num"] = str(retry.attempt)
            headers["X-Slack-Retry-Reason"] = retry.reason
        entry = self._log.add("webhook", type=kind, body=payload, status=None, error=None)
        entry["retry"] = None if retry is None else dataclasses.asdict(retry)
        error, text, stop = None, "", False
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.text(errors="replace")
                entry["status"] = answer.status
                stop = answer.headers.get("X-Slack-No-Retry") == "1"
                if not 200 <= answer.status < 300:
                    error = "http_error"
        except TimeoutError:
            error = delivery.TIMED_OUT
        except aiohttp.ClientError:
            error = delivery.UNREACHABLE
        seconds = time.monotonic() - started
        entry |= {"error": error, "seconds": round(seconds, 6)}
        return delivery.Outcome(error=error, final=stop, seconds=seconds), text

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def signed(body: bytes, *, secret: str = people.SIGNING_SECRET) -> dict[str, str]:
    """The headers that prove a body to come from Slack now."""
    timestamp = str(int(time.time()))
    return {
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(body, timestamp=timestamp, secret=secret),
    }


def _body(kind: delivery.Kind, payload: Json) -> tuple[str, bytes]:
    if kind == "events_api":
        return "application/json", json.dumps(payload).encode()
    fields = {"payload": json.dumps(payload)} if kind == "interactive" else payload
    return "application/x-www-form-urlencoded", urlencode(fields).encode()


def _challenge(text: str) -> str:
    """The challenge as an app may give it back: as JSON, as a form, or bare."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return text.strip().removeprefix("challenge=")
    return str(parsed.get("challenge")) if isinstance(parsed, dict) else text.strip()


def _answer(text: str) -> Json | None:
    if not text.strip():
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return {"text": text}
    return parsed if isinstance(parsed, dict) else {"text": text}
