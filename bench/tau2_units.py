"""The units of an order in tau2's shape, what they may become, and what that costs. Knows no state of an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from bench.tau2_load import Tau2


class Tau2Refuses(Exception):
    """The reference refuses the action. Nothing was changed."""


def units_of(order: Tau2, ids: Sequence[str]) -> list[Tau2]:
    """The order's units with these variant ids; the same id twice means two units."""
    left, found = list(order["items"]), []
    for id in ids:
        unit = next((item for item in left if item["item_id"] == id), None)
        if unit is None:
            refuse(f"no item {id!r}, or not so many")
        left.remove(unit)
        found.append(unit)
    return found


def as_variant(variant: Tau2, *, priced_as: Tau2) -> Tau2:
    return {"item_id": variant["item_id"], "price": priced_as["price"], "options": priced_as["options"]}


def any_same(swaps: Sequence[tuple[Tau2, Tau2]]) -> bool:
    return any(unit["item_id"] == variant["item_id"] for unit, variant in swaps)


def price_difference(swaps: Sequence[tuple[Tau2, Tau2]]) -> float:
    """What the new variants cost more, in whole cents and never -0.0."""
    return round(sum((float(variant["price"] - unit["price"]) for unit, variant in swaps), 0.0), 2) + 0.0


def must_cover(method: Tau2, amount: float) -> None:
    if method["source"] == "gift_card" and method["balance"] < amount:
        refuse("the gift card holds less")


def refuse(why: str) -> NoReturn:
    raise Tau2Refuses(why)
