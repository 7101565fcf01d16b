"""The chain of what was done: every row carries the hash of the one before it.

Whoever changes, drops or inserts a row has to change every hash behind it, and the newest one is
known outside: it is told in Slack every day.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

BEGINNING = "0" * 64
"""What the first row carries."""
ANCHOR = "audit.anchor"
"""The mark that holds number and hash of the last row that was removed by age, as JSON."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing done. `subject` is what it was done to (PLAN-7), `actor` who did it."""

    number: int
    at: datetime
    actor: str
    subject: str
    kind: str
    text: str
    previous: str
    hash: str


def sealed(*, previous: str, at: datetime, actor: str, subject: str, kind: str, text: str) -> str:
    """Return the hash of a row: SHA-256 over the one before it and all that it says."""
    told = json.dumps(
        [
            previous,
            at.astimezone(UTC).isoformat(timespec="microseconds"),
            actor,
            subject,
            kind,
            text,
        ],
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a chain is whole. `broken` is the number of the first row that does not fit."""

    entries: int
    head: str
    broken: int | None = None
    reason: str = ""


def verify(entries: Iterable[Entry], *, start: str = BEGINNING) -> Verified:
    """Check a chain from its beginning, or from a known hash where older rows were cleared away.

    The last row cannot be missed by this: compare `head` with what was told outside.
    """
    head, count, last = start, 0, 0
    for entry in entries:
        count += 1
        if entry.number <= last:
            return Verified(count, head, entry.number, "its number does not follow the one before")
        if entry.previous != head:
            return Verified(count, head, entry.number, "it does not follow the row before it")
        computed = sealed(
            previous=entry.previous,
            at=entry.at,
            actor=entry.actor,
            subject=entry.subject,
            kind=entry.kind,
            text=entry.text,
        )
        if computed != entry.hash:
            return Verified(count, head, entry.number, "what it says was changed")
        head, last = entry.hash, entry.number
    return Verified(count, head)


CUT = "chain_cut"
"""The kind of the entry that tells of a cut."""


def cut_text(last: Entry) -> str:
    """Say in an entry of the chain where its old end was cut off, by the last entry that went."""
    return _cut_text(last.number, last.hash)


def _cut_text(number: int, hash_: str) -> str:
    return f"entries up to {number} were removed by age; the last had hash {hash_}"


def anchored(entries: Iterable[Entry], number: int, hash_: str) -> str:
    """Return why a chain that begins after entry `number` is not trusted; empty if it is.

    A cut is believed only where the chain itself tells of it: else whoever can write to the
    database could take the beginning away.
    """
    wanted = _cut_text(number, hash_)
    if any(one.kind == CUT and one.text == wanted for one in entries):
        return ""
    return f"its beginning is missing: no entry tells that those up to {number} were removed"
