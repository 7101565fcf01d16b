"""What has to be known to open the store."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Options:
    """Where the state lives and how patient its writers are."""

    url: str = field(repr=False)
    """`sqlite:///data/flannel-bot.db` or `postgresql+asyncpg://user:password@host/database`.

    Kept out of `repr`, because it may hold a password.
    """
    create_directory: bool = False
    """Create SQLite's directory where it is missing.

    For the default place only: with a path that a person wrote, a missing directory is a
    misspelt path or a volume that was not mounted, and an empty database would hide that.
    """
    busy_timeout: timedelta = timedelta(seconds=3)
    """How long a writer waits for another process that writes."""
    turn_timeout: timedelta = timedelta(seconds=10)
    """How long a unit waits for the units of this process before it. Longer than any of them."""
    connect_timeout: timedelta = timedelta(seconds=5)
    """How long a connection to PostgreSQL may take."""
    answer_timeout: timedelta = timedelta(seconds=10)
    """How long one statement on PostgreSQL may take; also bounds a stop during a dead network."""
    idle_timeout: timedelta = timedelta(seconds=5)
    """How long PostgreSQL lets a unit stand still. A process that is frozen in the middle of one
    holds up every other writer; between its statements a living one only computes."""
    readers: int = 2
    """Connections kept for reading; each is a thread with SQLite."""
