"""What was asked of the API server lately, so that a test can see what a client did."""

from collections import deque
from datetime import UTC, datetime
from typing import Any


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
