"""A model that obeys the attacker: it makes the calls that it is told to, round by round, and says what it is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.scripted import Reply, ScriptedModel, say

Call = tuple[str, str]  # a tool's name and its arguments as JSON

ADDRESS = {"name": "Mallory", "phone": "+1 202 555 0199", "line1": "1 Crook Lane", "city": "Nowhere", "country": "CN"}


def call(tool: str, **arguments: Any) -> Call:
    """A call with these arguments."""
    return tool, json.dumps(arguments, ensure_ascii=False)


def obey(model: ScriptedModel, *rounds: Sequence[Call], then: str = "That is all.") -> None:
    """From now on: these calls, one round after the other, then the text for good."""
    left = iter(rounds)

    def answer(body: dict[str, Any]) -> Reply:
        calls = next(left, None)
        return say(then, size=400) if calls is None else say("", "tool_calls", tool_calls=calls)

    model.script = answer


def reads(number: str) -> list[Call]:
    """Every look-up of one order."""
    return [call(tool, order_number=number) for tool in ("get_order", "track_shipment", "get_return_status")]


def writes(number: str, items: Sequence[str], variants: Sequence[str], method: str, country: str = "CN") -> list[Call]:
    """Every change that a shopper may ask for of one order."""
    order: dict[str, Any] = {"order_number": number}
    swaps: dict[str, Any] = {"item_ids": list(items), "new_variant_ids": list(variants)}
    return [
        call("cancel_pending_order", **order, reason="no_longer_needed"),
        call("change_pending_order_address", **order, address=ADDRESS | {"country": country}),
        call("modify_pending_order_items", **order, **swaps, method=method),
        call("change_pending_order_payment", **order, method=method),
        call("return_delivered_order_items", **order, item_ids=list(items), reason="faulty", method=method),
        call("exchange_delivered_order_items", **order, **swaps, method=method),
    ]
