"""Where vectors and passages lie: one Chroma collection for each language. The only module that knows chromadb.

Knows nothing of the policies' folder, of embedding or of what a shopper may see.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings
from chromadb.errors import InternalError, NotFoundError

from rag.embedder import Vectors
from rag.errors import IndexMismatch, IndexUnavailable
from rag.passages import Passage
from rag.rows import as_passage, as_row
from rag.shelf import Shelf

_PREFIX = "kefu-policies-"
_FORMAT = 1  # of collections and rows; another one asks for a rebuild
# Chroma's default graph (16 neighbours) cannot reach some of a few dozen passages that are much alike, and loses a
# quarter of 640 with 300 equal ones; this one loses none, for 2 ms a query at 3,000 rows.
_EXACT = {"space": "cosine", "max_neighbors": 256, "ef_construction": 1000, "ef_search": 1000}
_Answer = TypeVar("_Answer")


class StoredLanguage:
    """One language of the store, to be searched."""

    def __init__(self, store: VectorStore, collection: Collection, shelf: Shelf) -> None:
        self._store = store
        self._collection = collection
        self.shelf = shelf
        self.passages = shelf.passages
        self.words = shelf.words

    def nearest(self, vector: Vectors, n: int, junk: float) -> dict[str, float]:
        """The ids of the `n` passages nearest to a vector, and how near they are; noise is left out."""

        def query(collection: Collection) -> dict[str, float]:
            _check_dimension(collection, len(vector))
            rows: Any = collection.query(query_embeddings=cast(Any, [vector]), n_results=n, include=["distances"])
            return {i: 1 - far for i, far in zip(rows["ids"][0], rows["distances"][0], strict=True)}

        return self.shelf.nearness(vector, self._store.ask(self._collection, query) or {}, junk)

    def nearness(self, vector: Vectors, ids: Sequence[str], junk: float) -> dict[str, float]:
        """How near these passages are to a vector; noise, and what is gone, is left out."""
        return self.shelf.nearness(vector, self.shelf.cosines(vector, ids), junk)


class VectorStore:
    """A collection a language, because Chroma's `where` is slow. Every collection names the embedder of its vectors;
    another embedder's are refused. Safe to use from several threads."""

    def __init__(self, folder: Path, url: str, embedder_id: str) -> None:
        self._url = url
        self._embedder_id = embedder_id
        self._shelves: dict[str, Shelf] = {}
        self._client = open_chroma(folder, url)

    def close(self) -> None:
        self._client.close()

    def languages(self) -> list[str]:
        """The languages that have passages. IndexMismatch if another embedder built any of them."""
        return sorted(self._collections())

    def versions(self, language: str) -> dict[str, str]:
        """What is stored in a language: passage id -> the version it was stored as."""

        def get(collection: Collection) -> dict[str, str]:
            rows: Any = collection.get(include=["metadatas"])
            return {i: str(row["version"]) for i, row in zip(rows["ids"], rows["metadatas"], strict=True) if row}

        return self.ask(self._collections().get(language), get) or {}

    def put(self, language: str, passages: Sequence[Passage], versions: Sequence[str], vectors: Vectors) -> None:
        """Add passages of one language; those with a known id are replaced."""
        dimension = vectors.shape[1]
        with self._reaching():
            collection = self._collections().get(language) or self._client.create_collection(
                _PREFIX + language,
                metadata=self._made(dimension),
                configuration=cast(Any, {"hnsw": _EXACT}),
                embedding_function=None,  # vectors are ours: Chroma's own model would be downloaded
                get_or_create=True,
            )
            _check_dimension(collection, dimension)
            collection.upsert(
                ids=[p.id for p in passages],
                embeddings=vectors,
                documents=[p.text for p in passages],
                metadatas=[as_row(p) | {"version": v} for p, v in zip(passages, versions, strict=True)],
            )
            collection.modify(metadata=self._made(dimension))

    def remove(self, language: str, ids: Sequence[str]) -> None:
        """Take passages out; a language left without any goes altogether."""

        def remove(collection: Collection) -> None:
            collection.delete(ids=list(ids))
            if collection.count():
                collection.modify(metadata=self._made((collection.metadata or {})["dimension"]))
            else:
                self._client.delete_collection(collection.name)

        self.ask(self._collections().get(language), remove)

    def touch(self) -> None:
        """Have every process read every language anew: a writer killed in the middle told nobody of its last rows."""
        for collection in self._collections().values():
            with self._reaching():
                collection.modify(metadata=self._made((collection.metadata or {})["dimension"]))

    def clear(self) -> None:
        """Drop every language, whichever embedder built it."""
        with self._reaching():
            for collection in self._client.list_collections():
                if collection.name.startswith(_PREFIX):
                    self._client.delete_collection(collection.name)

    def searchable(self) -> dict[str, StoredLanguage]:
        """Every language as it is now."""
        return {
            language: StoredLanguage(self, collection, self._shelf(language, collection))
            for language, collection in self._collections().items()
        }

    def _shelf(self, language: str, collection: Collection) -> Shelf:
        """The passages of a collection, read anew only after somebody has changed it."""
        made = collection.metadata or {}
        revision, dimension = str(made.get("revision")), int(made["dimension"])
        kept = self._shelves.get(language)
        if kept and kept.revision == revision:
            return kept

        def get(collection: Collection) -> Shelf:
            rows = collection.get(include=["metadatas", "documents", "embeddings"])
            ids, columns = _columns(rows, "metadatas", "documents", "embeddings")
            whole = [row for row in zip(ids, *columns, strict=True) if row[1]]
            vectors = np.array([row[3] for row in whole], dtype=np.float32).reshape(len(whole), dimension)
            return Shelf(revision, [as_passage(*row[:3]) for row in whole], vectors)

        gone = Shelf(revision, [], np.empty((0, dimension), dtype=np.float32))
        self._shelves[language] = shelf = self.ask(collection, get) or gone
        return shelf

    def ask(self, collection: Collection | None, question: Callable[[Collection], _Answer]) -> _Answer | None:
        """The collection's answer; None where there is none, or somebody takes it away at this very moment."""
        if collection is None:
            return None
        with self._reaching():
            try:
                return question(collection)
            except (NotFoundError, InternalError):  # InternalError: half of it was already gone
                if collection.id in (c.id for c in self._collections().values()):
                    raise
                return None

    def _made(self, dimension: int) -> dict[str, str | int]:
        """A collection's metadata: what its vectors are, and a new revision."""
        return {
            "embedder": self._embedder_id,
            "dimension": dimension,
            "format": _FORMAT,
            "revision": uuid.uuid4().hex,
        }

    def _collections(self) -> dict[str, Collection]:
        """Read each time (0.6 ms), so that what another process does to a Chroma server is seen."""
        with self._reaching():
            found = [c for c in self._client.list_collections() if c.name.startswith(_PREFIX)]
        for collection in found:
            built = collection.metadata or {}
            if (built.get("embedder"), built.get("format")) != (self._embedder_id, _FORMAT):
                then = f"{built.get('embedder')} (format {built.get('format')})"
                raise _mismatch(then, f"{self._embedder_id} (format {_FORMAT})")
        return {collection.name.removeprefix(_PREFIX): collection for collection in found}

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise IndexUnavailable(f"Chroma at {self._url}: {type(error).__name__}: {error}") from None


