"""The catalogue's texts and vectors, kept equal to the products: follows what triggers have noted, whoever wrote it.

A new price or stock changes no text and embeds nothing; a changed title embeds one text a language. Knows no search.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from rag.embedder import PRODUCTS, Embedder
from rag.errors import IndexInUse
from rag.vectors import Progress, TextVectors, content_id
from shop.database import unbroken
from shop.models import ProductChangeRow, ProductRow, ProductTextRow, ProductWordRow, VariantRow
from shop.product_words import composed, differs_by, full_text, languages, unique
from shop.rows import product_view
from shop.sessions import changing, reading
from shop.views import Names, Product

Texts = Mapping[str, Sequence[str]]  # by language

_AT_ONCE = 500  # products in one transaction
_COMPARE_S = 600.0  # how long a text whose vector another process failed to store may go without
_LOCK = 0x70726F64  # "prod": replicas that share a database follow its changes one at a time
NAME = "kefu-products"


@dataclass(frozen=True)
class Synced:
    """What a sync did: products looked at, texts embedded, texts dropped."""

    products: int = 0
    embedded: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class _Noted:
    """Changes up to an id, and the products that they are of."""

    up_to: int
    products: list[str]


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
        self._known = False  # categories and markets are as they were read
        self._compared_at = -math.inf  # when the vectors were compared with all texts
        self._fresh: dict[tuple[str, str], str] = {}  # (language, content) -> text, written and not embedded yet
        self._gone: set[tuple[str, str]] = set()  # that products had before
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
        errors; repeating it mends what a crash left. `rebuild`: all vectors anew, beside those that serve."""
        async with self._syncing:
            looked = await self.sync_texts()
            if not self.writes:
                await asyncio.to_thread(self.vectors.refresh)
                return Synced(looked)
            if rebuild or time.monotonic() > self._compared_at + _COMPARE_S:
                embedded, dropped = await self._compare_all(progress, rebuild)
                self._fresh, self._gone, self._compared_at = {}, set(), time.monotonic()
            else:
                embedded, dropped = await self._embed_fresh(progress)
            self.last = Synced(looked, embedded, dropped)
            return self.last

    async def sync_texts(self) -> int:
        """Writes the texts of products that have changed: how many those were. Embeds nothing."""
        looked = 0
        while self.writes and (noted := await self._noted()):
            if not await self._write_texts(noted):  # another process is at it
                break
            looked += len(noted.products)
        if looked or not (self.words and self._known):
            await self._read_words()
        return looked

    async def pending(self) -> int:
        """How many products wait to be looked at."""
        async with reading(self._engine) as db:
            return int(await db.scalar(select(func.count(ProductChangeRow.product.distinct()))) or 0)

    # What has changed

    async def _noted(self) -> _Noted | None:
        """The products that changed first."""
        latest, first = func.max(ProductChangeRow.id), func.min(ProductChangeRow.id)
        rows = select(ProductChangeRow.product, latest).group_by(ProductChangeRow.product).order_by(first)
        async with reading(self._engine) as db:
            found = (await db.execute(rows.limit(_AT_ONCE))).all()
        return _Noted(max(row[1] for row in found), [row[0] for row in found]) if found else None

    @unbroken
    async def _write_texts(self, noted: _Noted) -> bool:
        """Writes the texts of these products; False where another process does."""
        of = ProductTextRow.product.in_(noted.products)
        done = (ProductChangeRow.product.in_(noted.products), ProductChangeRow.id <= noted.up_to)
        async with changing(self._engine) as db:
            if db.get_bind().dialect.name == "postgresql":
                if not await db.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                    return False
            rows = await db.scalars(select(ProductRow).where(ProductRow.id.in_(noted.products)))
            products = [product_view(row) for row in rows]
            had = await db.execute(select(ProductTextRow.language, ProductTextRow.content).where(of))
            before = {(language, content) for language, content in had}
            texts = _texts(products)
            await db.execute(delete(ProductTextRow).where(of))
            if texts:
                await db.execute(insert(ProductTextRow), [_row(*text) for text in texts])
            await _learn_words(db, products)
            await db.execute(delete(ProductChangeRow).where(*done))
        self._gone |= before
        self._fresh |= {(language, content_id(text)): text for _, language, text in texts}
        if any(product.category not in self.categories or product.market not in self.markets for product in products):
            self._known = False
        return True

    async def _embed_fresh(self, progress: Progress) -> tuple[int, int]:
        """Embeds the texts that were written since the last time, and forgets those that no product has any more."""
        texts: dict[str, list[str]] = {}
        for (language, _), text in self._fresh.items():
            texts.setdefault(language, []).append(text)
        embedded = await asyncio.to_thread(self.vectors.put, texts, progress)
        self._fresh = {}
        dropped = await self._drop(self._gone)
        self._gone = set()
        return embedded, dropped

    async def _drop(self, before: set[tuple[str, str]]) -> int:
        """Forgets the vectors of texts that no product has any more."""
        by_language: dict[str, list[str]] = {}
        for language, content in before:
            by_language.setdefault(language, []).append(content)
        dropped = 0
        for language, contents in by_language.items():
            of = (ProductTextRow.language == language, ProductTextRow.content.in_(contents))
            async with reading(self._engine) as db:
                used = set(await db.scalars(select(ProductTextRow.content).where(*of)))
            gone = [content for content in contents if content not in used]
            await asyncio.to_thread(self.vectors.remove, language, gone)
            dropped += len(gone)
        return dropped

    # All of it

    async def _compare_all(self, progress: Progress, rebuild: bool) -> tuple[int, int]:
        """Embeds the texts whose vectors are missing (all of them, to rebuild), and forgets vectors without a text."""
        async with reading(self._engine) as db:
            rows = (await db.execute(select(ProductTextRow.language, ProductTextRow.content).distinct())).all()
        wanted: dict[str, set[str]] = {}
        for language, content in rows:
            wanted.setdefault(language, set()).add(content)
        there = {each: await asyncio.to_thread(self.vectors.ids, each) for each in self.vectors.languages()}
        missing = {(one, content) for one, all_ in wanted.items() for content in all_ - there.get(one, set())}
        embedded = dropped = 0
        if rebuild:
            texts = await self._texts_of({(one, content) for one, all_ in wanted.items() for content in all_})
            await asyncio.to_thread(self.vectors.rebuild, texts, progress)
            return sum(map(len, texts.values())), 0
        todo = sorted(missing)
        for start in range(0, len(todo), _AT_ONCE):
            texts = await self._texts_of(set(todo[start : start + _AT_ONCE]))
            tell = partial(_of, progress, start, len(todo))
            embedded += await asyncio.to_thread(self.vectors.put, texts, tell)
        for language, ids in there.items():
            gone = ids - wanted.get(language, set())
            await asyncio.to_thread(self.vectors.remove, language, sorted(gone))
            dropped += len(gone)
        await asyncio.to_thread(self.vectors.forget_others)
        return embedded, dropped

    async def _texts_of(self, wanted: set[tuple[str, str]]) -> Texts:
        """The texts behind these (language, content), from one product each."""
        products: dict[str, set[tuple[str, str]]] = {}
        of = tuple_(ProductTextRow.language, ProductTextRow.content).in_(sorted(wanted))
        grouped = select(func.min(ProductTextRow.product), ProductTextRow.language, ProductTextRow.content)
        async with reading(self._engine) as db:
            for product, *text in await db.execute(
                grouped.where(of).group_by(ProductTextRow.language, ProductTextRow.content)
            ):
                products.setdefault(product, set()).add((text[0], text[1]))
            rows = await db.scalars(select(ProductRow).where(ProductRow.id.in_(products)))
            texts = _texts([product_view(row) for row in rows])
        return _by_language([text for text in texts if (text[1], content_id(text[2])) in wanted])

    async def _read_words(self) -> None:
        wanted = select(ProductWordRow.attribute, ProductWordRow.value, ProductWordRow.names)
        async with reading(self._engine) as db:
            self.words = {(key, value): names for key, value, names in await db.execute(wanted)}
            self.languages = frozenset(await db.scalars(select(ProductTextRow.language).distinct()))
            if not self._known:
                self.categories = frozenset(await db.scalars(select(ProductRow.category).distinct()))
                sold = select(ProductRow.market, VariantRow.currency).join(VariantRow).distinct()
                self.markets = {market: currency for market, currency in await db.execute(sold)}
                self._known = True


def _of(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """Tells of a part of the texts as a part of all."""
    progress(before + done, total)


def _texts(products: Sequence[Product]) -> list[tuple[str, str, str]]:
    """(product, language, text) of each."""
    return [(product.id, each, composed(product, each)) for product in products for each in languages(product)]


def _row(product: str, language: str, text: str) -> dict[str, str]:
    return {"product": product, "language": language, "content": content_id(text), "terms": full_text(text)}


def _by_language(texts: Sequence[tuple[str, str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for _, language, text in texts:
        found.setdefault(language, []).append(text)
    return found


async def _learn_words(db: AsyncSession, products: Sequence[Product]) -> None:
    """Keeps what these products differ by; a word that is known stays as it is."""
    words = unique(word for product in products for word in differs_by(product))
    known = await db.execute(select(ProductWordRow.attribute, ProductWordRow.value))
    fresh = words.keys() - {(attribute, value) for attribute, value in known}
    rows = [{"attribute": key, "value": value, "names": words[key, value]} for key, value in sorted(fresh)]
    if rows:
        await db.execute(insert(ProductWordRow), rows)
