"""In which order a node's kernel lists its interfaces.

Go's net.Interfaces() sorts nothing: it is the order of one RTM_GETLINK dump, which `ip link`
prints too. What was seen is better than what is computed here; this is for when only the
indexes are known. Kernels 2.6.33 to 6.8 walk 256 hash buckets of `ifindex & 255`, the newest
interface of a bucket first; 6.9 and newer go by ascending index. Source: rtnl_dump_ifinfo and
list_netdevice in the kernel; a distribution may have carried the change back to an older one.
"""

import re
from collections.abc import Iterable
from typing import Protocol, TypeVar

_BUCKETS = 256
_NUMBER = re.compile(r"^\s*v?(\d{1,4})\.(\d{1,4})(?!\d)")
_ASCENDING_SINCE = (6, 9)


class Indexed(Protocol):
    """Anything with an interface index."""

    @property
    def index(self) -> int:
        """The kernel's number of the interface, counting up as interfaces are made."""


T = TypeVar("T", bound=Indexed)


def hashed(kernel: str) -> bool | None:
    """Return whether this kernel lists by hash bucket; None where its version cannot be read.

    `kernel` is `uname -r` or a node's `nodeInfo.kernelVersion`, such as 5.14.0-427.el9.x86_64.
    """
    found = _NUMBER.match(kernel)
    if found is None:
        return None
    return (int(found[1]), int(found[2])) < _ASCENDING_SINCE


def ordered(nics: Iterable[T], *, kernel: str = "") -> tuple[T, ...]:
    """Return interfaces in the order in which this kernel dumps them; ascending if it is unknown.

    Within a bucket the highest index comes first: indexes count up, so it is the newest. Only an
    interface that was moved here from another namespace can stand elsewhere.
    """
    if hashed(kernel):
        return tuple(sorted(nics, key=lambda nic: (nic.index % _BUCKETS, -nic.index)))
    return tuple(sorted(nics, key=lambda nic: nic.index))
