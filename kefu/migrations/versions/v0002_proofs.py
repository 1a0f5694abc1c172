"""Who a conversation acts for (proofs), wrong guesses at an order, and who works here."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "proofs",
        sa.Column("conversation", sa.String(36), sa.ForeignKey("conversations.id", ondelete="CASCADE"),
                  primary_key=True),
        sa.Column("customer", sa.String, nullable=False),
        sa.Column("order_number", sa.String),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )  # fmt: skip
    op.create_table(
        "misses",
        sa.Column("attempt", sa.String(36), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("misses_of_key", "misses", ["key"])
    op.create_table(
        "staff",
        sa.Column("owner", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String, nullable=False),
    )
