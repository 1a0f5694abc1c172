"""tau2's retail shop as rows of Kefu's tables. Knows no task and no rule.

tau2 keeps no dates, no stock and no phone. An order's date only keeps the order of its customer's list; a variant that
can be had is in stock FULL times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from shop import models
from shop.database import Engine, writing
from shop.models import Base
from shop.money import Money
from shop.numbers import canonical
from shop.views import Address

Tau2 = dict[str, Any]  # the shape of db.json: products, users and orders by their ids
Row = tuple[type[Base], dict[str, Any]]

CURRENCY = "USD"
FULL = 1000
COUNTRIES = {"USA": "US"}  # tau2's word -> ISO 3166; others stay as they are
_FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)


async def load(engine: Engine, db: Tau2) -> None:
    """Puts the whole shop into a migrated, empty database."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for model, row in (*_products(db), *_customers(db), *_orders(db)):
        rows[model.__tablename__].append(row)
    async with writing(engine) as connection:
        for table in Base.metadata.sorted_tables:  # parents first
            if rows[table.name]:
                await connection.execute(insert(table), rows[table.name])


def minor(amount: float) -> int:
    """Cents."""
    return Money.of(amount, CURRENCY).amount


def full_name(user: Mapping[str, Any]) -> str:
    return f"{user['name']['first_name']} {user['name']['last_name']}"


def _products(db: Tau2) -> Iterator[Row]:
    for product in db["products"].values():
        yield (
            models.ProductRow,
            {
                "id": product["product_id"],
                "names": {"en": product["name"]},
                "category": "",
                "descriptions": {},
                "attributes": {},
                "market": "all",
                "electronics": False,
                "returnable": True,
            },
        )
        for variant in product["variants"].values():
            yield (
                models.VariantRow,
                {
                    "id": variant["item_id"],
                    "product": product["product_id"],
                    "options": _options(variant["options"]),
                    "price": minor(variant["price"]),
                    "currency": CURRENCY,
                    "stock": FULL if variant["available"] else 0,
                },
            )


def _customers(db: Tau2) -> Iterator[Row]:
    for id, user in db["users"].items():
        address = _address(user["address"], full_name(user))
        yield (
            models.CustomerRow,
            {
                "id": id,
                "name": full_name(user),
                "email": user["email"],
                "phone": "",
                "language": "en",
                "country": address.country,
            },
        )
        saved = {"id": f"{id}-default", "customer": id, "label": "", "address": address, "is_default": True}
        yield models.AddressRow, saved
        for method in user["payment_methods"].values():
            balance = minor(method["balance"]) if "balance" in method else None
            yield (
                models.PaymentMethodRow,
                {
                    "id": method["id"],
                    "customer": id,
                    "kind": method["source"],
                    "hint": method.get("last_four", ""),
                    "balance": balance,
                    "currency": None if balance is None else CURRENCY,
                },
            )


def _orders(db: Tau2) -> Iterator[Row]:
    for user in db["users"].values():
        for day, id in enumerate(user["orders"]):
            order, at = db["orders"][id], _FIRST_DAY + timedelta(days=day)
            number = canonical(id)
            yield (
                models.OrderRow,
                {
                    "number": number,
                    "customer": order["user_id"],
                    "status": order["status"],
                    "placed_at": at,
                    "delivered_at": None,
                    "currency": CURRENCY,
                    "address": _address(order["address"], full_name(user)),
                    "shipping": 0,
                    "items_modified": False,
                    "cancel_reason": "",
                    "note": "",
                },
            )
            yield from _items(number, order)
            yield from _payments(number, order, user, at)
            yield from _parcels(number, order)


def _items(number: str, order: Mapping[str, Any]) -> Iterator[Row]:
    """Every unit has an id of ours: tau2 names a unit by its variant, and two of a kind by the same."""
    for position, item in enumerate(order["items"], start=1):
        yield (
            models.ItemRow,
            {
                "id": f"{number}-{position}",
                "order": number,
                "position": position,
                "product": item["product_id"],
                "variant": item["item_id"],
                "names": {"en": item["name"]},
                "options": _options(item["options"]),
                "price": minor(item["price"]),
            },
        )


def _payments(number: str, order: Mapping[str, Any], user: Mapping[str, Any], at: datetime) -> Iterator[Row]:
    for payment in order["payment_history"]:
        method = payment["payment_method_id"]
        yield (
            models.PaymentRow,
            {
                "order": number,
                "kind": payment["transaction_type"],
                "amount": minor(payment["amount"]),
                "method": method,
                "method_kind": user["payment_methods"][method]["source"],
                "at": at,
            },
        )


def _parcels(number: str, order: Mapping[str, Any]) -> Iterator[Row]:
    left = [(item["item_id"], f"{number}-{position}") for position, item in enumerate(order["items"], start=1)]
    for parcel in order["fulfillments"]:
        units = []
        for variant in parcel["item_ids"]:
            unit = next(pair for pair in left if pair[0] == variant)
            left.remove(unit)
            units.append(unit[1])
        tracking = " ".join(parcel["tracking_id"])
        row = {"order": number, "carrier": "", "tracking": tracking, "items": units, "expected": None, "scans": ()}
        yield models.ShipmentRow, row


def _options(options: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {option: {"en": value} for option, value in options.items()}


def _address(address: Mapping[str, str], name: str) -> Address:
    return Address(
        name=name,
        line1=address["address1"],
        line2=address["address2"],
        city=address["city"],
        region=address["state"],
        country=COUNTRIES.get(address["country"], address["country"]),
        postcode=address["zip"],
    )
