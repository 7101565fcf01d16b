"""Waiting in line, and not being torn away in the middle."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from bot.domain import errors

T = TypeVar("T")


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end even if the caller is cancelled, then let the cancellation go on.

    A driver that is cancelled between a question and its answer has to throw its connection
    away, and with SQLite the statement goes on in its thread all the same. Only for work that
    ends by itself within a known time.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # Looked at, so that asyncio does not call it forgotten.
        raise cancelled
    return task.result()


class Turns:
    """One writer at a time in this process, first come, first served."""

    def __init__(self, patience: timedelta) -> None:
        self._lock = asyncio.Lock()
        self._patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the turn. Raises Unavailable when it does not come in time."""
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await self._lock.acquire()
        except TimeoutError as error:
            seconds = self._patience.total_seconds()
            raise errors.Unavailable(
                f"the store is busy: another unit has been open for more than {seconds:g} s"
            ) from error
        try:
            yield
        finally:
            self._lock.release()
