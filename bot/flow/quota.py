"""How much work that looks at whole clusters may be under way at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain import errors


class Quota:
    """One such work for a person and cluster, and so many for all; more is refused, not queued.

    A queue would answer minutes later what somebody has stopped waiting for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: set[tuple[str, str]] = set()

    @contextmanager
    def taken(self, asker: str, cluster: str) -> Iterator[None]:
        """Take a place for as long as the context lasts. Raises Refused where there is none."""
        key = (asker, cluster)
        if key in self._running:
            raise errors.Refused(
                f"you have a question to all nodes of {cluster} under way already",
                "wait for its answer, or cancel it with its button",
            )
        if len(self._running) >= self._most:
            raise errors.Refused(
                f"{len(self._running)} questions to all nodes are under way already",
                "ask again when one of them is answered; questions to single nodes are answered",
            )
        self._running.add(key)
        try:
            yield
        finally:
            self._running.discard(key)
