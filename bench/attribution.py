"""Whether a sentence's citations name the passages that it rests on, and whether its wrong numbers are found.

Asked of the sentences of evals/attribution.yaml, labelled by hand, each alone: once with words and numbers only, once
with meaning too. The rule was tuned on one half, by a hash of the question; the other half is what counts. A citation
is *right* where the passage says what the sentence says, and *in place* also where the sentence twists what the passage
says: the shopper is sent to the right text, by a sentence that is wrong. Prints tables and some failures; writes
bench/results/attribution.json.

    python -m bench.attribution [--failures N]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench import report
from kefu.config import ROOT, Settings
from kefu.desk import open_index
from kefu.events import Source
from kefu.grounding import Grounding
from rag.index import PolicyIndex

LANGUAGES = ("zh", "en", "vi", "th")
WAYS = ("words and numbers", "with meaning")
HALVES = ("tuned on", "held out")
Row = dict[str, Any]
Test = Callable[[Row], bool]


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer as it was labelled; see the head of evals/attribution.yaml."""

    language: str
    by: str
    question: str
    sources: list[str]
    sentence: str
    states: str
    rests_on: list[str]
    twists: list[str]
    unsupported: list[str]

    @property
    def half(self) -> str:
        return HALVES[hashlib.sha256(self.question.encode()).digest()[0] % 2]

    @property
    def foreign(self) -> bool:
        """Whether its sources are in another language than it is."""
        return all(id.split("/")[0] != self.language for id in self.sources)


def sentences() -> list[Sentence]:
    """All that are labelled."""
    return [
        Sentence(**row) for row in yaml.safe_load((ROOT / "evals" / "attribution.yaml").read_text(encoding="utf-8"))
    ]


async def measure(index: PolicyIndex, labelled: Sequence[Sentence]) -> list[Row]:
    """One row a sentence: its labels in short, and for each way what it cites and which numbers it flags."""

    async def nothing(text: str) -> Mapping[str, float]:
        return {}

    rows = []
    for each in labelled:

        async def near(text: str, each: Sentence = each) -> Mapping[str, float]:
            return index.nearness(text, each.language, each.sources)

        sources = _offered(index, each)
        row: Row = vars(each) | {"half": each.half, "foreign": each.foreign}
        for way, meaning in zip(WAYS, (nothing, near), strict=True):
            ground = await Grounding(sources, [each.question], meaning, each.language).of(each.sentence)
            row[way] = {"cites": [each.sources[n - 1] for n in ground.sources], "flags": list(ground.unsupported)}
        rows.append(row)
    return rows


def _offered(index: PolicyIndex, sentence: Sentence) -> list[Source]:
    found = [index.passage(id) for id in sentence.sources]
    return [
        Source(number=n, id=p.id, title=p.title, heading=p.heading, language=p.language, text=p.text, score=0)
        for n, p in enumerate((p for p in found if p), 1)
    ]


def _shares(rows: Sequence[Row], way: str) -> tuple[float, float, float, float]:
    """In per cent: of the sentences that cite, those all of whose citations are right, and those all in place; of the
    supported sentences, those that cite anything, and those that cite nothing but what supports them."""
    cited = [row for row in rows if row[way]["cites"]]
    supported = [row for row in rows if row["rests_on"]]
    right = [row for row in cited if _right(row, way)]
    in_place = [row for row in cited if set(row[way]["cites"]) <= {*row["rests_on"], *row["twists"]}]
    found = [row for row in supported if row[way]["cites"]]
    return (
        _per_cent(len(right), len(cited)),
        _per_cent(len(in_place), len(cited)),
        _per_cent(len(found), len(supported)),
        _per_cent(sum(_right(row, way) for row in found), len(supported)),
    )


def _right(row: Row, way: str) -> bool:
    return set(row[way]["cites"]) <= set(row["rests_on"])


def _flagged(rows: Sequence[Row], way: str) -> tuple[int, int, int]:
    """Numbers: flagged rightly, flagged, and to be flagged."""
    pairs = [(set(row[way]["flags"]), set(row["unsupported"])) for row in rows]
    return (sum(len(f & u) for f, u in pairs), sum(len(f) for f, _ in pairs), sum(len(u) for _, u in pairs))


