"""What looking by a probe pod needs of a cluster, as a protocol.

Making and removing that one pod is the only thing that the bot does to a cluster without anybody's
approval, and only where it is switched on.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Wanted:
    """A probe pod to be made: where, and of which flannel pod of that node."""

    namespace: str
    node: str
    flannel_pod: str
    container: str
    lasts: int
    """Seconds after which the kubelet ends it, whatever becomes of the bot."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe pod that exists. `container` is where the look is taken."""

    namespace: str
    name: str
    uid: str
    node: str
    container: str
    created_at: datetime


class Phase(enum.StrEnum):
    """How far a probe pod is."""

    STARTING = "starting"
    RUNNING = "running"
    OVER = "over"
    """It has failed or ended, or cannot start; `State.reason` says why."""


@dataclass(frozen=True, slots=True)
class State:
    """How a probe pod is now; `reason` is the kubelet's word, for people."""

    phase: Phase
    reason: str = ""


class Prober(Protocol):
    """One cluster's probe pods. Every method raises Unavailable, and Misconfigured."""

    async def create(self, wanted: Wanted) -> Probe:
        """Make the one probe pod of a node.

        Raises Conflict if there is one of that name already, or if flannel's pod is not there as
        it was; then nothing was made. After Unavailable it may have been: `all` tells.
        """

    async def state(self, probe: Probe) -> State:
        """Read how it is now; one that is gone is OVER."""

    async def remove(self, probe: Probe) -> bool:
        """Delete it; False if it, or this one, was gone already."""

    async def all(self, namespace: str) -> Sequence[Probe]:
        """List every probe pod of a namespace, whoever made it."""


class Permission(Protocol):
    """Whom a probe pod has to be allowed by, where it is not switched on for good."""

    def take(self, node: str) -> str:
        """Spend the permit of a node and return who gave it; an empty text where there is none."""
