"""One POST /v1/embeddings: texts for as many vectors, tried once more where the server is busy, failures in words.

Knows no task, no batches, and nothing of what a vector is used for.
"""

from __future__ import annotations

import re
import time

import httpx
import numpy as np
from numpy.typing import NDArray

from rag.errors import EmbeddingError

_TIMEOUT_S = 30.0
_BUSY = (429, 503)
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0  # before the second try; a shopper may be waiting for it
_HUNG_UP = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
_TOO_LONG = re.compile(r"context (length|size)|too long|less than \d+ tokens", re.IGNORECASE)
_DIMENSIONS = re.compile(r"dimension|matryoshka", re.IGNORECASE)


class EmbeddingServer:
    """A server of embeddings at `url` (its base, ending in /v1). Safe to call from several threads.

    `dimensions` asks for vectors of that length; 0: the model's own. Many servers ignore the field."""

    def __init__(self, url: str, model: str, api_key: str, dimensions: int) -> None:
        self._url = url.rstrip("/") + "/embeddings"
        self._model = model
        self._key = api_key.strip()
        self._dimensions = dimensions
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx.Client(timeout=_TIMEOUT_S, headers=headers)

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """(len(texts), length of a vector), in the texts' order, as the server gives them. EmbeddingError."""
        if not self._model:
            raise self.error("no model is named")
        body: dict[str, object] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._dimensions:
            body["dimensions"] = self._dimensions
        try:
            response = self._post(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.error(f"{type(error).__name__}: {error}") from None
        if response.status_code != 200:
            raise self.error(self._refusal(response, max(map(len, texts))))
        try:
            rows = sorted(response.json()["data"], key=lambda row: row["index"])
            vectors = np.asarray([row["embedding"] for row in rows], dtype=np.float32)
        except (ValueError, KeyError, TypeError):
            raise self.error("the answer is not a list of embeddings") from None
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise self.error(f"{len(vectors)} embeddings for {len(texts)} texts")
        return vectors

    def error(self, reason: str) -> EmbeddingError:
        """What went wrong with this server; never with its key."""
        return EmbeddingError(self._url, reason.replace(self._key, "***") if self._key else reason)

    def _post(self, body: dict[str, object]) -> httpx.Response:
        """A full queue or a restart is over soon, so one more try; a server that is not there, or thinks too long, is
        none the better for it."""
        try:
            response = self._client.post(self._url, json=body)
            if response.status_code not in _BUSY:
                return response
            time.sleep(_pause(response.headers.get("Retry-After", "")))
        except _HUNG_UP:
            time.sleep(_PAUSE_S)
        return self._client.post(self._url, json=body)

    def _refusal(self, response: httpx.Response, longest: int) -> str:
        status, said = response.status_code, response.text[:300]
        if status in (401, 403):  # the body may quote half the key
            return f"HTTP {status}: the API key is missing or wrong"
        if self._dimensions and _DIMENSIONS.search(said):
            advice = (
                """0 leaves them to the model; vLLM takes others only with --hf-overrides '{"is_matryoshka": true}'"""
            )
            return f"HTTP {status}: vectors of {self._dimensions} dimensions are refused ({said}); {advice}"
        if _TOO_LONG.search(said):
            advice = "give it a larger window (vLLM: --max-model-len)"
            return f"HTTP {status}: a text is too long, the longest has {longest} characters ({said}); {advice}"
        return f"HTTP {status}: {said}"


def _pause(retry_after: str) -> float:
    """Seconds, as the server asks for them; it may also give a date, or nothing."""
    return min(int(retry_after), _LONGEST_PAUSE_S) if retry_after.isdecimal() else _PAUSE_S
