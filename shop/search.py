"""Products found by meaning and by words within hard limits, put in order; and the truth where none fits.

Recall (vectors, full text) -> what meets the limits in the database -> order -> not all alike. Every product is read
anew from the catalogue before it is given, and held against the limits once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine

from rag.centring import match_language
from rag.diacritics import restore
from rag.embedder import Vectors
from rag.weighing import fuse
from shop import finding, ranking
from shop.limits import Limits, Order
from shop.product_index import ProductIndex
from shop.product_words import tokens
from shop.protocol import Catalogue
from shop.ranking import Alternatives, Part, Weights
from shop.sessions import reading
from shop.views import Product, Variant

Why = Literal["price", "stock", "size", "colour", "material", "without", "nothing"]

_FEW = 800  # products that are compared one by one; more are found through the index of vectors
_NEAREST, _MOST = 200, 3200  # texts that it is asked for, at first and at last
_SHARING = 100  # products that share most words
_LOOKED_AT = 60  # products that are put in order
_DENSE, _JUNK = 0.8, 0.18  # see rag.weighing
_ENOUGH = 0.6  # of the best one's relevance: what is less is shown only where a category was named
_ENGLISH = 0.3  # of a wish's vector, what its known words are in English; see bench/product_search.py
# Twenty goods that the demo shop does not sell, asked for in four languages, came no nearer than 0.34 in four of five
# cases, and no nearer than 0.26 in half of them; bench/product_search.py tells what that costs
_LIKELY, _POSSIBLE = 0.34, 0.26
_SAID = 0.6  # of a wish's terms that stand in one product's name: it is sold here, whatever its vector says
_LOOKED_INTO = 10
_NEAREST_SHOWN = 3  # where nothing fits
_IN_ORDER = 200  # products looked at for a superlative


@dataclass(frozen=True)
class Query:
    """What is looked for. `wanted`: what it should be like; `must`: what it has to be, or the answer is that there is
    none ("material"); `called`: words of which one has to stand in its names, unless none has it; `liked`: a taste
    (shop.ranking.taste); `order`: a superlative, which the data decides; `english`: those of the words that are known,
    in English, for a catalogue that is not in the shopper's language."""

    text: str
    language: str  # BCP-47
    limits: Limits = field(default_factory=Limits)
    k: int = 10
    wanted: Sequence[Alternatives] = ()
    must: Sequence[Alternatives] = ()
    called: Alternatives = frozenset()
    liked: Mapping[str, float] = field(default_factory=dict)
    order: Order | None = None
    english: str = ""


@dataclass(frozen=True)
class Hit:
    """A product that fits, with the variants that meet the limits, and what its place rests on. `score` leaves out the
    margin, the merchant's own business: shoppers may read it."""

    product: Product
    variants: Sequence[Variant]
    score: float
    parts: Mapping[Part, float]


@dataclass(frozen=True)
class Nothing:
    """No product fits. `why`: the limit without which there would be some; `nearest`: those."""

    why: Why
    nearest: Sequence[Hit] = ()


@dataclass(frozen=True)
class Relevance:
    """How well products fit a wish's words, by id, 0 to 1; `likely`: whether any is such a thing at all."""

    scores: Mapping[str, float]
    likely: bool = True


@dataclass(frozen=True)
class Results:
    """The best first, or why there is none."""

    hits: Sequence[Hit]
    none: Nothing | None = None


