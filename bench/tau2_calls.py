"""tau2's actions as calls of Kefu's tools. Knows no session and no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.tau2_load import COUNTRIES
from shop.views import Order

# What no tool of Kefu does, because nobody need ask for it
NO_TOOL = {
    "find_user_id_by_email": "who asks comes from the session",
    "find_user_id_by_name_zip": "who asks comes from the session",
    "calculate": "the shop adds up what a change costs",
}
_READS = {  # tau2's action -> Kefu's tool, and its arguments
    "get_order_details": ("get_order", {"order_id": "order_number"}),
    "get_user_details": ("get_profile", {}),
    "get_product_details": ("get_product", {"product_id": "product_id"}),
    "get_item_details": ("get_variant", {"item_id": "variant_id"}),
    "list_all_product_types": ("list_products", {}),
    "transfer_to_human_agents": ("transfer_to_human", {"summary": "summary"}),
}


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    tool: str
    arguments: dict[str, Any]


def tool_call(name: str, given: Mapping[str, Any], order: Order | None) -> Call:
    """The same with Kefu's tools. `order` is the one that is named, where there is one: its units have ids of their
    own. ValueError for a name that is no action."""
    if name in _READS:
        tool, names = _READS[name]
        return Call(tool, {ours: given[theirs] for theirs, ours in names.items()})
    if name == "modify_user_address":
        return Call("change_default_address", {"address": _address(given)})
    arguments: dict[str, Any] = {"order_number": given["order_id"]}
    if "item_ids" in given:
        arguments["item_ids"] = unit_ids(given["item_ids"], order)
    if "new_item_ids" in given:
        arguments["new_variant_ids"] = given["new_item_ids"]
    if "payment_method_id" in given:
        arguments["method"] = given["payment_method_id"]
    match name:
        case "cancel_pending_order":
            return Call(name, arguments | {"reason": given["reason"].replace(" ", "_")})
        case "modify_pending_order_address":
            return Call("change_pending_order_address", arguments | {"address": _address(given)})
        case "modify_pending_order_payment":
            return Call("change_pending_order_payment", arguments)
        case "return_delivered_order_items":
            return Call(name, arguments | {"reason": "changed_mind"})  # tau2 asks for none
        case "modify_pending_order_items" | "exchange_delivered_order_items":
            return Call(name, arguments)
    raise ValueError(f"tau2's retail shop has no action {name!r}")


def unit_ids(variants: Sequence[str], order: Order | None) -> list[str]:
    """A unit of the order for each variant, no unit twice; a variant that has none left stands for itself."""
    left = [(item.variant, item.id) for item in order.items] if order else []
    units = []
    for variant in variants:
        unit = next((pair for pair in left if pair[0] == variant), (variant, variant))
        if unit in left:
            left.remove(unit)
        units.append(unit[1])
    return units


def _address(given: Mapping[str, str]) -> dict[str, str]:
    return {
        "line1": given["address1"],
        "line2": given["address2"],
        "city": given["city"],
        "region": given["state"],
        "country": COUNTRIES.get(given["country"], given["country"]),
        "postcode": given["zip"],
    }
