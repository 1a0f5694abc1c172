"""What a look-up found, as a model that calls tools itself reads it: amounts, names and moments as the shopper would
read them, beside the ids that a next call needs. Minor units and UTC would be quoted as they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kefu.amounts import money_text
from kefu.tools.tool import Looked
from shop.money import Money
from shop.views import named

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:.+")  # the facts say when, on the shopper's clock


def told(looked: Looked, language: str) -> str:
    """One JSON object."""
    facts = {"facts": looked.facts} if looked.facts else {}
    return json.dumps(facts | _read(dict(looked.data), language), ensure_ascii=False, default=str)


def _read(value: Any, language: str) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"amount", "currency"}:
            return money_text(Money.model_validate(value), language)
        if "en" in value:
            return named(dict(value), language)
        return {key: _read(inner, language) for key, inner in value.items() if not _is_moment(inner)}
    if isinstance(value, list | tuple):
        return [_read(inner, language) for inner in value if not _is_moment(inner)]
    return value


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and _MOMENT.fullmatch(value) is not None
