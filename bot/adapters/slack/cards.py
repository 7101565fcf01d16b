"""The live message of an incident, and one message for many.

Read on a phone at night: at most ten lines, each beginning with what it tells; where, how many,
why, since when, what next. Everything else is in the thread.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.adapters.slack import (
    interpreter,
    limits,
    measures,
    prose,
    wording,
    wording_attention,
    wording_plans,
)
from bot.domain import incident, muting, notice

PROPOSE = "propose_fix"
"""The action of the button that asks for a fix; its value is the incident's ticket."""
ACKNOWLEDGE = "ack_incident"
SILENCE = "silence_incident"
"""Actions of buttons whose value is the incident's name."""

NAMED = 12
"""Names in a card's first lines, which is what a phone shows of it."""
ALSO_NAMED = 240
"""Names after a card's last line: Slack folds long messages, so they cost no room until asked
for. `incident INC-n` has the rest."""
_WHY = 200
"""Characters of the reason; about three lines on a phone."""
_NEXT = 300
"""Characters of what to do; the thread has all of it."""
_SKEW = timedelta(seconds=1)
"""Kubernetes' stamps are whole seconds and another machine's: a kill may seem seen before it."""


def card(view: notice.CardView) -> prose.Page:
    """Say all that a person needs to decide whether to get up."""
    value = view.incident
    lines = [
        prose.labelled(wording.WHERE, place(value)),
        *_members(value),
        _why(value),
        _since(view),
        _status(view),
        _after(value),
        prose.labelled(wording.UNSEEN, wording.UNWATCHED_TEXT) if value.unwatched else (),
    ]
    if value.state is not incident.State.RESOLVED:
        if value.unseen:
            lines.append(prose.labelled(wording.UNSEEN, wording.UNSEEN_TEXT))
        if value.cure:
            lines.append(
                prose.labelled(
                    wording.NEXT,
                    *prose.marked(limits.sentences(interpreter.told(value.cure), _NEXT)),
                )
            )
    lines.append(_told(view))
    others = _sorted_names(value.affected)[NAMED:]
    if others and value.state is not incident.State.RESOLVED:
        lines.append(prose.labelled(wording.ALSO, _flat(others, ALSO_NAMED)))
    parts: list[prose.Part] = [prose.paragraph(*lines)]
    buttons = tuple(_buttons(view))
    if buttons:
        parts.append(prose.Buttons(buttons))
    return prose.Page(title=title(value), parts=tuple(parts))


def _buttons(view: notice.CardView) -> Iterator[prose.Button]:
    """What may be pressed; at most three."""
    value = view.incident
    if value.state is incident.State.RESOLVED:
        return
    if view.ticket:
        yield prose.Button(PROPOSE, wording_plans.PROPOSE, view.ticket, primary=True)
    if view.acts:
        if value.state is not incident.State.ACKNOWLEDGED:
            yield prose.Button(ACKNOWLEDGE, wording_attention.ACKNOWLEDGE, value.name)
        if value.muted is None or value.muted.kind is not muting.Kind.SILENCE:
            yield prose.Button(SILENCE, wording_attention.SILENCE, value.name)


def _status(view: notice.CardView) -> prose.Line:
    """Where it stands, who has it, who is called, why nobody hears of it: one line for all."""
    value = view.incident
    pieces: list[str | prose.Piece] = [wording.state(value)]
    if value.owner:
        pieces += [f" · {wording_attention.OWNER} ", prose.Person(value.owner)]
        if value.acknowledged_at is not None:
            pieces += [wording_attention.SINCE, prose.Moment(value.acknowledged_at)]
    if value.muted is not None:
        pieces += [" · ", *_muted(value.muted)]
    elif view.on_call and value.state is incident.State.OPEN:
        pieces += [f" · {wording_attention.ON_CALL} ", *prose.people(view.on_call)]
    return prose.labelled(wording.STATUS, *pieces)


def _muted(mute: muting.Mute) -> list[str | prose.Piece]:
    pieces: list[str | prose.Piece] = [
        f"{wording_attention.MUTED}: {limits.cut(interpreter.told(mute.text), _WHY)}"
    ]
    if mute.by:
        pieces += [" · ", prose.Person(mute.by)]
    if mute.until is not None and mute.kind is muting.Kind.SILENCE:
        pieces += [wording_attention.UNTIL, prose.Moment(mute.until)]
    return pieces


def _after(value: incident.Incident) -> prose.Line:
    """What it ended after."""
    if value.state is not incident.State.RESOLVED or value.unwatched:
        return ()
    fixed = limits.cut(interpreter.told(value.fixed_by), _WHY) or wording_attention.NOT_FIXED_BY_US
    return prose.labelled(wording_attention.FIXED_BY, fixed)


def digest(view: notice.DigestView) -> prose.Page:
    """List incidents, the standing ones first, the worst of them first."""
    ordered = sorted(
        view.incidents,
        key=lambda i: (i.state is incident.State.RESOLVED, -i.severity.rank, i.id),
    )
    lines = [brief(value) for value in ordered]
    if view.delayed_seconds > 0:
        # First, for a long list may be cut at its end.
        lines.insert(0, prose.labelled(wording.TOLD, wording.delayed(view.delayed_seconds)))
    return prose.Page(title=wording.digest_title(view.incidents), parts=(prose.paragraph(*lines),))


def mark(value: incident.Incident) -> str:
    """How bad it is, in a sign and a word."""
    if value.unwatched:
        return wording.UNWATCHED
    if value.state is incident.State.RESOLVED:
        return wording.RESOLVED
    return wording.SEVERITY[value.severity]


