"""From any older shape to today's, whole or not at all, and never from a newer one."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import bot
from bot.adapters.store import engine, location, migrate, options, revision, sql, tables
from bot.domain import errors

SCRIPTS = resources.files("bot.adapters.store") / "migrations"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real("postgresql"))])
def empty_url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.db"
    server = request.getfixturevalue("postgresql")
    return server.url(server.create())


def upgraded(url: str, to: str = "head") -> migrate.Upgrade:
    """Upgrade from within a test, whose loop is running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(migrate.upgrade, url, to=to).result()


async def inside(url: str, work):
    writer = engine.create(
        location.parse(url), options.Options(url=url), writer=True, pool_size=1, migrating=True
    )
    try:
        async with writer.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await writer.dispose()


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    def run_(url: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv(migrate.URL_VARIABLE, url)
        code = migrate.main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_


def test_the_constants_say_what_the_scripts_say():
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    assert scripts.get_heads() == [revision.HEAD]
    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == revision.KNOWN


def test_the_scripts_travel_with_the_package():
    names = {entry.name for entry in (SCRIPTS / "versions").iterdir()}

    assert (SCRIPTS / "env.py").is_file()
    assert {name for name in names if name.startswith("r0")}


def test_the_scripts_are_in_the_wheel(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=Path(bot.__file__).parent.parent,
        capture_output=True,
        check=True,
        timeout=60,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    here = {f"bot/adapters/store/migrations/{entry.name}" for entry in SCRIPTS.iterdir()}
    assert {name for name in here if name.endswith(".py")} <= set(names)
    assert len([name for name in names if "/versions/r0" in name]) == len(revision.KNOWN)


@pytest.mark.parametrize("start", [None, *revision.KNOWN])
async def test_every_older_database_becomes_todays(empty_url, start):
    if start is not None:
        assert upgraded(empty_url, to=start).after == start

    done = upgraded(empty_url)

    assert (done.before, done.after) == (start, revision.HEAD)
    assert await revision.state(options.Options(url=empty_url)) is revision.State.CURRENT
    async with sql.opened(options.Options(url=empty_url)) as store:
        await store.check_writable()


async def test_upgraded_tables_are_those_the_code_knows(empty_url):
    upgraded(empty_url)

    def differences(connection: sa.Connection):
        how = {"compare_type": True, "compare_server_default": True, "render_as_batch": True}
        return compare_metadata(MigrationContext.configure(connection, opts=how), tables.metadata)

    def indexes(connection: sa.Connection):
        seen = sa.inspect(connection)
        found = {}
        for table in tables.metadata.tables:
            for index in seen.get_indexes(table):
                where = index["dialect_options"].get(f"{connection.dialect.name}_where")
                found[index["name"]] = (
                    index["column_names"],
                    bool(index["unique"]),
                    where is not None,
                )
        return found

    assert await inside(empty_url, differences) == []
    columns, unique, partial = (await inside(empty_url, indexes))["uq_outbox_pending_card"]
    assert (columns, unique, partial) == (["incident", "channel"], True, True)


async def test_the_number_of_an_incident_that_was_cleared_away_is_not_given_again(
    url, opened, samples
):
    """INC-3 was said aloud: it must not mean something else next year."""
    async with opened(url) as store:
        numbers = await samples.saved(store, 3)
    await inside(url, lambda c: c.exec_driver_sql("DELETE FROM incidents"))
    async with opened(url) as store:
        (later,) = await samples.saved(store)

    assert later > max(numbers)


async def test_the_way_down_leaves_nothing(empty_url):
    """Not offered to users; it shows that a step names everything it makes."""
    upgraded(empty_url)

    def down(connection: sa.Connection):
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        return set(sa.inspect(connection).get_table_names())

    assert await inside(empty_url, down) == {"alembic_version"}
    assert upgraded(empty_url).after == revision.HEAD


async def test_a_database_newer_than_the_code_is_refused_everywhere_and_left_alone(empty_url):
    url = empty_url
    upgraded(url)
    await inside(url, lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num='0999'"))
    how = options.Options(url=url)

    async def open_():
        async with sql.opened(how):
            pass

    for attempt in (open_, lambda: migrate.ensure(how), lambda: revision.state(how)):
        with pytest.raises(errors.Misconfigured) as caught:
            await attempt()
        for word in ("database.url", "0999", revision.HEAD, bot.__version__, "newer", "restore"):
            assert word in str(caught.value)
    with pytest.raises(errors.Misconfigured, match="0999"):
        upgraded(url)
    assert await revision.current(how) == "0999"


async def test_a_database_that_was_never_upgraded_is_not_opened(empty_url):
    with pytest.raises(errors.Misconfigured, match="flannel-bot db upgrade"):
        async with sql.opened(options.Options(url=empty_url)):
            pass


async def test_looking_at_the_revision_creates_nothing(tmp_path):
    how = options.Options(url=f"sqlite:///{tmp_path}/new.db")

    assert await revision.state(how) is revision.State.EMPTY
    assert list(tmp_path.iterdir()) == []


async def test_ensure_starts_a_child_only_when_there_is_work(empty_url, monkeypatch):
    how = options.Options(url=empty_url)
    assert await migrate.ensure(how) == migrate.Upgrade(before=None, after=revision.HEAD)

    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    assert await migrate.ensure(how) == migrate.Upgrade(revision.HEAD, revision.HEAD)


def test_neither_the_look_nor_the_store_costs_alembic(sqlite_url):
    program = """
import asyncio, sys
from bot.adapters.store import migrate, options, sql
async def main():
    how = options.Options(url=sys.argv[1])
    await migrate.ensure(how)
    async with sql.opened(how) as store:
        await store.check_writable()
asyncio.run(main())
print(sorted(name for name in sys.modules if name.split(".")[0] in ("alembic", "mako")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, sqlite_url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_memory_costs_no_database_library():
    program = (
        "import sys; from bot.adapters.store import memory; print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


async def test_two_that_start_together_upgrade_once(empty_url):
    how = options.Options(url=empty_url)

    await asyncio.gather(migrate.ensure(how), migrate.ensure(how))

    assert await revision.state(how) is revision.State.CURRENT


async def test_an_upgrade_that_fails_changes_nothing(empty_url, monkeypatch):
    """Half the tables would be a database that no version can use."""

    def meddle(connection: sa.Connection) -> None:
        # A table that the step makes late is there already.
        connection.exec_driver_sql("CREATE TABLE timeline (id INTEGER)")

    if empty_url.startswith("sqlite"):
        # There a strange table is refused before; let it come between look and work.
        async def nothing(_connection):
            return None

        monkeypatch.setattr(revision, "read", nothing)
    await inside(empty_url, meddle)
    with pytest.raises((errors.Misconfigured, sa.exc.OperationalError)):
        upgraded(empty_url)

    found = await inside(empty_url, lambda c: set(sa.inspect(c).get_table_names()))
    assert found == {"timeline"}


def test_an_upgrade_killed_at_any_moment_can_be_done_again(tmp_path):
    for attempt in range(3):
        path = tmp_path / f"{attempt}.db"
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.adapters.store.migrate", "upgrade"],
            env={**os.environ, migrate.URL_VARIABLE: f"sqlite:///{path}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            # Killed when file and log have grown to so many bytes: before, amid and after.
            while process.poll() is None and _size(path) <= attempt * 30_000:
                time.sleep(0.001)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        connection = sqlite3.connect(path)
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        connection.close()
        assert not names or "alembic_version" in names
        assert not names or "timeline" in names
        assert upgraded(f"sqlite:///{path}").after == revision.HEAD


def _size(path: Path) -> int:
    size = 0
    for found in (path, Path(f"{path}-wal")):
        with contextlib.suppress(FileNotFoundError):  # SQLite removes its log when it closes.
            size += found.stat().st_size
    return size


@pytest.mark.parametrize(
    ("url", "arguments", "code", "says"),
    [
        ("sqlite:////nonexistent/no.db", ["upgrade"], 2, "does not exist"),
        ("postgresql://flannel:s3cret@127.0.0.1:1/x", ["upgrade"], 1, "cannot be reached"),
        ("mysql://flannel:s3cret@127.0.0.1/x", ["upgrade"], 2, "not supported"),
        ("p@ss s3cret", ["upgrade"], 2, "cannot be read"),
        ("", ["upgrade"], 2, "usage"),
        ("sqlite:///x.db", ["downgrade"], 2, "usage"),
    ],
)
def test_the_command_ends_with_one_line_and_its_code(url, arguments, code, says, run):
    ended, out, err = run(url, *arguments)

    assert (ended, out) == (code, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert "s3cret" not in err


def test_the_command_tells_what_it_did(tmp_path, run):
    url = f"sqlite:///{tmp_path}/new.db"
    head = revision.HEAD

    assert run(url, "current") == (0, "empty\n", "")
    assert run(url, "upgrade") == (0, f"empty -> {head}\n", "")
    assert run(url, "upgrade") == (0, f"{head} -> {head}\n", "")
    assert run(url, "current") == (0, f"{head}\n", "")


def test_the_command_refuses_a_newer_database_in_one_line(sqlite_url, run):
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.commit()
    connection.close()

    code, out, err = run(sqlite_url, "upgrade")

    assert (code, out) == (2, "")
    assert "0999" in err
    assert len(err.splitlines()) == 1


async def test_the_password_is_in_no_message():
    how = options.Options(url="postgresql://flannel:s3cret@127.0.0.1:1/x")

    assert "s3cret" not in repr(how)
    with pytest.raises(errors.Unavailable) as caught:
        await migrate.ensure(how)
    assert "s3cret" not in str(caught.value)


async def test_a_cancelled_ensure_leaves_no_child(tmp_path):
    how = options.Options(url=f"sqlite:///{tmp_path}/new.db")
    before = _children()
    task = asyncio.create_task(migrate.ensure(how))
    deadline = asyncio.get_running_loop().time() + 20
    while _children() == before and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.005)
    assert _children() != before
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert _children() == before


def _children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())
