"""Which stored passages answer a question best, whatever language they are in. Knows no policy file and no model."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rag.centring import match_language
from rag.embedder import Vectors
from rag.lexical import lexical_terms
from rag.passages import Passage
from rag.store import StoredLanguage
from rag.weighing import Weighing, fuse

_SECOND_LANGUAGE = "en"  # for shoppers whose own language has no policies
_CANDIDATES = 20  # of a language that are looked at closely, at least; four for each passage wanted


@dataclass(frozen=True)
class Found:
    """A passage that search came upon; `score` is a centred cosine, at most 1."""

    passage: Passage
    score: float


@dataclass(frozen=True)
class Question:
    """A question as it is searched."""

    text: str
    vector: Vectors  # centred, of length 1
    language: str  # "" where it is not known
    k: int  # passages wanted
    in_force: Callable[[Passage], bool]
    weighing: Weighing

    @property
    def candidates(self) -> int:
        """How many passages of a language are looked at closely, at first."""
        return max(_CANDIDATES, 4 * self.k)


def best_passages(stored: Mapping[str, StoredLanguage], question: Question) -> list[Found]:
    """At most `question.k`, best first. Scores of all languages compare, because both sides are centred. Shared words
    count only where question and passages are in one language: elsewhere they are names at best."""
    written = match_language(question.language, stored) if question.language else None
    hits: list[Found] = []
    for language, there in sorted(stored.items()):
        nearest = _nearest(there, question)
        hits += _with_words(there, nearest, question) if language == written else nearest
    sections: dict[tuple[str, int], list[Found]] = {}
    for hit in sorted(hits, key=lambda hit: -hit.score):  # stable: where scores are equal, the words have decided
        sections.setdefault((hit.passage.policy, hit.passage.section), []).append(hit)
    own = written or (match_language(_SECOND_LANGUAGE, stored) if question.language else None)
    versions = stored[own].passages if own else {}
    best: list[Found] = []
    for (policy, section), found in sections.items():
        version = versions.get(f"{own}/{policy}#{section}")
        best += _one_language(found, own, version if version and question.in_force(version) else None)
    return sorted(best, key=lambda hit: -hit.score)[: question.k]


def _nearest(there: StoredLanguage, question: Question) -> list[Found]:
    """A language's nearest passages in force, at least `k` where it has as many: asked for more until it does."""
    n = question.candidates
    while True:
        near = there.nearest(question.vector, n, question.weighing.junk)
        hits = [Found(there.passages[id], score) for id, score in near.items()]
        hits = [hit for hit in hits if question.in_force(hit.passage)]
        if len(hits) >= question.k or len(near) < n:
            return hits
        n *= 4


def _with_words(there: StoredLanguage, nearest: list[Found], question: Question) -> list[Found]:
    """The nearest passages and those that share most words with the question, in the order of both kinds of evidence.

    Each place keeps the score that it had by meaning alone, so that scores still compare with other languages'."""
    shared = dict(zip(there.passages, there.words.scores(lexical_terms(question.text)).tolist(), strict=True))
    near = {hit.passage.id: hit.score for hit in nearest}
    most = [id for id in heapq.nlargest(question.candidates, shared, key=lambda id: shared[id]) if shared[id]]
    others = [id for id in most if id not in near and question.in_force(there.passages[id])]
    near |= there.nearness(question.vector, others, question.weighing.junk)
    fused = fuse(np.array(list(near.values())), np.array([shared[id] for id in near]), question.weighing.dense)
    evidence = dict(zip(near, fused.tolist(), strict=True))
    order = sorted(near, key=lambda id: (-evidence[id], -near[id], id))
    scores = sorted(near.values(), reverse=True)
    return [Found(there.passages[id], score) for id, score in zip(order, scores, strict=True)]


def _one_language(hits: list[Found], own: str | None, version: Passage | None) -> list[Found]:
    """A section's hits in the shopper's language, else its text in it, else those in the best hit's language. The
    first of them takes the best score: how well a section answers does not hang on the language it is shown in."""
    best = hits[0]
    chosen = [hit for hit in hits if hit.passage.language == own]
    if not chosen and version:
        return [Found(version, best.score)]
    chosen = chosen or [hit for hit in hits if hit.passage.language == best.passage.language]
    return [Found(chosen[0].passage, best.score), *chosen[1:]]
