"""What tau2's retail tools make of its db.json, written anew from their behaviour: the end state that an action leads to.

Where Kefu's rules differ on purpose, `DEPARTURES` says how and why; `as_kefu=True` gives the end state with them, so
that a difference is explained only if it is exactly what its departure leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NoReturn

from bench.tau2_load import Tau2

DEPARTURES = {
    "own variant": "tau2 gives every item of one modification the price and the options of the last variant; here each "
    "item gets those of its own.",
    "restocked": "tau2 keeps no stock; here a unit that is cancelled or swapped goes back on the shelf, so a variant "
    "that was sold out can be had again.",
    "no empty refund": "tau2 books a refund of 0 where a modification costs nothing; here nothing is booked.",
    "paid back once": "tau2 refunds every line of a cancelled order's payments, earlier refunds too; here what is "
    "still paid comes back.",
    "same variant": "tau2 exchanges an item for what it is already; here, as in tau2's own policy, that is refused.",
    "same address": "tau2 writes the address an order or customer has already; here that is refused as no change.",
}
_ADDRESS = ("address1", "address2", "city", "state", "country", "zip")


class Raises(Exception):
    """The reference refuses the action. Nothing was changed."""


class Reference:
    """One shop, as bench.tau2_compare has it. `departed` collects the departures that made a difference."""

    def __init__(self, db: Tau2, *, as_kefu: bool = False) -> None:
        self.db = db
        self.departed: set[str] = set()
        self._as_kefu = as_kefu

    def do(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Does an action of a task. Raises where it is refused, ValueError for a name that is no action."""
        actions: dict[str, Callable[..., None]] = {
            "cancel_pending_order": self._cancel,
            "exchange_delivered_order_items": self._exchange,
            "get_item_details": self._see_item,
            "get_order_details": self._see_order,
            "get_product_details": self._see_product,
            "get_user_details": self._see_user,
            "list_all_product_types": lambda: None,
            "modify_pending_order_address": self._change_address,
            "modify_pending_order_items": self._modify,
            "modify_pending_order_payment": self._change_payment,
            "modify_user_address": self._change_user_address,
            "return_delivered_order_items": self._return,
            "transfer_to_human_agents": lambda summary: None,
        }
        if name not in actions:
            raise ValueError(f"tau2's retail shop has no action {name!r}")
        actions[name](**arguments)

    # Look-ups

    def _see_order(self, order_id: str) -> None:
        self._of("orders", order_id)

    def _see_user(self, user_id: str) -> None:
        self._of("users", user_id)

    def _see_product(self, product_id: str) -> None:
        self._of("products", product_id)

    def _see_item(self, item_id: str) -> None:
        if all(item_id not in product["variants"] for product in self.db["products"].values()):
            _refuse("no such item")

    def _of(self, table: str, id: str) -> Tau2:
        found: Tau2 | None = self.db[table].get(id)
        return found if found is not None else _refuse(f"nothing in {table} is {id!r}")

    def _order(self, id: str, status: str) -> Tau2:
        order = self._of("orders", id)
        return order if order["status"] == status else _refuse(f"the order is {order['status']}")

    def _still_pending(self, id: str) -> Tau2:
        """Pending, its items modified or not."""
        order = self._of("orders", id)
        return order if "pending" in order["status"] else _refuse(f"the order is {order['status']}")

    def _method(self, order: Tau2, id: str) -> Tau2:
        found: Tau2 | None = self._of("users", order["user_id"])["payment_methods"].get(id)
        return found if found is not None else _refuse("no such payment method")

    # Pending orders

    def _cancel(self, order_id: str, reason: str) -> None:
        order = self._order(order_id, "pending")
        if reason not in ("no longer needed", "ordered by mistake"):
            _refuse("no such reason")
        paid = list(order["payment_history"])
        if len(paid) > 1 and self._departs("paid back once"):
            paid = [self._still_paid(paid)]
        for payment in paid:
            self._move(order, "refund", payment["amount"], payment["payment_method_id"])
        order |= {"status": "cancelled", "cancel_reason": reason}
        self._restock(order["items"])

    def _still_paid(self, history: Sequence[Tau2]) -> Tau2:
        """The payment that no refund took back: with tau2's own tools there is one."""
        refunded = [line["payment_method_id"] for line in history if line["transaction_type"] == "refund"]
        return next(line for line in history if line["payment_method_id"] not in refunded)

    def _change_address(self, order_id: str, **address: str) -> None:
        self._move_house(self._still_pending(order_id), address)

    def _change_user_address(self, user_id: str, **address: str) -> None:
        self._move_house(self._of("users", user_id), address)

    def _move_house(self, whose: Tau2, address: Mapping[str, str]) -> None:
        new = {part: address[part] for part in _ADDRESS}
        if whose["address"] == new and self._departs("same address"):
            _refuse("the address it has already")
        whose["address"] = new

    def _change_payment(self, order_id: str, payment_method_id: str) -> None:
        order = self._still_pending(order_id)
        method = self._method(order, payment_method_id)
        history = order["payment_history"]
        if len(history) != 1 or history[0]["transaction_type"] != "payment":
            _refuse("not exactly one payment")
        if history[0]["payment_method_id"] == payment_method_id:
            _refuse("the method it is paid with already")
        amount = history[0]["amount"]
        _must_cover(method, amount)
        self._move(order, "payment", amount, payment_method_id)
        self._move(order, "refund", amount, history[0]["payment_method_id"])

    def _modify(self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
        order = self._order(order_id, "pending")
        swaps = self._swaps(order, item_ids, new_item_ids)
        if _any_same(swaps):
            _refuse("the variant it is already")
        difference = _difference(swaps)
        _must_cover(self._method(order, payment_method_id), difference)
        if difference or not self._departs("no empty refund"):
            self._move(order, "payment" if difference > 0 else "refund", abs(difference), payment_method_id)
        self._restock([item for item, _ in swaps])
        theirs = deepcopy(order["items"])
        for id, (_, variant) in zip(item_ids, swaps, strict=True):
            _units({"items": theirs}, [id])[0].update(_as_variant(variant, priced_as=swaps[-1][1]))
        for item, variant in swaps:
            item.update(_as_variant(variant, priced_as=variant))
        if order["items"] != theirs and not self._departs("own variant"):
            order["items"] = theirs
        order["status"] = "pending (item modified)"

    # Delivered orders

    def _return(self, order_id: str, item_ids: list[str], payment_method_id: str) -> None:
        order = self._order(order_id, "delivered")
        method = self._method(order, payment_method_id)
        if method["source"] != "gift_card" and payment_method_id != order["payment_history"][0]["payment_method_id"]:
            _refuse("neither the method it was paid with nor a gift card")
        _units(order, item_ids)
        order |= {
            "status": "return requested",
            "return_items": sorted(item_ids),
            "return_payment_method_id": payment_method_id,
        }

    def _exchange(self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
        order = self._order(order_id, "delivered")
        swaps = self._swaps(order, item_ids, new_item_ids)
        if _any_same(swaps) and self._departs("same variant"):
            _refuse("the variant it is already")
        difference = _difference(swaps)
        _must_cover(self._method(order, payment_method_id), difference)
        order |= {
            "status": "exchange requested",
            "exchange_items": sorted(item_ids),
            "exchange_new_items": sorted(new_item_ids),
            "exchange_payment_method_id": payment_method_id,
            "exchange_price_difference": difference,
        }

    # What they share

    def _swaps(self, order: Tau2, old: Sequence[str], new: Sequence[str]) -> list[tuple[Tau2, Tau2]]:
        """Each unit with the variant it is to become, an available one of the same product."""
        units = _units(order, old)
        if len(old) != len(new):
            _refuse("not as many new items as old ones")
        swaps = []
        for unit, id in zip(units, new, strict=True):
            variant = self._of("products", unit["product_id"])["variants"].get(id)
            if variant is None or not variant["available"]:
                _refuse("no such variant of the product, or none left")
            swaps.append((unit, variant))
        return swaps

    def _move(self, order: Tau2, kind: str, amount: float, method_id: str) -> None:
        line = {"transaction_type": kind, "amount": amount, "payment_method_id": method_id}
        order["payment_history"].append(line)
        method = self._method(order, method_id)
        if method["source"] == "gift_card":
            method["balance"] = round(method["balance"] + (amount if kind == "refund" else -amount), 2)

    def _restock(self, units: Sequence[Tau2]) -> None:
        for unit in units:
            variant = self.db["products"].get(unit["product_id"], {"variants": {}})["variants"].get(unit["item_id"])
            if variant and not variant["available"] and self._departs("restocked"):
                variant["available"] = True

    def _departs(self, how: str) -> bool:
        """Whether Kefu's way is taken here."""
        if self._as_kefu:
            self.departed.add(how)
        return self._as_kefu


def _units(order: Tau2, ids: Sequence[str]) -> list[Tau2]:
    """The order's units with these variant ids; the same id twice means two units."""
    left, found = list(order["items"]), []
    for id in ids:
        unit = next((item for item in left if item["item_id"] == id), None)
        if unit is None:
            _refuse(f"no item {id!r}, or not so many")
        left.remove(unit)
        found.append(unit)
    return found


def _as_variant(variant: Tau2, *, priced_as: Tau2) -> Tau2:
    return {"item_id": variant["item_id"], "price": priced_as["price"], "options": priced_as["options"]}


def _any_same(swaps: Sequence[tuple[Tau2, Tau2]]) -> bool:
    return any(unit["item_id"] == variant["item_id"] for unit, variant in swaps)


def _difference(swaps: Sequence[tuple[Tau2, Tau2]]) -> float:
    """What the new variants cost more, in whole cents and never -0.0."""
    return round(sum(variant["price"] - unit["price"] for unit, variant in swaps), 2) + 0.0


def _must_cover(method: Tau2, amount: float) -> None:
    if method["source"] == "gift_card" and method["balance"] < amount:
        _refuse("the gift card holds less")


def _refuse(why: str) -> NoReturn:
    raise Raises(why)
