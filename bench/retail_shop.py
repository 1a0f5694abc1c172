"""A shop on tables of its own with its search, in a folder, and the public catalogue written
into it, once or many times. Knows no wish and measures nothing.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bench.retail import CURRENCY, Item
from rag.embedder import Embedder
from shop.catalog import OwnCatalogue
from shop.database import open_database
from shop.models import ProductRow, VariantRow
from shop.product_index import ProductIndex
from shop.ranking import Weights
from shop.search import ProductSearch
from shop.sessions import changing
from shop.store import MIGRATIONS


@dataclass(frozen=True)
class Shop:
    """What is measured."""

    engine: AsyncEngine
    index: ProductIndex
    search: ProductSearch


@asynccontextmanager
async def opened(place: Path, embedder: Embedder) -> AsyncIterator[Shop]:
    """The shop in this folder, made where it is missing."""
    engine = await open_database(f"sqlite:///{database(place)}", MIGRATIONS)
    index = ProductIndex.open(engine, vectors(place), embedder)
    try:
        yield Shop(engine, index, ProductSearch(engine, OwnCatalogue(engine), index, Weights()))
    finally:
        index.close()
        await engine.dispose()


def database(place: Path) -> Path:
    return place / "shop.db"


def vectors(place: Path) -> Path:
    return place / "vectors"


async def fill(engine: AsyncEngine, items: Sequence[Item], copies: int = 1) -> int:
    """Writes the products into a migrated database, each so many times: the first as it is, the others under a
    numbered name, at a price up to a tenth away and with another stock. How many products that makes."""
    for copy in range(copies):
        async with changing(engine) as db:
            await add(db, items, copy)
    return copies * len(items)


async def add(db: AsyncSession, items: Sequence[Item], copy: int = 0) -> None:
    """Writes the products, or a numbered copy of each."""
    products, variants = zip(*(_rows(item, copy) for item in items), strict=True)
    await db.execute(insert(ProductRow), list(products))
    await db.execute(insert(VariantRow), list(variants))


def _rows(item: Item, copy: int) -> tuple[dict[str, Any], dict[str, Any]]:
    varied = random.Random(f"{item.id} {copy}")
    id = f"{item.id}~{copy}" if copy else item.id
    price = round(item.price.amount * varied.uniform(0.9, 1.1)) if copy else item.price.amount
    product = {
        "id": id,
        "names": {"en": numbered(item.name, copy)},
        "category": item.category,
        "descriptions": {"en": item.description},
        "attributes": {"style": [{"en": item.style}]},
        "market": "all",
        "electronics": False,
        "returnable": True,
    }
    variant = {
        "id": f"{id}-1",
        "product": id,
        "options": {},
        "price": price,
        "currency": CURRENCY,
        "stock": varied.randint(1, 40) if copy else item.stock,
    }
    return product, variant


def numbered(name: str, copy: int) -> str:
    return f"{name} · {copy}" if copy else name
