"""The noise report as a message: what was told, what came of it, what need not be told."""

from bot.domain import noise, notice, units

_LISTED = 12


def detail(cluster: str | None, report: noise.Report) -> notice.Detail:
    """Put a report into words."""
    total = sum(one.calls for one in report.kinds)
    acted = sum(one.acted for one in report.kinds)
    incidents = sum(one.incidents for one in report.kinds)
    span = f"{units.stamp(report.since)} to {units.stamp(report.until)}"
    head = (
        f"{span}: {units.count(total, 'call')} for {units.count(incidents, 'incident')}, "
        f"{acted} of them led to something"
    )
    sections = [notice.Section(lines=(head,))]
    if report.budgets:
        lines = tuple(_budget(one) for one in report.budgets)
        sections.append(notice.Section(heading="Calls by channel", lines=lines))
    if report.kinds:
        lines = tuple(_kind(one) for one in report.kinds[:_LISTED])
        if len(report.kinds) > _LISTED:
            lines = (*lines, f"and {len(report.kinds) - _LISTED} more")
        sections.append(notice.Section(heading="What called, the noisiest first", lines=lines))
    found = [one for one in report.kinds if one.suggestion]
    if found:
        lines = tuple(f"`{one.suggestion}`" for one in found[:_LISTED])
        heading = "Nobody ever did anything about these; silence them, or mend their cause"
        sections.append(notice.Section(heading=heading, lines=lines))
    return notice.Detail(
        title="Noise report" + (f" of {cluster}" if cluster else ""), sections=tuple(sections)
    )


def _budget(one: noise.Budget) -> str:
    said = f"{one.channel}: {one.calls} in all, {one.worst_day} on the worst day"
    if not one.allowed:
        return said
    verdict = "over" if one.exceeded else "within"
    return f"{said}, {verdict} the budget of {one.allowed} a day"


def _kind(one: noise.Kind) -> str:
    what = f"{one.check}{f' of {one.workload}' if one.workload else ''} ({one.cluster})"
    came = [
        f"{word} {number}"
        for word, number in (
            ("acknowledged", one.acknowledged),
            ("planned for", one.planned),
            ("silenced", one.silenced),
        )
        if number
    ]
    told = f"{units.count(one.incidents, 'incident')}, {units.count(one.calls, 'call')}"
    return f"{what}: {told}; {', '.join(came) or 'nothing came of it'}"
