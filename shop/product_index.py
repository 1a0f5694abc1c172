"""The catalogue's texts and vectors, kept equal to the products: follows what triggers have noted, whoever wrote it.

A new price or stock changes no text and embeds nothing; a changed title embeds one text a language. Knows no search.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from rag.embedder import PRODUCTS, Embedder
from rag.errors import IndexInUse
from rag.vectors import Progress, TextVectors
from shop import product_texts
from shop.models import ProductRow, ProductTextRow, ProductWordRow, VariantRow
from shop.product_texts import AT_ONCE, Key
from shop.sessions import reading
from shop.views import Names

_COMPARE_S = 600.0  # how long a text whose vector another process failed to store may go without
NAME = "kefu-products"


@dataclass(frozen=True)
class Synced:
    """What a sync did: products looked at, texts embedded, texts dropped."""

    products: int = 0
    embedded: int = 0
    dropped: int = 0


class ProductIndex:
    """One for each process. Where another process writes the vectors' folder, this one reads it only."""

    def __init__(self, engine: AsyncEngine, vectors: TextVectors, *, writes: bool) -> None:
        self._engine = engine
        self.vectors = vectors
        self.writes = writes
        self.words: dict[tuple[str, str], Names] = {}  # what products differ by: ("material", "silk") -> its names
        self.languages: frozenset[str] = frozenset()  # that products are described in
        self.categories: frozenset[str] = frozenset()
        self.markets: dict[str, str] = {}  # market -> its currency
        self._read_up_to = 0  # the text up to which those were read
        self._compared_at = -math.inf  # when the vectors were compared with all texts
        self._fresh: dict[Key, str] = {}  # texts that are written and not embedded yet
        self._gone: set[Key] = set()  # that products had before
        self._syncing = asyncio.Lock()
        self.last = Synced()  # what the last sync did

    @classmethod
    def open(cls, engine: AsyncEngine, folder: Path, embedder: Embedder, chroma_url: str = "") -> ProductIndex:
        """Blocks for a moment, or some seconds where the embedder is new. Raises rag's errors."""
        embedder = embedder.for_task(PRODUCTS)
        try:
            return cls(engine, TextVectors(NAME, folder, embedder, chroma_url=chroma_url), writes=True)
        except IndexInUse:
            return cls(engine, TextVectors(NAME, folder, embedder, read_only=True), writes=False)

    def close(self) -> None:
        self.vectors.close()

    async def sync(self, progress: Progress = lambda done, total: None, *, rebuild: bool = False) -> Synced:
        """Brings texts and vectors up to date; cheap where nothing has changed. Full text is searched as soon as the
        texts are written, meanings when they are embedded. `progress` counts texts. Raises ShopUnavailable and rag's
        errors; repeating it mends what a crash left. `rebuild`: all texts and vectors anew, the vectors beside those
        that serve; IndexInUse where another process is at it."""
        async with self._syncing:
            if rebuild:
                if not self.writes:
                    raise IndexInUse("Another process writes the products' vectors; stop that one first.")
                await product_texts.note(self._engine)
            looked = await self.sync_texts()
            if not self.writes:
                await asyncio.to_thread(self.vectors.refresh)
                return Synced(looked)
            due = rebuild or time.monotonic() > self._compared_at + _COMPARE_S
            done = await self._compare_all(progress, rebuild) if due else None
            if done is None and self._compared_at > -math.inf:
                done = await self._embed_fresh(progress)
            self.last = Synced(looked, *(done or (0, 0)))
            return self.last

    async def sync_texts(self) -> int:
        """Writes the texts of products that have changed: how many those were. Embeds nothing."""
        looked = 0
        while self.writes and (noted := await product_texts.noted(self._engine)):
            written = await product_texts.write(self._engine, noted)
            if written is None:  # another process is at it
                break
            self._gone |= written.before
            self._fresh |= written.now
            looked += len(noted)
        await self._read_words()
        return looked

    async def pending(self) -> int:
        """How many products wait to be looked at."""
        return await product_texts.pending(self._engine)

    async def _embed_fresh(self, progress: Progress) -> tuple[int, int]:
        """Embeds the texts that were written since the last time, and forgets those that no product has any more."""
        embedded = await asyncio.to_thread(self.vectors.put, _by_language(self._fresh), progress) if self._fresh else 0
        self._fresh = {}
        gone = await product_texts.unused(self._engine, self._gone)
        await self._forget(gone)
        self._gone = set()
        return embedded, len(gone)

    async def _forget(self, gone: set[Key]) -> None:
        for language in {language for language, _ in gone}:
            contents = [content for of, content in gone if of == language]
            await asyncio.to_thread(self.vectors.remove, language, contents)

    async def _compare_all(self, progress: Progress, rebuild: bool) -> tuple[int, int] | None:
        """Embeds the texts whose vectors are missing (all of them, to rebuild), and forgets vectors without a text.
        Processes that share the vectors do so one at a time: None where it is another's turn."""
        async with product_texts.alone(self._engine) if self.vectors.shared else nullcontext(True) as alone:
            await asyncio.to_thread(self.vectors.refresh)
            if not alone:
                if rebuild:
                    raise IndexInUse("Another process builds the products' vectors; wait until it has finished.")
                return None
            embedded = await self._rebuild(progress) if rebuild else 0
            wanted = await product_texts.keys(self._engine)
            languages = self.vectors.languages()
            there = {(one, id) for one in languages for id in await asyncio.to_thread(self.vectors.ids, one)}
            todo = sorted(wanted - there)
            for start in range(0, len(todo), AT_ONCE):
                texts = await product_texts.texts_of(self._engine, todo[start : start + AT_ONCE])
                tell = partial(_of, progress, start, len(todo))
                embedded += await asyncio.to_thread(self.vectors.put, _by_language(texts), tell)
            await self._forget(there - wanted)
            await asyncio.to_thread(self.vectors.forget_others)
            self._fresh, self._gone, self._compared_at = {}, set(), time.monotonic()
            return embedded, len(there - wanted)

    async def _rebuild(self, progress: Progress) -> int:
        texts = await product_texts.texts_of(self._engine, await product_texts.keys(self._engine))
        await asyncio.to_thread(self.vectors.rebuild, _by_language(texts), progress)
        return len(texts)

    async def _read_words(self) -> None:
        """Reads what the texts that were written since the last time, by whatever process, may have brought."""
        fresh = ProductRow.id.in_(select(ProductTextRow.product).where(ProductTextRow.id > self._read_up_to))
        async with reading(self._engine) as db:
            latest = await db.scalar(select(func.max(ProductTextRow.id))) or 0
            if latest <= self._read_up_to:
                return
            wanted = select(ProductWordRow.attribute, ProductWordRow.value, ProductWordRow.names)
            words = {(key, value): names for key, value, names in await db.execute(wanted)}
            self.languages = frozenset(await db.scalars(select(ProductTextRow.language).distinct()))
            categories = frozenset(await db.scalars(select(ProductRow.category).where(fresh).distinct()))
            sold = select(ProductRow.market, VariantRow.currency).join(VariantRow).where(fresh).distinct()
            self.markets |= {market: currency for market, currency in await db.execute(sold)}
        if words != self.words:
            self.words = words
        if categories - self.categories:
            self.categories |= categories
        self._read_up_to = latest


def _of(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """Tells of a part of the texts as a part of all."""
    progress(before + done, total)


def _by_language(texts: Mapping[Key, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for (language, _), text in texts.items():
        found.setdefault(language, []).append(text)
    return found
