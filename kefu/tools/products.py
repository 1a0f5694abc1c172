"""Look-ups in the catalogue: search, recommend, compare, one product. Open to everybody; none changes anything."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kefu.products.answers import answer
from kefu.products.assortment import Assortment, Market
from kefu.products.facts import facts, name_of
from kefu.products.intent import MOST_MONEY, Intent
from kefu.products.recommend import SHOWN, Recommended, lead
from kefu.products.recommend import recommend as recommended_for
from kefu.products.tiles import products_card, side_by_side
from kefu.tools.tool import BadCall, Looked, Session
from kefu.words import say, spoken
from shop.errors import Refused
from shop.money import Money
from shop.views import Product

ProductId = Annotated[str, Field(max_length=80, description="A product's id, from a search or an order.")]
Wish = Annotated[
    str, Field(max_length=1000, description="What the customer looks for, in their own words and language, whole.")
]
_COMPARED = 4  # products side by side


async def search_products(
    session: Session,
    query: Wish,
    max_price: Annotated[
        float | None, Field(gt=0, le=MOST_MONEY, description="In the currency of the customer's market.")
    ] = None,
    min_price: Annotated[float | None, Field(gt=0, le=MOST_MONEY)] = None,
    sort: Annotated[
        Literal["fit", "cheapest", "dearest", "best_rated", "best_selling", "newest"],
        Field(description="What comes first."),
    ] = "fit",
) -> Looked:
    """Search the catalogue. Prices, stock, category, colour and size that the words name are kept to strictly."""
    assortment, market = await _shop(session)
    intent = assortment.intent(query, session.language, market)
    bounds: dict[str, Any] = {
        name: Money.of(amount, market.currency)
        for name, amount in (("highest", max_price), ("lowest", min_price))
        if amount
    }
    intent = intent.model_copy(update=bounds | ({} if sort == "fit" else {"order": sort}))
    return await _found(session, assortment, intent, market)


async def recommend(session: Session, wish: Wish) -> Looked:
    """Recommend products for a wish, an occasion or a person, with reasons from the product data."""
    assortment, market = await _shop(session)
    intent = session.intent or assortment.intent(wish, session.language, market)
    return await _found(session, assortment, intent, market)


async def compare_products(
    session: Session, product_ids: Annotated[list[ProductId], Field(min_length=2, max_length=_COMPARED)]
) -> Looked:
    """Put two to four products side by side: price, stock, every attribute."""
    products = list(await session.catalogue.products(product_ids))
    if len(products) < 2:
        return Looked("", {"products": []}, notice="product_gone")
    card = products_card([(product, product.variants) for product in products], session.language)
    table = side_by_side(products, session.language)
    data = {"products": [shown(product, session.language) for product in products]}
    return Looked(table, data, (card,), short=f"{say(spoken(session.language), 'compare_title')}\n\n{table}")


async def get_product(
    session: Session,
    product_id: ProductId,
    question: Annotated[
        str, Field(max_length=1000, description="What the customer asks about it, in their words.")
    ] = "",
) -> Looked:
    """Look up a product with all its variants: options, price, stock, attributes."""
    product = await session.catalogue.product(product_id)
    if product is None:
        raise Refused("variant_not_found", variant="")
    language = session.language
    card = products_card([(product, product.variants)], language)
    market = Market(product.market, product.variants[0].price.currency if product.variants else "")
    intent = (
        session.assortment.intent(_without_name(question, product), language, market)
        if session.assortment
        else Intent(language=language, text=question)
    )
    said = answer(product, question, intent, session.contact)
    return Looked(facts(product, language), shown(product, language), (card,), short=said)


def shown(product: Product, language: str) -> dict[str, Any]:
    """A product as a model may see it: without what is the merchant's own business."""
    return product.model_dump(mode="json", exclude={"descriptions": True, "figures": {"margin", "sold"}}) | {
        "name": name_of(product, language)
    }


async def _found(session: Session, assortment: Assortment, intent: Intent, market: Market) -> Looked:
    liked = await assortment.taste(session.orders)
    found = await recommended_for(assortment, intent, market, SHOWN, liked)
    card = found.card()
    said = lead(found, session.contact)
    return Looked(_facts(found, said), _data(found), (card,) if card else (), short=said, recommended=found)


def _facts(found: Recommended, said: str) -> str:
    language = found.intent.language
    return "\n\n".join([said, *(facts(hit.product, language) for hit in found.shown)])


def _data(found: Recommended) -> dict[str, Any]:
    none = found.results.none
    products = [
        {
            "id": hit.product.id,
            "name": name_of(hit.product, found.intent.language),
            "why": found.reasons[hit.product.id].text,
        }
        for hit in found.shown
    ]
    return {"products": products} | ({"none_fits_because_of": none.why} if none else {})


def _without_name(question: str, product: Product) -> str:
    """A question without the product's name, whose words ask for nothing."""
    for name in product.names.values():
        question = question.replace(name, " ")
    return question


async def _shop(session: Session) -> tuple[Assortment, Market]:
    if session.assortment is None:
        raise BadCall("this shop has no catalogue to search")
    await session.assortment.ready()
    return session.assortment, session.assortment.market(session.country)
