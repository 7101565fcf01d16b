"""Epochs of leadership: what a leader writes is refused once a newer epoch has begun.

The check and the write are one transaction, and writers take turns, so a leader that was frozen
and wakes cannot slip a write in between.
"""

import sqlalchemy as sa

from bot.adapters.store import engine, rows, tables
from bot.flow import ports

MARK = "leader"
"""The mark that holds the number of the epoch and, after a blank, who began it.

Each other office has a mark of its own: its leaders do not stand in the way of these.
"""


async def begin(session: engine.Session, holder: str, *, office: str = MARK) -> int:
    """Begin the next epoch of an office and return its number."""
    epoch = await _current(session, office) + 1
    statement = session.upsert(tables.marks, ("value",))
    await session.run(statement, [{"key": office, "value": rows.text(f"{epoch} {holder}")}])
    return epoch


async def check(session: engine.Session, epoch: int, *, office: str = MARK) -> None:
    """Raise Superseded unless that epoch is in force."""
    newest = await _current(session, office)
    if newest != epoch:
        raise ports.Superseded(f"another replica leads: epoch {newest} follows {epoch}")


def number(mark: str | None) -> int:
    """Return the epoch that a mark tells, 0 where there is none."""
    return int(mark.split(" ", 1)[0]) if mark else 0


async def _current(session: engine.Session, office: str) -> int:
    table = tables.marks
    return number(
        (await session.run(sa.select(table.c.value).where(table.c.key == office))).scalar()
    )
