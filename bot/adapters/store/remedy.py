"""Plans, votes, runs, freezes and the chain of deeds, over SQL."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.adapters.store import engine, rows, tables
from bot.domain import audit, errors
from bot.domain.approval import Choice as VoteChoice
from bot.domain.approval import Vote
from bot.domain.freeze import Freeze
from bot.domain.plan import Plan
from bot.domain.plan import State as PlanState
from bot.domain.run import Run
from bot.domain.run import State as RunState

_LATEST = 100


def _plan(number: int) -> sa.Select[int, str]:
    table = tables.plans
    return sa.select(table.c.id, table.c.document).where(table.c.id == number)


def _votes(plan: int) -> sa.Select[*tuple[Any, ...]]:
    table = tables.votes
    return sa.select(table).where(table.c.plan == plan).order_by(table.c.at, table.c.user)


def _run(number: int) -> sa.Select[int, str]:
    table = tables.runs
    return sa.select(table.c.id, table.c.document).where(table.c.id == number)


def _head() -> sa.Select[str]:
    table = tables.deeds
    return sa.select(table.c.hash).order_by(table.c.id.desc()).limit(1)


class SqlRemedies:
    """Remediation's part of one open transaction. Implements `remedy_ports.Remedies`."""

    def __init__(self, session: engine.Session) -> None:
        self._session = session

    async def plan(self, number: int) -> Plan | None:
        """Return one plan."""
        row = (await self._session.run(_plan(number))).first()
        return None if row is None else to_plan(row)

    async def save_plan(self, value: Plan) -> Plan:
        """Insert (id 0), or replace a PROPOSED one. Raises Conflict for one that is decided."""
        table = tables.plans
        values = {
            "cluster": value.cluster,
            "state": value.state.value,
            "created_at": value.created_at,
            "digest": value.digest,
            "document": rows.document(value),
        }
        if value.id == 0:
            result = await self._session.run(sa.insert(table).values(**values))
            return dataclasses.replace(value, id=engine.given_number(result))
        changed = await self._session.run(
            sa.update(table)
            .where(table.c.id == value.id, table.c.state == PlanState.PROPOSED.value)
            .values(**values)
        )
        if changed.rowcount == 0:
            raise errors.Conflict(f"{value.name} is decided already, or not in the store")
        return value

    async def lapse(self, value: Plan) -> None:
        """Replace an approved plan by its end. Raises Conflict where a run was begun for it."""
        table = tables.plans
        changed = await self._session.run(
            sa.update(table)
            .where(
                table.c.id == value.id,
                table.c.state == PlanState.APPROVED.value,
                table.c.claimed.is_(False),
            )
            .values(state=value.state.value, document=rows.document(value))
        )
        if changed.rowcount == 0:
            raise errors.Conflict(f"{value.name} is decided already, or not in the store")

    async def votes(self, plan: int) -> list[Vote]:
        """Return the votes on a plan, oldest first."""
        return [to_vote(row) for row in await self._session.run(_votes(plan))]

    async def add_vote(self, vote: Vote) -> None:
        """Keep a vote. Raises Conflict where that person has voted on that plan."""
        if any(one.user == vote.user for one in await self.votes(vote.plan)):
            raise errors.Conflict(f"{vote.user} has voted on PLAN-{vote.plan} already")
        await self._session.run(
            sa.insert(tables.votes).values(
                plan=vote.plan,
                user=vote.user,
                choice=vote.choice.value,
                digest=vote.digest,
                at=vote.at,
                reason=rows.text(vote.reason),
            )
        )

    async def start(self, plan: Plan, run: Run) -> Run:
        """Claim an approved plan for this run. Raises Conflict where it cannot be claimed."""
        table = tables.plans
        claimed = await self._session.run(
            sa.update(table)
            .where(
                table.c.id == plan.id,
                table.c.state == PlanState.APPROVED.value,
                table.c.digest == run.digest,
                table.c.claimed.is_(False),
            )
            .values(claimed=True)
        )
        if claimed.rowcount != 1:
            raise errors.Conflict(f"{plan.name} is not there to be started: not approved, or begun")
        result = await self._session.run(
            sa.insert(tables.runs).values(plan=plan.id, **_run_values(run))
        )
        return dataclasses.replace(run, id=engine.given_number(result))

    async def run(self, number: int) -> Run | None:
        """Return one run."""
        row = (await self._session.run(_run(number))).first()
        return None if row is None else to_run(row)

    async def save_run(self, value: Run, *, epoch: int) -> None:
        """Replace a running run of that epoch. Raises Conflict otherwise."""
        table = tables.runs
        changed = await self._session.run(
            sa.update(table)
            .where(
                table.c.id == value.id,
                table.c.epoch == epoch,
                table.c.state == RunState.RUNNING.value,
            )
            .values(**_run_values(value))
        )
        if changed.rowcount != 1:
            raise errors.Conflict(f"{value.name} was taken over by another executor, or has ended")

    async def save_freeze(self, value: Freeze, *, number: int = 0) -> int:
        """Insert a freeze, or replace the one of that number; return its number."""
        table = tables.freezes
        values = {
            "until": value.until,
            "lifted_at": value.lifted_at,
            "document": rows.document(value),
        }
        if number:
            await self._session.run(sa.update(table).where(table.c.id == number).values(**values))
            return number
        return engine.given_number(await self._session.run(sa.insert(table).values(**values)))

    async def record(
        self, *, at: datetime, actor: str, subject: str, kind: str, text: str
    ) -> audit.Entry:
        """Append to the chain of deeds; transactions are serialised, so it never forks."""
        text = rows.text(text)
        previous = (await self._session.run(_head())).scalar() or audit.BEGINNING
        said = {"at": at, "actor": actor, "subject": subject, "kind": kind, "text": text}
        sealed = audit.sealed(previous=previous, **said)  # type: ignore[arg-type]
        result = await self._session.run(
            sa.insert(tables.deeds).values(previous=previous, hash=sealed, **said)
        )
        return audit.Entry(
            number=engine.given_number(result),
            at=at,
            actor=actor,
            subject=subject,
            kind=kind,
            text=text,
            previous=previous,
            hash=sealed,
        )


