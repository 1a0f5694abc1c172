"""Plans for an order that has arrived: items go back, for money or for others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from shop.changes import Change, ExchangeItems, Line, ReturnItems, ReturnReason
from shop.errors import RefusalCode, Refused
from shop.money import Money
from shop.planning_basis import (
    Known,
    Plan,
    Request,
    exchanged,
    item_line,
    method_of,
    must_cover,
    must_take_back,
    paid_with,
    picked,
    shown,
    stock_moves,
)
from shop.rules import OUR_FAULT
from shop.views import Item, Order, PaymentMethod, Return


def return_items(wish: ReturnItems, order: Order, known: Known) -> Plan:
    """The prices paid come back, less the fee; with the shipping, once, where the shop is to blame."""
    _must_be_delivered(order)
    items = picked(order, wish.items)
    _must_be_free(order, items, known)
    for item in items:
        days = _days(item, wish.reason, known)
        _must_be_in_time(order, "return_too_late", days, known)
    _must_be_returnable(items, wish.reason, known)
    method = _refund_method(wish.method, order, known)
    country = order.address.country
    earlier = [request for request in _standing(order) if request.kind == "return"]
    fee = _in_currency(known.rules.return_fee(country, len(earlier), wish.reason), order)
    refund = _sum([item.price for item in items], order) - (fee or _sum([], order))
    if wish.reason in OUR_FAULT and not any(request.reason in OUR_FAULT for request in earlier):
        refund += order.shipping
    refund = Money(amount=max(0, refund.amount), currency=order.currency)
    lines = [item_line(item) for item in items]
    lines += [*_fee(fee), Line(what="refund", new=refund), _ship_back_to(country, known)]
    return Plan(
        Change(kind=wish.kind, order=order.number, lines=tuple(lines), money=refund or None, method=shown(method)),
        request=Request("return", tuple(wish.items), (), refund, method.id, wish.reason),
    )


def exchange_items(wish: ExchangeItems, order: Order, known: Known) -> Plan:
    """Others of the same products, reserved at once, at the prices paid or at today's, as the rules have it."""
    _must_be_delivered(order)
    items = picked(order, [swap.item for swap in wish.swaps])
    _must_be_free(order, items, known)
    _must_be_in_time(order, "exchange_too_late", known.rules.exchange_days, known)
    country = order.address.country
    if known.rules.exchange_countries is not None and country not in known.rules.exchange_countries:
        raise Refused("exchange_not_offered", country=country)
    _must_be_returnable(items, wish.reason, known)
    swaps = exchanged(known, order, wish.swaps)
    keeps_price = known.rules.exchange_price == "paid"
    earlier = sum(request.kind == "exchange" for request in _standing(order))
    fee = _in_currency(known.rules.exchange_fee(country, earlier, wish.reason), order)
    difference = _sum([] if keeps_price else [swap.difference for swap in swaps], order)
    due = difference + fee if fee else difference
    method = method_of(known, order, wish.method) if due or wish.method else None
    if method:
        must_cover(known, method, due)
        if due.amount < 0:
            must_take_back(known, order, method)
    lines = [item_line(swap.item, swap.variant, swap.item.price if keeps_price else None) for swap in swaps]
    lines += [Line(what="price_difference", new=difference)] if difference else []
    lines += [*_fee(fee), _ship_back_to(country, known)]
    new_variants = tuple(swap.variant.id for swap in swaps)
    return Plan(
        Change(
            kind=wish.kind,
            order=order.number,
            lines=tuple(lines),
            money=-due or None,
            method=shown(method) if method and due else None,
        ),
        stock=stock_moves([], new_variants),
        request=Request(
            "exchange",
            tuple(item.id for item in items),
            new_variants,
            -due or None,
            method.id if method else None,
            wish.reason,
        ),
    )


def _must_be_delivered(order: Order) -> None:
    if order.status != "delivered":
        raise Refused("not_delivered", number=order.number, status=order.status)


def _standing(order: Order) -> list[Return]:
    """The returns and exchanges that count: the shop may have rejected others."""
    return [request for request in order.returns if request.status != "rejected"]


def _must_be_free(order: Order, items: Iterable[Item], known: Known) -> None:
    """Refused when one of the items went back before, or the order had its one request."""
    standing = _standing(order)
    taken = {item for request in standing for item in request.items}
    if (known.rules.one_request and standing) or any(item.id in taken for item in items):
        raise Refused("already_requested", number=order.number)


def _days(item: Item, reason: ReturnReason, known: Known) -> int | None:
    """How long an item may go back; whether electronics were opened is seen when they arrive."""
    product = known.products.get(item.product)
    if product and product.electronics and reason not in OUR_FAULT:
        return known.rules.electronics_days
    return known.rules.return_days


def _must_be_in_time(order: Order, code: RefusalCode, days: int | None, known: Known) -> None:
    if days is None or order.delivered_at is None:
        return
    if known.now - order.delivered_at > timedelta(days=days):
        raise Refused(code, number=order.number, days=str(days))


def _must_be_returnable(items: Iterable[Item], reason: ReturnReason, known: Known) -> None:
    for item in items:
        product = known.products.get(item.product)
        if product and not product.returnable and reason not in OUR_FAULT:
            raise Refused("not_returnable", item.names, product=known.name(item))


def _refund_method(id: str | None, order: Order, known: Known) -> PaymentMethod:
    """Money comes back the way it came; some shops also give it on a gift card."""
    method = method_of(known, order, id)
    must_take_back(known, order, method)
    if method.id != paid_with(order) and method.kind != "gift_card":
        raise Refused("refund_method_not_allowed")
    return method


def _sum(amounts: Sequence[Money], order: Order) -> Money:
    return sum(amounts, Money(amount=0, currency=order.currency))


def _in_currency(fee: Money | None, order: Order) -> Money | None:
    """A fee in the order's currency; an order to a country, but in another money, bears none."""
    return fee if fee and fee.currency == order.currency else None


def _fee(fee: Money | None) -> list[Line]:
    return [Line(what="fee", new=fee)] if fee else []


def _ship_back_to(country: str, known: Known) -> Line:
    return Line(what="ship_back_to", new=known.rules.ship_back_to(country))
