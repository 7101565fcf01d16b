"""Both outsides fail the whole bot, over the wire: nothing is lost, and nothing is told untrue."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.acceptance import troubles
from tests.wire import between
from tests.wire.between import Between

MINUTE = timedelta(minutes=1)

Open = Callable[..., Any]


@pytest.fixture
def outsides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    return lambda **more: between.between(tmp_path, monkeypatch, **more)


def in_turn(cases: Iterable[Any]) -> list[Any]:
    """The first for every run, the others for the trials."""
    first, *others = cases
    return [first, *(pytest.param(each, marks=pytest.mark.trial) for each in others)]


def of(number: int, said: list[dict[str, Any]]) -> list[str]:
    """What was said of one incident in threads, in its order."""
    return [
        troubles.headline(one)
        for one in said
        if troubles.payload(one).get("kind") == "detail"
        and troubles.payload(one)["incident"] == number
    ]


async def standing(on: Between) -> dict[str, Any]:
    """The one card that there is, once it is told."""
    cards = await on.until(on.cards)
    assert len(cards) == 1, [troubles.headline(card) for card in cards]
    return dict(cards[0])


LATE = r"delayed ([89]|[1-9]\d) min"
"""Slack is asked again within a minute."""


async def test_what_came_and_went_while_slack_was_dead_is_told_once_and_says_how_late(
    outsides: Open,
) -> None:
    async with outsides(TELLING__DIGEST_OVER="3") as on:
        names = [f"agent-{number}" for number in range(6)]
        for name in names:
            on.pod(name, node="node-1")
        async with on.running():
            await on.ready()
            on.fault("server_error", html=True)
            for name in names:
                on.turn(name, well=False)
            await on.until(lambda: on.knows(6))
            await on.leap(MINUTE)
            for name in names[:2]:
                on.turn(name, well=True)
            on.node("node-3", well=False)
            await on.until(lambda: on.knows(7))
            await on.leap(9 * MINUTE)
            await on.until(lambda: on.saying("slack"))
            assert await on.said() == []
            assert "C0ALERTS hears nothing" in (await on.unready())["slack"]

            on.lift("server_error")
            await on.leap(MINUTE)
            await on.settled()
            assert await on.unready() == {}
        said = await on.said()
        [digest] = [one for one in said if troubles.payload(one).get("kind") == "digest"]
        [card] = await on.cards()
        assert "6 incidents together, 2 resolved" in digest["text"]
        assert re.search(LATE, digest["text"])
        assert "node-3" in troubles.headline(card), "what is critical has a card of its own"
        assert re.search(LATE, card["text"])
        for number in range(1, 8):
            assert digest["text"].count(f"INC-{number} ") + card["text"].count(f"INC-{number} ")
            ended = [f"INC-{number} resolved"] if number <= 2 else []
            assert of(number, said) == [f"INC-{number}: particulars", *ended]
        assert len(said) == 2 + 7 + 2, [one["text"] for one in said]


GONE: dict[str, dict[str, between.Json]] = {
    "a storm of 410, lists included": {"watch-gone": {}, "error": {"code": 410}},
    "refused connections": {"refuse": {}},
    "half frames, and resets": {"watch-cut": {}, "abort": {}},
    "half frames, and 503 of a proxy": {"watch-cut": {}, "html": {"code": 503}},
}


@pytest.mark.parametrize("name", in_turn(GONE))
async def test_an_api_server_that_is_gone_resolves_nothing_and_raises_no_alert_but_of_itself(
    outsides: Open, name: str
) -> None:
    async with outsides() as on:
        on.pod("ill", node="node-1", well=False)
        on.pod("well", node="node-2")
        async with on.running():
            await on.ready()
            assert "ill-x" in (await standing(on))["text"]
            on.cut()
            on.strike(GONE[name])
            on.turn("ill", well=True)  # nobody can see it
            await on.leap(10 * MINUTE)
            ill, blind = await on.until(lambda: told(on, 2))
            assert not troubles.is_green(ill), "resolved, though nobody could see"
            assert re.search("blind|cannot see", troubles.headline(blind))
            assert "mirror/sim" in await on.unready()
            on.mend()
            await on.ready()
            await on.leap(2 * MINUTE)
            await on.settled()
            assert not any(map(troubles.is_green, await on.cards())), "held down since it is seen"
            await on.leap(2 * MINUTE)
            await on.until(lambda: green(on))
            await on.settled()
        said = await on.said()
        assert len(await on.cards()) == 2
        assert of(1, said) == ["INC-1: particulars", "INC-1 resolved"]


async def told(on: Between, cards: int) -> list[dict[str, Any]]:
    found = await on.cards()
    return found if len(found) == cards else []


async def green(on: Between) -> bool:
    return all(troubles.is_green(card) for card in await on.cards())


BEARABLE: dict[str, dict[str, between.Json]] = {
    "half frames": {"watch-cut": {"count": 12}},
    "a storm of 410": {"watch-gone": {"count": 12}},
    "lines that are no JSON": {"garbage-line": {"count": 3}},
}


@pytest.mark.parametrize("name", in_turn(BEARABLE))
async def test_what_can_be_read_in_spite_of_it_is_told_meanwhile_and_nothing_else(
    outsides: Open, name: str
) -> None:
    async with outsides(INCIDENTS__RESOLVE_AFTER="5") as on:
        for pod in ("one", "two"):
            on.pod(pod, node="node-1")
        async with on.running():
            await on.ready()
            on.cut()
            on.strike(BEARABLE[name])
            on.turn("one", well=False)
            assert "one-x" in (await standing(on))["text"]
            await on.until(lambda: on.struck(*BEARABLE[name]))
            assert not troubles.is_green(await standing(on))
            on.turn("one", well=True)
            await on.until(lambda: green(on))
            await on.settled()
        assert len(await on.cards()) == 1


async def full(on: Between) -> Callable[[], Awaitable[None]]:
    """Leave no page free, as on a full disk; returns how to make room again."""

    async def limit(pages: int) -> None:
        async with on.store.unit() as unit:
            await unit._session.run(sa.text(f"PRAGMA max_page_count = {pages}"))  # type: ignore[attr-defined]

    await limit(1)  # SQLite makes it as many as there are

    async def room() -> None:
        await limit(1_000_000)

    return room


async def locked(on: Between) -> Callable[[], Awaitable[None]]:
    """Have another process hold the lock; returns how to have it let go."""
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(on.directory / "bot.db"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout is not None
    assert await other.stdout.readline() == b"held\n"

    async def freed() -> None:
        await other.communicate(b"\n")

    return freed


HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
held.close()
"""


