"""The composition root's part for the bot itself: signs of life, self-tests, absences, numbers."""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot import options, settings, watched
from bot.adapters import deadman, health, schedule, telemetry
from bot.adapters.slack import client as slack_client
from bot.adapters.slack import selftest as slack_selftest
from bot.adapters.store import sql, upkeep
from bot.domain import alert, notice, plan, run
from bot.flow import absence, alerting, desk, heartbeat, ports, selftest, summary, tell, unwatched

log = structlog.get_logger(__name__)

_REFUSED = "configuration_refused"
"""The mark of the refusal that people were told of last."""

Job = Callable[[], Awaitable[None]]
Parts = Callable[[], Awaitable[Mapping[str, health.Part]]]


@dataclass(frozen=True, slots=True)
class Tending:
    """What the bot does for itself beside its work."""

    given: settings.Settings
    store: sql.SqlStore
    channels: Mapping[str, str]
    clock: ports.Clock
    telemetry: telemetry.PrometheusTelemetry
    told: Callable[[], None]
    parts: Parts
    test: selftest.SelfTest | None

    async def begin(self) -> None:
        """Tell where nobody watched until now, and where nobody watches. Raises Unavailable."""
        now = self.clock.now()
        closed = await unwatched.close(self.store, self.channels, now=now)
        if await unwatched.park(self.store, self.channels, now=now) or closed:
            self.told()
        longest = self.given.checks.blind_after
        if await absence.tell_absence(
            self.store, self.channels, longer_than=longest, now=self.clock.now()
        ):
            self.told()

    async def tell_refused(self, why: str) -> None:
        """Tell once that a changed configuration is not in force, and why. Raises Unavailable."""
        key = hashlib.sha256(why.encode()).hexdigest()
        if await self.store.mark(_REFUSED) == key:
            return
        lines = (*why.splitlines()[:5], "The configuration before it stays in force.")
        detail = notice.Detail(
            title="The changed configuration is refused", sections=(notice.Section(lines=lines),)
        )
        async with self.store.unit() as unit:
            for channel, cluster in {at: name for name, at in self.channels.items()}.items():
                await unit.enqueue(
                    notice.Outgoing(
                        id=uuid.uuid4().hex,
                        kind=notice.Kind.TEXT,
                        channel=channel,
                        created_at=self.clock.now(),
                        cluster=cluster,
                        priority=tell.PRIORITY_CALL,
                        detail=detail,
                    )
                )
            await unit.set_mark(_REFUSED, key)
        self.told()

    async def changing(self) -> bool:
        """Whether a change is under way in a cluster that is watched and seen. Raises Unavailable.

        One that waits for a cluster that cannot be reached would hold up the very configuration
        that takes it out; it is in the journal, and is taken up again.
        """
        runs = await self.store.remedy.runs()
        parts = await self.parts() if runs else {}
        seen = {name for name, part in parts.items() if part.ok}
        return any(f"mirror/{one.cluster}" in seen for one in runs)

    @property
    def trouble(self) -> str:
        """Why people could not hear the bot though it is connected; empty if they could."""
        return self.test.trouble if self.test is not None else ""

    def jobs(self, by_one: Callable[[Job], Job]) -> list[schedule.Job]:
        """Return what is done on a schedule; `by_one` has a job done by one of all replicas."""
        given = self.given
        made = [
            options.job(given, "count plans and runs", "30s", self.count),
            options.job(given, "prune", given.retention.every, by_one(self.prune)),
        ]
        if given.heartbeat.url.get_secret_value():
            switch = deadman.DeadMan(options.deadman(given))
            beat = heartbeat.Heartbeat(switch, self._unwell, telemetry=self.telemetry)
            made.append(options.job(given, "heartbeat", given.heartbeat.every, beat.run))
        if self.test is not None:
            made.append(options.job(given, "self-test", given.selftest.every, self.test.run))
        return [job for job in made if job is not None]

    async def _unwell(self) -> str:
        wrong = [f"{name}: {part.reason}" for name, part in (await self.parts()).items()
                 if not part.ok]  # fmt: skip
        return "; ".join(wrong)

    async def count(self) -> None:
        """Measure plans and runs by state. Raises Unavailable."""
        plans, runs = await self.store.upkeep.counts()
        for state in plan.State:
            self.telemetry.gauge("plans", plans.get(state.value, 0), state=state.value)
        for at in run.State:
            self.telemetry.gauge("runs", runs.get(at.value, 0), state=at.value)

    async def prune(self) -> None:
        """Remove what is older than it has to be kept. Raises Unavailable."""
        now, kept = self.clock.now(), self.given.retention
        limits = upkeep.Limits(
            incidents=now - kept.incidents, outbox=now - kept.outbox, deeds=now - kept.deeds
        )
        removed = await self.store.upkeep.prune(limits, now=now)
        for table, rows in removed.items():
            self.telemetry.count("pruned_total", rows, table=table)
        if removed:
            log.info("pruned", **removed)


def build(
    given: settings.Settings,
    store: sql.SqlStore,
    web: slack_client.Web,
    channels: Mapping[str, str],
    *,
    clock: ports.Clock,
    telemetry: telemetry.PrometheusTelemetry,
    told: Callable[[], None],
    parts: Parts,
) -> Tending:
    """Put it together.

    Args:
        given: the settings in force.
        store: marks and messages.
        web: Slack's Web API.
        channels: cluster -> channel.
        clock: time.
        telemetry: numbers.
        told: called after something was stored to be told.
        parts: what is ready and what is not.
    """
    test = None
    if given.selftest.channel:
        way = slack_selftest.RoundTrip(web, given.selftest.channel)
        test = selftest.SelfTest(way, clock=clock, telemetry=telemetry)
    return Tending(given, store, channels, clock, telemetry, told, parts, test)


async def alerts(
    given: settings.Settings,
    store: ports.Store,
    *,
    clock: ports.Clock,
    telemetry: ports.Telemetry,
) -> alerting.Alerts:
    """Return who keeps alerts, what was told before remembered. Raises Unavailable."""
    made = alerting.Alerts(
        [one.name for one in given.watched],
        store,
        clock=clock,
        telemetry=telemetry,
        options=options.alerts(given),
    )
    await made.begin()
    return made


async def alerted(
    kept: alerting.Alerts, watching: Sequence[watched.Watched], told: Sequence[alert.Alert]
) -> None:
    """Take alerts, and judge at once those clusters that they concern. Raises Unavailable."""
    for name in await kept.take(told):
        for each in watching:
            if each.cycle.cluster == name:
                await each.cycle.once()


async def caught_up(kept: alerting.Alerts, watching: Sequence[watched.Watched]) -> None:
    """Take up what another replica was told, and judge what that concerns. Raises Unavailable."""
    before = {each.cycle.cluster: kept.firing(each.cycle.cluster) for each in watching}
    await kept.begin()
    for each in watching:
        if kept.firing(each.cycle.cluster) != before[each.cycle.cluster]:
            await each.cycle.once()


async def summarise(
    store: ports.Store, about: desk.Desk, channels: Mapping[str, str], *, now: datetime
) -> None:
    """Have each cluster's day told in its channel. Raises Unavailable."""
    status = await about.status(None)
    newest = await store.remedy.latest_deeds(1)
    async with store.unit() as unit:
        for one in status.clusters:
            told = summary.row(
                one,
                channels[one.cluster],
                now=now,
                new_id=uuid.uuid4().hex,
                deed=newest[-1] if newest else None,
            )
            await unit.enqueue(told)
