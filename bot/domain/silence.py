"""A person's pause of what is told, by matchers, for a while, and until it gets worse."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain import lasting, matcher, units
from bot.domain.finding import Severity
from bot.domain.incident import Incident, State

LONGEST = timedelta(days=31)
"""What is silenced for longer is forgotten; routing is for what never matters."""


class Phase(enum.StrEnum):
    """Where a silence is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Level:
    """How bad it was: the most that a silence hides."""

    severity: Severity
    members: int
    """Affected in all."""
    nodes: int
    """Nodes that they are on."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A pause. `id` is 0 until the store has given one; people say SIL-<id>.

    `levels` tells for each cluster how bad it was when it began to hide something there. `broken`
    says why it ended before its time by itself, `ended_by` who ended it.
    """

    id: int
    matchers: tuple[matcher.Matcher, ...]
    by: str
    reason: str
    since: datetime
    until: datetime
    levels: Mapping[str, Level] = field(default_factory=dict)
    ended_at: datetime | None = None
    ended_by: str = ""
    broken: str = ""
    withheld: int = 0
    """How many calls it has kept from people so far."""
    planned: bool = False
    """Whether it was set for later. Any other holds from when it was set, whatever a clock that was
    set back since calls that moment."""

    @property
    def name(self) -> str:
        """What people say aloud."""
        return f"SIL-{self.id}"

    @property
    def expression(self) -> str:
        """Its matchers as they may be typed."""
        return ",".join(str(each) for each in self.matchers)

    @property
    def only(self) -> str:
        """The only cluster that it can reach, as far as it names one plainly; else empty."""
        plain = [
            one.value
            for one in self.matchers
            if one.name == "cluster" and one.operator is matcher.Operator.IS
        ]
        return plain[0] if plain else ""

    def phase(self, now: datetime) -> Phase:
        """Where it is in its life."""
        if self.ended_at is not None or now >= self.until:
            return Phase.EXPIRED
        if self.planned:
            return Phase.PENDING if now < self.since else Phase.ACTIVE
        holds = lasting.lasts(self.since, self.until, now)
        return Phase.ACTIVE if holds else Phase.EXPIRED

    def covers(self, value: Incident, like: matcher.Like) -> bool:
        """Whether it is about that incident."""
        return matcher.matches(self.matchers, value, like)


def level(incidents: Iterable[Incident], *, recovering: bool = False) -> Level | None:
    """How bad several incidents are together; None where there are none.

    With `recovering`, members that are well but not for long enough count too.
    """
    standing = [one for one in incidents if one.state is not State.RESOLVED]
    if not standing:
        return None
    members = [one for each in standing for one in (each.members if recovering else each.affected)]
    return Level(
        severity=max((one.severity for one in standing), key=lambda each: each.rank),
        members=len(members),
        nodes=len({one.target.node for one in members if one.target.node}),
    )


def worse(before: Level, now: Level) -> str:
    """Say in what it is beyond the level at which it was silenced; empty if in nothing."""
    if now.severity.rank > before.severity.rank:
        return f"it is {now.severity.value} now, and was {before.severity.value}"
    if now.nodes > before.nodes:
        return f"it is on {units.count(now.nodes, 'node')} now, and was on {before.nodes}"
    if now.members > before.members:
        return f"{now.members} are affected now, and {before.members} were"
    return ""


def judged(
    value: Silence,
    cluster: str,
    incidents: Sequence[Incident],
    *,
    now: datetime,
    like: matcher.Like,
) -> Silence:
    """Return a silence as it is after a look at a cluster: with its level there, or broken.

    One that was set before there was anything to hide takes the level at which something comes
    first. What gets better does not lower the level: a spread that breathes is not worse.
    """
    if value.phase(now) is not Phase.ACTIVE:
        return value
    covered = [one for one in incidents if value.covers(one, like)]
    found = level(covered)
    if found is None:
        return value
    before = value.levels.get(cluster)
    if before is None:
        # What has just recovered and comes back is no worse than it was.
        at_first = level(covered, recovering=True) or found
        return replace(value, levels={**value.levels, cluster: at_first})
    why = worse(before, found)
    return replace(value, ended_at=now, broken=why) if why else value


@dataclass(frozen=True, slots=True)
class Hidden:
    """How much something hides now."""

    incidents: tuple[str, ...] = ()
    members: int = 0
    critical: int = 0


def hidden(incidents: Iterable[Incident]) -> Hidden:
    """Count what is muted."""
    standing = [one for one in incidents if one.state is not State.RESOLVED]
    return Hidden(
        incidents=tuple(one.name for one in standing),
        members=sum(len(one.affected) for one in standing),
        critical=sum(one.severity is Severity.CRITICAL for one in standing),
    )
