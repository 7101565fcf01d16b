"""What a guard is given: the plan, and the world as it is at that moment."""

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.access import Person
from bot.domain.drain import Decision
from bot.domain.freeze import Closed
from bot.domain.guard import Verdict
from bot.domain.incident import Incident
from bot.domain.plan import Plan
from bot.domain.snapshot import Snapshot
from bot.domain.target import Target


class Stage(enum.StrEnum):
    """When it is asked."""

    PROPOSE = "propose"
    CLICK = "click"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be changed, and how fast."""

    max_nodes: int = 1_000
    """Nodes that one plan may touch."""
    min_healthy: float = 0.5
    """Share of nodes whose flannel must stay ready while a plan is at work."""
    cooldown: timedelta = timedelta(minutes=10)
    """Between the end of one run and the next on the same workload or node."""
    drains_at_once: int = 1
    """Nodes being drained at a time."""
    control_plane: bool = False
    """Whether control-plane nodes may be drained."""
    snapshot_age: timedelta = timedelta(minutes=2)
    """A picture older than this is not seeing."""


@dataclass(frozen=True, slots=True)
class Other:
    """A run beside this plan: its name, what it works on, and when it ended (None: it has not)."""

    name: str
    workload: Target
    nodes: tuple[str, ...]
    ended_at: datetime | None = None
    drains: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """One moment. What could not be seen is None, and a guard that needs it says no.

    `requester` has the roles read at this moment. `drains` are the decisions for the nodes that
    the plan drains; `budgets` what a dry-run eviction answered by "namespace/name", empty where
    it would go; `homeless` the pods that would find no place elsewhere; `refusals` what the API
    server said no to when the writes were tried dry, before the first of them.
    """

    now: datetime
    stage: Stage
    plan: Plan
    snapshot: Snapshot
    limits: Limits = field(default_factory=Limits)
    enabled: bool = False
    runbooks: frozenset[str] = frozenset()
    requester: Person | None = None
    closed: Closed | None = None
    others: tuple[Other, ...] | None = None
    incidents: tuple[Incident, ...] | None = None
    drains: Mapping[str, Decision] | None = None
    budgets: Mapping[str, str] | None = None
    homeless: tuple[str, ...] | None = None
    refusals: tuple[str, ...] | None = None
    own_node: str = ""
    own_run: str = ""
    """The run that this plan is executed by, while it is."""


Guard = Callable[[Situation], Iterable[Verdict]]
"""A pure rule: it yields a verdict for all that it has to say, and nothing where it does not
apply."""
