"""Deliver: empty the outbox into Slack, in order, paced, and never twice knowingly.

One courier a channel. A row is claimed in the store before it is sent and settled after; what is
found claimed (this process or one before it died, or Slack answered neither yes nor no) is looked
for in the channel's history by its outbox id before anything else is posted there.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.domain import errors, notice
from bot.domain.finding import Severity
from bot.domain.incident import Incident
from bot.flow import places, plancards, ports, tell

log = structlog.get_logger(__name__)

Compose = Callable[[Incident], Awaitable[Sequence[notice.Detail]]]


_NO_CLICKS = plancards.NoClicks()

_CLOCKS_APART = timedelta(hours=1)
"""How far our clock may be ahead of Slack's when a message is looked for: a machine without time
synchronisation must not tell everything twice. It costs pages of history, nothing else."""


@dataclass(frozen=True, slots=True)
class Options:
    """The pace of telling. Slack's rules: about one message a second a channel."""

    post_interval: timedelta = timedelta(seconds=1)
    """Between two messages of one channel."""
    edit_interval: timedelta = timedelta(seconds=3)
    """Between two edits of one card; what happened meanwhile is in the next edit."""
    digest_over: int = 10
    """With more first cards waiting than this, those not critical become one digest."""
    digest_size: int = 25
    """Incidents in one digest message; one line each stays within Slack's limits."""
    backoff_first: timedelta = timedelta(seconds=1)
    backoff_most: timedelta = timedelta(seconds=60)
    """Waits between tries while Slack cannot be reached, doubling from first to most."""
    delayed_after: timedelta = timedelta(seconds=5)
    """A first card that waited longer says by how much."""
    poll: timedelta = timedelta(seconds=1)
    """How often the outbox is looked at without having been woken."""


