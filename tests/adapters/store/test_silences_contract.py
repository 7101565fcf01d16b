"""What every store promises of silences."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import errors, matcher, silence
from bot.domain.finding import Severity
from tests.adapters.store.conftest import NOW

HOUR = timedelta(hours=1)
MATCHERS = (matcher.Matcher("node", matcher.Operator.LIKE, "n[1,2]✂"),)


async def saved(store, **changes):
    made = silence.Silence(
        id=0, matchers=MATCHERS, by="U1", reason="Wartung", since=NOW, until=NOW + HOUR
    )
    async with store.unit() as unit:
        return await unit.silences.save(replace(made, **changes))


async def test_a_silence_comes_back_as_it_was_saved(store) -> None:
    level = silence.Level(Severity.CRITICAL, 3, 2)
    first = await saved(store, levels={"prod": level}, withheld=2)
    second = await saved(store, since=NOW + HOUR, until=NOW + 2 * HOUR)
    assert (first.name, second.name) == ("SIL-1", "SIL-2")
    assert await store.silences.alive(now=NOW) == [first, second]
    assert await store.silences.latest(1) == [second]
    async with store.unit() as unit:
        assert await unit.silences.get(1) == first
        assert await unit.silences.get(3) is None
        assert await unit.silences.alive(now=NOW) == [first, second]


async def test_one_that_is_over_or_ended_is_not_alive_and_stays_known(store) -> None:
    first, second = await saved(store), await saved(store)
    async with store.unit() as unit:
        await unit.silences.save(replace(first, ended_at=NOW, ended_by="U2"))
    assert await store.silences.alive(now=NOW) == [second]
    assert await store.silences.alive(now=NOW + HOUR) == []
    assert [one.id for one in await store.silences.latest(5)] == [2, 1]


async def test_what_was_not_committed_was_never_silenced(store) -> None:
    made = silence.Silence(id=0, matchers=MATCHERS, by="U1", reason="", since=NOW, until=NOW + HOUR)

    async def in_vain() -> None:
        async with store.unit() as unit:
            await unit.silences.save(made)
            raise errors.Conflict("changed my mind")

    with pytest.raises(errors.Conflict, match="my mind"):
        await in_vain()
    assert await store.silences.alive(now=NOW) == []
    with pytest.raises(errors.Conflict, match="SIL-9"):
        await saved(store, id=9)
