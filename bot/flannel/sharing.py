"""Many hosts' kernels in little memory: what is equal is one object.

All nodes hold nearly the same routes, neighbours and forwarding entries: a thousand nodes three
million of them, of which some four thousand differ. Kept each for itself they take most of a
gigabyte.
"""

import sys
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

from bot.flannel.kernel import Kernel

T = TypeVar("T", bound=Hashable)

_SOME = 1_000
"""Entries more than were left, from which on tidying up is worth the work."""
_OWN = 4
"""References to an entry that nobody else holds, while it is counted: as a key and as a value, and
those of the counting itself."""


class Pool:
    """Knows one object for each entry. What no kernel holds any more goes with `tidy`."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Hashable] = {}
        self._after_tidying = 0

    def __len__(self) -> int:
        return len(self._known)

    @property
    def crowded(self) -> bool:
        """Whether it has grown by an eighth since it was last tidied."""
        return len(self._known) - self._after_tidying > max(_SOME, self._after_tidying // 8)

    def share(self, kernel: Kernel) -> Kernel:
        """Return an equal kernel whose entries are the ones known already."""
        return replace(
            kernel,
            routes=self._shared(kernel.routes),
            routes6=self._shared(kernel.routes6),
            neighbours=self._shared(kernel.neighbours),
            fdb=self._shared(kernel.fdb),
            wireguard=self._shared(kernel.wireguard),
        )

    def _shared(self, entries: Sequence[T] | None) -> tuple[T, ...] | None:
        if entries is None:
            return None
        known = self._known.setdefault
        # The key is the value: what comes back is equal to what went in, and of its type, since
        # entries of different kinds have different numbers of fields.
        return tuple([known(one, one) for one in entries])  # type: ignore[misc]

    def tidy(self) -> None:
        """Forget what nobody holds any more.

        The interpreter knows. To look through all kernels instead would take a hundred times as
        long: a thousand of them hold each entry a thousand times.
        """
        self._known = {one: one for one in self._known if sys.getrefcount(one) > _OWN}
        self._after_tidying = len(self._known)
