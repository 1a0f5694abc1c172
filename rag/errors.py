"""What can go wrong in rag, in words for staff. Knows nothing of what a shopper is told."""

from __future__ import annotations


class RetrievalError(Exception):
    """Root of rag's own errors.

    RetrievalError
    ├── EmbeddingError     the embeddings server is not reachable, refuses, or answers nonsense
    ├── IndexInUse         another process writes this store
    ├── IndexMismatch      the store was built with another embedding model or by another version
    └── IndexUnavailable   Chroma cannot be reached, or its folder is broken
    """


class EmbeddingError(RetrievalError):
    """The embeddings server failed."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"Embeddings from {url}: {reason}")
        self.url = url
        self.reason = reason


class IndexInUse(RetrievalError):
    """Another process writes this store: a second one would serve, and leave behind, a stale index."""


class IndexMismatch(RetrievalError):
    """The store's vectors cannot be compared with this embedder's."""


class IndexUnavailable(RetrievalError):
    """The Chroma server cannot be reached, or Chroma's folder is broken."""
