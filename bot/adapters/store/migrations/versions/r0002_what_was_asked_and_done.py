"""What was asked and done: plans, votes, runs, freezes, and the chain of deeds."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", Number, nullable=False, autoincrement=True),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("claimed", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_plans_state_claimed"), "plans", ["state", "claimed"])
    op.create_table(
        "votes",
        sa.Column("plan", Number, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("plan", "user", name=op.f("pk_votes")),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_votes_plan_plans")),
    )
    op.create_table(
        "runs",
        sa.Column("id", Number, nullable=False, autoincrement=True),
        sa.Column("plan", Number, nullable=False),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("ended_at", Moment),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("plan", name=op.f("uq_runs_plan")),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_runs_plan_plans")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_runs_state_ended_at"), "runs", ["state", "ended_at"])
    op.create_table(
        "freezes",
        sa.Column("id", Number, nullable=False, autoincrement=True),
        sa.Column("until", Moment, nullable=False),
        sa.Column("lifted_at", Moment),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freezes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deeds",
        sa.Column("id", Number, nullable=False, autoincrement=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deeds")),
        sa.UniqueConstraint("hash", name=op.f("uq_deeds_hash")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in ("deeds", "freezes", "runs", "votes", "plans"):
        op.drop_table(table)
