"""A changed configuration is taken over, one that cannot be is refused, and the old one stays."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from bot import configuration, reloading, settings_sources, tending
from bot.adapters import health
from bot.adapters.store.memory import MemoryStore
from bot.domain import errors, run
from tests.domain import plans
from tests.flow.fakes import LoopClock
from tests.flow.office import approved

BASE = {"SLACK_BOT_TOKEN": "xoxb-token", "SLACK_APP_TOKEN": "xapp-token"}
GOOD = "slack: {channel: C1}\nlog: {level: info}\n"


class Clock:
    """Ends the watch after some looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    async def sleep(self, _seconds: float) -> None:
        self.looks -= 1
        if self.looks < 0:
            raise KeyboardInterrupt


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, value in BASE.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "bot.yaml"
    path.write_text(GOOD)
    root = logging.getLogger()
    handlers, level, own = root.handlers[:], root.level, logging.getLogger("bot").level
    yield path
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("bot").setLevel(own)


def begun(file: Path) -> reloading.Reloading:
    return reloading.Reloading(file, None, settings_sources.load(file))


async def looked(
    watching: reloading.Reloading, *, looks: int = 2, busy: list[bool] | None = None
) -> list[str]:
    told: list[str] = []

    async def tell(why: str) -> None:
        told.append(why)

    async def is_busy() -> bool:
        return bool(busy) and busy.pop(0)

    with pytest.raises((reloading.Renewed, KeyboardInterrupt)) as caught:
        await watching.watch(clock=Clock(looks), every=1, busy=is_busy, tell=tell)  # type: ignore[arg-type]
    if isinstance(caught.value, reloading.Renewed):
        told.append(f"renewed: {caught.value.given.slack.channel}")
    return told


async def test_what_has_not_changed_begins_nothing(file: Path) -> None:
    watching = begun(file)
    file.write_text(GOOD)
    assert await looked(watching) == []


async def test_another_setting_begins_anew_once_no_change_is_under_way(file: Path) -> None:
    watching = begun(file)
    file.write_text(GOOD.replace("C1", "C2"))
    assert await looked(watching, busy=[True, True, True], looks=2) == []
    assert await looked(watching) == ["renewed: C2"]
    assert await looked(watching) == []


async def test_the_level_of_the_log_alone_changes_without_a_new_beginning(file: Path) -> None:
    watching = begun(file)
    file.write_text(GOOD.replace("info", "debug"))
    assert await looked(watching) == []
    assert logging.getLogger("bot").level == logging.DEBUG


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("slack: {chanel: C2}", "slack.chanel"),
        ("slack: [", "no YAML"),
        ("log: {level: loud}\nslack: {channel: C1}", "log.level"),
        ("", "slack.channel: is not set"),
    ],
)
async def test_one_that_is_wrong_is_refused_and_told_until_it_is_mended(
    file: Path, text: str, why: str
) -> None:
    watching = begun(file)
    file.write_text(text)
    told = await looked(watching, looks=2)
    assert len(told) == 2
    assert all(why in each for each in told)
    assert why in watching.refused
    file.write_text(GOOD)
    assert await looked(watching) == []
    assert watching.refused == ""


async def test_a_file_that_vanished_is_refused(file: Path) -> None:
    watching = begun(file)
    file.unlink()
    assert "does not exist" in (await looked(watching))[0]


async def test_secret_files_count_too(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    monkeypatch.setenv("FLANNEL_BOT_SECRETS_DIR", str(secrets))
    (secrets / "metrics__bearer_token").write_text("one")
    watching = begun(file)
    (secrets / "metrics__bearer_token").write_text("two")
    assert await looked(watching) == ["renewed: C1"]


async def test_a_secret_that_was_replaced_stays_hidden_from_the_log_as_the_new_one_is(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    monkeypatch.setenv("FLANNEL_BOT_SECRETS_DIR", str(secrets))
    rotated = secrets / "metrics__bearer_token"
    rotated.write_text("canary-first")
    watching = begun(file)
    for value in ("canary-second", "canary-third"):
        rotated.write_text(value)
        assert await looked(watching) == ["renewed: C1"]
    file.write_text("slack: [")  # what is refused takes nothing back either
    assert len(await looked(watching)) == 2
    logging.getLogger("bot.test").warning("canary-first canary-second canary-third")
    said = capsys.readouterr().err
    assert "canary" not in said
    assert said.count("[redacted]") >= 3


def test_no_secret_of_any_kind_is_shown_and_all_are_known_to_the_log(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = {
        "FLANNEL_BOT_SLACK__SIGNING_SECRET": "canary-signing",
        "FLANNEL_BOT_METRICS__BEARER_TOKEN": "canary-metrics",
        "FLANNEL_BOT_HEARTBEAT__URL": "https://hc.example.com/canary-heartbeat",
        "FLANNEL_BOT_DATABASE__URL": "postgresql+asyncpg://bot:canary%2Ddb@db/bot",
        **BASE,
    }
    for name, value in canaries.items():
        monkeypatch.setenv(name, value)
    given = settings_sources.load(file)
    shown = configuration.shown(given)
    known = configuration.secrets(given)
    for text in (*list(BASE.values()), "canary"):
        assert text not in shown
    assert set(BASE.values()) | {"canary-signing", "canary-metrics", "canary-db"} <= set(known)
    assert canaries["FLANNEL_BOT_HEARTBEAT__URL"] in known
    assert list(known) == sorted(known, key=len, reverse=True)
    for section in (given.slack, given.metrics, given.heartbeat):
        assert "canary" not in repr(section)
    monkeypatch.setenv("FLANNEL_BOT_HEARTBEAT__URL", "canary-of-no-scheme")
    with pytest.raises(errors.Misconfigured) as caught:
        settings_sources.load(file)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "waits"),
    [
        ({"mirror/prod": True, "slack": False}, True),
        ({"mirror/prod": False, "slack": True}, False),
        ({"mirror/other": True}, False),
    ],
    ids=["seen", "not reached", "not watched"],
)
async def test_a_run_holds_up_the_configuration_only_where_it_can_go_on(
    file: Path, parts: dict[str, bool], *, waits: bool
) -> None:
    store = MemoryStore()
    await approved(store, LoopClock(), plans.plan())
    (claimed,) = await store.remedy.unclaimed()
    assert claimed.decided_at is not None
    async with store.unit() as unit:
        await unit.remedy.start(claimed, run.begin(claimed, executor="e", now=claimed.decided_at))

    async def told() -> dict[str, health.Part]:
        return {name: health.Part(ok=ok) for name, ok in parts.items()}

    own = tending.Tending(
        settings_sources.load(file), cast("Any", store), {"prod": "C1"}, LoopClock(),
        cast("Any", None), lambda: None, told, None,
    )  # fmt: skip
    assert await own.changing() is waits
