"""Unwatched: incidents of clusters that are configured no more are told as what they are.

They are neither well nor in trouble as far as anybody can tell, so they do not resolve, and do
not stay red for ever: their cards say that their cluster is no longer watched.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

import structlog

from bot.domain import incident, notice
from bot.domain.incident import Incident, State
from bot.flow import ports, tell

log = structlog.get_logger(__name__)

_AT_ONCE = 1_000


async def close(
    store: ports.Store, watched: Collection[str], *, now: datetime
) -> tuple[Incident, ...]:
    """Close what is open in clusters that are not watched, and return it.

    Args:
        store: where incidents and messages are.
        watched: the names of the clusters that are.
        now: this moment.

    Raises:
        Unavailable: the store does not answer.
    """
    closed = []
    for found in await store.incidents(limit=_AT_ONCE):
        if found.cluster in watched:
            continue
        async with store.unit() as unit:
            # Of several replicas that start together one does it.
            fresh = await unit.incident(found.id)
            if fresh is None or fresh.state is State.RESOLVED:
                continue
            after = await unit.save_incident(incident.unwatched(fresh, now))
            text = f"cluster {after.cluster} is no longer watched"
            told = notice.Notice(
                after, notice.Reason.UNWATCHED, text=text, calls=False, hidden=True
            )
            await unit.add_timeline(
                at=now, subject=after.name, kind=told.reason.value, text=told.text
            )
            for place in await unit.posted(after.id):
                for row in tell.rows(told, place.channel, now=now, new_id=lambda: uuid.uuid4().hex):
                    await unit.enqueue(row)
        log.info("incident_unwatched", incident=after.name, cluster=after.cluster)
        closed.append(after)
    return tuple(closed)
