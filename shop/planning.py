"""What a wish would do: the one way from a wish to a plan, by the shop's rules. Changes nothing."""

from __future__ import annotations

from shop.changes import (
    CancelOrder,
    ChangeAddress,
    ChangeDefaultAddress,
    ChangePayment,
    ExchangeItems,
    ForgetMe,
    ModifyItems,
    ReturnItems,
    Wish,
)
from shop.planning_basis import Known, Plan
from shop.planning_customer import change_default_address, forget_me
from shop.planning_delivered import exchange_items, return_items
from shop.planning_pending import cancel_order, change_address, change_payment, modify_items
from shop.views import Order

OrderWish = CancelOrder | ChangeAddress | ModifyItems | ChangePayment | ReturnItems | ExchangeItems


def plan(wish: Wish, order: Order | None, known: Known) -> Plan:
    """What would happen. `order` is the one that the wish names, if it names one. Refused when a rule says no."""
    match wish:
        case ChangeDefaultAddress():
            return change_default_address(wish, known)
        case ForgetMe():
            return forget_me(wish, known)
    if order is None:
        raise ValueError(f"{wish.kind} without its order")
    match wish:
        case CancelOrder():
            return cancel_order(wish, order, known)
        case ChangeAddress():
            return change_address(wish, order, known)
        case ModifyItems():
            return modify_items(wish, order, known)
        case ChangePayment():
            return change_payment(wish, order, known)
        case ReturnItems():
            return return_items(wish, order, known)
        case ExchangeItems():
            return exchange_items(wish, order, known)
