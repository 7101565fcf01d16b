"""The composition root's part for people's attention: who takes on what, what it was worth."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot import options, settings, watched
from bot.adapters import schedule
from bot.domain import notice
from bot.flow import attending, handover, noise_report, ports, remedy_answers, tell


@dataclass(frozen=True, slots=True)
class Attended:
    """People's attention, for the desk and the scheduler."""

    attention: attending.Attending
    store: ports.Store
    clock: ports.Clock
    channels: dict[str, str]
    told: Callable[[], None]

    def jobs(self, given: settings.Settings) -> list[schedule.Job]:
        """Return what is told on a schedule."""
        made = [
            options.job(given, "hand-over", given.schedule.handover, self._handover),
            options.job(given, "noise report", given.schedule.noise, self._noise),
        ]
        return [job for job in made if job is not None]

    async def _handover(self) -> None:
        await self._send({name: await self.attention.handover(name) for name in self.channels})

    async def _noise(self) -> None:
        found = {name: await self.attention.noise(name) for name in self.channels}
        await self._send({name: noise_report.detail(name, each) for name, each in found.items()})

    async def _send(self, details: dict[str, notice.Detail]) -> None:
        now = self.clock.now()
        async with self.store.unit() as unit:
            for name, detail in details.items():
                await unit.enqueue(
                    notice.Outgoing(
                        id=uuid.uuid4().hex,
                        kind=notice.Kind.TEXT,
                        channel=self.channels[name],
                        created_at=now,
                        cluster=name,
                        priority=tell.PRIORITY_TEXT,
                        detail=detail,
                    )
                )
        self.told()


def build(
    given: settings.Settings,
    watching: Sequence[watched.Watched],
    store: ports.Store,
    people: remedy_answers.People,
    *,
    clock: ports.Clock,
    told: Callable[[], None],
) -> Attended:
    """Put it together over some clusters."""
    attention = attending.Attending(
        store,
        people,
        clock=clock,
        quiet={each.cycle.cluster: each.cycle.quiet for each in watching},
        judge={each.cycle.cluster: each.cycle.once for each in watching},
        told=told,
        hands=handover.Handover(
            store,
            {each.cycle.cluster: each.mirror.snapshot for each in watching},
            clock=clock,
        ),
        allowed=given.noise.budget,
    )
    return Attended(
        attention=attention,
        store=store,
        clock=clock,
        channels={each.cycle.cluster: each.cycle.channel for each in watching},
        told=told,
    )
