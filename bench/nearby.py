"""Whether a shopper who names no country is answered for their own: kefu/nearby.py, on and off.

Asked: evals/nearby.yaml, questions about delivery; and, to see what it spoils, every question of main_job.yaml and
answerable.yaml that names no place, as if by a guest (in English: by a customer in Thailand). Prints a table and writes
bench/results/nearby.json.

    python -m bench.nearby
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from bench import report
from kefu.config import ROOT, Settings
from kefu.desk import open_index
from kefu.follow_up import DEPTH
from kefu.nearby import names_place, nearby
from rag.index import Found, PolicyIndex

DAY = date(2026, 10, 1)  # no sale is on
LANGUAGES = ("zh", "en", "vi", "th")
COUNTRIES = {"zh": "CN", "vi": "VN", "th": "TH", "en": "TH"}
CUTS = (1, 2)  # passages that the model reads: the embedded one gets 2


def questions() -> dict[str, list[dict[str, Any]]]:
    """By what is asked, each with its country."""
    others = [q | {"country": COUNTRIES[q["language"]]} for name in ("main_job", "answerable") for q in _read(name)]
    return {
        "delivery, no country named": _read("nearby"),
        "any question that names no place": [q for q in others if not names_place(q["text"])],
    }


def measure(index: PolicyIndex) -> list[dict[str, Any]]:
    """A row for each kind and language: of `n`, how many find their section among the first, off and on."""
    rows = []
    for kind, asked in questions().items():
        for language in LANGUAGES:
            of = [q for q in asked if q["language"] == language]
            found = [(q, index.search(q["text"], language=language, k=DEPTH, today=DAY)) for q in of]
            off = [_right(q, hits) for q, hits in found]
            on = [_right(q, nearby(hits, q["country"])) for q, hits in found]
            rows.append({"kind": kind, "language": language, "n": len(of), "off": _sums(off), "on": _sums(on)})
    return rows


def _right(question: dict[str, Any], hits: Sequence[Found]) -> list[bool]:
    wanted = (question["policy"], question["section"])
    return [wanted in [(hit.passage.policy, hit.passage.section) for hit in hits[:cut]] for cut in CUTS]


def _sums(right: Iterable[list[bool]]) -> list[int]:
    return [sum(column) for column in zip(*right, strict=True)]


def _read(name: str) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = yaml.safe_load((ROOT / "evals" / f"{name}.yaml").read_text(encoding="utf-8"))
    return read


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    rows = [
        [row["kind"], row["language"], str(row["n"]), *(" / ".join(map(str, row[way])) for way in ("off", "on"))]
        for row in results["rows"]
    ]
    return "\n\n".join(
        [
            "## Delivery to where the shopper is",
            "`python -m bench.nearby`: the section is the first / among the first two, of n. Rule and questions "
            "were written together: it shows what the rule is for, and that it spoils nothing.",
            report.table(["asked", "language", "n", "without", "with kefu/nearby.py"], rows),
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        index, _ = open_index(Settings(_env_file=None, home=Path(home)))
        try:
            results = {"rows": measure(index)}
        finally:
            index.close()
    report.save("nearby", results)
    print(markdown(results))


if __name__ == "__main__":
    main()
