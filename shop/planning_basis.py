"""What every plan is made of: what is known, what would happen, and the questions that several wishes share.

Pure: knows views and rules, no row, no clock and no database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shop.changes import Change, ItemText, Line, ReturnReason, Swap
from shop.errors import Refused
from shop.money import Money
from shop.rules import Rules
from shop.views import Address, Customer, Item, Order, PaymentMethod, Product, Variant, named


@dataclass(frozen=True)
class Known:
    """All that a plan rests on. `products` has those of the order's items and of the variants wished for."""

    customer: Customer
    products: Mapping[str, Product]
    memory: Mapping[str, str]
    rules: Rules
    now: datetime

    def variant(self, id: str) -> Variant | None:
        return next((v for product in self.products.values() for v in product.variants if v.id == id), None)

    def name(self, item: Item) -> str:
        return named(item.names, self.customer.language)


@dataclass(frozen=True)
class Transfer:
    """Money that goes from (payment) or to (refund) a method at once. Never negative."""

    kind: Literal["payment", "refund"]
    amount: Money
    method: PaymentMethod


@dataclass(frozen=True)
class Request:
    """A return or exchange that is asked for. `money` as in Change."""

    kind: Literal["return", "exchange"]
    items: tuple[str, ...]
    new_variants: tuple[str, ...]
    money: Money | None
    method: str | None
    reason: ReturnReason


@dataclass(frozen=True)
class Plan:
    """A change as the customer is shown it, and what has to be done for it, each part where there is one."""

    change: Change
    columns: Mapping[str, Any] = field(default_factory=dict)  # of the order: their new values
    items: Mapping[str, Variant] = field(default_factory=dict)  # item id -> what it becomes, at that price
    transfers: tuple[Transfer, ...] = ()
    stock: Mapping[str, int] = field(default_factory=dict)  # variant id -> units that come back, or go (negative)
    request: Request | None = None
    default_address: Address | None = None
    forget: bool = False


@dataclass(frozen=True)
class Exchanged:
    """A swap that may be made."""

    item: Item
    variant: Variant

    @property
    def difference(self) -> Money:
        """Positive: the new one costs more."""
        return self.variant.price - self.item.price


def picked(order: Order, ids: Sequence[str]) -> list[Item]:
    """The items with these ids, in the order given. Refused: none, one twice, one that is not in the order."""
    if not ids:
        raise Refused("no_items", number=order.number)
    items = {item.id: item for item in order.items}
    for id, times in Counter(ids).items():
        if id not in items or times > 1:
            raise Refused("item_not_in_order", number=order.number, item=id)
    return [items[id] for id in ids]


def exchanged(known: Known, order: Order, swaps: Sequence[Swap]) -> list[Exchanged]:
    """The swaps, each for an available other variant of the same product, sold in the order's currency."""
    found = []
    for item, swap in zip(picked(order, [swap.item for swap in swaps]), swaps, strict=True):
        variant = known.variant(swap.variant)
        if variant is None or variant.price.currency != order.currency:
            raise Refused("variant_not_found", variant=swap.variant)
        if variant.product != item.product:
            raise Refused("other_product", item.names, product=known.name(item))
        if variant.id == item.variant:
            raise Refused("same_variant", item.names, product=known.name(item))
        found.append(Exchanged(item, variant))
    wanted = Counter(swap.variant.id for swap in found)
    for one in found:
        if one.variant.stock < wanted[one.variant.id]:
            raise Refused("out_of_stock", one.item.names, product=known.name(one.item))
    return found


def stock_moves(back: Iterable[str], out: Iterable[str]) -> dict[str, int]:
    """Variant ids of units that come back and of units that go, as Plan.stock."""
    moves = Counter(back)
    moves.subtract(Counter(out))
    return {variant: units for variant, units in moves.items() if units}


def paid(order: Order) -> dict[str, Money]:
    """What each payment method carries of the order: payments less refunds, where that is more than nothing."""
    nothing = Money(amount=0, currency=order.currency)
    carried: dict[str, Money] = {}
    for payment in order.payments:
        amount = payment.amount if payment.kind == "payment" else -payment.amount
        carried[payment.method] = carried.get(payment.method, nothing) + amount
    return {method: money for method, money in carried.items() if money.amount > 0}


def paid_with(order: Order) -> str | None:
    """The method that the order was paid with: the one that carries most of it."""
    carried = paid(order)
    return max(carried, key=lambda method: carried[method].amount, default=None)


def method_of(known: Known, order: Order, id: str | None) -> PaymentMethod:
    """A method that the order was paid with, or one on file; None: the one that carries most of the order."""
    id = id or paid_with(order)
    for method in known.customer.payment_methods:
        if method.id == id and (method.balance is None or method.balance.currency == order.currency):
            return method
    for payment in order.payments:  # taken off the file since
        if payment.method == id:
            return PaymentMethod(id=payment.method, kind=payment.method_kind)
    raise Refused("payment_method_not_found")


def must_cover(known: Known, method: PaymentMethod, needed: Money) -> None:
    """Refused when more than nothing is needed and the method cannot give it: it is off the file, or holds less."""
    if needed.amount <= 0:
        return
    if method.kind != "cod" and all(other.id != method.id for other in known.customer.payment_methods):
        raise Refused("payment_method_not_found")
    if method.balance is not None and method.balance.amount < needed.amount:
        raise Refused("balance_too_small", balance=plain_text(method.balance), needed=plain_text(needed))


def must_take_back(known: Known, order: Order, method: PaymentMethod) -> None:
    """Refused when money that comes back has to go the way it came."""
    if known.rules.refund_methods == "original" and method.id != paid_with(order):
        raise Refused("refund_method_not_allowed")


def shown(method: PaymentMethod) -> PaymentMethod:
    """A method as a change shows it: without its balance, which moves for other reasons too."""
    return method.model_copy(update={"balance": None})


def item_line(item: Item, variant: Variant | None = None, price: Money | None = None) -> Line:
    """An item that goes, or becomes another variant at a price."""
    old = ItemText(names=item.names, options=item.options, price=item.price)
    new = variant and ItemText(names=item.names, options=variant.options, price=price or variant.price)
    return Line(what="item", old=old, new=new)


def plain_text(money: Money) -> str:
    """An amount as it stands in a refusal: "12.50 CNY"."""
    return f"{money.major} {money.currency}"
