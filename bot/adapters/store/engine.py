"""Connections and transactions: one writer at a time, readers beside it.

SQLite begins every unit with BEGIN IMMEDIATE. The driver's own habit, to open a transaction at
the first write, loses updates without a word, and a transaction that starts as a reader fails at
once when it wants to write, however long the busy timeout. PostgreSQL takes one advisory lock at
the start of a unit, so that a read and the write that follows from it are one there too.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.adapters.store import faults, options, turns
from bot.adapters.store import location as locations
from bot.domain import errors

WRITER_LOCK = 0x666C616E6E656C01
"""The advisory lock of units on PostgreSQL; any number that others are unlikely to choose."""

Upsert = sqlite.Insert | postgresql.Insert


def create(
    location: locations.Location,
    options: options.Options,
    *,
    writer: bool,
    pool_size: int,
    migrating: bool = False,
) -> AsyncEngine:
    """Return an engine that opens nothing yet. `migrating` is for the rebuilding of tables."""
    common: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": options.turn_timeout.total_seconds(),
        "hide_parameters": True,  # Log tails are parameters, and errors are logged.
    }
    if location.path is None:
        if not writer:
            common["isolation_level"] = "AUTOCOMMIT"
        return create_async_engine(
            location.url,
            pool_pre_ping=True,
            connect_args={
                "timeout": options.connect_timeout.total_seconds(),
                "command_timeout": None if migrating else options.answer_timeout.total_seconds(),
            },
            **common,
        )
    engine = create_async_engine(
        location.url,
        # None: the driver begins nothing by itself.
        connect_args={
            "isolation_level": None,
            "timeout": options.busy_timeout.total_seconds(),
        },
        **common,
    )
    pragmas = _writer_pragmas(migrating=migrating) if writer else ("PRAGMA query_only = ON",)

    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401
        with ExitStack() as fault:
            # The pool does not know the connection yet, so nobody else would close it.
            fault.callback(connection.close)
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(pragma)
            cursor.close()
            fault.pop_all()

    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    sa.event.listen(engine.sync_engine, "connect", prepare)
    if writer:
        sa.event.listen(engine.sync_engine, "begin", begin)
    return engine


def _writer_pragmas(*, migrating: bool) -> tuple[str, ...]:
    return (
        "PRAGMA journal_mode = WAL",
        # With NORMAL the last commits may be lost with the power, and an alert with them.
        "PRAGMA synchronous = FULL",
        # A migration drops a table to build it anew, which would empty those that refer to it.
        f"PRAGMA foreign_keys = {'OFF' if migrating else 'ON'}",
    )


def given_number(result: sa.CursorResult[*tuple[Any, ...]]) -> int:
    """Return the number that the database gave an inserted row."""
    key = result.inserted_primary_key
    if key is None:
        raise TypeError("the statement inserted no single row")
    return int(key[0])


def _limit(name: str, within: timedelta) -> sa.Function[Any]:
    """Set one of PostgreSQL's time limits for the transaction."""
    return sa.func.set_config(name, f"{int(within.total_seconds() * 1000)}ms", True)


