"""How much work that looks at whole clusters may be under way at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain import errors


class Quota:
    """One such work for a person, and so many in all, in each cluster; more is refused.

    A queue would answer minutes later what somebody has stopped waiting for. And a cluster that
    does not answer keeps nobody from asking about another.
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
        running = sum(where == cluster for _, where in self._running)
        if running >= self._most:
            raise errors.Refused(
                f"{running} questions to all nodes of {cluster} are under way already",
                "ask again when one of them is answered; questions to single nodes are answered",
            )
        self._running.add(key)
        try:
            yield
        finally:
            self._running.discard(key)