def title(value: incident.Incident) -> str:
    """The headline: how bad, which, what."""
    return f"{mark(value)} · {value.name} · {interpreter.told(value.title)}"


def place(value: incident.Incident) -> str:
    """Which workload of which cluster."""
    workload = "" if value.workload.kind == "Cluster" else f" · {value.workload}"
    return f"{value.cluster}{workload}"


def brief(value: incident.Incident) -> prose.Line:
    """One incident in one line."""
    muted = value.muted
    said = limits.cut(interpreter.told(value.title), _NEXT)
    return prose.line(
        prose.strong(f"{mark(value)} · {value.name}"),
        f"  {said} · {place(value)} · {wording.state(value)}",
        *((f" · {wording_attention.OWNER} ", prose.Person(value.owner)) if value.owner else ()),
        f" · {wording_attention.MUTED}: {limits.cut(interpreter.told(muted.text), _WHY)}"
        if muted
        else "",
    )


def names(members: Sequence[incident.Member], most: int = NAMED) -> prose.Line:
    """The first names in the order people count, and how many more there are."""
    return listed(_sorted_names(members), most)


def _sorted_names(members: Sequence[incident.Member]) -> list[str]:
    return sorted({member.name for member in members}, key=_counted)


def listed(found: Sequence[str], most: int) -> prose.Line:
    """The first of some names, and how many more there are."""
    pieces = prose.listed([limits.cut(limits.clean(name), limits.NAME) for name in found[:most]])
    if len(found) > most:
        pieces = (*pieces, prose.Run(wording.more(len(found) - most)))
    return pieces


def _flat(found: Sequence[str], most: int) -> str:
    """Names as one text: as pieces, hundreds of them would be over Slack's limit for blocks."""
    text = ", ".join(limits.cut(limits.clean(name), limits.NAME) for name in found[:most])
    return text + (wording.more(len(found) - most) if len(found) > most else "")


def _counted(name: str) -> list[tuple[int, str]]:
    """Sort node-9 before node-10; digits as text, for a hostile name may hold thousands."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name[:200])
    return [
        (len(part.lstrip("0")) if part[0].isdigit() else 0, part.lstrip("0") or part)
        for part in parts
    ]


def _members(value: incident.Incident) -> list[prose.Line]:
    worst = wording.at_worst(value.peak) if value.peak > len(value.affected) else ""
    if value.state is incident.State.RESOLVED and not value.unwatched:
        number = wording.affected(value.peak, value.population)
        were = value.recovered or value.members
        return [prose.labelled(wording.RECOVERED, number, *_after_colon(names(were)))]
    number = wording.affected(len(value.affected), value.population)
    lines = [prose.labelled(wording.AFFECTED, number + worst, *_after_colon(names(value.affected)))]
    recovering = [member for member in value.members if member.clear_since is not None]
    if recovering:
        lines.append(prose.labelled(wording.RECOVERING, *names(recovering)))
    return lines


def _after_colon(pieces: prose.Line) -> prose.Line:
    return (prose.Run(": "), *pieces) if pieces else ()


def strongest(value: incident.Incident) -> incident.Member | None:
    """The member that shows best why: the worst, then the most often, then the newest."""
    members = value.affected or value.members or value.recovered
    return min(
        members,
        key=lambda m: (
            -m.severity.rank,
            -m.occurrences,
            -(m.happened_at or m.first_seen_at).timestamp(),
            m.name,
        ),
        default=None,
    )


def _why(value: incident.Incident) -> prose.Line:
    shown = strongest(value)
    if shown is None or value.state is incident.State.RESOLVED:
        return ()
    told = [] if shown.summary in ("", value.title) else [shown.summary]
    told += [proof for proof in shown.evidence[:1] if proof]
    if not told:
        return ()
    return prose.labelled(
        wording.WHY, *prose.marked(limits.cut(" · ".join(map(interpreter.told, told)), _WHY))
    )


def _since(view: notice.CardView) -> prose.Line:
    value = view.incident
    known = [member.since for member in value.members if member.since is not None]
    began = min([value.opened_at, *known])
    if value.unwatched:
        return prose.labelled(wording.SINCE, prose.Moment(began))
    if value.state is incident.State.RESOLVED and value.resolved_at is not None:
        lasted = (value.resolved_at - began).total_seconds()
        return prose.labelled(
            wording.LASTED,
            f"{measures.duration(lasted)}: ",
            prose.Moment(began),
            wording.FROM_TO,
            prose.Moment(value.resolved_at),
        )
    # No "so long ago": a card stays as it was last edited, and the number would be untrue.
    pieces: list[str | prose.Piece] = [prose.Moment(began)]
    if value.happened_at is not None and value.happened_at - began > _SKEW:
        pieces += [wording.LAST_AT, prose.Moment(value.happened_at)]
    return prose.labelled(wording.SINCE, *pieces)


def _told(view: notice.CardView) -> prose.Line:
    """How fast this was told; on a later edit, newer occurrences say nothing about that."""
    value = view.incident
    seen = told = None
    if view.detected_at is not None:
        happened = value.happened_at
        if happened is not None and happened <= view.detected_at + _SKEW:
            seen = max((view.detected_at - happened).total_seconds(), 0.0)
        told = max(((view.posted_at or view.now) - view.detected_at).total_seconds(), 0.0)
    parts = []
    if seen is not None or told is not None:
        parts.append(wording.latency(seen=seen, told=told))
    if view.delayed_seconds > 0:
        parts.append(wording.delayed(view.delayed_seconds))
    return prose.labelled(wording.TOLD, "; ".join(parts)) if parts else ()
