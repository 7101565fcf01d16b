"""Leading: of several replicas one judges, tells and carries out; all of them answer people.

Two things make a leader. The **lease** in the cluster says who may change anything: it is renewed
in time or its holder stops by itself, before anybody else may take it. The **epoch** in the store
says who may write as the leader: whoever takes the lease begins a new one, and what is written
under an older one is refused in the very transaction. So a leader that was frozen and wakes can
claim nothing, whatever it still believes.

A leader that cannot reach the API server any more stops changing things, and goes on to judge and
tell for as long as nobody has begun a new epoch: that a cluster cannot be seen has to be told.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from bot.domain import errors, leadership, notice
from bot.domain.leadership import Record, Step, Terms, View
from bot.flow import ports

log = structlog.get_logger(__name__)

Work = Callable[[], Awaitable[None]]


class Lock(Protocol):
    """The lease itself."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    async def read(self) -> Record | None:
        """Return what it says, None where there is none. Raises BotError."""

    async def write(self, record: Record) -> Record:
        """Create it or replace the version that is named; return what was kept.

        Raises Conflict where somebody was faster, any other BotError where it is not known.
        """


class Office(Protocol):
    """The store's part of it."""

    async def enter(self, holder: str) -> int:
        """Begin a new epoch; what is written under an older one is refused from now on."""

    async def current(self) -> int:
        """Return the epoch in force, 0 where there was none yet."""


class Leader(Protocol):
    """Whether this process leads, at this very moment."""

    @property
    def epoch(self) -> int | None:
        """The epoch under which it writes; None where there are no others."""

    def leads(self) -> bool:
        """Whether it may change something."""

    def tells(self) -> bool:
        """Whether it judges, and tells what it finds."""

    def led_by(self) -> str:
        """Who leads, as far as is known; empty where that is not known or goes without saying."""

    async def while_leading(self, work: Work) -> None:
        """Do something while it leads: stopped and waited for when not, begun anew when again."""

    async def while_telling(self, work: Work) -> None:
        """Likewise while it tells."""

    async def while_following(self, work: Work) -> None:
        """Likewise while it does not tell."""


class Alone:
    """The only replica. Implements `Leader`."""

    epoch: int | None = None

    def leads(self) -> bool:
        """Whether it may change something."""
        return True

    def tells(self) -> bool:
        """Whether it judges, and tells what it finds."""
        return True

    def led_by(self) -> str:
        """Nothing: it goes without saying."""
        return ""

    async def while_leading(self, work: Work) -> None:
        """Do it."""
        await work()

    async def while_telling(self, work: Work) -> None:
        """Do it."""
        await work()

    async def while_following(self, work: Work) -> None:
        """Never do it."""


class Silent(Alone):
    """A process that never tells, whoever leads it. Implements `Leader`."""

    def tells(self) -> bool:
        """Whether it judges, and tells what it finds: never."""
        return False


