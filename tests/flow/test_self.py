"""The bot about itself: signs of life, the self-test, and where nobody watched."""

import contextlib
from datetime import timedelta

import pytest

from bot.adapters.store import memory
from bot.domain import errors, notice
from bot.flow import absence, heartbeat, ports, selftest
from tests.flow.fakes import START, LoopClock, NoTelemetry

CHANNELS = {"prod": "C1", "lab": "C2"}
SPAN = timedelta(minutes=3)


class Outside:
    """Fails where told to."""

    def __init__(self, *faults: errors.BotError | None) -> None:
        self.faults = list(faults)
        self.asked = 0

    async def beat(self) -> None:
        self.asked += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault

    round_trip = beat


async def test_a_sign_of_life_is_given_while_all_is_well_and_never_else() -> None:
    trouble = ["", "slack: away", "slack: away", ""]
    switch = Outside()

    async def well() -> str:
        return trouble.pop(0)

    beat = heartbeat.Heartbeat(switch, well, telemetry=NoTelemetry())
    signs = []
    for _ in range(4):
        await beat.run()
        signs.append(switch.asked)
    assert signs == [1, 1, 1, 2]


async def test_a_sign_that_was_not_taken_fails_the_job() -> None:
    async def well() -> str:
        return ""

    beat = heartbeat.Heartbeat(Outside(errors.Unavailable("no")), well, telemetry=NoTelemetry())
    with pytest.raises(errors.Unavailable):
        await beat.run()


async def test_one_failed_self_test_is_no_trouble_two_are_and_one_success_ends_it() -> None:
    lost = errors.Unavailable("it does not come back")
    way = Outside(lost, lost, ports.RateLimited(30), None)
    tested = selftest.SelfTest(way, clock=LoopClock(), telemetry=NoTelemetry())
    seen = [tested.trouble]
    for _ in range(4):
        with contextlib.suppress(errors.Unavailable):
            await tested.run()
        seen.append(tested.trouble)
    # Being asked to wait neither heals nor harms.
    wrong = "the self-test fails: it does not come back"
    assert seen == ["", "", wrong, wrong, ""]


@pytest.fixture
async def store() -> memory.MemoryStore:
    return memory.MemoryStore()


async def waiting(store: memory.MemoryStore) -> list[notice.Outgoing]:
    found = []
    for channel in CHANNELS.values():
        while row := await store.claim(now=START, channel=channel):
            found.append(row)
    return found


async def test_where_nobody_watched_is_told_once_with_its_span(store: memory.MemoryStore) -> None:
    async with store.unit() as unit:
        since = START - timedelta(minutes=43)
        await unit.set_mark(absence.watched_key("prod"), since.isoformat())
        await unit.set_mark(absence.watched_key("lab"), (START - SPAN).isoformat())
        await unit.set_mark(absence.watched_key("gone"), since.isoformat())
    for expected in (["prod"], []):
        told = await absence.tell_absence(store, CHANNELS, longer_than=SPAN, now=START)
        assert told == expected
    (row,) = await waiting(store)
    assert (row.channel, row.kind) == ("C1", notice.Kind.TEXT)
    assert row.detail is not None
    assert row.detail.title == "prod was not watched for 43 min"
    assert (
        "from 2026-01-02 02:21 to 2026-01-02 03:04 UTC (43 min)" in row.detail.sections[0].lines[0]
    )


async def test_a_first_start_has_missed_nothing(store: memory.MemoryStore) -> None:
    assert await absence.tell_absence(store, CHANNELS, longer_than=SPAN, now=START) == []
    assert await waiting(store) == []
