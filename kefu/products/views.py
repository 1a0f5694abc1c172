"""What was recommended, as programs read it: intent, filters, candidates with their scores and reasons, or why none.

The same for REST and the terminal. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kefu.products.assortment import Market
from kefu.products.facts import kind, name_of, price_text, stock_text
from kefu.products.intent import FIELDS, MOST_MONEY, Intent, Meant
from kefu.products.intent import Field as IntentField
from kefu.products.reasons import Reason
from kefu.products.recommend import Recommended, lead
from kefu.wants.looking_for import Vocabulary
from shop.limits import Limits, Order
from shop.money import Money
from shop.ranking import Part
from shop.search import Hit, Why
from shop.views import named


class Amount(BaseModel):
    """Money in major units: {"amount": "299.00", "currency": "CNY"}."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> Amount:
        return cls(amount=str(money.major), currency=money.currency)


class VariantView(BaseModel):
    """One thing that can be bought, of those that meet the filters."""

    id: str
    options: dict[str, str]
    price: Amount
    stock: int


class Candidate(BaseModel):
    """A product, its place's parts (0 to 1 each; `score` is their weighted sum) and why it is shown."""

    id: str
    name: str
    category: str
    category_name: str
    price: str
    stock: str
    image: str
    variants: list[VariantView]
    score: float
    parts: dict[Part, float]
    reason: Reason


class Filters(BaseModel):
    """The hard limits that every candidate meets."""

    market: str
    categories: list[str]
    lowest: Amount | None
    highest: Amount | None
    colours: list[str]
    sizes: list[str]
    in_stock: bool
    without: list[str]


class NoneView(BaseModel):
    """That nothing fits: the limit without which something would, and what is nearest."""

    why: Why
    nearest: list[Candidate]


class RecommendView(BaseModel):
    """An answer. `text` is what is said to the shopper before the products."""

    language: str
    market: str
    currency: str
    intent: dict[str, Any]
    filters: Filters
    text: str
    candidates: list[Candidate]
    none: NoneView | None = None


class IntentRequest(BaseModel):
    """A wish in fields, in place of a message: values as an answer's `intent` names them."""

    model_config = ConfigDict(extra="forbid")

    recipient: list[str] = []
    occasion: list[str] = []
    category: list[str] = []
    material: list[str] = []
    colour: list[str] = []
    style: list[str] = []
    season: list[str] = []
    fit: list[str] = []
    feature: list[str] = []
    size: list[str] = []
    must_not: list[str] = []
    lowest: float | None = Field(None, ge=0, le=MOST_MONEY)
    highest: float | None = Field(None, gt=0, le=MOST_MONEY)
    order: Literal["cheapest", "dearest", "best_rated", "best_selling", "newest"] | None = None

    def intent(self, vocabulary: Vocabulary, language: str, market: Market, text: str) -> Intent:
        """As an intent. ValueError names a value that the catalogue does not know, and those that it knows."""
        meant: list[Meant] = []
        for field in FIELDS:
            for value in getattr(self, field):
                meant.append(_meant(vocabulary, field, value))
        order: Order | None = self.order
        words = " ".join(one.value.replace("_", " ") for one in meant if one.field != "must_not")
        bounds = {
            name: Money.of(amount, market.currency) for name in ("lowest", "highest") if (amount := getattr(self, name))
        }
        return Intent(language=language, text=text or words, meant=tuple(meant), order=order, **bounds)


def _meant(vocabulary: Vocabulary, field: IntentField, value: str) -> Meant:
    for of in FIELDS if field == "must_not" else (field,):
        values = vocabulary.means(of, value)
        if values is not None:
            return Meant(field=field, value=value, said=value, of=values)
    known = ", ".join(vocabulary.known(field)[:60]) or "none"
    raise ValueError(f"{field}: {value!r} is not known; known are {known}")


def view(found: Recommended, contact: str, reasons: Mapping[str, Reason] | None = None) -> RecommendView:
    """What was recommended; `reasons` by product id, else those from the records."""
    none = found.results.none
    said = {**found.reasons, **(reasons or {})}
    return RecommendView(
        language=found.intent.language,
        market=found.market.name,
        currency=found.market.currency,
        intent=found.intent.plain(),
        filters=filters(found.limits),
        text=lead(found, contact),
        candidates=[candidate(hit, said[hit.product.id], found.intent.language) for hit in found.results.hits],
        none=NoneView(
            why=none.why,
            nearest=[candidate(hit, said[hit.product.id], found.intent.language) for hit in none.nearest],
        )
        if none
        else None,
    )


def filters(limits: Limits) -> Filters:
    return Filters(
        market=limits.market,
        categories=list(limits.categories),
        lowest=Amount.of(limits.lowest) if limits.lowest else None,
        highest=Amount.of(limits.highest) if limits.highest else None,
        colours=list(limits.colours),
        sizes=list(limits.sizes),
        in_stock=limits.in_stock,
        without=list(limits.without),
    )


def candidate(hit: Hit, reason: Reason, language: str) -> Candidate:
    product, variants = hit.product, hit.variants or hit.product.variants
    return Candidate(
        id=product.id,
        name=name_of(product, language),
        category=product.category,
        category_name=kind(product, language),
        price=price_text(variants, language),
        stock=stock_text(variants, language),
        image=f"/public/products/{product.category}.svg",
        variants=[
            VariantView(
                id=variant.id,
                options={key: named(names, language) for key, names in variant.options.items()},
                price=Amount.of(variant.price),
                stock=variant.stock,
            )
            for variant in variants
        ],
        score=round(hit.score, 4),
        parts={part: round(value, 4) for part, value in hit.parts.items()},
        reason=reason,
    )
