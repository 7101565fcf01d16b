"""Samples of memory and OOM kills, over SQL. A slot of time is one row: its newest and highest."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.adapters.store import clean, engine, slots, tables
from bot.flow import memory_ports

_AT_ONCE = 500
"""Rows a statement: a unit holds up every other writer, and a cluster may have thousands."""


class SqlSamples:
    """Samples and kills in an open database. Implements `memory_ports.Samples`."""

    def __init__(self, database: engine.Database) -> None:
        self._database = database

    async def keep(
        self,
        cluster: str,
        samples: Sequence[memory_ports.Sample],
        *,
        slot: timedelta,
        kills: Collection[memory_ports.Kill],
    ) -> None:
        """Keep samples, those of one container within a slot as one, and kills, each once."""
        values = slots.slotted(samples, slot=slot)
        told = sorted({(slots.second(one.at), clean.text(one.node)) for one in kills})
        for begin in range(0, max(len(values), 1), _AT_ONCE):
            async with self._database.writing() as session:
                part = values[begin : begin + _AT_ONCE]
                if part:
                    await session.run(
                        session.upsert(tables.samples, _newest_and_highest),
                        [{"cluster": cluster, **value} for value in part],
                    )
                if told and begin == 0:
                    await session.run(
                        session.upsert(tables.oom_kills, ("at",)),
                        [{"cluster": cluster, "at": at, "node": node} for at, node in told],
                    )

    async def series(
        self, cluster: str, workload: str, *, since: datetime, step: timedelta, node: str = ""
    ) -> list[memory_ports.Series]:
        """Return what was kept, by node."""
        table = tables.samples
        wanted = [
            table.c.cluster == cluster,
            table.c.slot >= slots.second(since),
            table.c.workload == workload,
        ]
        if node:
            wanted.append(table.c.node == node)
        length = max(int(step.total_seconds()), 1)
        begins = (table.c.slot - table.c.slot % length).label("begins")
        found = await self._database.read(
            sa.select(
                table.c.node,
                begins,
                sa.cast(sa.func.avg(table.c.newest), sa.BigInteger),
                sa.func.max(table.c.highest),
                sa.func.max(table.c.memory_limit),
            )
            .where(*wanted)
            .group_by(table.c.node, begins)
            .order_by(table.c.node, begins)
        )
        last = (
            sa.select(table.c.node, sa.func.max(table.c.at).label("at"))
            .where(*wanted)
            .group_by(table.c.node)
            .subquery()
        )
        newest = await self._database.read(
            sa.select(table.c.node, table.c.at, sa.func.max(table.c.newest))
            .where(*wanted, table.c.node == last.c.node, table.c.at == last.c.at)
            .group_by(table.c.node, table.c.at)
        )
        return slots.gathered(
            [(str(row[0]), int(row[1]), int(row[2]), int(row[3]), row[4]) for row in found],
            {str(row[0]): (int(row[1]), int(row[2])) for row in newest},
        )

    async def kills(
        self, cluster: str, *, since: datetime, node: str = ""
    ) -> list[memory_ports.Kill]:
        """Return OOM kills, oldest first."""
        table = tables.oom_kills
        statement = (
            sa.select(table.c.at, table.c.node)
            .where(table.c.cluster == cluster, table.c.at >= slots.second(since))
            .order_by(table.c.at, table.c.node)
        )
        if node:
            statement = statement.where(table.c.node == node)
        found = await self._database.read(statement)
        return [memory_ports.Kill(slots.moment(row.at), row.node) for row in found]

    async def prune(self, cluster: str, *, before: datetime) -> None:
        """Forget what is older."""
        samples, kills = tables.samples, tables.oom_kills
        async with self._database.writing() as session:
            for statement in (
                sa.delete(samples).where(
                    samples.c.cluster == cluster, samples.c.slot < slots.second(before)
                ),
                sa.delete(kills).where(
                    kills.c.cluster == cluster, kills.c.at < slots.second(before)
                ),
            ):
                await session.run(statement)


def _newest_and_highest(statement: engine.Upsert) -> dict[str, sa.ColumnElement[Any]]:
    """What becomes of a row when another sample of its slot arrives."""
    table, given = tables.samples, statement.excluded
    newer = given.at >= table.c.at
    return {
        "newest": sa.case((newer, given.newest), else_=table.c.newest),
        "memory_limit": sa.case((newer, given.memory_limit), else_=table.c.memory_limit),
        "highest": sa.case((given.highest > table.c.highest, given.highest), else_=table.c.highest),
        "at": sa.case((newer, given.at), else_=table.c.at),
    }
