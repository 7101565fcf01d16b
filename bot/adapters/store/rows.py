"""Domain values as rows, and rows as domain values."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from bot.adapters.store import clean
from bot.domain import errors, ledger, notice
from bot.domain.incident import Incident
from bot.flow import ports

T = TypeVar("T")
Values = dict[str, Any]
text = clean.text


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """What of an outgoing row no query asks for."""

    detail: notice.Detail | None = None
    incidents: tuple[int, ...] = ()


def document(value: object) -> str:
    """Encode a frozen value as JSON."""
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_cleaned(msgspec.to_builtins(value)))
    return encoded.decode()


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def decoded(kind: type[T], encoded: str, *, what: str) -> T:
    """Decode a document. Raises Misconfigured if this version of the bot cannot read it."""
    try:
        return msgspec.json.decode(encoded, type=kind)
    except msgspec.MsgspecError as error:
        raise errors.Misconfigured(
            f"database.url: {what} in the database cannot be read by this version: {error}"
        ) from error


def incident_values(value: Incident) -> Values:
    """Return an incident's columns, without its id."""
    return {
        "cluster": value.cluster,
        "fingerprint": text(value.fingerprint),
        "state": value.state.value,
        "severity": value.severity.value,
        "opened_at": value.opened_at,
        "changed_at": value.changed_at,
        "resolved_at": value.resolved_at,
        "document": document(value),
    }


def to_incident(row: sa.Row[*tuple[Any, ...]]) -> Incident:
    """Return the incident of a row of (id, document)."""
    found = decoded(Incident, row.document, what=f"INC-{row.id}")
    return dataclasses.replace(found, id=row.id)


def record_values(cluster: str, value: ledger.Record) -> Values:
    """Return a ledger record's columns."""
    return {
        "cluster": cluster,
        "uid": value.uid,
        "container": value.container,
        "document": document(value),
    }


def to_record(row: sa.Row[*tuple[Any, ...]]) -> ledger.Record:
    """Return the ledger record of a row of (uid, document)."""
    return decoded(ledger.Record, row.document, what=f"the ledger record of pod {row.uid}")


def outgoing_values(row: notice.Outgoing) -> Values:
    """Return an outgoing row's columns."""
    return {
        "id": row.id,
        "kind": row.kind.value,
        "channel": row.channel,
        "cluster": row.cluster,
        "incident": row.incident,
        "plan": row.plan,
        "priority": row.priority,
        "created_at": row.created_at,
        "delivery": row.delivery.value,
        "attempts": row.attempts,
        "not_before": row.not_before,
        "claimed_at": row.claimed_at,
        "sent_at": row.sent_at,
        "error": text(row.error),
        "document": document(Body(detail=row.detail, incidents=row.incidents)),
    }


def to_outgoing(row: sa.Row[*tuple[Any, ...]]) -> notice.Outgoing:
    """Return an outgoing row."""
    body = decoded(Body, row.document, what=f"outgoing row {row.id}")
    return notice.Outgoing(
        id=row.id,
        kind=notice.Kind(row.kind),
        channel=row.channel,
        created_at=row.created_at,
        cluster=row.cluster,
        incident=row.incident,
        incidents=body.incidents,
        plan=row.plan,
        priority=row.priority,
        detail=body.detail,
        delivery=notice.Delivery(row.delivery),
        attempts=row.attempts,
        not_before=row.not_before,
        claimed_at=row.claimed_at,
        sent_at=row.sent_at,
        error=row.error,
    )


def posted_values(value: notice.Posted) -> Values:
    """Return the columns of a place where an incident is shown."""
    return {
        "incident": value.incident,
        "channel": value.channel,
        "ts": value.ts,
        "posted_at": value.posted_at,
        "edited_at": value.edited_at,
        "digest": value.digest,
    }


def to_posted(row: sa.Row[*tuple[Any, ...]]) -> notice.Posted:
    """Return a place where an incident is shown."""
    return notice.Posted(
        incident=row.incident,
        channel=row.channel,
        ts=row.ts,
        posted_at=row.posted_at,
        edited_at=row.edited_at,
        digest=row.digest,
    )


def posted_plan_values(value: notice.PostedPlan) -> Values:
    """Return the columns of a place where a plan is shown."""
    return dataclasses.asdict(value)


def to_posted_plan(row: sa.Row[*tuple[Any, ...]]) -> notice.PostedPlan:
    """Return a place where a plan is shown."""
    return notice.PostedPlan(
        plan=row.plan,
        channel=row.channel,
        ts=row.ts,
        posted_at=row.posted_at,
        edited_at=row.edited_at,
        outbox_id=row.outbox_id,
    )


def to_entry(row: sa.Row[*tuple[Any, ...]]) -> ports.TimelineEntry:
    """Return a line of a subject's story."""
    return ports.TimelineEntry(at=row.at, subject=row.subject, kind=row.kind, text=row.text)
