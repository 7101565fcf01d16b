"""Unwatched: what is left of clusters that are configured no more is told as what it is.

Incidents are neither well nor in trouble as far as anybody can tell, so they do not resolve, and do
not stay red for ever: their cards say that their cluster is no longer watched. Runs stay where they
are, and say so, until their cluster is back; requests that were not begun are void, decided or
not. Nothing asks those clusters anything.
"""

import uuid
from collections.abc import Collection
from datetime import datetime

import structlog

from bot.domain import approval, errors, incident, notice, plan, run
from bot.domain.incident import Incident, State
from bot.domain.plan import Plan
from bot.flow import ports, tell

log = structlog.get_logger(__name__)

_AT_ONCE = 1_000
_BOT = "flannel-bot"


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


async def park(store: ports.Store, watched: Collection[str], *, now: datetime) -> tuple[str, ...]:
    """Leave runs and void requests in clusters that are not watched; return their names.

    A run goes on where it is taken over, once its cluster is watched again.

    Args:
        store: where runs, plans and messages are.
        watched: the names of the clusters that are.
        now: this moment.

    Raises:
        Unavailable: the store does not answer.
    """
    # Requests first: one that is begun meanwhile is among the runs.
    left = [
        await _void(store, one.id, now=now)
        for one in [*await store.remedy.plans(), *await store.remedy.unclaimed()]
        if one.cluster not in watched
    ]
    left += [
        await _left(store, one.id, now=now)
        for one in await store.remedy.runs()
        if one.cluster not in watched and not one.parked
    ]
    return tuple(name for name in left if name)


async def _left(store: ports.Store, number: int, *, now: datetime) -> str:
    """Leave a run where it is, unless another replica has; return its name."""
    async with store.unit() as unit:
        found = await unit.remedy.run(number)
        its = await unit.remedy.plan(found.plan) if found is not None else None
        if found is None or its is None or found.over or found.parked:
            return ""
        why = f"cluster {found.cluster} is no longer watched: {run.where(found)}"
        after = run.park(found, why)
        await unit.remedy.save_run(after, epoch=found.epoch)
        await unit.remedy.record(
            at=now, actor=_BOT, subject=after.name, kind="run_parked", text=after.parked
        )
        detail = notice.Detail(
            title=f"{after.name} stopped",
            sections=(notice.Section(heading="Why", lines=(after.parked,)),),
            broadcast=True,
        )
        await _tell(store, unit, its, now=now, detail=detail)
    log.warning("run_unwatched", run=after.name, cluster=after.cluster)
    return after.name


async def _void(store: ports.Store, number: int, *, now: datetime) -> str:
    """Void a request that nobody can begin, unless another replica has; return its name."""
    try:
        async with store.unit() as unit:
            found = await unit.remedy.plan(number)
            if found is None:
                return ""
            why = f"cluster {found.cluster} is no longer watched"
            after = approval.abandon(found, now=now, reason=why)
            if after == found:
                return ""
            if found.state is plan.State.APPROVED:
                await unit.remedy.lapse(after)
            else:
                await unit.remedy.save_plan(after)
            await unit.remedy.record(
                at=now, actor=_BOT, subject=after.name, kind="plan_superseded", text=why
            )
            await _tell(store, unit, after, now=now)
    except errors.Conflict:
        return ""  # begun meanwhile
    log.info("plan_unwatched", plan=after.name, cluster=after.cluster)
    return after.name


async def _tell(
    store: ports.Store,
    unit: ports.Unit,
    its: Plan,
    *,
    now: datetime,
    detail: notice.Detail | None = None,
) -> None:
    """Have a plan's card say what is true now, and its thread more, wherever it is shown."""
    for place in await store.posted_plan(its.id):
        rows = [tell.plan_row(its, place.channel, now=now, new_id=lambda: uuid.uuid4().hex)]
        if detail is not None:
            rows += tell.plan_details(
                its, detail, place.channel, now=now, new_id=lambda: uuid.uuid4().hex
            )
        for row in rows:
            await unit.enqueue(row)
