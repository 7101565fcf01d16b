"""What people handle: one trouble of one workload, with the members that come and go.

`reconcile` is the state machine. It is pure, so that any past decision can be explained by
replaying its snapshot.
"""

import enum
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain import finding
from bot.domain.muting import Mute
from bot.domain.target import Target

CALLS_KEPT = 20
"""Moments remembered of calls; enough for a budget a day and for the last one."""


class State(enum.StrEnum):
    """Open until somebody acknowledges it or it has been well for long enough."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Member:
    """One target affected, with what was last said of it.

    `clear_since` is when its finding was first absent from a snapshot that could have shown it;
    None while it is affected, and also while nobody can see.
    """

    name: str
    fingerprint: str
    target: Target
    severity: finding.Severity
    summary: str
    evidence: tuple[str, ...]
    first_seen_at: datetime
    last_seen_at: datetime
    since: datetime | None = None
    happened_at: datetime | None = None
    occurrences: int = 0
    container: str = ""
    clear_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """A trouble. `id` is 0 until the store has given one; people say INC-<id>.

    `members` are affected now or not yet clear for long enough; `recovered` were. `peak` is the
    largest number ever affected at once, `population` how many there are of such targets.
    `told_severity` and `told_spread` are the level at which people were last called, so that a
    growing trouble calls again and a steady one does not.
    """

    id: int
    fingerprint: str
    check: str
    cluster: str
    workload: Target
    state: State
    severity: finding.Severity
    summary: str
    cure: str
    opened_at: datetime
    changed_at: datetime
    members: tuple[Member, ...] = ()
    recovered: tuple[Member, ...] = ()
    headline: str = ""
    population: int = 0
    peak: int = 0
    happened_at: datetime | None = None
    detected_at: datetime | None = None
    """When the newest opening or reopening was judged; `happened_at` is what it was about."""
    told_severity: finding.Severity | None = None
    told_spread: int = 0
    resolved_at: datetime | None = None
    reopened: int = 0
    unseen: bool = False
    """True while some member could not be seen by the newest snapshot."""
    owner: str = ""
    """The user id of who acknowledged it last; kept when it gets worse and is open again."""
    acknowledged_at: datetime | None = None
    muted: Mute | None = None
    """Why it is not told at the moment."""
    held: str = ""
    """The reason for which people would have been called while it was muted; then they are late."""
    called_at: tuple[datetime, ...] = ()
    """When people were called because of it, the last `CALLS_KEPT` times."""
    silenced: bool = False
    """Whether anybody ever silenced it."""
    fixed_by: str = ""
    """The change of ours that came before it was over; empty where none did."""

    @property
    def name(self) -> str:
        """What people say aloud."""
        return f"INC-{self.id}"

    @property
    def title(self) -> str:
        """What happened, and on how many; of a single member, what it says itself."""
        shown = self.affected or self.members
        number = self.peak if self.state is State.RESOLVED else len(shown)
        if number <= 1 or not self.headline:
            return self.summary
        every = (*self.members, *self.recovered)
        if not all(member.target.node for member in every):
            return f"{self.headline}: {number}"
        total = f" of {self.population}" if self.population else ""
        return f"{self.headline} on {number}{total} nodes"

    @property
    def unwatched(self) -> bool:
        """Whether it is over because nobody watches its cluster any more, and not as it is well."""
        return self.state is State.RESOLVED and self.unseen

    @property
    def ending(self) -> str:
        """How it is over, in a word or two."""
        return "no longer watched" if self.unwatched else "resolved"

    @property
    def affected(self) -> tuple[Member, ...]:
        """Members whose finding stands now (or was standing when sight was lost)."""
        return tuple(member for member in self.members if member.clear_since is None)


def unwatched(value: Incident, now: datetime) -> Incident:
    """Return it as over without anybody knowing how it went on."""
    return replace(value, state=State.RESOLVED, resolved_at=now, changed_at=now, unseen=True)


def acknowledged(value: Incident, user: str, now: datetime) -> Incident:
    """Return it as owned by somebody. Raises nothing: who owns it already stays so."""
    if value.state is State.ACKNOWLEDGED and value.owner == user:
        return value
    return replace(value, state=State.ACKNOWLEDGED, owner=user, acknowledged_at=now, changed_at=now)
