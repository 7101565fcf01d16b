"""SQLite in particular: what it promises, and what it says when the file is not as it should be."""

import asyncio
import gc
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.store import engine, location, migrate, options, outbox, sql, tables
from bot.domain import errors
from bot.domain.incident import State

SHORT = timedelta(milliseconds=150)


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def workers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if "_connection_worker_thread" in t.name]


async def test_every_commit_is_on_disk_and_readers_do_not_wait(sqlite_url, opened):
    async with opened(sqlite_url) as store, store.unit() as unit:
        found = {}
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            result = await unit._session.run(engine.sa.text(f"PRAGMA {name}"))
            found[name] = result.scalar()
        async with asyncio.timeout(1):
            assert await store.mark("m") is None

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 3000,
    }


async def test_readers_cannot_write(sqlite_url):
    place = location.parse(sqlite_url)
    reader = engine.create(place, options.Options(url=sqlite_url), writer=False, pool_size=1)
    try:
        async with reader.connect() as connection:
            with pytest.raises(engine.sa.exc.OperationalError, match="readonly"):
                await connection.execute(engine.sa.insert(tables.marks).values(key="k", value="v"))
    finally:
        await reader.dispose()


async def test_a_unit_holds_the_write_lock_from_its_beginning(sqlite_url, opened):
    """Else two processes could read the same state and the later write would win."""
    async with opened(sqlite_url) as store, store.unit():
        other = sqlite3.connect(path_of(sqlite_url), timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


async def test_two_processes_that_read_and_then_write_lose_no_update(sqlite_url, opened):
    async with opened(sqlite_url) as one, opened(sqlite_url) as two:

        async def count(store):
            async with store.unit() as unit:
                seen = int(await store.mark("n") or 0)
                await unit.set_mark("n", str(seen + 1))

        await asyncio.gather(*(count(store) for store in (one, two) * 15))

        assert await one.mark("n") == "30"


async def test_a_lock_that_lasts_is_unavailable_and_nothing_is_lost(sqlite_url, opened, samples):
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    async with opened(sqlite_url, busy_timeout=SHORT) as store:
        await samples.enqueued(store, samples.text())
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(errors.Unavailable, match="locked by another process"):
            await store.check_writable()
        waited = time.monotonic() - began
        with pytest.raises(errors.Unavailable):
            await store.claim(now=samples.now)
        assert (await store.outbox()).pending == 1  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        assert await store.claim(now=samples.now) is not None

    assert waited >= SHORT.total_seconds()


async def test_a_lock_that_goes_away_in_time_is_only_waited_for(sqlite_url, opened):
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    async with opened(sqlite_url) as store:
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.1, other.execute, "ROLLBACK")
        await store.check_writable()
    other.close()


async def test_a_unit_that_never_ends_makes_others_unavailable_and_not_stuck(sqlite_url, opened):
    async with opened(sqlite_url, turn_timeout=SHORT) as store:
        async with store.unit():
            with pytest.raises(errors.Unavailable, match="busy"):
                await store.check_writable()
        await store.check_writable()


