"""How well products of an English catalogue are found by wishes in four languages, beside simpler ways of searching.

Every way is asked within the same bounds, which the same code reads from the wish, and without the words for them;
Kefu as shipped also hears kinds of goods, colours, materials in it. Knows no size but that of the catalogue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from unittest.mock import AsyncMock, patch

import chromadb
import numpy as np
from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

from bench.retail import CURRENCY, LANGUAGES, Bounds, Item, Topic, asked, bounds_of
from bench.retail_vectors import Remembering
from bench.tutorial_search import default_model, embed, which
from kefu.products.assortment import Assortment, Market
from kefu.wants.looking_for import Vocabulary
from rag.lexical import BM25, lexical_terms
from shop import finding, recall
from shop import search as shop_search
from shop.search import ProductSearch, Query, Results

K = 10
OURS = "Kefu"
# Kefu's search with a part of it left out: what is put in the place of what
_PARTS: Mapping[str, Sequence[tuple[Any, str, Any]]] = {
    OURS: (),
    "always ten": ((shop_search, "_ENOUGH", 0.0), (recall, "_LIKELY", 0.0), (recall, "_POSSIBLE", 0.0)),
    "vectors only": ((finding, "with_words", AsyncMock(return_value={})),),
    "words only": ((recall, "_DENSE", 0.0), (recall, "_JUNK", 2.0)),
}
_MARKET = Market("all", CURRENCY)
Find = Callable[[Topic, str], Awaitable[Sequence[str]]]  # by a wish and its language, the ids found, the best first
FindQuery = Callable[[Query], Awaitable[Sequence[str]]]
Row = dict[str, Any]


async def measure(
    items: Sequence[Item], topics: Sequence[Topic], searched: ProductSearch, memory: Remembering
) -> dict[str, Any]:
    """A row for each way and language, the share of wishes whose bounds are read right, and which model Chroma had."""
    vocabulary, assortment = Vocabulary({}, ()), Assortment(searched)

    async def results(topic: Topic, language: str) -> Results:
        wish = assortment.intent(topic.texts[language], language, _MARKET)
        return (await assortment.find(wish, _MARKET, K))[1]

    async def ours(topic: Topic, language: str) -> Sequence[str]:
        return [hit.product.id for hit in (await results(topic, language)).hits]

    async def shown(topic: Topic, language: str) -> Sequence[str]:
        found = await results(topic, language)
        return [hit.product.id for hit in found.hits or (found.none.nearest if found.none else ())]

    async def not_understood(query: Query) -> Sequence[str]:
        return [hit.product.id for hit in (await searched.search(query)).hits]

    await ours(topics[0], "en")  # warm
    memory.forget_queries()
    rows = []
    for way, replaced in _PARTS.items():
        with ExitStack() as stack:
            for place, name, other in replaced:
                stack.enter_context(patch.object(place, name, other))
            rows += await _rows(way, ours, items, topics)
    rows += await _rows(f"{OURS}, and what it shows where it says none", shown, items, topics)
    rows += await _rows("nothing heard but prices", _asking(not_understood, vocabulary), items, topics)
    rows += await _rows("nor a glossary", _asking(not_understood, None), items, topics)
    rows += await _rows("BM25", _asking(_bm25(items), None), items, topics)
    rows += await _rows("BM25 with the glossary", _asking(_bm25(items), vocabulary), items, topics)
    model = default_model()
    if not isinstance(model, str):
        rows += await _rows("Chroma's default", _asking(_tutorial(items, model), None), items, topics)
    read = [topic.bounds == bounds_of(asked(topic, each, None)) for topic in topics for each in LANGUAGES]
    return {
        "topics": len(topics),
        "bounded": sum(topic.bounds != Bounds() for topic in topics),
        "bounds_right": sum(read),
        "rows": rows,
        "cheapest": [await _cheapest(assortment, items, topics, each) for each in LANGUAGES],
        "model": "" if isinstance(model, str) else which(model),
        "not_measured": model if isinstance(model, str) else "",
    }


def _asking(find: FindQuery, vocabulary: Vocabulary | None) -> Find:
    async def found(topic: Topic, language: str) -> Sequence[str]:
        return await find(asked(topic, language, vocabulary))

    return found


async def _rows(way: str, find: Find, items: Sequence[Item], topics: Sequence[Topic]) -> list[Row]:
    rows = []
    for language in LANGUAGES:
        rows.append({"way": way, "language": language} | await _row(find, items, topics, language))
    mean = {name: float(np.mean([row[name] for row in rows])) for name in ("recall", "ndcg")}
    sums = {name: sum(int(row[name]) for row in rows) for name in ("violations", "none", "shown", "right")}
    return [*rows, {"way": way, "language": "all"} | mean | sums]


async def _row(find: Find, items: Sequence[Item], topics: Sequence[Topic], language: str) -> Row:
    prices = {item.id: item.price for item in items}
    recall, ndcg, spent, violations, none, shown, right = [], [], [], 0, 0, 0, 0
    for topic in topics:
        began = time.perf_counter()
        found = await find(topic, language)
        spent.append(1000 * (time.perf_counter() - began))
        none += not found
        hits = [id in topic.answers for id in found]
        shown, right = shown + len(hits), right + sum(hits)
        best = min(K, len(topic.answers))
        recall.append(sum(hits) / best)
        ndcg.append(_gain(hits) / _gain([True] * best))
        violations += len([id for id in found if not topic.bounds.allow(prices[id])])
    p50, p95 = (float(np.percentile(spent, p)) for p in (50, 95))
    counts = {"violations": violations, "none": none, "shown": shown, "right": right}
    row = {"recall": float(np.mean(recall)), "ndcg": float(np.mean(ndcg))} | counts
    return row | {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1)}


async def _cheapest(assortment: Assortment, items: Sequence[Item], topics: Sequence[Topic], language: str) -> Row:
    """Each wish for the cheapest of its kind: how often what comes first answers it, and is the cheapest that does."""
    prices = {item.id: item.price.amount for item in items}
    answering = cheapest = 0
    for topic in topics:
        wish = assortment.intent(topic.texts[language], language, _MARKET).model_copy(update={"order": "cheapest"})
        _, results = await assortment.find(wish, _MARKET, K)
        first = [hit.product.id for hit in results.hits[:1] if hit.product.id in topic.answers]
        answering += len(first)
        cheapest += [prices[id] for id in first] == [min(prices[id] for id in topic.answers)]
    return {"language": language, "n": len(topics), "answering": answering, "cheapest": cheapest}


def _gain(hits: Sequence[bool]) -> float:
    return sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))


def _bm25(items: Sequence[Item]) -> FindQuery:
    """By the words shared with name and description."""
    index = BM25(item.text for item in items)

    async def find(query: Query) -> list[str]:
        scores = index.scores(lexical_terms(f"{query.text} {query.english}"))
        best_first = [items[i] for i in np.argsort(-scores, kind="stable") if scores[i] > 0]
        return _within(query, best_first)

    return find


def _tutorial(items: Sequence[Item], model: ONNXMiniLM_L6_V2) -> FindQuery:
    """A plain tutorial's: name and description as a document, bounds applied to what it found, which is everything."""
    collection = chromadb.EphemeralClient().create_collection("products")
    collection.add(ids=[item.id for item in items], embeddings=embed(model, [item.text for item in items]))
    by_id = {item.id: item for item in items}

    async def find(query: Query) -> list[str]:
        ids = collection.query(query_embeddings=model([query.text]), n_results=len(items))["ids"][0]
        return _within(query, [by_id[id] for id in ids])

    return find


def _within(query: Query, best_first: Sequence[Item]) -> list[str]:
    bounds = bounds_of(query)
    return [item.id for item in best_first if bounds.allow(item.price)][:K]
