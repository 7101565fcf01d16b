"""What is answered about nodes' networks, as values that any edge can render.

Every answer says how old its looks are, which way they were had, and what was not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain import snapshot
from bot.flannel import aspects, deviants, drift, faults, inspection, logs, matrix, rehearsal, roles
from bot.flannel.outlook import Outlook
from bot.flow import ports, remedy_answers


@dataclass(frozen=True, slots=True)
class About:
    """What an answer is about: the cluster and the flannel in question, at a moment.

    `notes` are sentences on what makes the answer less than whole, such as a gap.
    """

    cluster: str
    now: datetime
    flannel: str = ""
    version: str = ""
    backend: str = ""
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How one node was seen; `problems` say what of it could not be."""

    node: str
    way: inspection.Way
    taken_at: datetime
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many nodes were seen of how many, when, and why the others were not.

    `problems` say what could not be seen of nodes that were, each with how many nodes; names of
    nodes and pods in them are left out.
    """

    population: int
    seen: int
    oldest: datetime | None = None
    newest: datetime | None = None
    ways: Mapping[inspection.Way, int] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeNics:
    """`/flannel nics <node>`. `cures` are sentences on what to do, none where nothing is.

    `stopped` tells of flannel's pod where flannel does not run, and `failure` of its last start.
    `pod_ips` are those behind hit NICs of pods, as the host's tables tell them. `offer` is the
    value of a button that allows a look by a probe pod, where that could show more.
    """

    about: About
    look: Look
    nics: roles.Nics
    outlook: Outlook
    cures: tuple[str, ...] = ()
    troubles: tuple[faults.Deviation, ...] = ()
    stopped: str = ""
    failure: logs.Told | None = None
    pod_ips: Mapping[str, str] = field(default_factory=dict)
    offer: str = ""


@dataclass(frozen=True, slots=True)
class FleetNics:
    """`/flannel nics --all`: deviants grouped, the rest counted."""

    about: About
    coverage: Coverage
    groups: tuple[deviants.Group, ...]
    rest: deviants.Rest


@dataclass(frozen=True, slots=True)
class NodeRoutes:
    """`/flannel routes <node>`. `judgement` is None where the look held no tables.

    `outlook` tells whether the usual cure, a restart of flannel, would be safe.
    """

    about: About
    look: Look
    judgement: drift.Judgement | None
    peers: int
    outlook: Outlook


@dataclass(frozen=True, slots=True)
class FleetRoutes:
    """`/flannel routes` and `/flannel routes --all`; `matrix` is what a picture is made of."""

    about: About
    coverage: Coverage
    groups: tuple[deviants.Group, ...]
    matrix: matrix.Matrix
    right: int
    expected: int
    missing: int
    partly: Mapping[str, str] = field(default_factory=dict)
    """Nodes of which a part could not be judged, and which."""
    settling: tuple[str, ...] = ()
    """Nodes that came, left or changed so lately that the others are not held to them."""
    unsafe: Mapping[str, str] = field(default_factory=dict)
    """Nodes with a fault where the usual cure, a restart, would do harm or cannot be judged."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """`/flannel simulate`: flags in question, and what they would do. Nothing was changed.

    `malformed` are patterns that flannel could not read, each with its words for it.
    """

    about: About
    coverage: Coverage
    flags: tuple[str, ...]
    rehearsal: rehearsal.Rehearsal
    malformed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NodeLog:
    """`/flannel logs <node>`: how flannel's runs there ended, the newest run first.

    `runs` are what the logs say, `titles` which run each is; `unread` says what was not to be
    had, and `line` quotes flannel's last word on its failure, secrets removed.
    """

    about: About
    node: str
    pod: snapshot.Pod | None
    container: str
    runs: tuple[tuple[str, logs.Log], ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """`/flannel verify <node>`: point by point."""

    about: About
    node: str
    look: Look | None
    points: tuple[aspects.Point, ...]
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class FleetVerification:
    """`/flannel verify`: each point over all nodes; `right` counts nodes with every point right."""

    about: About
    coverage: Coverage
    tallies: tuple[aspects.Tally, ...]
    right: int


class Network(Protocol):
    """Questions about one cluster's network.

    Raises errors.Refused for what does not exist or may not be asked now, with the nearest
    names. What looks at all nodes takes who asks, and tells its progress.
    """

    def near(self, word: str) -> Sequence[str]:
        """Return the nodes that a word may have meant, none where none is like it."""

    async def nics(self, node: str) -> NodeNics:
        """Tell a node's NICs, which one flannel uses, and what a restart would do."""

    def offered(self, ticket: str) -> bool:
        """Whether a button's value is an offer of this cluster that has not run out."""

    async def allow_look(self, ticket: str, user: str) -> NodeNics | remedy_answers.Said:
        """Allow the look by a probe pod that was offered, take it and tell the node's NICs.

        Where that person may not allow it, a sentence says who may.
        """

    async def all_nics(self, asker: str, progress: ports.Progress | None = None) -> FleetNics:
        """Tell the nodes whose NIC is or would be wrong."""

    async def routes(self, node: str) -> NodeRoutes:
        """Compare a node's kernel with what should be there."""

    async def all_routes(
        self, asker: str, progress: ports.Progress | None = None, *, max_age: timedelta
    ) -> FleetRoutes:
        """Compare every node's kernel, by looks not older than that."""

    async def simulate(
        self,
        asker: str,
        progress: ports.Progress | None = None,
        *,
        asked: rehearsal.Asked,
    ) -> Simulation:
        """Play other flags through on every node."""

    async def logs(self, node: str) -> NodeLog:
        """Tell why flannel failed last on a node."""

    async def verify(self, node: str) -> Verification:
        """Go through a node point by point."""

    async def verify_all(
        self, asker: str, progress: ports.Progress | None = None
    ) -> FleetVerification:
        """Go through all nodes point by point."""
