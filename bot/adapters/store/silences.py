"""Silences, over SQL."""

import dataclasses
from datetime import datetime

import sqlalchemy as sa

from bot.adapters.store import engine, rows, tables
from bot.domain import errors
from bot.domain.silence import Silence


def _alive(now: datetime) -> sa.Select[int, str]:
    table = tables.silences
    return (
        sa.select(table.c.id, table.c.document)
        .where(table.c.until > now, table.c.ended_at.is_(None))
        .order_by(table.c.id)
    )


def to_silence(row: sa.Row[int, str]) -> Silence:
    """Return the silence of a row of (id, document)."""
    found = rows.decoded(Silence, row.document, what=f"SIL-{row.id}")
    return dataclasses.replace(found, id=row.id)


class SqlSilences:
    """Silences in one open transaction. Implements `silence_ports.Silences`."""

    def __init__(self, session: engine.Session) -> None:
        self._session = session

    async def alive(self, *, now: datetime) -> list[Silence]:
        """Return those that are not over, oldest first."""
        return [to_silence(row) for row in await self._session.run(_alive(now))]

    async def get(self, number: int) -> Silence | None:
        """Return one by its number."""
        table = tables.silences
        statement = sa.select(table.c.id, table.c.document).where(table.c.id == number)
        row = (await self._session.run(statement)).first()
        return None if row is None else to_silence(row)

    async def save(self, value: Silence) -> Silence:
        """Insert (id 0) or replace; return it with its id. Raises Conflict for an unknown id."""
        table = tables.silences
        values = {
            "until": value.until,
            "ended_at": value.ended_at,
            "document": rows.document(value),
        }
        if value.id == 0:
            made = await self._session.run(sa.insert(table).values(**values))
            return dataclasses.replace(value, id=engine.given_number(made))
        changed = await self._session.run(
            sa.update(table).where(table.c.id == value.id).values(**values)
        )
        if changed.rowcount == 0:
            raise errors.Conflict(f"{value.name} is not in the store")
        return value


class SqlSilenceReads:
    """Silences as they may be read at any time. Implements `silence_ports.SilenceReads`."""

    def __init__(self, database: engine.Database) -> None:
        self._database = database

    async def alive(self, *, now: datetime) -> list[Silence]:
        """Return those that are not over, oldest first."""
        return [to_silence(row) for row in await self._database.read(_alive(now))]

    async def latest(self, limit: int) -> list[Silence]:
        """Return the newest, over or not, newest first."""
        table = tables.silences
        statement = sa.select(table.c.id, table.c.document).order_by(table.c.id.desc()).limit(limit)
        return [to_silence(row) for row in await self._database.read(statement)]
