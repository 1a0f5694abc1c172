"""Embedders for the benches of product search: one that embeds a text once, and one that makes up the vectors of copies
of a product, as a quarter of a million texts would take a small model hours. Knows no search."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence

import numpy as np

from rag.embedder import Embedder, Vectors

_NUMBERED = re.compile(r"^(.*) · (\d+)$", re.MULTILINE)  # see retail.numbered
_NOISE = 0.15  # of a vector's length


class Remembering:
    """An embedder that embeds a text once, however many indexes want it. The same `id`, so the same vectors. `spent`:
    the seconds of each question that it did embed."""

    def __init__(self, embedder: Embedder) -> None:
        self.id = embedder.id
        self.dimension = embedder.dimension
        self.spent: list[float] = []
        self._embedder = embedder
        self._passages: dict[str, Vectors] = {}
        self._queries: dict[str, Vectors] = {}

    def passages(self, texts: Sequence[str]) -> Vectors:
        fresh = [text for text in dict.fromkeys(texts) if text not in self._passages]
        if fresh:
            self._passages |= zip(fresh, self._embedder.passages(fresh), strict=True)
        return np.stack([self._passages[text] for text in texts])

    def queries(self, texts: Sequence[str]) -> Vectors:
        for text in texts:
            if text not in self._queries:
                began = time.perf_counter()
                self._queries[text] = self._embedder.queries([text])[0]
                self.spent.append(time.perf_counter() - began)
        return np.stack([self._queries[text] for text in texts])

    def forget_queries(self) -> None:
        self._queries.clear()
        self.spent.clear()

    def for_task(self, task: str) -> Remembering:
        return self


class Copying:
    """The same; but the text of a numbered copy gets the vector of its original with a little noise of its own."""

    def __init__(self, embedder: Remembering) -> None:
        self.id = f"{embedder.id}, copies made up"
        self.dimension = embedder.dimension
        self._embedder = embedder

    def passages(self, texts: Sequence[str]) -> Vectors:
        vectors = self._embedder.passages([_NUMBERED.sub(r"\1", text, count=1) for text in texts])
        for at, text in enumerate(texts):
            if _NUMBERED.match(text):
                noise = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(self.dimension)
                vectors[at] += _NOISE * noise.astype(np.float32) / np.linalg.norm(noise)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.queries(texts)

    def for_task(self, task: str) -> Copying:
        return self