class Elector:
    """Campaigns for the lease and keeps it. Implements `Leader`.

    Args:
        lock: the lease.
        office: the store's epochs.
        me: a name that no other process ever has.
        clock: `monotonic` must also count the time that the machine sleeps.
        telemetry: told who leads.
        terms: for how long.
        chance: draws numbers from 0 to 1, so that replicas do not look at the same moment.
    """

    def __init__(
        self,
        lock: Lock,
        office: Office,
        *,
        me: str,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        terms: Terms,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._lock, self._office = lock, office
        self._clock, self._telemetry = clock, telemetry
        self._terms, self._chance = terms, chance
        self._view = View(me)
        self._certain = False
        self._aside_until = float("-inf")
        self._epoch: int | None = None
        self._confirmed_at = float("-inf")
        self._tells_from = float("-inf")
        self._inherited = False
        self._store_lost_at: float | None = None
        self._turned = asyncio.Event()
        self._announced: bool | None = None
        self._trouble = ""
        self._busy = 0

    @property
    def epoch(self) -> int | None:
        """The epoch under which it writes; one that is long over while it has none."""
        return -1 if self._epoch is None else self._epoch

    def leads(self) -> bool:
        """Whether it may change something: the lease is not run out, and its epoch is in force."""
        return self._epoch is not None and self._holds()

    def tells(self) -> bool:
        """Whether it tells: as the leader, or while nobody is known to have taken over."""
        now = self._clock.monotonic()
        if self._epoch is None or now < self._tells_from:
            return False
        return self._holds() or now - self._confirmed_at < self._fresh

    def led_by(self) -> str:
        """Who holds the lease, as it was seen last."""
        seen = self._view.seen
        return seen.holder if seen is not None else ""

    async def while_leading(self, work: Work) -> None:
        """Do something while it leads."""
        await self._during(self.leads, work)

    async def while_telling(self, work: Work) -> None:
        """Do something while it tells."""
        await self._during(self.tells, work)

    async def while_following(self, work: Work) -> None:
        """Do something while it does not tell."""
        await self._during(lambda: not self.tells(), work)

    async def run(self) -> None:
        """Campaign until cancelled. `release` afterwards, when all work has stopped."""
        self._announce()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._campaign(), name="lease")
            group.create_task(self._attend(), name="epoch")

    async def release(self) -> None:
        """Give the lease back, so that another takes over at once. Everything has stopped."""
        self._epoch = None
        free = leadership.released(self._view, at=self._clock.now())
        self._view = replace(self._view, renewed_at=None)
        self._announce()
        if free is None:
            return
        try:
            async with asyncio.timeout(self._terms.renew_within / 3):
                kept = await self._lock.write(free)
        except (errors.BotError, TimeoutError) as error:
            self._certain = False
            log.info("lease_not_given_back", lease=self._lock.place, error=str(error))
        else:
            self._view = leadership.observed(self._view, kept, now=self._clock.monotonic())

    @property
    def _fresh(self) -> float:
        """How long a look at the epoch counts; somebody who takes over waits as long."""
        return 1.5 * self._terms.retry

    def _holds(self) -> bool:
        return leadership.leads(self._view, self._terms, now=self._clock.monotonic())

    def _left(self) -> float:
        """Seconds until it has to stop; as long as a try may last where it does not lead."""
        longest = self._terms.renew_within / 3
        if self._view.renewed_at is None:
            return longest
        ends = self._view.renewed_at + self._terms.renew_within
        return max(0.0, min(longest, ends - self._clock.monotonic())) or longest

    async def _campaign(self) -> None:
        while True:
            if self._clock.monotonic() >= self._aside_until:
                await self._try()
            self._announce()
            pause = self._terms.retry * (0.8 + 0.4 * self._chance())
            await self._clock.sleep(min(pause, self._left()) if self._holds() else pause)
            self._announce()

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(self._left()):
                await self._look_and_write()
        except errors.Conflict:
            self._certain = False
        except (errors.BotError, TimeoutError) as error:
            self._certain = False
            self._complain(str(error) or "no answer in time")
        else:
            self._complain("")

    async def _look_and_write(self) -> None:
        if not self._certain:
            found = await self._lock.read()
            before = self._view.seen
            self._view = leadership.observed(self._view, found, now=self._clock.monotonic())
            self._certain = True
            if found is not None and found.holder not in ("", self._view.me):
                self._epoch = None
                if before is None or before.holder != found.holder:
                    log.info("led_by_another", lease=self._lock.place, holder=found.holder)
        now = self._clock.monotonic()
        step = leadership.decide(self._view, now=now)
        if step is Step.WAIT:
            self._certain = False
            return
        record = leadership.proposed(self._view, self._terms, at=self._clock.now())
        if step is Step.TAKE:
            self._inherited = self._view.seen is not None and bool(self._view.seen.holder)
        kept = await self._lock.write(record)
        self._view = leadership.written(self._view, kept, sent_at=now, now=self._clock.monotonic())
        if step is Step.TAKE:
            self._turn()

    async def _attend(self) -> None:
        """Keep the epoch: begin one with the lease, and notice when somebody else has."""
        while True:
            try:
                await self._confirm()
            except errors.BotError as error:
                now = self._clock.monotonic()
                since = self._store_lost_at if self._store_lost_at is not None else now
                self._store_lost_at = since
                if self._holds() and now - since >= self._terms.renew_within:
                    await self._stand_aside(str(error))
            else:
                self._store_lost_at = None
            self._announce()
            await self._next(self._terms.retry)

    async def _confirm(self) -> None:
        now = self._clock.monotonic()
        if self._epoch is not None:
            if await self._office.current() == self._epoch:
                self._confirmed_at = now
                return
            log.warning("epoch_over", epoch=self._epoch)
            self._epoch = None
            self._announce()
        if not self._holds():
            return
        # What a leader that died had claimed and was sending must have arrived before anybody
        # looks for it.
        wait = self._fresh if self._inherited else 0.0
        epoch = await self._office.enter(self._view.me)
        if self._holds():
            self._inherited = False
            self._confirmed_at = now
            self._tells_from = self._clock.monotonic() + wait
            self._epoch = epoch

    async def _stand_aside(self, why: str) -> None:
        """A leader without the store is none: let another try, and come back later."""
        log.warning("lease_given_back", lease=self._lock.place, why=why)
        now = self._clock.monotonic()
        self._aside_until = now + 2 * self._terms.lasts
        self._store_lost_at = None
        self._epoch = None
        self._announce()
        while self._busy and self._holds():
            await self._next(self._terms.retry / 4)
        if not self._busy:
            await self.release()

    def _complain(self, why: str) -> None:
        if why and why != self._trouble:
            log.warning("lease_not_reached", lease=self._lock.place, error=why)
        self._trouble = why

    def _announce(self) -> None:
        leads = self.leads()
        if leads is self._announced:
            return
        self._announced = leads
        self._telemetry.gauge("leader", int(leads))
        log.info("leading" if leads else "following", epoch=self._epoch, holder=self.led_by())
        self._turn()

    def _turn(self) -> None:
        self._turned.set()
        self._turned = asyncio.Event()

    async def _next(self, within: float) -> None:
        """Wait until something turned, not longer than that."""
        try:
            async with asyncio.timeout(within):
                await self._turned.wait()
        except TimeoutError:
            return

    async def _until(self, met: Callable[[], bool]) -> None:
        # Time alone may end a lease, so this looks by itself, too.
        while not met():
            await self._next(self._terms.retry / 4)

    async def _during(self, allowed: Callable[[], bool], work: Work) -> None:
        while True:
            await self._until(allowed)
            epoch = self._epoch
            self._busy += epoch is not None
            doing = asyncio.ensure_future(work())
            # With another epoch, too: somebody may have worked in between.
            over = asyncio.create_task(
                self._until(lambda at=epoch: not allowed() or self._epoch != at),  # type: ignore[misc]
                name="leads no more",
            )
            try:
                await asyncio.wait({doing, over}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                finished = doing.done()
                for each in (doing, over):
                    each.cancel()
                await asyncio.gather(doing, over, return_exceptions=True)
                self._busy -= epoch is not None
                self._turn()
            if finished:
                doing.result()
                return


class LeadersMessenger:
    """Posts only while this process tells. Implements `ports.Messenger`.

    A process that was frozen between its claim and the sending must not post what its successor
    has posted meanwhile.
    """

    def __init__(self, messenger: ports.Messenger, leader: Leader) -> None:
        self._messenger = messenger
        self._leader = leader

    async def post(
        self, channel: str, message: ports.Message, *, row: notice.Outgoing, thread_ts: str = ""
    ) -> str:
        """Post, or raise Unavailable where another replica tells."""
        self._check()
        return await self._messenger.post(channel, message, row=row, thread_ts=thread_ts)

    async def update(
        self, channel: str, ts: str, message: ports.Message, *, row: notice.Outgoing
    ) -> None:
        """Edit, or raise Unavailable where another replica tells."""
        self._check()
        await self._messenger.update(channel, ts, message, row=row)

    async def find(
        self, channel: str, outbox_id: str, *, since: datetime, thread_ts: str = ""
    ) -> str | None:
        """Look; anybody may."""
        return await self._messenger.find(channel, outbox_id, since=since, thread_ts=thread_ts)

    def _check(self) -> None:
        if not self._leader.tells():
            raise errors.Unavailable("another replica has taken over")
