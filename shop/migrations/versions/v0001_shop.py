"""The shop's tables. A revision is history: it repeats the columns and does not import the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _people()
    _products()
    _orders()
    _parts_of_orders()
    _traces()


def _people() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("phone", sa.Text, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("country", sa.String, nullable=False),
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.String, primary_key=True),
        _of("customer", "customers.id"),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
    )
    op.create_index("ix_addresses_customer", "addresses", ["customer"])
    op.create_table(
        "payment_methods",
        sa.Column("id", sa.String, primary_key=True),
        _of("customer", "customers.id"),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("hint", sa.String, nullable=False),
        sa.Column("balance", sa.Integer),
        sa.Column("currency", sa.String),
    )
    op.create_index("ix_payment_methods_customer", "payment_methods", ["customer"])


def _products() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("names", sa.JSON, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("descriptions", sa.JSON, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("market", sa.String, nullable=False),
        sa.Column("electronics", sa.Boolean, nullable=False),
        sa.Column("returnable", sa.Boolean, nullable=False),
    )
    op.create_index("ix_products_category", "products", ["category"])
    op.create_table(
        "variants",
        sa.Column("id", sa.String, primary_key=True),
        _of("product", "products.id"),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("stock", sa.Integer, nullable=False),
    )
    op.create_index("ix_variants_product", "variants", ["product"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("number", sa.String, primary_key=True),
        _of("customer", "customers.id"),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("delivered_at", MOMENT),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("shipping", sa.Integer, nullable=False),
        sa.Column("items_modified", sa.Boolean, nullable=False),
        sa.Column("cancel_reason", sa.String, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("orders_of_customer", "orders", ["customer", "placed_at"])
    op.create_table(
        "order_items",
        sa.Column("id", sa.String, primary_key=True),
        _of("order", "orders.number"),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("product", sa.String, nullable=False),
        sa.Column("variant", sa.String, nullable=False),
        sa.Column("names", sa.JSON, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
    )
    op.create_index("ix_order_items_order", "order_items", ["order"])


def _parts_of_orders() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("order", "orders.number"),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("method_kind", sa.String, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("ix_payments_order", "payments", ["order"])
    op.create_table(
        "shipments",
        sa.Column("id", sa.Integer, primary_key=True),
        _of("order", "orders.number"),
        sa.Column("carrier", sa.String, nullable=False),
        sa.Column("tracking", sa.String, nullable=False),
        sa.Column("items", sa.JSON, nullable=False),
        sa.Column("expected", MOMENT),
        sa.Column("scans", sa.JSON, nullable=False),
    )
    op.create_index("ix_shipments_order", "shipments", ["order"])
    op.create_table(
        "returns",
        sa.Column("id", sa.String, primary_key=True),
        _of("order", "orders.number"),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("items", sa.JSON, nullable=False),
        sa.Column("new_variants", sa.JSON, nullable=False),
        sa.Column("money", sa.Integer),
        sa.Column("method", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
    )
    op.create_index("ix_returns_order", "returns", ["order"])


def _traces() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("customer", sa.String, nullable=False),
        sa.Column("order", sa.String),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("wish", sa.JSON, nullable=False),
        sa.Column("change", sa.JSON, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("conversation", sa.String, nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
    op.create_index("ix_audit_customer", "audit", ["customer"])
    op.create_index("ix_audit_order", "audit", ["order"])
    op.create_table(
        "remembered",
        sa.Column("customer", sa.String, sa.ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )


def _of(column: str, owner: str) -> sa.Column[str]:
    return sa.Column(column, sa.String, sa.ForeignKey(owner, ondelete="CASCADE"), nullable=False)
