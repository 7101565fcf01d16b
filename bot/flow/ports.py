"""What flow needs of the world, as protocols. Adapters implement them; `app` hands them in.

A method raises `bot.domain.errors` only: Unavailable where a retry may help, Misconfigured
where only a person can, Conflict where the world moved, Refused where a rule said no.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain import errors, ledger, notice
from bot.domain.incident import Incident
from bot.domain.snapshot import Snapshot
from bot.flannel.inspection import Inspection, Unseen
from bot.flannel.kernel import Kernel
from bot.flannel.netconf import NetConf
from bot.flow import memory_ports, remedy_ports, silence_ports, wish_ports


class Clock(Protocol):
    """Time. Tests move it, production reads it."""

    def now(self) -> datetime:
        """Return the wall time, aware, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""


@dataclass(frozen=True, slots=True)
class ResourceAge:
    """How fresh one mirrored resource is: `age_seconds` since the server last showed life."""

    resource: str
    namespace: str
    objects: int
    synced: bool
    age_seconds: float | None
    failures: int
    error: str = ""


class Mirror(Protocol):
    """One cluster, listed and watched."""

    @property
    def cluster(self) -> str:
        """The cluster's name in the settings."""

    def snapshot(self) -> Snapshot:
        """Return what is known now; what is not is in its gaps. Cheap; never raises."""

    async def changed(self) -> None:
        """Return at the next change that matters to a judgement; heartbeats are none."""

    async def relist(self) -> None:
        """List everything anew, so that nothing depends on an event having arrived."""

    def ages(self) -> Sequence[ResourceAge]:
        """Return the freshness of each mirrored resource."""


class Logs(Protocol):
    """A container's last words."""

    async def tail(
        self, namespace: str, pod: str, container: str, *, previous: bool, lines: int
    ) -> str:
        """Return the last lines, undecodable bytes replaced. Raises Unavailable."""