class SqlRemedyReads:
    """What may be read at any time. Implements `remedy_ports.RemedyReads`."""

    def __init__(self, database: engine.Database) -> None:
        self._database = database

    async def plan(self, number: int) -> Plan | None:
        """Return one plan."""
        found = await self._database.read(_plan(number))
        return to_plan(found[0]) if found else None

    async def plans(self, *, cluster: str | None = None, open_only: bool = True) -> list[Plan]:
        """Return plans, newest first: those proposed, or the last hundred of any state."""
        table = tables.plans
        statement = sa.select(table.c.id, table.c.document).order_by(table.c.id.desc())
        if open_only:
            statement = statement.where(table.c.state == PlanState.PROPOSED.value)
        if cluster is not None:
            statement = statement.where(table.c.cluster == cluster)
        return [to_plan(row) for row in await self._database.read(statement.limit(_LATEST))]

    async def votes(self, plan: int) -> list[Vote]:
        """Return the votes on a plan, oldest first."""
        return [to_vote(row) for row in await self._database.read(_votes(plan))]

    async def run(self, number: int) -> Run | None:
        """Return one run."""
        found = await self._database.read(_run(number))
        return to_run(found[0]) if found else None

    async def run_of(self, plan: int) -> Run | None:
        """Return the run of a plan, if it was ever started."""
        table = tables.runs
        found = await self._database.read(
            sa.select(table.c.id, table.c.document).where(table.c.plan == plan)
        )
        return to_run(found[0]) if found else None

    async def runs(
        self, *, cluster: str | None = None, ended_after: datetime | None = None
    ) -> list[Run]:
        """Return runs that are running, and those that ended after that moment, newest first."""
        table = tables.runs
        wanted = table.c.state == RunState.RUNNING.value
        if ended_after is not None:
            wanted = sa.or_(wanted, table.c.ended_at > ended_after)
        statement = sa.select(table.c.id, table.c.document).where(wanted)
        if cluster is not None:
            statement = statement.where(table.c.cluster == cluster)
        found = await self._database.read(statement.order_by(table.c.id.desc()))
        return [to_run(row) for row in found]

    async def unclaimed(self, *, cluster: str | None = None) -> list[Plan]:
        """Return approved plans that no run was started for, oldest first."""
        table = tables.plans
        statement = sa.select(table.c.id, table.c.document).where(
            table.c.state == PlanState.APPROVED.value, table.c.claimed.is_(False)
        )
        if cluster is not None:
            statement = statement.where(table.c.cluster == cluster)
        return [to_plan(row) for row in await self._database.read(statement.order_by(table.c.id))]

    async def freezes(self, *, now: datetime) -> list[tuple[int, Freeze]]:
        """Return freezes that are not over, with their numbers."""
        table = tables.freezes
        found = await self._database.read(
            sa.select(table.c.id, table.c.document)
            .where(table.c.until > now, table.c.lifted_at.is_(None))
            .order_by(table.c.id)
        )
        return [
            (row.id, rows.decoded(Freeze, row.document, what=f"freeze {row.id}")) for row in found
        ]

    async def deeds(self, *, after: int = 0, limit: int = 1_000) -> Sequence[audit.Entry]:
        """Return entries of the chain with higher numbers than that, in order."""
        table = tables.deeds
        statement = sa.select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
        return [to_deed(row) for row in await self._database.read(statement)]

    async def latest_deeds(self, limit: int) -> Sequence[audit.Entry]:
        """Return the last entries of the chain, in order."""
        table = tables.deeds
        statement = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        return [to_deed(row) for row in reversed(await self._database.read(statement))]


def _run_values(value: Run) -> dict[str, object]:
    return {
        "cluster": value.cluster,
        "state": value.state.value,
        "epoch": value.epoch,
        "ended_at": value.ended_at,
        "document": rows.document(value),
    }


def to_plan(row: sa.Row[*tuple[Any, ...]]) -> Plan:
    """Return the plan of a row of (id, document)."""
    found = rows.decoded(Plan, row.document, what=f"PLAN-{row.id}")
    return dataclasses.replace(found, id=row.id)


def to_run(row: sa.Row[*tuple[Any, ...]]) -> Run:
    """Return the run of a row of (id, document)."""
    found = rows.decoded(Run, row.document, what=f"RUN-{row.id}")
    return dataclasses.replace(found, id=row.id)


def to_vote(row: sa.Row[*tuple[Any, ...]]) -> Vote:
    """Return a vote."""
    return Vote(
        plan=row.plan,
        user=row.user,
        choice=VoteChoice(row.choice),
        digest=row.digest,
        at=row.at,
        reason=row.reason,
    )


def to_deed(row: sa.Row[*tuple[Any, ...]]) -> audit.Entry:
    """Return an entry of the chain."""
    return audit.Entry(
        number=row.id,
        at=row.at,
        actor=row.actor,
        subject=row.subject,
        kind=row.kind,
        text=row.text,
        previous=row.previous,
        hash=row.hash,
    )
