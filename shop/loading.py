"""The rows that a wish is about, and what a plan may know of them. Knows no rule and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from shop.changes import ChangeDefaultAddress, ExchangeItems, ForgetMe, ModifyItems, Wish
from shop.columns import clean
from shop.errors import OrderNotFound, ShopError
from shop.models import CustomerRow, OrderRow, PaymentMethodRow, ProductRow, RememberedRow, VariantRow
from shop.numbers import canonical
from shop.planning_basis import Known
from shop.rows import customer_view, product_view
from shop.rules import Rules

NUMBER_CHARS = 64  # no order number is longer


@dataclass(frozen=True)
class Rows:
    """What a wish may rest on or change. `products`: those of the order's items and of the variants wished for."""

    customer: CustomerRow
    order: OrderRow | None
    products: Sequence[ProductRow]
    remembered: Sequence[RememberedRow]

    @property
    def variants(self) -> Mapping[str, VariantRow]:
        return {variant.id: variant for product in self.products for variant in product.variants}

    def known(self, rules: Rules, now: datetime) -> Known:
        return Known(
            customer=customer_view(self.customer),
            products={row.id: product_view(row) for row in self.products},
            memory={row.key: row.value for row in self.remembered},
            rules=rules,
            now=now,
        )


async def load(session: AsyncSession, customer: str, wish: Wish, *, lock: bool = False) -> Rows:
    """The rows as they are, and with `lock` as they stay until the transaction ends: locked in one order for all
    (order, customer, payment methods, variants by id), so that no two changes wait for each other. OrderNotFound."""
    order = None
    if not isinstance(wish, ChangeDefaultAddress | ForgetMe):
        order = await order_row(session, customer, wish.order, lock=lock)
    owner = await customer_row(session, customer, lock=lock)
    wished = [swap.variant for swap in wish.swaps] if isinstance(wish, ModifyItems | ExchangeItems) else []
    ordered = order.items if order else []
    if lock:
        methods = select(PaymentMethodRow).where(PaymentMethodRow.customer == customer).order_by(PaymentMethodRow.id)
        await session.scalars(methods.with_for_update().execution_options(populate_existing=True))
        touched = {*wished, *(item.variant for item in ordered)}
        await session.scalars(_variants(touched).order_by(VariantRow.id).with_for_update())
    found = {variant.product for variant in await session.scalars(_variants(wished))}
    ids = found | {item.product for item in ordered}
    products = await session.scalars(select(ProductRow).where(ProductRow.id.in_(ids)).order_by(ProductRow.id))
    remembered = await session.scalars(select(RememberedRow).where(RememberedRow.customer == customer))
    return Rows(owner, order, products.all(), remembered.all())


async def order_row(session: AsyncSession, customer: str, number: str, *, lock: bool = False) -> OrderRow:
    """The customer's order. OrderNotFound, after the same look-up, for one that is missing, malformed or foreign."""
    number = key_of(number)
    own = select(OrderRow).where(OrderRow.number == number, OrderRow.customer == customer)
    row = (await session.scalars(own.with_for_update() if lock else own)).one_or_none()
    if row is None:
        raise OrderNotFound(number)
    return row


async def customer_row(session: AsyncSession, customer: str, *, lock: bool = False) -> CustomerRow:
    """The customer. ShopError when a session was given to somebody whom the shop does not have."""
    row = await session.get(CustomerRow, customer, with_for_update=lock or None)
    if row is None:
        raise ShopError(f"the shop has no customer {customer!r}")
    return row


def key_of(number: str) -> str:
    """An order's key in the table, for any text."""
    return clean(canonical(number[:NUMBER_CHARS]))


def _variants(ids: Iterable[str]) -> Select[VariantRow]:
    return select(VariantRow).where(VariantRow.id.in_(sorted(ids)))
