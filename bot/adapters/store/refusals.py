"""What either store refuses, in the same words."""

from bot.domain import errors, notice


def checked(row: notice.Outgoing) -> notice.Outgoing:
    """Return the row. Raises ValueError where it could never be told: no incident to tell of."""
    if row.kind in (notice.Kind.CARD, notice.Kind.DETAIL) and row.incident is None:
        raise ValueError(f"an outgoing {row.kind.value} tells of an incident, and none is named")
    return row


def unknown_incident(number: int) -> errors.Conflict:
    """An incident was named that the store does not have."""
    return errors.Conflict(f"INC-{number} is not in the store")


def duplicate(identifier: str) -> errors.Conflict:
    """A row was enqueued twice."""
    return errors.Conflict(f"outgoing row {identifier} is in the store already")
