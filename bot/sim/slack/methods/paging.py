"""Answers in pages, with Slack's opaque cursors."""

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

from bot.sim.slack import calls, errors

Json = dict[str, Any]
Item = TypeVar("Item")


def page(
    items: Sequence[Item], call: calls.Call, *, default: int = 100, maximum: int = 1000
) -> tuple[Sequence[Item], str]:
    """The page a call asks for, and the cursor of the next one, empty at the end.

    Raises:
        errors.ApiError: `invalid_limit` or `invalid_cursor`.
    """
    limit = call.number("limit", default) or default
    if not 1 <= limit <= maximum:
        raise errors.ApiError("invalid_limit")
    start = _offset(call.text("cursor"))
    following = start + limit
    return items[start:following], _cursor(following) if following < len(items) else ""


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"next:{offset}".encode()).decode()


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        prefix, _, number = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        offset = int(number)
    except ValueError:
        raise errors.ApiError("invalid_cursor") from None
    if prefix != "next" or offset < 0:
        raise errors.ApiError("invalid_cursor")
    return offset
