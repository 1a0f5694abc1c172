"""Kefu's tables in the shape of tau2's db.json again. Knows no task and no rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bench.tau2_load import COUNTRIES, CURRENCY, Tau2
from shop import models
from shop.database import Engine
from shop.models import Base
from shop.money import Money
from shop.views import Address

Rows = Sequence[Mapping[str, Any]]
_COUNTRY = {ours: theirs for theirs, ours in COUNTRIES.items()}
_REASONS = {"no_longer_needed": "no longer needed", "ordered_by_mistake": "ordered by mistake"}
_REQUESTED = {"return": "return requested", "exchange": "exchange requested"}


async def export(engine: Engine) -> Tau2:
    """The shop as it is now, as bench.tau2_compare has it."""
    async with engine.connect() as db:
        tables = {
            table.name: [dict(row) for row in (await db.execute(select(table))).mappings()]
            for table in Base.metadata.tables.values()
        }
    return _Export(tables).shop()


class _Export:
    def __init__(self, tables: Mapping[str, Rows]) -> None:
        self._tables = tables

    def shop(self) -> Tau2:
        variants = self._by(models.VariantRow, "product", "id")
        products = {
            row["id"]: {
                "name": row["names"]["en"],
                "product_id": row["id"],
                "variants": {variant["id"]: _variant(variant) for variant in variants[row["id"]]},
            }
            for row in self._rows(models.ProductRow)
        }
        return {"products": products, "users": self._users(), "orders": self._orders()}

    def _users(self) -> Tau2:
        addresses = self._by(models.AddressRow, "customer", "id")
        methods = self._by(models.PaymentMethodRow, "customer", "id")
        orders = self._by(models.OrderRow, "customer", "placed_at")
        return {
            row["id"]: {
                "user_id": row["id"],
                "name": row["name"],
                "address": next(_address(saved["address"]) for saved in addresses[row["id"]] if saved["is_default"]),
                "email": row["email"],
                "payment_methods": {method["id"]: _method(method) for method in methods[row["id"]]},
                "orders": [f"#{order['number']}" for order in orders[row["id"]]],
            }
            for row in self._rows(models.CustomerRow)
        }

    def _orders(self) -> Tau2:
        items = self._by(models.ItemRow, "order", "position")
        payments = self._by(models.PaymentRow, "order", "id")
        parcels = self._by(models.ShipmentRow, "order", "id")
        returns = self._by(models.ReturnRow, "order", "requested_at")
        orders = {}
        for row in self._rows(models.OrderRow):
            number = row["number"]
            variants = {item["id"]: item["variant"] for item in items[number]}
            orders[f"#{number}"] = {
                "order_id": f"#{number}",
                "user_id": row["customer"],
                "address": _address(row["address"]),
                "items": [_item(item) for item in items[number]],
                "status": "pending (item modified)" if row["items_modified"] else row["status"],
                "fulfillments": [_parcel(parcel, variants) for parcel in parcels[number]],
                "payment_history": [_payment(payment) for payment in payments[number]],
                **({"cancel_reason": _REASONS[row["cancel_reason"]]} if row["cancel_reason"] else {}),
            }
            for request in returns[number]:
                orders[f"#{number}"] |= _request(request, variants)
        return orders

    def _rows(self, model: type[Base]) -> Rows:
        return self._tables[model.__tablename__]

    def _by(self, model: type[Base], key: str, order: str) -> Mapping[str, Rows]:
        """The rows of each owner, in order."""
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in sorted(self._rows(model), key=lambda row: row[order]):
            found[row[key]].append(row)
        return found


def _variant(row: Mapping[str, Any]) -> Tau2:
    return {
        "item_id": row["id"],
        "options": _options(row),
        "available": row["stock"] > 0,
        "price": _major(row["price"]),
    }


def _method(row: Mapping[str, Any]) -> Tau2:
    method = {"source": row["kind"], "id": row["id"]}
    return (
        method
        | ({"last_four": row["hint"]} if row["hint"] else {})
        | ({} if row["balance"] is None else {"balance": _major(row["balance"])})
    )


def _item(row: Mapping[str, Any]) -> Tau2:
    return {
        "name": row["names"]["en"],
        "product_id": row["product"],
        "item_id": row["variant"],
        "price": _major(row["price"]),
        "options": _options(row),
    }


def _parcel(row: Mapping[str, Any], variants: Mapping[str, str]) -> Tau2:
    return {"tracking_id": row["tracking"].split(), "item_ids": [variants[unit] for unit in row["items"]]}


def _payment(row: Mapping[str, Any]) -> Tau2:
    return {"transaction_type": row["kind"], "amount": _major(row["amount"]), "payment_method_id": row["method"]}


def _request(row: Mapping[str, Any], variants: Mapping[str, str]) -> Tau2:
    """What a return or exchange adds to its order. tau2 counts a price difference as the customer's to pay."""
    kind, items = row["kind"], sorted(variants[unit] for unit in row["items"])
    asked = {"status": _REQUESTED[kind], f"{kind}_items": items, f"{kind}_payment_method_id": row["method"]}
    if kind == "return":
        return asked
    difference = {"exchange_price_difference": _major(-(row["money"] or 0))}
    return asked | difference | {"exchange_new_items": sorted(row["new_variants"])}


def _options(row: Mapping[str, Any]) -> dict[str, str]:
    return {option: value["en"] for option, value in row["options"].items()}


def _address(address: Address) -> Tau2:
    return {
        "address1": address.line1,
        "address2": address.line2,
        "city": address.city,
        "country": _COUNTRY.get(address.country, address.country),
        "state": address.region,
        "zip": address.postcode,
    }


def _major(amount: int) -> float:
    return float(Money(amount=amount, currency=CURRENCY).major)
