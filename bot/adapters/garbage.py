"""Python's garbage collector, kept from stopping the bot, and memory that is given back.

A full collection looks at every object there is and lets nothing else run: a quarter of a second
beside a mirror of 25,000 pods, and it comes several times while such a mirror fills. What the
mirror holds has no cycles and goes without the collector's help, so it is taken out of its sight
(`gc.freeze`), and full collections are made at a time of our own over what is left.

glibc gives each thread an arena of its own, up to eight a core, and what one has freed none of the
others can use. With judging, SQLite and Prometheus in threads a bot of 120 nodes grew by half in
half an hour of everything at once. One arena alone does not end that.
"""

import ctypes
import gc

MANY = 100_000
"""Objects that a full collection may look at: some 40 ms. More than these are data."""

_NEVER = 1_000_000_000
_M_ARENA_MAX = -8
"""Of mallopt(3), as glibc's malloc.h has it."""


def begin() -> None:
    """Take over the full collections. Called once, after the imports and before the work."""
    _one_arena()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


def _one_arena() -> None:
    """Have all threads allocate from one arena, where the C library knows of any."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def tend() -> None:
    """Make a full collection, or freeze where there is too much for one. Call every half minute.

    Freezing is for good: what is part of a cycle at that moment is never collected. That is little
    beside so many objects, and it happens only when so many have come to stay.
    """
    # The newest generations hold a few thousand objects at most.
    if len(gc.get_objects(generation=2)) > MANY:
        gc.freeze()
    else:
        gc.collect()
