"""The catalogue's texts and vectors, kept equal to the products: follows what triggers have noted, whoever wrote it.

A new price or stock changes no text and embeds nothing; a changed title embeds one text a language. Knows no search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from rag.embedder import PRODUCTS, Embedder
from rag.errors import IndexInUse
from rag.vectors import Progress, TextVectors, content_id
from shop.database import unbroken
from shop.models import ProductChangeRow, ProductRow, ProductTextRow, ProductWordRow
from shop.product_words import composed, differs_by, full_text, languages, unique
from shop.rows import product_view
from shop.sessions import changing, reading
from shop.views import Names, Product

Texts = Mapping[str, Sequence[str]]  # by language

_AT_ONCE = 500  # products in one transaction
_LOCK = 0x70726F64  # "prod": replicas that share a database follow its changes one at a time
NAME = "kefu-products"


@dataclass(frozen=True)
class Synced:
    """What a sync did: products looked at, texts embedded, texts dropped."""

    products: int = 0
    embedded: int = 0
    dropped: int = 0

    def plus(self, other: Synced) -> Synced:
        return Synced(self.products + other.products, self.embedded + other.embedded, self.dropped + other.dropped)


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
        self._whole = False  # the vectors were compared with all texts, in this process
        self._syncing = asyncio.Lock()

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
        """Brings texts and vectors up to date; cheap where nothing has changed. `progress` counts products. Raises
        ShopUnavailable and rag's errors; repeating it mends what a crash left. `rebuild`: all vectors anew, beside
        those that serve, which they then replace."""
        async with self._syncing:
            done = await self._follow_changes(progress) if self.writes else Synced()
            if rebuild or not self._whole:
                done = done.plus(await self._compare_all(progress, rebuild)) if self.writes else done
                await asyncio.to_thread(self.vectors.refresh)
                self._whole = True
            if done.products or not self.words:
                await self._read_words()
            return done

    # What has changed

    async def _follow_changes(self, progress: Progress) -> Synced:
        done, total = Synced(), 0
        while noted := await self._noted():
            total = total or await self._count(ProductChangeRow)
            texts, before = await self._write_texts(noted.products)
            if texts is None:  # another process is at it
                return done
            embedded = await asyncio.to_thread(self.vectors.put, texts)
            dropped = await self._drop(before)
            await self._forget_noted(noted)
            done = done.plus(Synced(len(noted.products), embedded, dropped))
            progress(min(done.products, total), total)
        return done

    async def _noted(self) -> _Noted | None:
        """The products that changed first."""
        latest, first = func.max(ProductChangeRow.id), func.min(ProductChangeRow.id)
        rows = select(ProductChangeRow.product, latest).group_by(ProductChangeRow.product).order_by(first)
        async with reading(self._engine) as db:
            found = (await db.execute(rows.limit(_AT_ONCE))).all()
        return _Noted(max(row[1] for row in found), [row[0] for row in found]) if found else None

    @unbroken
    async def _write_texts(self, ids: Sequence[str]) -> tuple[Texts | None, set[tuple[str, str]]]:
        """Writes the texts of these products. Those, by language, and the (language, content) of what stood there."""
        async with changing(self._engine) as db:
            if db.get_bind().dialect.name == "postgresql":
                if not await db.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                    return None, set()
            rows = await db.scalars(select(ProductRow).where(ProductRow.id.in_(ids)))
            products = [product_view(row) for row in rows]
            of = ProductTextRow.product.in_(ids)
            had = await db.execute(select(ProductTextRow.language, ProductTextRow.content).where(of))
            before = {(language, content) for language, content in had}
            texts = _texts(products)
            values = [_row(*text) for text in texts]
            await db.execute(delete(ProductTextRow).where(of))
            if values:
                await db.execute(insert(ProductTextRow), values)
            await _learn_words(db, products)
        return _by_language(texts), before

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

    @unbroken
    async def _forget_noted(self, noted: _Noted) -> None:
        done = (ProductChangeRow.product.in_(noted.products), ProductChangeRow.id <= noted.up_to)
        async with changing(self._engine) as db:
            await db.execute(delete(ProductChangeRow).where(*done))

    # All of it

    async def _compare_all(self, progress: Progress, rebuild: bool) -> Synced:
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
            return Synced(0, sum(map(len, texts.values())), 0)
        todo = sorted(missing)
        for start in range(0, len(todo), _AT_ONCE):
            texts = await self._texts_of(set(todo[start : start + _AT_ONCE]))
            embedded += await asyncio.to_thread(self.vectors.put, texts)
            progress(min(start + _AT_ONCE, len(todo)), len(todo))
        for language, ids in there.items():
            gone = ids - wanted.get(language, set())
            await asyncio.to_thread(self.vectors.remove, language, sorted(gone))
            dropped += len(gone)
        await asyncio.to_thread(self.vectors.forget_others)
        return Synced(0, embedded, dropped)

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

    async def _count(self, table: type[ProductChangeRow]) -> int:
        async with reading(self._engine) as db:
            return int(await db.scalar(select(func.count(table.product.distinct()))) or 0)

    async def _read_words(self) -> None:
        wanted = select(ProductWordRow.attribute, ProductWordRow.value, ProductWordRow.names)
        async with reading(self._engine) as db:
            self.words = {(key, value): names for key, value, names in await db.execute(wanted)}


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
