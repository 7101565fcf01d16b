"""The store in memory: the same promises but durability.

For one pass of `check`, which keeps nothing, and for tests of the flow. A unit works on a copy
that takes the place of the state at the commit, so that readers never see half of one and a
rollback is to forget the copy. Costs a copy of the dictionaries a unit: not for long lives.
"""

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bot.adapters.store import (
    memory_remedy,
    memory_samples,
    memory_silences,
    memory_wishes,
    refusals,
    turns,
)
from bot.domain import ledger, notice
from bot.domain.incident import Incident
from bot.domain.incident import State as IncidentState
from bot.flow import ports

UNSETTLED = (notice.Delivery.PENDING, notice.Delivery.CLAIMED)


@dataclasses.dataclass(slots=True)
class State:
    """Everything remembered. Values are frozen, so copying the dictionaries copies it all."""

    incidents: dict[int, Incident] = dataclasses.field(default_factory=dict)
    records: dict[tuple[str, str, str], ledger.Record] = dataclasses.field(default_factory=dict)
    outbox: dict[int, notice.Outgoing] = dataclasses.field(default_factory=dict)
    """By order of insertion."""
    posted: dict[tuple[int, str], notice.Posted] = dataclasses.field(default_factory=dict)
    posted_plans: dict[tuple[int, str], notice.PostedPlan] = dataclasses.field(default_factory=dict)
    marks: dict[str, str] = dataclasses.field(default_factory=dict)
    timeline: dict[str, tuple[ports.TimelineEntry, ...]] = dataclasses.field(default_factory=dict)
    remedy: memory_remedy.Remedy = dataclasses.field(default_factory=memory_remedy.Remedy)
    silences: memory_silences.Kept = dataclasses.field(default_factory=dict)
    last_incident: int = 0
    last_seq: int = 0

    def copy(self) -> "State":
        """Return an independent state."""
        return State(
            incidents=dict(self.incidents),
            records=dict(self.records),
            outbox=dict(self.outbox),
            posted=dict(self.posted),
            posted_plans=dict(self.posted_plans),
            marks=dict(self.marks),
            timeline=dict(self.timeline),
            remedy=self.remedy.copy(),
            silences=dict(self.silences),
            last_incident=self.last_incident,
            last_seq=self.last_seq,
        )

    def shown(self, row: notice.Outgoing) -> bool:
        """Whether what the row tells of is shown in the row's channel."""
        if row.plan is not None:
            return (row.plan, row.channel) in self.posted_plans
        return row.incident is not None and (row.incident, row.channel) in self.posted

    def card_refused(self, row: notice.Outgoing) -> bool:
        """Whether the card that a row waits for was refused for good, and no other is to come."""
        refused = False
        for other in self.outbox.values():
            if other.channel != row.channel:
                continue
            mine = _live(other) and _subject(other) == _subject(row)
            digest = row.plan is None and row.incident in other.incidents
            if other.delivery in UNSETTLED and (mine or digest):
                return False
            refused = refused or (mine and other.delivery is notice.Delivery.FAILED)
        return refused

    def first_card(self, row: notice.Outgoing) -> bool:
        """Whether the row will be the first message about its incident in its channel."""
        return row.kind is notice.Kind.CARD and not self.shown(row)

    def due(self, now: datetime) -> Iterator[tuple[int, notice.Outgoing]]:
        """Yield (order, row) of what may be claimed."""
        waiting = [(seq, row) for seq, row in self.outbox.items() if row.delivery in UNSETTLED]
        for seq, row in waiting:
            if row.delivery is not notice.Delivery.PENDING:
                continue
            if row.not_before is not None and row.not_before > now:
                continue
            others = [(n, other) for n, other in waiting if other.channel == row.channel]
            if _live(row) and any(_same_first(row, other) for _, other in others):
                continue
            if row.kind is notice.Kind.DETAIL and (
                not (self.shown(row) or self.card_refused(row))
                or any(
                    n < seq and other.kind is row.kind and _subject(other) == _subject(row)
                    for n, other in others
                )
            ):
                continue
            yield seq, row

    def find(self, identifier: str) -> int | None:
        """Return the order of a row that is not settled."""
        for seq, row in self.outbox.items():
            if row.id == identifier and row.delivery in UNSETTLED:
                return seq
        return None

    def pending_live(self, row: notice.Outgoing) -> int | None:
        """Return the order of another pending row that shows the same thing; only of live ones."""
        if not _live(row):
            return None
        for seq, other in self.outbox.items():
            if (
                _live(other)
                and other.delivery is notice.Delivery.PENDING
                and (_subject(other), other.channel) == (_subject(row), row.channel)
                and other.id != row.id
            ):
                return seq
        return None

    def require_plan(self, number: int) -> None:
        """Raise Conflict for a plan that is not here."""
        if number not in self.remedy.plans:
            raise refusals.unknown_plan(number)

    def enqueue(self, row: notice.Outgoing) -> None:
        """Add a row, or let a pending one that shows the same speak for it too."""
        refusals.checked(row)
        if (seq := self.pending_live(row)) is not None:
            kept = self.outbox[seq]
            better = min(kept.priority, row.priority)
            self.outbox[seq] = dataclasses.replace(kept, priority=better)
            return
        for number in sorted({*row.incidents, *([] if row.incident is None else [row.incident])}):
            if number not in self.incidents:
                raise refusals.unknown_incident(number)
        if row.plan is not None:
            self.require_plan(row.plan)
        if any(other.id == row.id for other in self.outbox.values()):
            raise refusals.duplicate(row.id)
        self.last_seq += 1
        self.outbox[self.last_seq] = row


