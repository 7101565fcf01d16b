"""The guide's commands for backup and restore, done as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain import audit
from bot.flow import ports
from tests.adapters.store.conftest import NOW, Cluster, Opener, Samples

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "install.md").read_text()


def command(begins: str) -> str:
    """The guide's one command that begins so."""
    (found,) = re.findall(rf"^    (?:.* -- )?({re.escape(begins)} .*)$", GUIDE, re.MULTILINE)
    return str(found)


def run(words: str, **environment: str) -> None:
    done = subprocess.run(
        ["sh", "-c", words], env={**os.environ, **environment}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


async def filled(store: ports.Store, samples: Samples) -> None:
    await samples.saved(store, 3)
    async with store.unit() as unit:
        for number in range(3):
            await unit.remedy.record(at=NOW, actor="U1", subject=f"RUN-{number}", kind="k", text="")


async def whole(store: ports.Store) -> bool:
    entries = await store.remedy.deeds()
    assert audit.verify(entries).broken is None
    return (len(await store.incidents()), len(entries)) == (3, 3)


async def test_a_sqlite_file_is_copied_while_the_bot_runs_and_put_back(
    sqlite_url: str, opened: Opener, samples: Samples, tmp_path: Path
) -> None:
    backup = command("python -c").replace("/data/", f"{tmp_path}/")
    async with opened(sqlite_url) as store:
        await filled(store, samples)
        run(backup, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        await samples.saved(store)
    again = tmp_path / "restored.db"
    shutil.move(tmp_path / "backup.db", again)
    async with opened(f"sqlite:///{again}") as store:
        assert await whole(store)


@pytest.mark.real("postgresql")
async def test_a_postgresql_database_is_dumped_while_the_bot_runs_and_put_back(
    postgresql: Cluster, postgresql_url: str, opened: Opener, samples: Samples, tmp_path: Path
) -> None:
    given = {
        "URL": postgresql_url.replace("+asyncpg", ""),
        "PATH": f"{postgresql.tools}:{os.environ['PATH']}",
    }
    dump, restore = command("pg_dump"), command("pg_restore")
    async with opened(postgresql_url) as store:
        await filled(store, samples)
        run(f"cd {tmp_path} && {dump}", **given)
        await samples.saved(store)
        assert not await whole(store)
    run(f"cd {tmp_path} && {restore}", **given)
    async with opened(postgresql_url) as store:
        assert await whole(store)
        assert await samples.saved(store) == [4], "numbers go on"
