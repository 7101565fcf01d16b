"""Sentences about who has taken what on, and what is not told: a part of `wording`."""

import sys
from collections.abc import Sequence

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import count

OWNER = "taken on by"
MUTED = "not told"
FIXED_BY = "After"
ON_CALL = "on call:"
UNTIL = " until "
SINCE = " since "
NOT_FIXED_BY_US = "no change of this bot's: by itself, or by somebody's hand"
FLAPPING = "flapping"

ACKNOWLEDGE = "Acknowledge"
TAKE_OVER = "Take over"
SILENCE = "Silence"

DEEDS = {
    "ack_incident": "acknowledge an incident",
    "silence_incident": "silence an incident",
}
BY_COMMAND = {
    "ack": "acknowledge an incident",
    "own": "take an incident over",
    "silence": "silence alerts",
    "unsilence": "end a silence",
}

# The window

SILENCE_TITLE = "Silence an incident"
SILENCE_SUBMIT = "Silence"
LASTS_LABEL = "For how long?"
LASTS_HINT = "Such as 90m, 4h or 3d; at most 31 days. It ends at once if things get worse."
REASON_LABEL = "Why?"
REASON_HINT = "Others read it on the card and in the record of deeds."

# Answers

SILENCES_TITLE = "Silences"
NO_SILENCES = "Nothing is silenced."
ENDED = "Ended lately"
NO_ATTENTION = "Nothing was done: here nothing can be taken on or silenced."
BREAKS = "It breaks by itself if more are affected, it spreads to more nodes, or it becomes worse."
MATCHERS = (
    "Matchers are such as `check=oom_killed`, `node=~edge-.*` or `severity!=critical`, joined by "
    "commas; or `INC-n` for what an incident is about."
)


def acknowledged(name: str, title: str) -> str:
    """Of an incident that was just taken on."""
    return f"You have taken on {name}: {title}. Nobody is reminded of it while it gets no worse."


def yours_already(name: str) -> str:
    """Of an incident that the same person has."""
    return f"{name} is yours already; nothing was changed."


def taken_already(name: str) -> str:
    """Of an incident that somebody else has."""
    return f"{name} is taken on already; `own {name}` takes it over."


def silenced(name: str, expression: str, *, pending: bool) -> str:
    """Of a silence that was just made."""
    when = "will be silent" if pending else "is silent now"
    return f"{name}: `{expression}` {when}"


def hides(incidents: Sequence[str], members: int, critical: int) -> str:
    """How much a silence hides."""
    if not incidents:
        return "It hides nothing at the moment."
    names = ", ".join(incidents[:8])
    if len(incidents) > 8:
        names += f" and {len(incidents) - 8:,} more"
    told = f"It hides {count(len(incidents), 'incident', 'incidents')} with {members:,} affected"
    worst = f", {critical:,} of them critical" if critical else ""
    return f"{told}{worst}: {names}."


def silence_line(phase: str, expression: str) -> str:
    """One silence of a list."""
    return f"  {phase}: {expression}"


def withheld(number: int) -> str:
    """How many calls a silence kept from people."""
    return f"{count(number, 'call', 'calls')} withheld."


def broken(why: str) -> str:
    """Why a silence ended before its time."""
    return f"broke: {why}"


EXPIRED = "ran out"
ENDED_BY = "ended by "


def somebody(user: str) -> str:
    """Of a person whose name cannot be had now."""
    return f"somebody ({user})"


def no_silence_number(word: str) -> str:
    """Of a word that names no silence."""
    return f"{word!r} names no silence; they are called like SIL-3."


def no_length(word: str) -> str:
    """Of a word that is no length of time."""
    return f"{word!r} is no length of time: write one such as 90m, 4h or 3d."


def silence_too_long(days: int) -> str:
    """Of a silence that would outlive everybody's memory."""
    return f"A silence lasts more than nothing and at most {days} days."


sys.modules[__name__].__class__ = catalogue.Words
