"""From an intent about products to a tool call: what is looked for, which product is asked about, which are compared.

Knows no model. A product that was not shown in the conversation is found by its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from kefu.products.answers import aspects
from kefu.products.assortment import Assortment, Market
from kefu.products.facts import name_of
from kefu.products.intent import Intent
from kefu.tools.tool import Session
from kefu.wants.looking_for import comparative
from kefu.wants.products_meant import products_meant, says_this, told_apart
from kefu.wants.spoken import Said, folded
from kefu.wants.wishes import Ask, Call, Request, Understood
from rag.lexical import lexical_terms
from shop.views import Product

INTENTS = frozenset({"find_products", "ask_product", "compare_products"})
_LOOKED_AT = 20  # products among which a name is looked for
_SHARE = 0.5  # of a product's name that has to be said, where it was not shown before
_COMPARED = 4


async def understand_product(request: Request, session: Session) -> Understood:
    """The call that a request about products stands for, or what to ask back. ShopUnavailable, RetrievalError."""
    if request.intent == "find_products" or session.assortment is None:
        return Call("recommend", {"wish": request.text})
    row, shown = request.row, request.tiles
    meant = products_meant(request.said[-1], request.language, row, shown)
    meant = meant or told_apart(request.said[-1], row) or products_meant(request.text, request.language, row, shown)
    if request.intent == "compare_products":
        return await _compare(request, session.assortment, session, meant)
    meant = meant or [product.id for product in await _named(request, session.assortment, session)][:1]
    text = request.said[-1]
    heard = session.assortment.intent(text, request.language, session.assortment.market(session.country))
    about_one = says_this(text) or aspects(text, request.language) or not heard.empty
    if not meant and request.product and about_one and not heard.values("category"):
        meant = [request.product.id]
    if meant:
        return Call("get_product", {"product_id": meant[0], "question": request.text})
    return Ask("which_product") if row and about_one else Call("recommend", {"wish": request.text})


async def _compare(request: Request, assortment: Assortment, session: Session, meant: list[str]) -> Understood:
    named = [] if len(meant) > 1 else await _named(request, assortment, session)
    ids = list(dict.fromkeys([*meant, *(product.id for product in named)]))
    if len(ids) == 1 and request.product and request.product.id not in ids:
        ids.append(request.product.id)
    if len(ids) < 2 and 2 <= len(request.row) <= _COMPARED:
        ids = [tile.id for tile in request.row]
    if len(ids) < 2:
        return Ask("which_products")
    return Call("compare_products", {"product_ids": ids[:_COMPARED]})


async def _named(request: Request, assortment: Assortment, session: Session) -> Sequence[Product]:
    """Products of the shop whose names are said, or most of them, the best first."""
    market = assortment.market(session.country)
    found = await assortment.named(request.said[-1], market, _LOOKED_AT)
    said = request.said[-1]
    shares = {product.id: _share(said, product, request.language) for product in found}
    good = [product for product in found if shares[product.id] >= _SHARE]
    whole = [product for product in good if folded(name_of(product, request.language)) in folded(said)]
    if whole:
        return [p for p in whole if not any(_within(p, other, request.language) for other in whole)]
    best = max(shares.values(), default=0.0)
    return [product for product in good if shares[product.id] == best][:1]


def _within(one: Product, other: Product, language: str) -> bool:
    short, long = folded(name_of(one, language)), folded(name_of(other, language))
    return short != long and short in long


def _share(said: str, product: Product, language: str) -> float:
    """How much of a product's name is said, in any of its languages."""
    terms = set(lexical_terms(said))
    names = (set(lexical_terms(name)) for name in product.names.values())
    return max((len(its & terms) / len(its) for its in names if its), default=0.0)


def wish_of(said: Sequence[str], assortment: Assortment, language: str, market: Market) -> Intent:
    """One wish from several messages: what a later one says of a field takes the place of what was said before."""
    intent = assortment.intent(said[0], language, market)
    for text in said[1:]:
        newer = assortment.intent(text, language, market)
        fields = {meant.field for meant in newer.meant}
        kept = [meant for meant in intent.meant if meant.field not in fields or meant.field == "must_not"]
        refused = {value for meant in newer.meant if meant.field == "must_not" for value in meant.of}
        meant = [one for one in kept if not refused.intersection(one.of) or one.field == "must_not"]
        priced = newer.lowest or newer.highest
        turned = comparative(Said.of(text, language))
        lowest = None if turned == "cheapest" else intent.lowest  # "about $40", and then "cheaper": no longer near it
        highest = None if turned == "dearest" else intent.highest
        intent = Intent(
            language=language,
            text=f"{intent.text}\n{text}",
            meant=tuple(dict.fromkeys([*meant, *newer.meant])),
            lowest=newer.lowest if priced else lowest,
            highest=newer.highest if priced else highest,
            budget_said=newer.budget_said or intent.budget_said,
            order=newer.order or turned or intent.order,
        )
    return intent
