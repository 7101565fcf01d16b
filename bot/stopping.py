"""A stop that comes in time: asked for by a signal, waited for, and forced if something hangs."""

import asyncio
import logging
import os
import signal
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def by_signal(seconds: float) -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set; so many seconds later the process is gone.

    The end is forced by a thread, and the signal is not left to the loop: one that is blocked
    would hear of it too late. Nothing is lost by it: what is decided is stored in transactions,
    and what was begun is found out at the next start, as after a crash.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    forcing = threading.Timer(seconds, _force, (seconds,))
    forcing.daemon = True
    asked = threading.Event()

    def stop(_number: int, _frame: types.FrameType | None) -> None:
        if not asked.is_set():
            asked.set()
            forcing.start()
        loop.call_soon_threadsafe(told.set)

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        forcing.cancel()


def _force(seconds: float) -> None:
    log.error("stop_forced", why=f"something still hangs after {seconds:g} s")
    logging.shutdown()
    os._exit(0)