class _EditLater(errors.Unavailable):
    """Slack asks to wait with edits; `wait` says for how long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"asked to wait {wait.total_seconds():g} s with edits")
        self.wait = wait


class Courier:
    """Delivers the rows of one channel, one at a time."""

    def __init__(
        self,
        channel: str,
        store: ports.Store,
        messenger: ports.Messenger,
        *,
        clock: ports.Clock,
        telemetry: ports.Telemetry,
        compose: Compose,
        options: Options,
        clicks: plancards.Clicks = _NO_CLICKS,
        on_call: Callable[[Incident], tuple[str, ...]] = lambda _: (),
    ) -> None:
        self._channel = channel
        self._store = store
        self._messenger = messenger
        self._clock = clock
        self._telemetry = telemetry
        self._compose = compose
        self._options = options
        self._on_call = on_call
        self._plans = plancards.PlanCards(store, clicks)
        self._unsettled: list[notice.Outgoing] = []
        self._not_before = 0.0
        self._no_edit_before = 0.0
        self._failures = 0
        self._trouble = ""

    def adopt(self, rows: Sequence[notice.Outgoing]) -> None:
        """Take over rows that somebody claimed and did not settle."""
        known = {row.id for row in self._unsettled}
        self._unsettled.extend(row for row in rows if row.id not in known)

    @property
    def unsettled(self) -> bool:
        """Whether rows wait to be looked for in Slack's history."""
        return bool(self._unsettled)

    @property
    def trouble(self) -> str:
        """Why this channel hears nothing; empty while it does. One failed try is none yet."""
        return self._trouble if self._failures > 1 else ""

    async def work(self) -> None:
        """Deliver everything that is due, then return. Raises Unavailable of the store only."""
        while True:
            await self._wait_turn()
            if self._unsettled:
                if not await self._settle(self._unsettled[0]):
                    return
                self._unsettled.pop(0)
                continue
            await self._collapse()
            row = await self._store.claim(now=self._clock.now(), channel=self._channel)
            if row is None:
                return
            if not await self._deliver(row):
                return

    async def _wait_turn(self) -> None:
        delay = self._not_before - self._clock.monotonic()
        if delay > 0:
            await self._clock.sleep(delay)

    def _pace(self) -> None:
        self._failures = 0
        self._not_before = self._clock.monotonic() + self._options.post_interval.total_seconds()

    def _back_off(self, error: errors.BotError) -> timedelta:
        if isinstance(error, ports.RateLimited):
            wait = timedelta(seconds=error.retry_after)
        else:
            first, most = self._options.backoff_first, self._options.backoff_most
            wait = min(first * 2 ** min(self._failures, 16), most)
            self._failures += 1
            self._trouble = str(error)
        self._not_before = self._clock.monotonic() + wait.total_seconds()
        if self._failures <= 1:
            log.warning(
                "slack_delivery_waits", channel=self._channel, error=str(error), wait=str(wait)
            )
        return wait

    async def _settle(self, row: notice.Outgoing) -> bool:
        """Find out whether a claimed row was sent. False: not known yet, ask again later."""
        now = self._clock.now()
        if await places.shown(self._store, row) is not None:
            # An edit, which may be repeated without harm.
            await self._store.postpone(row, not_before=now, error="edit interrupted")
            return True
        try:
            thread_ts = await places.thread(self._store, row)
            since = (row.claimed_at or row.created_at) - _CLOCKS_APART
            found = await self._messenger.find(
                self._channel, row.id, since=since, thread_ts=thread_ts
            )
        except errors.Unavailable as error:
            self._back_off(error)
            return False
        except (errors.Refused, errors.Conflict, errors.Misconfigured) as error:
            log.warning(
                "delivery_unknown", row=row.id, channel=self._channel, error=str(error),
                consequence="sent again; a duplicate is better than a loss",
            )  # fmt: skip
            found = None
        if found is None:
            await self._store.postpone(row, not_before=now, error="was not sent")
        else:
            log.info("delivery_reconciled", row=row.id, channel=self._channel, ts=found)
            self._failures = 0
            if places.live(row):
                # In this order: once it counts as delivered, nobody looks at this row again.
                await self._renew(row)
            await self._delivered(row, found, now)
        return True

    async def _renew(self, row: notice.Outgoing) -> None:
        """Have a card edited again, because what was sent may be older than what is known."""
        async with self._store.unit() as unit:
            await unit.enqueue(places.renewal(row, self._clock.now()))

    async def _delivered(self, row: notice.Outgoing, ts: str, now: datetime) -> None:
        await self._noted(row, places.posted(row, ts, now))

    async def _noted(self, row: notice.Outgoing, posted: Sequence[places.Shown] = ()) -> None:
        """Write down that Slack has taken a row. Raises Ambiguous if the store fails now.

        Such a row must not be given back as if it had not been sent: it is looked for.
        """
        try:
            await self._store.delivered([row], at=self._clock.now(), posted=posted)
        except errors.Unavailable as error:
            raise ports.Ambiguous(f"sent, but it could not be noted: {error}") from error

    async def _deliver(self, row: notice.Outgoing) -> bool:
        """Send one claimed row. False: stop here for now."""
        try:
            if row.kind is notice.Kind.CARD:
                await self._card(row)
            elif row.kind is notice.Kind.PLAN:
                await self._plan(row)
            elif row.kind is notice.Kind.DIGEST:
                await self._send_digest(row)
            else:
                await self._detail(row)
        except ports.Ambiguous as error:
            self._unsettled.append(row)
            self._back_off(error)
        except ports.MessageGone as error:
            await self._message_gone(row, error)
        except _EditLater as error:
            later = self._clock.now() + error.wait
            await self._store.postpone(row, not_before=later, error=str(error))
        except errors.Unavailable as error:
            wait = self._back_off(error)
            await self._store.postpone(row, not_before=self._clock.now() + wait, error=str(error))
        except (errors.Refused, errors.Misconfigured, errors.Conflict) as error:
            log.warning("delivery_refused", row=row.id, channel=self._channel, error=str(error))
            self._telemetry.count("outbox_failed_total", kind=row.kind.value)
            await self._give_up(row, error)
            self._pace()
        return True

    async def _give_up(self, row: notice.Outgoing, error: errors.BotError) -> None:
        """Set a refused row aside. A digest's incidents go on in halves, at last as cards."""
        now = self._clock.now()
        numbers = row.incidents if row.kind is notice.Kind.DIGEST else ()
        middle = (len(numbers) + 1) // 2
        async with self._store.unit() as unit:
            for part in (numbers[:middle], numbers[middle:]):
                if not part:
                    continue
                alone = len(part) == 1
                await unit.enqueue(
                    notice.Outgoing(
                        id=uuid.uuid4().hex,
                        kind=notice.Kind.CARD if alone else notice.Kind.DIGEST,
                        channel=row.channel,
                        created_at=row.created_at,
                        cluster=row.cluster,
                        incident=part[0] if alone else None,
                        incidents=() if alone else part,
                        priority=tell.PRIORITY_DIGEST,
                    )
                )
        # In this order: killed between the two, the digest is looked for, not found, and refused
        # again, which repeats the halves; the other order would lose them.
        await self._store.failed(row, at=now, error=str(error))

    async def _message_gone(self, row: notice.Outgoing, error: errors.BotError) -> None:
        log.warning("message_gone", row=row.id, channel=self._channel, error=str(error))
        now = self._clock.now()
        if row.kind is notice.Kind.DETAIL:
            try:
                await self._new_card(row, now)
            except errors.Conflict:
                # A second time: whoever deletes the card, or a thread that takes no reply, would
                # be sent new cards for ever.
                self._telemetry.count("outbox_failed_total", kind=row.kind.value)
                await self._store.failed(row, at=now, error=str(error))
                return
        await self._store.postpone(row, not_before=now, error=str(error), forget_posted=True)

    async def _new_card(self, reply: notice.Outgoing, now: datetime) -> None:
        """Have a card posted to reply to. Raises Conflict if that reply has had one already."""
        async with self._store.unit() as unit:
            await unit.enqueue(places.parent(reply, now))

    async def _card(self, row: notice.Outgoing) -> None:
        incident = await self._store.incident(row.incident or 0)
        if incident is None:
            await self._store.failed(row, at=self._clock.now(), error="its incident is gone")
            return
        shown = await places.shown(self._store, row)
        if isinstance(shown, notice.Posted):
            await self._edit(row, incident, shown)
            return
        now = self._clock.now()
        view = await self._view(incident, now=now, posted_at=now)
        ts = await self._messenger.post(self._channel, view, row=row)
        self._pace()
        now = self._clock.now()
        await self._delivered(row, ts, now)
        if incident.happened_at is not None and incident.resolved_at is None:
            seconds = max(0.0, (now - incident.happened_at).total_seconds())
            self._telemetry.observe(
                "detection_latency_seconds", seconds, cluster=incident.cluster, check=incident.check
            )

    async def _plan(self, row: notice.Outgoing) -> None:
        now = self._clock.now()
        view = await self._plans.view(row.plan or 0, now=now)
        if view is None:
            await self._store.failed(row, at=now, error="its plan is gone")
            return
        shown = await places.shown(self._store, row)
        if not isinstance(shown, notice.PostedPlan):
            ts = await self._messenger.post(self._channel, view, row=row)
            self._pace()
            await self._delivered(row, ts, self._clock.now())
        elif not await self._too_early(row, shown, now):
            # It keeps the outbox id that it was posted with, by which it is found.
            first = replace(row, id=shown.outbox_id)
            await self._update(shown.ts, view, row=first)
            self._failures = 0
            await self._noted(row, [replace(shown, edited_at=self._clock.now())])

    async def _update(self, ts: str, view: ports.Message, *, row: notice.Outgoing) -> None:
        """Edit. Being asked to wait with that concerns edits alone: Slack counts them apart."""
        try:
            await self._messenger.update(self._channel, ts, view, row=row)
        except ports.RateLimited as error:
            self._no_edit_before = self._clock.monotonic() + error.retry_after
            raise _EditLater(timedelta(seconds=error.retry_after)) from error

    async def _too_early(self, row: notice.Outgoing, shown: places.Shown, now: datetime) -> bool:
        """Give an edit back that comes too soon after the one before."""
        due = shown.edited_at + self._options.edit_interval
        held = self._no_edit_before - self._clock.monotonic()
        if held > 0:
            due = now + timedelta(seconds=held)
        # An edit in the future was made before the clock was set back, and is no reason to wait.
        elif not shown.edited_at <= now < due:
            return False
        await self._store.postpone(row, not_before=due, error="")
        return True

    async def _view(
        self, incident: Incident, *, now: datetime, posted_at: datetime
    ) -> notice.CardView:
        return notice.CardView(
            incident=incident,
            now=now,
            posted_at=posted_at,
            detected_at=incident.detected_at or incident.opened_at,
            ticket=await self._plans.of_incident(incident),
            acts=True,
            on_call=self._on_call(incident),
            delayed_seconds=self._delayed([incident], posted_at),
        )

    def _delayed(self, incidents: Sequence[Incident], posted_at: datetime) -> float:
        """For how many seconds the first post waited because it had to; 0 for no time at all."""
        seen = [each.detected_at or each.opened_at for each in incidents]
        waited = posted_at - min(seen, default=posted_at)
        return waited.total_seconds() if waited >= self._options.delayed_after else 0.0

    async def _edit(self, row: notice.Outgoing, incident: Incident, shown: notice.Posted) -> None:
        now = self._clock.now()
        if await self._too_early(row, shown, now):
            return
        view: ports.Message
        together = await self._store.shown_at(self._channel, shown.ts)
        if shown.digest:
            view = await self._digest_view(together, posted_at=shown.posted_at)
        else:
            view = await self._view(incident, now=now, posted_at=shown.posted_at)
        await self._update(shown.ts, view, row=row)
        self._failures = 0
        posted = [
            notice.Posted(
                incident=number, channel=self._channel, ts=shown.ts, posted_at=shown.posted_at,
                edited_at=self._clock.now(), digest=shown.digest,
            )
            for number in together
        ]  # fmt: skip
        await self._noted(row, posted)

    async def _detail(self, row: notice.Outgoing) -> None:
        thread_ts = await places.thread(self._store, row)
        detail = row.detail
        if detail is None:
            incident = await self._store.incident(row.incident or 0)
            if incident is None:
                await self._store.failed(row, at=self._clock.now(), error="its incident is gone")
                return
            detail = _joined(await self._compose(incident))
        await self._messenger.post(self._channel, detail, row=row, thread_ts=thread_ts)
        self._pace()
        await self._noted(row)

    async def _collapse(self) -> None:
        """Turn a long backlog of first cards into digests; nothing is dropped by it."""
        due = await self._store.due_cards(self._channel, now=self._clock.now())
        if len(due) <= self._options.digest_over:
            return
        pairs = [(row, await self._store.incident(row.incident or 0)) for row in due]
        known = [(row, incident) for row, incident in pairs if incident is not None]
        mild = [row for row, incident in known if incident.severity is not Severity.CRITICAL]
        if len(known) - len(mild) > self._options.digest_over:
            # Even the critical ones are too many to be read one by one.
            mild = [row for row, _ in known]
        for start in range(0, len(mild), self._options.digest_size):
            rows = mild[start : start + self._options.digest_size]
            digest = notice.Outgoing(
                id=uuid.uuid4().hex,
                kind=notice.Kind.DIGEST,
                channel=self._channel,
                created_at=rows[0].created_at,
                cluster=rows[0].cluster,
                incidents=tuple(row.incident for row in rows if row.incident is not None),
                priority=tell.PRIORITY_DIGEST,
            )
            await self._store.collapse(rows, digest)

    async def _send_digest(self, row: notice.Outgoing) -> None:
        view = await self._digest_view(row.incidents, posted_at=self._clock.now())
        ts = await self._messenger.post(self._channel, view, row=row)
        self._pace()
        await self._delivered(row, ts, self._clock.now())

    async def _digest_view(
        self, numbers: Sequence[int], *, posted_at: datetime
    ) -> notice.DigestView:
        found = [await self._store.incident(number) for number in numbers]
        incidents = tuple(one for one in found if one is not None)
        return notice.DigestView(
            incidents=incidents,
            now=self._clock.now(),
            delayed_seconds=self._delayed(incidents, posted_at),
        )


def _joined(details: Sequence[notice.Detail]) -> notice.Detail:
    """One reply for all particulars: a thread of one message is read, one of five is not."""
    sections = tuple(section for detail in details for section in detail.sections)
    return notice.Detail(title=details[0].title if details else "Particulars", sections=sections)
