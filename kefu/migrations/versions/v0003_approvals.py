"""Changes that wait for a yes, and what else an answer keeps: its cards, a model's own tool calls."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("messages", sa.Column("cards", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("messages", sa.Column("rounds", sa.JSON, nullable=False, server_default="[]"))
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("conversation", sa.String(36), sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("customer", sa.String, nullable=False),
        sa.Column("message", sa.String(36), nullable=False),
        sa.Column("tool", sa.String, nullable=False),
        sa.Column("wish", sa.JSON, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("card", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_approvals_conversation", "approvals", ["conversation"])
