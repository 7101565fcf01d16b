"""One cluster's loop: look once, judge, match with what is open, decide what to tell, store.

Everything a cycle decides is written in one transaction, outbox rows included, so that a crash
at any instant either repeats the whole decision or none of it.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from bot import checks
from bot.domain import alert, errors, ledger, notice, routing, snapshot, tracking
from bot.domain.incident import Incident, State
from bot.flow import absence, judge, leading, ports, quieting, tell
from bot.flow import due as dues
from bot.flow import insight as insights

log = structlog.get_logger(__name__)


_FIXED_WITHIN = timedelta(hours=6)
"""A change of ours that ended longer ago is not what a trouble ended by."""

_LEAST_WAIT = 0.05


@dataclass(frozen=True, slots=True)
class Options:
    """How one cluster is judged and where it is told."""

    channel: str
    limits: checks.Limits = field(default_factory=checks.Limits)
    memory: ledger.Policy = field(default_factory=ledger.Policy)
    matching: tracking.Policy = field(default_factory=tracking.Policy)
    quiet: quieting.Options | None = None
    """Who is told and who is not; None tells all of it in `channel`."""
    debounce: timedelta = timedelta(milliseconds=250)
    """How long changes are gathered before a cycle. A burst is then one cycle; an alert later."""
    watermark_every: timedelta = timedelta(seconds=10)
    """How often the moment up to which the cluster was watched is stored while nothing happens.

    After a crash, what ended within this span before it may be counted as unobserved.
    """
    follow_every: timedelta = timedelta(seconds=1)
    """How often at most a replica judges that does not lead: all of the ledger is read for it."""
    retry_after: timedelta = timedelta(seconds=1)
    """How soon a cycle is repeated that could not be stored."""
    beside_the_loop: int = 2_000
    """With more nodes and pods than this, judging runs in a thread: 30,000 take 45 ms, and 5,000
    deaths at once half a second, in which nobody would be answered. Fewer are not worth it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one cycle found and did, for those who ask."""

    snapshot: snapshot.Snapshot
    judgement: judge.Judgement
    notices: tuple[notice.Notice, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What comparing and judging made of one snapshot, and when it may say something else."""

    update: ledger.Update
    judgement: judge.Judgement
    due: datetime | None


