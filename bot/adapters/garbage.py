"""Python's garbage collector, kept from stopping the bot, and memory that is given back.

A full collection looks at every object there is and lets nothing else run: a quarter of a second
beside a mirror of 25,000 pods, and it comes several times while such a mirror fills. What the
mirror holds has no cycles and goes without the collector's help, so it is taken out of its sight
(`gc.freeze`), and full collections are made at a time of our own over what is left.

A cycle that is frozen with the rest stays though nobody holds it any more, so what is frozen is
collected first, unless it is more than may be looked at; and once a good part of all that is
frozen is new, all of it is looked at again.

glibc gives each thread an arena of its own, up to eight a core, and what one has freed none of the
others can use. With judging, SQLite and Prometheus in threads memory grows by that alone.
"""

import ctypes
import gc
import time
from typing import ClassVar

MANY = 100_000
"""Objects that a full collection may look at: some 40 ms. More than these, come within seconds,
are data."""
SOME = 20_000
"""Objects that have come since the last collection from which on there is another."""
EVERY = 30.0
"""Seconds after which there is one however few have come: garbage may hold open connections."""
SLOW = 0.05
"""Seconds of a collection after which what it left is not looked at again: a few objects may
refer to millions, as nodes' tables do."""
HOUR = 3_600.0
"""Seconds between two collections of all that is frozen, which stop the bot for longer."""

_NEVER = 1_000_000_000
_M_ARENA_MAX = -8
"""Of mallopt(3), as glibc's malloc.h has it."""


class Collector:
    """Makes the full collections from now on. Made after the imports and before the work.

    Made again where the bot begins anew in the same process, it lets go of what the one before had.

    Args:
        now: seconds of a clock that only goes forward, as for `tend`.
        slow: seconds of a collection that are too many.
    """

    former: ClassVar[bool] = False
    """Whether there was one before in this process; what others froze is no garbage of ours."""

    def __init__(self, now: float, *, slow: float = SLOW) -> None:
        _one_arena()
        if Collector.former:
            gc.unfreeze()
            gc.collect()
        Collector.former = True
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _NEVER)
        self._slow = slow
        self._collected = self._swept = now
        self._left = 0
        """Old objects that the last collection left."""
        self._unswept = 0
        """Objects frozen since all that is frozen was looked at."""

    def tend(self, now: float) -> None:
        """Collect or freeze what has grown old, if it is time. Call every few seconds.

        Most calls look at nothing that is frozen: even to count it takes 70 ms for some millions.
        """
        old = _old()
        if old > MANY:
            self._freeze(old)
        elif old > self._left + SOME or now - self._collected >= EVERY:
            begun = time.thread_time()
            gc.collect()
            slow = time.thread_time() - begun > self._slow
            self._collected = now
            self._left = _old()
            if slow or self._left > MANY // 2:
                self._freeze(self._left)
        elif now - self._swept >= HOUR:
            self._swept = now
            # It is counted one by one, so not every few seconds.
            if 4 * self._unswept > gc.get_freeze_count():
                self._sweep()

    def _sweep(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._left = self._unswept = 0

    def _freeze(self, objects: int) -> None:
        gc.freeze()
        self._left = 0
        self._unswept += objects


def _old() -> int:
    """How many objects a full collection would look at; the younger are a few thousand more.

    Counted without a step of Python between getting the list and letting go of it: no thread runs
    meanwhile. One that was building a tuple, to which the list refers too, could not finish it
    (SystemError, "bad argument to internal function").
    """
    return next(map(len, map(gc.get_objects, (2,))))


def _one_arena() -> None:
    """Have all threads allocate from one arena, where the C library knows of any."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
