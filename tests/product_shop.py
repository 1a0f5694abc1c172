"""Products in a line each, a database of them, and an embedder that counts: what tests of the product search share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from rag.embedder import Embedder
from rag.vectors import content_id
from shop.catalog import OwnCatalogue
from shop.database import open_database
from shop.models import ProductRow, ProductTextRow, VariantRow
from shop.money import Money
from shop.product_index import ProductIndex
from shop.product_words import composed
from shop.protocol import Catalogue
from shop.ranking import Weights
from shop.search import ProductSearch
from shop.sessions import changing, reading
from shop.store import MIGRATIONS
from shop.views import Figures, Names, Product, Variant
from tests.shop_data import clear
from tests.word_vectors import WordVectors

TODAY = datetime.now(UTC)
Kind = tuple[str, str, int, int]  # colour, size, price in yuan, stock


def thing(
    id: str, name: str | Names, *kinds: Kind, category: str = "scarves", market: str = "CN", currency: str = "CNY",
    about: str = "", sold: int = 0, rating: float | None = None, reviews: int = 20, listed: int = 300,
    margin: float = 0.0, **attributes: str,
) -> Product:  # fmt: skip
    """A product; `listed`: how many days ago; `attributes`: English words, several apart by commas."""
    variants = [
        Variant(
            id=f"{id}-{at}", product=id, options={"colour": {"en": colour}, "size": {"en": size}},
            price=Money.of(price, currency), stock=stock,
        )
        for at, (colour, size, price, stock) in enumerate(kinds or [("black", "M", 100, 5)])
    ]  # fmt: skip
    figures = Figures(
        sold=sold, rating=rating, reviews=reviews, margin=margin, listed_at=TODAY - timedelta(days=listed)
    )
    return Product(
        id=id, names={"en": name} if isinstance(name, str) else name, category=category,
        descriptions={"en": about} if about else {}, market=market, electronics=False, returnable=True, figures=figures,
        attributes={key: tuple({"en": one} for one in value.split(",")) for key, value in attributes.items()},
        variants=tuple(variants),
    )  # fmt: skip


async def put(engine: AsyncEngine, *products: Product) -> None:
    """Writes products into the shop's tables; those with a known id are replaced."""
    async with changing(engine) as db:
        for one in products:
            await db.execute(text("DELETE FROM products WHERE id = :id"), {"id": one.id})
        db.add_all(_row(one) for one in products)


def _row(one: Product) -> ProductRow:
    plain = one.model_dump(include={"id", "names", "category", "descriptions", "market", "electronics", "returnable"})
    variants = [
        VariantRow(id=v.id, options=v.options, price=v.price.amount, currency=v.price.currency, stock=v.stock)
        for v in one.variants
    ]
    attributes = one.model_dump(mode="json", include={"attributes"})
    return ProductRow(variants=variants, **plain, **attributes, **one.figures.model_dump())


async def run(engine: AsyncEngine, statement: str, **values: Any) -> None:
    """Anybody's SQL."""
    async with engine.begin() as db:
        await db.execute(text(statement), values)


@asynccontextmanager
async def emptied(url: str) -> AsyncIterator[AsyncEngine]:
    """The database, with nothing in it."""
    engine = await open_database(url, MIGRATIONS)
    await clear(engine)
    await run(engine, "DELETE FROM product_changes")
    yield engine
    await engine.dispose()


@asynccontextmanager
async def searching(
    engine: AsyncEngine, folder: Path, *products: Product, embedder: Embedder | None = None,
    catalogue: Catalogue | None = None, **weights: float,
) -> AsyncIterator[ProductSearch]:  # fmt: skip
    """A search over these products, indexed."""
    await put(engine, *products)
    with closing(ProductIndex.open(engine, folder, embedder or WordVectors())) as index:
        await index.sync()
        yield ProductSearch(engine, catalogue or OwnCatalogue(engine), index, Weights(**weights))


# Texts and vectors that follow the catalogue

SCARF = thing("scarf", {"en": "Silk scarf", "zh": "真丝围巾"}, material="silk")
COAT = thing("coat", "Wool coat", ("grey", "M", 900, 3), ("black", "L", 950, 0), category="jackets", material="wool")


async def texts(engine: AsyncEngine) -> list[tuple[str, str, str]]:
    async with reading(engine) as db:
        rows = await db.execute(select(ProductTextRow.product, ProductTextRow.language, ProductTextRow.content))
        return sorted((product, language, content) for product, language, content in rows)


def of(*products: Product) -> list[tuple[str, str, str]]:
    """What the table of texts should hold."""
    return sorted((p.id, each, content_id(composed(p, each))) for p in products for each in p.names)


def vectors(index: ProductIndex) -> set[tuple[str, str]]:
    return {(language, id) for language in index.vectors.languages() for id in index.vectors.ids(language)}


async def assert_follows(index: ProductIndex, engine: AsyncEngine, *products: Product) -> None:
    """Texts and vectors are those of these products, no more and no fewer."""
    assert await texts(engine) == of(*products)
    assert vectors(index) == {(language, content) for _, language, content in of(*products)}
