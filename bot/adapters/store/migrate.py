"""Bringing the database to the code's revision.

`ensure` is for the bot: it looks, and starts a child process only when there is work, so that
alembic never lives in the bot's own memory. `python -m bot.adapters.store.migrate upgrade` is
that child; it takes the URL from the environment, since arguments are there for everybody on the
machine to read. It exits 0 when done, 1 when the database does not answer now, 2 when a person
has to help, and says so in one line on stderr.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from importlib import resources

import sqlalchemy as sa

from bot.adapters.store import engine, faults, revision
from bot.adapters.store import location as locations
from bot.adapters.store import options as store_options
from bot.domain import errors

URL_VARIABLE = "FLANNEL_BOT_DATABASE__URL"
UPGRADE_LOCK = 0x666C616E6E656C02
"""The advisory lock of an upgrade on PostgreSQL: two replicas that start together take turns."""

EXIT_DONE = 0
EXIT_UNAVAILABLE = 1
EXIT_MISCONFIGURED = 2


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: from which revision to which; the same if there was nothing to do."""

    before: str | None
    after: str


async def ensure(options: store_options.Options) -> Upgrade:
    """Bring the database to the code's revision, in a child process if that needs doing.

    Raises Misconfigured (a database newer than the code, one that cannot be used) or Unavailable.
    """
    locations.prepare(locations.parse(options.url), options)
    before = await revision.current(options)
    if revision.judge(before, name=locations.parse(options.url).name) is revision.State.CURRENT:
        return Upgrade(before=before, after=revision.HEAD)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.adapters.store.migrate",
        "upgrade",
        env={**os.environ, URL_VARIABLE: options.url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        # Killed, not waited for: the upgrade is one transaction.
        process.kill()
        await process.wait()
        raise
    if process.returncode == EXIT_DONE:
        return Upgrade(before=before, after=revision.HEAD)
    lines = said.decode(errors="replace").strip().splitlines()
    reason = lines[-1] if lines else f"the upgrade ended with {process.returncode}"
    if process.returncode == EXIT_MISCONFIGURED:
        raise errors.Misconfigured(reason)
    raise errors.Unavailable(reason)


def upgrade(url: str, *, to: str = "head") -> Upgrade:
    """Run the migrations here and now, with alembic, in one transaction.

    Raises Misconfigured or Unavailable; nothing has changed then. Not to be called from a running
    event loop.
    """
    return asyncio.run(_upgrade(store_options.Options(url=url), to))


async def _upgrade(options: store_options.Options, to: str) -> Upgrade:
    location = locations.parse(options.url)
    locations.prepare(location, options)
    before = await revision.current(options)
    revision.judge(before, name=location.name)
    writer = engine.create(location, options, writer=True, pool_size=1, migrating=True)
    try:
        with faults.translated(location, starting=True):
            async with writer.begin() as connection:
                if location.path is None:
                    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
                # Again, now that nobody else can change it.
                before = await revision.read(connection)
                revision.judge(before, name=location.name)
                await connection.run_sync(_run, to)
                after = await revision.read(connection)
    finally:
        await writer.dispose()
    return Upgrade(before=before, after=after or "")


def _run(connection: sa.Connection, to: str) -> None:
    # Here, not above: 15 MiB that the bot's own process does not spend.
    from alembic import command
    from alembic.config import Config

    config = Config()
    scripts = resources.files("bot.adapters.store") / "migrations"
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise errors.Misconfigured(
                f"database.url: the upgrade was undone, because {len(broken)} rows of "
                f"{broken[0][0]} would refer to nothing; restore a backup"
            )


def main(arguments: list[str] | None = None) -> int:
    """Run as a command: `upgrade` or `current`, the URL in FLANNEL_BOT_DATABASE__URL."""
    given = sys.argv[1:] if arguments is None else arguments
    url = os.environ.get(URL_VARIABLE, "")
    if given not in (["upgrade"], ["current"]) or not url:
        sys.stderr.write(f"usage: {URL_VARIABLE}=URL {__spec__.name} upgrade|current\n")
        return EXIT_MISCONFIGURED
    try:
        if given == ["current"]:
            found = asyncio.run(revision.current(store_options.Options(url=url)))
            sys.stdout.write(f"{found or 'empty'}\n")
        else:
            done = upgrade(url)
            sys.stdout.write(f"{done.before or 'empty'} -> {done.after}\n")
    except errors.Misconfigured as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_MISCONFIGURED
    except errors.BotError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNAVAILABLE
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
