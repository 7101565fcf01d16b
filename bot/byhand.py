"""Commands for the day when Slack is down: they work on the database alone.

Whoever can reach the bot's database may stop changes; nobody can begin one this way.
"""

import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from bot import configuration, options, settings, settings_text
from bot.adapters import clock as clocks
from bot.adapters.store import location, migrate, sql
from bot.domain import audit, errors
from bot.flow import ports, stops
from bot.flow.journal import Journal
from bot.flow.remedy_answers import Said

ACTOR = "cli"
_PORTION = 1_000


@asynccontextmanager
async def _opened(config_file: Path | None, *, cluster: str = "") -> AsyncIterator[ports.Store]:
    given = configuration.load(config_file, "console", quiet=True)
    known = [one.name for one in given.watched]
    if cluster and cluster not in known:
        # Not refused: what is configured here need not be what the bot has.
        _warn(f"no cluster {cluster!r} is configured here; known: {', '.join(known)}")
    where = options.store(given)
    if (await migrate.ensure(where)).before is None:
        _warn(
            f"the database {location.parse(where.url).name} was empty and has just been made; if "
            "the bot uses another, say which by database.url"
        )
    async with sql.opened(where) as store:
        yield store


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")


async def upgrade(given: settings.Settings) -> str:
    """Bring the database to this version and say what was done."""
    done = await migrate.ensure(options.store(given))
    if done.before == done.after:
        return f"the database is at revision {done.after} already"
    return f"the database went from revision {done.before or 'none'} to {done.after}"


async def verify(config_file: Path | None) -> int:
    """Check the chain of deeds and print its head; 1 if it is broken.

    Where its old end was cut off by age, it begins with the last hash of what is gone, and has to
    tell of that cut itself.
    """
    async with _opened(config_file) as store:
        anchor = await store.mark(audit.ANCHOR)
        after, head = json.loads(anchor) if anchor else (0, audit.BEGINNING)
        unproved = audit.anchored((), after, head) if anchor else ""
        cut, count = after, 0
        start = head
        while entries := await store.remedy.deeds(after=after, limit=_PORTION):
            found = audit.verify(entries, start=head)
            count += found.entries
            if found.broken is not None:
                sys.stderr.write(
                    f"error: entry {found.broken} of the audit chain: {found.reason}\n"
                )
                return 1
            unproved = unproved and audit.anchored(entries, cut, start)
            head, after = found.head, entries[-1].number
    if unproved:
        sys.stderr.write(f"error: the audit chain: {unproved}\n")
        return 1
    sys.stdout.write(f"{count} entries, whole; the newest hash is {head}\n")
    return 0


async def freeze(config_file: Path | None, lasts: str, reason: str, *, cluster: str) -> int:
    """Forbid changes for a while."""
    try:
        span = settings_text.duration(lasts)
    except ValueError as error:
        raise errors.Misconfigured(str(error)) from error
    if not isinstance(span, timedelta):
        raise errors.Misconfigured(f"{lasts!r} is no duration")
    async with _opened(config_file, cluster=cluster) as store:
        said = await stops.freeze_changes(
            store, cluster=cluster, by=ACTOR, lasts=span, reason=reason, clock=clocks.SystemClock()
        )
    return _told(said)


async def unfreeze(config_file: Path | None, *, cluster: str) -> int:
    """Lift freezes."""
    async with _opened(config_file, cluster=cluster) as store:
        lifted, _ = await stops.unfreeze(
            store, cluster=cluster, by=ACTOR, may=lambda _: True, clock=clocks.SystemClock()
        )
    return _told(stops.told(lifted))


async def cancel(config_file: Path | None, name: str) -> int:
    """Stop a run. Its card is renewed by the process that sends, wherever that is."""
    named = re.fullmatch(r"(?:RUN-)?([1-9][0-9]{0,17})", name, re.IGNORECASE)
    if named is None:
        raise errors.Misconfigured(f"{name!r} is no run: say it as RUN-3")
    clock = clocks.SystemClock()
    given = configuration.load(config_file, "console", quiet=True)
    channels = {one.name: given.channel_of(one) for one in given.watched}
    async with _opened(config_file) as store:
        held = await store.remedy.run(int(named[1]))
        its = await store.remedy.plan(held.plan) if held is not None else None
        if held is None or its is None:
            raise errors.Refused(f"there is no RUN-{named[1]}")
        # A cluster that is configured no more has no channel, and is told nowhere.
        journal = Journal(store, lambda cluster: channels.get(cluster, ""), clock=clock)
        said = await stops.cancel(journal, held, its, by=ACTOR, clock=clock)
    return _told(said)


def _told(said: Said) -> int:
    (sys.stdout if said.done else sys.stderr).write(said.text + "\n")
    return 0 if said.done else 1