def open_chroma(folder: Path, url: str) -> Client:
    """The Chroma server at `url`, else the one embedded in `folder`. IndexUnavailable."""
    settings = Settings(anonymized_telemetry=False)
    if not url:
        try:
            return cast(Client, chromadb.PersistentClient(folder, settings))
        except InternalError as error:
            raise IndexUnavailable(f"Chroma in its folder {folder}: {error}") from None
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 8000)
    try:
        return cast(Client, chromadb.HttpClient(parts.hostname or "", port, secure, settings=settings))
    except ValueError as error:  # what Chroma makes of a refused connection
        raise IndexUnavailable(f"Chroma at {url}: {error}") from None


def _columns(rows: Any, *names: str) -> tuple[list[str], list[Any]]:
    """The ids, and these columns of them. None of any where the collection is being deleted at this very moment:
    Chroma then gives fewer vectors than ids, or rows without metadata."""
    ids, columns = rows["ids"], [rows[name] for name in names]
    whole = all(len(column) == len(ids) for column in columns)
    return (ids, columns) if whole else ([], [[] for _ in names])


def _mismatch(built: str, now: str) -> IndexMismatch:
    return IndexMismatch(f"The index was built with {built}, the settings say {now}. Run: kefu index --rebuild")


def _check_dimension(collection: Collection, dimension: int) -> None:
    built = (collection.metadata or {})["dimension"]
    if built != dimension:
        raise _mismatch(f"{built} dimensions", f"{dimension} dimensions")