def _same_first(card: notice.Outgoing, other: notice.Outgoing) -> bool:
    """Whether that row, on its way, may become the message that this card would edit."""
    if _live(other):
        return other.delivery is notice.Delivery.CLAIMED and _subject(other) == _subject(card)
    digest = card.kind is notice.Kind.CARD and other.kind is notice.Kind.DIGEST
    return digest and card.incident in other.incidents


def _live(row: notice.Outgoing) -> bool:
    """Whether a row is a message that is posted once and then edited."""
    return row.kind in (notice.Kind.CARD, notice.Kind.PLAN)


def _subject(row: notice.Outgoing) -> tuple[str, int | None]:
    """What a row tells of: a plan where it names one, else an incident."""
    return ("plan", row.plan) if row.plan is not None else ("incident", row.incident)


class MemoryUnit:
    """One open transaction. Implements `ports.Unit`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.remedy = memory_remedy.MemoryRemedies(state.remedy)
        self.silences = memory_silences.MemorySilences(state.silences)

    async def incidents(self, cluster: str, *, resolved_after: datetime) -> list[Incident]:
        """Return the cluster's incidents not resolved, or resolved after that moment."""
        return [
            value
            for _, value in sorted(self._state.incidents.items())
            if value.cluster == cluster
            and (
                value.state is not IncidentState.RESOLVED
                or (value.resolved_at is not None and value.resolved_at > resolved_after)
            )
        ]

    async def incident(self, number: int) -> Incident | None:
        """Return one incident by its number."""
        return self._state.incidents.get(number)

    async def save_incident(self, value: Incident) -> Incident:
        """Insert (id 0) or replace; return it with its id. Raises Conflict for an unknown id."""
        if value.id == 0:
            self._state.last_incident += 1
            value = dataclasses.replace(value, id=self._state.last_incident)
        elif value.id not in self._state.incidents:
            raise refusals.unknown_incident(value.id)
        self._state.incidents[value.id] = value
        return value

    async def save_records(self, cluster: str, records: Sequence[ledger.Record]) -> None:
        """Insert or replace ledger records by (pod uid, container)."""
        for record in records:
            self._state.records[cluster, record.uid, record.container] = record

    async def forget_records(self, cluster: str, keys: Sequence[tuple[str, str]]) -> None:
        """Delete ledger records by (pod uid, container)."""
        for uid, container in keys:
            self._state.records.pop((cluster, uid, container), None)

    async def enqueue(self, row: notice.Outgoing) -> None:
        """Add a row; a pending CARD or PLAN of the same thing and channel is kept instead."""
        self._state.enqueue(row)

    async def posted(self, number: int) -> list[notice.Posted]:
        """Return where that incident is shown."""
        return _posted(self._state, number)

    async def set_mark(self, key: str, value: str) -> None:
        """Remember a small fact."""
        self._state.marks[key] = value

    async def add_timeline(self, *, at: datetime, subject: str, kind: str, text: str) -> None:
        """Append to the story of a subject."""
        entry = ports.TimelineEntry(at=at, subject=subject, kind=kind, text=text)
        self._state.timeline[subject] = (*self._state.timeline.get(subject, ()), entry)


