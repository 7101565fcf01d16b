"""What was asked of the API server lately, so that a test can see what a client did."""

from collections import deque
from datetime import UTC, datetime
from typing import Any

BODY_LIMIT = 1000
"""How many characters of a body are kept."""
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
"""The verbs whose bodies are kept."""


def shown_body(resource: str, sent: bytes) -> str:
    """As much of a body as may be seen: its beginning, and nothing of a Secret.

    Args:
        resource: the plural of what it is about.
        sent: the body.
    """
    if sent and resource == "secrets":
        return f"({len(sent)} bytes, hidden: a Secret)"
    text = sent.decode(errors="replace")
    if len(text) <= BODY_LIMIT:
        return text
    return f"{text[:BODY_LIMIT]}… ({len(text)} characters in all)"


class RequestLog:
    """A ring of finished and running requests, each with a rising `seq`.

    Args:
        size: how many are kept.
    """

    def __init__(self, *, size: int = 20_000) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=size)
        self._last = 0

    def begin(self, *, method: str, path: str, query: str, user_agent: str) -> dict[str, Any]:
        """Note a request that has arrived; the caller fills in what it learns later.

        A watch stays in the log with status 0 until its head is sent.
        """
        self._last += 1
        entry: dict[str, Any] = {
            "seq": self._last,
            "time": datetime.now(UTC).isoformat(timespec="microseconds"),
            "method": method,
            "path": path,
            "query": query,
            "user_agent": user_agent,
            "identity": "",
            "status": 0,
            "verb": "",
            "resource": "",
            "namespace": "",
            "name": "",
            "body": "",
        }
        self._entries.append(entry)
        return entry

    def since(self, seq: int = 0) -> list[dict[str, Any]]:
        """The requests later than a sequence number, oldest first."""
        return [dict(entry) for entry in self._entries if entry["seq"] > seq]

    @property
    def last(self) -> int:
        """The sequence number of the latest request."""
        return self._last
