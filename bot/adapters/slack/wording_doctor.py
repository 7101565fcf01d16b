"""Words around what the doctor found; the findings say themselves what they are."""

import sys

from bot.adapters.slack import catalogue
from bot.domain import units

FAILED = "Failed"
WARNING = "Warning"
GOOD = "In order"
CURE = "Cure"


def title(bad: int, odd: int) -> str:
    """Return the sum of it."""
    if not bad and not odd:
        return "Doctor · all in order"
    told = [f"{bad} failed"] if bad else []
    if odd:
        told.append(units.count(odd, "warning"))
    return f"Doctor · {', '.join(told)}"


sys.modules[__name__].__class__ = catalogue.Words
