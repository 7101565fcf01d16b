"""What commands about attention mean: taking on and silencing. A part of `grammar`, and pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.adapters.slack import grammar_changes, limits, typed, wording, wording_attention
from bot.domain import silence

NAMES = frozenset({"ack", "own", "silence", "silences", "unsilence", "noise", "handover"})

LATER = "in"
"""The flag that says after how long a silence begins."""


@dataclass(frozen=True, slots=True)
class Heed:
    """What was asked about attention. `number` is of an incident or of a silence."""

    number: int = 0
    expression: str = ""
    lasts: timedelta = timedelta()
    after: timedelta = timedelta()
    reason: str = ""


def parse(
    name: str, words: Sequence[str], flags: Sequence[tuple[str, str]], *, usage: str
) -> Heed | typed.Problem:
    """Read the words and flags behind a command of `NAMES`; their number is right already."""
    first = words[0] if words else ""
    if name in ("ack", "own"):
        number = grammar_changes.numbered(first, "INC")
        if number is None:
            return typed.Problem(wording.no_incident_number(_echo(first)), usage)
        return Heed(number=number)
    if name == "unsilence":
        number = grammar_changes.numbered(first, "SIL")
        if number is None:
            return typed.Problem(wording_attention.no_silence_number(_echo(first)), usage)
        return Heed(number=number)
    return _silence(words, flags, usage) if name == "silence" else Heed()


def _silence(
    words: Sequence[str], flags: Sequence[tuple[str, str]], usage: str
) -> Heed | typed.Problem:
    lasts = length(words[1])
    if isinstance(lasts, typed.Problem):
        return typed.Problem(lasts.text, lasts.hint or usage)
    after = timedelta()
    for flag, value in flags:
        if flag == LATER:
            found = length(value)
            if isinstance(found, typed.Problem):
                return typed.Problem(found.text, found.hint or usage)
            after = found
    number = grammar_changes.numbered(words[0], "INC") if words[0][:1] in "iI#" else None
    return Heed(
        number=number or 0,
        expression="" if number else words[0],
        lasts=lasts,
        after=after,
        reason=" ".join(words[2:]),
    )


def length(word: str) -> timedelta | typed.Problem:
    """Read how long a silence lasts, or after how long it begins."""
    found = grammar_changes.duration(word)
    if found is None:
        return typed.Problem(wording_attention.no_length(_echo(word)))
    if not timedelta() < found <= silence.LONGEST:
        return typed.Problem(wording_attention.silence_too_long(silence.LONGEST.days))
    return found


def _echo(word: str) -> str:
    return limits.cut(limits.clean(word), typed.ECHO)
