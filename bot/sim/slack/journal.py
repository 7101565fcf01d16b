"""What went over the wire, for tests and for whoever wants to look: requests, envelopes, acks.

Tokens are never kept, and only the last few thousand entries are.
"""

import collections
import time
from typing import Any

Json = dict[str, Any]

_KEPT = 5000
_FIRST_UNIX_SECOND = 1_000_000_000


class Journal:
    """An append-only list with a bound."""

    def __init__(self) -> None:
        self._entries: collections.deque[Json] = collections.deque(maxlen=_KEPT)
        self._number = 0

    def add(self, kind: str, **fields: Any) -> Json:  # noqa: ANN401 -- entries are JSON
        """Note an entry with the true time; fields may be filled in later."""
        self._number += 1
        entry: Json = {"id": self._number, "at": time.time(), "kind": kind, **fields}
        self._entries.append(entry)
        return entry

    def since(self, mark: float) -> list[Json]:
        """Entries after an entry's `id`, or, when `mark` is a unix time, at or after that time."""
        if mark >= _FIRST_UNIX_SECOND:
            return [entry for entry in self._entries if entry["at"] >= mark]
        return [entry for entry in self._entries if entry["id"] > mark]

    @property
    def last(self) -> int:
        """The `id` of the newest entry."""
        return self._number
