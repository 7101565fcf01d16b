"""Quantities as people write them: bytes as Kubernetes does, times to the second."""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

_BINARY = (("Ei", 2**60), ("Pi", 2**50), ("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_FACTORS = {**_DECIMAL, **dict(_BINARY)}
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


def parsed_memory(text: str) -> int:
    """Read an amount of memory as people write it, in bytes. Raises ValueError.

    Less than 1Mi is refused: a number without its unit is a slip, and no process lives in it.
    """
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([KMGTP]i|[kMGTP])?B?", text.strip())
    size = int(Fraction(found[1]) * _FACTORS[found[2] or ""]) if found else 0
    if size < 2**20:
        raise ValueError(f"{text!r} is no amount of memory: write one such as 256Mi or 1Gi")
    return size


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
