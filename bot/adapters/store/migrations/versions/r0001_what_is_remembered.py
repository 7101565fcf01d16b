"""What is remembered: incidents, ledger, outbox, where things are shown, marks, timeline."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", Number, nullable=False, autoincrement=True),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("opened_at", Moment, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.Column("resolved_at", Moment),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_incidents_cluster_state_resolved_at"),
        "incidents",
        ["cluster", "state", "resolved_at"],
    )
    op.create_index(op.f("ix_incidents_state_id"), "incidents", ["state", "id"])
    op.create_table(
        "ledger",
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("container", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("cluster", "uid", "container", name=op.f("pk_ledger")),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", Number, nullable=False, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("incident", Number),
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
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_id")),
        sa.ForeignKeyConstraint(
            ["incident"], ["incidents.id"], name=op.f("fk_outbox_incident_incidents")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_outbox_delivery_priority_created_at"),
        "outbox",
        ["delivery", "priority", "created_at"],
    )
    op.create_index(
        op.f("ix_outbox_incident_channel_kind_delivery"),
        "outbox",
        ["incident", "channel", "kind", "delivery"],
    )
    pending_card = sa.text("kind = 'card' AND delivery = 'pending'")
    op.create_index(
        op.f("uq_outbox_pending_card"),
        "outbox",
        ["incident", "channel"],
        unique=True,
        sqlite_where=pending_card,
        postgresql_where=pending_card,
    )
    op.create_table(
        "digests",
        sa.Column("incident", Number, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.PrimaryKeyConstraint("incident", "seq", name=op.f("pk_digests")),
        sa.ForeignKeyConstraint(
            ["incident"], ["incidents.id"], name=op.f("fk_digests_incident_incidents")
        ),
        sa.ForeignKeyConstraint(
            ["seq"], ["outbox.seq"], name=op.f("fk_digests_seq_outbox"), ondelete="CASCADE"
        ),
    )
    op.create_table(
        "posted",
        sa.Column("incident", Number, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("ts", sa.Text, nullable=False),
        sa.Column("posted_at", Moment, nullable=False),
        sa.Column("edited_at", Moment, nullable=False),
        sa.Column("digest", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("incident", "channel", name=op.f("pk_posted")),
        sa.ForeignKeyConstraint(
            ["incident"], ["incidents.id"], name=op.f("fk_posted_incident_incidents")
        ),
    )
    op.create_index(op.f("ix_posted_channel_ts"), "posted", ["channel", "ts"])
    op.create_table(
        "marks",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_marks")),
    )
    op.create_table(
        "timeline",
        sa.Column("id", Number, nullable=False, autoincrement=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_timeline_subject_id"), "timeline", ["subject", "id"])


def downgrade() -> None:
    for table in ("timeline", "marks", "posted", "digests", "outbox", "ledger", "incidents"):
        op.drop_table(table)
