"""What can be drawn, as values, and who draws. A drawing says no more than the text beside it."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.flannel import matrix


class Role(enum.StrEnum):
    """What a curve is, which decides how it looks."""

    USUAL = "usual"
    MOST = "most"
    PEAK = "peak"


@dataclass(frozen=True, slots=True)
class Curve:
    """Bytes over time, oldest first; None where nothing is known, so that no line is drawn."""

    label: str
    role: Role
    points: Sequence[tuple[datetime, int | None]]


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a line goes from its level at a moment, in bytes a day, with its interval."""

    at: datetime
    level: float
    a_day: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MemoryChart:
    """Memory over time against the limits in force from each moment on, with OOM kills marked."""

    title: str
    subtitle: str
    since: datetime
    until: datetime
    curves: Sequence[Curve]
    limits: Sequence[tuple[datetime, int | None]] = ()
    kills: Sequence[datetime] = ()
    trend: Trend | None = None


@dataclass(frozen=True, slots=True)
class MatrixChart:
    """Which node has set up which peer."""

    title: str
    subtitle: str
    table: matrix.Matrix


Drawing = MemoryChart | MatrixChart


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing to be sent as a file; `alt` is its text for those who do not see it."""

    name: str
    title: str
    alt: str
    drawing: Drawing


class Painter(Protocol):
    """Makes PNGs."""

    async def paint(self, drawing: Drawing) -> bytes:
        """Return a PNG. Raises Unavailable if it could not be made in time."""
