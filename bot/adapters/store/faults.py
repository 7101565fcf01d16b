"""What a driver says when it fails, as one of the errors that cross rooms.

Trouble that may pass is Unavailable, what only a person can mend is Misconfigured. The same
fault may be either: a file that cannot be opened when the bot starts is a setting, but later it
is a passing lack of file handles. A fault in a statement itself is our mistake and stays as it is.
"""

import sqlite3
from types import TracebackType

import sqlalchemy as sa

from bot.adapters.store import location as locations
from bot.domain import errors


class NoRoom(errors.Unavailable):
    """What the database lies on takes no more, which a write that needs little may not notice."""


NO_ROOM = frozenset({"SQLITE_FULL", "SQLITE_IOERR", "53100"})
SQLITE_PASSING = {
    "SQLITE_BUSY": "is locked by another process",
    "SQLITE_LOCKED": "is locked by another connection",
    "SQLITE_FULL": "cannot grow: the disk is full",
    "SQLITE_IOERR": "cannot be read or written: input/output error",
    "SQLITE_CANTOPEN": "cannot be opened",
    "SQLITE_READONLY": "cannot be written: it is read-only now",
    "SQLITE_NOMEM": "cannot be used: out of memory",
    "SQLITE_PROTOCOL": "is locked by another process",
    "SQLITE_INTERRUPT": "was interrupted",
}
SQLITE_LASTING = {
    "SQLITE_NOTADB": "is not a SQLite database; name another file, or move this one away",
    "SQLITE_CORRUPT": (
        "is damaged; stop the bot and restore a backup, or move the file away and begin anew "
        "(what was remembered is lost then, incidents are found again)"
    ),
}
RIGHTS = "the bot's user needs to write the file and its directory"
SQLITE_LASTING_AT_START = {
    "SQLITE_CANTOPEN": f"cannot be opened; {RIGHTS}",
    "SQLITE_READONLY": f"cannot be written; {RIGHTS}",
    "SQLITE_PERM": f"cannot be written; {RIGHTS}",
}

POSTGRES_LASTING = {
    "28000": "refuses the user",
    "28P01": "refuses the password",
    "3D000": "does not exist on that server; create it first",
    "3F000": "has no schema to create tables in",
    "42501": "does not give the user the rights needed",
    "42P01": "lacks a table; run `flannel-bot db upgrade`",
    "42P07": "holds tables of the same names already; give the bot a database of its own",
    "42703": "lacks a column; run `flannel-bot db upgrade`",
}
POSTGRES_PASSING = {
    "25P03": "gave up on a unit that stood still",
    "55P03": "is locked by another process",
    "57014": "did not answer in time",
    "53100": "cannot grow: the disk is full",
    "53300": "has no connection free",
    "57P03": "is starting or stopping",
    "25006": "takes no writes now: it is a standby",
    "40001": "was changed by another process at the same moment",
    "40P01": "was changed by another process at the same moment",
}


class Translation:
    """Lets nothing through that a driver's error means as one of ours; see `translated`."""

    def __init__(self, location: locations.Location, *, starting: bool) -> None:
        self._location = location
        self._starting = starting

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        told = of(error, self._location, starting=self._starting)
        if told is not None:
            raise told from error


def translated(location: locations.Location, *, starting: bool = False) -> Translation:
    """Turn a driver's errors into ours; `starting` takes what may be either for a setting's."""
    return Translation(location, starting=starting)


def of(
    error: BaseException | None, location: locations.Location, *, starting: bool
) -> errors.BotError | None:
    """Return what an error means, or None for what is no fault of the database's."""
    if isinstance(error, sa.exc.TimeoutError):
        return errors.Unavailable(f"no connection to {location.name} is free")
    lost = isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    # While connecting, SQLAlchemy wraps some errors of the drivers and leaves others bare.
    bare = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if bare is None or isinstance(bare, errors.BotError):
        return None
    told = of_driver(bare, location, starting=starting)
    if told is None and starting:
        told = of_option(bare, location) or of_option(bare.__cause__, location)
    if told is None and isinstance(bare, OSError):
        # A refused or unresolvable address, a time that ran out.
        reason = bare.strerror or str(bare) or "no answer in time"
        told = errors.Unavailable(f"database {location.name} cannot be reached: {reason}")
    if told is None and lost:
        told = errors.Unavailable(f"the connection to {location.name} was lost")
    return told


def damaged(location: locations.Location) -> errors.Misconfigured:
    """SQLite's file holds pages that contradict each other."""
    return errors.Misconfigured(
        f"database.url: database {location.name} {SQLITE_LASTING['SQLITE_CORRUPT']}"
    )


def of_driver(
    error: BaseException | None, location: locations.Location, *, starting: bool
) -> errors.BotError | None:
    """Return what a driver's error means, or None for a mistake of ours."""
    if isinstance(error, sqlite3.Error):
        return _sqlite(error, location, starting=starting)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _postgres(error, state, location)
    return None


def of_option(
    error: BaseException | None, location: locations.Location
) -> errors.Misconfigured | None:
    """Return what it means that a driver refuses what stands after the URL's question mark."""
    if location.url.query and isinstance(error, TypeError | ValueError):
        options = ", ".join(sorted(location.url.query))
        return errors.Misconfigured(f"database.url: one of its options ({options}): {error}")
    return None


def _sqlite(
    error: sqlite3.Error, location: locations.Location, *, starting: bool
) -> errors.BotError | None:
    # Extended codes (SQLITE_IOERR_WRITE) begin with the plain one.
    name = "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
    where = f"database {location.name}"
    if starting and name in SQLITE_LASTING_AT_START:
        return errors.Misconfigured(f"database.url: {where} {SQLITE_LASTING_AT_START[name]}")
    if name in SQLITE_LASTING:
        return errors.Misconfigured(f"database.url: {where} {SQLITE_LASTING[name]}")
    if name in SQLITE_PASSING:
        return _passing(name, f"{where} {SQLITE_PASSING[name]}")
    if "no such table" in str(error) or "no such column" in str(error):
        return errors.Misconfigured(
            f"database.url: {where} lacks a table or column; run `flannel-bot db upgrade`"
        )
    if isinstance(error, sqlite3.IntegrityError):
        return errors.Conflict(f"{where} refused a row: {error}")
    return None


def _passing(name: str, text: str) -> errors.Unavailable:
    return (NoRoom if name in NO_ROOM else errors.Unavailable)(text)


def _postgres(
    error: BaseException | None, state: str, location: locations.Location
) -> errors.BotError | None:
    where = f"database {location.name}"
    if state in POSTGRES_LASTING:
        return errors.Misconfigured(f"database.url: {where} {POSTGRES_LASTING[state]}")
    if state in POSTGRES_PASSING:
        return _passing(state, f"{where} {POSTGRES_PASSING[state]}")
    if state[:2] in ("08", "53", "57", "58"):
        # Connection, resources, operator's intervention, the system: none is ours to mend.
        return errors.Unavailable(f"{where} does not answer as it should: {error}")
    if state[:2] == "23":
        return errors.Conflict(f"{where} refused a row: {error}")
    return None
