"""The composition root: the only place where everything meets.

`run` builds the bot from settings, owns every task, and stops all in reverse order.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import structlog
from aiohttp import web as aiohttp_web

import bot
from bot import (
    attended,
    doctoring,
    keeping,
    options,
    parted,
    readiness,
    reloading,
    remediating,
    remembering,
    replicated,
    settings,
    stopping,
    tending,
    watched,
    wrongs,
)
from bot.adapters import alertmanager, garbage, health, schedule, telemetry
from bot.adapters import clock as clocks
from bot.adapters.charts import painter
from bot.adapters.cluster import reader
from bot.adapters.slack import app as slack_app
from bot.adapters.slack import client as slack_client
from bot.adapters.slack import notifier
from bot.adapters.slack import people as slack_people
from bot.adapters.store import migrate, sql
from bot.domain import errors, incident
from bot.flow import (
    alerting,
    asking,
    deliver,
    desk,
    explain,
    leading,
    plancards,
    ports,
    sender,
)

log = structlog.get_logger(__name__)

_STORE_RETRY = 2.0
_HEARTBEAT = 1.0
_HEARTBEAT_LATE = 10.0
_TIDY_BEATS = 5


class Bot:
    """The running bot. Everything is built by `run`, nothing before."""

    def __init__(
        self,
        given: settings.Settings,
        reload: reloading.Reloading,
        stopping: asyncio.Event,
        before: settings.Settings | None = None,
        *,
        clock: ports.Clock | None = None,
        keep: keeping.Keeping | None = None,
    ) -> None:
        self._settings = given
        self._keep = keep
        self._wrong = wrongs.Wrongs(given, before)
        self._reload = reload
        self._clock = clock or clocks.SystemClock()
        self._telemetry = telemetry.PrometheusTelemetry(bot.__version__, role=given.process.role)
        self._stopping = stopping
        self._beat = self._clock.monotonic()
        self._store: sql.SqlStore | None = None
        self._alertmanager = alertmanager.Alertmanager(
            options.alertmanager(given), clock=self._clock, telemetry=self._telemetry
        )
        self._probe = readiness.StoreProbe(self._clock)
        self._slack: slack_app.SlackApp | None = None
        self._desk: desk.Desk | None = None
        self._sending: sender.Sender | None = None
        self._remedies: remediating.Remedies | None = None
        self._tending: tending.Tending | None = None
        self._watched: list[watched.Watched] = []
        self._kept: Sequence[keeping.Kept] = ()
        self._executor: asking.Asking | None = None

    async def run(self) -> None:
        """Run until told to stop.

        Raises:
            reloading.Renewed: a new one with other settings has to take over.
            errors.Misconfigured: something is definitely wrong; the text names the setting.
            errors.Unavailable: Slack could not be reached for so long that a new process is due.
        """
        for sentence in options.nobody(self._settings):
            log.warning("nobody_may", why=sentence)
        async with contextlib.AsyncExitStack() as stack:
            server = health.HealthServer(
                options.http(self._settings),
                alive=self._alive,
                parts=self._parts,
                metrics=self._telemetry.text,
                posts=self._posts(),
            )
            stack.push_async_callback(server.stop)
            port = await server.start()
            log.info("listening", host=self._settings.http.host, port=port)
            await self._until_stopped(partial(self._work, stack))
        log.info("stopped")

    async def _until_stopped(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(work())
        stop = asyncio.create_task(self._stopping.wait(), name="stop signal")
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        for each in (task, stop):
            each.cancel()
        result, _ = await asyncio.gather(task, stop, return_exceptions=True)
        if isinstance(result, BaseExceptionGroup):
            renewed = result.subgroup(reloading.Renewed)
            result = renewed or result  # what else broke off was stopped by it
        while isinstance(result, BaseExceptionGroup):
            result = result.exceptions[0]
        if isinstance(result, Exception):
            raise result

    async def _work(self, stack: contextlib.AsyncExitStack) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._heart(), name="heart")
            await self._serve(stack)

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        store = await self._open_store(stack)
        web = await stack.enter_async_context(
            slack_client.opened(options.slack(self._settings), telemetry=self._telemetry)
        )
        keep = self._keep
        if keep is None:
            keep = await stack.enter_async_context(keeping.Keeping(self._clock))
        kept = self._kept = await keep.settle(self._settings, self._telemetry)
        replica = self._replica = replicated.build(
            self._settings,
            {each.mirror.cluster: each.api for each in kept},
            store,
            telemetry=self._telemetry,
            name=remediating.me(),
        )
        stack.push_async_callback(replica.release)
        people = slack_people.People(
            web, policies=options.policies(self._settings), clock=self._clock
        )
        alerts = self._alerts = await tending.alerts(
            self._settings, store, clock=self._clock, telemetry=self._telemetry
        )
        apart = parted.asked(self._settings, store, clock=self._clock)
        executor = self._executor = apart[0] if apart is not None else None
        if executor is not None:
            self._telemetry.before_scrape(partial(readiness.missing, executor, self._telemetry))
        sending = self._sending = self._sender(store, web, kept, people, alerts)
        self._remedies = parted.remedies(
            self._settings,
            self._watched,
            store,
            people,
            replica=replica,
            executor=executor,
            clock=self._clock,
            told=self._told,
        )
        for each in self._watched:
            stack.push_async_callback(each.inspector.close)
            stack.callback(each.memories.close)
        self._telemetry.before_scrape(partial(readiness.measure, self._watched, self._telemetry))
        minded = attended.build(
            self._settings, self._watched, store, people, clock=self._clock, told=self._told
        )
        self._tending = tending.build(
            self._settings,
            store,
            web,
            {each.cycle.cluster: each.cycle.channel for each in self._watched},
            clock=self._clock,
            telemetry=self._telemetry,
            told=self._told,
            parts=self._parts,
        )
        if self._settings.process.role == "executor":
            await self._execute(stack, self._remedies, web)
            return
        await self._tending.begin()
        theirs = [replace(one, run=replica.told(one.run)) for one in minded.jobs(self._settings)]
        listed = [*self._jobs(), *theirs, *self._tending.jobs(replica.told)]
        jobs = schedule.JobScheduler(listed, telemetry=self._telemetry)
        self._desk = desk.Desk(
            {each.cycle.cluster: each.cycle for each in self._watched},
            store,
            clock=self._clock,
            about=desk.About(
                version=bot.__version__,
                started_at=self._clock.now(),
                remediation_enabled=self._remedies.desk.enabled,
            ),
            schedule=jobs,
            connected=lambda: self._slack is not None and self._slack.connected,
            networks=watched.networks(self._watched, clock=self._clock),
            remedy=self._remedies.desk,
            attention=minded.attention,
            memories={
                each.cycle.cluster: remembering.told(
                    self._settings, each.memories, each.sight, store, clock=self._clock
                )
                for each in self._watched
            },
            surgery=doctoring.of(
                self._settings,
                web,
                [(each.api, each.mirror) for each in self._watched],
                store,
                clock=self._clock,
                refused=lambda: self._reload.refused,
                executor=executor,
            ),
            led_by=replica.leader.led_by,
        )
        pictures = painter.Painter()
        stack.push_async_callback(pictures.close)
        self._slack = slack_app.SlackApp(
            web,
            options=options.slack(self._settings),
            desk=self._desk,
            clock=self._clock,
            telemetry=self._telemetry,
            people=people,
            painter=pictures,
        )
        jobs.start()
        stack.push_async_callback(jobs.stop)
        tells = replica.leader.while_telling
        works: list[tuple[str, parted.Work]] = [
            ("slack", partial(parted.verified, web.verify, self._slack.run)),
            ("slack watchdog", self._give_up),
            ("sender", partial(tells, sending.run)),
            *parted.changing(self._watched, self._remedies, replica),
            *self._always(replica),
        ]
        if apart is not None:
            works.append(("signs of life", apart[1]))
        for each in self._watched:
            name, follow = each.cycle.cluster, each.cycle.follow
            works.append((f"cycle {name}", partial(tells, each.cycle.run)))
            works.append((f"follower {name}", partial(replica.leader.while_following, follow)))
        await parted.all_of(works)

    def _always(self, replica: replicated.Replica) -> Iterator[tuple[str, parted.Work]]:
        """Return what every process does, whatever it is for."""
        assert self._tending is not None
        yield "configuration", partial(self._renew, self._tending)
        if replica.run is not None:
            yield "elector", replica.run
        for each in self._kept:
            yield f"mirror {each.mirror.cluster}", partial(self._wrong.beside, each)

    async def _execute(
        self,
        stack: contextlib.AsyncExitStack,
        remedies: remediating.Remedies,
        web: slack_client.Web,
    ) -> None:
        """Be the executor alone: look, draft and carry out what is wished and was approved."""
        replica = self._replica
        listed = parted.jobs(self._settings, self._watched)
        jobs = schedule.JobScheduler(listed, telemetry=self._telemetry)
        jobs.start()
        stack.push_async_callback(jobs.stop)
        works: list[tuple[str, parted.Work]] = [
            ("slack", partial(parted.introduced, web, self._clock, self._telemetry)),
            *self._always(replica),
            *parted.changing(self._watched, remedies, replica),
            *parted.granted(self._watched, remedies, replica, clock=self._clock),
        ]
        works += [(f"follower {one.cycle.cluster}", one.cycle.follow) for one in self._watched]
        await parted.all_of(works)

    async def _open_store(self, stack: contextlib.AsyncExitStack) -> sql.SqlStore:
        """Upgrade and open the database, waiting for one that does not answer."""
        where = options.store(self._settings)
        while True:
            try:
                await migrate.ensure(where)
                store = await stack.enter_async_context(sql.opened(where))
            except errors.Unavailable as error:
                if str(error) != self._probe.reason:
                    log.warning("store_unavailable", error=str(error))
                self._probe.reason = str(error)
                await self._clock.sleep(_STORE_RETRY)
            else:
                self._store = store
                self._probe.opened(store)
                stack.push_async_callback(self._probe.leave)
                return store

    def _sender(
        self,
        store: sql.SqlStore,
        web: slack_client.Web,
        kept: Sequence[keeping.Kept],
        people: slack_people.People,
        alerts: alerting.Alerts,
    ) -> sender.Sender:
        leader, own = self._replica.leader, self._replica.store
        messenger = leading.LeadersMessenger(
            notifier.Notifier(web, languages=options.languages(self._settings), clock=self._clock),
            leader,
        )
        pace = options.telling(self._settings)
        explainer = explain.Explainer(
            {each.mirror.cluster: reader.Logs(each.api) for each in kept},
            {each.mirror.cluster: each.mirror for each in kept},
            options=options.particulars(self._settings),
        )

        def courier(channel: str) -> deliver.Courier:
            return deliver.Courier(
                channel,
                own,
                messenger,
                clock=self._clock,
                telemetry=self._telemetry,
                compose=explainer.compose,
                on_call=self._on_call,
                options=pace,
                clicks=self._remedies.desk if self._remedies else plancards.NoClicks(),
            )

        sending = sender.Sender(
            own,
            courier,
            clock=self._clock,
            telemetry=self._telemetry,
            poll_seconds=pace.poll.total_seconds(),
        )
        for one, each in zip(self._settings.watched, kept, strict=True):
            self._watched.append(
                watched.make(
                    self._settings,
                    one,
                    each.api,
                    each.mirror,
                    store,
                    people=people,
                    clock=self._clock,
                    telemetry=self._telemetry,
                    told=self._told,
                    alerts=alerts.firing,
                    leader=parted.teller(self._settings, leader),
                    own=own,
                    executor=self._executor,
                )
            )
        self._alertmanager.take = partial(tending.alerted, alerts, self._watched)
        return sending

    def _on_call(self, value: incident.Incident) -> tuple[str, ...]:
        """Whom an incident calls by name."""
        named = [each for each in self._watched if each.cycle.cluster == value.cluster]
        return named[0].cycle.quiet.place(value).on_call if named else ()

    def _jobs(self) -> list[schedule.Job]:
        given, told = self._settings, self._replica.told
        made = [options.job(given, "daily summary", given.schedule.digest, told(self._summarise))]
        for each in self._watched:
            made += each.jobs(told)
        if given.replicas.enabled:
            # What Alertmanager told another replica.
            catch_up = told(partial(tending.caught_up, self._alerts, self._watched))
            made.append(options.job(given, "alerts told to others", "5s", catch_up))
        return [job for job in made if job is not None]

    async def _summarise(self) -> None:
        assert self._store
        assert self._desk
        channels = {each.cycle.cluster: each.cycle.channel for each in self._watched}
        await tending.summarise(self._store, self._desk, channels, now=self._clock.now())
        self._told()

    async def _heart(self) -> None:
        collector = garbage.Collector(self._clock.monotonic())
        for beat in itertools.count(1):
            self._beat = self._clock.monotonic()
            if beat % _TIDY_BEATS == 0:
                collector.tend(self._beat)
            await self._clock.sleep(_HEARTBEAT)

    async def _give_up(self) -> None:
        while True:
            await self._clock.sleep(_HEARTBEAT)
            if self._slack is not None and self._slack.dead:
                raise errors.Unavailable(
                    f"Slack could not be reached for too long: {self._slack.trouble}; ending, so "
                    "that a new process begins afresh"
                )

    async def _renew(self, own: tending.Tending) -> None:
        every = self._settings.process.reload_every.total_seconds()
        while True:
            try:
                await self._reload.watch(
                    clock=self._clock, every=every, busy=own.changing, tell=own.tell_refused
                )
            except errors.Unavailable as error:
                log.warning("configuration_not_told", error=str(error))

    def _told(self) -> None:
        """Wake whoever shows what a cycle has stored."""
        if self._sending is not None:
            self._sending.wake()
        if self._slack is not None:
            self._slack.changed()

    def _posts(self) -> dict[str, health.Handler]:
        taken: dict[str, health.Handler] = {alertmanager.PATH: self._alertmanager.answer}
        if self._settings.slack.mode == "http":
            taken[slack_app.PATH] = self._posted
        return taken

    async def _posted(self, request: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
        """Hand a request of Slack's on, once there is somebody to take it."""
        if self._slack is None:
            return aiohttp_web.Response(status=503)
        return await self._slack.answer(request)

    def _alive(self) -> health.Part:
        late = self._clock.monotonic() - self._beat
        if late > _HEARTBEAT_LATE:
            return health.Part(ok=False, reason=f"the loop has not turned for {late:.0f} s")
        return health.Part(ok=True)

    async def _parts(self) -> dict[str, health.Part]:
        parts = {"store": await self._probe.part()}
        if self._settings.process.role != "executor":
            parts["slack"] = self._slack_part()
        if self._executor is not None:  # without one, people are answered nevertheless
            parts["executor"] = health.Part(ok=True, reason=self._executor.trouble)
        if not self._watched:
            for one in self._settings.watched:
                parts[f"mirror/{one.name}"] = health.Part(ok=False, reason="not started yet")
        for each in self._watched:
            parts[f"mirror/{each.cycle.cluster}"] = readiness.mirror_part(each.mirror)
        if self._reload.refused:  # what runs is well nevertheless
            parts["configuration"] = health.Part(ok=True, reason=self._reload.refused)
        return parts

    def _slack_part(self) -> health.Part:
        if self._slack is None:
            return health.Part(ok=False, reason="not started yet")
        if not self._slack.connected:
            return health.Part(ok=False, reason=self._slack.trouble or "not connected yet")
        troubles = self._sending.troubles() if self._sending is not None else {}
        for channel, why in troubles.items():
            return health.Part(ok=False, reason=f"channel {channel} hears nothing: {why}")
        trouble = self._tending.trouble if self._tending is not None else ""
        return health.Part(ok=not trouble, reason=trouble)


async def run(given: settings.Settings, reload: reloading.Reloading) -> None:
    """Run the bot until SIGTERM or SIGINT, and anew whenever its settings have changed."""
    before: settings.Settings | None = None
    clock = clocks.SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        told = stack.enter_context(stopping.by_signal(given.process.stop_within.total_seconds()))
        keep = await stack.enter_async_context(keeping.Keeping(clock))
        while True:
            try:
                await Bot(given, reload, told, before, clock=clock, keep=keep).run()
            except reloading.Renewed as renewed:
                before, given = given, renewed.given
            except errors.Misconfigured as error:
                if before is None:
                    raise
                # Settings that can be read and do not work: those before did.
                reload.refuse(str(error), before)
                given, before = before, None
            else:
                return