class ProductSearch:
    """One for each process."""

    def __init__(self, engine: AsyncEngine, catalogue: Catalogue, index: ProductIndex, weights: Weights) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self.index = index
        self._weights = weights
        self._told = weights.model_copy(update={"margin": 0.0})

    async def search(self, query: Query) -> Results:
        """Raises ShopUnavailable and rag's errors."""
        relevance = await self._relevance(query)
        if hits := await self._hits(query, relevance):
            return Results(hits) if relevance.likely else Results((), Nothing("nothing", hits))
        none = await self._nothing(query)
        if not none.nearest and query.called:  # the shop calls it something else
            return await self.search(replace(query, called=frozenset()))
        return Results((), none)

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        """Those of them that there are, in this order."""
        return await self._catalogue.products(ids)

    async def sharing(self, text: str, limits: Limits, k: int) -> Sequence[Product]:
        """The products whose texts, in any language, share most words with a message, the best first."""
        async with reading(self._engine) as db:
            shared = await finding.with_words(db, limits, "", tokens(text), _SHARING)
        return await self.products(sorted(shared, key=lambda id: -shared[id])[:k])

    # What fits

    async def _hits(self, query: Query, relevance: Relevance | None = None) -> list[Hit]:
        near = (relevance or await self._relevance(query)).scores
        if query.order:
            return await self._in_order(query, near)
        if not query.limits.categories:
            best = max(near.values(), default=0.0)
            near = {id: score for id, score in near.items() if score >= _ENOUGH * best}
        best_first = sorted(near, key=lambda id: -near[id])[:_LOOKED_AT]
        products = await self._fitting(query, best_first)
        parts = ranking.parts(products, near, [*query.wanted, *query.must], query.liked)
        scores = {product.id: ranking.total(parts[product.id], self._weights) for product in products}
        vectors = await self._vectors(query.language, list(scores))
        by_id = {product.id: product for product in products}
        chosen = ranking.diverse(scores, vectors, query.k)
        return [self._hit(by_id[id], query.limits, parts[id]) for id in chosen]

    def _hit(self, product: Product, limits: Limits, parts: Mapping[Part, float]) -> Hit:
        return Hit(product, limits.fits(product), ranking.total(parts, self._told), parts)

    async def _in_order(self, query: Query, near: Mapping[str, float]) -> list[Hit]:
        """A superlative: of all that meet the limits and have what is wanted, or else of what is meant, the first."""
        assert query.order
        async with reading(self._engine) as db:
            ids = await finding.in_order(db, query.limits, query.order, _IN_ORDER)
        products = await self._fitting(query, ids)
        having = [p for p in products if all(one & ranking.attributes(p) for one in query.wanted)] or products
        if not query.limits.categories and not query.must and tokens(query.text):
            best = max(near.values(), default=0.0)
            having = [p for p in having if near.get(p.id, 0.0) >= _ENOUGH * best] or having
        parts = ranking.parts(having, {p.id: near.get(p.id, 0.0) for p in having}, query.wanted, query.liked)
        first = having[: query.k]
        return [self._hit(p, query.limits, parts[p.id]) for p in first]

    async def _fitting(self, query: Query, ids: Sequence[str]) -> list[Product]:
        """The products, read now, that meet the limits and are what they must be."""
        read = await self._catalogue.products(ids)
        fitting = [product for product in read if query.limits.fits(product) and _is_called(product, query.called)]
        return [product for product in fitting if all(one & ranking.attributes(product) for one in query.must)]

    async def _relevance(self, query: Query) -> Relevance:
        """How well products that meet the limits fit the words; what is not about them at all is left out."""
        limits, text = query.limits, query.text
        if not text.strip():
            async with reading(self._engine) as db:
                return Relevance(dict.fromkeys(await finding.matching(db, limits, _FEW), 1.0))
        if match_language(query.language, ("vi",)):
            text = restore(text)
        vectors = self.index.vectors
        own = match_language(query.language, vectors.languages()) or ""
        vector = await asyncio.to_thread(vectors.query, text, query.language)
        if query.english and not own:
            text = f"{text} {query.english}"
            vector = vector + _ENGLISH * await asyncio.to_thread(vectors.query, query.english, "en")
            vector /= np.linalg.norm(vector)
        cosines = await self._by_meaning(limits, vector, own)
        async with reading(self._engine) as db:
            shared = await finding.with_words(db, limits, own, tokens(text), _SHARING)
        best = max(cosines.values(), default=0.0)
        likely = best >= _LIKELY or not self._judged(query, own) or await self._named(query, own, shared)
        if not likely and best < _POSSIBLE:
            return Relevance({}, likely=False)
        others = [id for id in shared if id not in cosines]
        cosines |= dict.fromkeys(others, 0.0) | await self._cosines(vector, own, others)  # not all are embedded yet
        ids = [id for id in cosines if cosines[id] >= _JUNK or id in shared]
        dense = np.array([cosines[id] for id in ids], dtype=np.float64)
        words = np.array([shared.get(id, 0.0) for id in ids], dtype=np.float64)
        return Relevance(dict(zip(ids, fuse(dense, words, _DENSE).tolist(), strict=True)), likely)

    def _judged(self, query: Query, own: str) -> bool:
        """Whether likeness alone has to tell that the shop sells such a thing: not where the words name a category or
        an attribute, nor where the catalogue is in another language, whose cosines are lower."""
        return bool(own) and not (query.limits.categories or query.wanted or query.must or query.order)

    async def _named(self, query: Query, own: str, shared: Mapping[str, float]) -> bool:
        """Whether a product's name has most of the wish's words."""
        asked = set(tokens(query.text))
        products = await self._catalogue.products(sorted(shared, key=lambda id: -shared[id])[:_LOOKED_INTO])
        return any(len(asked & set(tokens(one.names.get(own, "")))) >= _SAID * len(asked) for one in products)

    async def _by_meaning(self, limits: Limits, vector: Vectors, own: str) -> dict[str, float]:
        """The cosines of the nearest products that meet the limits."""
        async with reading(self._engine) as db:
            few = await finding.matching(db, limits, _FEW + 1)
        if len(few) <= _FEW:
            return await self._cosines(vector, own, few)
        n, vectors = _NEAREST, self.index.vectors
        while True:
            near: dict[tuple[str, str], float] = {}
            for language in self._searched(own):
                found = await asyncio.to_thread(vectors.nearest, vector, language, n)
                near |= {(language, content): cosine for content, cosine in found.items()}
            async with reading(self._engine) as db:
                texts = await finding.those_meeting(db, limits, list(near))
            best = _best((text.product, near[text.language, text.content]) for text in texts)
            if len(best) >= _LOOKED_AT or len(near) < n or n >= _MOST:
                return best
            n *= 4

    async def _cosines(self, vector: Vectors, own: str, products: Sequence[str]) -> dict[str, float]:
        """A query's cosines with products, each by its text in the shopper's language, or by its nearest one."""
        async with reading(self._engine) as db:
            texts = await finding.texts_of(db, products)
        having = {text.product for text in texts if text.language == own}
        wanted = [text for text in texts if text.language == own or text.product not in having]
        found: list[tuple[str, float]] = []
        for language in {text.language for text in wanted}:
            of = [text for text in wanted if text.language == language]
            vectors = await asyncio.to_thread(self.index.vectors.vectors, language, [text.content for text in of])
            found += [(text.product, float(vectors[text.content] @ vector)) for text in of if text.content in vectors]
        return _best(found)

    async def _vectors(self, language: str, products: Sequence[str]) -> dict[str, Vectors]:
        """One vector for each product, to tell how alike they are."""
        own = match_language(language, self.index.vectors.languages()) or ""
        async with reading(self._engine) as db:
            texts = await finding.texts_of(db, products)
        found: dict[str, Vectors] = {}
        for each in self._searched(own):
            of = [text for text in texts if text.language == each and text.product not in found]
            vectors = await asyncio.to_thread(self.index.vectors.vectors, each, [text.content for text in of])
            found |= {text.product: vectors[text.content] for text in of if text.content in vectors}
        return found

    def _searched(self, own: str) -> list[str]:
        """The shopper's language where the catalogue has it, else all that it has."""
        return [own] if own else self.index.vectors.languages()

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
                order = query.order or ("cheapest" if why == "price" and limits.highest else None)
                if hits := await self._hits(replace(query, limits=now, order=order, k=_NEAREST_SHOWN)):
                    return Nothing(why, hits)
        hits = await self._hits(replace(query, must=(), k=_NEAREST_SHOWN)) if query.must else []
        return Nothing("material", hits) if hits else Nothing("nothing")


def _is_called(product: Product, words: Alternatives) -> bool:
    """Whether one of the words stands in one of its names."""
    names = "\n".join(product.names.values()).casefold()
    return not words or any(word in names for word in words)


def _best(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The greatest cosine of each product."""
    best: dict[str, float] = {}
    for product, cosine in found:
        best[product] = max(best.get(product, -1.0), cosine)
    return best