@contextmanager
def no_file_longer_than(length: int) -> Iterator[None]:
    """As on a full disk, files have what they have, and are given no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def written(store: sql.SqlStore, characters: int) -> None:
    async with store.unit() as unit:
        await unit.set_mark("much", "x" * characters)


async def test_a_full_disk_whose_log_has_room_for_a_probe_is_told_until_something_is_stored(
    sqlite_url, opened
):
    log = path_of(sqlite_url).with_name(f"{path_of(sqlite_url).name}-wal")
    async with opened(sqlite_url) as store:
        await written(store, 500_000)
        with closing(sqlite3.connect(path_of(sqlite_url))) as other:
            other.execute("PRAGMA wal_checkpoint(RESTART)")  # the log is written from its beginning
        longest = max(log.stat().st_size, path_of(sqlite_url).stat().st_size)
        with no_file_longer_than(longest):
            await store.check_writable()
            with pytest.raises(errors.Unavailable):
                await written(store, 2_000_000)
            for _ in range(2):
                with pytest.raises(errors.Unavailable, match="nothing has been stored since"):
                    await store.check_writable()
            async with store.unit() as unit:
                await unit.incident(1)  # what only reads proves nothing
            with pytest.raises(errors.Unavailable, match="nothing has been stored since"):
                await store.check_writable()
            await written(store, 10)
            await store.check_writable()
        await written(store, 2_000_000)


async def test_a_full_disk_is_unavailable_and_nothing_is_lost(sqlite_url, opened, samples):
    async with opened(sqlite_url) as store:
        await samples.enqueued(store, samples.text())
        async with store.unit() as unit:
            # SQLite's own limit gives the very error that a full disk gives.
            pages = (await unit._session.run(engine.sa.text("PRAGMA page_count"))).scalar()
            await unit._session.run(engine.sa.text(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(errors.Unavailable, match="disk is full"):
            async with store.unit() as unit:
                await unit.set_mark("big", "x" * 200_000)

        assert await store.mark("big") is None
        async with store.unit() as unit:
            await unit._session.run(engine.sa.text("PRAGMA max_page_count = 1000000"))
        async with store.unit() as unit:
            await unit.set_mark("big", "x" * 200_000)
        assert (await store.claim(now=samples.now)) is not None


async def test_being_writable_is_tried_by_writing(sqlite_url, opened):
    """A lock that can be had says nothing of a disk that takes no more."""
    async with opened(sqlite_url) as store:
        seen = set()
        for _ in range(3):
            await store.check_writable()
            seen.add(await store.mark(sql.PROBE))

    assert len(seen) == 3


async def test_a_file_that_may_not_grow_is_not_called_writable(sqlite_url, opened):
    """A row that is only rewritten takes no page, and would go on to succeed on a full disk."""
    async with opened(sqlite_url) as store:
        await store.check_writable()
        async with store.unit() as unit:
            pages = (await unit._session.run(engine.sa.text("PRAGMA page_count"))).scalar()
            await unit._session.run(engine.sa.text(f"PRAGMA max_page_count = {pages}"))
        for _ in range(2):
            with pytest.raises(errors.Unavailable, match="disk is full"):
                await store.check_writable()
        async with store.unit() as unit:
            await unit._session.run(engine.sa.text(f"PRAGMA max_page_count = {pages + 1000}"))
        for _ in range(3):
            await store.check_writable()
        async with store.unit() as unit:
            after = (await unit._session.run(engine.sa.text("PRAGMA page_count"))).scalar()

    assert after == pages


async def test_cancelled_at_any_step_no_connection_and_no_lock_is_left(sqlite_url, opened):
    before = set(workers())
    async with opened(sqlite_url) as store:
        for steps in range(0, 60, 3):
            task = asyncio.create_task(store.check_writable())
            reading = asyncio.create_task(store.mark("m"))
            for _ in range(steps):
                await asyncio.sleep(0)
            for one in (task, reading):
                one.cancel()
                one.cancel()
            await asyncio.gather(task, reading, return_exceptions=True)
            other = sqlite3.connect(path_of(sqlite_url), timeout=0, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
            other.close()
        pools = (store._database._writer.pool, store._database._readers.pool)
        assert [pool.checkedout() for pool in pools] == [0, 0]
        assert len(set(workers()) - before) <= 3

    async with asyncio.timeout(10):  # a thread that is let go ends in its own time
        while set(workers()) - before:
            await asyncio.sleep(0.01)
    handles = [handle for handle in Path("/proc/self/fd").iterdir() if handle.exists()]
    open_files = [str(handle.readlink()) for handle in handles]
    assert not [name for name in open_files if str(path_of(sqlite_url)) in name]


async def test_a_cancelled_writer_waits_for_the_lock_to_end_and_leaves_it_free(sqlite_url, opened):
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    async with opened(sqlite_url) as store:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(store.check_writable())
        await asyncio.sleep(0.05)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, other.execute, "ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            await task
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        await store.check_writable()
    other.close()


async def test_a_missing_directory_is_created_for_the_default_only(tmp_path):
    url = f"sqlite:///{tmp_path}/data/deep/flannel-bot.db"
    with pytest.raises(errors.Misconfigured, match=r"database\.url.*does not exist"):
        await migrate.ensure(options.Options(url=url))
    assert not (tmp_path / "data").exists()

    await migrate.ensure(options.Options(url=url, create_directory=True))
    async with sql.opened(options.Options(url=url)) as store:
        await store.check_writable()


async def test_the_file_is_readable_by_its_owner_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/flannel-bot.db"
    await migrate.ensure(options.Options(url=url))
    async with sql.opened(options.Options(url=url)) as store:
        await store.check_writable()
        files = sorted(tmp_path.iterdir())
        modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in files}

    assert modes == {".db": 0o600, ".db-wal": 0o600, ".db-shm": 0o600}


async def test_a_directory_or_a_place_where_no_file_can_be_is_told(tmp_path):
    for path, says in ((tmp_path, "is a directory"), (Path("/proc/no.db"), "cannot be written")):
        with pytest.raises(errors.Misconfigured, match=says) as caught:
            await migrate.ensure(options.Options(url=f"sqlite:///{path}"))
        assert "database.url" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"This is no database at all, but long enough to have a header. " * 40, b"{}"]
)
async def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for opening in (migrate.ensure, lambda how: sql.opened(how).__aenter__()):
        with pytest.raises(errors.Misconfigured, match="not a SQLite database") as caught:
            await opening(options.Options(url=f"sqlite:///{path}"))
        assert str(path) in str(caught.value)

    assert path.read_bytes() == content


async def test_the_database_of_something_else_is_told_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE customers (id INTEGER)")
    other.close()
    before = path.read_bytes()

    with pytest.raises(errors.Misconfigured, match=r"of something else.*customers"):
        await migrate.ensure(options.Options(url=f"sqlite:///{path}"))

    assert path.read_bytes() == before


async def test_a_damaged_file_is_told_at_the_start(sqlite_url, opened, samples):
    async with opened(sqlite_url) as store:
        await samples.saved(store, 200)
    path = path_of(sqlite_url)
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 + 100 : page * 4096 + 3000] = b"\xaa" * 2900
    path.write_bytes(content)

    with pytest.raises(errors.Misconfigured, match="damaged; stop the bot and restore"):
        async with opened(sqlite_url):
            pass


async def test_a_file_cut_short_is_told_at_the_start(sqlite_url, opened, samples):
    async with opened(sqlite_url) as store:
        await samples.saved(store, 200)
    path = path_of(sqlite_url)
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(errors.Misconfigured, match="damaged"):
        async with opened(sqlite_url):
            pass


UNPRIVILEGED = """
import asyncio, os, pwd, sys
import sqlalchemy.dialects.sqlite.aiosqlite, aiosqlite
from bot.adapters.store import options, sql
from bot.domain import errors
if os.getuid() == 0:  # who may write anything
    nobody = pwd.getpwnam("nobody")
    os.setresgid(*[nobody.pw_gid] * 3)
    os.setresuid(*[nobody.pw_uid] * 3)