class Unit(Protocol):
    """One transaction over the state, serialised with every other writer."""

    @property
    def remedy(self) -> remedy_ports.Remedies:
        """Remediation's part of it."""

    @property
    def silences(self) -> silence_ports.Silences:
        """The silences' part of it."""

    async def incidents(self, cluster: str, *, resolved_after: datetime) -> list[Incident]:
        """Return the cluster's incidents not resolved, or resolved after that moment."""

    async def incident(self, number: int) -> Incident | None:
        """Return one incident by its number."""

    async def save_incident(self, value: Incident) -> Incident:
        """Insert (id 0) or replace; return it with its id."""

    async def save_records(self, cluster: str, records: Sequence[ledger.Record]) -> None:
        """Insert or replace ledger records by (pod uid, container)."""

    async def forget_records(self, cluster: str, keys: Sequence[tuple[str, str]]) -> None:
        """Delete ledger records by (pod uid, container)."""

    async def enqueue(self, row: notice.Outgoing) -> None:
        """Add a row.

        A pending CARD of the same incident and channel is kept instead of a second one, with the
        better (lower) priority of the two; likewise a pending PLAN of the same plan and channel.
        """

    async def posted(self, number: int) -> list[notice.Posted]:
        """Return where that incident is shown."""

    async def set_mark(self, key: str, value: str) -> None:
        """Remember a small fact, such as the moment up to which a cluster was watched."""

    async def add_timeline(self, *, at: datetime, subject: str, kind: str, text: str) -> None:
        """Append to the story of a subject (INC-42)."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a subject's story."""

    at: datetime
    subject: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How much waits to be told, and since when."""

    pending: int
    oldest: datetime | None
    failed: int


class Store(Protocol):
    """Durable state. Writes go through `unit`; reads may be answered by another connection."""

    @property
    def remedy(self) -> remedy_ports.RemedyReads:
        """Remediation's part of it."""

    @property
    def silences(self) -> silence_ports.SilenceReads:
        """What people do not want to hear of."""

    @property
    def samples(self) -> memory_ports.Samples:
        """Memory that flannel used, kept beside the state: losing some of it loses no alert."""

    @property
    def wishes(self) -> wish_ports.Wishes:
        """What processes that only read ask of the one that may do more."""

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """Open a transaction; it commits at a clean exit and rolls back otherwise.

        Raises Unavailable when the store cannot be reached or stays locked.
        """

    async def records(self, cluster: str) -> list[ledger.Record]:
        """Return the whole ledger of a cluster."""

    async def mark(self, key: str) -> str | None:
        """Return a remembered fact."""

    async def incident(self, number: int) -> Incident | None:
        """Return one incident by its number."""

    async def incidents(
        self, *, cluster: str | None = None, unresolved: bool = True, limit: int = 50
    ) -> list[Incident]:
        """Return incidents, newest first."""

    async def timeline(self, subject: str, *, limit: int = 50) -> list[TimelineEntry]:
        """Return a subject's story, oldest first."""

    async def claim(self, *, now: datetime, channel: str | None = None) -> notice.Outgoing | None:
        """Take the next row that is due and mark it CLAIMED.

        Lowest priority number first, then oldest.
        A DETAIL whose incident is not shown in its channel yet is not due, unless its card was
        refused for good and no other is to come.
        """

    async def claimed(self) -> list[notice.Outgoing]:
        """Return rows found CLAIMED, as a sender that died leaves them."""

    async def due_channels(self, *, now: datetime) -> dict[str, int]:
        """Return channels with due rows and how many first cards wait in each."""

    async def due_cards(self, channel: str, *, now: datetime) -> list[notice.Outgoing]:
        """Return pending CARD rows of incidents not yet shown in that channel, oldest first."""

    async def collapse(self, rows: Sequence[notice.Outgoing], digest: notice.Outgoing) -> None:
        """Replace those pending CARD rows by one pending DIGEST row, in one transaction.

        Rows that are no longer pending are left out of the digest's `incidents`; with none left
        nothing is added.
        """

    async def delivered(
        self,
        rows: Sequence[notice.Outgoing],
        *,
        at: datetime,
        posted: Sequence[notice.Posted | notice.PostedPlan] = (),
    ) -> None:
        """Mark rows SENT and remember where incidents and plans are shown, in one transaction."""

    async def postpone(
        self, row: notice.Outgoing, *, not_before: datetime, error: str, forget_posted: bool = False
    ) -> None:
        """Give a claimed row back, to be tried from `not_before` on.

        If a newer pending CARD row for the same incident and channel exists, or a PLAN row for the
        same plan, this one is dropped in its favour. `forget_posted` also forgets where its
        incident or plan was shown (message gone).
        """

    async def failed(self, row: notice.Outgoing, *, at: datetime, error: str) -> None:
        """Mark a row FAILED for good."""

    async def posted(self, number: int) -> list[notice.Posted]:
        """Return where that incident is shown."""

    async def posted_plan(self, number: int) -> list[notice.PostedPlan]:
        """Return where that plan is shown."""

    async def shown_at(self, channel: str, ts: str) -> list[int]:
        """Return the incidents that one message shows (several for a digest)."""

    async def outbox(self) -> OutboxState:
        """Return how much waits."""

    async def check_writable(self) -> None:
        """Raise Unavailable unless a write would succeed now."""


class Superseded(errors.Unavailable):
    """Another replica leads by now; what was to be written as the leader was not."""


