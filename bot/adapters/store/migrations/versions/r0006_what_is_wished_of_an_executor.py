"""What a process that only reads wishes of the one that may do more."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
OPEN_WISH = "answered_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "wishes",
        sa.Column("id", Number, nullable=False, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("asked_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("claimed_by", sa.Text, nullable=False),
        sa.Column("claimed_at", Moment),
        sa.Column("answered_at", Moment),
        sa.Column("fault", sa.Text, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wishes")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_wishes_open",
        "wishes",
        ["id"],
        sqlite_where=sa.text(OPEN_WISH),
        postgresql_where=sa.text(OPEN_WISH),
    )
    op.create_index(op.f("ix_wishes_asked_at"), "wishes", ["asked_at"])


def downgrade() -> None:
    op.drop_table("wishes")
