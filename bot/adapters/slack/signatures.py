"""Whether a request over HTTP comes from Slack, now, and not from somebody who kept an old one.

Slack's own verifier is not used: it takes a timestamp for a number without looking, trips over
bodies that are not UTF-8, and over signatures that are not ASCII; each would be a fault of ours
in answer to a stranger's request.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from bot.adapters.slack import errands

WINDOW = 300
"""Seconds that a request may be old, or its sender's clock ahead."""
_REMEMBERED = 20_000
"""Signatures; more than Slack sends within the window."""

MISSING = "unsigned"
STRANGE = "bad_timestamp"
EXPIRED = "expired"
FORGED = "forged"

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


class Signatures:
    """Judges requests by the app's signing secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._seen = errands.Seen(_REMEMBERED)

    def objection(self, headers: Mapping[str, str], body: bytes, *, now: float) -> str:
        """Return why a request cannot be Slack's, in a word; nothing if it is."""
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        signature = headers.get("X-Slack-Signature", "")
        if not stamp or not signature:
            return MISSING
        if not _TIMESTAMP.fullmatch(stamp):
            return STRANGE
        if abs(now - int(stamp)) > WINDOW:
            return EXPIRED
        if not hmac.compare_digest(self.sign(stamp, body), signature.encode(errors="replace")):
            return FORGED
        return ""

    def sign(self, stamp: str, body: bytes) -> bytes:
        """Return the signature that Slack gives a body at a time."""
        base = b"v0:" + stamp.encode() + b":" + body
        return b"v0=" + hmac.new(self._secret, base, hashlib.sha256).hexdigest().encode()

    def repeated(self, headers: Mapping[str, str]) -> bool:
        """Whether this very request was here before; Slack signs each repetition anew."""
        return self._seen.before(headers.get("X-Slack-Signature", ""))
