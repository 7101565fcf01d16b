"""Lanes: so many things at a time, where what takes long steps aside for the others."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Lanes:
    """Bounds how many run at a time.

    A node that hangs would keep its place until its time is up, and as many such nodes as there
    are places would hold up all others. So after a while one steps aside, where there is room.

    Args:
        at_once: how many run in the first place.
        aside: how many may be aside at a time beyond these.
        patience: seconds after which one steps aside.
    """

    def __init__(self, at_once: int, *, aside: int, patience: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._aside = asyncio.Semaphore(aside)
        self._patience = patience

    async def run(
        self, work: Callable[[], Coroutine[Any, Any, T]], *, before: Callable[[], Awaitable[None]]
    ) -> T:
        """Do the work when it is its turn; `before` is awaited in its place, and never aside."""
        async with self._places:
            await before()
            doing = asyncio.create_task(work())
            try:
                await asyncio.wait({doing}, timeout=self._patience)
                if doing.done() or self._aside.locked():
                    return await doing
                await self._aside.acquire()
            except BaseException:
                doing.cancel()
                raise
        try:
            return await doing
        finally:
            doing.cancel()
            self._aside.release()
