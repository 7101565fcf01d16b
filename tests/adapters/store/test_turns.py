"""Waiting in line, and not being torn away in the middle."""

import asyncio
from datetime import timedelta

import pytest

from bot.adapters.store import turns
from bot.domain import errors


async def test_work_goes_on_to_its_end_though_the_caller_is_cancelled_again_and_again():
    started, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work():
        started.set()
        await may_end.wait()
        ended.set()

    task = asyncio.create_task(turns.undisturbed(work()))
    await started.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended.is_set()


async def test_a_fault_of_cancelled_work_does_not_hide_the_cancellation():
    started, may_end = asyncio.Event(), asyncio.Event()

    async def work():
        started.set()
        await may_end.wait()
        raise OSError("too late to matter")

    task = asyncio.create_task(turns.undisturbed(work()))
    await started.wait()
    task.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_work_returns_or_raises_reaches_the_caller():
    async def seven():
        return 7

    async def fault():
        raise OSError("no")

    assert await turns.undisturbed(seven()) == 7
    with pytest.raises(OSError, match="no"):
        await turns.undisturbed(fault())


async def test_turns_are_taken_in_the_order_of_asking():
    line = turns.Turns(timedelta(seconds=5))
    order: list[int] = []

    async def one(n: int):
        async with line.turn():
            order.append(n)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(n) for n in range(10)))

    assert order == list(range(10))


async def test_a_turn_that_does_not_come_is_unavailable_and_the_line_goes_on():
    line = turns.Turns(timedelta(milliseconds=20))
    async with line.turn():
        with pytest.raises(errors.Unavailable, match="busy"):
            async with line.turn():
                pass
    async with line.turn():
        pass