async def main():
    try:
        async with sql.opened(options.Options(url=sys.argv[1])) as store:
            await store.check_writable()
    except errors.Misconfigured as error:
        print(error)
asyncio.run(main())
"""


@pytest.mark.parametrize("unwritable", ["file", "directory"])
def test_a_file_or_directory_that_the_user_may_not_write_is_told(unwritable, migrated_file):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = directory / "flannel-bot.db"
        shutil.copy(migrated_file, path)
        path.chmod(0o444 if unwritable == "file" else 0o666)
        directory.chmod(0o555 if unwritable == "directory" else 0o777)
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, f"sqlite:///{path}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        directory.chmod(0o755)

    assert done.stderr == ""
    assert "database.url" in done.stdout
    assert "cannot be written" in done.stdout
    assert str(path) in done.stdout


async def test_reading_is_cheap_with_a_long_past(sqlite_url, opened, samples):
    """A year of sent rows and resolved incidents must not be walked for each claim."""
    seen: list[str] = []
    async with opened(sqlite_url) as store:
        asked = {
            "claim": outbox.next_due(now=samples.now, channel=None),
            "claim of a channel": outbox.next_due(now=samples.now, channel="C"),
            "cards": outbox.due_cards("C", now=samples.now),
            "channels": outbox.due_channels(now=samples.now),
            "depth": outbox.depth(),
            "claimed": outbox.claimed(),
            "unresolved": sql._incidents(cluster=None, unresolved=True, limit=50),
            "of a cluster": sql._incidents(cluster="prod", unresolved=True, limit=50),
            "of a cycle": sql._of_cycle("prod", samples.now),
            "story": sql._timeline("INC-1", 50),
            "shown": sql._shown_at("C", "1.1"),
            "posted": sql._posted(1),
        }
        for name, statement in asked.items():
            text = str(
                statement.compile(
                    dialect=engine.sqlite.dialect(), compile_kwargs={"literal_binds": True}
                )
            )
            rows = await store._database.read(engine.sa.text(f"EXPLAIN QUERY PLAN {text}"))
            seen += [f"{name}: {row.detail}" for row in rows if row.detail.startswith("SCAN")]

    assert seen == []


async def test_a_hundred_thousand_sent_rows_do_not_slow_a_claim(sqlite_url, opened, samples):
    other = sqlite3.connect(path_of(sqlite_url))
    other.execute("PRAGMA journal_mode = WAL")
    other.executemany(
        "INSERT INTO incidents (cluster, fingerprint, state, severity, opened_at, changed_at,"
        " resolved_at, document) VALUES ('prod', 'f', ?, 'warning', '2026-01-01 00:00:00.000000',"
        " '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', '{}')",
        [(State.RESOLVED.value,)] * 10_000,
    )
    other.executemany(
        "INSERT INTO outbox (id, kind, channel, cluster, incident, priority, created_at, delivery,"
        " attempts, error, document) VALUES (?, 'card', 'C0ALERTS', 'prod', ?, 30,"
        " '2026-01-01 00:00:00.000000', 'sent', 1, '', '{}')",
        [(str(n), n % 10_000 + 1) for n in range(100_000)],
    )
    other.commit()
    other.close()
    async with opened(sqlite_url) as store:
        numbers = await samples.saved(store, 20)
        await samples.enqueued(store, *(samples.card(number) for number in numbers))
        each = []
        for _ in numbers:
            began = time.process_time()  # of all threads; other processes do not count
            row = await store.claim(now=samples.now)
            await store.delivered([row], at=samples.now, posted=[samples.place(row.incident)])
            await store.due_channels(now=samples.now)
            await store.outbox()
            await store.incidents()
            each.append(time.process_time() - began)

    # A walk over the rows costs more than 50 ms each time; a busy machine not at the quickest.
    assert min(each) < 0.05


async def test_looking_for_what_is_due_makes_no_garbage(sqlite_url, opened, samples):
    """It is done many times a minute for ever. Cycles wait for the collector, which stops all."""
    looks = 5
    async with opened(sqlite_url) as store:

        async def look() -> None:
            await store.claim(now=samples.now)
            await store.due_channels(now=samples.now)
            await store.due_cards("C0ALERTS", now=samples.now)

        await look()
        gc.collect()
        gc.disable()
        try:
            for _ in range(looks):
                await look()
            left = gc.collect()
        finally:
            gc.enable()
    assert left < 100 * looks
