"""What a button carries: an opaque id that names a thing and proves that the bot made it.

The value of a button comes back from outside, so nothing in it is trusted but the fact that it
was made here, for that very thing. It is no permission: whoever clicks is judged by themselves.
"""

import enum
import hashlib
import hmac
import re
from dataclasses import dataclass

_MADE = re.compile(r"([ipr])([1-9][0-9]{0,17})-([0-9a-f]{32})", re.ASCII)


class Kind(enum.StrEnum):
    """What a ticket is for."""

    INCIDENT = "i"
    PLAN = "p"
    RUN = "r"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A thing that a button is for. `digest` binds it to a plan's very contents."""

    kind: Kind
    number: int
    digest: str = ""


def made(key: bytes, ticket: Ticket) -> str:
    """Return the value of a button.

    `key` is at least 16 secret bytes, kept with the bot's state so that old cards stay valid.
    """
    return f"{ticket.kind.value}{ticket.number}-{_seal(key, ticket)}"


def number(value: str) -> tuple[Kind, int] | None:
    """Return what a value claims to be for, before it is proved; None if it is none of ours."""
    found = _MADE.fullmatch(value)
    return (Kind(found[1]), int(found[2])) if found else None


def proves(key: bytes, value: str, ticket: Ticket) -> bool:
    """Whether a value was made by this bot for that thing."""
    return hmac.compare_digest(value.encode(), made(key, ticket).encode())


def _seal(key: bytes, ticket: Ticket) -> str:
    told = f"{ticket.kind.value}\n{ticket.number}\n{ticket.digest}".encode()
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:32]
