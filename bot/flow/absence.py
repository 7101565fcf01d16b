"""Absence: tell people when nobody watched, and from when to when.

The moment up to which a cluster was watched is stored with every cycle (see `cycle`). Where a
start finds it long past, that span is told once, before the first cycle moves it on.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.domain import notice, units
from bot.flow import ports, tell


def watched_key(cluster: str) -> str:
    """Return the mark that holds up to when a cluster was watched."""
    return f"seen_until/{cluster}"


def _told_key(cluster: str) -> str:
    return f"absence_told/{cluster}"


async def tell_absence(
    store: ports.Store, channels: Mapping[str, str], *, longer_than: timedelta, now: datetime
) -> list[str]:
    """Enqueue a message for each cluster that was not watched, and return their names.

    Args:
        store: where marks and messages are.
        channels: cluster -> channel.
        longer_than: shorter spans are not worth a word.
        now: this moment.

    Raises:
        Unavailable: the store does not answer.
    """
    told = []
    for cluster, channel in channels.items():
        mark = await store.mark(watched_key(cluster))
        if mark is None:
            continue
        since = datetime.fromisoformat(mark)
        if now - since <= longer_than:
            continue
        async with store.unit() as unit:
            # Read within the unit: of several replicas that start together one tells it.
            if mark == await store.mark(_told_key(cluster)):
                continue
            await unit.enqueue(
                notice.Outgoing(
                    id=uuid.uuid4().hex,
                    kind=notice.Kind.TEXT,
                    channel=channel,
                    created_at=now,
                    cluster=cluster,
                    priority=tell.PRIORITY_CALL,
                    detail=detail(cluster, since, now),
                )
            )
            # A bot that dies before its first cycle must not tell the same again.
            await unit.set_mark(_told_key(cluster), mark)
        told.append(cluster)
    return told


def detail(cluster: str, since: datetime, until: datetime) -> notice.Detail:
    """Say from when to when nobody watched, and what is known of that time nevertheless."""
    span = units.duration(until - since)
    when = f"from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC ({span})"
    lines = (
        f"{when} the bot was down, or could not see the cluster",
        "restarts and OOM kills of that time are counted now; their times are not all known",
        "what broke and healed meanwhile without a trace is told by nobody",
    )
    return notice.Detail(
        title=f"{cluster} was not watched for {span}", sections=(notice.Section(lines=lines),)
    )
