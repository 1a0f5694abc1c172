"""The shop's tables. Amounts are whole minor units of the row's currency; times are aware UTC.

A change of a table needs a new revision in shop/migrations (a test compares the two).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shop.columns import CleanText, Model, Models, Moment
from shop.views import Address, Scan


class Base(DeclarativeBase):
    metadata = MetaData()


class CustomerRow(Base):
    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    name: Mapped[str] = mapped_column(CleanText)
    email: Mapped[str] = mapped_column(CleanText)
    phone: Mapped[str] = mapped_column(CleanText)
    language: Mapped[str]
    country: Mapped[str]
    addresses: Mapped[list[AddressRow]] = relationship(lazy="selectin", order_by="AddressRow.id")
    payment_methods: Mapped[list[PaymentMethodRow]] = relationship(lazy="selectin", order_by="PaymentMethodRow.id")


class AddressRow(Base):
    __tablename__ = "addresses"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    customer: Mapped[str] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    label: Mapped[str] = mapped_column(CleanText)
    address: Mapped[Address] = mapped_column(Model(Address))
    is_default: Mapped[bool]


class PaymentMethodRow(Base):
    __tablename__ = "payment_methods"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    customer: Mapped[str] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    hint: Mapped[str]
    balance: Mapped[int | None]  # of a gift card
    currency: Mapped[str | None]


class ProductRow(Base):
    __tablename__ = "products"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    names: Mapped[dict[str, str]] = mapped_column(JSON)
    category: Mapped[str] = mapped_column(String, index=True)
    descriptions: Mapped[dict[str, str]] = mapped_column(JSON)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)  # as shop.views.Product has them
    market: Mapped[str]
    electronics: Mapped[bool]
    returnable: Mapped[bool]
    sold: Mapped[int] = mapped_column(default=0, server_default="0")  # units in the last 90 days
    rating: Mapped[float | None] = mapped_column(Double)  # 1 to 5
    reviews: Mapped[int] = mapped_column(default=0, server_default="0")
    margin: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")  # share of the price, 0 to 1
    listed_at: Mapped[datetime | None] = mapped_column(Moment)
    variants: Mapped[list[VariantRow]] = relationship(lazy="selectin", order_by="VariantRow.id")

    # A search's limits are looked up in this index and in the variants' alone, without their rows
    __table_args__ = (Index("products_limits", "market", "category", "id"),)


class VariantRow(Base):
    __tablename__ = "variants"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    product: Mapped[str] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    options: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON)
    price: Mapped[int]
    currency: Mapped[str]
    stock: Mapped[int]

    __table_args__ = (Index("variants_limits", "product", "currency", "price", "stock"),)


class ProductTextRow(Base):
    """A product's text in one language, as it is searched. Follows the product by itself (shop.product_index)."""

    __tablename__ = "product_texts"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    product: Mapped[str] = mapped_column(String, index=True)  # which may be gone: then the index drops its vector too
    language: Mapped[str]
    content: Mapped[str]  # hash of the text: names its vector, which products with the same text share
    terms: Mapped[str] = mapped_column(Text)  # what full-text search looks in, see shop.product_words

    # No id comes twice, so that the latest tells whether a text was written meanwhile
    __table_args__ = (Index("product_texts_content", "language", "content"), {"sqlite_autoincrement": True})


class ProductChangeRow(Base):
    """A product whose text may have changed, or that is gone: written by triggers whoever writes, emptied by the
    index."""

    __tablename__ = "product_changes"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    product: Mapped[str]


class ProductWordRow(Base):
    """A word by which products differ: "colour", "jade green" with its names. What the catalogue has ever used."""

    __tablename__ = "product_words"

    attribute: Mapped[str] = mapped_column(String, primary_key=True)
    value: Mapped[str] = mapped_column(String, primary_key=True)  # the English name
    names: Mapped[dict[str, str]] = mapped_column(JSON)


class OrderRow(Base):
    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(String, primary_key=True)  # as shop.numbers.canonical writes it
    customer: Mapped[str] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    status: Mapped[str]
    placed_at: Mapped[datetime] = mapped_column(Moment)
    delivered_at: Mapped[datetime | None] = mapped_column(Moment)
    currency: Mapped[str]
    address: Mapped[Address] = mapped_column(Model(Address))  # as it was when the order was placed, or changed
    shipping: Mapped[int]
    items_modified: Mapped[bool]
    cancel_reason: Mapped[str]
    note: Mapped[str] = mapped_column(CleanText)
    items: Mapped[list[ItemRow]] = relationship(lazy="selectin", order_by="ItemRow.position")
    payments: Mapped[list[PaymentRow]] = relationship(lazy="selectin", order_by="PaymentRow.id")
    shipments: Mapped[list[ShipmentRow]] = relationship(lazy="selectin", order_by="ShipmentRow.id")
    returns: Mapped[list[ReturnRow]] = relationship(lazy="selectin", order_by="ReturnRow.requested_at")

    __table_args__ = (Index("orders_of_customer", "customer", "placed_at"),)


class ItemRow(Base):
    """One unit, with what it was when it was bought: a product may change or go."""

    __tablename__ = "order_items"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    order: Mapped[str] = mapped_column(ForeignKey("orders.number", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    product: Mapped[str]
    variant: Mapped[str]
    names: Mapped[dict[str, str]] = mapped_column(JSON)
    options: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON)
    price: Mapped[int]


class PaymentRow(Base):
    __tablename__ = "payments"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    order: Mapped[str] = mapped_column(ForeignKey("orders.number", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    amount: Mapped[int]
    method: Mapped[str]
    method_kind: Mapped[str]
    at: Mapped[datetime] = mapped_column(Moment)


class ShipmentRow(Base):
    __tablename__ = "shipments"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    order: Mapped[str] = mapped_column(ForeignKey("orders.number", ondelete="CASCADE"), index=True)
    carrier: Mapped[str]
    tracking: Mapped[str]
    items: Mapped[list[str]] = mapped_column(JSON)
    expected: Mapped[datetime | None] = mapped_column(Moment)
    scans: Mapped[tuple[Scan, ...]] = mapped_column(Models(Scan))


class ReturnRow(Base):
    __tablename__ = "returns"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    order: Mapped[str] = mapped_column(ForeignKey("orders.number", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    status: Mapped[str]
    items: Mapped[list[str]] = mapped_column(JSON)
    new_variants: Mapped[list[str]] = mapped_column(JSON)
    money: Mapped[int | None]
    method: Mapped[str | None]
    reason: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(Moment)
    events: Mapped[list[list[str]]] = mapped_column(JSON)  # [ISO time, status], oldest first


class AuditRow(Base):
    """One change that was made: who, what, when, from which message. Never changed, never deleted."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(String, primary_key=True)  # the approval's
    customer: Mapped[str] = mapped_column(String, index=True)
    order: Mapped[str | None] = mapped_column(String, index=True)
    kind: Mapped[str]
    wish: Mapped[dict[str, Any]] = mapped_column(JSON)
    change: Mapped[dict[str, Any]] = mapped_column(JSON)
    fingerprint: Mapped[str]
    conversation: Mapped[str]
    message: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime] = mapped_column(Moment)


class RememberedRow(Base):
    """What is remembered of a customer beyond a conversation; they can see it and delete it."""

    __tablename__ = "remembered"

    customer: Mapped[str] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String, primary_key=True)
    value: Mapped[str] = mapped_column(CleanText)
    at: Mapped[datetime] = mapped_column(Moment)
