"""The bot, with a watch on its event loop: `python -m tests.bench.probe run`.

Every step of the loop is timed, less what it waited for a core that another process had. When the
bot ends, the longest steps are told on stdout.
"""

import asyncio
import heapq
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

_KEPT = 20

_longest: list[tuple[float, float, float, float, str]] = []
_began = time.perf_counter()


def _watch() -> None:
    """Time each step. The steps that importing and starting take before the loop are not steps."""
    plain = asyncio.Handle._run
    queued = _queued()

    def timed(handle: asyncio.Handle) -> None:
        began, used, waited = time.perf_counter(), time.thread_time(), queued()
        plain(handle)
        wall = time.perf_counter() - began
        if len(_longest) < _KEPT or wall > _longest[0][0]:
            waited = queued() - waited
            cpu = time.thread_time() - used
            told = (wall - waited, wall, cpu, began - _began, _name(handle))
            (heapq.heappushpop if len(_longest) >= _KEPT else heapq.heappush)(_longest, told)

    asyncio.Handle._run = timed


def _queued() -> Callable[[], float]:
    """How long this thread has waited for a core so far, where the kernel tells.

    A core that others have is no fault of the step that waits for it: the API server, Slack and
    whatever writes to them share the machine here with the bot.
    """
    try:
        file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        return lambda: 0.0
    return lambda: int(os.pread(file, 64, 0).split()[1]) / 1e9


def _name(handle: asyncio.Handle) -> str:
    callback: Any = handle._callback
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return f"task {task.get_name()}: {getattr(task.get_coro(), '__qualname__', '?')}"
    return str(getattr(callback, "__qualname__", callback))


def main() -> int:
    from bot import cli

    _watch()
    code = cli.main(sys.argv[1:])
    blocks = [
        {"blocked": blocked, "wall": wall, "cpu": cpu, "at": at, "step": step}
        for blocked, wall, cpu, at, step in sorted(_longest, reverse=True)
    ]
    sys.stdout.write(json.dumps({"blocks": blocks}) + "\n")
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
