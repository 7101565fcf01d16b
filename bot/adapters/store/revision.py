"""Which shape the database has, found out without alembic.

Alembic costs memory and time that a start does not have to spend when there is nothing to do.
The constants below repeat what its scripts say, and a test holds them to it.
"""

import enum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

import bot
from bot.adapters.store import engine, faults, options
from bot.adapters.store import location as locations
from bot.domain import errors

KNOWN = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Every revision this version can upgrade from or use, oldest first."""
HEAD = KNOWN[-1]

VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.Text))


class State(enum.StrEnum):
    """How the database stands to the code."""

    EMPTY = "empty"
    BEHIND = "behind"
    CURRENT = "current"


def judge(found: str | None, *, name: str) -> State:
    """Compare a database's revision with the code's.

    Raises Misconfigured for a revision that the code does not know: a newer bot wrote it, and
    what the columns mean now cannot be guessed.
    """
    if found is None:
        return State.EMPTY
    if found == HEAD:
        return State.CURRENT
    if found in KNOWN:
        return State.BEHIND
    raise errors.Misconfigured(
        f"database.url: {name} is at revision {found}, which this flannel-bot "
        f"({bot.__version__}, revision {HEAD}) does not know: a newer version has written it. "
        "Install that version again, or restore a backup from before its upgrade"
    )


async def read(connection: AsyncConnection) -> str | None:
    """Return the revision that a database says it has, or None if it says nothing."""
    tables = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    if VERSIONS.name in tables:
        found = (await connection.execute(sa.select(VERSIONS.c.version_num))).scalars().all()
        if found:
            return "+".join(sorted(found))
    if tables and set(tables) != {VERSIONS.name} and connection.dialect.name == "sqlite":
        raise errors.Misconfigured(
            "database.url: the file is a SQLite database of something else (it holds the table "
            f"{min(tables)}); name another file"
        )
    return None


async def current(options: options.Options) -> str | None:
    """Return the database's revision, without creating anything.

    Raises Misconfigured or Unavailable.
    """
    location = locations.parse(options.url)
    if location.path is not None and not location.path.exists():
        return None
    reader = engine.create(location, options, writer=False, pool_size=1)
    try:
        with faults.translated(location, starting=True):
            async with reader.connect() as connection:
                return await read(connection)
    finally:
        await reader.dispose()


async def state(options: options.Options) -> State:
    """Return how the database stands to the code. Raises Misconfigured or Unavailable."""
    return judge(await current(options), name=locations.parse(options.url).name)
