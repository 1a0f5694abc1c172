"""Plans for an order that was not dispatched yet: cancel it, or change its address, items or payment."""

from __future__ import annotations

from datetime import timedelta

from shop.changes import CancelOrder, Change, ChangeAddress, ChangePayment, Line, ModifyItems
from shop.errors import Refused
from shop.money import Money
from shop.planning_basis import (
    Known,
    Plan,
    Transfer,
    exchanged,
    item_line,
    method_of,
    must_cover,
    must_take_back,
    paid,
    shown,
    stock_moves,
)
from shop.planning_customer import complete
from shop.views import Order


def cancel_order(wish: CancelOrder, order: Order, known: Known) -> Plan:
    """Everything that was paid comes back to where it came from, every unit to the stock. Nothing was paid yet for an
    order that the courier collects the money for."""
    _must_be_here(order, known)
    _must_be_unmodified(order)
    nothing = Money(amount=0, currency=order.currency)
    back = [Transfer("refund", money, method_of(known, order, id)) for id, money in paid(order).items()]
    lines = [Line(what="status", old=order.status, new="cancelled")]
    for transfer in back:
        if len(back) > 1:
            lines.append(Line(what="payment_method", new=shown(transfer.method)))
        lines.append(Line(what="refund", new=transfer.amount))
    return Plan(
        Change(
            kind=wish.kind,
            order=order.number,
            lines=tuple(lines),
            money=sum((transfer.amount for transfer in back), nothing) or None,
            method=shown(back[0].method) if len(back) == 1 else None,
        ),
        columns={"status": "cancelled", "cancel_reason": wish.reason},
        transfers=tuple(back),
        stock=stock_moves([item.variant for item in order.items], []),
    )


def change_address(wish: ChangeAddress, order: Order, known: Known) -> Plan:
    """Another address; its name and phone stay what they were unless others are given."""
    _must_be_here(order, known)
    new = complete(wish.address, name=order.address.name, phone=order.address.phone)
    if known.rules.country_fixed and new.country != order.address.country:
        raise Refused("country_fixed", country=order.address.country)
    if new == order.address:
        raise Refused("same_address")
    line = Line(what="address", old=order.address, new=new)
    return Plan(
        Change(kind=wish.kind, order=order.number, lines=(line,), money=None, method=None), columns={"address": new}
    )


def modify_items(wish: ModifyItems, order: Order, known: Known) -> Plan:
    """Other variants at today's prices, once. The difference moves at once, or is the courier's to collect where
    nothing was paid yet."""
    _must_be_here(order, known)
    _must_be_unmodified(order)
    hours = known.rules.change_hours
    if hours is not None and known.now - order.placed_at > timedelta(hours=hours):
        raise Refused("change_too_late", number=order.number, hours=str(hours))
    swaps = exchanged(known, order, wish.swaps)
    difference = sum((swap.difference for swap in swaps), Money(amount=0, currency=order.currency))
    lines = [item_line(swap.item, swap.variant) for swap in swaps]
    lines += [Line(what="price_difference", new=difference)] if difference else []
    transfer = _difference(wish.method, difference, order, known) if order.payments else None
    return Plan(
        Change(
            kind=wish.kind,
            order=order.number,
            lines=tuple(lines),
            money=-difference if transfer else None,
            method=shown(transfer.method) if transfer else None,
        ),
        columns={"items_modified": True},
        items={swap.item.id: swap.variant for swap in swaps},
        transfers=(transfer,) if transfer else (),
        stock=stock_moves([swap.item.variant for swap in swaps], [swap.variant.id for swap in swaps]),
    )


def _difference(id: str | None, difference: Money, order: Order, known: Known) -> Transfer | None:
    """What moves for a price difference; a method that is named must do even where nothing moves."""
    if not difference and id is None:
        return None
    method = method_of(known, order, id)
    must_cover(known, method, difference)
    if difference.amount < 0:
        must_take_back(known, order, method)
        return Transfer("refund", -difference, method)
    return Transfer("payment", difference, method) if difference else None


def change_payment(wish: ChangePayment, order: Order, known: Known) -> Plan:
    """The whole order is paid with another method, and comes back to the one before."""
    _must_be_here(order, known)
    if len(order.payments) != 1 or order.payments[0].kind != "payment":
        raise Refused("payment_not_changeable", number=order.number)
    payment = order.payments[0]
    if not wish.method:
        raise Refused("payment_method_not_found")
    if wish.method == payment.method:
        raise Refused("same_payment_method")
    old, new = method_of(known, order, payment.method), method_of(known, order, wish.method)
    if new.kind == "cod":  # is agreed with the courier when the order is placed
        raise Refused("payment_not_changeable", number=order.number)
    must_cover(known, new, payment.amount)
    line = Line(what="payment_method", old=shown(old), new=shown(new))
    return Plan(
        Change(kind=wish.kind, order=order.number, lines=(line,), money=None, method=shown(new)),
        transfers=(Transfer("payment", payment.amount, new), Transfer("refund", payment.amount, old)),
    )


def _must_be_here(order: Order, known: Known) -> None:
    if order.status not in known.rules.changeable:
        raise Refused("not_pending", number=order.number, status=order.status)


def _must_be_unmodified(order: Order) -> None:
    if order.items_modified:
        raise Refused("already_changed", number=order.number)
