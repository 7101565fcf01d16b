"""Answers about attention, as pages, and what a card says of it."""

from collections.abc import Sequence
from datetime import datetime

from bot.adapters.slack import (
    answers_view,
    cards,
    details,
    interpreter,
    limits,
    prose,
    wording_attention,
)
from bot.domain import noise, notice, silence
from bot.flow import attention_answers, noise_report

_LINE = 300


def acknowledged(value: attention_answers.Acknowledged) -> prose.Page:
    """Say who has an incident now."""
    if not value.again:
        return answers_view.told(
            wording_attention.acknowledged(value.incident, interpreter.told(value.title))
        )
    if value.done:
        return answers_view.told(wording_attention.yours_already(value.incident))
    page = answers_view.problem(wording_attention.taken_already(value.incident))
    who = prose.line(
        f"{wording_attention.OWNER} ",
        prose.Person(value.owner),
        wording_attention.SINCE,
        prose.Moment(value.at),
    )
    return prose.Page(title=page.title, parts=(*page.parts, prose.paragraph(who)))


def silenced(value: attention_answers.Silenced, *, now: datetime) -> prose.Page:
    """Say what is silent now, until when, and how much that hides."""
    made = value.silence
    pending = made.phase(now) is silence.Phase.PENDING
    expression = limits.cut(made.expression, _LINE)
    lines = [
        prose.line(
            *prose.marked(wording_attention.silenced(made.name, expression, pending=pending)),
            wording_attention.UNTIL,
            prose.Moment(made.until),
        ),
        prose.line(_hides(value.hides)),
        prose.line(wording_attention.BREAKS),
    ]
    page = answers_view.told("")
    return prose.Page(title=page.title, parts=(prose.paragraph(*lines),))


def _hides(value: silence.Hidden) -> str:
    return wording_attention.hides(value.incidents, value.members, value.critical)


def silences(value: attention_answers.SilenceList) -> prose.Page:
    """List those in force with what each hides, then those that ended lately."""
    parts = [prose.paragraph(*_alive(one, value.now)) for one in value.alive]
    if not parts:
        parts.append(prose.paragraph(prose.line(wording_attention.NO_SILENCES)))
    parts.append(prose.paragraph(prose.marked(wording_attention.MATCHERS)))
    if value.ended:
        heading = prose.line(prose.strong(wording_attention.ENDED))
        parts.append(prose.paragraph(heading, *[_ended(one) for one in value.ended]))
    return prose.Page(title=wording_attention.SILENCES_TITLE, parts=tuple(parts))


def _alive(value: attention_answers.Silenced, now: datetime) -> Sequence[prose.Line]:
    made = value.silence
    pending = made.phase(now) is silence.Phase.PENDING
    when = prose.Moment(made.since if pending else made.until)
    expression = limits.cut(made.expression, _LINE)
    return [
        prose.line(
            prose.strong(made.name),
            wording_attention.silence_line(made.phase(now).value, expression),
            wording_attention.SINCE if pending else wording_attention.UNTIL,
            when,
            " · ",
            prose.Person(made.by),
            f": {made.reason}" if made.reason else "",
        ),
        prose.line(_hides(value.hides), f" {wording_attention.withheld(made.withheld)}"),
    ]


def _ended(value: silence.Silence) -> prose.Line:
    how: list[str | prose.Piece] = [wording_attention.EXPIRED]
    if value.broken:
        how = [wording_attention.broken(interpreter.told(value.broken))]
    elif value.ended_by:
        how = [wording_attention.ENDED_BY, prose.Person(value.ended_by)]
    return prose.line(
        prose.strong(value.name),
        f"  {limits.cut(value.expression, _LINE)} · ",
        *how,
        " · ",
        prose.Moment(value.ended_at or value.until),
    )


def handover(value: notice.Detail) -> prose.Page:
    """Show what whoever comes on duty has to know."""
    return details.detail(value)


def report(cluster: str | None, value: noise.Report) -> prose.Page:
    """Show what was told and what came of it."""
    return details.detail(noise_report.detail(cluster, value))


BUTTONS = (cards.ACKNOWLEDGE, cards.SILENCE)
"""The actions that are about attention."""
