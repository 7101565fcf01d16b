"""How much memory flannel used: samples by slots of time, and OOM kills."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "samples",
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("slot", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("workload", sa.Text, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("newest", sa.BigInteger, nullable=False),
        sa.Column("highest", sa.BigInteger, nullable=False),
        sa.Column("memory_limit", sa.BigInteger),
        sa.PrimaryKeyConstraint(
            "cluster", "slot", "node", "workload", "uid", name=op.f("pk_samples")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "oom_kills",
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("cluster", "at", "node", name=op.f("pk_oom_kills")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("oom_kills", "samples"):
        op.drop_table(table)
