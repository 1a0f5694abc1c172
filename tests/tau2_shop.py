"""A small shop in the shape of tau2's db.json, and every action on it: two customers, two products, seven orders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Action = tuple[str, Json]

ANA, BOB = "ana_cole_1", "bob_reed_2"
CARD, PAYPAL, GIFT, BOBS_CARD = "credit_card_11", "paypal_12", "gift_card_13", "credit_card_21"  # GIFT holds 40.00
MUG, SHIRT = "100", "200"
RED, BLUE, GREEN, GOLD = "101", "102", "103", "104"  # 10.10, 12.35, 10.10, and 15.00, sold out
M, L = "201", "202"  # 20.00, 22.50
# Ana's: two red mugs and a shirt, pending or delivered; processed; cancelled; a gold mug paid with the gift card
PENDING, DELIVERED, PROCESSED, CANCELLED, PENDING_GIFT = (f"#W000000{n}" for n in range(1, 6))
DELIVERED_GIFT, BOBS = "#W0000006", "#W0000007"  # a blue mug paid with the gift card; Bob's pending red mug
HOME = {"address1": "1 Elm St", "address2": "", "city": "Denver", "state": "CO", "country": "USA", "zip": "80201"}
WORK = {"address1": "2 Oak Ave", "address2": "Suite 9", "city": "Reno", "state": "NV", "country": "USA", "zip": "89501"}


def shop() -> Json:
    """The shop, made anew for each caller."""
    products = {
        MUG: _product(MUG, "Mug", "colour", {RED: ("red", 10.1), BLUE: ("blue", 12.35), GREEN: ("green", 10.1)}),
        SHIRT: _product(SHIRT, "Shirt", "size", {M: ("M", 20.0), L: ("L", 22.5)}),
    }
    gold = {"item_id": GOLD, "options": {"colour": "gold"}, "available": False, "price": 15.0}
    products[MUG]["variants"][GOLD] = gold
    card = {"source": "credit_card", "brand": "visa", "last_four": "1111"}
    users = {
        ANA: _user(ANA, "Ana", "Cole", {CARD: card, PAYPAL: {"source": "paypal"}, GIFT: _gift(40.0)}),
        BOB: _user(BOB, "Bob", "Reed", {BOBS_CARD: card}),
    }
    db: Json = {"products": products, "users": users, "orders": {}}
    three = [(MUG, RED), (MUG, RED), (SHIRT, M)]
    for id, user, status, items, method in (
        (PENDING, ANA, "pending", three, CARD),
        (DELIVERED, ANA, "delivered", three, CARD),
        (PROCESSED, ANA, "processed", three, PAYPAL),
        (CANCELLED, ANA, "cancelled", three, GIFT),
        (PENDING_GIFT, ANA, "pending", [(MUG, GOLD)], GIFT),
        (DELIVERED_GIFT, ANA, "delivered", [(MUG, BLUE)], GIFT),
        (BOBS, BOB, "pending", [(MUG, RED)], BOBS_CARD),
    ):
        users[user]["orders"].append(id)
        db["orders"][id] = _order(products, id, user, status, items, method)
    return db


def _product(id: str, name: str, option: str, variants: dict[str, tuple[str, float]]) -> Json:
    return {
        "name": name,
        "product_id": id,
        "variants": {
            variant: {"item_id": variant, "options": {option: value}, "available": True, "price": price}
            for variant, (value, price) in variants.items()
        },
    }


def _gift(balance: float) -> Json:
    return {"source": "gift_card", "balance": balance}


def _user(id: str, first: str, last: str, methods: dict[str, Json]) -> Json:
    return {
        "user_id": id,
        "name": {"first_name": first, "last_name": last},
        "address": dict(HOME),
        "email": f"{first.lower()}@example.com",
        "payment_methods": {key: {"id": key, **method} for key, method in methods.items()},
        "orders": [],
    }


def _order(products: Json, id: str, user: str, status: str, items: Sequence[tuple[str, str]], method: str) -> Json:
    bought = []
    for product, variant in items:
        found = products[product]["variants"][variant]
        named = {"name": products[product]["name"], "product_id": product, "item_id": variant}
        bought.append({**named, "price": found["price"], "options": found["options"]})
    paid = {"amount": round(sum(item["price"] for item in bought), 2), "payment_method_id": method}
    history = [{"transaction_type": "payment", **paid}]
    sent = [{"tracking_id": [f"99{id[-1]}"], "item_ids": [variant for _, variant in items]}]
    return {
        "order_id": id,
        "user_id": user,
        "address": dict(HOME),
        "items": bought,
        "status": status,
        "fulfillments": sent if status in ("processed", "delivered") else [],
        "payment_history": [*history, {"transaction_type": "refund", **paid}] if status == "cancelled" else history,
    }


def cancel(order: str, reason: str = "no longer needed") -> Action:
    return "cancel_pending_order", {"order_id": order, "reason": reason}


def modify(order: str, old: list[str], new: list[str], method: str = CARD) -> Action:
    return "modify_pending_order_items", _swap(order, old, new, method)


def exchange(order: str, old: list[str], new: list[str], method: str = CARD) -> Action:
    return "exchange_delivered_order_items", _swap(order, old, new, method)


def give_back(order: str, items: list[str], method: str = CARD) -> Action:
    return "return_delivered_order_items", {"order_id": order, "item_ids": items, "payment_method_id": method}


def pay(order: str, method: str) -> Action:
    return "modify_pending_order_payment", {"order_id": order, "payment_method_id": method}


def send_to(order: str, address: dict[str, str]) -> Action:
    return "modify_pending_order_address", {"order_id": order, **address}


def live_at(user: str, address: dict[str, str]) -> Action:
    return "modify_user_address", {"user_id": user, **address}


def _swap(order: str, old: list[str], new: list[str], method: str) -> Json:
    return {"order_id": order, "item_ids": old, "new_item_ids": new, "payment_method_id": method}


def write(folder: Path, db: Json, tasks: dict[str, list[Action]], scenario: str = "You are Ana Cole.") -> Path:
    """The folder as tau2's data stand in one."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [
        {
            "id": id,
            "user_scenario": {"persona": None, "instructions": {"reason_for_call": scenario}},
            "evaluation_criteria": {"actions": [{"name": name, "arguments": given} for name, given in actions]},
        }
        for id, actions in tasks.items()
    ]
    (folder / "db.json").write_text(json.dumps(db), encoding="utf-8")
    (folder / "tasks_train.json").write_text(json.dumps(listed), encoding="utf-8")
    (folder / "policy.md").write_text("# Retail policy\n\n## Cancel\n\nA pending order can be cancelled.\n", "utf-8")
    return folder
