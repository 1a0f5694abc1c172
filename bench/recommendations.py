"""Whether what a model says of recommended products is true: every reason by the embedded model, kept to be read.

    python -m bench.recommendations [--wishes seen|earlier|fresh] [--limit N] [--home DIR]

Recommends 4 products for each wish, with KEFU_REASONS=model, and keeps every reason, what it points at, and every
sentence that was not shown and why. *seen*: the odd half of evals/product_wishes.yaml, on which the checks were made;
*earlier*: the first 15 of each language in evals/recommendation_wishes.yaml, after which some were mended; *fresh*:
those written after that. Whether a sentence is true is not for the code that checks it to say: each was read against
the product's data in all four languages, and evals/reasons_read.yaml says what was found.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench import report
from kefu.config import ROOT, Settings
from kefu.desk import Desk, open_desk
from kefu.products.facts import facts
from kefu.products.phrasing import phrased
from shop.views import Names, Product

LANGUAGES = ("zh", "en", "vi", "th")
_SHOWN = 4  # products for one wish
_AT_ONCE = 2  # wishes: the embedded model's slots
_IN_A_ROW = 5  # wishes of one language: the model keeps what the last request began with
_PATIENCE_S = 600  # for one sentence, on cores that others use too
_EXAMPLES = 2  # of each language, on the page
_EVALS = "evals"
_EARLIER = 15  # wishes of each language
Row = Mapping[str, Any]


def wishes(which: str) -> list[dict[str, Any]]:
    """What is asked, each with its language."""
    name = "product_wishes" if which == "seen" else "recommendation_wishes"
    rows: list[dict[str, Any]] = yaml.safe_load((ROOT / _EVALS / f"{name}.yaml").read_text(encoding="utf-8"))
    numbered = [(int(row["id"].rpartition("-")[2]), row) for row in rows]
    if which == "seen":
        return [row for number, row in numbered if number % 2]
    return [row for number, row in numbered if (number > _EARLIER) == (which == "fresh")]


async def reasons(desk: Desk, wish: Mapping[str, Any], every: Mapping[str, Names]) -> list[dict[str, Any]]:
    """The reasons for one wish, each with the data that it should rest on."""
    advice = desk.advice
    assert advice is not None
    market = advice.market(None, wish["language"])
    intent = await advice.intent(wish["text"], None, wish["language"], market)
    found = await advice.recommended(intent, market, _SHOWN)
    products = {hit.product.id: hit.product for hit in found.shown}
    rows, began = [], time.perf_counter()
    async for one in phrased(desk.llm, advice.lock, advice.assortment, found):
        product, taken = products[one.product], time.perf_counter() - began
        rows.append(
            {
                "wish": wish["id"],
                "language": wish["language"],
                "product": one.product,
                "by": one.reason.by,
                "text": one.reason.text,
                "claims": [claim.model_dump() for claim in one.reason.claims],
                "not_shown": list(one.rejected),
                "names_another": _others(
                    one.reason.text, product, {id: names for id, names in every.items() if id not in products}
                ),
                "ms": round(taken * 1000),
                "facts": facts(product, wish["language"]),
            }
        )
        began = time.perf_counter()
    return rows


def _others(text: str, product: Product, others: Mapping[str, Names]) -> list[str]:
    """The products that were not retrieved and that a reason names, in any language."""
    own, text = " ".join(product.names.values()).casefold(), text.casefold()
    return [
        id
        for id, names in others.items()
        if any(n.casefold() in text and n.casefold() not in own for n in names.values())
    ]


async def measure(which: str, asked: Sequence[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    settings = Settings(
        home=home, reasons="model", understanding="words", llm_first_token_timeout_s=_PATIENCE_S,
        llm_idle_timeout_s=_PATIENCE_S, llm_total_timeout_s=_PATIENCE_S,
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    async with open_desk(settings) as desk:
        assert desk.advice is not None
        await desk.advice.assortment.index.sync()
        every = await desk.shop.catalogue.names()
        todo, done = iter(asked), 0

        async def one_after_the_other() -> None:
            nonlocal done
            for wish in todo:
                found = await reasons(desk, wish, every)
                rows.extend(found)
                done += 1
                report.save(_file(which), {"wishes": which, "asked": done, "rows": rows})
                told = ", ".join(f"{row['by']} {row['ms'] / 1000:.0f} s" for row in found)
                print(f"{done} of {len(asked)}: {wish['id']}: {told}", file=sys.stderr, flush=True)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(_AT_ONCE):
                tasks.create_task(one_after_the_other())
    return rows


def _file(which: str) -> str:
    return "recommendations" if which == "fresh" else f"recommendations_{which}"


def read_so_far() -> dict[tuple[str, str], dict[str, str]]:
    """The sentences that were read against the product's data, by product and text."""
    rows = yaml.safe_load((ROOT / _EVALS / "reasons_read.yaml").read_text(encoding="utf-8"))
    return {(row["product"], row["text"]): row for row in rows}


