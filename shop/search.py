"""Products found by meaning and by words within hard limits, put in order; and the truth where none fits.

Recall (vectors, full text) -> what meets the limits in the database -> order -> not all alike. Every product is read
anew from the catalogue before it is given, and held against the limits once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncEngine

from shop import finding, ranking
from shop.limits import Limits
from shop.product_index import ProductIndex
from shop.product_words import tokens
from shop.protocol import Catalogue
from shop.query import Hit, Nothing, Query, Results, Why
from shop.ranking import Alternatives, Part, Weights
from shop.recall import Recall, Relevance
from shop.sessions import reading
from shop.views import Product, named

__all__ = ["Hit", "Nothing", "ProductSearch", "Query", "Results", "Why"]

_LOOKED_AT = 60  # products that are put in order, as many more at a time where too few of them fit
_ENOUGH = 0.6  # of the best one's relevance: what is less is shown only where a category was named
_SURELY = 0.8  # the same where only the cheapest of it is wanted: of many things some cheap one is a little alike
_CHILDREN = "for:children"
_NEAREST_SHOWN = 3  # where nothing fits
_IN_ORDER, _EVERY = 1_000, 1_000_000  # products looked at for a superlative, and looked up


class ProductSearch:
    """One for each process."""

    def __init__(self, engine: AsyncEngine, catalogue: Catalogue, index: ProductIndex, weights: Weights) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self.index = index
        self._recall = Recall(engine, catalogue, index)
        self._weights = weights

    async def search(self, query: Query) -> Results:
        """Raises ShopUnavailable and rag's errors."""
        relevance = await self._recall.relevance(query)
        if hits := await self._hits(query, relevance):
            return Results(hits) if relevance.likely else Results((), Nothing("nothing", hits))
        none = await self._nothing(query)
        if not none.nearest and (query.called or query.whom):  # what comes closest is something else, or for others
            whom = query.whom if query.called else frozenset()
            others = await self.search(replace(query, called=frozenset(), whom=whom, k=_NEAREST_SHOWN))
            return Results((), Nothing("nothing", others.hits or (others.none.nearest if others.none else ())))
        return Results((), none)

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        """Those of them that there are, in this order."""
        return await self._catalogue.products(ids)

    async def sharing(self, text: str, limits: Limits, k: int) -> Sequence[Product]:
        """The products whose texts, in any language, share most words with a message, the best first."""
        async with reading(self._engine) as db:
            shared = await finding.with_words(db, limits, "", tokens(text), k)
        return await self.products(sorted(shared, key=lambda id: -shared[id]))

    # What fits

    async def _hits(self, query: Query, relevance: Relevance) -> list[Hit]:
        near = relevance.scores
        if query.order:
            return await self._in_order(query, near)
        products: list[Product] = []
        for some in _blocks(sorted(near, key=lambda id: -near[id])):
            products += await self._fitting(query, some)
            if len(products) >= query.k:
                break
        if not query.limits.categories:
            best = max((near[product.id] for product in products), default=0.0)
            products = [product for product in products if near[product.id] >= _ENOUGH * best]
        parts = ranking.parts(products, near, [*query.wanted, *query.must], query.liked)
        scores = {product.id: ranking.total(parts[product.id], self._weights) for product in products}
        vectors = await self._recall.vectors(query.language, list(scores))
        by_id = {product.id: product for product in products}
        chosen = ranking.diverse(scores, vectors, query.k)
        return [self._hit(by_id[id], query.limits, parts[id]) for id in chosen]

    async def _in_order(self, query: Query, near: Mapping[str, float]) -> list[Hit]:
        """A superlative: of all that meet the limits and have what is wanted, or else of what is meant, the first."""
        assert query.order
        by_meaning = not query.limits.categories and not query.must and bool(tokens(query.text))
        async with reading(self._engine) as db:
            ids = await finding.in_order(db, query.limits, query.order, _EVERY if by_meaning else _IN_ORDER)
        if by_meaning:
            best = max(near.values(), default=0.0)
            ids = [id for id in ids if near.get(id, 0.0) >= _SURELY * best] or ids
        fitting: list[Product] = []
        having: list[Product] = []
        for some in _blocks(ids[:_IN_ORDER]):
            products = await self._fitting(query, some)
            fitting += products
            having += [p for p in products if all(one & ranking.attributes(p) for one in query.wanted)]
            if len(having) >= query.k:
                break
        having = _by_price_now(having or fitting, query)[: query.k]
        parts = ranking.parts(having, {p.id: near.get(p.id, 0.0) for p in having}, query.wanted, query.liked)
        return [self._hit(p, query.limits, parts[p.id]) for p in having]

    def _hit(self, product: Product, limits: Limits, parts: Mapping[Part, float]) -> Hit:
        told = ranking.told(parts)
        return Hit(product, limits.fits(product), ranking.total(told, self._weights), told)

    async def _fitting(self, query: Query, ids: Sequence[str]) -> list[Product]:
        """The products, read now, that meet the limits and are what they must be."""
        read = await self._catalogue.products(ids)
        fitting = [product for product in read if query.limits.fits(product) and _is_called(product, query.called)]
        fitting = [product for product in fitting if _is_for(product, query.whom)]
        return [product for product in fitting if all(one & ranking.attributes(product) for one in query.must)]

    # Why nothing does

    async def _nothing(self, query: Query) -> Nothing:
        """The one limit without which something fits, and what that would be; where no single one is in the way, the
        last of those that are."""
        limits = query.limits
        loose: list[tuple[Why, dict[str, object]]] = [
            ("size", {"sizes": ()}),
            ("colour", {"colours": ()}),
            ("stock", {"in_stock": False}),
            ("price", {"lowest": None, "highest": None}),
            ("without", {"without": ()}),
        ]
        together: dict[str, object] = {}
        looser = [(why, limits.model_copy(update=update)) for why, update in loose]
        for why, update in loose:
            together |= update
            looser.append((why, limits.model_copy(update=together)))
        tried = [limits]
        for why, now in looser:
            if now not in tried:
                tried.append(now)
                if hits := await (self._beyond if why == "price" else self._likely)(query, now):
                    return Nothing(why, hits)
        for now in (limits, tried[-1]) if query.must else ():
            if hits := await self._likely(replace(query, must=()), now):
                return Nothing("material", hits)
        return Nothing("nothing")

    async def _beyond(self, query: Query, limits: Limits) -> list[Hit]:
        """Within looser limits, what is nearest to the bounds on the price, above or below them."""
        low, high = query.limits.lowest, query.limits.highest
        above = limits.model_copy(update={"lowest": low})
        below = limits.model_copy(update={"highest": high})
        hits = await self._likely(replace(query, order="cheapest"), above) if high else []
        hits += await self._likely(replace(query, order="dearest"), below) if low else []

        def away(hit: Hit) -> int:
            prices = [variant.price.amount for variant in hit.variants]
            return min(max(low.amount - price if low else 0, price - high.amount if high else 0) for price in prices)

        return sorted(hits, key=away)[:_NEAREST_SHOWN]

    async def _likely(self, query: Query, limits: Limits) -> list[Hit]:
        """What is nearest within other limits; nothing where the shop hardly sells such a thing."""
        query = replace(query, limits=limits, k=_NEAREST_SHOWN)
        relevance = await self._recall.relevance(replace(query, order=None))
        return await self._hits(query, relevance) if relevance.likely else []