def _posted(state: State, number: int) -> list[notice.Posted]:
    return [value for (of, _), value in sorted(state.posted.items()) if of == number]


class MemoryStore:
    """Implements `ports.Store`; gone with the process."""

    def __init__(self, *, turn_timeout: timedelta = timedelta(seconds=10)) -> None:
        self._state = State()
        self.remedy = memory_remedy.MemoryRemedyReads(lambda: self._state.remedy)
        self.samples = memory_samples.MemorySamples()
        self.wishes = memory_wishes.MemoryWishes()
        self.silences = memory_silences.MemorySilenceReads(lambda: self._state.silences)
        self._turns = turns.Turns(turn_timeout)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[State]:
        async with self._turns.turn():
            draft = self._state.copy()
            yield draft
            self._state = draft

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[ports.Unit]:
        """Open a transaction; it commits at a clean exit and rolls back otherwise."""
        async with self._writing() as draft:
            yield MemoryUnit(draft)

    async def records(self, cluster: str) -> list[ledger.Record]:
        """Return the whole ledger of a cluster."""
        return [value for (of, _, _), value in sorted(self._state.records.items()) if of == cluster]

    async def mark(self, key: str) -> str | None:
        """Return a remembered fact."""
        return self._state.marks.get(key)

    async def incident(self, number: int) -> Incident | None:
        """Return one incident by its number."""
        return self._state.incidents.get(number)

    async def incidents(
        self, *, cluster: str | None = None, unresolved: bool = True, limit: int = 50
    ) -> list[Incident]:
        """Return incidents, newest first; with `unresolved` False the resolved ones too."""
        found = [
            value
            for _, value in sorted(self._state.incidents.items(), reverse=True)
            if cluster in (None, value.cluster)
            and not (unresolved and value.state is IncidentState.RESOLVED)
        ]
        return found[:limit]

    async def timeline(self, subject: str, *, limit: int = 50) -> list[ports.TimelineEntry]:
        """Return a subject's story, oldest first; of a long one, its last `limit` lines."""
        story = self._state.timeline.get(subject, ())
        return list(story[max(0, len(story) - limit) :])

    async def claim(self, *, now: datetime, channel: str | None = None) -> notice.Outgoing | None:
        """Take the next row that is due and mark it CLAIMED; its `attempts` count this one."""
        async with self._writing() as draft:
            due = [
                (row.priority, row.created_at, seq)
                for seq, row in draft.due(now)
                if channel in (None, row.channel)
            ]
            if not due:
                return None
            _, _, seq = min(due)
            row = draft.outbox[seq]
            draft.outbox[seq] = dataclasses.replace(
                row,
                delivery=notice.Delivery.CLAIMED,
                claimed_at=now,
                attempts=row.attempts + 1,
            )
            return draft.outbox[seq]

    async def claimed(self) -> list[notice.Outgoing]:
        """Return rows found CLAIMED."""
        found = [
            (row.claimed_at or row.created_at, seq)
            for seq, row in self._state.outbox.items()
            if row.delivery is notice.Delivery.CLAIMED
        ]
        return [self._state.outbox[seq] for _, seq in sorted(found)]

    async def due_channels(self, *, now: datetime) -> dict[str, int]:
        """Return channels with due rows and how many first cards wait in each."""
        counts: dict[str, int] = {}
        for _, row in self._state.due(now):
            counts[row.channel] = counts.get(row.channel, 0) + self._state.first_card(row)
        return counts

    async def due_cards(self, channel: str, *, now: datetime) -> list[notice.Outgoing]:
        """Return pending CARD rows of incidents not yet shown in that channel, oldest first."""
        found = [
            (row.created_at, seq)
            for seq, row in self._state.due(now)
            if row.channel == channel and self._state.first_card(row)
        ]
        return [self._state.outbox[seq] for _, seq in sorted(found)]

    async def collapse(self, rows: Sequence[notice.Outgoing], digest: notice.Outgoing) -> None:
        """Replace those pending CARD rows by one pending DIGEST row, in one transaction."""
        async with self._writing() as draft:
            given = {row.id for row in rows}
            pending = {
                row.incident: seq
                for seq, row in draft.outbox.items()
                if row.id in given
                and row.kind is notice.Kind.CARD
                and row.delivery is notice.Delivery.PENDING
            }
            members = tuple(n for n in dict.fromkeys(digest.incidents) if n in pending)
            if members:
                for number in members:
                    del draft.outbox[pending[number]]
                draft.enqueue(dataclasses.replace(digest, incidents=members))

    async def delivered(
        self,
        rows: Sequence[notice.Outgoing],
        *,
        at: datetime,
        posted: Sequence[notice.Posted | notice.PostedPlan] = (),
    ) -> None:
        """Mark rows SENT and remember where incidents and plans are shown, in one transaction."""
        async with self._writing() as draft:
            for place in posted:
                if isinstance(place, notice.PostedPlan):
                    draft.require_plan(place.plan)
                    draft.posted_plans[place.plan, place.channel] = place
                    continue
                if place.incident not in draft.incidents:
                    raise refusals.unknown_incident(place.incident)
                draft.posted[place.incident, place.channel] = place
            for row in rows:
                _settle(
                    draft,
                    row,
                    lambda found: dataclasses.replace(
                        found, delivery=notice.Delivery.SENT, sent_at=at, error=""
                    ),
                )

    async def postpone(
        self, row: notice.Outgoing, *, not_before: datetime, error: str, forget_posted: bool = False
    ) -> None:
        """Give a row back, to be tried from `not_before` on; a newer pending one replaces it."""
        async with self._writing() as draft:
            if forget_posted and row.plan is not None:
                draft.posted_plans.pop((row.plan, row.channel), None)
            elif forget_posted and row.incident is not None:
                draft.posted.pop((row.incident, row.channel), None)
            mine = draft.find(row.id)
            if mine is None:
                return
            stored = draft.outbox[mine]
            newer = draft.pending_live(stored)
            if newer is None:
                draft.outbox[mine] = dataclasses.replace(
                    stored,
                    delivery=notice.Delivery.PENDING,
                    not_before=not_before,
                    claimed_at=None,
                    error=error,
                )
                return
            # The newer one takes over the place in the line and the wait, see `outbox.postpone`.
            kept = draft.outbox[newer]
            draft.outbox[newer] = dataclasses.replace(
                kept,
                priority=min(kept.priority, stored.priority),
                created_at=min(kept.created_at, stored.created_at),
                attempts=max(kept.attempts, stored.attempts),
                not_before=not_before,
                error=error,
            )
            del draft.outbox[mine]

    async def failed(self, row: notice.Outgoing, *, at: datetime, error: str) -> None:
        """Mark a row FAILED for good."""
        del at  # Kept by a durable store, for the day when old rows are cleared away.
        async with self._writing() as draft:
            _settle(
                draft,
                row,
                lambda found: dataclasses.replace(
                    found, delivery=notice.Delivery.FAILED, error=error
                ),
            )

    async def posted(self, number: int) -> list[notice.Posted]:
        """Return where that incident is shown."""
        return _posted(self._state, number)

    async def posted_plan(self, number: int) -> list[notice.PostedPlan]:
        """Return where that plan is shown."""
        places = sorted(self._state.posted_plans.items())
        return [value for (of, _), value in places if of == number]

    async def shown_at(self, channel: str, ts: str) -> list[int]:
        """Return the incidents that one message shows."""
        return [
            value.incident
            for (_, of), value in sorted(self._state.posted.items())
            if of == channel and value.ts == ts
        ]

    async def outbox(self) -> ports.OutboxState:
        """Return how much waits."""
        rows = self._state.outbox.values()
        waiting = [row.created_at for row in rows if row.delivery in UNSETTLED]
        return ports.OutboxState(
            pending=len(waiting),
            oldest=min(waiting, default=None),
            failed=sum(row.delivery is notice.Delivery.FAILED for row in rows),
        )

    async def check_writable(self) -> None:
        """Take a turn as a writer. Raises Unavailable if it does not come."""
        async with self._writing():
            return


def _settle(
    state: State, row: notice.Outgoing, change: Callable[[notice.Outgoing], notice.Outgoing]
) -> None:
    seq = state.find(row.id)
    if seq is not None:
        state.outbox[seq] = change(state.outbox[seq])
