"""Memory over time against its limit; in the child process only."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from matplotlib import axes, dates, ticker

from bot.adapters.charts import paper
from bot.flow import drawings

_MI = 2**20
_NAN = math.nan
_SHORTEST = timedelta(minutes=3)
_ROOM = 1.18
_OFFSETS = ["UTC", "%Y UTC", "%b %Y UTC", *["%d %b %Y UTC"] * 3]
_STYLES: dict[drawings.Role, dict[str, Any]] = {
    drawings.Role.USUAL: {"color": paper.BLUE, "linewidth": 2.4},
    drawings.Role.MOST: {"color": paper.SKY, "linewidth": 1.8},
    drawings.Role.PEAK: {"color": paper.ORANGE, "linewidth": 1.3},
}


def draw(chart: drawings.MemoryChart) -> bytes:
    """Return the picture."""
    made = paper.sheet(chart.title, chart.subtitle)
    plot = made.subplots()
    begin, end = _span(chart)
    margin = (end - begin) * 0.12 if chart.trend else timedelta(0)
    top = 0.0
    for curve in chart.curves:
        known = [size for _, size in curve.points if size is not None]
        top = max([top, *(size / _MI for size in known)])
        # A lone point between two gaps is no line, and would not be seen.
        marker: dict[str, Any] = {"marker": "o", "markersize": 4.0} if len(known) < 30 else {}
        plot.plot(
            [_day(at) for at, _ in curve.points],
            [_NAN if size is None else size / _MI for _, size in curve.points],
            label=paper.clean(curve.label),
            solid_capstyle="round",
            zorder=3,
            **_STYLES[curve.role],
            **marker,
        )
    top = max(top, _limits(plot, chart, end))
    _kills(plot, chart, begin)
    if chart.trend is not None:
        _trend(plot, chart.trend, end + margin)
    plot.set_ylim(0, max(top, 1.0) * _ROOM)
    plot.set_xlim(_day(begin), _day(end + margin))
    plot.set_ylabel("MiB")
    plot.yaxis.set_major_locator(ticker.MaxNLocator(6, integer=True))
    plot.yaxis.grid(visible=True)
    plot.set_axisbelow(True)
    locator = dates.AutoDateLocator(tz=UTC, minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    plot.xaxis.set_major_locator(locator)
    formatter = dates.ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator, tz=UTC, offset_formats=_OFFSETS
    )
    plot.xaxis.set_major_formatter(formatter)
    plot.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, fontsize=12, columnspacing=1.4,
        handlelength=1.8, borderaxespad=0.1,
    )  # fmt: skip
    return paper.finished(made)


def _span(chart: drawings.MemoryChart) -> tuple[datetime, datetime]:
    """Return what is shown: from the first thing known on, but not less than some minutes."""
    known = [at for curve in chart.curves for at, size in curve.points if size is not None]
    first = min([*known, *chart.kills], default=chart.since)
    return max(chart.since, min(first, chart.until - _SHORTEST)), chart.until


def _limits(plot: axes.Axes, chart: drawings.MemoryChart, end: datetime) -> float:
    """Draw the limit as it was changed; return the highest."""
    steps = [*chart.limits, (end, chart.limits[-1][1])] if chart.limits else []
    sizes = [_NAN if limit is None else limit / _MI for _, limit in steps]
    known = [size for size in sizes if not math.isnan(size)]
    if not known:
        return 0.0
    plot.plot(
        [_day(at) for at, _ in steps], sizes, drawstyle="steps-post", color=paper.RED,
        linewidth=2.0, linestyle="--", label="limit", zorder=2,
    )  # fmt: skip
    at, size = next((a, s) for (a, _), s in reversed(list(zip(steps, sizes, strict=True)))
                    if not math.isnan(s))  # fmt: skip
    plot.annotate(
        f"limit {size:g} MiB", (_day(at), size), xytext=(-6, 5), textcoords="offset points",
        ha="right", color=paper.RED, fontsize=12,
    )  # fmt: skip
    return max(known)


def _kills(plot: axes.Axes, chart: drawings.MemoryChart, begin: datetime) -> None:
    shown = [at for at in chart.kills if begin <= at <= chart.until]
    if not shown:
        return
    for at in shown:
        plot.axvline(_day(at), color=paper.INK, linewidth=0.9, alpha=0.35, zorder=1)
    heights = [0.965] * len(shown)
    told = f"{len(shown)} OOM kill{'' if len(shown) == 1 else 's'}"
    plot.plot(
        [_day(at) for at in shown], heights, transform=plot.get_xaxis_transform(),
        linestyle="none", marker="X", markersize=10, color=paper.INK, label=told, zorder=5,
        clip_on=False,
    )  # fmt: skip


def _trend(plot: axes.Axes, trend: drawings.Trend, end: datetime) -> None:
    days = (end - trend.at) / timedelta(days=1)
    moments = [_day(trend.at), _day(end)]

    def line(a_day: float) -> list[float]:
        return [trend.level / _MI, max(trend.level + a_day * days, 0.0) / _MI]

    plot.fill_between(moments, line(trend.low), line(trend.high), color=paper.BLUE, alpha=0.15)
    plot.plot(moments, line(trend.a_day), color=paper.BLUE, linestyle=":", linewidth=2.0,
              label="trend")  # fmt: skip


def _day(at: datetime) -> float:
    """Return a moment as matplotlib counts: in days."""
    return float(dates.date2num(at))  # type: ignore[no-untyped-call]
