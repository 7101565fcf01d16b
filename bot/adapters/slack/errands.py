"""Work that begins after the acknowledgement: kept track of, named, drained at the end."""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


MOST = 1_000
"""Errands at a time: more than a workspace asks at once, and some tens of MiB at most."""


class Errands:
    """Tasks under way. Bolt keeps no reference to its own and does not wait for them.

    Whoever takes what Slack brings asks `full` before, and does not acknowledge what finds it so:
    then Slack tells the person, and sends an event again later.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._refused = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether nothing more may begin now."""
        if len(self._tasks) < self._most:
            self._refused = 0
            return False
        self._refused += 1
        if self._refused == 1:  # the first of many says it
            log.error("too_many_questions", under_way=len(self._tasks))
        return True

    def run(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Begin a piece of work; what it raises is logged by whoever wrote it, or lost here."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("errand_failed", errand=task.get_name(), error=repr(error))

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way, at most so long, then cancel the rest."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in late:
            log.warning("errand_cancelled", errand=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class Seen:
    """What has arrived already: Slack repeats an event whose acknowledgement it missed."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._keys: OrderedDict[str, None] = OrderedDict()

    def before(self, key: str) -> bool:
        """Whether that key was here before; remembers it. An empty key is never a repetition."""
        if not key:
            return False
        if key in self._keys:
            return True
        self._keys[key] = None
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)
        return False
