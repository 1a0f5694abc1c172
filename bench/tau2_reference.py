"""What tau2's retail tools make of its db.json: the end state of actions, written anew from their behaviour.

`as_kefu=True` gives the end state with the departures of Kefu's rules (bench/tau2_departures.py), so that a difference
is explained only if it is exactly what its departure leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from bench.tau2_load import Tau2
from bench.tau2_units import any_same, as_variant, must_cover, price_difference, refuse, units_of

_ADDRESS = ("address1", "address2", "city", "state", "country", "zip")


class Reference:
    """One shop, as bench.tau2_compare has it. `departed` collects the departures that made a difference."""

    def __init__(self, db: Tau2, *, as_kefu: bool = False) -> None:
        self.db = db
        self.departed: set[str] = set()
        self._as_kefu = as_kefu

    def do(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Does an action of a task. Tau2Refuses, ValueError for a name that is no action."""
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
            refuse("no such item")

    def _of(self, table: str, id: str) -> Tau2:
        found: Tau2 | None = self.db[table].get(id)
        return found if found is not None else refuse(f"nothing in {table} is {id!r}")

    def _order(self, id: str, status: str) -> Tau2:
        order = self._of("orders", id)
        return order if order["status"] == status else refuse(f"the order is {order['status']}")

    def _still_pending(self, id: str) -> Tau2:
        """Pending, its items modified or not."""
        order = self._of("orders", id)
        return order if "pending" in order["status"] else refuse(f"the order is {order['status']}")

    def _method(self, order: Tau2, id: str) -> Tau2:
        found: Tau2 | None = self._of("users", order["user_id"])["payment_methods"].get(id)
        return found if found is not None else refuse("no such payment method")

    # Pending orders

    def _cancel(self, order_id: str, reason: str) -> None:
        order = self._order(order_id, "pending")
        if reason not in ("no longer needed", "ordered by mistake"):
            refuse("no such reason")
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
            refuse("the address it has already")
        whose["address"] = new

    def _change_payment(self, order_id: str, payment_method_id: str) -> None:
        order = self._still_pending(order_id)
        method = self._method(order, payment_method_id)
        history = order["payment_history"]
        if len(history) != 1 or history[0]["transaction_type"] != "payment":
            refuse("not exactly one payment")
        if history[0]["payment_method_id"] == payment_method_id:
            refuse("the method it is paid with already")
        amount = history[0]["amount"]
        must_cover(method, amount)
        self._move(order, "payment", amount, payment_method_id)
        self._move(order, "refund", amount, history[0]["payment_method_id"])

    def _modify(self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
        order = self._order(order_id, "pending")
        swaps = self._swaps(order, item_ids, new_item_ids)
        if any_same(swaps):
            refuse("the variant it is already")
        difference = price_difference(swaps)
        must_cover(self._method(order, payment_method_id), difference)
        if difference or not self._departs("no empty refund"):
            self._move(order, "payment" if difference > 0 else "refund", abs(difference), payment_method_id)
        self._restock([item for item, _ in swaps])
        theirs = deepcopy(order["items"])
        for id, (_, variant) in zip(item_ids, swaps, strict=True):
            units_of({"items": theirs}, [id])[0].update(as_variant(variant, priced_as=swaps[-1][1]))
        for item, variant in swaps:
            item.update(as_variant(variant, priced_as=variant))
        if order["items"] != theirs and not self._departs("own variant"):
            order["items"] = theirs
        order["status"] = "pending (item modified)"

    # Delivered orders

    def _return(self, order_id: str, item_ids: list[str], payment_method_id: str) -> None:
        order = self._order(order_id, "delivered")
        method = self._method(order, payment_method_id)
        if method["source"] != "gift_card" and payment_method_id != order["payment_history"][0]["payment_method_id"]:
            refuse("neither the method it was paid with nor a gift card")
        units_of(order, item_ids)
        order |= {
            "status": "return requested",
            "return_items": sorted(item_ids),
            "return_payment_method_id": payment_method_id,
        }

    def _exchange(self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
        order = self._order(order_id, "delivered")
        swaps = self._swaps(order, item_ids, new_item_ids)
        if any_same(swaps) and self._departs("same variant"):
            refuse("the variant it is already")
        difference = price_difference(swaps)
        must_cover(self._method(order, payment_method_id), difference)
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
        units = units_of(order, old)
        if len(old) != len(new):
            refuse("not as many new items as old ones")
        swaps = []
        for unit, id in zip(units, new, strict=True):
            variant = self._of("products", unit["product_id"])["variants"].get(id)
            if variant is None or not variant["available"]:
                refuse("no such variant of the product, or none left")
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
