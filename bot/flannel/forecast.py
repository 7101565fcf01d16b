"""When flannel's memory would meet its limit, if it goes on as it did.

The slope is Theil and Sen's: the median of the slopes between all pairs of points, which a few
bursts do not move, with the interval that Kendall's statistic gives it. Points are first thinned to
medians of equal stretches: samples a minute apart are alike, and taken for independent they
would make any wobble look certain.

Only the present run counts, and not its beginning: a daemon that starts grows, and that is no leak.
"""

import enum
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_STRETCHES = 40
_FEWEST = 8
_Z = 1.96
"""Of a two-sided 95 % interval."""
_DAY = 86_400.0
_MI = 2**20


class Verdict(enum.StrEnum):
    """What can be said."""

    TOO_SHORT = "too_short"
    """Not enough is known yet: too few points, or too short a time."""
    NO_GROWTH = "no_growth"
    """The interval of the slope holds zero, or the growth is too small to matter."""
    FAR = "far"
    """It grows, and not to the limit within the horizon; or there is no limit."""
    REACHES = "reaches"
    """It grows, and would meet the limit within the horizon."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a forecast asks for."""

    least: timedelta = timedelta(minutes=30)
    """Shortest time from which a trend is told."""
    warm_up: timedelta = timedelta(minutes=5)
    """Time after a start that is no trend."""
    horizon: timedelta = timedelta(days=30)
    """Furthest moment that is told: beyond it much else changes."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Growth in bytes a day with its 95 % interval; when the limit is met, not before or after.

    `latest` is None where even the interval's lower end does not reach it within the horizon.
    """

    verdict: Verdict
    a_day: float = 0.0
    low: float = 0.0
    high: float = 0.0
    at: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    level: float = 0.0
    """Where the trend stands at the newest point, in bytes."""


def of(
    points: Sequence[tuple[datetime, float]],
    *,
    limit: int | None,
    since: datetime | None = None,
    policy: Policy | None = None,
) -> Forecast:
    """Tell when the limit is met.

    Args:
        points: moments, oldest first, and bytes used then.
        limit: in bytes; None for no limit.
        since: when the present run began, if that is known.
        policy: what a forecast asks for.
    """
    policy = policy or Policy()
    begin = since + policy.warm_up if since is not None else None
    kept = _thinned([one for one in points if begin is None or one[0] >= begin])
    if len(kept) < _FEWEST or kept[-1][0] - kept[0][0] < policy.least * 0.9:
        return Forecast(Verdict.TOO_SHORT)
    start, end = kept[0][0], points[-1][0]
    whole = (end - start).total_seconds()
    xs = [(at - start).total_seconds() for at, _ in kept]
    ys = [float(size) for _, size in kept]
    low, slope, high = _slopes(xs, ys)
    level = statistics.median(y + slope * (whole - x) for x, y in zip(xs, ys, strict=True))
    grown = slope * whole
    told = Forecast(
        Verdict.NO_GROWTH, a_day=slope * _DAY, low=low * _DAY, high=high * _DAY, level=level
    )
    if low <= 0 or grown < max(_MI / 2, 0.01 * level):
        return told
    at = None if limit is None else _met(end, limit - level, slope, policy.horizon)
    if limit is None or at is None:
        return replace(told, verdict=Verdict.FAR)
    return replace(
        told,
        verdict=Verdict.REACHES,
        at=at,
        earliest=_met(end, limit - level, high, policy.horizon),
        latest=_met(end, limit - level, low, policy.horizon),
    )


def _thinned(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """Return the median of each of some stretches of equal length."""
    if len(points) <= _STRETCHES:
        return list(points)
    start, length = points[0][0], (points[-1][0] - points[0][0]) / _STRETCHES
    if not length:
        return list(points[-1:])
    held: dict[int, list[tuple[datetime, float]]] = {}
    for at, size in points:
        held.setdefault(min(int((at - start) / length), _STRETCHES - 1), []).append((at, size))
    return [
        (one[len(one) // 2][0], statistics.median(size for _, size in one))
        for _, one in sorted(held.items())
    ]


def _slopes(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of all pairs' slopes between the ends of its interval."""
    found = sorted(
        (ys[j] - ys[i]) / (xs[j] - xs[i])
        for i in range(len(xs))
        for j in range(i + 1, len(xs))
        if xs[j] > xs[i]
    )
    count, n = len(found), len(xs)
    spread = _Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low = max(math.floor((count - spread) / 2), 0)
    high = min(math.ceil((count + spread) / 2), count - 1)
    return found[low], statistics.median(found), found[high]


def _met(end: datetime, room: float, slope: float, horizon: timedelta) -> datetime | None:
    """When a line meets the limit; at once if it is above it; None if beyond the horizon."""
    if slope <= 0:
        return None
    seconds = max(room, 0.0) / slope
    return end + timedelta(seconds=seconds) if seconds <= horizon.total_seconds() else None
