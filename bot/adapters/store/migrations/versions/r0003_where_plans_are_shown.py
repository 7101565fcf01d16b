"""Where plans are shown, and the rows of the outbox that show them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
PENDING_PLAN = "kind = 'plan' AND delivery = 'pending'"


def upgrade() -> None:
    # Not as a batch: building the table anew would empty what refers to it.
    reference = sa.ForeignKey("plans.id", name=op.f("fk_outbox_plan_plans"))
    op.add_column("outbox", sa.Column("plan", Number, reference), inline_references=True)
    op.create_index(
        op.f("ix_outbox_plan_channel_kind_delivery"),
        "outbox",
        ["plan", "channel", "kind", "delivery"],
    )
    op.create_index(
        "uq_outbox_pending_plan",
        "outbox",
        ["plan", "channel"],
        unique=True,
        sqlite_where=sa.text(PENDING_PLAN),
        postgresql_where=sa.text(PENDING_PLAN),
    )
    op.create_table(
        "posted_plans",
        sa.Column("plan", Number, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("ts", sa.Text, nullable=False),
        sa.Column("posted_at", Moment, nullable=False),
        sa.Column("edited_at", Moment, nullable=False),
        sa.Column("outbox_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("plan", "channel", name=op.f("pk_posted_plans")),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_posted_plans_plan_plans")),
    )


def downgrade() -> None:
    op.drop_table("posted_plans")
    op.drop_index("uq_outbox_pending_plan", "outbox")
    op.drop_index(op.f("ix_outbox_plan_channel_kind_delivery"), "outbox")
    op.drop_column("outbox", "plan")
