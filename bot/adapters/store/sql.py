"""The store over SQL: `bot.flow.ports.Store` for SQLite and PostgreSQL."""

import dataclasses
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.adapters.store import (
    engine,
    offices,
    options,
    outbox,
    refusals,
    remedy,
    revision,
    rows,
    samples,
    silences,
    tables,
    upkeep,
    wishes,
)
from bot.adapters.store import location as locations
from bot.domain import errors, ledger, notice
from bot.domain.incident import Incident
from bot.domain.incident import State as IncidentState
from bot.flow import ports

PROBE = "store.probe"
"""The mark that `check_writable` writes."""
_ROOM = "store.room"
_ROOM_SIZE = 65_536
"""Characters, which is more than the units of an ordinary cycle write."""


def _unresolved() -> sa.ColumnElement[bool]:
    return tables.incidents.c.state.in_(
        [IncidentState.OPEN.value, IncidentState.ACKNOWLEDGED.value]
    )


def _posted(number: int) -> sa.Select[*tuple[Any, ...]]:
    posted = tables.posted
    return sa.select(posted).where(posted.c.incident == number).order_by(posted.c.channel)


def _incident(number: int) -> sa.Select[int, str]:
    table = tables.incidents
    return sa.select(table.c.id, table.c.document).where(table.c.id == number)


def _of_cycle(cluster: str, resolved_after: datetime) -> sa.Select[int, str]:
    table = tables.incidents
    lately = sa.and_(
        table.c.state == IncidentState.RESOLVED.value, table.c.resolved_at > resolved_after
    )
    return (
        sa.select(table.c.id, table.c.document)
        .where(table.c.cluster == cluster, sa.or_(_unresolved(), lately))
        .order_by(table.c.id)
    )


def _incidents(*, cluster: str | None, unresolved: bool, limit: int) -> sa.Select[int, str]:
    table = tables.incidents
    statement = sa.select(table.c.id, table.c.document).order_by(table.c.id.desc()).limit(limit)
    if cluster is not None:
        statement = statement.where(table.c.cluster == cluster)
    if unresolved:
        statement = statement.where(_unresolved())
    return statement


def _timeline(subject: str, limit: int) -> sa.Select[*tuple[Any, ...]]:
    table = tables.timeline
    return (
        sa.select(table).where(table.c.subject == subject).order_by(table.c.id.desc()).limit(limit)
    )


def _shown_at(channel: str, ts: str) -> sa.Select[int]:
    table = tables.posted
    return (
        sa.select(table.c.incident)
        .where(table.c.channel == channel, table.c.ts == ts)
        .order_by(table.c.incident)
    )


class SqlUnit:
    """One open transaction. Implements `ports.Unit`."""

    def __init__(self, session: engine.Session) -> None:
        self._session = session
        self.remedy = remedy.SqlRemedies(session)
        self.silences = silences.SqlSilences(session)

    async def incidents(self, cluster: str, *, resolved_after: datetime) -> list[Incident]:
        """Return the cluster's incidents not resolved, or resolved after that moment."""
        found = await self._session.run(_of_cycle(cluster, resolved_after))
        return [rows.to_incident(row) for row in found]

    async def incident(self, number: int) -> Incident | None:
        """Return one incident by its number."""
        row = (await self._session.run(_incident(number))).first()
        return None if row is None else rows.to_incident(row)

    async def save_incident(self, value: Incident) -> Incident:
        """Insert (id 0) or replace; return it with its id. Raises Conflict for an unknown id."""
        table = tables.incidents
        values = rows.incident_values(value)
        if value.id == 0:
            result = await self._session.run(sa.insert(table).values(**values))
            return dataclasses.replace(value, id=engine.given_number(result))
        result = await self._session.run(
            sa.update(table).where(table.c.id == value.id).values(**values)
        )
        if result.rowcount == 0:
            raise refusals.unknown_incident(value.id)
        return value

    async def save_records(self, cluster: str, records: Sequence[ledger.Record]) -> None:
        """Insert or replace ledger records by (pod uid, container)."""
        if records:
            statement = self._session.upsert(tables.ledger, ("document",))
            await self._session.run(
                statement, [rows.record_values(cluster, record) for record in records]
            )

    async def forget_records(self, cluster: str, keys: Sequence[tuple[str, str]]) -> None:
        """Delete ledger records by (pod uid, container)."""
        if keys:
            table = tables.ledger
            statement = sa.delete(table).where(
                table.c.cluster == cluster,
                table.c.uid == sa.bindparam("of_uid"),
                table.c.container == sa.bindparam("of_container"),
            )
            await self._session.run(
                statement, [{"of_uid": uid, "of_container": name} for uid, name in keys]
            )

    async def enqueue(self, row: notice.Outgoing) -> None:
        """Add a row; a pending CARD or PLAN of the same thing and channel is kept instead."""
        await outbox.enqueue(self._session, row)

    async def posted(self, number: int) -> list[notice.Posted]:
        """Return where that incident is shown."""
        return [rows.to_posted(row) for row in await self._session.run(_posted(number))]

    async def set_mark(self, key: str, value: str) -> None:
        """Remember a small fact."""
        statement = self._session.upsert(tables.marks, ("value",))
        await self._session.run(statement, [{"key": key, "value": rows.text(value)}])

    async def check_room(self) -> None:
        """Raise Unavailable where SQLite's file can take no more pages.

        A row that is rewritten in its place takes none, so it says nothing of a full disk. What
        is tried is taken back before anything reaches the file. PostgreSQL is not tried so: it
        would have to be vacuumed of each try, and it writes to its log for any row.
        """
        if not self._session.in_a_file:
            return
        await self._session.run(sa.text("SAVEPOINT room"))
        # Where it does not succeed, SQLite may have rolled back all already; the unit does too.
        await self.set_mark(_ROOM, "x" * _ROOM_SIZE)
        await self._session.run(sa.text("ROLLBACK TO room"))
        await self._session.run(sa.text("RELEASE room"))

    async def add_timeline(self, *, at: datetime, subject: str, kind: str, text: str) -> None:
        """Append to the story of a subject."""
        await self._session.run(
            sa.insert(tables.timeline).values(
                at=at, subject=subject, kind=kind, text=rows.text(text)
            )
        )


