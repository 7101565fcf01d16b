"""Tell: turn notices into rows of the outbox. Pure; the rows are stored with the state itself."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain import notice, routing
from bot.domain.finding import Severity
from bot.domain.plan import Plan
from bot.flow import parted

PRIORITY_CRITICAL = 0
PRIORITY_CALL = 10
PRIORITY_DIGEST = 15
PRIORITY_DETAIL = 20
PRIORITY_EDIT = 30
PRIORITY_TEXT = 40
"""Lower is sent first: first cards of critical incidents go before edits and digests."""


def rows(
    told: notice.Notice,
    channel: str,
    *,
    now: datetime,
    new_id: Callable[[], str],
    on_call: tuple[str, ...] = (),
) -> list[notice.Outgoing]:
    """Return what has to be sent because of one notice, its incident already stored.

    Every notice renews the card. What calls people also leaves a reply in the thread: one
    broadcast sentence when it grows or comes back, since an edited card notifies nobody; the
    particulars when it opens or comes back (composed when sent, see `bot.flow.explain`). A
    resolution is told by the card and by one quiet reply. What is only information has no card;
    if it becomes worse, it is told as if it had opened then. What is muted renews its card, if
    there is one (the caller knows), and nothing else. `on_call` are named in what calls.
    """
    if told.quiet:
        return []
    incident = told.incident
    first = told.first or told.reason is notice.Reason.OPENED
    again = told.calls and told.reason is notice.Reason.REOPENED
    priority = PRIORITY_EDIT
    if told.calls or told.reason is notice.Reason.RESOLVED:
        critical = incident.severity is Severity.CRITICAL
        priority = PRIORITY_CRITICAL if critical and told.calls else PRIORITY_CALL

    def row(
        kind: notice.Kind, importance: int, detail: notice.Detail | None = None
    ) -> notice.Outgoing:
        return notice.Outgoing(
            id=new_id(),
            kind=kind,
            channel=channel,
            created_at=now,
            cluster=incident.cluster,
            incident=incident.id,
            priority=importance,
            detail=detail,
        )

    made = [row(notice.Kind.CARD, priority)]
    if told.hidden:
        return made
    if not first and (told.calls or told.reason is notice.Reason.RESOLVED):
        title = f"{incident.name} {told.reason.value.replace('_', ' ')}"
        section = notice.Section(lines=(told.text,))
        made.append(
            row(
                notice.Kind.DETAIL,
                PRIORITY_CALL if told.calls else PRIORITY_DETAIL,
                notice.Detail(
                    title=title,
                    sections=(section,),
                    broadcast=told.calls,
                    people=on_call if told.calls else (),
                ),
            )
        )
    if first or again:
        made.append(row(notice.Kind.DETAIL, PRIORITY_DETAIL))
    return made


def everywhere(
    told: notice.Notice,
    place: routing.Place,
    shown: Sequence[str],
    *,
    now: datetime,
    new_id: Callable[[], str],
) -> list[notice.Outgoing]:
    """Return what has to be sent to each channel: where it is told, and where it is shown already.

    A trouble whose route changed is told anew in the new place, and its old card stays true. One
    that is muted goes nowhere where it is not shown.
    """
    moved = bool(shown) and place.channel not in shown and told.calls
    here = replace(told, first=True) if moved else told
    made = []
    if not told.hidden or place.channel in shown:
        made += rows(here, place.channel, now=now, new_id=new_id, on_call=place.on_call)
    elsewhere = replace(told, calls=False, hidden=True)
    for channel in shown:
        if channel != place.channel:
            made += rows(elsewhere, channel, now=now, new_id=new_id)
    return made


def plan_row(
    plan: Plan, channel: str, *, now: datetime, new_id: Callable[[], str], first: bool = False
) -> notice.Outgoing:
    """Return what renews a plan's card; with `first`, which is when it is proposed, posts it."""
    return notice.Outgoing(
        id=new_id(),
        kind=notice.Kind.PLAN,
        channel=channel,
        created_at=now,
        cluster=plan.cluster,
        plan=plan.id,
        priority=PRIORITY_CALL if first else PRIORITY_EDIT,
    )


def plan_details(
    plan: Plan,
    detail: notice.Detail,
    channel: str,
    *,
    now: datetime,
    new_id: Callable[[], str],
) -> list[notice.Outgoing]:
    """Return what tells something whole in the thread of a plan's card."""
    return [
        notice.Outgoing(
            id=new_id(),
            kind=notice.Kind.DETAIL,
            channel=channel,
            created_at=now,
            cluster=plan.cluster,
            plan=plan.id,
            priority=PRIORITY_DETAIL,
            detail=part,
        )
        for part in parted.parted(detail)
    ]
