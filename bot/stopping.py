"""A stop that comes in time: asked for by a signal, waited for, and forced if something hangs."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def by_signal(seconds: float) -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set; so many seconds later the process is gone.

    The end is forced by a thread, for a loop that is blocked forces nothing. Nothing is lost by
    it: what is decided is stored in transactions, and what was begun is found out at the next
    start, as after a crash.
    """
    told = asyncio.Event()
    forcing: list[threading.Timer] = []

    def stop() -> None:
        if not told.is_set():
            timer = threading.Timer(seconds, _force, (seconds,))
            timer.daemon = True
            timer.start()
            forcing.append(timer)
        told.set()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield told
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        for timer in forcing:
            timer.cancel()


def _force(seconds: float) -> None:
    log.error("stop_forced", why=f"something still hangs after {seconds:g} s")
    logging.shutdown()
    os._exit(0)
