"""What commands about changes mean; a part of `grammar`, and pure as it is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.adapters.slack import limits, typed, wording, wording_changes, wording_plans
from bot.domain import units

LONGEST_FREEZE = timedelta(days=31)
_REASON = 300
_DEEDS = 50
_DURATION = re.compile(r"([0-9]{1,5})(m|min|h|d|w)")
_UNITS = {
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

RUNBOOKS = frozenset(
    {
        "raise-memory",
        "anchor-regex",
        "raise-memory-and-anchor",
        "drain",
        "evict-veth",
        "restart",
    }
)
"""Commands that are runbooks, by the name that settings have for them."""

NAMES = RUNBOOKS | {
    "fix",
    "plan",
    "plans",
    "run",
    "undo",
    "cancel",
    "wait",
    "withdraw",
    "freeze",
    "unfreeze",
    "audit",
}

WHAT_IF = "what-if"
LOSE = "lose-empty-dirs"


@dataclass(frozen=True, slots=True)
class Change:
    """What was asked about changes.

    `number` is of an incident, a plan or a run; `most` how many deeds are listed; `lasts` how
    long a freeze lasts.
    """

    number: int = 0
    runbook: str = ""
    node: str = ""
    memory_bytes: int | None = None
    what_if: bool = False
    lose_empty_dirs: bool = False
    lasts: timedelta = timedelta()
    reason: str = ""
    most: int = 10


def parse(
    name: str, words: Sequence[str], flags: Sequence[str], *, usage: str
) -> Change | typed.Problem:
    """Read the words and flags behind a command of `NAMES`; their number is right already."""
    what_if, lose = WHAT_IF in flags, LOSE in flags
    first = words[0] if words else ""
    rest = " ".join(words[1:])
    match name:
        case "fix":
            return _fix(words, what_if=what_if, usage=usage)
        case "raise-memory" | "raise-memory-and-anchor":
            return _memory(name, first, what_if=what_if, usage=usage)
        case _ if name in RUNBOOKS:
            if first and not typed.NODE.fullmatch(first):
                return typed.Problem(wording_changes.no_node(_echo(first)), usage)
            return Change(runbook=name, node=first, what_if=what_if, lose_empty_dirs=lose)
        case "plan" | "withdraw" | "run" | "undo" | "cancel" | "wait":
            kind = "PLAN" if name in ("plan", "withdraw") else "RUN"
            number = numbered(first, kind)
            if number is None:
                return typed.Problem(wording_changes.no_number(_echo(first), kind), usage)
            return Change(number=number, reason=rest[:_REASON])
        case "freeze":
            return _freeze(first, rest, usage)
        case "audit":
            return _audit(first, usage)
        case _:
            return Change()


def _fix(words: Sequence[str], *, what_if: bool, usage: str) -> Change | typed.Problem:
    number = numbered(words[0], "INC")
    if number is None:
        return typed.Problem(wording.no_incident_number(_echo(words[0])), usage)
    runbook = words[1].lower().replace("_", "-") if len(words) > 1 else ""
    if runbook and runbook not in RUNBOOKS:
        near = typed.nearest(runbook, sorted(RUNBOOKS))
        hint = wording.did_you_mean(near) if near else usage
        return typed.Problem(wording_changes.no_runbook(_echo(words[1])), hint)
    return Change(number=number, runbook=runbook, what_if=what_if)


def _memory(name: str, first: str, *, what_if: bool, usage: str) -> Change | typed.Problem:
    size = None
    if first:
        try:
            size = units.parsed_memory(first)
        except ValueError:
            return typed.Problem(wording_plans.no_quantity(_echo(first)), usage)
    return Change(runbook=name, memory_bytes=size, what_if=what_if)


def _freeze(first: str, reason: str, usage: str) -> Change | typed.Problem:
    lasts = duration(first)
    if lasts is None:
        return typed.Problem(wording_changes.no_duration(_echo(first)), usage)
    if not timedelta() < lasts <= LONGEST_FREEZE:
        return typed.Problem(wording_changes.freeze_too_long(LONGEST_FREEZE), usage)
    return Change(lasts=lasts, reason=reason[:_REASON])


def _audit(first: str, usage: str) -> Change | typed.Problem:
    if not first:
        return Change()
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", first, re.ASCII):
        return typed.Problem(wording_changes.no_count(_echo(first)), usage)
    return Change(most=min(int(first), _DEEDS))


def duration(text: str) -> timedelta | None:
    """Read 90m, 2h, 3d, 1w or 1h30m; None for anything else."""
    parts = _DURATION.findall(text.lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.lower():
        return None
    return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())


def numbered(word: str, kind: str) -> int | None:
    """Read PLAN-7, plan7, #7 or 7 for the kind PLAN; None for anything else."""
    match = re.fullmatch(rf"(?:{kind}-?|#)?0*([0-9]{{1,9}})", word, re.IGNORECASE | re.ASCII)
    return int(match[1]) if match and int(match[1]) > 0 else None


def _echo(word: str) -> str:
    return limits.cut(limits.clean(word), typed.ECHO)
