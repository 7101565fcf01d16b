"""What can go wrong, in two kinds.

Exception
├── ApiError     an answer of Slack's: HTTP 200 with `"ok": false` and a name for the fault
└── StartError   the server cannot start; the message is for the person who started it
    └── PortTakenError
"""

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """One of Slack's named errors, with the fields that stand beside it in the answer."""

    def __init__(self, error: str, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.extra = dict(extra or {})

    def answer(self) -> dict[str, Any]:
        """The body as Slack would send it."""
        return {"ok": False, "error": self.error, **self.extra}


class StartError(Exception):
    """The server cannot start as asked."""


class PortTakenError(StartError):
    """Somebody else listens on the wanted port."""

    def __init__(self, *, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is taken; choose another, or 0 for any free one")
        self.port = port


def with_messages(error: str, messages: Sequence[str]) -> ApiError:
    """An error that lists its reasons twice, as Slack does for blocks and arguments."""
    return ApiError(
        error,
        {
            "errors": list(messages),
            "response_metadata": {"messages": [f"[ERROR] {message}" for message in messages]},
        },
    )


def missing_field(name: str) -> ApiError:
    """A required argument was not sent."""
    return with_messages("invalid_arguments", [f"missing required field: {name}"])
