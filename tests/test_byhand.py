"""On the day when Slack is down, changes can be stopped by the database alone."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import cli
from bot.adapters.store import options, sql
from bot.domain import plan, run
from bot.flow import ports
from tests import databases
from tests.domain import plans


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = databases.migrated(tmp_path / "bot.db")
    monkeypatch.setenv("FLANNEL_BOT_DATABASE__URL", f"sqlite+aiosqlite:///{path}")
    monkeypatch.chdir(tmp_path)
    return path


def stored(database: Path, work: Callable[[ports.Store], object]) -> object:
    async def opened() -> object:
        where = options.Options(url=f"sqlite+aiosqlite:///{database}")
        async with sql.opened(where) as store:
            return await work(store)  # type: ignore[misc]

    return asyncio.run(opened())


async def begun(store: ports.Store) -> run.Run:
    now = datetime.now(UTC)
    async with store.unit() as unit:
        held = await unit.remedy.save_plan(
            plans.plan(id=0, created_at=now, expires_at=now + timedelta(minutes=15))
        )
        held = await unit.remedy.save_plan(
            replace(held, state=plan.State.APPROVED, decided_at=now, decided_by=("UAPP",))
        )
        started = run.begin(held, executor="pod-1", now=now)
        return await unit.remedy.start(held, started)


def test_a_freeze_by_hand_is_in_force_and_can_be_lifted(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["freeze", "2h", "core", "switch"]) == 0
    assert "frozen until" in capsys.readouterr().out

    async def held(store: ports.Store) -> list[str]:
        found = await store.remedy.freezes(now=datetime.now(UTC))
        return [f"{one.by}: {one.reason}" for _, one in found]

    assert stored(database, held) == ["cli: core switch"]
    assert cli.main(["unfreeze"]) == 0
    assert stored(database, held) == []
    assert cli.main(["unfreeze"]) == 1
    assert "no freeze" in capsys.readouterr().err


def test_a_run_is_cancelled_by_hand(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(database, begun)
    assert cli.main(["cancel", "RUN-1"]) == 0

    async def after(store: ports.Store) -> run.Run | None:
        return await store.remedy.run(1)

    cancelled = stored(database, after)
    assert isinstance(cancelled, run.Run)
    assert cancelled.cancelled_by == "cli"
    assert cli.main(["cancel", "run-1"]) == 1
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["cancel", "RUN-7"], 1, "there is no RUN-7"),
        (["cancel", "the run"], 2, "say it as RUN-3"),
        (["freeze", "soon", "x"], 2, "no duration"),
        (["freeze", "0s", "x"], 1, "for how long and why"),
        (["freeze", "2h", " "], 1, "for how long and why"),
    ],
)
def test_what_cannot_be_meant_is_said_and_changes_nothing(
    database: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert cli.main(words) == code
    assert said in capsys.readouterr().err


def test_the_chain_of_deeds_is_verified_and_a_changed_row_is_named(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for reason in ("one", "two", "three"):
        assert cli.main(["freeze", "1h", reason]) == 0
    capsys.readouterr()
    assert cli.main(["audit", "verify"]) == 0
    assert "3 entries, whole" in capsys.readouterr().out
    with sqlite3.connect(database) as raw:
        raw.execute("UPDATE deeds SET text = 'nothing' WHERE id = 2")
    assert cli.main(["audit", "verify"]) == 1
    assert "entry 2" in capsys.readouterr().err


def test_a_cluster_or_database_that_may_be_the_wrong_one_is_said(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever freezes the wrong one believes that nothing is changed any more."""
    database.unlink()
    assert cli.main(["freeze", "--cluster", "prdo", "1h", "core switch"]) == 0
    told = capsys.readouterr().err
    assert "no cluster 'prdo' is configured here; known: default" in told
    assert f"{database}" in told
    assert "just been made" in told
    assert cli.main(["audit", "verify"]) == 0
    assert capsys.readouterr().err == ""