class Session:
    """Statements of one open unit. A cancelled caller never interrupts the driver."""

    def __init__(self, connection: AsyncConnection, location: locations.Location) -> None:
        self._connection = connection
        self._location = location
        self.wrote = False
        """Whether anything was changed."""

    @property
    def in_a_file(self) -> bool:
        """Whether the database is SQLite's, a file of ours."""
        return self._location.path is not None

    async def run(
        self,
        statement: sa.Executable,
        parameters: Sequence[dict[str, Any]] | None = None,
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        """Execute one statement, once for each of the parameter sets if there are any."""
        return await turns.undisturbed(self._run(statement, parameters))

    async def _run(
        self, statement: sa.Executable, parameters: Sequence[dict[str, Any]] | None
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        with faults.translated(self._location):
            result = await self._connection.execute(statement, parameters)
        self.wrote = self.wrote or (statement.is_dml and result.rowcount != 0)
        return result

    async def check_integrity(self) -> None:
        """Raise Misconfigured where SQLite's file is damaged. Reads every page once."""
        if self._location.path is None:
            return
        found = (await self.run(sa.text("PRAGMA quick_check(1)"))).scalar()
        if found != "ok":
            raise faults.damaged(self._location)

    def upsert(
        self,
        table: sa.Table,
        values: Sequence[str] | Callable[[Upsert], dict[str, sa.ColumnElement[Any]]],
    ) -> Upsert:
        """Return an INSERT that replaces those columns where the primary key is taken.

        A function is given the statement, whose `excluded` are the new values, and returns what
        each column becomes.
        """
        insert: Upsert
        if self._connection.dialect.name == "sqlite":
            insert = sqlite.insert(table)
        else:
            insert = postgresql.insert(table)
        if callable(values):
            become = values(insert)
        else:
            become = {name: insert.excluded[name] for name in values}
        return insert.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=become
        )


class Database:
    """One database, open: a writer that is taken in turns, and a few readers."""

    def __init__(self, location: locations.Location, options: options.Options) -> None:
        self.location = location
        self._options = options
        self._turns = turns.Turns(options.turn_timeout)
        self._writer = create(location, options, writer=True, pool_size=1)
        self._readers = create(location, options, writer=False, pool_size=options.readers)
        self.no_room = ""
        """Why a unit failed for lack of room, until another has changed something."""

    async def close(self) -> None:
        """Close every connection."""
        await turns.undisturbed(self._close())

    async def _close(self) -> None:
        await self._readers.dispose()
        await self._writer.dispose()

    @asynccontextmanager
    async def writing(
        self, *, starting: bool = False, trying: bool = False
    ) -> AsyncIterator[Session]:
        """Open a unit: it commits at a clean exit and rolls back otherwise.

        `trying` is for one that is made to see whether it can be: it proves nothing of the others,
        which may need more room, such as SQLite's log has left though the disk is full.

        Raises Unavailable if the database cannot be reached or stays locked, also at the commit;
        then nothing of the unit is stored (or, where a server died while answering, all of it).
        """
        async with self._turns.turn():
            connection = AsyncConnection(self._writer)
            session = Session(connection, self.location)
            try:
                await turns.undisturbed(self._begin(connection, starting=starting))
                yield session
                await turns.undisturbed(self._commit(connection))
                if session.wrote and not trying:
                    self.no_room = ""
            except faults.NoRoom as error:
                if not trying:
                    self.no_room = str(error)
                raise
            finally:
                await turns.undisturbed(self._leave(connection))

    async def _begin(self, connection: AsyncConnection, *, starting: bool) -> None:
        with faults.translated(self.location, starting=starting):
            await connection.start()
            await connection.begin()
            if self.location.path is None:
                await connection.execute(
                    sa.select(
                        _limit("lock_timeout", self._options.busy_timeout),
                        _limit("idle_in_transaction_session_timeout", self._options.idle_timeout),
                    )
                )
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITER_LOCK)))

    async def _commit(self, connection: AsyncConnection) -> None:
        with faults.translated(self.location):
            await connection.commit()

    async def _leave(self, connection: AsyncConnection) -> None:
        """Give the connection back, rolling back what was not committed."""
        if connection.sync_connection is None:
            return
        try:
            with faults.translated(self.location):
                await connection.rollback()
        except errors.BotError:
            # It is dead, and its server has rolled back. Left to itself, the pool would find out
            # and log a stack trace.
            await connection.invalidate()
        finally:
            await connection.close()

    async def read(self, statement: sa.Executable) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        """Return the rows of one SELECT, answered beside any unit that is open."""
        return await turns.undisturbed(self._read(statement))

    async def _read(self, statement: sa.Executable) -> Sequence[sa.Row[*tuple[Any, ...]]]:
        with faults.translated(self.location):
            async with self._readers.connect() as connection:
                result = await connection.execute(statement)
                return result.all()
