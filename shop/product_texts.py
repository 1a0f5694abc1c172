"""Products' texts in their table, written anew for the products that triggers have noted. Knows no vector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from rag.vectors import content_id
from shop.database import unbroken
from shop.models import ProductChangeRow, ProductRow, ProductTextRow, ProductWordRow
from shop.product_words import composed, differs_by, full_text, languages, unique
from shop.rows import product_view
from shop.sessions import changing, outages, reading
from shop.views import Product

Key = tuple[str, str]  # language and content: names a text

AT_ONCE = 500  # texts in one question: databases take some ten thousand parameters
_WRITTEN = 100  # products whose texts are written in one transaction
_WRITING, _COMPARING = 0x70726F64, 0x70726F65  # "prod", "proe": replicas that share a database take turns
_KEY = (ProductTextRow.language, ProductTextRow.content)


@dataclass(frozen=True)
class Written:
    """The texts that some products had before, and what they have now."""

    before: set[Key]
    now: dict[Key, str]


async def noted(engine: AsyncEngine) -> list[str]:
    """The products that changed first, as many as are written at once."""
    first = func.min(ProductChangeRow.id)
    rows = select(ProductChangeRow.product).group_by(ProductChangeRow.product).order_by(first).limit(_WRITTEN)
    async with reading(engine) as db:
        return list(await db.scalars(rows))


async def pending(engine: AsyncEngine) -> int:
    """How many products are noted."""
    async with reading(engine) as db:
        return int(await db.scalar(select(func.count(ProductChangeRow.product.distinct()))) or 0)


@unbroken
async def note(engine: AsyncEngine, *these: ColumnElement[bool]) -> None:
    """Has products looked at again: those that meet these conditions."""
    async with changing(engine) as db:
        await db.execute(insert(ProductChangeRow).from_select(["product"], select(ProductRow.id).where(*these)))


@asynccontextmanager
async def alone(engine: AsyncEngine) -> AsyncIterator[bool]:
    """Whether no other process that shares the database is in such a block; until it ends, none will be."""
    if engine.dialect.name == "sqlite":  # one process, and one connection, which is not to be held
        yield True
        return
    with outages():
        async with engine.begin() as db:
            yield await _taken(db, _COMPARING)


@unbroken
async def write(engine: AsyncEngine, products: Sequence[str]) -> Written | None:
    """Writes the texts of these products, as they are now; None where another process is writing."""
    of = ProductTextRow.product.in_(products)
    async with changing(engine) as db:
        if not await _taken(db, _WRITING):
            return None
        # The notes first: a change that is committed after this is noted still, and looked at once more
        await db.execute(delete(ProductChangeRow).where(ProductChangeRow.product.in_(products)))
        rows = await db.scalars(select(ProductRow).where(ProductRow.id.in_(products)))
        found = [product_view(row) for row in rows]
        had = await db.execute(select(*_KEY).where(of))
        before = {(language, content) for language, content in had}
        texts = await asyncio.to_thread(_texts, found)
        values = await asyncio.to_thread(lambda: [_row(*text) for text in texts])  # not on the loop: tens of ms
        await db.execute(delete(ProductTextRow).where(of))
        if values:
            await db.execute(insert(ProductTextRow), values)
        await _learn_words(db, found)
    return Written(before, _by_key(texts))


async def keys(engine: AsyncEngine) -> set[Key]:
    """All texts."""
    async with reading(engine) as db:
        rows = await db.execute(select(*_KEY).distinct())
        return {(language, content) for language, content in rows}


async def unused(engine: AsyncEngine, of: Collection[Key]) -> set[Key]:
    """Those of them that no product has."""
    found = set(of)
    async with reading(engine) as db:
        for some in _parts(of):
            rows = await db.execute(select(*_KEY).where(tuple_(*_KEY).in_(some)))
            found -= {(language, content) for language, content in rows}
    return found


async def texts_of(engine: AsyncEngine, of: Collection[Key]) -> dict[Key, str]:
    """These texts, each composed from one product that has it. Where that gives another text by now, the product is
    noted, so that its texts are written anew."""
    found: dict[Key, str] = {}
    columns = (func.min(ProductTextRow.product), *_KEY)
    for some in _parts(of):
        async with reading(engine) as db:
            rows = await db.execute(select(*columns).where(tuple_(*_KEY).in_(some)).group_by(*_KEY))
            owners = {(language, content): product for product, language, content in rows}
            products = await db.scalars(select(ProductRow).where(ProductRow.id.in_(set(owners.values()))))
            texts = {row.id: _by_key(_texts([product_view(row)])) for row in products}
        found |= {key: texts[id][key] for key, id in owners.items() if key in texts.get(id, ())}
        if stale := {id for key, id in owners.items() if key not in texts.get(id, ())}:
            await note(engine, ProductRow.id.in_(stale))
    return found


def _parts(of: Collection[Key]) -> list[list[Key]]:
    every = sorted(of)
    return [every[i : i + AT_ONCE] for i in range(0, len(every), AT_ONCE)]


def _texts(products: Sequence[Product]) -> list[tuple[str, str, str]]:
    """(product, language, text) of each."""
    return [(product.id, each, composed(product, each)) for product in products for each in languages(product)]


def _by_key(texts: Sequence[tuple[str, str, str]]) -> dict[Key, str]:
    return {(language, content_id(text)): text for _, language, text in texts}


def _row(product: str, language: str, text: str) -> dict[str, str]:
    return {"product": product, "language": language, "content": content_id(text), "terms": full_text(text)}


async def _learn_words(db: AsyncSession, products: Sequence[Product]) -> None:
    """Keeps what these products differ by; a word that is known stays as it is."""
    words = unique(word for product in products for word in differs_by(product))
    known = await db.execute(select(ProductWordRow.attribute, ProductWordRow.value))
    fresh = words.keys() - {(attribute, value) for attribute, value in known}
    rows = [{"attribute": key, "value": value, "names": words[key, value]} for key, value in sorted(fresh)]
    if rows:
        await db.execute(insert(ProductWordRow), rows)


async def _taken(db: AsyncSession | AsyncConnection, lock: int) -> bool:
    """Takes a lock until the transaction ends, if nobody has it; SQLite's own, of its one writer, is enough."""
    if isinstance(db, AsyncSession):
        db = await db.connection()
    return db.dialect.name != "postgresql" or bool(await db.scalar(select(func.pg_try_advisory_xact_lock(lock))))
