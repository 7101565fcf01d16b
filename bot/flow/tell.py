"""Tell: turn notices into rows of the outbox. Pure; the rows are stored with the state itself."""

from collections.abc import Callable
from datetime import datetime

from bot.domain import notice
from bot.domain.finding import Severity
from bot.domain.plan import Plan

PRIORITY_CRITICAL = 0
PRIORITY_CALL = 10
PRIORITY_DIGEST = 15
PRIORITY_DETAIL = 20
PRIORITY_EDIT = 30
PRIORITY_TEXT = 40
"""Lower is sent first: first cards of critical incidents go before edits and digests."""


def rows(
    told: notice.Notice, channel: str, *, now: datetime, new_id: Callable[[], str]
) -> list[notice.Outgoing]:
    """Return what has to be sent because of one notice, its incident already stored.

    Every notice renews the card. What calls people also leaves a reply in the thread: one
    broadcast sentence when it grows or comes back, since an edited card notifies nobody; the
    particulars when it opens or comes back (composed when sent, see `bot.flow.explain`). A
    resolution is told by the card and by one quiet reply. What is only information has no card;
    if it becomes worse, it is told as if it had opened then.
    """
    if told.quiet:
        return []
    incident = told.incident
    first = told.first or told.reason in (notice.Reason.OPENED, notice.Reason.REOPENED)
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
    if not (told.first or told.reason is notice.Reason.OPENED) and (
        told.calls or told.reason is notice.Reason.RESOLVED
    ):
        title = f"{incident.name} {told.reason.value.replace('_', ' ')}"
        section = notice.Section(lines=(told.text,))
        made.append(
            row(
                notice.Kind.DETAIL,
                PRIORITY_CALL if told.calls else PRIORITY_DETAIL,
                notice.Detail(title=title, sections=(section,), broadcast=told.calls),
            )
        )
    if first:
        made.append(row(notice.Kind.DETAIL, PRIORITY_DETAIL))
    return made


def plan_rows(
    plan: Plan, channel: str, *, now: datetime, new_id: Callable[[], str], first: bool = False
) -> list[notice.Outgoing]:
    """Return what has to be sent because a plan or its run changed, both already stored.

    With `first`, which is when it is proposed, all of it goes into the thread too.
    """

    def row(kind: notice.Kind, priority: int) -> notice.Outgoing:
        return notice.Outgoing(
            id=new_id(),
            kind=kind,
            channel=channel,
            created_at=now,
            cluster=plan.cluster,
            plan=plan.id,
            priority=priority,
        )

    if not first:
        return [row(notice.Kind.PLAN, PRIORITY_EDIT)]
    return [row(notice.Kind.PLAN, PRIORITY_CALL), row(notice.Kind.DETAIL, PRIORITY_DETAIL)]