def _blocks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _LOOKED_AT] for start in range(0, len(ids), _LOOKED_AT))


def _by_price_now(products: list[Product], query: Query) -> list[Product]:
    """Put in order once more where prices decide: a copy of a foreign catalogue may not have the latest ones."""
    prices = {one.id: [variant.price.amount for variant in query.limits.fits(one)] for one in products}
    if query.order == "cheapest":
        return sorted(products, key=lambda one: min(prices[one.id]))
    if query.order == "dearest":
        return sorted(products, key=lambda one: -max(prices[one.id]))
    return products


def _is_called(product: Product, words: Alternatives) -> bool:
    """Whether one of the words stands in one of its names, or is all that one of its attributes says: "style: boot"."""
    names = "\n".join(product.names.values()).casefold()
    values = {named(names, "en").casefold() for values in product.attributes.values() for names in values}
    return not words or any(_stands(word, names) or {word, f"{word}s", f"{word}es"} & values for word in words)


def _stands(word: str, names: str) -> bool:
    """As a word, or as several of it: no "ring" stands in "earrings"."""
    spaced = word[-1:] < "\u0e00"  # Chinese and Thai write no spaces
    return word in names and (not spaced or re.search(rf"\b{re.escape(word)}(?:e?s)?\b", names) is not None)


def _is_for(product: Product, whom: Alternatives) -> bool:
    """Whether it suits them. What names nobody suits all but children."""
    return (
        not whom
        or bool(whom & ranking.attributes(product))
        or ("for" not in product.attributes and _CHILDREN not in whom)
    )
