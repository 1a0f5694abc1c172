"""The public catalogue of aws-samples/retail-demo-store as products of a shop, and wishes with the products that answer
them (evals/product_queries.yaml). Knows no search."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kefu.config import ROOT
from kefu.wants.budgets import budget
from kefu.wants.looking_for import Vocabulary
from shop.limits import Limits
from shop.money import Money
from shop.search import Query

LANGUAGES = ("en", "zh", "vi", "th")
CURRENCY = "USD"


@dataclass(frozen=True)
class Item:
    """A product of the catalogue; it has one variant."""

    id: str
    name: str
    category: str
    style: str
    description: str
    price: Money
    stock: int

    @property
    def text(self) -> str:
        return f"{self.name} {self.description}"


@dataclass(frozen=True)
class Bounds:
    """Of a price; None is no bound."""

    lowest: Money | None = None
    highest: Money | None = None

    def allow(self, price: Money) -> bool:
        return (not self.lowest or price.amount >= self.lowest.amount) and (
            not self.highest or price.amount <= self.highest.amount
        )


@dataclass(frozen=True)
class Topic:
    """A wish in each language, and the ids of what answers it within its bounds."""

    id: str
    texts: Mapping[str, str]
    answers: frozenset[str]
    bounds: Bounds


def read(folder: Path) -> list[Item]:
    """The catalogue in products.yaml. OSError where it is not there."""
    raw = yaml.load((folder / "products.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return [
        Item(
            row["id"],
            row["name"],
            row["category"],
            row["style"],
            row["description"],
            Money.of(str(row["price"]), CURRENCY),
            int(row["current_stock"]),
        )
        for row in raw
    ]


def topics(items: Sequence[Item]) -> list[Topic]:
    """The wishes, with their answers among these products."""
    rows = yaml.safe_load((ROOT / "evals" / "product_queries.yaml").read_text(encoding="utf-8"))
    return [_topic(row, items) for row in rows]


def _topic(row: Mapping[str, Any], items: Sequence[Item]) -> Topic:
    wanted, limits = row["answer"], row.get("limits") or {}
    bounds = Bounds(
        *(None if limits.get(side) is None else Money.of(limits[side], CURRENCY) for side in ("min", "max"))
    )

    def says(item: Item, pattern: str) -> bool:
        return re.search(pattern, item.text, re.IGNORECASE) is not None

    answers = frozenset(
        item.id
        for item in items
        if item.category in wanted["category"]
        and item.style in wanted["style"]
        and all(says(item, pattern) for pattern in wanted["any"])
        and not any(says(item, pattern) for pattern in wanted["none"])
        and bounds.allow(item.price)
        and (item.stock > 0 or not limits.get("in_stock"))
    )
    return Topic(row["id"], {each: row[each] for each in LANGUAGES}, answers, bounds)


def asked(topic: Topic, language: str, vocabulary: Vocabulary | None) -> Query:
    """What is searched for: the bounds are those that are read from the words, and these are taken out of the text.
    With a vocabulary, the words that it knows are added in English."""
    text = topic.texts[language]
    bounds = budget(text, CURRENCY)
    limits = Limits(lowest=bounds.lowest, highest=bounds.highest) if bounds else Limits()
    wish = text.replace(bounds.said, " ") if bounds else text
    english = vocabulary.english(wish, language) if vocabulary and language != "en" else ""
    return Query(wish, language, limits=limits, english=english, k=10)


def bounds_of(query: Query) -> Bounds:
    return Bounds(query.limits.lowest, query.limits.highest)
