"""Texts by their content: the vector of each, in one Chroma collection a language. Knows no product and no database.

A text is named by a hash of itself, so equal texts are embedded once and a changed one is another. A rebuild is made
beside the vectors that serve, and takes their place when it is whole. Another embedder's vectors are never asked.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import numpy as np
from chromadb.api.models.Collection import Collection
from chromadb.errors import ChromaError, InternalError, NotFoundError

from rag.centring import Centring
from rag.embedder import Embedder, Vectors
from rag.errors import IndexUnavailable
from rag.store import open_chroma
from rag.store_lock import lock_store

Progress = Callable[[int, int], None]
T = TypeVar("T")

_BATCH = 16  # texts embedded and stored at a time: how long a process that ends may have to wait for them
_FORMAT = 1  # of the collections; another one is another generation
# Products are much alike: Chroma's default graph (16 neighbours) misses some of them
_GRAPH = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 300}
_AT_ONCE = 5_000  # rows in one call: Chroma's own limit is a little more


def content_id(text: str) -> str:
    """What names a text."""
    return hashlib.sha256(text.encode("utf-8", "ignore")).hexdigest()[:24]


class TextVectors:
    """Every method may be called from any thread. Embedded (no `chroma_url`), a folder has one writer: a second one
    raises IndexInUse; `read_only` takes no lock and sees the folder as it was when opened."""

    def __init__(
        self, name: str, folder: Path, embedder: Embedder, *, chroma_url: str = "", read_only: bool = False
    ) -> None:
        self._name = name
        self._url = chroma_url
        self.shared = bool(chroma_url)  # with other processes, which write too
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = None if read_only or chroma_url else lock_store(folder)
        self._centring = Centring(embedder, folder)
        self._client = open_chroma(folder, chroma_url)
        self._made = f"{_FORMAT}-{self._centring.fingerprint}"
        self._switching = threading.Lock()
        self._closing, self._writing = threading.Event(), threading.Lock()
        self._serving: dict[str, Collection] = {}
        self.workers = min(4, os.cpu_count() or 1)  # threads that embed; fewer leave more to whoever serves meanwhile
        self.refresh()

    def close(self) -> None:
        """Let go of the folder, after the texts that are being embedded; twice is harmless."""
        self._closing.set()
        with self._writing:
            self._client.close()
        if self._lock:
            self._lock.close()

    # Asked

    def languages(self) -> list[str]:
        """Those that have texts."""
        return sorted(self._serving)

    def ids(self, language: str) -> set[str]:
        """The texts of a language."""
        return self._ask(language, lambda collection: set(collection.get(include=[])["ids"]), set())

    def query(self, text: str, language: str) -> Vectors:
        """(dimension,): a wish in a language (BCP-47) as a unit vector that compares with the texts of any."""
        return self._centring.query(text, language or None)

    def nearest(self, vector: Vectors, language: str, n: int) -> dict[str, float]:
        """The `n` texts of a language nearest to a query, with their cosines."""

        def nearest(collection: Collection) -> dict[str, float]:
            rows: Any = collection.query(query_embeddings=cast(Any, [vector]), n_results=n, include=["distances"])
            return {id: 1 - far for id, far in zip(rows["ids"][0], rows["distances"][0], strict=True)}

        return self._ask(language, nearest, {}) if n > 0 else {}

    def vectors(self, language: str, ids: Sequence[str]) -> dict[str, Vectors]:
        """The unit vectors of these texts, as far as they are there."""
        found: dict[str, Vectors] = {}
        for some in _parts(ids):
            found |= self._ask(language, partial(_vectors, ids=some), dict[str, Vectors]())
        return found

    # Kept up to date

    def put(self, texts: Mapping[str, Sequence[str]], progress: Progress = lambda done, total: None) -> int:
        """Texts by language: embeds those that are new, and says how many those were."""
        self.refresh()  # another process may have begun a language
        fresh = {
            language: [text for text in dict.fromkeys(some) if content_id(text) not in known]
            for language, some in texts.items()
            for known in (self._known(language, some),)
        }
        self._embed(fresh, self._serving, "serving", progress)
        return sum(map(len, fresh.values()))

    def remove(self, language: str, ids: Sequence[str]) -> None:
        """Texts that are used no more; a language left without any goes altogether."""

        def remove(collection: Collection, ids: list[str]) -> None:
            collection.delete(ids=ids)
            if not collection.count():
                self._client.delete_collection(collection.name)

        for some in _parts(ids):
            self._ask(language, partial(remove, ids=some), None)
        self.refresh()

    def rebuild(self, texts: Mapping[str, Sequence[str]], progress: Progress = lambda done, total: None) -> None:
        """All texts anew, beside those that serve meanwhile; then these take their place."""
        building: dict[str, Collection] = {}
        texts = {language: list(dict.fromkeys(some)) for language, some in texts.items()}
        self._embed(texts, building, "building", progress)
        if self._closing.is_set():
            return  # half of it takes no place
        with self._switching:
            with self._reaching():
                for collection in building.values():
                    collection.modify(metadata=self._metadata("serving"))
            self._serving = building
        self.forget_others()

    def forget_others(self) -> None:
        """What another embedder, or a build that was killed, has left."""
        with self._switching, self._reaching():
            serving = {collection.name for collection in self._serving.values()}
            for collection in self._all():
                if collection.name not in serving:
                    self._client.delete_collection(collection.name)

    def refresh(self) -> None:
        """See what another process has switched to."""
        with self._switching:
            self._serving = self._collections("serving")

    # How

    def _embed(
        self, texts: Mapping[str, Sequence[str]], into: dict[str, Collection], state: str, progress: Progress
    ) -> None:
        batches = [(one, some[i : i + _BATCH]) for one, some in texts.items() for i in range(0, len(some), _BATCH)]
        done, total = 0, sum(map(len, texts.values()))
        if not total:
            return
        progress(0, total)
        with self._writing, ThreadPoolExecutor(self.workers) as pool:  # embedding is one core a call
            for start in range(0, len(batches), self.workers):
                if self._closing.is_set():
                    return  # what is missing is embedded by whoever opens this next
                some = batches[start : start + self.workers]
                found = list(pool.map(lambda batch: self._centring.passages(list(batch[1]), batch[0]), some))
                for (language, texts_of_it), vectors in zip(some, found, strict=True):
                    self._store(language, texts_of_it, vectors, into, state)
                    done += len(texts_of_it)
                progress(done, total)
        self._centring.save()

    def _store(
        self, language: str, texts: Sequence[str], vectors: Vectors, into: dict[str, Collection], state: str
    ) -> None:
        with self._reaching():
            if language not in into:
                into[language] = self._create(language, state)
            into[language].upsert(ids=[content_id(text) for text in texts], embeddings=cast(Any, vectors))

    def _known(self, language: str, texts: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for some in _parts([content_id(text) for text in texts]):
            known |= self._ask(language, partial(_there, ids=some), set())
        return known

    def _create(self, language: str, state: str) -> Collection:
        return self._client.create_collection(
            f"{self._name}-{uuid.uuid4().hex[:12]}-{language}",
            metadata=self._metadata(state),
            configuration=cast(Any, {"hnsw": _GRAPH}),
            embedding_function=None,  # vectors are ours: Chroma's own model would be downloaded
        )

    def _metadata(self, state: str) -> dict[str, str]:
        return {"made": self._made, "state": state}

    def _all(self) -> Sequence[Collection]:
        return [each for each in self._client.list_collections() if each.name.startswith(f"{self._name}-")]

    def _collections(self, state: str) -> dict[str, Collection]:
        """This embedder's, by language."""
        wanted = self._metadata(state)
        with self._reaching():
            found = [each for each in self._all() if {**(each.metadata or {})} == wanted]
        return {each.name.removeprefix(f"{self._name}-").partition("-")[2]: each for each in found}

    def _ask(self, language: str, question: Callable[[Collection], T], nothing: T) -> T:
        """The answer of a language's collection, `nothing` for a language without; asked again where another took its
        place meanwhile, for then the answer may be half of it, or none."""
        while collection := self._serving.get(language):
            with self._reaching():
                try:
                    answer = question(collection)
                    if self._serves(language, collection):
                        return answer
                except (NotFoundError, InternalError):  # InternalError: half of it was already gone
                    self.refresh()
                    if self._serves(language, collection):
                        raise
        return nothing

    def _serves(self, language: str, collection: Collection) -> bool:
        now = self._serving.get(language)
        return now is not None and now.id == collection.id

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, ChromaError) as error:
            where = f"at {self._url}" if self._url else "in its folder"
            raise IndexUnavailable(f"Chroma {where}: {type(error).__name__}: {error}") from None


def _parts(ids: Sequence[str]) -> Iterator[list[str]]:
    """Each once, as Chroma wants them, and as many at a time as it takes."""
    every = list(dict.fromkeys(ids))
    return (every[i : i + _AT_ONCE] for i in range(0, len(every), _AT_ONCE))


def _there(collection: Collection, ids: list[str]) -> set[str]:
    return set(collection.get(ids=ids, include=[])["ids"])


def _vectors(collection: Collection, ids: list[str]) -> dict[str, Vectors]:
    rows: Any = collection.get(ids=ids, include=["embeddings"])
    if len(rows["embeddings"]) != len(rows["ids"]):
        raise NotFoundError("it is being deleted")
    return dict(zip(rows["ids"], np.asarray(rows["embeddings"], dtype=np.float32), strict=True))
