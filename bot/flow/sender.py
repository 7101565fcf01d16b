"""The sender: one courier for each channel that has something to hear."""

import asyncio
from collections.abc import Callable

import structlog

from bot.domain import errors, notice
from bot.flow import deliver, ports

log = structlog.get_logger(__name__)


class Sender:
    """Runs couriers while there is work, and looks again when woken or after `poll`."""

    def __init__(
        self,
        store: ports.Store,
        courier: Callable[[str], deliver.Courier],
        *,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        poll_seconds: float,
    ) -> None:
        self._store = store
        self._courier = courier
        self._clock = clock
        self._telemetry = telemetry
        self._poll = poll_seconds
        self._wake = asyncio.Event()
        self._couriers: dict[str, deliver.Courier] = {}
        self._working: dict[str, asyncio.Task[None]] = {}
        self._orphans = True

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    def troubles(self) -> dict[str, str]:
        """Return the channels that hear nothing now, and why."""
        return {name: one.trouble for name, one in self._couriers.items() if one.trouble}

    async def run(self) -> None:
        """Deliver until cancelled. What a dead process had claimed is adopted first."""
        # Whatever was left here when it last stopped, another replica may have delivered.
        self._couriers.clear()
        self._orphans = True
        try:
            while True:
                self._wake.clear()
                try:
                    if self._orphans:
                        await self._adopt()
                    await self._dispatch()
                except errors.Unavailable as error:
                    log.warning("outbox_unreadable", error=str(error))
                await self._idle()
        finally:
            await self._stop()

    async def _adopt(self) -> None:
        """Hand claimed rows that nobody works on to their couriers.

        They are left by a process that died, and by a courier whose store failed between Slack's
        answer and its own note of it.
        """
        rows: dict[str, list[notice.Outgoing]] = {}
        for row in await self._store.claimed():
            rows.setdefault(row.channel, []).append(row)
        self._orphans = False
        for channel, claimed in rows.items():
            if channel in self._working:
                self._orphans = True
            else:
                self._of(channel).adopt(claimed)
                self._start(channel)

    def _of(self, channel: str) -> deliver.Courier:
        if channel not in self._couriers:
            self._couriers[channel] = self._courier(channel)
        return self._couriers[channel]

    async def _dispatch(self) -> None:
        now = self._clock.now()
        for channel in await self._store.due_channels(now=now):
            self._start(channel)
        for channel, courier in self._couriers.items():
            if courier.unsettled:
                self._start(channel)
        state = await self._store.outbox()
        age = (now - state.oldest).total_seconds() if state.oldest else 0.0
        self._telemetry.gauge("outbox_depth", state.pending)
        self._telemetry.gauge("outbox_oldest_seconds", age)

    def _start(self, channel: str) -> None:
        if channel in self._working:
            return
        task = asyncio.create_task(self._work(channel), name=f"courier {channel}")
        self._working[channel] = task

    async def _work(self, channel: str) -> None:
        try:
            await self._of(channel).work()
            # A row may have come while this courier was leaving: look once more.
            self.wake()
        except errors.Unavailable as error:
            self._orphans = True
            log.warning("courier_waits", channel=channel, error=str(error))
        except Exception:  # the seam of one task: one channel's fault must not silence the others
            self._orphans = True
            log.exception("courier_failed", channel=channel)
        finally:
            self._working.pop(channel, None)

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(self._poll):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _stop(self) -> None:
        tasks = list(self._working.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
