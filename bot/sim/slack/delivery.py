"""How the app is told things: what both ways, Socket Mode and HTTP, have in common."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

Json = dict[str, Any]

Kind = Literal["slash_commands", "interactive", "events_api"]
KINDS: tuple[Kind, ...] = get_args(Kind)

TIMED_OUT = "operation_timeout"
UNREACHABLE = "dispatch_failed"


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Which repetition of an event this is, and why it is repeated."""

    attempt: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of telling the app."""

    error: str | None = None
    """None when the app acknowledged in time, else `TIMED_OUT`, `UNREACHABLE` or `http_error`."""
    payload: Json | None = None
    """What the acknowledgement carried."""
    seconds: float = 0.0
    final: bool = False
    """Whether the app asked not to be told again (`X-Slack-No-Retry`)."""

    @property
    def acked(self) -> bool:
        """Whether the app acknowledged in time."""
        return self.error is None


class Delivery(Protocol):
    """A way to the app."""

    async def send(self, kind: Kind, payload: Json, *, retry: Retry | None = None) -> Outcome:
        """Hand over one payload and wait for the acknowledgement, at most Slack's 3 seconds."""

    def online(self) -> bool:
        """Whether the app could be reached now."""

    async def close(self) -> None:
        """Let go of the app."""


def accepts_response(kind: Kind, payload: Json) -> bool:
    """Whether an acknowledgement may carry an answer."""
    return kind == "slash_commands" or payload.get("type") in {
        "view_submission",
        "block_suggestion",
    }
