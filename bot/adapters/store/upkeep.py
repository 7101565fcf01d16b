"""Upkeep of the database: what is older than it has to be goes, in small portions.

What is open, waits or is shown as living stays however old it is. The chain of deeds is cut at
its old end only, and what was cut is written into it: the last hash of the part that is gone.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.adapters.store import engine, remedy, tables
from bot.domain import audit
from bot.domain.incident import State as IncidentState
from bot.domain.notice import Delivery
from bot.domain.plan import State as PlanState
from bot.domain.run import State as RunState

ACTOR = "flannel-bot"
_PORTION = 200
_PORTIONS = 50
"""Portions of one kind in one pass; the rest goes in the next."""
_CUT_EVERY = timedelta(days=1)
"""Each cut is a deed itself, so it is not made for one row."""

_Drop = Callable[[engine.Session, Sequence[int]], Awaitable[None]]
_OVER = (Delivery.SENT.value, Delivery.FAILED.value)


@dataclass(frozen=True, slots=True)
class Limits:
    """The moments before which each goes."""

    incidents: datetime
    outbox: datetime
    deeds: datetime


class SqlUpkeep:
    """Prunes and counts."""

    def __init__(self, database: engine.Database) -> None:
        self._database = database

    async def prune(self, limits: Limits, *, now: datetime) -> dict[str, int]:
        """Remove what is older, and return how many rows of which table. Raises Unavailable."""
        removed = {
            "outbox": await self._portions(_messages(limits.outbox), self._drop_messages),
            "wishes": await self._portions(_wishes(limits.outbox), self._drop_wishes),
            "incidents": await self._portions(_incidents(limits.incidents), self._drop_incidents),
            "plans": await self._portions(_plans(limits.incidents), self._drop_plans),
            "silences": await self._portions(_silences(limits.incidents), self._drop_silences),
            "freezes": await self._portions(_freezes(limits.incidents), self._drop_freezes),
            "deeds": await self._cut(limits.deeds, now=now),
        }
        return {name: number for name, number in removed.items() if number}

    async def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many plans and how many runs are in each state. Raises Unavailable."""
        found = []
        for table in (tables.plans, tables.runs):
            state = table.c.state
            rows = await self._database.read(sa.select(state, sa.func.count()).group_by(state))
            found.append({str(name): int(number) for name, number in rows})
        return found[0], found[1]

    async def _portions(self, which: sa.Select[int], drop: _Drop) -> int:
        removed = 0
        for _ in range(_PORTIONS):
            async with self._database.writing() as session:
                found = await session.run(which.limit(_PORTION))
                numbers = [int(number) for number in found.scalars()]
                if numbers:
                    await drop(session, numbers)
            removed += len(numbers)
            if len(numbers) < _PORTION:
                break
        return removed

    async def _drop_messages(self, session: engine.Session, numbers: Sequence[int]) -> None:
        await _delete(session, tables.outbox.c.seq, numbers)

    async def _drop_wishes(self, session: engine.Session, numbers: Sequence[int]) -> None:
        await _delete(session, tables.wishes.c.id, numbers)

    async def _drop_incidents(self, session: engine.Session, numbers: Sequence[int]) -> None:
        await _delete(session, tables.digests.c.incident, numbers)
        await _delete(session, tables.outbox.c.incident, numbers)
        await _delete(session, tables.posted.c.incident, numbers)
        await _delete(session, tables.timeline.c.subject, [f"INC-{number}" for number in numbers])
        await _delete(session, tables.incidents.c.id, numbers)

    async def _drop_plans(self, session: engine.Session, numbers: Sequence[int]) -> None:
        runs = await session.run(sa.select(tables.runs.c.id).where(tables.runs.c.plan.in_(numbers)))
        subjects = [f"RUN-{number}" for number in runs.scalars()]
        subjects += [f"PLAN-{number}" for number in numbers]
        await _delete(session, tables.timeline.c.subject, subjects)
        for column in (
            tables.outbox.c.plan,
            tables.posted_plans.c.plan,
            tables.votes.c.plan,
            tables.runs.c.plan,
            tables.plans.c.id,
        ):
            await _delete(session, column, numbers)

    async def _drop_silences(self, session: engine.Session, numbers: Sequence[int]) -> None:
        await _delete(session, tables.silences.c.id, numbers)

    async def _drop_freezes(self, session: engine.Session, numbers: Sequence[int]) -> None:
        await _delete(session, tables.freezes.c.id, numbers)

    async def _cut(self, before: datetime, *, now: datetime) -> int:
        """Cut the old end off. The newest row stays, whatever its age: the next needs it."""
        table = tables.deeds
        async with self._database.writing() as session:
            oldest = (await session.run(sa.select(sa.func.min(table.c.at)))).scalar()
            newest = (await session.run(sa.select(sa.func.max(table.c.id)))).scalar()
            if oldest is None or newest is None or oldest >= before - _CUT_EVERY:
                return 0
            # Numbers, not times: a clock that was set back must not tear a hole.
            kept = (
                await session.run(
                    sa.select(sa.func.min(table.c.id)).where(
                        sa.or_(table.c.at >= before, table.c.id == newest)
                    )
                )
            ).scalar()
            last = (
                await session.run(
                    sa.select(table).where(table.c.id < kept).order_by(table.c.id.desc()).limit(1)
                )
            ).first()
            if last is None:
                return 0
            entry = remedy.to_deed(last)
            result = await session.run(sa.delete(table).where(table.c.id <= entry.number))
            await session.run(
                session.upsert(tables.marks, ("value",)),
                [{"key": audit.ANCHOR, "value": json.dumps([entry.number, entry.hash])}],
            )
            await remedy.SqlRemedies(session).record(
                at=now, actor=ACTOR, subject=f"entry {entry.number}", kind=audit.CUT,
                text=audit.cut_text(entry),
            )  # fmt: skip
            return int(result.rowcount)


