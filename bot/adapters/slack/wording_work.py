"""The sentences around questions: progress, cancelling, flags and names; rules as in `wording`."""

import sys

from bot.adapters.slack import catalogue
from bot.adapters.slack.measures import count

# Work under way

CANCEL = "Cancel"
OVER = "That is over already; nothing was left to cancel."
NOT_YOURS = "Only the person who asked can cancel that."
STOPPING = "It is being stopped."
WHOLE_ANSWER = "The whole answer is the file below."
FILES = "What belongs to the answer is below, as files."
PICTURE_ELSEWHERE = "The picture comes in your messages with the bot."


def working(question: str) -> str:
    """Title while a question is being answered."""
    return f"Looking · {question}"


def progress(done: int, total: int) -> str:
    """How far it is."""
    if not total:
        return "Under way."
    return f"{done:,} of {count(total, 'node', 'nodes')} looked at."


def stopped(question: str) -> str:
    """Title of a question that was cancelled."""
    return f"Cancelled · {question}"


def stopped_after(done: int, total: int) -> str:
    """How far it had come. Looks only read."""
    if not total:
        return "It was cancelled before anything was found. Nothing was changed."
    return (
        f"It was cancelled after {done:,} of {count(total, 'node', 'nodes')}. Nothing was changed."
    )


def no_file(reason: str) -> str:
    """When what a message leaves out could not be sent as a file."""
    return f"What is left out above could not be sent as a file: {reason}"


def no_picture(reason: str) -> str:
    """When the picture of an answer could not be made or sent."""
    return f"The picture of this could not be sent: {reason}. The text says the same."


# What was asked


def no_node_name(word: str) -> str:
    """Of a word that cannot be a node's name."""
    return f"{word!r} cannot be the name of a node."


def unknown_flag(name: str, word: str) -> str:
    """Of a flag that a command does not have."""
    return f"`{name}` has no flag {word!r}."


def no_value(flag: str) -> str:
    """Of a flag whose value is missing."""
    return f"`{flag}` lacks its value."


def too_many_patterns(most: int) -> str:
    """Of more flags than a person would give flannel."""
    return f"More than {most} flags at once are not simulated."


def pattern_too_long(limit: int) -> str:
    """Of a pattern that nobody could judge."""
    return f"A pattern of more than {limit} characters is not simulated."


LOOK = "Look by a probe pod"
LOOK_ASKS = "Make a pod on this node, look from it, and remove it?"
LOOK_NO = "Not now"
LOOK_DEED = "look by a probe pod"
LOOKING = "A probe pod looks at the node; the answer comes in some seconds."


PARKED = "⏸ Stopped"


def parked(name: str) -> str:
    """Of a run whose cluster is watched no more."""
    return (
        f"Put its cluster back into the configuration and it goes on; `cancel {name}` before that "
        "has it taken back then."
    )


def searched(entries: int) -> str:
    """Of deeds of one cluster, of which there may be more further back."""
    return f"Only the last {entries:,} entries were looked through."


sys.modules[__name__].__class__ = catalogue.Words
