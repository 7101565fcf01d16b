"""What either store refuses, in the same words."""

from bot.domain import errors, notice


def checked(row: notice.Outgoing) -> notice.Outgoing:
    """Return the row. Raises ValueError where it could never be told: nothing to tell of."""
    lacking = {
        notice.Kind.CARD: row.incident is None and "an incident",
        notice.Kind.PLAN: row.plan is None and "a plan",
        notice.Kind.DETAIL: row.incident is None and row.plan is None and "an incident or a plan",
    }.get(row.kind)
    if lacking:
        raise ValueError(f"an outgoing {row.kind.value} tells of {lacking}, and none is named")
    return row


def unknown_incident(number: int) -> errors.Conflict:
    """An incident was named that the store does not have."""
    return errors.Conflict(f"INC-{number} is not in the store")


def unknown_plan(number: int) -> errors.Conflict:
    """A plan was named that the store does not have."""
    return errors.Conflict(f"PLAN-{number} is not in the store")


def duplicate(identifier: str) -> errors.Conflict:
    """A row was enqueued twice."""
    return errors.Conflict(f"outgoing row {identifier} is in the store already")
