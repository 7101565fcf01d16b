"""Where the database is: reading `database.url`, and making sure that SQLite can live there."""

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bot.adapters.store import options as store_options
from bot.domain import errors

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"}
)
MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed `database.url`. `path` is set for SQLite only; `name` may be shown to anybody."""

    url: sa.URL
    path: Path | None

    @property
    def name(self) -> str:
        """The database as a person knows it, without its password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)


def parse(url: str) -> Location:
    """Read a URL. Raises Misconfigured, whose text never repeats the URL: it may hold a secret."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Not chained: the cause quotes the URL, password and all.
        raise errors.Misconfigured(
            "database.url cannot be read; write sqlite:///path/to/file.db or "
            "postgresql+asyncpg://user:password@host/database"
        ) from None
    driver = DRIVERS.get(parsed.drivername)
    if driver is None:
        raise errors.Misconfigured(
            f"database.url: {parsed.drivername!r} is not supported; use sqlite:// or "
            "postgresql+asyncpg://"
        )
    parsed = parsed.set(drivername=driver)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if not parsed.database:
        raise errors.Misconfigured("database.url names no database after the host")
    if "sslmode" in parsed.query:
        # What PostgreSQL's own tools call sslmode, asyncpg calls ssl, with the same values.
        parsed = parsed.update_query_dict({"ssl": parsed.query["sslmode"]})
        parsed = parsed.difference_update_query(["sslmode"])
    return Location(url=parsed, path=None)


def _sqlite(url: sa.URL) -> Location:
    name = url.database or ""
    if name in ("", ":memory:") or name.startswith("file:"):
        raise errors.Misconfigured(
            "database.url: SQLite needs a file that outlives the process, such as "
            "sqlite:////var/lib/flannel-bot/flannel-bot.db"
        )
    path = Path(name).expanduser().absolute()
    return Location(url=url.set(database=str(path)), path=path)


def prepare(location: Location, options: store_options.Options) -> None:
    """See that SQLite's file is there or can be made. Raises Misconfigured.

    A new file is readable by its owner alone, and SQLite gives its companions the same mode: log
    tails wait in it.
    """
    path = location.path
    if path is None:
        return
    if path.is_dir():
        raise errors.Misconfigured(f"database.url: {path} is a directory; name a file in it")
    directory = path.parent
    try:
        if options.create_directory:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not directory.is_dir():
            raise errors.Misconfigured(
                f"database.url: the directory {directory} does not exist; create it, or see "
                "whether the path is misspelt or a volume is not mounted"
            )
        refuse_network_filesystem(path, _mounts())
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        _probe(directory)
    except OSError as error:
        raise errors.Misconfigured(
            f"database.url: {path} cannot be written: {error.strerror}; the bot's user needs to "
            "write the file and its directory"
        ) from error


def _probe(directory: Path) -> None:
    # SQLite keeps its log beside the file: a directory without write permission fails it later,
    # with a message that names neither.
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(13, f"no permission to create files in {directory}")


def _mounts() -> str:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # Not Linux: nothing is known of mounts, and nothing is refused.


def refuse_network_filesystem(path: Path, mounts: str) -> None:
    """Raise Misconfigured where a path lies on a network file system, given mountinfo(5).

    SQLite's log is shared memory between processes of one machine: over NFS or SMB two bots
    would each believe to be alone, and the file would be damaged.
    """
    real = path.parent.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < 5 or not right:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if real.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split()[0]
    if kind in NETWORK_FILESYSTEMS:
        raise errors.Misconfigured(
            f"database.url: {path} lies on a network file system ({kind}), where SQLite is not "
            "safe; use a local disk, or PostgreSQL"
        )