class SqlStore:
    """An open database at the code's revision. Implements `ports.Store` and `leading.Office`.

    `epoch` says under which epoch of leadership it writes, None under none; `office` is what is
    led.
    """

    def __init__(
        self,
        database: engine.Database,
        *,
        epoch: Callable[[], int | None] = lambda: None,
        office: str = offices.MARK,
    ) -> None:
        self._database = database
        self._epoch = epoch
        self._office = office
        self.remedy = remedy.SqlRemedyReads(database)
        self.samples = samples.SqlSamples(database)
        self.upkeep = upkeep.SqlUpkeep(database)
        self.silences = silences.SqlSilenceReads(database)
        self.wishes = wishes.SqlWishes(database, self._writing)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[ports.Unit]:
        """Open a transaction; it commits at a clean exit and rolls back otherwise."""
        async with self._writing() as session:
            yield SqlUnit(session)

    @asynccontextmanager
    async def _writing(self, *, trying: bool = False) -> AsyncIterator[engine.Session]:
        async with self._database.writing(trying=trying) as session:
            mine = self._epoch()
            if mine is not None:
                await offices.check(session, mine, office=self._office)
            yield session

    def under(self, epoch: Callable[[], int | None]) -> "SqlStore":
        """Return this store as a leader writes it: Superseded once a newer epoch has begun."""
        return SqlStore(self._database, epoch=epoch, office=self._office)

    def of_office(self, name: str) -> "SqlStore":
        """Return this store for the leaders of another office, with epochs of its own."""
        return SqlStore(self._database, epoch=self._epoch, office=f"{offices.MARK}/{name}")

    async def enter(self, holder: str) -> int:
        """Begin a new epoch; what is written under an older one is refused from now on."""
        async with self._database.writing() as session:
            return await offices.begin(session, holder, office=self._office)

    async def current(self) -> int:
        """Return the epoch in force, 0 where there was none yet."""
        return offices.number(await self.mark(self._office))

    async def records(self, cluster: str) -> list[ledger.Record]:
        """Return the whole ledger of a cluster."""
        table = tables.ledger
        found = await self._database.read(
            sa.select(table.c.uid, table.c.document)
            .where(table.c.cluster == cluster)
            .order_by(table.c.uid, table.c.container)
        )
        return [rows.to_record(row) for row in found]

    async def mark(self, key: str) -> str | None:
        """Return a remembered fact."""
        table = tables.marks
        found = await self._database.read(sa.select(table.c.value).where(table.c.key == key))
        return str(found[0].value) if found else None

    async def incident(self, number: int) -> Incident | None:
        """Return one incident by its number."""
        found = await self._database.read(_incident(number))
        return rows.to_incident(found[0]) if found else None

    async def incidents(
        self, *, cluster: str | None = None, unresolved: bool = True, limit: int = 50
    ) -> list[Incident]:
        """Return incidents, newest first; with `unresolved` False the resolved ones too."""
        statement = _incidents(cluster=cluster, unresolved=unresolved, limit=limit)
        return [rows.to_incident(row) for row in await self._database.read(statement)]

    async def timeline(self, subject: str, *, limit: int = 50) -> list[ports.TimelineEntry]:
        """Return a subject's story, oldest first; of a long one, its last `limit` lines."""
        newest_first = await self._database.read(_timeline(subject, limit))
        return [rows.to_entry(row) for row in reversed(newest_first)]

    async def claim(self, *, now: datetime, channel: str | None = None) -> notice.Outgoing | None:
        """Take the next row that is due and mark it CLAIMED; its `attempts` count this one."""
        async with self._writing() as session:
            return await outbox.claim(session, now=now, channel=channel)

    async def claimed(self) -> list[notice.Outgoing]:
        """Return rows found CLAIMED."""
        return [rows.to_outgoing(row) for row in await self._database.read(outbox.claimed())]

    async def due_channels(self, *, now: datetime) -> dict[str, int]:
        """Return channels with due rows and how many first cards wait in each."""
        found = await self._database.read(outbox.due_channels(now=now))
        return {channel: int(first_cards) for channel, first_cards in found}

    async def due_cards(self, channel: str, *, now: datetime) -> list[notice.Outgoing]:
        """Return pending CARD rows of incidents not yet shown in that channel, oldest first."""
        found = await self._database.read(outbox.due_cards(channel, now=now))
        return [rows.to_outgoing(row) for row in found]

    async def collapse(self, rows: Sequence[notice.Outgoing], digest: notice.Outgoing) -> None:
        """Replace those pending CARD rows by one pending DIGEST row, in one transaction."""
        async with self._writing() as session:
            await outbox.collapse(session, rows, digest)

    async def delivered(
        self,
        rows: Sequence[notice.Outgoing],
        *,
        at: datetime,
        posted: Sequence[notice.Posted | notice.PostedPlan] = (),
    ) -> None:
        """Mark rows SENT and remember where incidents and plans are shown, in one transaction."""
        async with self._writing() as session:
            await outbox.delivered(session, rows, at=at, posted=posted)

    async def postpone(
        self, row: notice.Outgoing, *, not_before: datetime, error: str, forget_posted: bool = False
    ) -> None:
        """Give a row back, to be tried from `not_before` on; a newer pending one replaces it."""
        async with self._writing() as session:
            await outbox.postpone(
                session, row, not_before=not_before, error=error, forget_posted=forget_posted
            )

    async def failed(self, row: notice.Outgoing, *, at: datetime, error: str) -> None:
        """Mark a row FAILED for good."""
        async with self._writing() as session:
            await outbox.failed(session, row, at=at, error=error)

    async def posted(self, number: int) -> list[notice.Posted]:
        """Return where that incident is shown."""
        return [rows.to_posted(row) for row in await self._database.read(_posted(number))]

    async def posted_plan(self, number: int) -> list[notice.PostedPlan]:
        """Return where that plan is shown."""
        table = tables.posted_plans
        found = await self._database.read(
            sa.select(table).where(table.c.plan == number).order_by(table.c.channel)
        )
        return [rows.to_posted_plan(row) for row in found]

    async def shown_at(self, channel: str, ts: str) -> list[int]:
        """Return the incidents that one message shows."""
        found = await self._database.read(_shown_at(channel, ts))
        return [row.incident for row in found]

    async def outbox(self) -> ports.OutboxState:
        """Return how much waits."""
        return outbox.to_state(await self._database.read(outbox.depth()))

    async def check_writable(self) -> None:
        """Write something and commit it. Raises Unavailable if that is not possible now.

        It is not, either, while the last that was to be stored found no room: what is written here
        is little, and a full disk may have as much left.
        """
        async with self._writing(trying=True) as session:
            unit = SqlUnit(session)
            await unit.check_room()
            # A new value each time: SQLite leaves a page alone that would not change.
            await unit.set_mark(PROBE, secrets.token_hex(8))
        if self._database.no_room:
            raise errors.Unavailable(
                f"{self._database.no_room}; nothing has been stored since a write failed so"
            )


@asynccontextmanager
async def opened(options: options.Options) -> AsyncIterator[SqlStore]:
    """Open the store, and close it at the end.

    Raises Misconfigured where only a person can help: the file cannot be there, is damaged or
    not a database, has not been upgraded, or was written by a newer version. Raises Unavailable
    where the database does not answer now.
    """
    location = locations.parse(options.url)
    locations.prepare(location, options)
    if await revision.state(options) is not revision.State.CURRENT:
        raise errors.Misconfigured(
            f"database.url: {location.name} is older than this version of the bot; run "
            "`flannel-bot db upgrade`"
        )
    database = engine.Database(location, options)
    try:
        async with database.writing(starting=True) as session:
            await session.check_integrity()
        yield SqlStore(database)
    finally:
        await database.close()
