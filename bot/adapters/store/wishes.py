"""Wishes, over SQL: a queue in one table, each row taken and answered once."""

import asyncio
import zlib
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from bot.adapters.store import engine, rows, tables
from bot.domain import errors
from bot.flow import wish_ports
from bot.flow.wish_ports import Answer, Wish

log = structlog.get_logger(__name__)

WITHDRAWN = "withdrawn"
"""The fault of a wish that was taken back before anybody took it."""

box = tables.wishes


def _packed(answer: Answer) -> bytes:
    """Return an answer's document, pressed: tables of many nodes say the same again and again."""
    held = list(answer.reasons) if answer.fault else answer.value
    return zlib.compress(rows.document(held).encode(), level=1)


def _unpacked(row: sa.Row[*tuple[Any, ...]]) -> Answer:
    text = zlib.decompress(row.answer).decode()
    what = f"the answer to wish {row.id}"
    if row.fault:
        return Answer(fault=row.fault, reasons=rows.decoded(tuple[str, ...], text, what=what))
    kind = wish_ports.ANSWERS[wish_ports.KINDS[row.kind]]
    return Answer(rows.decoded(kind, text, what=what))


def to_wish(row: sa.Row[*tuple[Any, ...]]) -> Wish:
    """Return the wish of a row. Raises Misconfigured for one that this version does not know."""
    known = wish_ports.KINDS.get(row.kind)
    if known is None:
        raise errors.Misconfigured(
            f"wish {row.id} is of a kind that this version of the bot does not know: {row.kind}"
        )
    return Wish(
        id=row.id,
        what=rows.decoded(known, row.document, what=f"wish {row.id}"),
        by=row.by,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        cluster=row.cluster,
        claimed_by=row.claimed_by,
    )


def _readable(row: sa.Row[*tuple[Any, ...]]) -> Wish | None:
    """Return the wish of a row; None for one that cannot be read, which must not hold up others."""
    try:
        return to_wish(row)
    except errors.Misconfigured as error:
        log.warning("wish_unreadable", wish=row.id, error=str(error))
        return None


def _waiting(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(box.c.claimed_at.is_(None), box.c.answered_at.is_(None), box.c.expires_at > now)


class SqlWishes:
    """Implements `wish_ports.Wishes`.

    Args:
        database: answers reads.
        writing: opens a transaction, under the epoch of whoever writes.
    """

    def __init__(
        self,
        database: engine.Database,
        writing: Callable[[], AbstractAsyncContextManager[engine.Session]],
    ) -> None:
        self._database = database
        self._writing = writing

    async def put(self, wish: Wish) -> Wish:
        """Add a wish and return it with its id."""
        values = {
            "kind": wish.kind,
            "cluster": wish.cluster,
            "by": rows.text(wish.by),
            "asked_at": wish.asked_at,
            "expires_at": wish.expires_at,
            "document": rows.document(wish.what),
        }
        async with self._writing() as session:
            made = await session.run(sa.insert(box).values(claimed_by="", fault="", **values))
        return replace(wish, id=engine.given_number(made), claimed_by="")

    async def open(self, *, now: datetime) -> list[Wish]:
        """Return those that nobody took and that have not expired, oldest first."""
        found = await self._database.read(sa.select(box).where(_waiting(now)).order_by(box.c.id))
        return [wish for row in found if (wish := _readable(row)) is not None]

    async def claim(self, number: int, *, by: str, now: datetime) -> bool:
        """Take one; False where it cannot be taken any more."""
        return await self._changed(
            sa.update(box)
            .where(box.c.id == number, _waiting(now))
            .values(claimed_by=rows.text(by), claimed_at=now)
        )

    async def answer(self, number: int, answer: Answer, *, by: str, now: datetime) -> bool:
        """Answer one that was taken under that name; False where it has an answer already."""
        # Beside the loop: looks at many nodes are megabytes.
        packed = await asyncio.to_thread(_packed, answer)
        return await self._changed(
            sa.update(box)
            .where(
                box.c.id == number,
                box.c.claimed_by == rows.text(by),
                box.c.claimed_at.is_not(None),
                box.c.answered_at.is_(None),
            )
            .values(answer=packed, fault=answer.fault, answered_at=now)
        )

    async def forsaken(self, answer: Answer, *, by: str, now: datetime) -> int:
        """Give that answer to all that others took and did not answer; return how many."""
        packed = _packed(answer)
        async with self._writing() as session:
            done = await session.run(
                sa.update(box)
                .where(
                    box.c.claimed_at.is_not(None),
                    box.c.claimed_by != rows.text(by),
                    box.c.answered_at.is_(None),
                )
                .values(answer=packed, fault=answer.fault, answered_at=now)
            )
        return int(done.rowcount)

    async def ready(self, numbers: Collection[int]) -> Sequence[int]:
        """Return those of them that are answered."""
        if not numbers:
            return ()
        found = await self._database.read(
            sa.select(box.c.id).where(box.c.id.in_(numbers), box.c.answered_at.is_not(None))
        )
        return [int(row.id) for row in found]

    async def collect(self, number: int) -> Answer | None:
        """Return the answer and forget it; None while there is none."""
        found = await self._database.read(
            sa.select(box).where(box.c.id == number, box.c.answer.is_not(None))
        )
        if not found:
            return None
        answer = await asyncio.to_thread(_unpacked, found[0])
        await self._changed(sa.update(box).where(box.c.id == number).values(answer=None))
        return answer

    async def withdraw(self, number: int, *, now: datetime) -> bool:
        """Take a wish back; False where it was taken, and may be done."""
        return await self._changed(
            sa.update(box)
            .where(box.c.id == number, box.c.claimed_at.is_(None), box.c.answered_at.is_(None))
            .values(fault=WITHDRAWN, answered_at=now)
        )

    async def _changed(self, statement: sa.Update) -> bool:
        async with self._writing() as session:
            return bool((await session.run(statement)).rowcount)
