"""Why a product is shown: the attributes by which it meets the wish, each a pointer to what is stored of it.

A reason made here says nothing else, so it is true. Knows no model.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from kefu.amounts import money_text
from kefu.products.facts import has_unit, label, value_text
from kefu.products.intent import Intent
from kefu.shop_words import joined, pair, short
from kefu.words import say, spoken
from shop.limits import Limits
from shop.search import Hit
from shop.views import Names, Product, named

_MOST = 4  # things said of one product
_FALLBACK = ("material", "style", "season", "occasion", "feature")  # what is said where no wish was met by name
_HISTORY = 0.35  # likeness to what was bought that is worth a word
_NEW = 0.4  # newness of about four weeks


class Pointer(BaseModel):
    """What a claim rests on: an attribute of the product and its value in English, or a number; `text` as it was said.
    `attribute` may also be price, rating, history, listed_at."""

    model_config = ConfigDict(frozen=True)

    attribute: str
    value: str
    text: str


class Reason(BaseModel):
    """One short sentence or list. `by`: who worded it, the model or the records."""

    model_config = ConfigDict(frozen=True)

    text: str
    claims: tuple[Pointer, ...]
    by: str = "records"


def because(hit: Hit, intent: Intent, limits: Limits) -> Reason:
    """What of the wish the product meets, in the shopper's language. The nearest of a wish that nothing meets may lie
    outside the limits: that it is within them is said of those only that are."""
    language = intent.language
    found = list(dict.fromkeys([*_met(hit.product, intent), *_money(hit, limits, language), *_other(hit, language)]))
    if not any(pointer.attribute in hit.product.attributes for pointer in found):
        found = [*_usual(hit.product, language), *found]
    by_text = {pointer.text: pointer for pointer in reversed(found)}
    claims = tuple(pointer for pointer in found if by_text[pointer.text] is pointer)[:_MOST]
    return Reason(text=joined((pointer.text for pointer in claims), language), claims=claims)


def _met(product: Product, intent: Intent) -> Iterator[Pointer]:
    for meant in intent.meant:
        for wanted in meant.of if meant.field not in ("must_not", "category") else ():
            attribute, _, value = wanted.lstrip("<>").partition(":")
            if wanted[0] in "<>" and attribute in product.attributes:
                text = pair(
                    label(attribute, intent.language), value_text(product, attribute, intent.language), intent.language
                )
                yield Pointer(attribute=attribute, value=named(product.attributes[attribute][0], "en"), text=text)
            elif names := _names(product, attribute, value):
                yield Pointer(attribute=attribute, value=value, text=short(named(names, spoken(intent.language))))


def _names(product: Product, attribute: str, value: str) -> Names | None:
    options = [variant.options[attribute] for variant in product.variants if attribute in variant.options]
    every = [*product.attributes.get(attribute, ()), *options]
    return next((names for names in every if named(names, "en") == value), None)


def _money(hit: Hit, limits: Limits, language: str) -> Iterator[Pointer]:
    prices = [variant.price for variant in hit.variants]
    price = min(prices, key=lambda price: price.amount, default=None)
    if price and limits.highest and price.amount <= limits.highest.amount:
        yield Pointer(attribute="price", value=money_text(price, "en"), text=say(spoken(language), "in_budget"))


def _other(hit: Hit, language: str) -> Iterator[Pointer]:
    if hit.parts["history"] >= _HISTORY:
        text = say(spoken(language), "bought_before")
        yield Pointer(attribute="history", value=f"{hit.parts['history']:.2f}", text=text)
    listed = hit.product.figures.listed_at
    if listed and hit.parts["newness"] >= _NEW:
        yield Pointer(attribute="listed_at", value=listed.date().isoformat(), text=say(spoken(language), "new_in"))


def _usual(product: Product, language: str) -> Iterator[Pointer]:
    """What a product is like at all."""
    said = 0
    for key in (*_FALLBACK, *product.attributes):
        for names in product.attributes.get(key, ()):
            text = short(named(names, spoken(language)))
            number = text.replace(".", "", 1).isdigit()
            if said < 2 and (not number or has_unit(key)):
                shown = pair(label(key, language), value_text(product, key, language), language) if number else text
                yield Pointer(attribute=key, value=named(names, "en"), text=shown)
                said += 1