class RateLimited(errors.Unavailable):
    """Asked to wait. `retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"asked to wait {retry_after:g} s")
        self.retry_after = retry_after


class Ambiguous(errors.Unavailable):
    """Sent, perhaps: the connection failed after the request may have been read."""


class MessageGone(errors.Conflict):
    """The message to be edited or replied to no longer exists or may no longer be edited."""


Message = notice.CardView | notice.DigestView | notice.PlanView | notice.Detail


class Messenger(Protocol):
    """Posts to channels. Every message carries its outbox id as metadata."""

    async def post(
        self, channel: str, message: Message, *, row: notice.Outgoing, thread_ts: str = ""
    ) -> str:
        """Post and return the message's ts.

        Raises RateLimited; Ambiguous if it may have been posted; Unavailable if it certainly was
        not; Refused if Slack will never take it; MessageGone if the thread is gone.
        """

    async def update(
        self, channel: str, ts: str, message: Message, *, row: notice.Outgoing
    ) -> None:
        """Edit in place. Raises as `post`, never Ambiguous: an edit may be repeated."""

    async def find(
        self, channel: str, outbox_id: str, *, since: datetime, thread_ts: str = ""
    ) -> str | None:
        """Return the ts of the message that carries that outbox id, or None if there is none.

        Raises Unavailable if the history cannot be read now, Refused if it never can.
        """


class Telemetry(Protocol):
    """Numbers about the bot itself; names and labels as in docs/reference/metrics.md."""

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        """Raise a counter."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""


@dataclass(frozen=True, slots=True)
class JobState:
    """A scheduled job as `/flannel schedule` shows it."""

    name: str
    trigger: str
    next_run: datetime | None
    last_run: datetime | None
    last_seconds: float | None
    last_result: str
    failures: int
    missed: int
    overlapped: int
    cluster: str = ""
    """Whose it is; empty where it is of all."""


class Schedule(Protocol):
    """The scheduler, to be looked at."""

    def jobs(self) -> Sequence[JobState]:
        """Return every job."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of one host, and sentences about what could not be."""

    kernel: Kernel
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PodAddress:
    """A running pod with an address of its own, and its containers in their order."""

    namespace: str
    name: str
    ip: str
    containers: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Its namespace and name, as people write them."""
        return f"{self.namespace}/{self.name}"


class Looker(Protocol):
    """One cluster's nodes, from inside. Nothing of it changes anything."""

    async def by_exec(
        self, namespace: str, pod: str, container: str, *, touch: Sequence[str], within: float
    ) -> Look:
        """Look from within a container of the host's network, for at most `within` seconds.

        `touch` are pod IPs that are to be spoken to first, so that the host knows their MACs.
        Raises Unavailable.
        """

    async def iflink(self, namespace: str, pod: str, container: str, *, within: float) -> int:
        """Return the number of the host's NIC that a pod's eth0 ends at, read by the pod itself.

        Raises Unavailable, also where its image has no means to read a file.
        """

    async def pods_on(self, node: str) -> list[PodAddress]:
        """Return the running pods of a node that have an address of their own."""

    async def net_conf(self, namespace: str) -> NetConf | None:
        """Return flannel's configuration, None where there is none. Raises Unavailable."""


Progress = Callable[[int, int], None]
"""Told how many of how many are done; cheap, never raises."""


class Inspections(Protocol):
    """One cluster's nodes, looked at deeply: shared, bounded, remembered."""

    def latest(self) -> Mapping[str, Inspection]:
        """Return the newest inspection of each node that was ever looked at, by node."""

    def unseen(self) -> Mapping[str, Unseen]:
        """Return the nodes whose last look showed no tables, though it was tried."""

    async def node(self, name: str, *, max_age: timedelta) -> Inspection:
        """Return an inspection not older than that, looking anew if need be.

        Where a probe pod is needed to look, one of the last minutes is returned instead of another.
        Those who ask for the same node at once share one look. Raises Refused with the nearest
        names if there is no such node or nothing may look at it, Unavailable if looking failed.
        """

    async def nodes(
        self, names: Sequence[str], *, max_age: timedelta, progress: Progress | None = None
    ) -> Mapping[str, Inspection | str]:
        """Return an inspection of each node, or the sentence that says why there is none."""

    async def net_conf(self, namespace: str) -> NetConf | None:
        """Return flannel's configuration of that namespace, None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class File:
    """Something to be uploaded; `alt` is its text for those who do not see it."""

    name: str
    title: str
    content: bytes
    alt: str = ""


Channels = Mapping[str, str]
"""Cluster name -> channel id."""
