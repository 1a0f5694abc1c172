"""Passages by the words that they share with a question: BM25 within one language. Knows no vectors and no policies."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.tokens import terms

# Robertson's usual values; jieba's and newmm's word borders, tried instead of character grams, add nothing.
_K1, _B = 1.2, 0.75
_CODE = re.compile(r"(?<![a-z\d])[a-z]*\d[a-z\d]*")  # years, sizes, models: "2016", "38", "100wh", "a54"


class BM25:
    """An index over a fixed list of texts; made anew when they change. Safe to use from several threads."""

    def __init__(self, texts: Iterable[str]) -> None:
        documents = [Counter(lexical_terms(text)) for text in texts]
        lengths = np.array([document.total() for document in documents], dtype=np.float32)
        self._size = len(documents)
        norm = _K1 * (1 - _B + _B * lengths / max(1.0, float(lengths.mean()))) if documents else lengths
        rows: dict[str, list[tuple[int, int]]] = {}
        for i, document in enumerate(documents):
            for term, count in document.items():
                rows.setdefault(term, []).append((i, count))
        self._weights: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
        for term, postings in rows.items():
            where, counts = np.array(postings, dtype=np.int64).T
            idf = np.log(1 + (self._size - len(where) + 0.5) / (len(where) + 0.5))
            self._weights[term] = where, (idf * counts * (_K1 + 1) / (counts + norm[where])).astype(np.float32)

    def scores(self, question: Sequence[str]) -> NDArray[np.float32]:
        """(number of texts,): how well each answers the question, given as lexical terms; 0 where nothing is shared."""
        scores = np.zeros(self._size, dtype=np.float32)
        for term, count in Counter(question).items():
            if term in self._weights:
                where, weights = self._weights[term]
                scores[where] += count * weights
        return scores


def lexical_terms(text: str) -> list[str]:
    """Han and Kana bigrams, Thai trigrams, words without their marks, and what has digits in it."""
    return terms(text) + _CODE.findall(unicodedata.normalize("NFKC", text).lower())