def _per_cent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else float("nan")


def markdown(results: Mapping[str, Any]) -> str:
    """The section of docs/quality.md."""
    rows: list[Row] = results["rows"]
    held_out = [row for row in rows if row["half"] == HALVES[1]]
    groups: dict[str, Test] = {
        "all": lambda row: True,
        "policies in the answer's language": lambda row: not row["foreign"],
        "policies in another one": lambda row: row["foreign"],
        **{language: lambda row, it=language: row["language"] == it for language in LANGUAGES},  # type: ignore[misc]
        "the embedded model's": lambda row: row["by"] == "model",
        "written by hand": lambda row: row["by"] == "hand",
    }
    lines = [_line(name, [row for row in held_out if test(row)]) for name, test in groups.items()]
    halves = [_line(f"all, {half}", [row for row in rows if row["half"] == half]) for half in HALVES]
    header = ["held out", "n", "supported", "cite", "right", "in place", "supported: cited", "cited rightly"]
    flags = ["numbers", *(f"{half}: {what}" for half in HALVES for what in ("flagged rightly", "found"))]
    return "\n".join(
        [
            "## Citations",
            "",
            f"`python -m bench.attribution`: {len(rows)} labelled sentences. Shares in per cent, {WAYS[0]} only / "
            f"{WAYS[1]}; *right*: of the sentences that cite, those whose passages say what they say; *in place*: or "
            "at least what they twist; *cited rightly*: of the supported ones. Tuned on one half, *held out* is the "
            "other.",
            "",
            report.table(header, lines + halves),
            "",
            report.table(flags, [_flag_line(way, rows) for way in WAYS]),
        ]
    )


def _line(name: str, rows: Sequence[Row]) -> list[str]:
    shares = zip(*(_shares(rows, way) for way in WAYS), strict=True)
    cite = " / ".join(str(sum(bool(row[way]["cites"]) for row in rows)) for way in WAYS)
    supported = sum(bool(row["rests_on"]) for row in rows)
    return [name, str(len(rows)), str(supported), cite, *(" / ".join(_shown(x) for x in pair) for pair in shares)]


def _shown(share: float) -> str:
    return "–" if share != share else f"{share:.1f}"


def _flag_line(way: str, rows: Sequence[Row]) -> list[str]:
    cells = [way]
    for half in HALVES:
        right, flagged, wanted = _flagged([row for row in rows if row["half"] == half], way)
        cells += [f"{right} of {flagged}", f"{right} of {wanted}"]
    return cells


def _failures(rows: Sequence[Row]) -> dict[str, list[Row]]:
    held_out, way = [row for row in rows if row["half"] == HALVES[1]], WAYS[1]
    cited = [row for row in held_out if row[way]["cites"] and not _right(row, way)]
    twisted = [row for row in cited if set(row[way]["cites"]) <= {*row["rests_on"], *row["twists"]}]
    return {
        "cites what it has nothing from": [row for row in cited if row not in twisted],
        "cites what it twists": twisted,
        "supported, cites nothing": [row for row in held_out if row["rests_on"] and not row[way]["cites"]],
        "wrong number, not flagged": [row for row in held_out if set(row["unsupported"]) - set(row[way]["flags"])],
        "right number, flagged": [row for row in held_out if set(row[way]["flags"]) - set(row["unsupported"])],
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failures", type=int, default=3, metavar="N", help="examples of each failure to print")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        print("  indexing the policies", file=sys.stderr)
        index, _ = open_index(Settings(_env_file=None, home=Path(home)))
        try:
            results = {"rows": asyncio.run(measure(index, sentences()))}
        finally:
            index.close()
    report.save("attribution", results)
    for kind, failed in _failures(results["rows"]).items():
        print(f"\n{kind}: {len(failed)}")
        for row in failed[: options.failures]:
            shown = {name: row[name] for name in ("sentence", "sources", "rests_on", "twists", "unsupported", WAYS[1])}
            print(json.dumps(shown, ensure_ascii=False))
    print(f"\n{markdown(results)}")


if __name__ == "__main__":
    main()
