"""`memory`: what flannel uses against its limit; the text says all that the picture shows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.adapters.slack import interpreter, limits, looks, prose, wording_network
from bot.adapters.slack import wording_memory as words
from bot.flannel import forecast
from bot.flow import drawings, memory_answers, memory_ports

_KILLS = 5
_NODES = 8
_HORIZON = forecast.Policy().horizon


def node(value: memory_answers.NodeMemory) -> prose.Page:
    """One node."""
    series, limit, told = value.series, value.limit, value.told
    over = (told.until - told.since).total_seconds()
    lines: list[prose.Line] = []
    if series is None or series.newest is None or series.newest_at is None:
        lines.append(prose.line(words.NOTHING_KNOWN))
    else:
        ago = (told.until - series.newest_at).total_seconds()
        lines.append(prose.labelled(words.NOW, words.now(series.newest, limit, ago)))
    if series is not None and series.peak is not None:
        lines.append(prose.labelled(words.PEAK, words.peak(series.peak, limit, over)))
        if series.mark is not None:
            lines.append(prose.labelled(words.MARK, words.mark(series.mark)))
    lines.append(prose.labelled(words.LIMIT, words.size(limit) if limit else words.NO_LIMIT))
    lines.append(prose.labelled(words.KILLS, *_kills(value.kills, over)))
    if value.unseen:
        lines.append(prose.labelled(words.RESTARTS, words.unseen(value.unseen)))
    if series is not None:
        ahead = _forecast(value.ahead, told.until, limited=bool(limit))
        lines.append(prose.labelled(words.FORECAST, *ahead))
    if value.kills and value.share is not None and value.share < 0.8:
        lines.append(prose.labelled(words.NOTE, words.SHORTER_THAN_SAMPLES))
    name = limits.cut(value.node, limits.NAME)
    first = series.points[0].at if series and series.points else None
    return prose.Page(
        title=words.title(
            name,
            kills=len(value.kills),
            part=value.share,
            grows=value.ahead.at is not None,
            known=series is not None,
            limited=bool(limit),
        ),
        parts=(prose.paragraph(*lines), looks.footer(value.about, _seen(told, first))),
        picture=_node_picture(value, lines) if series is not None and series.points else None,
    )


def _kills(moments: Sequence[datetime], over: float) -> list[prose.Piece]:
    pieces: list[prose.Piece] = [prose.Run(words.kills(len(moments), over))]
    if len(moments) > _KILLS:
        pieces.append(prose.Run(words.earlier(len(moments) - _KILLS)))
    for index, at in enumerate(moments[-_KILLS:]):
        pieces += [prose.Run(", "), prose.Moment(at)] if index else [prose.Moment(at)]
    return pieces


def _forecast(ahead: forecast.Forecast, now: datetime, *, limited: bool) -> list[prose.Piece]:
    if ahead.verdict is forecast.Verdict.TOO_SHORT:
        return [prose.Run(words.TOO_SHORT)]
    trend = words.slope(ahead.a_day, ahead.low, ahead.high)
    if ahead.verdict is forecast.Verdict.NO_GROWTH:
        return [prose.Run(words.no_growth(trend))]
    if ahead.at is None or ahead.earliest is None:
        far = words.far(trend, _HORIZON.total_seconds()) if limited else words.grows(trend)
        return [prose.Run(far)]
    latest = (ahead.latest - now).total_seconds() if ahead.latest is not None else None
    told = words.reaches(
        trend, (ahead.at - now).total_seconds(), (ahead.earliest - now).total_seconds(), latest
    )
    return [prose.Run(told), prose.Moment(ahead.at)]


def _seen(told: memory_answers.Told, first: datetime | None, head: str = "") -> list[prose.Line]:
    """Where it comes from, and what of the time asked for is not known."""
    lines = []
    if told.source:
        over = (told.until - told.since).total_seconds()
        source = words.source(interpreter.told(told.source), told.step.total_seconds(), over)
        lines.append(prose.labelled(words.SEEN, head, source))
    if first is not None and first - told.since > 2 * told.step:
        ago = (told.until - first).total_seconds()
        lines.append(prose.labelled(words.NOT_SEEN, words.begins(ago)))
    if told.gaps:
        longest = max((end - begin).total_seconds() for begin, end in told.gaps)
        lines.append(prose.labelled(words.NOT_SEEN, words.gaps(len(told.gaps), longest)))
    return lines + [prose.labelled(words.NOTE, *looks.text(note)) for note in told.notes]


def fleet(value: memory_answers.FleetMemory) -> prose.Page:
    """All nodes."""
    return looks.shortened(
        _fleet(value, most=_NODES, picture=True), _fleet(value, most=looks.ALL, picture=False)
    )


def _fleet(value: memory_answers.FleetMemory, *, most: int, picture: bool) -> prose.Page:
    told = value.told
    over = (told.until - told.since).total_seconds()
    lines: list[prose.Line] = []
    if value.newest is None:
        lines.append(prose.line(words.NOTHING_KNOWN))
    else:
        newest = value.newest
        lines.append(
            prose.labelled(
                words.NOW, words.quantiles(newest.p50, newest.p90, newest.highest)
            )
        )  # fmt: skip
        peak = max((one.highest for one in value.over_time), default=newest.highest)
        lines.append(prose.labelled(words.PEAK, words.peak(peak, None, over)))
    lines.append(prose.labelled(words.LIMIT, words.limits(value.limits)))
    if value.known:
        lines.append(prose.labelled(words.NEAR, *_near(value.near, most)))
    lines.append(prose.labelled(words.KILLS, *_killed(value.kills, over, most)))
    if value.known:
        lines.append(prose.labelled(words.FORECAST, *_growing(value, most)))
    if value.kills and value.known and not value.near:
        lines.append(prose.labelled(words.NOTE, words.SHORTER_THAN_SAMPLES))
    unknown: list[prose.Line] = []
    if value.unknown:
        unknown.append(prose.labelled(words.NOT_SEEN, *looks.names(value.unknown, most=most)))
    first = value.over_time[0].at if value.over_time else None
    seen = _seen(told, first, words.known(value.known, value.population))
    return prose.Page(
        title=words.fleet_title(
            value.about.cluster,
            kills=len(value.kills),
            killed=len({one.node for one in value.kills}),
            near=len(value.near),
            grows=len(value.growing),
            known=value.known,
            population=value.population,
        ),
        parts=(prose.paragraph(*lines), looks.footer(value.about, [*seen, *unknown])),
        picture=_fleet_picture(value, lines) if picture and value.over_time else None,
    )


def _near(near: Sequence[memory_answers.Near], most: int) -> list[prose.Piece]:
    if not near:
        return [prose.Run(words.NOBODY_NEAR)]
    told = [(one.node, f" {words.used(one.share, one.peak)}") for one in near]
    return [prose.Run(words.over_limit(len(near))), *_listed(told, most)]


def _growing(value: memory_answers.FleetMemory, most: int) -> list[prose.Piece]:
    if value.too_short and value.too_short >= value.known:
        return [prose.Run(words.NO_FORECAST)]
    pieces: list[prose.Piece] = [prose.Run(words.NOBODY_GROWS)]
    if value.growing:
        told = [
            (one.node, f" {words.soon((one.ahead.at - value.told.until).total_seconds())}")
            for one in value.growing
            if one.ahead.at is not None
        ]
        pieces = [prose.Run(words.growing(len(told))), *_listed(told, most)]
    if value.too_short:
        pieces.append(prose.Run(f"; {words.too_short(value.too_short)}"))
    return pieces


def _killed(kills: Sequence[memory_ports.Kill], over: float, most: int) -> list[prose.Piece]:
    counted = Counter(one.node for one in kills).most_common()
    told = [(name, words.kills_on(number)) for name, number in counted]
    return [prose.Run(words.kills(len(kills), over)), *_listed(told, most)]


def _listed(told: Sequence[tuple[str, str]], most: int) -> list[prose.Piece]:
    pieces: list[prose.Piece] = []
    for name, fact in told[:most]:
        if pieces:
            pieces.append(prose.Run(", "))
        pieces.append(prose.code(limits.cut(name, limits.NAME)))
        if fact:
            pieces.append(prose.Run(fact))
    if len(told) > most:
        pieces.append(prose.Run(wording_network.more(len(told) - most)))
    return pieces


# Pictures


def _node_picture(
    value: memory_answers.NodeMemory, lines: Iterable[prose.Line]
) -> drawings.Picture:
    series, told, ahead = value.series, value.told, value.ahead
    assert series is not None
    step = told.step.total_seconds()
    trend = None
    if ahead.at is not None:
        trend = drawings.Trend(told.until, ahead.level, ahead.a_day, ahead.low, ahead.high)
    usual = [(one.at, one.working_set) for one in series.points]
    peaks = [(one.at, one.highest) for one in series.points]
    title = f"{value.node} · {words.PICTURE_TITLE}"
    return _picture(
        value.node,
        title,
        lines,
        drawings.MemoryChart(
            title=title,
            subtitle=f"{value.about.flannel} · {interpreter.told(told.source)}",
            since=told.since,
            until=told.until,
            curves=(
                _curve(words.WORKING_SET, drawings.Role.USUAL, usual, told),
                _curve(words.highest_in(step), drawings.Role.PEAK, peaks, told),
            ),
            limits=_in_force(series.limits, value.limit, told),
            kills=value.kills,
            trend=trend,
        ),
    )


def _fleet_picture(
    value: memory_answers.FleetMemory, lines: Iterable[prose.Line]
) -> drawings.Picture:
    told, title = value.told, f"{value.about.cluster} · {words.PICTURE_TITLE}"
    lowest = min((limit for limit in value.limits if limit), default=None)
    roles = drawings.Role
    return _picture(
        value.about.cluster,
        title,
        lines,
        drawings.MemoryChart(
            title=title,
            subtitle=f"{words.known(value.known, value.population)}{interpreter.told(told.source)}",
            since=told.since,
            until=told.until,
            curves=(
                _curve(words.P50, roles.USUAL, [(q.at, q.p50) for q in value.over_time], told),
                _curve(words.P90, roles.MOST, [(q.at, q.p90) for q in value.over_time], told),
                _curve(
                    words.HIGHEST_NODE,
                    roles.PEAK,
                    [(q.at, q.highest) for q in value.over_time],
                    told,
                ),
            ),
            limits=_in_force(value.limit_steps, lowest, told),
            kills=[one.at for one in value.kills],
        ),
    )


def _picture(
    whose: str, title: str, lines: Iterable[prose.Line], drawing: drawings.Drawing
) -> drawings.Picture:
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in whose.lower())[:60].strip("-")
    alt = [prose.spoken(line) for line in lines]
    return drawings.Picture(
        name=f"memory-{name or 'flannel'}.png",
        title=limits.clean(title),
        alt=limits.clean(f"{title}. {'. '.join(alt)}"),
        drawing=drawing,
    )


def _curve(
    label: str,
    role: drawings.Role,
    points: Iterable[tuple[datetime, int]],
    told: memory_answers.Told,
) -> drawings.Curve:
    """Make a curve that is broken where nothing is known."""
    broken = {begin: None for begin, _ in told.gaps}
    return drawings.Curve(label, role, sorted((broken | dict(points)).items()))


def _in_force(
    steps: Sequence[tuple[datetime, int | None]], limit: int | None, told: memory_answers.Told
) -> list[tuple[datetime, int | None]]:
    """Return the limits over time, the one of now last: a source tells it some time later."""
    known = list(steps) or [(told.since, limit)]
    if known[-1][1] != limit:
        known.append((told.until - timedelta(seconds=1), limit))
    return known
