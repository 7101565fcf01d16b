"""The outbox in SQL: what is due, who takes it, how it ends.

A row is due when it is pending, its time has come, and nothing that must be told before it is
still on its way:

- a DETAIL waits for the card of its incident or plan, and for every detail of that before it;
  where the card was refused for good and no other is to come, it goes alone;
- a CARD waits while an earlier card of that incident is claimed or a digest that names it is on
  its way, a PLAN while an earlier one of that plan is claimed. Both may end up as the first
  message about it, and then there would be two.
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.adapters.store import engine, refusals, rows, tables
from bot.domain import notice
from bot.flow import ports

box = tables.outbox
PENDING = notice.Delivery.PENDING.value
CLAIMED = notice.Delivery.CLAIMED.value
SENT = notice.Delivery.SENT.value
FAILED = notice.Delivery.FAILED.value
CARD = notice.Kind.CARD.value
DETAIL = notice.Kind.DETAIL.value
PLAN = notice.Kind.PLAN.value
LIVE = {notice.Kind.CARD: "incident", notice.Kind.PLAN: "plan"}
"""Messages that are posted once and then edited, by the column that says what they show."""
UNSETTLED = (PENDING, CLAIMED)

OLDEST_FIRST = (box.c.created_at, box.c.seq)
CLAIM_ORDER = (box.c.priority, *OLDEST_FIRST)


# What does not depend on the moment is built once: an alias copies all columns of its table, in
# cycles that only the garbage collector can free.
_OTHER = box.alias("other")
_DIGEST = box.alias("digest")


def _beside(column: str, kind: str, *deliveries: str) -> sa.ColumnElement[bool]:
    """Whether another row of that kind tells of the same in that channel, in one of those states.

    Details of a plan may name its incident too; they are not the incident's.
    """
    told = [_OTHER.c[column] == box.c[column], _OTHER.c.channel == box.c.channel]
    if kind == DETAIL:
        told.append(_OTHER.c.seq < box.c.seq)
        if column != "plan":
            told.append(_OTHER.c.plan.is_(None))
    return sa.exists().where(*told, _OTHER.c.kind == kind, _OTHER.c.delivery.in_(deliveries))


def _card_refused(column: str, kind: str) -> sa.ColumnElement[bool]:
    return sa.and_(_beside(column, kind, FAILED), ~_beside(column, kind, *UNSETTLED))


_SHOWN = sa.exists().where(
    tables.posted.c.incident == box.c.incident, tables.posted.c.channel == box.c.channel
)
_PLAN_SHOWN = sa.exists().where(
    tables.posted_plans.c.plan == box.c.plan, tables.posted_plans.c.channel == box.c.channel
)
_IN_DIGEST = sa.exists().where(
    tables.digests.c.incident == box.c.incident,
    _DIGEST.c.seq == tables.digests.c.seq,
    _DIGEST.c.channel == box.c.channel,
    _DIGEST.c.delivery.in_(UNSETTLED),
)
_FIRST_CARD = sa.and_(box.c.kind == CARD, ~_SHOWN)
_ITS_TURN = sa.case(
    (box.c.kind == CARD, sa.and_(~_beside("incident", CARD, CLAIMED), ~_IN_DIGEST)),
    (box.c.kind == PLAN, ~_beside("plan", PLAN, CLAIMED)),
    (
        sa.and_(box.c.kind == DETAIL, box.c.plan.is_(None)),
        sa.and_(
            sa.or_(_SHOWN, sa.and_(_card_refused("incident", CARD), ~_IN_DIGEST)),
            ~_beside("incident", DETAIL, *UNSETTLED),
        ),
    ),
    (
        box.c.kind == DETAIL,
        sa.and_(
            sa.or_(_PLAN_SHOWN, _card_refused("plan", PLAN)),
            ~_beside("plan", DETAIL, *UNSETTLED),
        ),
    ),
    else_=sa.true(),
)


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        box.c.delivery == PENDING,
        sa.or_(box.c.not_before.is_(None), box.c.not_before <= now),
        _ITS_TURN,
    )


def claimed() -> sa.Select[*tuple[Any, ...]]:
    """Select rows that a sender took and did not settle."""
    return sa.select(box).where(box.c.delivery == CLAIMED).order_by(box.c.claimed_at, box.c.seq)


def due_cards(channel: str, *, now: datetime) -> sa.Select[*tuple[Any, ...]]:
    """Select due first cards of a channel, oldest first."""
    return (
        sa.select(box)
        .where(box.c.channel == channel, _FIRST_CARD, _due(now))
        .order_by(*OLDEST_FIRST)
    )


def due_channels(*, now: datetime) -> sa.Select[*tuple[Any, ...]]:
    """Select (channel, number of due first cards) of channels with anything due."""
    first_cards = sa.func.sum(sa.case((_FIRST_CARD, 1), else_=0))
    return sa.select(box.c.channel, first_cards).where(_due(now)).group_by(box.c.channel)


def depth() -> sa.Select[*tuple[Any, ...]]:
    """Select (delivery, number, oldest) of what is not sent."""
    return (
        sa.select(box.c.delivery, sa.func.count(), sa.func.min(box.c.created_at))
        .where(box.c.delivery.in_((*UNSETTLED, FAILED)))
        .group_by(box.c.delivery)
    )


def to_state(found: Sequence[sa.Row[*tuple[Any, ...]]]) -> ports.OutboxState:
    """Sum the rows of `depth`. What is claimed still waits to be told for certain."""
    waiting = [row for row in found if row[0] in UNSETTLED]
    return ports.OutboxState(
        pending=sum(row[1] for row in waiting),
        oldest=min((row[2] for row in waiting), default=None),
        failed=sum(row[1] for row in found if row[0] == FAILED),
    )


async def enqueue(session: engine.Session, row: notice.Outgoing) -> None:
    """Add a row, or let a pending one that shows the same speak for it too."""
    refusals.checked(row)
    if row.kind in LIVE and await _fold(session, row, error=None):
        return
    await _require_incidents(session, row)
    await _require_plan(session, row.plan)
    if (await session.run(sa.select(box.c.seq).where(box.c.id == row.id))).first() is not None:
        raise refusals.duplicate(row.id)
    result = await session.run(sa.insert(box).values(**rows.outgoing_values(row)))
    if row.incidents:
        seq = engine.given_number(result)
        members = [{"incident": number, "seq": seq} for number in dict.fromkeys(row.incidents)]
        await session.run(sa.insert(tables.digests), members)


async def _require_incidents(session: engine.Session, row: notice.Outgoing) -> None:
    named = {*row.incidents, *([] if row.incident is None else [row.incident])}
    if not named:
        return
    known = tables.incidents.c.id
    found = (await session.run(sa.select(known).where(known.in_(named)))).scalars().all()
    for number in sorted(named.difference(found)):
        raise refusals.unknown_incident(number)


async def _require_plan(session: engine.Session, number: int | None) -> None:
    if number is None:
        return
    known = tables.plans.c.id
    if (await session.run(sa.select(known).where(known == number))).first() is None:
        raise refusals.unknown_plan(number)


async def _fold(
    session: engine.Session,
    row: notice.Outgoing,
    *,
    error: str | None,
    not_before: datetime | None = None,
) -> bool:
    """Let another pending row that shows the same in that channel, if any, stand for this one.

    It takes over the better priority. From one that was tried (`error` is not None) it also
    takes over its place in the line, its tries and its wait: what made that one wait, a limit of
    the channel or an outage, is no better for the newer.
    """
    column = LIVE[row.kind]
    better = sa.case((box.c.priority > row.priority, row.priority), else_=box.c.priority)
    values: dict[str, Any] = {"priority": better}
    if error is not None:
        values |= {
            "created_at": sa.case(
                (box.c.created_at > row.created_at, row.created_at), else_=box.c.created_at
            ),
            "attempts": sa.case(
                (box.c.attempts < row.attempts, row.attempts), else_=box.c.attempts
            ),
            "not_before": not_before,
            "error": rows.text(error),
        }
    result = await session.run(
        sa.update(box)
        .where(
            box.c.kind == row.kind.value,
            box.c.delivery == PENDING,
            box.c[column] == getattr(row, column),
            box.c.channel == row.channel,
            box.c.id != row.id,
        )
        .values(**values)
    )
    return result.rowcount > 0


def next_due(*, now: datetime, channel: str | None) -> sa.Select[int]:
    """Select the number of the next due row, passing over those that another process holds."""
    due = sa.select(box.c.seq).where(_due(now)).order_by(*CLAIM_ORDER).limit(1)
    if channel is not None:
        due = due.where(box.c.channel == channel)
    return due.with_for_update(skip_locked=True, of=box)


async def claim(
    session: engine.Session, *, now: datetime, channel: str | None
) -> notice.Outgoing | None:
    """Take the next due row."""
    while True:
        seq = (await session.run(next_due(now=now, channel=channel))).scalar()
        if seq is None:
            return None
        taken = await session.run(
            sa.update(box)
            .where(box.c.seq == seq, box.c.delivery == PENDING)
            .values(delivery=CLAIMED, claimed_at=now, attempts=box.c.attempts + 1)
        )
        if taken.rowcount == 1:
            row = (await session.run(sa.select(box).where(box.c.seq == seq))).one()
            return rows.to_outgoing(row)


async def collapse(
    session: engine.Session, cards: Sequence[notice.Outgoing], digest: notice.Outgoing
) -> None:
    """Replace cards that are still pending by one digest of their incidents."""
    found = await session.run(
        sa.select(box.c.seq, box.c.incident).where(
            box.c.id.in_([card.id for card in cards]),
            box.c.kind == CARD,
            box.c.delivery == PENDING,
        )
    )
    pending = {row.incident: row.seq for row in found}
    members = tuple(number for number in dict.fromkeys(digest.incidents) if number in pending)
    if not members:
        return
    await session.run(sa.delete(box).where(box.c.seq.in_([pending[n] for n in members])))
    await enqueue(session, dataclasses.replace(digest, incidents=members))


async def delivered(
    session: engine.Session,
    sent: Sequence[notice.Outgoing],
    *,
    at: datetime,
    posted: Sequence[notice.Posted | notice.PostedPlan],
) -> None:
    """Mark rows as sent and remember where incidents and plans are shown."""
    if sent:
        await session.run(
            sa.update(box)
            .where(box.c.id.in_([row.id for row in sent]), box.c.delivery.in_(UNSETTLED))
            .values(delivery=SENT, sent_at=at, error="")
        )
    incidents = [rows.posted_values(one) for one in posted if isinstance(one, notice.Posted)]
    if incidents:
        place = session.upsert(tables.posted, ("ts", "posted_at", "edited_at", "digest"))
        await session.run(place, incidents)
    plans = [one for one in posted if isinstance(one, notice.PostedPlan)]
    if plans:
        for one in plans:
            await _require_plan(session, one.plan)
        place = session.upsert(tables.posted_plans, ("ts", "posted_at", "edited_at", "outbox_id"))
        await session.run(place, [rows.posted_plan_values(one) for one in plans])


async def postpone(
    session: engine.Session,
    row: notice.Outgoing,
    *,
    not_before: datetime,
    error: str,
    forget_posted: bool,
) -> None:
    """Give a row back, or drop it in favour of a newer one that shows the same."""
    if forget_posted and row.plan is not None:
        places = tables.posted_plans
        await session.run(
            sa.delete(places).where(places.c.plan == row.plan, places.c.channel == row.channel)
        )
    elif forget_posted and row.incident is not None:
        posted = tables.posted
        await session.run(
            sa.delete(posted).where(
                posted.c.incident == row.incident, posted.c.channel == row.channel
            )
        )
    mine = sa.and_(box.c.id == row.id, box.c.delivery.in_(UNSETTLED))
    if row.kind in LIVE:
        present = (await session.run(sa.select(box).where(mine))).first()
        if present is None:
            return
        stored = rows.to_outgoing(present)
        if await _fold(session, stored, error=error, not_before=not_before):
            await session.run(sa.delete(box).where(mine))
            return
    await session.run(
        sa.update(box)
        .where(mine)
        .values(delivery=PENDING, not_before=not_before, claimed_at=None, error=rows.text(error))
    )


async def failed(
    session: engine.Session, row: notice.Outgoing, *, at: datetime, error: str
) -> None:
    """Mark a row as refused for good."""
    await session.run(
        sa.update(box)
        .where(box.c.id == row.id, box.c.delivery.in_(UNSETTLED))
        .values(delivery=FAILED, failed_at=at, error=rows.text(error))
    )
