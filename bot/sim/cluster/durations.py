"""Durations in the coarse words that tables print."""

from datetime import UTC, datetime


def age(stamp: str | None, *, now: datetime | None = None) -> str:
    """How long ago, in the coarse units people read (`97s`, `2m10s`, `3d4h`)."""
    if not stamp:
        return "<unknown>"
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(stamp)).total_seconds())
    if seconds < -1:
        return "<invalid>"
    return span(max(seconds, 0))


def span(seconds: int) -> str:
    """A duration in at most two units, the second one only while it matters."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    years = days // 365
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if years < 8:
        return _two(years, "y", days % 365, "d")
    return f"{years}y"


def _two(first: int, unit: str, second: int, lesser: str) -> str:
    return f"{first}{unit}{second}{lesser}" if second else f"{first}{unit}"
