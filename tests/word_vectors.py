"""An embedder that counts words: it needs no model, and what is near what can be read off the texts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from rag.embedder import Vectors


class WordVectors:
    """Texts that share words are near. `zh_silk` and `zh:silk` are `silk` said in Chinese: translations meet. Records
    what it embeds as passages."""

    def __init__(self, id: str = "words", dimension: int = 2048) -> None:
        self.id = id
        self.dimension = dimension
        self.embedded: list[str] = []
        self.fails = False

    def passages(self, texts: Sequence[str]) -> Vectors:
        if self.fails:
            raise RuntimeError("no embeddings today")
        self.embedded += texts
        return self.queries(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", re.sub(r"\b[a-z]{2}[:_]", "", text.lower())):
                row[zlib.crc32(word.encode()) % self.dimension] += 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    def for_task(self, task: str) -> WordVectors:
        return self
