"""Pruning takes what is old and over, and nothing else; the chain of deeds stays provable."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.adapters.store import sql, upkeep
from bot.domain import audit, freeze, matcher, silence
from bot.domain.incident import State
from tests.adapters.store.conftest import NOW, Opener, Samples

DAY = timedelta(days=1)
OLD = NOW - 100 * DAY
LIMITS = upkeep.Limits(incidents=NOW - 50 * DAY, outbox=NOW - 10 * DAY, deeds=NOW - 50 * DAY)


@pytest.fixture
async def db(url: str, opened: Opener) -> AsyncIterator[sql.SqlStore]:
    async with opened(url) as store:
        yield store


async def resolved(store: sql.SqlStore, samples: Samples, at: object, **changes: object) -> int:
    value = samples.incident(state=State.RESOLVED, resolved_at=at, opened_at=OLD, **changes)
    async with store.unit() as unit:
        saved = await unit.save_incident(value)
        await unit.add_timeline(at=OLD, subject=saved.name, kind="opened", text="it began")
    return saved.id


async def test_old_incidents_go_with_all_that_is_theirs_and_the_others_stay(
    db: sql.SqlStore, samples: Samples
) -> None:
    old, young = await resolved(db, samples, OLD), await resolved(db, samples, NOW)
    waiting = await resolved(db, samples, OLD)
    (open_,) = await samples.saved(db, opened_at=OLD, changed_at=OLD)
    await samples.enqueued(db, samples.card(old, created_at=OLD))
    row = await db.claim(now=NOW)
    assert row is not None
    await db.delivered([row], at=OLD, posted=[samples.place(old)])
    await samples.enqueued(db, samples.card(waiting, created_at=OLD))
    removed = await db.upkeep.prune(LIMITS, now=NOW)
    assert removed == {"outbox": 1, "incidents": 1}
    assert await db.incident(old) is None
    assert await db.timeline(f"INC-{old}") == []
    assert await db.posted(old) == []
    for number in (young, waiting, open_):
        assert await db.incident(number) is not None
    assert len(await db.timeline(f"INC-{waiting}")) == 1
    assert (await db.outbox()).pending == 1, "what waits to be told is told, however late"
    assert await db.upkeep.prune(LIMITS, now=NOW) == {}


async def test_many_go_in_portions(
    db: sql.SqlStore, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_PORTION", 2)
    for _ in range(5):
        await resolved(db, samples, OLD)
    assert await db.upkeep.prune(LIMITS, now=NOW) == {"incidents": 5}


async def test_plans_that_wait_stay_and_those_that_are_over_go(
    db: sql.SqlStore, samples: Samples
) -> None:
    await samples.planned(db, 2)
    plans, runs = await db.upkeep.counts()
    assert (plans, runs) == ({"proposed": 2}, {})
    far = upkeep.Limits(incidents=NOW + DAY, outbox=NOW + DAY, deeds=OLD)
    assert await db.upkeep.prune(far, now=NOW) == {}


async def test_silences_and_freezes_go_long_after_their_end_and_the_chain_tells_of_them_still(
    db: sql.SqlStore,
) -> None:
    matchers = (matcher.Matcher("check", matcher.Operator.IS, "crash_loop"),)

    async def silenced(until: datetime, **changes: Any) -> int:
        made = silence.Silence(0, matchers, "U1", "", since=OLD, until=until, **changes)
        async with db.unit() as unit:
            saved = await unit.silences.save(made)
            await unit.remedy.record(
                at=NOW, actor="U1", subject=saved.name, kind="silenced", text="for a while"
            )
        return saved.id

    async def frozen(until: datetime, **changes: Any) -> int:
        async with db.unit() as unit:
            return await unit.remedy.save_freeze(
                freeze.Freeze("U1", "release", OLD, until, **changes)
            )

    old = await silenced(OLD + DAY)
    taken_back = await silenced(NOW + DAY, ended_at=OLD, ended_by="U2")
    lately, still = await silenced(NOW - DAY), await silenced(NOW + DAY)
    await frozen(OLD + DAY)
    await frozen(NOW + DAY, lifted_at=OLD, lifted_by="U2")
    ahead, holds = await frozen(NOW + DAY), await frozen(NOW + 2 * DAY)
    assert await db.upkeep.prune(LIMITS, now=NOW) == {"silences": 2, "freezes": 2}
    assert [one.id for one in await db.silences.latest(9)] == [still, lately]
    assert [number for number, _ in await db.remedy.freezes(now=NOW)] == [ahead, holds]
    assert [one.subject for one in await db.remedy.deeds()] == [
        f"SIL-{number}" for number in (old, taken_back, lately, still)
    ]
    assert await proved(db) == ""
    assert await silenced(NOW + DAY) > still, "a number that was said is never given again"


async def deeds(store: sql.SqlStore, *ages: int) -> None:
    for age in ages:
        async with store.unit() as unit:
            await unit.remedy.record(
                at=NOW - age * DAY, actor="U1", subject="PLAN-1", kind="voted", text=f"{age} ago"
            )


async def proved(store: sql.SqlStore) -> str:
    """What `audit verify` says, in short."""
    number, head = json.loads(await store.mark(audit.ANCHOR) or f'[0, "{audit.BEGINNING}"]')
    entries = await store.remedy.deeds(after=number)
    found = audit.verify(entries, start=head)
    return found.reason or (audit.anchored(entries, number, head) if number else "")


async def test_the_chain_is_cut_at_its_old_end_and_still_proves_the_rest(db: sql.SqlStore) -> None:
    await deeds(db, 90, 80, 70, 5, 4)
    assert await db.upkeep.prune(LIMITS, now=NOW) == {"deeds": 3}
    left = await db.remedy.deeds()
    assert [entry.text for entry in left[:2]] == ["5 ago", "4 ago"]
    assert left[2].kind == audit.CUT
    assert await proved(db) == ""
    await deeds(db, 1)
    assert await proved(db) == ""
    assert await db.upkeep.prune(LIMITS, now=NOW) == {}


async def test_a_beginning_that_somebody_took_away_is_seen(db: sql.SqlStore) -> None:
    await deeds(db, 90, 80, 70, 5)
    entries = await db.remedy.deeds()
    async with db.unit() as unit:  # as if by hand: the mark alone, no entry in the chain
        await unit.set_mark(audit.ANCHOR, json.dumps([entries[1].number, entries[1].hash]))
    assert "its beginning is missing" in await proved(db)


async def test_the_newest_deed_stays_for_the_next_to_follow(db: sql.SqlStore) -> None:
    await deeds(db, 90, 80)
    assert await db.upkeep.prune(LIMITS, now=NOW) == {"deeds": 1}
    assert await proved(db) == ""
    await deeds(db, 0)
    assert await proved(db) == ""
