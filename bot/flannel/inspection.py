"""A deep look at one node: what its kernel holds, which way that was had, and how old it is."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.flannel import kernel, logs


class Way(enum.StrEnum):
    """How a node was looked at, the best first."""

    EXEC = "exec"
    """By a command in the flannel pod, which shares the host's network."""
    PROBE = "probe pod"
    """By a pod made for it on that node and removed again."""
    LOG = "log"
    """From flannel's last words only: names and addresses of NICs, no tables."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A node that is looked at in vain since `since` (UTC); `why` tells of the last try."""

    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """One node as it was at `taken_at` (UTC).

    What was not read is None in `kernel` and told in `problems`, sentences ready to be read, the
    reasons why a better way could not be gone among them. `log` is what flannel's log says, where
    it was read. `pods_behind` names the pod ("namespace/name") behind a host NIC, as far as it was
    looked for and found.
    """

    node: str
    taken_at: datetime
    way: Way
    kernel: kernel.Kernel
    log: logs.Log | None = None
    problems: tuple[str, ...] = ()
    pods_behind: Mapping[str, str] = field(default_factory=dict)

    def age(self, now: datetime) -> timedelta:
        """Return how long ago it was taken."""
        return now - self.taken_at
