"""Health of a target, where not knowing is a state of its own."""

import enum
from collections.abc import Iterable


class Health(enum.StrEnum):
    """What is known of a target's health."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


def worst(healths: Iterable[Health]) -> Health:
    """Return the worst of several: unhealthy before unknown before healthy.

    Of nothing, nothing is known.
    """
    seen = set(healths)
    for health in (Health.UNHEALTHY, Health.UNKNOWN, Health.HEALTHY):
        if health in seen:
            return health
    return Health.UNKNOWN
