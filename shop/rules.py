"""The numbers and choices of one shop. Knows no order: shop.planning applies them.

The defaults are what policies/en/order-changes.md, returns.md, exchanges.md and refunds.md tell shoppers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel

from shop.changes import ReturnReason
from shop.money import Money
from shop.views import OrderStatus

OUR_FAULT: frozenset[ReturnReason] = frozenset({"faulty", "wrong_item"})  # the shop pays, and takes everything back

_FEES = {
    "CN": Money(amount=12_00, currency="CNY"),
    "VN": Money(amount=60_000, currency="VND"),
    "TH": Money(amount=90_00, currency="THB"),
}


class Rules(BaseModel, frozen=True):
    """What a shop allows. A window of None never closes; countries are ISO 3166 alpha-2."""

    changeable: frozenset[OrderStatus] = frozenset({"pending", "processed"})  # not dispatched yet: packed still counts
    change_hours: int | None = 2  # after ordering, for other items in a pending order
    return_days: int | None = 30  # after delivery
    electronics_days: int | None = 15  # the same for electronics that are not faulty
    exchange_days: int | None = 30
    exchange_price: Literal["paid", "current"] = "paid"  # an exchanged item keeps its price, or costs today's
    exchange_countries: frozenset[str] | None = frozenset({"CN", "VN", "TH"})  # None: everywhere
    refund_methods: Literal["original", "original_or_gift_card"] = "original"
    country_fixed: bool = True  # an order's address may change, its country may not
    one_request: bool = False  # one return or exchange an order, whatever its items
    fees: Mapping[str, Money] = _FEES  # of a return or exchange by the order's country; elsewhere the customer posts it
    first_return_free: frozenset[str] = frozenset({"CN"})
    first_exchange_free: frozenset[str] = frozenset({"CN", "VN", "TH"})
    warehouses: Mapping[str, str] = {"VN": "hcmc", "TH": "bangkok"}  # where goods of a country go back to …
    warehouse: str = "shenzhen"  # … and those of all others

    def return_fee(self, country: str, earlier: int, reason: ReturnReason) -> Money | None:
        """What a return costs the customer when the order had so many returns before."""
        return self._fee(country, not earlier and country in self.first_return_free, reason)

    def exchange_fee(self, country: str, earlier: int, reason: ReturnReason) -> Money | None:
        """What an exchange costs the customer when the order had so many exchanges before."""
        return self._fee(country, not earlier and country in self.first_exchange_free, reason)

    def ship_back_to(self, country: str) -> str:
        """The key of the warehouse that takes goods back from a country."""
        return self.warehouses.get(country, self.warehouse)

    def _fee(self, country: str, free: bool, reason: ReturnReason) -> Money | None:
        return None if free or reason in OUR_FAULT else self.fees.get(country)