@pytest.mark.parametrize("trouble", [full, locked])
async def test_what_cannot_be_stored_for_half_a_minute_is_told_when_it_can_be(
    outsides: Open, trouble: Callable[[Between], Awaitable[Callable[[], Awaitable[None]]]]
) -> None:
    async with outsides() as on:
        on.pod("before", node="node-1", well=False)
        for number in range(12):
            on.pod(f"agent-{number}", node="node-2")
        async with on.running():
            await on.ready()
            await standing(on)
            await on.settled()
            mend = await trouble(on)
            for number in range(12):
                on.turn(f"agent-{number}", well=False)
            if trouble is locked:
                await on.until(lambda: on.saying("store"))
            await on.leap(MINUTE / 2)
            assert len(await on.store.incidents(limit=50)) == 1
            assert len(await on.cards()) == 1
            await mend()
            await on.until(lambda: on.knows(13))
            await on.settled()
            assert await on.unready() == {}
        assert await on.told() == list(range(1, 14)), "each once, none missing"


@pytest.mark.parametrize("jump", in_turn([timedelta(hours=3), -timedelta(hours=3)]))
async def test_a_wall_clock_that_jumps_and_comes_back_tells_and_resolves_nothing(
    outsides: Open, jump: timedelta
) -> None:
    async with outsides() as on:
        on.pod("ill", node="node-1", well=False)
        on.pod("well", node="node-2")
        async with on.running():
            await on.ready()
            await standing(on)
            for off in (jump, timedelta()):
                on.clock.off = off
                await on.drift(timedelta(seconds=5))
                await on.ready()
                await on.leap(5 * MINUTE)
                await on.settled()
                assert not troubles.is_green(await standing(on))
            on.turn("ill", well=True)
            await on.leap(4 * MINUTE)
            await on.until(lambda: green(on))
            await on.settled()
        assert of(1, await on.said()) == ["INC-1: particulars", "INC-1 resolved"]


@pytest.mark.trial
async def test_a_silence_holds_while_the_wall_clock_is_set_back_and_ends_by_it(
    outsides: Open,
) -> None:
    async with outsides(ACCESS__REQUESTERS='["U0OPERATOR"]') as on:
        on.pod("agent", node="node-1")
        async with on.running():
            await on.ready()
            text = "/flannel silence check=pod_not_ready 2h planned work"
            asked = await on.act("command", user="U0OPERATOR", channel="C0ALERTS", text=text)
            assert asked["acked"], asked
            await on.until(lambda: on.whispered("SIL-1"))
            for off in (-timedelta(hours=3), timedelta()):
                on.clock.off = off
                await on.drift(timedelta(seconds=5))
                await on.ready()
                on.turn("agent", well=False, since=timedelta(hours=5))
                await on.until(lambda: on.knows(1))
                await on.leap(MINUTE)
                await on.settled()
                assert await on.cards() == [], "what is silenced was told"
            on.clock.off = timedelta(hours=3)
            assert "agent-x" in (await standing(on))["text"]
