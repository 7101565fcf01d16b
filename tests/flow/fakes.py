"""Small honest stand-ins for the flow's ports: a clock that is moved, a Slack that can fail."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.adapters import telemetry
from bot.domain import errors, notice
from bot.flow import ports

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class LoopClock:
    """The loop's time, which looptime makes virtual: sleeping costs nothing."""

    @property
    def elapsed(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class NoTelemetry:
    """Keeps nothing, but takes only what the real one would."""

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        assert set(labels) == set(telemetry.COUNTERS[name][1]), (name, labels)

    def observe(self, name: str, value: float, **labels: str) -> None:
        assert set(labels) == set(telemetry.HISTOGRAMS[name][1]), (name, labels)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        assert set(labels) == set(telemetry.GAUGES[name][1]), (name, labels)


@dataclass
class Shown:
    ts: str
    channel: str
    outbox_id: str
    message: ports.Message
    thread_ts: str = ""
    edits: int = 0
    at: float = 0.0


@dataclass
class FakeSlack:
    """Keeps messages as Slack would. `faults` are consumed, one for each call.

    A fault is a function that is given a `store` callback and raises; it may store first, which
    is how a message is posted whose answer is lost.
    """

    clock: LoopClock
    messages: list[Shown] = field(default_factory=list)
    faults: list[Callable[[Callable[[], None]], None]] = field(default_factory=list)
    find_faults: list[errors.BotError] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    hang: asyncio.Event | None = None
    crash_after_store: bool = False

    async def post(
        self, channel: str, message: ports.Message, *, row: notice.Outgoing, thread_ts: str = ""
    ) -> str:
        self.calls.append("post")
        shown = Shown(
            ts=f"{len(self.messages) + 1}.0",
            channel=channel,
            outbox_id=row.id,
            message=message,
            thread_ts=thread_ts,
            at=self.clock.elapsed,
        )
        if self.faults:
            self.faults.pop(0)(lambda: self.messages.append(shown))
        self.messages.append(shown)
        if self.hang is not None:
            await self.hang.wait()
        return shown.ts

    async def update(
        self, channel: str, ts: str, message: ports.Message, *, row: notice.Outgoing
    ) -> None:
        self.calls.append("update")
        if self.faults:
            self.faults.pop(0)(lambda: None)
        shown = next((m for m in self.messages if (m.channel, m.ts) == (channel, ts)), None)
        if shown is None:
            raise ports.MessageGone("message_not_found")
        shown.message = message
        shown.edits += 1
        shown.at = self.clock.elapsed

    async def find(
        self, channel: str, outbox_id: str, *, since: datetime, thread_ts: str = ""
    ) -> str | None:
        self.calls.append("find")
        if self.find_faults:
            raise self.find_faults.pop(0)
        found = [
            m
            for m in self.messages
            if (m.channel, m.outbox_id, m.thread_ts) == (channel, outbox_id, thread_ts)
        ]
        return found[0].ts if found else None

    def cards(self, channel: str) -> list[Shown]:
        return [m for m in self.messages if m.channel == channel and not m.thread_ts]


def unreachable(_store: Callable[[], None]) -> None:
    raise errors.Unavailable("connection refused")


def answer_lost(store: Callable[[], None]) -> None:
    store()
    raise ports.Ambiguous("the connection was dropped after sending")


def lost_unsent(_store: Callable[[], None]) -> None:
    raise ports.Ambiguous("the connection was dropped, nobody knows when")


def limited(seconds: float) -> Callable[[Callable[[], None]], None]:
    def fault(_store: Callable[[], None]) -> None:
        raise ports.RateLimited(seconds)

    return fault


def refused(_store: Callable[[], None]) -> None:
    raise errors.Refused("invalid_blocks")
