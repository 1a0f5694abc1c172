"""Which value of a wish a few words are nearest to, by meaning: the second witness to what a model read out of them.

Knows the words for the values and an embedder; no message and no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from kefu.wants.looking_for import Vocabulary
from rag.embedder import Embedder, Vectors

_NO_WISH = Path(__file__).parent.parent / "wants" / "words" / "no_wish.yaml"
_AS_NEAR = 0.005  # by which a value may be less near than the nearest: some words stand in two lists


class Nearness:
    """One for each process. Embeds a language's words, and the English ones, when they are first asked for."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._of: tuple[Vocabulary, dict[str, tuple[list[str], Vectors]]] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def bears_out(
        self, heard: Sequence[tuple[str, str]], vocabulary: Vocabulary, language: str
    ) -> list[tuple[str, str]]:
        """Those of the (words, value) pairs whose words are nearest to just that value."""
        if not heard:
            return []
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._nearest, heard, vocabulary, language)

    def _nearest(
        self, heard: Sequence[tuple[str, str]], vocabulary: Vocabulary, language: str
    ) -> list[tuple[str, str]]:
        values, vectors = self._words(vocabulary, language)
        near = _unit(self._embedder.queries([words for words, _ in heard])) @ vectors.T
        kept = []
        for (words, value), row in zip(heard, near, strict=True):
            own = [likeness for likeness, of in zip(row, values, strict=True) if of == value]
            if own and max(own) >= row.max() - _AS_NEAR:
                kept.append((words, value))
        return kept

    def _words(self, vocabulary: Vocabulary, language: str) -> tuple[list[str], Vectors]:
        if self._of is None or self._of[0] is not vocabulary:
            self._of = vocabulary, {}
        known = self._of[1]
        if language not in known:
            told = [(value, word) for value, words in vocabulary.words((language, "en")).items() for word in words]
            told += [("", word) for spoken in dict.fromkeys((language, "en")) for word in _no_wish().get(spoken, ())]
            known[language] = [value for value, _ in told], _unit(self._embedder.queries([word for _, word in told]))
        return known[language]


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@cache
def _no_wish() -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = yaml.safe_load(_NO_WISH.read_text(encoding="utf-8"))
    return found
