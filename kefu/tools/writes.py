"""Changes a shopper may ask for. None of them writes: each gives the wish, which the shop checks against its rules and
the shopper confirms by a click."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kefu.tools.reads import OrderNumber
from kefu.tools.tool import Session
from shop import changes
from shop.changes import CancelReason, ReturnReason
from shop.views import Address

Id = Annotated[str, Field(max_length=60)]
ItemIds = Annotated[list[Id], Field(min_length=1, max_length=50, description="Ids of items of the order.")]
VariantIds = Annotated[
    list[Id], Field(min_length=1, max_length=50, description="New variants, one for each item, in the same order.")
]
MethodId = Annotated[
    str | None, Field(max_length=60, description="A payment method's id; null: as the order was paid.")
]


async def cancel_pending_order(session: Session, order_number: OrderNumber, reason: CancelReason) -> changes.Wish:
    """Cancel an order that was not dispatched yet; the whole amount is refunded. The customer is asked to confirm."""
    return changes.CancelOrder(order=order_number, reason=reason)


async def change_pending_order_address(session: Session, order_number: OrderNumber, address: Address) -> changes.Wish:
    """Send an order that was not dispatched yet to another address in the same country. The customer is asked to
    confirm."""
    return changes.ChangeAddress(order=order_number, address=address)


async def modify_pending_order_items(
    session: Session, order_number: OrderNumber, item_ids: ItemIds, new_variant_ids: VariantIds, method: MethodId = None
) -> changes.Wish:
    """Swap items of an order that was not dispatched yet for other variants (size, colour) of the same products.
    Works once for an order: collect all items first. The customer is asked to confirm."""
    return changes.ModifyItems(order=order_number, swaps=_swaps(item_ids, new_variant_ids), method=method)


async def change_pending_order_payment(
    session: Session, order_number: OrderNumber, method: Annotated[str, Field(max_length=60)]
) -> changes.Wish:
    """Pay an order that was not dispatched yet with another payment method on file. The customer is asked to
    confirm."""
    return changes.ChangePayment(order=order_number, method=method)


async def return_delivered_order_items(
    session: Session, order_number: OrderNumber, item_ids: ItemIds, reason: ReturnReason, method: MethodId = None
) -> changes.Wish:
    """Ask for the return of items of a delivered order; their price is refunded. The customer is asked to confirm."""
    return changes.ReturnItems(order=order_number, items=tuple(item_ids), reason=reason, method=method)


async def exchange_delivered_order_items(
    session: Session,
    order_number: OrderNumber,
    item_ids: ItemIds,
    new_variant_ids: VariantIds,
    reason: ReturnReason = "does_not_fit",
    method: MethodId = None,
) -> changes.Wish:
    """Exchange items of a delivered order for other variants (size, colour) of the same products. Collect all items
    first. The customer is asked to confirm."""
    swaps = _swaps(item_ids, new_variant_ids)
    return changes.ExchangeItems(order=order_number, swaps=swaps, reason=reason, method=method)


async def change_default_address(session: Session, address: Address) -> changes.Wish:
    """Change the address that the customer's future orders go to. The customer is asked to confirm."""
    return changes.ChangeDefaultAddress(address=address)


async def forget_me(session: Session) -> changes.Wish:
    """Delete what is remembered about the customer beyond this conversation. The customer is asked to confirm."""
    return changes.ForgetMe()


def _swaps(items: list[str], variants: list[str]) -> tuple[changes.Swap, ...]:
    if len(items) != len(variants):
        raise ValueError("as many new variants as items")
    return tuple(changes.Swap(item=item, variant=variant) for item, variant in zip(items, variants, strict=True))
