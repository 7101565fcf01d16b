"""Asking the desk while somebody waits: progress, a button to stop, the answer."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.adapters.slack import prose, replies, works


class Questions:
    """Runs questions, each as a task of its own that can be stopped.

    Args:
        running: where the button finds them.
        after: seconds before progress is shown at all; most answers are there by then.
        every: seconds between two edits of one message.
    """

    def __init__(self, running: works.Works, *, after: float, every: float) -> None:
        self.running = running
        self.every = every
        self._after = after

    async def ask(
        self,
        work: works.Work,
        place: replies.Place,
        answer: Callable[[], Awaitable[prose.Page]],
    ) -> prose.Page:
        """Return the answer, having shown at `place` how far it was. Raises what `answer` does."""
        task = asyncio.ensure_future(_awaited(answer))
        work.task = task
        self.running.begin(work)
        try:
            wait: float | None = self._after
            while True:
                await asyncio.wait({task}, timeout=wait)
                if task.done():
                    break
                if work.shown:
                    await place.show(work.page())
                    wait = place.wait
            if task.cancelled() and work.stopped:
                return work.ended()
            return task.result()
        finally:
            self.running.end(work)
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def _awaited(answer: Callable[[], Awaitable[prose.Page]]) -> prose.Page:
    return await answer()
