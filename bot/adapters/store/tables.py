"""The tables, as SQLAlchemy knows them; `migrations` builds them, a test compares the two.

Each row of incidents, ledger and outbox is a JSON document beside the few columns that queries
ask for, so that a value may gain a field without a migration.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name on every server: one without cannot be altered by a migration."""


class Moment(TypeDecorator[dt.datetime]):
    """An aware time, kept as UTC with its microseconds. A naive one is a mistake."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Turn it to UTC; SQLite has no zones, and there the zone is understood."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value.isoformat()}")
        moment = value.astimezone(dt.UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:  # noqa: ANN401
        """Return it aware, in UTC."""
        del dialect
        if not isinstance(value, dt.datetime):
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


# SQLite numbers rows by itself only in a column of the very type INTEGER.
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("cluster", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("resolved_at", Moment),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(None, "cluster", "state", "resolved_at"),
    sa.Index(None, "state", "id"),
    sqlite_autoincrement=True,  # A number that was spoken aloud is never given again.
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("cluster", sa.Text, primary_key=True),
    sa.Column("uid", sa.Text, primary_key=True),
    sa.Column("container", sa.Text, primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
)

PENDING_CARD = "kind = 'card' AND delivery = 'pending'"
PENDING_PLAN = "kind = 'plan' AND delivery = 'pending'"

outbox = sa.Table(
    "outbox",
    metadata,
    # The order of insertion, which neither ids nor the wall clock can be trusted with.
    sa.Column("seq", Number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("cluster", sa.Text, nullable=False),
    sa.Column("incident", Number, sa.ForeignKey("incidents.id")),
    sa.Column("plan", Number, sa.ForeignKey("plans.id")),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("delivery", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", Moment),
    sa.Column("claimed_at", Moment),
    sa.Column("sent_at", Moment),
    sa.Column("failed_at", Moment),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(None, "delivery", "priority", "created_at"),
    sa.Index(None, "incident", "channel", "kind", "delivery"),
    sa.Index(
        "uq_outbox_pending_card",
        "incident",
        "channel",
        unique=True,
        sqlite_where=sa.text(PENDING_CARD),
        postgresql_where=sa.text(PENDING_CARD),
    ),
    sa.Index(None, "plan", "channel", "kind", "delivery"),
    sa.Index(
        "uq_outbox_pending_plan",
        "plan",
        "channel",
        unique=True,
        sqlite_where=sa.text(PENDING_PLAN),
        postgresql_where=sa.text(PENDING_PLAN),
    ),
    sqlite_autoincrement=True,
)

digests = sa.Table(
    "digests",
    metadata,
    sa.Column("incident", Number, sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("seq", Number, sa.ForeignKey("outbox.seq", ondelete="CASCADE"), primary_key=True),
)

posted = sa.Table(
    "posted",
    metadata,
    sa.Column("incident", Number, sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("ts", sa.Text, nullable=False),
    sa.Column("posted_at", Moment, nullable=False),
    sa.Column("edited_at", Moment, nullable=False),
    sa.Column("digest", sa.Boolean, nullable=False),
    sa.Index(None, "channel", "ts"),
)

posted_plans = sa.Table(
    "posted_plans",
    metadata,
    sa.Column("plan", Number, sa.ForeignKey("plans.id"), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("ts", sa.Text, nullable=False),
    sa.Column("posted_at", Moment, nullable=False),
    sa.Column("edited_at", Moment, nullable=False),
    sa.Column("outbox_id", sa.Text, nullable=False),
)

marks = sa.Table(
    "marks",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

timeline = sa.Table(
    "timeline",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index(None, "subject", "id"),
    sqlite_autoincrement=True,
)

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("cluster", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    # Set once, by the statement that also asks whether it is set: no plan is executed twice.
    sa.Column("claimed", sa.Boolean, nullable=False, default=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(None, "state", "claimed"),
    sqlite_autoincrement=True,
)

votes = sa.Table(
    "votes",
    metadata,
    sa.Column("plan", Number, sa.ForeignKey("plans.id"), primary_key=True),
    sa.Column("user", sa.Text, primary_key=True),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("plan", Number, sa.ForeignKey("plans.id"), nullable=False, unique=True),
    sa.Column("cluster", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(None, "state", "ended_at"),
    sqlite_autoincrement=True,
)

freezes = sa.Table(
    "freezes",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("until", Moment, nullable=False),
    sa.Column("lifted_at", Moment),
    sa.Column("document", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

silences = sa.Table(
    "silences",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("until", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("document", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

deeds = sa.Table(
    "deeds",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("cluster", sa.Text, primary_key=True),
    # Seconds since 1970 at which a stretch of time began: numbers are grouped in every dialect.
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("node", sa.Text, primary_key=True),
    sa.Column("workload", sa.Text, primary_key=True),
    sa.Column("uid", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("newest", sa.BigInteger, nullable=False),
    sa.Column("highest", sa.BigInteger, nullable=False),
    sa.Column("memory_limit", sa.BigInteger),
    sqlite_with_rowid=False,  # Half the space: the key is most of the row.
)

oom_kills = sa.Table(
    "oom_kills",
    metadata,
    sa.Column("cluster", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("node", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

OPEN_WISH = "answered_at IS NULL"

wishes = sa.Table(
    "wishes",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("cluster", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    # Set once, by the statement that also asks whether it is set: no wish is done twice.
    sa.Column("claimed_by", sa.Text, nullable=False),
    sa.Column("claimed_at", Moment),
    sa.Column("answered_at", Moment),
    sa.Column("fault", sa.Text, nullable=False),
    sa.Column("answer", sa.LargeBinary),
    # An executor looks several times a second whether there is one.
    sa.Index(
        "ix_wishes_open",
        "id",
        sqlite_where=sa.text(OPEN_WISH),
        postgresql_where=sa.text(OPEN_WISH),
    ),
    sa.Index(None, "asked_at"),
    sqlite_autoincrement=True,
)
