"""What flow needs of the world to know how much memory flannel uses, now and over time.

Two sources tell a history: a Prometheus that scrapes the kubelets, and samples that the bot takes
itself of metrics.k8s.io and keeps in its store. Both are `MemoryHistory`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain import errors


class Absent(errors.Unavailable):
    """The cluster has no such source at all; asking again will not help before somebody acts."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Working set of one running container at one moment, in bytes."""

    pod: str
    container: str
    at: datetime
    working_set: int


class UsageSource(Protocol):
    """What containers use now."""

    async def of(self, namespace: str) -> Sequence[Usage]:
        """Return the use of every container in a namespace.

        Raises Absent where the cluster measures nothing, Unavailable where it does not answer.
        """


@dataclass(frozen=True, slots=True)
class Sample:
    """Working set of one flannel container at one moment, and its limit, in bytes."""

    at: datetime
    workload: str
    """namespace/daemonset."""
    node: str
    pod_uid: str
    working_set: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """One OOM kill of flannel on a node."""

    at: datetime
    node: str


@dataclass(frozen=True, slots=True)
class Point:
    """Memory during one step of time that begins at `at`: the last value seen and the highest."""

    at: datetime
    working_set: int
    highest: int


@dataclass(frozen=True, slots=True)
class Series:
    """Memory of flannel on one node over time, oldest first, in bytes.

    `newest` is the newest single value and `newest_at` its moment. `limits` are the limits in
    force from each moment on. `mark` is the kernel's own high-water mark where a source tells it:
    it catches what is shorter than any sample, and counts page cache too, which can be given back
    and kills nobody.
    """

    node: str
    points: tuple[Point, ...]
    newest: int | None = None
    newest_at: datetime | None = None
    limits: tuple[tuple[datetime, int | None], ...] = ()
    mark: int | None = None

    @property
    def peak(self) -> int | None:
        """The highest working set known."""
        highest = [point.highest for point in self.points]
        return max([*highest, *([] if self.newest is None else [self.newest])], default=None)


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a workload's memory.

    `source` names where it comes from, `step` the time between points; `notes` are sentences on
    what makes it less than whole.
    """

    series: tuple[Series, ...]
    source: str
    step: timedelta
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which memory is asked for: of one flannel, since a moment, on one node or (empty) on all.

    `step` is the shortest time between two points that is of any use. `pods` are the pods that
    are known to run it, with their nodes: not every source tells nodes.
    """

    namespace: str
    daemonset: str
    container: str
    since: datetime
    until: datetime
    step: timedelta
    node: str = ""
    pods: Mapping[str, str] = field(default_factory=dict)

    @property
    def workload(self) -> str:
        """namespace/daemonset."""
        return f"{self.namespace}/{self.daemonset}"


class MemoryHistory(Protocol):
    """One cluster's memory over time, wherever it is kept."""

    async def of(self, wanted: Wanted) -> History:
        """Return what is known. Raises Unavailable; Absent where nothing is kept at all."""


class Samples(Protocol):
    """Samples and OOM kills kept for a while, by cluster."""

    async def keep(
        self, cluster: str, samples: Sequence[Sample], *, slot: timedelta, kills: Collection[Kill]
    ) -> None:
        """Keep samples, those of one container within a slot of time as one: newest and highest.

        The same again changes nothing. Kills of one node within a second of each other are one.
        Raises Unavailable.
        """

    async def series(
        self, cluster: str, workload: str, *, since: datetime, step: timedelta, node: str = ""
    ) -> list[Series]:
        """Return what was kept, by node, in steps no shorter than slots. Raises Unavailable."""

    async def kills(self, cluster: str, *, since: datetime, node: str = "") -> list[Kill]:
        """Return OOM kills, oldest first. Raises Unavailable."""

    async def prune(self, cluster: str, *, before: datetime) -> None:
        """Forget what is older. Raises Unavailable."""