class Cycle:
    """Judges one cluster whenever it changed, or when asked.

    Args:
        mirror: the cluster.
        store: where incidents, ledger and outbox live.
        clock: time.
        telemetry: numbers.
        options: thresholds and the channel.
        told: called after rows were stored, to wake the sender.
        insight: what is known beyond the cluster's objects.
        leader: whether this process decides what is told; one that does not only judges.
    """

    def __init__(
        self,
        mirror: ports.Mirror,
        store: ports.Store,
        *,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        options: Options,
        told: Callable[[], None] = lambda: None,
        insight: insights.Insight | None = None,
        leader: leading.Leader | None = None,
    ) -> None:
        self._mirror = mirror
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._options = options
        self._quiet = options.quiet or quieting.Options(routing.Place(options.channel))
        self._told = told
        self._insight = insight or insights.Insight()
        self._leader = leader or leading.Alone()
        self._epoch: int | None = None
        self._lock = asyncio.Lock()
        self._ledger: ledger.Ledger | None = None
        self._marked_at: datetime | None = None
        self._due: datetime | None = None
        self._due_moved = asyncio.Event()
        self.latest: Outcome | None = None

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self._mirror.cluster

    @property
    def channel(self) -> str:
        """The channel that hears of it."""
        return self._options.channel

    @property
    def quiet(self) -> quieting.Options:
        """Where what is told, and when not."""
        return self._quiet

    @property
    def options(self) -> Options:
        """The thresholds in force."""
        return self._options

    @property
    def insight(self) -> insights.Insight:
        """What is known beyond the cluster's objects."""
        return self._insight

    @property
    def mirror(self) -> ports.Mirror:
        """The cluster itself."""
        return self._mirror

    async def run(self) -> None:
        """Judge at every change that matters, until cancelled."""
        while True:
            try:
                await self.once()
            except errors.Unavailable as error:
                # Nothing is lost: the ledger in memory has not moved, so the next cycle decides
                # the same again.
                log.warning("cycle_not_stored", cluster=self.cluster, error=str(error))
                await self._clock.sleep(self._options.retry_after.total_seconds())
                continue
            if await self._changed_before_due():
                await self._clock.sleep(self._options.debounce.total_seconds())

    async def _changed_before_due(self) -> bool:
        """Wait for a change, or for the moment at which time alone may change a verdict."""
        async with _task(self._mirror.changed()) as changed:
            while True:
                self._due_moved.clear()
                async with _task(self._due_moved.wait()) as moved, _task(self._until_due()) as due:
                    waits = (changed, moved, due)
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                    if changed.done() or due.done():
                        return changed.done()

    async def _until_due(self) -> None:
        """Return when it is due; never where nothing is."""
        if self._due is None:
            await asyncio.Event().wait()
            return
        left = (self._due - self._clock.now()).total_seconds()
        # Not at once again: what could say nothing new would be a tight loop.
        await self._clock.sleep(max(left, _LEAST_WAIT))

    async def follow(self) -> None:
        """Judge for those who ask this replica, while another one leads; until cancelled."""
        while True:
            try:
                await self.once()
            except errors.Unavailable as error:
                log.info("not_judged", cluster=self.cluster, error=str(error))
            else:
                await self._mirror.changed()
            await self._clock.sleep(self._options.follow_every.total_seconds())

    async def once(self) -> Outcome:
        """Take one snapshot and act on it. Raises Unavailable if it could not be stored.

        Where another replica leads it is only judged, by what that one remembers.
        """
        async with self._lock:
            started = self._clock.monotonic()
            decides, epoch = self._leader.tells(), self._leader.epoch
            if not decides or epoch != self._epoch:
                self._ledger = self._marked_at = None
            self._epoch = epoch
            remembered = await self._remembered()
            taken = self._mirror.snapshot()
            self._insight.refresh()
            if len(taken.nodes) + len(taken.pods) > self._options.beside_the_loop:
                verdict = await asyncio.to_thread(self._judged, remembered, taken)
            else:
                verdict = self._judged(remembered, taken)
            judgement = verdict.judgement
            notices = await self._store_all(taken, verdict) if decides else []
            seconds = self._clock.monotonic() - started
            outcome = Outcome(
                snapshot=judge.with_gaps(taken, judgement.gaps),
                judgement=judgement,
                notices=tuple(notices),
                seconds=seconds,
            )
            self.latest = outcome
        if decides:
            self._measure(outcome)
        if notices:
            self._told()
        return outcome

    def _judged(self, remembered: ledger.Ledger, taken: snapshot.Snapshot) -> _Verdict:
        """Compare and judge. Pure, so it may run in a thread."""
        update = ledger.observe(remembered, taken, self._options.memory)
        known = self._insight.known(taken)
        context = checks.Context(
            snapshot=taken,
            ledger=update.ledger,
            limits=self._options.limits,
            policy=self._options.memory,
            inspections=known.inspections,
            net_confs=known.net_confs,
            private_cidrs=known.private_cidrs,
            peaks=known.peaks,
            studies=known.studies,
            gathered=known.gathered,
            found=known.flannels,
            unseen=known.unseen,
            recent=known.recent,
        )
        judged = judge.judge(context)
        findings = alert.merged(judged.findings, known.alerts, taken, judged=judged.judged)
        return _Verdict(
            update,
            replace(judged, findings=findings, judged=frozenset((*judged.judged, alert.CHECK))),
            dues.by_sight(taken, limits=self._options.limits, memory=self._options.memory),
        )

    async def _remembered(self) -> ledger.Ledger:
        if self._ledger is None:
            records = await self._store.records(self.cluster)
            mark = await self._store.mark(self._mark_key)
            seen_until = datetime.fromisoformat(mark) if mark else None
            self._ledger = ledger.Ledger.of(records, seen_until=seen_until)
        return self._ledger

    @property
    def _mark_key(self) -> str:
        return absence.watched_key(self.cluster)

    async def _store_all(self, taken: snapshot.Snapshot, verdict: _Verdict) -> list[notice.Notice]:
        update, judgement = verdict.update, verdict.judgement
        now = taken.taken_at
        policy = self._options.matching
        stored: list[notice.Notice] = []
        ran = await quieting.lately(self._store, self.cluster, after=now - _FIXED_WITHIN)
        async with self._store.unit() as unit:
            open_incidents = await unit.incidents(
                self.cluster, resolved_after=now - policy.reopen_within
            )
            notices = tracking.reconcile(
                judgement.findings,
                open_incidents,
                taken,
                judged=judgement.judged,
                looked=judgement.looked,
                policy=policy,
            )
            notices = await quieting.settle(
                unit,
                notices,
                open_incidents,
                cluster=self.cluster,
                ran=ran,
                options=self._quiet,
                now=now,
            )
            stored.extend([await self._store_notice(unit, told, now) for told in notices])
            due = self._marked_at is None or now - self._marked_at >= self._options.watermark_every
            if update.changed:
                await unit.save_records(self.cluster, update.changed)
            if update.forgotten:
                await unit.forget_records(self.cluster, update.forgotten)
            if (due or update.changed) and update.ledger.seen_until is not None:
                await unit.set_mark(self._mark_key, update.ledger.seen_until.isoformat())
                self._marked_at = now
            silences = await unit.silences.alive(now=now)
        self._ledger = update.ledger
        latest = {each.id: each for each in (*open_incidents, *(told.incident for told in stored))}
        told_of = dues.by_story(list(latest.values()), silences, policy=policy, after=now)
        soonest = min((at for at in (verdict.due, told_of) if at is not None), default=None)
        if soonest != self._due:
            self._due = soonest
            self._due_moved.set()
        self._gauge(latest.values())
        return stored

    async def _store_notice(
        self, unit: ports.Unit, told: notice.Notice, now: datetime
    ) -> notice.Notice:
        new = told.incident.id == 0
        incident = await unit.save_incident(told.incident)
        stored = replace(told, incident=incident)
        if told.text:  # newer evidence alone is on the card, and no part of the story
            await unit.add_timeline(
                at=now, subject=incident.name, kind=told.reason.value, text=told.text
            )
        shown = [] if new or told.quiet else [one.channel for one in await unit.posted(incident.id)]
        place = self._quiet.place(incident)
        for row in tell.everywhere(stored, place, shown, now=now, new_id=lambda: uuid.uuid4().hex):
            await unit.enqueue(row)
        level = logging.INFO if told.text else logging.DEBUG
        log.log(
            level,
            "incident_told",
            reason=told.reason.value,
            incident=incident.name,
            check=incident.check,
            cluster=self.cluster,
            workload=str(incident.workload),
            severity=incident.severity.value,
            members=len(incident.affected),
            why=told.text,
        )
        return stored

    def _gauge(self, latest: Iterable[Incident]) -> None:
        counts = dict.fromkeys(State, 0)
        for incident in latest:
            counts[incident.state] += 1
        for state in (State.OPEN, State.ACKNOWLEDGED):
            self._telemetry.gauge(
                "incidents", counts[state], cluster=self.cluster, state=state.value
            )

    def _measure(self, outcome: Outcome) -> None:
        self._telemetry.observe("cycle_seconds", outcome.seconds, cluster=self.cluster)
        counts: dict[tuple[str, str], int] = {
            (name, severity): 0
            for name in (*checks.ALL_CHECKS, alert.CHECK)
            for severity in ("critical", "warning", "info")
        }
        for found in outcome.judgement.findings:
            counts[found.check, found.severity.value] += 1
        for (name, severity), number in counts.items():
            self._telemetry.gauge(
                "findings", number, cluster=self.cluster, check=name, severity=severity
            )
        self._telemetry.gauge("gaps", len(outcome.snapshot.gaps), cluster=self.cluster)


@contextlib.asynccontextmanager
async def _task(work: Coroutine[object, object, object]) -> AsyncIterator[asyncio.Task[object]]:
    """Run something beside, and end it at the end."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
