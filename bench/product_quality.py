"""How well products of an English catalogue are found by wishes in four languages, beside simpler ways of searching.

Every way is asked within the same bounds, which the same code reads from the wish, and without the words for them.
Knows no size but that of the catalogue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock, patch

import chromadb
import numpy as np
from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

from bench.retail import LANGUAGES, Bounds, Item, Topic, asked, bounds_of
from bench.retail_vectors import Remembering
from bench.tutorial_search import default_model, embed, which
from kefu.wants.looking_for import Vocabulary
from rag.lexical import BM25, lexical_terms
from shop import finding, recall
from shop.search import ProductSearch, Query

K = 10
OURS = "Kefu"
# Kefu's search with a part of it left out: what is put in the place of what
_PARTS: Mapping[str, Sequence[tuple[Any, str, Any]]] = {
    OURS: (),
    "vectors only": ((finding, "with_words", AsyncMock(return_value={})),),
    "words only": ((recall, "_DENSE", 0.0), (recall, "_JUNK", 2.0)),
}
Find = Callable[[Query], Awaitable[Sequence[str]]]
Row = dict[str, Any]


async def measure(
    items: Sequence[Item], topics: Sequence[Topic], searched: ProductSearch, memory: Remembering
) -> dict[str, Any]:
    """A row for each way and language, the share of wishes whose bounds are read right, and which model Chroma had."""
    vocabulary = Vocabulary({}, ())

    async def ours(query: Query) -> Sequence[str]:
        return [hit.product.id for hit in (await searched.search(query)).hits]

    async def shown(query: Query) -> Sequence[str]:
        results = await searched.search(query)
        return [hit.product.id for hit in results.hits or (results.none.nearest if results.none else ())]

    await ours(asked(topics[0], "en", None))  # warm
    memory.forget_queries()
    rows = []
    for way, replaced in _PARTS.items():
        with ExitStack() as stack:
            for place, name, other in replaced:
                stack.enter_context(patch.object(place, name, other))
            rows += await _rows(way, ours, items, topics, vocabulary)
    rows += await _rows(f"{OURS}, and what it shows where it says none", shown, items, topics, vocabulary)
    rows += await _rows(f"{OURS} without a glossary", ours, items, topics, None)
    rows += await _rows("BM25", _bm25(items), items, topics, None)
    rows += await _rows("BM25 with the glossary", _bm25(items), items, topics, vocabulary)
    model = default_model()
    if not isinstance(model, str):
        rows += await _rows("Chroma's default", _tutorial(items, model), items, topics, None)
    read = [topic.bounds == bounds_of(asked(topic, each, None)) for topic in topics for each in LANGUAGES]
    return {
        "topics": len(topics),
        "bounded": sum(topic.bounds != Bounds() for topic in topics),
        "bounds_right": sum(read),
        "rows": rows,
        "cheapest": [await _cheapest(searched, items, topics, each, vocabulary) for each in LANGUAGES],
        "model": "" if isinstance(model, str) else which(model),
        "not_measured": model if isinstance(model, str) else "",
    }


async def _rows(
    way: str, find: Find, items: Sequence[Item], topics: Sequence[Topic], vocabulary: Vocabulary | None
) -> list[Row]:
    rows = []
    for language in LANGUAGES:
        rows.append({"way": way, "language": language} | await _row(find, items, topics, language, vocabulary))
    mean = {name: float(np.mean([row[name] for row in rows])) for name in ("recall", "ndcg")}
    sums = {name: sum(int(row[name]) for row in rows) for name in ("violations", "none")}
    return [*rows, {"way": way, "language": "all"} | mean | sums]


async def _row(
    find: Find, items: Sequence[Item], topics: Sequence[Topic], language: str, vocabulary: Vocabulary | None
) -> Row:
    prices = {item.id: item.price for item in items}
    recall, ndcg, spent, violations, none = [], [], [], 0, 0
    for topic in topics:
        query = asked(topic, language, vocabulary)
        began = time.perf_counter()
        found = await find(query)
        spent.append(1000 * (time.perf_counter() - began))
        none += not found
        hits = [id in topic.answers for id in found]
        best = min(K, len(topic.answers))
        recall.append(sum(hits) / best)
        ndcg.append(_gain(hits) / _gain([True] * best))
        violations += len([id for id in found if not topic.bounds.allow(prices[id])])
    p50, p95 = (float(np.percentile(spent, p)) for p in (50, 95))
    row = {"recall": float(np.mean(recall)), "ndcg": float(np.mean(ndcg)), "violations": violations, "none": none}
    return row | {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1)}


async def _cheapest(
    searched: ProductSearch, items: Sequence[Item], topics: Sequence[Topic], language: str, vocabulary: Vocabulary
) -> Row:
    """Each wish for the cheapest of its kind: how often what comes first answers it, and is the cheapest that does."""
    prices = {item.id: item.price.amount for item in items}
    answering = cheapest = 0
    for topic in topics:
        results = await searched.search(replace(asked(topic, language, vocabulary), order="cheapest"))
        first = [hit.product.id for hit in results.hits[:1] if hit.product.id in topic.answers]
        answering += len(first)
        cheapest += [prices[id] for id in first] == [min(prices[id] for id in topic.answers)]
    return {"language": language, "n": len(topics), "answering": answering, "cheapest": cheapest}


def _gain(hits: Sequence[bool]) -> float:
    return sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))


def _bm25(items: Sequence[Item]) -> Find:
    """By the words shared with name and description."""
    index = BM25(item.text for item in items)

    async def find(query: Query) -> list[str]:
        scores = index.scores(lexical_terms(f"{query.text} {query.english}"))
        best_first = [items[i] for i in np.argsort(-scores, kind="stable") if scores[i] > 0]
        return _within(query, best_first)

    return find


def _tutorial(items: Sequence[Item], model: ONNXMiniLM_L6_V2) -> Find:
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