def markdown(results: Mapping[str, Any]) -> str:
    """Who worded how much, what was untrue, and some sentences."""
    rows, read = results["rows"], read_so_far()
    header = ["language", "products", "reasons by the model", "by the records", "sentences not shown", "read", "untrue",
              "true, but badly written", "s a reason, median"]  # fmt: skip
    tables = [_counted(language, rows, read) for language in ("", *LANGUAGES)]
    untrue = [
        f"- {one['product']}: “{one['text']}” ({one['untrue']})" for one in _shown(rows, read) if one.get("untrue")
    ]
    named = sum(len(row["names_another"]) for row in rows)
    lines = [
        "## Reasons for recommended products",
        "",
        f"{len(rows)} products recommended for {results['asked']} wishes, by word lists and the embedded model with",
        "KEFU_REASONS=model. A sentence with a claim that code cannot find in the product's data is not shown; those",
        "that were shown were read against that data (evals/reasons_read.yaml). Products named but not retrieved:",
        f"{named}.",
        "",
        report.table(header, tables),
        "",
        "Shown and untrue:" if untrue else "Shown and untrue: none.",
        *untrue,
        "",
        "For example:",
        *_examples(rows),
    ]
    return "\n".join(lines)


def _shown(rows: Sequence[Row], read: Mapping[tuple[str, str], dict[str, str]]) -> list[dict[str, str]]:
    """What was found of each sentence of the model's that was read."""
    said = [(row["product"], row["text"]) for row in rows if row["by"] == "model"]
    return [read[one] for one in said if one in read]


def _counted(language: str, rows: Sequence[Row], read: Mapping[tuple[str, str], dict[str, str]]) -> list[str]:
    some = [row for row in rows if language in ("", row["language"])]
    judged = _shown(some, read)
    counts = [
        len(some),
        sum(row["by"] == "model" for row in some),
        sum(row["by"] == "records" for row in some),
        sum(len(row["not_shown"]) for row in some),
        len(judged),
        sum(bool(one.get("untrue")) for one in judged),
        sum(bool(one.get("odd")) for one in judged),
    ]
    taken = statistics.median(row["ms"] for row in some) / 1000 if some else 0
    return [language or "all", *map(str, counts), f"{taken:.1f}"]


def _examples(rows: Sequence[Row]) -> Iterator[str]:
    for language in LANGUAGES:
        said = [row for row in rows if row["language"] == language and row["by"] == "model"]
        yield from (
            f"- {row['wish']}, {row['product']}: {row['text']}"
            for row in said[:: max(len(said) // _EXAMPLES, 1)][:_EXAMPLES]
        )


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wishes", choices=("seen", "earlier", "fresh"), default="fresh")
    parser.add_argument("--limit", type=int, default=0, help="Ask only so many wishes of a language; 0: all.")
    parser.add_argument("--home", type=Path, help="a folder that keeps the catalogue's index; else a temporary one")
    args = parser.parse_args(argv)
    every = wishes(args.wishes)
    limit = args.limit or len(every)
    blocks = [[w for w in every if w["language"] == language][:limit] for language in LANGUAGES]
    rounds = range(0, max(map(len, blocks)), _IN_A_ROW)
    asked = [wish for start in rounds for block in blocks for wish in block[start : start + _IN_A_ROW]]
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure(args.wishes, asked, args.home or Path(folder)))
    results = {"wishes": args.wishes, "asked": len(asked), "rows": rows}
    report.save(_file(args.wishes), results)
    print(markdown(results))
    return results


if __name__ == "__main__":
    main()
