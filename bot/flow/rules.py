"""Rules: what the settings say about changes of one cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot import guards, runbooks
from bot.domain import calendar


@dataclass(frozen=True, slots=True)
class Rules:
    """Each cluster has its own. As long as nothing is said, nothing may be changed."""

    enabled: bool = False
    allowed: frozenset[str] = frozenset()
    """The runbooks that may be proposed."""
    limits: guards.Limits = field(default_factory=guards.Limits)
    windows: Sequence[calendar.Window] = ()
    """When the calendar forbids changes."""
    drafting: runbooks.Limits = field(default_factory=runbooks.Limits)
    """How plans are drafted, how long they wait, and how many must approve them."""
