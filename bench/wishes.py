"""How well a wish for products is understood: by word lists alone, and with the embedded model's help.

    python -m bench.wishes [--half odd|even|both] [--limit N] [--home DIR]

Reads evals/product_wishes.yaml (its header says what is right), each message a wish of its own. *Found*: of what a
careful person would fill in. *Invented*: values that the words do not bear out. The odd half was looked at while the
words and checks were made; of the even half only totals are kept. --home keeps the index of the catalogue.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from bench import report
from kefu.config import ROOT, Settings
from kefu.desk import open_desk
from kefu.products.intent import FIELDS, Field, Intent
from kefu.products.service import Advice
from kefu.wants.looking_for import Vocabulary

LANGUAGES = ("zh", "en", "vi", "th")
_PATIENCE_S = 600  # for one wish, on cores that others use too
Value = tuple[str, str]  # a field and what it is


def wishes(half: str) -> list[dict[str, Any]]:
    """The messages of a half, each with its half."""
    rows: list[dict[str, Any]] = yaml.safe_load((ROOT / "evals" / "product_wishes.yaml").read_text(encoding="utf-8"))
    halves = ("even", "odd")
    told = [row | {"half": halves[int(row["id"].rpartition("-")[2]) % 2]} for row in rows]
    return [row for row in told if half in (row["half"], "both")]


def scored(wish: Mapping[str, Any], intent: Intent, vocabulary: Vocabulary) -> dict[str, Any]:
    """What of the wish was found, missed and invented."""
    expected, allowed = set(_values(wish["expect"])), set(_values(wish.get("may", {})))
    heard = set(_values(_plain(intent)))
    found = {one for one in expected if any(_same(said, one, vocabulary) for said in heard)}
    right = expected | allowed
    invented = {said for said in heard if not any(_same(said, one, vocabulary) for one in right)}
    return {
        "expected": len(expected),
        "found": len(found),
        "missed": sorted(": ".join(one) for one in expected - found),
        "invented": sorted(": ".join(one) for one in invented),
    }


def _plain(intent: Intent) -> dict[str, Any]:
    """The intent as the file writes one."""
    told: dict[str, Any] = {field: list(intent.values(field)) for field in FIELDS}
    told |= {name: bound.major for name in ("lowest", "highest") if (bound := getattr(intent, name))}
    bounds = [bound.currency for bound in (intent.lowest, intent.highest) if bound]
    return told | ({"currency": bounds[0]} if bounds else {}) | ({"order": intent.order} if intent.order else {})


def _values(fields: Mapping[str, Any]) -> Iterator[Value]:
    for field, value in fields.items():
        if field in ("lowest", "highest"):
            yield field, f"{Decimal(str(value)).normalize():f}"
        else:
            yield from ((field, str(one)) for one in (value if isinstance(value, list) else [value]))


def _same(said: Value, right: Value, vocabulary: Vocabulary) -> bool:
    """Whether they are one thing: equal, or the catalogue's own name ("breathable") for what a list calls "airy"."""
    if said == right or said[0] != right[0]:
        return said == right
    return any(own.partition(":")[2] == said[1] for own in _means(right, vocabulary))


def _means(value: Value, vocabulary: Vocabulary) -> Sequence[str]:
    fields: Sequence[Field] = FIELDS if value[0] == "must_not" else [f for f in FIELDS if f == value[0]]
    return [own for field in fields if field != "category" for own in vocabulary.means(field, value[1]) or ()]


async def understand(asked: Sequence[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    """Every wish, by the words and by the words with the model."""
    settings = Settings(
        home=home, understanding="model", llm_first_token_timeout_s=_PATIENCE_S, llm_idle_timeout_s=_PATIENCE_S,
        llm_total_timeout_s=_PATIENCE_S,
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    async with open_desk(settings) as desk:
        assert desk.advice is not None
        for number, wish in enumerate(asked, 1):
            rows.append(await _both_ways(desk.advice, wish))
            print(f"{number} of {len(asked)}: {rows[-1]['model']['ms'] / 1000:.1f} s", file=sys.stderr, flush=True)
    return rows


async def _both_ways(advice: Advice, wish: Mapping[str, Any]) -> dict[str, Any]:
    vocabulary, market = advice.assortment.vocabulary, advice.market(None, wish["language"])
    heard = advice.assortment.intent(wish["text"], wish["language"], market)
    began = time.perf_counter()
    understood = await advice.understood(heard)
    taken = round((time.perf_counter() - began) * 1000)
    row = {key: wish[key] for key in ("id", "language", "half")}
    return row | {
        "words": scored(wish, heard, vocabulary),
        "model": scored(wish, understood, vocabulary) | {"ms": taken},
    }


def summed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts for a half and a language, by both ways."""
    found: dict[str, Any] = {"messages": len(rows)}
    for way in ("words", "model"):
        told = [row[way] for row in rows]
        found[way] = {
            "expected": sum(one["expected"] for one in told),
            "found": sum(one["found"] for one in told),
            "invented": sum(len(one["invented"]) for one in told),
            "right": sum(not one["invented"] and not one["missed"] for one in told),
        }
    return found | {"ms": round(statistics.median(row["model"]["ms"] for row in rows))}


def markdown(results: Mapping[str, Any]) -> str:
    """The table, and what was invented in the half that may be looked at."""
    what = ("found", "invented a 100", "wholly right")
    ways = [f"{one}, {way}" for one in what for way in ("words", "with the model")]
    header = ["half, language", "messages", *ways, "ms, median"]
    rows = [[name, *_cells(told)] for name, told in results["totals"].items()]
    invented = [f"{row['id']} {one}" for row in results["rows"] for one in row["model"]["invented"]]
    lines = [
        "## Wishes for products, understood",
        "",
        "Messages of evals/product_wishes.yaml, by word lists alone and with the embedded model. Found: of what a",
        "careful person would fill in; invented: what the words do not bear out. The even half was not looked at.",
        "",
        report.table(header, rows),
    ]
    return "\n".join([*lines, "", f"Invented with the model, in the odd half: {', '.join(invented) or 'nothing'}."])


def _cells(told: Mapping[str, Any]) -> list[str]:
    ways = [told["words"], told["model"]]
    found = [f"{way['found']}/{way['expected']}" for way in ways]
    invented = [f"{100 * way['invented'] / told['messages']:.1f}" for way in ways]
    return [str(told["messages"]), *found, *invented, *(str(way["right"]) for way in ways), f"{told['ms']:,}"]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("odd", "even", "both"), default="both")
    parser.add_argument("--limit", type=int, default=0, help="Read only so many messages; 0: all.")
    parser.add_argument("--home", type=Path, help="a folder that keeps the catalogue's index; else a temporary one")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(understand(wishes(args.half)[: args.limit or None], args.home or Path(folder)))
    totals = {}
    for half in ("odd", "even"):
        for language in ("", *LANGUAGES):
            some = [row for row in rows if row["half"] == half and language in ("", row["language"])]
            if some:
                totals[f"{half}, {language or 'all'}"] = summed(some)
    results = {"totals": totals, "rows": [row for row in rows if row["half"] == "odd"]}
    report.save("wishes", results)
    print(markdown(results))
    return results


if __name__ == "__main__":
    main()
