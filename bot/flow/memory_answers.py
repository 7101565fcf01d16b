"""What is answered about flannel's memory, as values that any edge can render.

Sizes are bytes. Every answer says where its numbers come from, how old they are, and what is
missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.flannel import forecast
from bot.flow import memory_ports, network_answers


@dataclass(frozen=True, slots=True)
class Told:
    """Where an answer comes from: its source, the time it is about, what of that is not known.

    `notes` are sentences on what makes it less than whole; `gaps` stretches without any point.
    """

    source: str
    since: datetime
    until: datetime
    step: timedelta
    notes: tuple[str, ...] = ()
    gaps: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """`/flannel memory <node>`. `series` is None where nothing is known of the node.

    `kills` are OOM kills in the time it is about, oldest first, and `unseen` restarts of the
    present pod that nothing explains. `limit` is the one in force, None for none.
    """

    about: network_answers.About
    told: Told
    node: str
    series: memory_ports.Series | None
    limit: int | None
    kills: tuple[datetime, ...]
    unseen: int
    running_since: datetime | None
    ahead: forecast.Forecast

    @property
    def share(self) -> float | None:
        """The peak's share of the limit; None where either is not known."""
        peak = self.series.peak if self.series else None
        return peak / self.limit if peak is not None and self.limit else None


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Memory of all nodes in one step of time: half of the nodes are below `p50`, and so on.

    `highest` is the highest of any node, `nodes` how many were seen.
    """

    at: datetime
    p50: int
    p90: int
    highest: int
    nodes: int


@dataclass(frozen=True, slots=True)
class Near:
    """A node near its limit, or that grows towards it."""

    node: str
    peak: int
    limit: int
    ahead: forecast.Forecast

    @property
    def share(self) -> float:
        """The peak's share of the limit."""
        return self.peak / self.limit


@dataclass(frozen=True, slots=True)
class FleetMemory:
    """`/flannel memory`: all nodes by quantiles, those near the limit by name.

    `limits` are the limits in force with the number of nodes that have each. `kills` are by node,
    `near` the nodes above 80 % of their limit, the fullest first, `growing` those that would meet
    it, the soonest first; `too_short` counts nodes of which no trend can be told yet.
    """

    about: network_answers.About
    told: Told
    population: int
    known: int
    newest: Quantiles | None
    over_time: tuple[Quantiles, ...]
    limits: Mapping[int | None, int]
    limit_steps: tuple[tuple[datetime, int | None], ...] = ()
    kills: tuple[memory_ports.Kill, ...] = ()
    near: tuple[Near, ...] = ()
    growing: tuple[Near, ...] = ()
    too_short: int = 0
    unknown: tuple[str, ...] = field(default=())
    """Nodes that flannel serves and of which nothing is known."""


class Memory(Protocol):
    """Questions about the memory of one cluster's flannel.

    Raises errors.Refused for what does not exist, errors.Unavailable where nothing is known, with
    what would have to be there.
    """

    async def node(self, word: str) -> NodeMemory:
        """Tell one node's memory against its limit."""

    async def fleet(self) -> FleetMemory:
        """Tell all nodes' memory."""
