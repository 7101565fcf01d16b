"""A leader that another has followed writes nothing more, frozen or not."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain import errors, notice
from bot.flow import ports


async def test_each_epoch_follows_the_last_and_is_told_to_all(url, opened):
    async with opened(url) as one, opened(url) as two:
        assert await one.current() == 0
        assert await one.enter("pod-a/1") == 1
        assert await two.enter("pod-b with a blank") == 2
        assert await one.current() == 2
        assert await one.mark("leader") == "2 pod-b with a blank"


async def test_what_an_older_epoch_writes_is_refused_whole_and_people_go_on_writing(
    url, opened, samples
):
    async with opened(url) as one, opened(url) as two:
        epoch = await one.enter("pod-a/1")
        leading = one.under(lambda: epoch)
        await samples.enqueued(leading, samples.text("before"))
        row = await leading.claim(now=samples.now)
        assert row is not None
        await two.enter("pod-b/1")

        for attempt in (
            leading.check_writable(),
            leading.claim(now=samples.now),
            leading.delivered([row], at=samples.now),
            leading.postpone(row, not_before=samples.now, error="x"),
            leading.failed(row, at=samples.now, error="x"),
            leading.collapse([], samples.row(notice.Kind.DIGEST)),
            samples.saved(leading),
        ):
            with pytest.raises(ports.Superseded, match="epoch 2 follows 1"):
                await attempt
        assert [one.id for one in await two.claimed()] == [row.id]
        assert await two.incidents() == []
        # A vote needs no leader.
        await samples.planned(one)
        assert await leading.remedy.plan(1) is not None


async def test_of_two_leaders_at_once_one_claims_a_plan(url, opened, samples):
    """Both believe that they lead: only what the newest epoch writes is kept."""
    async with opened(url) as one, opened(url) as two:
        await samples.enqueued(one, *(samples.text(str(number)) for number in range(10)))
        old, new = await one.enter("pod-a/1"), await two.enter("pod-b/1")
        stale, leading = one.under(lambda: old), two.under(lambda: new)

        async def take(store):
            found = []
            try:
                while (row := await store.claim(now=samples.now)) is not None:
                    found.append(row.id)
            except ports.Superseded:
                return found
            return found

        first, second = await asyncio.gather(take(stale), take(leading))
        assert (len(first), len(second)) == (0, 10)


@pytest.mark.real("postgresql")
async def test_a_unit_that_stands_still_gives_way_to_others(postgresql_url, opened):
    """A process that is stopped in the middle of a unit would hold up every replica."""
    still = timedelta(milliseconds=150)
    async with opened(postgresql_url, idle_timeout=still) as one, opened(postgresql_url) as two:

        async def frozen():
            async with one.unit() as unit:
                await unit.set_mark("m", "of the frozen")
                await two.check_writable()
                await unit.set_mark("m", "of one that woke")

        with pytest.raises(errors.Unavailable):
            await frozen()
        assert await two.mark("m") is None
        await one.check_writable()


async def test_leaders_of_two_offices_do_not_stand_in_each_others_way(url, opened):
    async with opened(url) as one, opened(url) as two:
        executes = await one.enter("executor")
        chats = two.of_office("chat")
        tells = await chats.enter("chat")
        await chats.enter("another chat")
        async with one.under(lambda: executes).unit() as unit:
            await unit.set_mark("done", "by the executor")
        with pytest.raises(ports.Superseded):
            async with chats.under(lambda: tells).unit() as unit:
                await unit.set_mark("done", "by a chat process that was followed")
        assert await one.mark("done") == "by the executor"
