"""The shop's policies as an index: kept equal to their folder, searchable in every language.

Knows nothing of conversations or models. How vectors are stored is store.py's business, which passages win search.py's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rag.centring import Centring, match_language
from rag.diacritics import restore
from rag.embedder import Embedder, Vectors, clean
from rag.errors import IndexInUse, IndexMismatch, IndexUnavailable, RetrievalError
from rag.passages import Passage, PolicyProblem, fingerprint, read_policies
from rag.search import Found, Question, best_passages
from rag.store import StoredLanguage, VectorStore
from rag.store_lock import lock_store
from rag.weighing import KNOWN, kept, measure

__all__ = ["Found", "IndexInUse", "IndexMismatch", "IndexUnavailable", "PolicyIndex", "SyncReport"]

Progress = Callable[[int, int], None]

_BATCH = 16  # passages embedded and stored at a time: what a crash may cost
_MAX_QUERY_CHARS = 4000


@dataclass(frozen=True)
class SyncReport:
    """What a sync did, as passage ids, and what is wrong in the files."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[PolicyProblem] = field(default_factory=list)


class PolicyIndex:
    """Search over a folder of policies. Every method may be called from any thread.

    Embedded (the default), a store has one writer at a time: the next one raises IndexInUse. `read_only` takes no lock
    and writes nothing; it sees the store as it was when opened. With `chroma_url` the vectors live in a Chroma server,
    which any number of processes may use at once, and `store` only keeps the centroids."""

    def __init__(
        self, policies: Path, store: Path, embedder: Embedder, *, chroma_url: str = "", read_only: bool = False
    ) -> None:
        self._policies = policies
        self.embedder = embedder
        self._remote = bool(chroma_url)
        self._read_only = read_only
        self._writing = threading.Lock()
        self._seen = ""  # the folder's fingerprint at this process's last sync
        self._synced = False
        self._state_file = store / "synced"
        if not read_only:
            store.mkdir(parents=True, exist_ok=True)
        self._lock = None if read_only or chroma_url else lock_store(store)
        self._centring = Centring(embedder, store)
        self._weighing_file = store / f"weighing-{self._centring.fingerprint}.json"
        self._weighing = kept(embedder.id, self._weighing_file)
        self._weighed = embedder.id in KNOWN or self._weighing_file.exists()
        there = self._remote or not read_only or (store / "chroma.sqlite3").exists()
        self._vectors = VectorStore(store, chroma_url, embedder.id) if there else None

    def close(self) -> None:
        """Let go of the store; the index is not used afterwards. Twice is harmless."""
        vectors, self._vectors = self._vectors, None
        if vectors:
            vectors.close()
        if self._lock:
            self._lock.close()

    def ready(self) -> bool:
        """Whether search answers from a finished index. A writer's is after its first sync. A read-only one is when the
        store was built by this embedder from the files as they are now."""
        if not self._read_only:
            return self._synced
        if self._vectors is None:
            return False
        if self._remote:
            try:
                return bool(self._vectors.languages())
            except RetrievalError:
                return False
        return self._state_file.exists() and self._state_file.read_text() == self._state()

    def search(
        self, query: str, *, language: str | None = None, k: int = 5, region: str = "", today: date | None = None
    ) -> list[Found]:
        """The `k` best passages in force, best first; none is a result. A section counts once: in `language` (English
        for a language without policies) where it is written in it, else in the language in which it was found best."""
        text = clean(query, _MAX_QUERY_CHARS).strip()
        if not text or k < 1 or self._vectors is None:
            return []
        day = today or date.today()
        stored = self._vectors.searchable()
        text = _with_marks(text, language, stored)
        question = Question(
            text,
            self._centring.query(text, language),
            language or "",
            k,
            lambda passage: passage.in_force(day, region),
            self._weighing,
        )
        return best_passages(stored, question)

    def nearness(self, text: str, language: str, ids: Sequence[str]) -> dict[str, float]:
        """How near these passages are to a sentence in any language, as `search` scores them; noise is left out."""
        if self._vectors is None or not text.strip():
            return {}
        vector = self._centring.query(clean(text, _MAX_QUERY_CHARS), language)
        stored = self._vectors.searchable()
        by_language: dict[str, list[str]] = {}
        for id in ids:
            by_language.setdefault(id.split("/")[0], []).append(id)
        near: dict[str, float] = {}
        for each, its_ids in by_language.items():
            if each in stored:
                near |= stored[each].nearness(vector, its_ids, self._weighing.junk)
        return near

    def passage(self, id: str) -> Passage | None:
        """One passage by its id, in force or not."""
        stored = self._vectors.searchable().get(id.split("/")[0]) if self._vectors else None
        return stored.passages.get(id) if stored else None

    def refresh(self) -> SyncReport | None:
        """Sync if a file has changed since the last one, else None. Cheap enough for every second."""
        if self._read_only or fingerprint(self._policies) == self._seen:
            return None
        return self.sync()

    def sync(self, progress: Progress = lambda done, total: None, *, rebuild: bool = False) -> SyncReport:
        """Make the index equal to the folder, embedding only what is new or changed. Repeating it mends what a crash
        left. `rebuild` begins with an empty store, as another embedder needs. `progress(done, total)` counts passages.
        A missing folder is reported and changes nothing."""
        if self._read_only or self._vectors is None:
            raise RuntimeError("This index was opened read-only, or is closed.")
        with self._writing:
            seen = fingerprint(self._policies)  # before reading: an edit meanwhile is the next refresh's
            state = self._state()
            passages, problems = read_policies(self._policies)
            report = SyncReport(problems=problems)
            if self._policies.is_dir():
                if rebuild:
                    self._state_file.unlink(missing_ok=True)
                    self._vectors.clear()
                elif not self._synced:
                    self._vectors.touch()
                self._write(self._vectors, passages, report, progress)
                if passages and not self._weighed:
                    self._weighing, self._weighed = measure(self._centring, passages, self._weighing_file), True
                self._centring.save()
                self._state_file.write_text(state)
                self._synced = True
            self._seen = seen
            return report

    def _write(self, vectors: VectorStore, passages: list[Passage], report: SyncReport, progress: Progress) -> None:
        stored = {language: vectors.versions(language) for language in vectors.languages()}
        fresh: dict[str, list[Passage]] = {}
        for passage in passages:
            before = stored.get(passage.language, {}).pop(passage.id, None)
            if before == self._version(passage):
                report.kept.append(passage.id)
                continue
            (report.added if before is None else report.changed).append(passage.id)
            fresh.setdefault(passage.language, []).append(passage)
        batches = [todo[i : i + _BATCH] for todo in fresh.values() for i in range(0, len(todo), _BATCH)]
        done, total = 0, len(report.added) + len(report.changed)
        progress(0, total)
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # embedding is one core a call
            for batch, centred in zip(batches, pool.map(self._embed, batches), strict=True):
                vectors.put(batch[0].language, batch, [self._version(p) for p in batch], centred)
                done += len(batch)
                progress(done, total)
        for language, gone in stored.items():
            if gone:
                vectors.remove(language, list(gone))
                report.removed.extend(gone)

    def _embed(self, batch: list[Passage]) -> Vectors:
        return self._centring.passages([p.embedded_text for p in batch], batch[0].language)

    def _version(self, passage: Passage) -> str:
        """What a stored row must have been made from to be kept: the passage, and the centroids of its vector."""
        return f"{passage.content_hash}-{self._centring.fingerprint}"

    def _state(self) -> str:
        return f"{fingerprint(self._policies)}-{self._centring.fingerprint}"


def _with_marks(text: str, language: str | None, stored: Mapping[str, StoredLanguage]) -> str:
    """Vietnamese typed without its marks, with them: an embedding model does not know it otherwise."""
    if not match_language(language or "", ("vi",)):
        return text
    there = stored.get("vi")
    return there.shelf.restorer.restore(text) if there else restore(text)
