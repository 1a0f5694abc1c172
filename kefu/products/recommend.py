"""Understand, filter, give reasons: what is recommended for an intent, and the sentence that goes before it.

The reasons are made from what is stored; kefu.products.phrasing words them where a model may. Knows no surface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kefu.amounts import money_text
from kefu.card_shapes import ProductsCard
from kefu.products.assortment import Assortment, Market
from kefu.products.facts import name_of, price_text
from kefu.products.intent import Intent
from kefu.products.reasons import Reason, because
from kefu.products.tiles import products_card
from kefu.shop_words import joined
from kefu.words import say, spoken
from shop.limits import Limits
from shop.search import Hit, Results

SHOWN = 5  # products for one wish


@dataclass(frozen=True)
class Recommended:
    """What came of a wish: products with their reasons, or why there is none and what is nearest."""

    intent: Intent
    market: Market
    limits: Limits
    results: Results
    reasons: Mapping[str, Reason]  # by product id

    @property
    def shown(self) -> Sequence[Hit]:
        """The products that are shown: those that fit, else the nearest."""
        return self.results.hits or (self.results.none.nearest if self.results.none else ())

    def name(self, product: str) -> str:
        """What one of the products is called."""
        return next(name_of(hit.product, self.intent.language) for hit in self.shown if hit.product.id == product)

    def card(self, reasons: Mapping[str, str] | None = None) -> ProductsCard | None:
        """The row of products; `reasons` by product id, else those from the records."""
        said = reasons if reasons is not None else {id: reason.text for id, reason in self.reasons.items()}
        products = [(hit.product, hit.variants) for hit in self.shown]
        return products_card(products, self.intent.language, said) if products else None


async def recommend(
    assortment: Assortment, intent: Intent, market: Market, k: int = SHOWN, liked: Mapping[str, float] | None = None
) -> Recommended:
    """The best `k` products for an intent with their reasons. Raises ShopUnavailable and RetrievalError."""
    limits, results = await assortment.find(intent, market, k, liked)
    hits = results.hits or (results.none.nearest if results.none else ())
    reasons = {hit.product.id: because(hit, intent, limits) for hit in hits}
    return Recommended(intent, market, limits, results, reasons)


def lead(found: Recommended, contact: str) -> str:
    """What is said before the products: what they are, or that none fits and which limit is in the way."""
    intent, none = found.intent, found.results.none
    language = spoken(intent.language)
    sentences = [_other_currency(found, language)]
    if none is None:
        sentences.append(say(language, f"here_is_{intent.order}" if intent.order else "here_are_products"))
    elif none.nearest and none.why != "nothing":
        sentences.append(_none(found, language, contact))
        sentences.append("" if none.why == "price" else say(language, "here_are_alike"))
    else:
        sentences.append(say(language, "none_products", contact=contact))
        sentences.append(say(language, "here_are_alike") if none.nearest else "")
    return " ".join(filter(None, sentences)) if language != "zh" else "".join(filter(None, sentences))


def _none(found: Recommended, language: str, contact: str) -> str:
    """The limit without which there would be something, and the nearest thing."""
    none, intent = found.results.none, found.intent
    assert none is not None
    nearest = none.nearest[0]
    values = {
        "name": name_of(nearest.product, language),
        "price": price_text(nearest.variants or nearest.product.variants, language),
        "budget": budget_text(intent, language),
        "size": joined(intent.values("size"), language),
        "colour": joined(_said(intent, "colour"), language),
        "material": joined(_said(intent, "material"), language),
        "without": joined(_said(intent, "must_not"), language),
        "contact": contact,
    }
    return say(language, f"none_{none.why}", **values)


def budget_text(intent: Intent, language: str) -> str:
    """The bounds as amounts: "5.000.000 ₫", "240元–360元"."""
    bounds = [money_text(bound, language) for bound in (intent.lowest, intent.highest) if bound]
    return "–".join(dict.fromkeys(bounds))


def _said(intent: Intent, field: str) -> list[str]:
    return [meant.said for meant in intent.meant if meant.field == field]


def _other_currency(found: Recommended, language: str) -> str:
    bounds = [bound for bound in (found.intent.lowest, found.intent.highest) if bound]
    if all(bound.currency == found.market.currency for bound in bounds):
        return ""
    return say(language, "budget_currency", currency=found.market.currency, budget=budget_text(found.intent, language))
