"""A decision to tell people something, and the row by which it is never lost."""

import enum
from dataclasses import dataclass
from datetime import datetime

from bot.domain.approval import Vote
from bot.domain.incident import Incident
from bot.domain.plan import Plan
from bot.domain.run import Run


class Reason(enum.StrEnum):
    """Why something is told now."""

    OPENED = "opened"
    REOPENED = "reopened"
    SEVERITY_ROSE = "severity_rose"
    SPREAD_GREW = "spread_grew"
    CHANGED = "changed"
    RESOLVED = "resolved"
    MUTED = "muted"
    UNMUTED = "unmuted"
    REPEATED = "repeated"
    ACKNOWLEDGED = "acknowledged"
    UNWATCHED = "unwatched"


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell of one incident, and why. `calls` is whether it should reach people anew.

    `quiet` is one that the channel does not hear of: it is only information, kept in the lists.
    `first` is one that it hears of now and did not before, since it was only that.
    `hidden` is one that is muted: a card that is there already is edited, and nothing else is sent.
    """

    incident: Incident
    reason: Reason
    text: str
    calls: bool
    quiet: bool = False
    first: bool = False
    hidden: bool = False


class Kind(enum.StrEnum):
    """What an outgoing row becomes in the channel."""

    CARD = "card"
    """The live message of an incident: posted once, then edited in place."""
    DETAIL = "detail"
    """A reply in the card's thread."""
    DIGEST = "digest"
    """One message for many incidents that opened at once; it is then the card of each."""
    TEXT = "text"
    """A message of its own, such as the daily summary."""
    PLAN = "plan"
    """The live message of a plan, and of its run: posted once, then edited in place."""


class Delivery(enum.StrEnum):
    """The life of an outgoing row."""

    PENDING = "pending"
    CLAIMED = "claimed"
    """Taken by a sender. One found so at start may or may not have been sent: look first."""
    SENT = "sent"
    FAILED = "failed"
    """Refused for good by Slack; `error` says how. Kept, shown by `status`."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a detail: a heading, sentences, and text to be shown verbatim."""

    heading: str = ""
    lines: tuple[str, ...] = ()
    verbatim: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """A thread reply or a message of its own; `broadcast` shows a reply in the channel too.

    `people` are ids of users and user groups that it calls by name.
    """

    title: str
    sections: tuple[Section, ...] = ()
    broadcast: bool = False
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One row of the outbox.

    A pending row of kind CARD is unique for its incident and channel, one of kind PLAN for its
    plan and channel: it means "show the newest state", and is rendered when it is sent, so edits
    coalesce. `priority` sorts before age, lower
    first: first cards of critical incidents, other first cards, details, edits, texts.
    """

    id: str
    kind: Kind
    channel: str
    created_at: datetime
    cluster: str = ""
    incident: int | None = None
    incidents: tuple[int, ...] = ()
    """Of a DIGEST: those it shows."""
    plan: int | None = None
    """Of a PLAN, or of a DETAIL in a plan's thread."""
    priority: int = 50
    detail: Detail | None = None
    delivery: Delivery = Delivery.PENDING
    attempts: int = 0
    not_before: datetime | None = None
    claimed_at: datetime | None = None
    sent_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where an incident is shown in a channel.

    Several incidents may share one `ts`: then it is a digest, made when many opened at once.
    `ts` is Slack's, a string. `posted_at` is the bot's time after Slack's answer.
    """

    incident: int
    channel: str
    ts: str
    posted_at: datetime
    edited_at: datetime
    digest: bool = False


@dataclass(frozen=True, slots=True)
class PostedPlan:
    """Where a plan is shown in a channel. `outbox_id` is of the row that it was posted by."""

    plan: int
    channel: str
    ts: str
    posted_at: datetime
    edited_at: datetime
    outbox_id: str


@dataclass(frozen=True, slots=True)
class CardView:
    """All that a rendered card says: the incident and the moments that measure its telling."""

    incident: Incident
    now: datetime
    posted_at: datetime | None = None
    detected_at: datetime | None = None
    ticket: str = ""
    """The value of its buttons; empty where there are none."""
    acts: bool = False
    """Whether it may be acknowledged and silenced from where it is shown."""
    on_call: tuple[str, ...] = ()
    """Ids of users and user groups that its first post calls by name."""
    delayed_seconds: float = 0.0
    """How much longer than normal the first post took, because Slack was away; 0 if it was not."""


@dataclass(frozen=True, slots=True)
class DigestView:
    """One message for many incidents."""

    incidents: tuple[Incident, ...]
    now: datetime
    delayed_seconds: float = 0.0
    """As of a card; of the incident that waited longest."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """All that a plan's card says, from request to verification.

    `approvers` are the user ids that may vote, `ticket` the value of its buttons (of the run's,
    once there is one). Both are empty where nobody may click any more.
    """

    plan: Plan
    now: datetime
    votes: tuple[Vote, ...] = ()
    run: Run | None = None
    approvers: tuple[str, ...] = ()
    ticket: str = ""
