"""Quantities as people write them: bytes as Kubernetes does, times to the second."""

from datetime import UTC, datetime, timedelta

_BINARY = (("Ei", 2**60), ("Pi", 2**50), ("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_CLOCK = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def memory(size: int | None) -> str:
    """Write bytes as a Kubernetes quantity: the largest binary unit that divides them.

    What none divides, such as the 500M of decimal manifests, is rounded to a tenth of the unit
    (476.8Mi). `None` (no limit) is "none".
    """
    if size is None:
        return "none"
    fitting = [(unit, factor) for unit, factor in _BINARY if abs(size) >= factor]
    if not fitting:
        return str(size)
    for unit, factor in fitting:
        # Thousands of Ki divide nearly everything and tell nobody anything.
        if size % factor == 0 and size // factor < 10_000:
            return f"{size // factor}{unit}"
    unit, factor = fitting[0]
    return f"{size / factor:.1f}{unit}"


def duration(span: timedelta) -> str:
    """Write a time span in its two largest units: "1 h 5 min", "3 min", "40 s"."""
    seconds = round(span.total_seconds())
    if seconds < 0:
        return f"-{duration(-span)}"
    parts: list[str] = []
    for unit, length in _CLOCK:
        amount, seconds = divmod(seconds, length)
        if amount:
            parts.append(f"{amount} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def stamp(moment: datetime | None) -> str:
    """Write a moment as Kubernetes does, UTC to the second; "unknown" where there is none."""
    if moment is None:
        return "unknown"
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: "1 node", "3 nodes"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listing(names: list[str], *, most: int = 10) -> str:
    """Write names in a row, the surplus as a number: "a, b and 3 more"."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
