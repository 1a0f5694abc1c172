"""Takes out of a vector what its language puts in: without it, an English question finds English passages only.

A language's share is the mean vector of its everyday sentences in generic/<language>.txt, one mean for queries and
one for passages. Knows nothing of policies or of Chroma.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Container
from pathlib import Path

import numpy as np

from rag.embedder import Embedder, Vectors

GENERIC = Path(__file__).parent / "generic"


class Centring:
    """The means for one embedder, worked out once and kept in the folder `cache`.

    A language without sentences of its own is centred with the mean of all: to serve it as well as the shipped ones,
    add generic/<language>.txt (about 40 everyday sentences, nothing about shops)."""

    def __init__(self, embedder: Embedder, cache: Path, generic: Path = GENERIC) -> None:
        self._embedder = embedder
        self._sentences = {
            path.stem: [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            for path in sorted(generic.glob("*.txt"))
        }
        # Vectors centred under different fingerprints cannot be compared
        self.fingerprint = hashlib.sha256(repr((embedder.id, self._sentences)).encode()).hexdigest()[:16]
        self._file = cache / f"centroids-{self.fingerprint}.npz"
        self._means: dict[str, Vectors] = {}
        self._unsaved = False
        self._lock = threading.Lock()

    def passages(self, texts: list[str], language: str) -> Vectors:
        """Passages of one language as centred unit vectors."""
        return self._centre(self._embedder.passages(texts), "passage", language)

    def query(self, text: str, language: str | None) -> Vectors:
        """A query as one centred unit vector; the language is None when it is not known."""
        return self._centre(self._embedder.queries([text]), "query", language or "").reshape(-1)

    def unrelated(self) -> Vectors:
        """Centred cosines of everyday sentences that have nothing to do with each other, as queries and as passages.
        Sentence n says the same in every language, so those pairs are left out."""
        queries = {each: self._centre(self._embedder.queries(s), "query", each) for each, s in self._sentences.items()}
        passages = {each: self.passages(s, each) for each, s in self._sentences.items()}
        pairs = [q @ p.T for q in queries.values() for p in passages.values()]
        return np.concatenate([pair[np.eye(*pair.shape) == 0] for pair in pairs])

    def save(self) -> None:
        """Keep the means for the next start."""
        if not self._unsaved:
            return
        for old in self._file.parent.glob("centroids-*"):
            old.unlink()
        part = self._file.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **self._means)
        part.replace(self._file)
        self._unsaved = False

    def _centre(self, vectors: Vectors, kind: str, language: str) -> Vectors:
        with self._lock:
            if not self._means:
                self._means = self._load(vectors.shape[1]) or self._compute()
        known = match_language(language, self._sentences)
        shares = [self._means[f"{kind}-{each}"] for each in ([known] if known else self._sentences)]
        centred = vectors - np.mean(shares, axis=0)
        return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    def _load(self, dimension: int) -> dict[str, Vectors]:
        """The kept means; none where a model of the same name had another dimension then."""
        if not self._file.exists():
            return {}
        with np.load(self._file) as file:
            means = {name: np.asarray(file[name], dtype=np.float32) for name in file.files}
        return means if all(mean.shape == (dimension,) for mean in means.values()) else {}

    def _compute(self) -> dict[str, Vectors]:
        means: dict[str, Vectors] = {}
        for language, sentences in self._sentences.items():
            means[f"query-{language}"] = np.asarray(self._embedder.queries(sentences).mean(axis=0))
            means[f"passage-{language}"] = np.asarray(self._embedder.passages(sentences).mean(axis=0))
        self._unsaved = True
        return means


def match_language(wanted: str, known: Container[str]) -> str | None:
    """`zh-TW` -> `zh-TW` where that is known, else `zh`, else None."""
    return next((tag for tag in (wanted, wanted.split("-")[0]) if tag in known), None)
