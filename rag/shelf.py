"""One language's passages in memory, with what a search asks of them beside their vectors. Knows no Chroma."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from rag.diacritics import Restorer
from rag.embedder import Vectors
from rag.lexical import BM25
from rag.passages import Passage

_PRIOR = 10  # passages' worth of "nothing in common": with 40 a language loses up to 4.2 points of R@3, with 10 2.8


class Shelf:
    """Passages as one revision of their collection held them, and their centred unit vectors, row by row.

    The generic centroid leaves a share of the language in the vectors, by which the shopper's own language would win
    over a better answer in another. So nearness is the cosine without what the language's passages have in common."""

    def __init__(self, revision: str, passages: Sequence[Passage], vectors: Vectors) -> None:
        self.revision = revision
        self.passages = {passage.id: passage for passage in passages}
        self.words = BM25(passage.embedded_text for passage in passages)  # in the same order
        # Few passages say little of their language: their mean counts for as much as there are of them
        self._mean = vectors.sum(axis=0) / (len(passages) + _PRIOR)
        # What is left of a vector's length without the mean
        lengths = np.sqrt(np.maximum(1 - 2 * vectors @ self._mean + self._mean @ self._mean, 1e-6))
        self._vectors = dict(zip(self.passages, vectors, strict=True))
        self._lengths = dict(zip(self.passages, lengths.tolist(), strict=True))

    @cached_property
    def restorer(self) -> Restorer:
        """Gives a question in this language its marks back, in the shop's words; of use for Vietnamese only."""
        return Restorer(passage.embedded_text for passage in self.passages.values())

    def cosines(self, vector: Vectors, ids: Iterable[str]) -> dict[str, float]:
        """The cosines of a unit vector with these passages, as far as they are on the shelf."""
        return {id: float(self._vectors[id] @ vector) for id in ids if id in self._vectors}

    def nearness(self, vector: Vectors, cosines: dict[str, float], junk: float) -> dict[str, float]:
        """How near passages are to a unit vector, from their cosines; those under `junk` or not on the shelf are left
        out."""
        common = float(vector @ self._mean) if self.passages else 0.0
        return {
            id: (cosine - common) / self._lengths[id]
            for id, cosine in cosines.items()
            if cosine >= junk and id in self._lengths
        }
