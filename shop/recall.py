"""Products recalled for a wish: how well those that meet the limits fit its words, by meaning and by words shared.

Knows no order but that of relevance, and nothing of what is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncEngine

from rag.centring import match_language
from rag.diacritics import restore
from rag.embedder import Vectors
from shop import finding
from shop.product_index import ProductIndex
from shop.product_words import tokens
from shop.protocol import Catalogue
from shop.query import Query
from shop.sessions import reading

_FEW = 800  # products that are compared one by one; more are found through the index of vectors
_NEAREST, _MOST = 200, 3200  # texts that it is asked for, at first and at last
_RECALLED = 60  # products that it should find
_SHARING = 100  # products that share most words
_DENSE, _JUNK = 0.8, 0.18  # see rag.weighing
_APART = 0.15  # cosines that are nearer to each other than this hardly differ
_ENGLISH = 0.3  # of a wish's vector, what its known words are in English; see bench/product_search.py
# Twenty goods that the demo shop does not sell, asked for in four languages, came no nearer than 0.34 in four of five
# cases, and no nearer than 0.26 in half of them; bench/product_search.py tells what that costs
_LIKELY, _POSSIBLE = 0.34, 0.26
_SAID = 0.6  # of a wish's terms that stand in one product's name: it is sold here, whatever its vector says
_LOOKED_INTO = 10


@dataclass(frozen=True)
class Relevance:
    """How well products fit a wish's words, by id, 0 to 1; `likely`: whether any is such a thing at all."""

    scores: Mapping[str, float]
    likely: bool = True


class Recall:
    """Over one catalogue and the vectors of its texts."""

    def __init__(self, engine: AsyncEngine, catalogue: Catalogue, index: ProductIndex) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._index = index
        self._texts = index.vectors

    async def relevance(self, query: Query) -> Relevance:
        """How well products that meet the limits fit the words; what is not about them at all is left out."""
        limits, text = query.limits, query.text
        if not text.strip():
            async with reading(self._engine) as db:
                return Relevance(dict.fromkeys(await finding.in_order(db, limits, "best_selling", _FEW), 1.0))
        if match_language(query.language, ("vi",)):
            text = restore(text)
        vectors = self._texts
        own = match_language(query.language, self._index.languages) or ""
        vector = await asyncio.to_thread(vectors.query, text, query.language)
        if query.english and not own:
            text = f"{text} {query.english}"
            vector = vector + _ENGLISH * await asyncio.to_thread(vectors.query, query.english, "en")
            vector /= np.linalg.norm(vector)
        cosines = await self._by_meaning(query, vector, own)
        async with reading(self._engine) as db:
            shared = await finding.with_words(db, limits, own, tokens(text), _SHARING)
        best = max(cosines.values(), default=0.0)
        judged = self._judged(query, own)
        likely = best >= _LIKELY or not judged or await self._named(query, own, shared)
        if not likely and best < _POSSIBLE:
            return Relevance({}, likely=False)
        others = [id for id in shared if id not in cosines]
        cosines |= await self._cosines(vector, own, others)
        # A product whose text is not embedded yet is found by its words, or by what it is
        ids = [id for id in {**cosines, **shared} if id in shared or cosines[id] >= _JUNK or not judged]
        dense = np.array([cosines.get(id, 0.0) for id in ids], dtype=np.float64)
        words = np.array([shared.get(id, 0.0) for id in ids], dtype=np.float64)
        fused = _DENSE * _scaled(dense) + (1 - _DENSE) * words / (words.max(initial=0.0) or 1.0)
        return Relevance(dict(zip(ids, fused.tolist(), strict=True)), likely)

    def _judged(self, query: Query, own: str) -> bool:
        """Whether likeness alone has to tell that the shop sells such a thing: not where the words name a category or
        an attribute, nor where the catalogue is in another language, whose cosines are lower."""
        return bool(own) and not (query.limits.categories or query.wanted or query.must or query.order)

    async def _named(self, query: Query, own: str, shared: Mapping[str, float]) -> bool:
        """Whether a product's name has most of the wish's words."""
        asked = set(tokens(query.text))
        products = await self._catalogue.products(sorted(shared, key=lambda id: -shared[id])[:_LOOKED_INTO])
        return any(len(asked & set(tokens(one.names.get(own, "")))) >= _SAID * len(asked) for one in products)

    async def _by_meaning(self, query: Query, vector: Vectors, own: str) -> dict[str, float]:
        """The cosines of the nearest products that meet the limits."""
        limits = query.limits
        held_later = (
            query.must or query.called or query.whom or limits.without
        )  # when the products are read: many may not fit
        enough = _FEW if held_later else _RECALLED
        async with reading(self._engine) as db:
            few = await finding.matching(db, limits, _FEW + 1)
        if len(few) <= _FEW:
            near_ones = await self._cosines(vector, own, few)
            return near_ones if self._judged(query, own) else dict.fromkeys(few, 0.0) | near_ones
        n, vectors = _NEAREST, self._texts
        while True:
            near: dict[tuple[str, str], float] = {}
            for language in self._searched(own):
                found = await asyncio.to_thread(vectors.nearest, vector, language, n)
                near |= {(language, content): cosine for content, cosine in found.items()}
            async with reading(self._engine) as db:
                texts = await finding.those_meeting(db, limits, list(near))
            best = _best((text.product, near[text.language, text.content]) for text in texts)
            if len(best) >= enough or len(near) < n or n >= _MOST:
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
            vectors = await asyncio.to_thread(self._texts.vectors, language, [text.content for text in of])
            found += [(text.product, float(vectors[text.content] @ vector)) for text in of if text.content in vectors]
        return _best(found)

    async def vectors(self, language: str, products: Sequence[str]) -> dict[str, Vectors]:
        """One vector for each product, to tell how alike they are."""
        own = match_language(language, self._index.languages) or ""
        async with reading(self._engine) as db:
            texts = await finding.texts_of(db, products)
        found: dict[str, Vectors] = {}
        for each in self._searched(own):
            of = [text for text in texts if text.language == each and text.product not in found]
            vectors = await asyncio.to_thread(self._texts.vectors, each, [text.content for text in of])
            found |= {text.product: vectors[text.content] for text in of if text.content in vectors}
        return found

    def _searched(self, own: str) -> list[str]:
        """The shopper's language where the catalogue has it, else all that it has."""
        return [own] if own else self._texts.languages()


def _scaled(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 1 for the greatest to 0 for the least. Where they hardly differ all are near 1: two shirts that a wish fits
    alike must not stand as far apart as a shirt and a phone."""
    high = float(cosines.max(initial=0.0))
    low = min(float(cosines.min(initial=high)), high - _APART)
    return (cosines - low) / (high - low)


def _best(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The greatest cosine of each product."""
    best: dict[str, float] = {}
    for product, cosine in found:
        best[product] = max(best.get(product, -1.0), cosine)
    return best
