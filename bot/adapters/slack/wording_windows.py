"""Sentences of the home tab and of windows: the part of `wording` for what is no message."""

import sys
from collections.abc import Sequence

from bot.adapters.slack import catalogue

HOME_TITLE = "Fleet"
AS_OF = "As of "
HELP_ELSEWHERE = (
    "They work in a direct message too. The menu of a card has `Show incident`, and the bot's"
    " home tab shows how everything is."
)
WAITING_TITLE = "One moment"
WAITING = "The answer is on its way."
CLOSE = "Close"

OLD_SHORTCUT = "This shortcut is not known to the bot any more; nothing was done."
NO_INCIDENT_THERE = "That message is about no incident; cards are, and `incidents` lists them."


def several_incidents(numbers: Sequence[int]) -> str:
    """Of a message that tells of more than one."""
    asked = " or ".join(f"`incident INC-{number}`" for number in numbers)
    return f"That message is about several incidents; ask {asked}."


sys.modules[__name__].__class__ = catalogue.Words
