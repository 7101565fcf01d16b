"""Stops: what ends, forbids or prolongs changes, from Slack or by hand where Slack is down.

Who may is judged before; here it is done, and written into the chain of deeds.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from bot.domain import errors, run, units
from bot.domain.freeze import Freeze
from bot.domain.plan import Plan
from bot.domain.run import Run
from bot.flow import ports
from bot.flow.journal import Journal
from bot.flow.remedy_answers import Said

ALL = "all clusters"


async def cancel(journal: Journal, held: Run, its: Plan, *, by: str, clock: ports.Clock) -> Said:
    """Have a run begin nothing new and take back what it can."""
    if held.over:
        return Said(done=False, text=f"{held.name} has ended already: {held.state.value}.")
    if held.cancelled_at is not None:
        return Said(False, f"{held.name} is being cancelled already.", (held.cancelled_by,))
    now = clock.now()
    try:
        await journal.move(
            held,
            its,
            lambda present, plan: run.cancel(present, plan, by=by, now=now),
            kind="run_cancelled",
            text="",
            actor=by,
        )
    except (errors.Conflict, errors.Refused) as error:
        return Said(done=False, text=f"{held.name} could not be cancelled: {error}")
    text = f"{held.name} is being cancelled: nothing new begins, and what can be taken back is."
    return Said(done=True, text=text)


async def prolong(journal: Journal, held: Run, its: Plan, *, by: str) -> Said:
    """Have a run wait as long again for what holds it up."""
    try:
        await journal.move(held, its, run.prolong, kind="run_prolonged", text="", actor=by)
    except (errors.Conflict, errors.Refused) as error:
        return Said(done=False, text=f"{held.name} does not wait longer: {error}")
    return Said(done=True, text=f"{held.name} waits as long again for what holds it up.")


async def freeze_changes(
    store: ports.Store,
    *,
    cluster: str,
    by: str,
    lasts: timedelta,
    reason: str,
    clock: ports.Clock,
) -> Said:
    """Forbid changes for a while; an empty cluster means all. Raises Refused without a reason."""
    if lasts <= timedelta() or not reason.strip():
        raise errors.Refused("say for how long and why: `freeze 2h core switch is replaced`")
    now = clock.now()
    held = Freeze(by=by, reason=reason.strip(), since=now, until=now + lasts, cluster=cluster)
    async with store.unit() as unit:
        await unit.remedy.save_freeze(held)
        await unit.remedy.record(
            at=now,
            actor=by,
            subject=cluster or ALL,
            kind="frozen",
            text=f"until {units.stamp(held.until)}: {held.reason}",
        )
    where = f"cluster {cluster}" if cluster else ALL
    return Said(done=True, text=f"Changes to {where} are frozen until {units.stamp(held.until)}.")


async def unfreeze(
    store: ports.Store,
    *,
    cluster: str,
    by: str,
    may: Callable[[Freeze], bool],
    clock: ports.Clock,
) -> tuple[int, int]:
    """Lift the freezes of a cluster, of all with an empty one; return how many, and were left."""
    now = clock.now()
    lifted = left = 0
    async with store.unit() as unit:
        for number, held in await store.remedy.freezes(now=now):
            if cluster and held.cluster not in ("", cluster):
                continue
            if not may(held):
                left += 1
                continue
            await unit.remedy.save_freeze(replace(held, lifted_at=now, lifted_by=by), number=number)
            await unit.remedy.record(
                at=now, actor=by, subject=held.cluster or ALL, kind="unfrozen", text=held.reason
            )
            lifted += 1
    return lifted, left


def told(lifted: int) -> Said:
    """Say how many freezes were lifted."""
    if not lifted:
        return Said(done=False, text="There is no freeze to be lifted.")
    return Said(done=True, text=f"{units.count(lifted, 'freeze')} lifted.")