def _messages(before: datetime) -> sa.Select[int]:
    box = tables.outbox
    ended = sa.func.coalesce(box.c.sent_at, box.c.failed_at)
    return sa.select(box.c.seq).where(box.c.delivery.in_(_OVER), ended < before).order_by(box.c.seq)


def _wishes(before: datetime) -> sa.Select[int]:
    table = tables.wishes
    return sa.select(table.c.id).where(table.c.asked_at < before).order_by(table.c.id)


def _unsent(column: sa.Column[int], number: sa.Column[int]) -> sa.ColumnElement[bool]:
    """Whether something of it still waits to be sent."""
    box = tables.outbox
    return sa.exists().where(column == number, box.c.delivery.not_in(_OVER))


def _incidents(before: datetime) -> sa.Select[int]:
    table, box = tables.incidents, tables.outbox
    in_digest = sa.exists().where(
        tables.digests.c.incident == table.c.id,
        tables.digests.c.seq == box.c.seq,
        box.c.delivery.not_in(_OVER),
    )
    return (
        sa.select(table.c.id)
        .where(
            table.c.state == IncidentState.RESOLVED.value,
            table.c.resolved_at < before,
            ~_unsent(box.c.incident, table.c.id),
            ~in_digest,
        )
        .order_by(table.c.id)
    )


def _plans(before: datetime) -> sa.Select[int]:
    table, runs = tables.plans, tables.runs
    alive = sa.exists().where(
        runs.c.plan == table.c.id,
        sa.or_(runs.c.state == RunState.RUNNING.value, runs.c.ended_at >= before),
    )
    waits = sa.and_(table.c.state == PlanState.APPROVED.value, table.c.claimed.is_(False))
    return (
        sa.select(table.c.id)
        .where(
            table.c.created_at < before,
            table.c.state != PlanState.PROPOSED.value,
            ~waits,
            ~alive,
            ~_unsent(tables.outbox.c.plan, table.c.id),
        )
        .order_by(table.c.id)
    )


def _silences(before: datetime) -> sa.Select[int]:
    table = tables.silences
    ended = sa.func.coalesce(table.c.ended_at, table.c.until)
    return sa.select(table.c.id).where(ended < before).order_by(table.c.id)


def _freezes(before: datetime) -> sa.Select[int]:
    table = tables.freezes
    ended = sa.func.coalesce(table.c.lifted_at, table.c.until)
    return sa.select(table.c.id).where(ended < before).order_by(table.c.id)


async def _delete(
    session: engine.Session, column: sa.Column[int] | sa.Column[str], values: Sequence[object]
) -> None:
    if values:
        await session.run(sa.delete(column.table).where(column.in_(values)))
