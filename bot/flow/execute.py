"""Execute: claim what was approved, take up what was left, and let what nobody decided expire.

The executor keeps nothing that is not in the store, so that it may die at any instant: its
successor takes its runs over, looks what the cluster says of what was begun, and goes on.
"""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog

from bot.domain import approval, errors, plan, run
from bot.domain.plan import Plan
from bot.domain.run import Run
from bot.flow import carry
from bot.flow.carry import Means
from bot.flow.site import Site

log = structlog.get_logger(__name__)

_REST = 30.0
"""Seconds until a run is taken up again that broke off by a mistake of ours."""


class Executor:
    """Carries out the plans of all clusters.

    Args:
        sites: by cluster.
        means: journal, guards, people, clock, and the pace.
        name: of this process, told in the journal.
    """

    def __init__(self, sites: Mapping[str, Site], means: Means, *, name: str) -> None:
        self._sites = sites
        self._means = means
        self._journal = means.journal
        self._store = means.journal.store
        self._clock = means.clock
        self._name = name
        self._woken = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._left: set[str] = set()
        self._not_before: dict[int, float] = {}

    def wake(self) -> None:
        """Look at the store now."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. What is under way then is parked in the journal."""
        try:
            while True:
                try:
                    await self._tend()
                except errors.Unavailable as error:
                    log.warning("executor_waits", error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._means.options.poll.total_seconds()):
                        await self._woken.wait()
                self._woken.clear()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tend(self) -> None:
        """Expire what nobody decided, take up what was left, claim what was approved."""
        await self._expire()
        for one in await self._store.remedy.runs():
            rests = self._clock.monotonic() < self._not_before.get(one.id, 0.0)
            if one.over or rests or one.id in self._tasks:
                continue
            if one.cluster in self._sites:
                await self._adopt(one)
        for approved in await self._store.remedy.unclaimed():
            site = self._sites.get(approved.cluster)
            # Switched off, nothing is begun; what is under way is ended.
            if site is not None and site.rules.enabled:
                await self._claim(approved)

    async def _expire(self) -> None:
        now = self._clock.now()
        for one in await self._store.remedy.plans():
            after = approval.expire(one, now=now)
            if after.state is one.state:
                continue
            async with self._store.unit() as unit:
                fresh = await unit.remedy.plan(one.id)
                if fresh is None or fresh.state is not plan.State.PROPOSED:
                    continue
                await unit.remedy.save_plan(approval.expire(fresh, now=now))
                await unit.remedy.record(
                    at=now, actor="flannel-bot", subject=one.name, kind="plan_expired",
                    text=after.reason,
                )  # fmt: skip
                await self._journal.show(unit, fresh)
            self._journal.wake()
        for approved in await self._store.remedy.unclaimed():
            after = run.lapse(approved, now=now)
            if after.state is not approved.state:
                with contextlib.suppress(errors.Conflict):  # a run was begun for it meanwhile
                    await self._lapse(after)

    async def _lapse(self, after: Plan) -> None:
        """Write down that an approval is over."""
        async with self._store.unit() as unit:
            await unit.remedy.lapse(after)
            await unit.remedy.record(
                at=self._clock.now(), actor="flannel-bot", subject=after.name, kind="plan_expired",
                text=after.reason,
            )  # fmt: skip
            await self._journal.show(unit, after)
        self._journal.wake()

    async def _adopt(self, left: Run) -> None:
        its = await self._store.remedy.plan(left.plan)
        if its is None:
            return
        try:
            mine = await self._journal.take_over(left.id, its, executor=self._name)
        except errors.Conflict:
            return
        except errors.Refused as error:
            await self._leave(left.name, its, str(error))
            return
        log.info("run_taken_over", run=mine.name, left_by=left.executor)
        self._begin(mine, its)

    async def _claim(self, approved: Plan) -> None:
        try:
            begun = await self._journal.start(approved, executor=self._name)
        except errors.Conflict:
            return
        except errors.Refused as error:
            await self._leave(approved.name, approved, str(error))
            return
        log.info("run_started", run=begun.name, plan=approved.name, digest=approved.digest)
        self._begin(begun, approved)

    async def _leave(self, name: str, its: Plan, why: str) -> None:
        """Say once that something is not begun or gone on with; a forgery in the record, too."""
        if name in self._left:
            return
        log.warning("not_carried_out", what=name, plan=its.name, reason=why)
        async with self._store.unit() as unit:
            if approval.unapproved(its, await unit.remedy.votes(its.id)):
                await unit.remedy.record(
                    at=self._clock.now(), actor=self._name, subject=name, kind="not_carried_out",
                    text=why,
                )  # fmt: skip
            await self._journal.show(unit, its)
        self._left.add(name)
        self._journal.wake()

    def _begin(self, mine: Run, its: Plan) -> None:
        carrier = carry.Carrier(mine, its, self._sites[its.cluster], self._means)
        task = asyncio.create_task(carrier.carry(), name=mine.name)
        self._tasks[mine.id] = task
        task.add_done_callback(lambda ended: self._ended(mine, ended))

    def _ended(self, mine: Run, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(mine.id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nothing is lost: it is in the journal, and is taken up again after a while.
            log.error("run_broke_off", run=mine.name, error=repr(error))
            self._not_before[mine.id] = self._clock.monotonic() + _REST
