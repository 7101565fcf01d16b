"""SQLite files as the migrations leave them, without the second of CPU that they take."""

from pathlib import Path

import sqlalchemy as sa

from bot.adapters.store import revision, tables


def migrated(path: Path) -> Path:
    """Make an empty database of the code's revision; tests/adapters/store holds both to be alike."""
    made = sa.create_engine(f"sqlite:///{path}")
    with made.begin() as connection:
        tables.metadata.create_all(connection)
        connection.exec_driver_sql("create table alembic_version (version_num text)")
        connection.exec_driver_sql(f"insert into alembic_version values ('{revision.HEAD}')")
    made.dispose()
    return path
