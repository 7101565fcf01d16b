"""Places: where in a channel the live message of an incident or a plan is."""

import uuid
from datetime import datetime

from bot.domain import notice
from bot.flow import ports, tell

Shown = notice.Posted | notice.PostedPlan


def live(row: notice.Outgoing) -> bool:
    """Whether a row is a message that is posted once and then edited in place."""
    return row.kind in (notice.Kind.CARD, notice.Kind.PLAN)


async def shown(store: ports.Store, row: notice.Outgoing) -> Shown | None:
    """Return where what a live row shows is to be seen in its channel already."""
    return await _of_subject(store, row) if live(row) else None


async def thread(store: ports.Store, row: notice.Outgoing) -> str:
    """Return the ts of the message that a row replies to; empty for one that is no reply."""
    if row.kind is not notice.Kind.DETAIL:
        return ""
    found = await _of_subject(store, row)
    return found.ts if found is not None else ""


async def _of_subject(store: ports.Store, row: notice.Outgoing) -> Shown | None:
    places: list[Shown] = []
    if row.plan is not None:
        places += await store.posted_plan(row.plan)
    elif row.incident is not None:
        places += await store.posted(row.incident)
    return next((place for place in places if place.channel == row.channel), None)


def posted(row: notice.Outgoing, ts: str, now: datetime) -> list[Shown]:
    """Return what a message that was just posted shows."""
    if row.kind is notice.Kind.PLAN and row.plan is not None:
        return [
            notice.PostedPlan(
                plan=row.plan,
                channel=row.channel,
                ts=ts,
                posted_at=now,
                edited_at=now,
                outbox_id=row.id,
            )
        ]
    shows: tuple[int, ...] = row.incidents if row.kind is notice.Kind.DIGEST else ()
    if row.kind is notice.Kind.CARD and row.incident is not None:
        shows = (row.incident,)
    return [
        notice.Posted(
            incident=number,
            channel=row.channel,
            ts=ts,
            posted_at=now,
            edited_at=now,
            digest=row.kind is notice.Kind.DIGEST,
        )
        for number in shows
    ]


def renewal(row: notice.Outgoing, now: datetime) -> notice.Outgoing:
    """Return the row that has a live message edited again."""
    return notice.Outgoing(
        id=uuid.uuid4().hex,
        kind=row.kind,
        channel=row.channel,
        created_at=now,
        cluster=row.cluster,
        incident=row.incident,
        plan=row.plan,
        priority=tell.PRIORITY_EDIT,
    )


def parent(reply: notice.Outgoing, now: datetime) -> notice.Outgoing:
    """Return the row that posts anew what a reply belongs to; always the same id for a reply."""
    return notice.Outgoing(
        id=f"{reply.id}c",
        kind=notice.Kind.CARD if reply.plan is None else notice.Kind.PLAN,
        channel=reply.channel,
        created_at=now,
        cluster=reply.cluster,
        incident=reply.incident,
        plan=reply.plan,
        priority=tell.PRIORITY_CALL,
    )
