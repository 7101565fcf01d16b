"""Why something is not told, though it is so: by a person, by a cause, or by a calendar."""

import enum
from dataclasses import dataclass
from datetime import datetime


class Kind(enum.StrEnum):
    """Who mutes."""

    SILENCE = "silence"
    """A person, for a while; breaks when it gets worse."""
    INHIBIT = "inhibit"
    """Another trouble, or a change of ours, that explains this one."""
    CALENDAR = "calendar"
    """A span of time in which nobody wants to hear of it."""


@dataclass(frozen=True, slots=True)
class Mute:
    """That something is not told, and why. What is muted still counts in every list.

    `until` is when it ends by itself, None where that hangs on its cause. `silence` is the number
    of a silence, `by` the user id of who set it.
    """

    kind: Kind
    text: str
    until: datetime | None = None
    by: str = ""
    silence: int = 0

    @property
    def cause(self) -> tuple[Kind, int, str]:
        """What tells one mute from another; when it ends may be told anew."""
        return self.kind, self.silence, self.text
