"""The errors that cross rooms.

BotError
├── Refused         a rule said no; carries reasons; shown to the person as is
├── Conflict        the world moved since we looked; look again
├── Unavailable     an outside system did not answer; may be retried; never read as health
└── Misconfigured   only a person can help; the message names the setting and what to do
"""


class BotError(Exception):
    """Base of every error that the bot raises on purpose; its text is fit for a person."""


class Refused(BotError):
    """A rule said no."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class Conflict(BotError):
    """The world moved since we looked."""


class Unavailable(BotError):
    """An outside system did not answer, or answered with a passing fault."""


class Misconfigured(BotError):
    """A setting, credential or file is definitely wrong; no retry will help."""
