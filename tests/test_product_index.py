"""Texts and vectors that follow the catalogue: whoever writes it, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.catalog import OwnCatalogue
from shop.product_index import ProductIndex, Synced
from shop.product_words import composed
from tests.product_shop import COAT, SCARF, assert_follows, emptied, put, run, thing
from tests.word_vectors import WordVectors

Steps = list[tuple[int, int]]

TWIN = thing("twin", "Wool coat", ("grey", "S", 700, 1), ("black", "L", 700, 1), category="jackets", material="wool")


@pytest.fixture
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    async with emptied(shared_url) as engine:
        await put(engine, SCARF, COAT)
        yield engine


@pytest.fixture
def embedder() -> WordVectors:
    return WordVectors()


@pytest.fixture
def index(engine: AsyncEngine, tmp_path: Path, embedder: WordVectors) -> Iterator[ProductIndex]:
    with closing(ProductIndex.open(engine, tmp_path / "products", embedder)) as opened:
        yield opened


# What a change costs


async def test_first_sync_embeds_every_text_and_the_second_nothing(index: ProductIndex, engine: AsyncEngine) -> None:
    steps: Steps = []
    assert await index.pending() == 2
    assert await index.sync(lambda done, total: steps.append((done, total))) == Synced(2, 3, 0)
    assert (steps[0], steps[-1], await index.pending()) == ((0, 3), (3, 3), 0)
    await assert_follows(index, engine, SCARF, COAT)
    assert await index.sync() == Synced()


async def test_new_price_stock_and_figures_embed_nothing(
    index: ProductIndex, engine: AsyncEngine, embedder: WordVectors
) -> None:
    await index.sync()
    embedder.embedded.clear()
    await run(engine, "UPDATE variants SET price = price * 2, stock = 0")
    await run(engine, "UPDATE products SET sold = 9, rating = 4.5, reviews = 3, margin = 0.4")
    assert await index.sync() == Synced()
    await put(engine, SCARF, COAT)  # written anew as they were
    assert await index.sync() == Synced(products=2)
    assert embedder.embedded == []


async def test_new_title_embeds_one_text_and_drops_the_old_one(
    index: ProductIndex, engine: AsyncEngine, embedder: WordVectors
) -> None:
    await index.sync()
    embedder.embedded.clear()
    changed = SCARF.model_copy(update={"names": {"en": "Square silk scarf", "zh": "真丝围巾"}})
    await put(engine, changed)
    assert await index.sync() == Synced(products=1, embedded=1, dropped=1)
    assert embedder.embedded == [composed(changed, "en")]
    await assert_follows(index, engine, changed, COAT)
    await put(engine, thing("scarf", "Square silk scarf", material="silk"))  # no more in Chinese
    await index.sync()
    assert index.vectors.languages() == ["en"]


async def test_title_that_is_changed_and_changed_back_is_kept(index: ProductIndex, engine: AsyncEngine) -> None:
    await index.sync()
    await put(engine, thing("coat", "Another"))
    await index.sync_texts()
    await put(engine, COAT)
    await index.sync()
    await assert_follows(index, engine, SCARF, COAT)


async def test_products_with_the_same_text_share_a_vector_until_the_last_is_gone(
    index: ProductIndex, engine: AsyncEngine, embedder: WordVectors
) -> None:
    await put(engine, TWIN)
    assert await index.sync() == Synced(products=3, embedded=3)
    await assert_follows(index, engine, SCARF, COAT, TWIN)
    await run(engine, "DELETE FROM products WHERE id = 'coat'")
    assert await index.sync() == Synced(products=1)
    await assert_follows(index, engine, SCARF, TWIN)
    await run(engine, "DELETE FROM products WHERE id = 'twin'")
    assert await index.sync() == Synced(products=1, dropped=1)
    await assert_follows(index, engine, SCARF)


@pytest.mark.parametrize(
    ("statement", "embedded"),
    [
        ("""UPDATE products SET names = '{"en": "Silk square"}' WHERE id = 'scarf'""", 1),
        ("""UPDATE products SET attributes = '{"material": [{"en": "satin"}]}' WHERE id = 'scarf'""", 2),
        ("""UPDATE products SET descriptions = '{"zh": "很轻"}' WHERE id = 'scarf'""", 1),
        ("UPDATE products SET category = 'hats' WHERE id = 'scarf'", 2),
        ("""UPDATE variants SET options = '{"colour": {"en": "jade"}}' WHERE id = 'scarf-0'""", 2),
        ("DELETE FROM variants WHERE id = 'coat-1'", 1),
        ("UPDATE products SET id = 'shawl' WHERE id = 'bare'", 0),
        ("UPDATE variants SET product = 'scarf' WHERE id = 'coat-0'", 3),
        (
            "INSERT INTO variants SELECT 'new', 'bare', options, price, currency, stock FROM variants "
            "WHERE id = 'coat-0'",
            1,
        ),
        (
            "INSERT INTO products (id, names, category, descriptions, attributes, market, electronics, returnable) "
            "SELECT 'shawl', names, category, descriptions, attributes, 'VN', electronics, returnable FROM products "
            "WHERE id = 'bare'",
            0,
        ),
    ],
)
async def test_whoever_writes_is_noticed(
    index: ProductIndex, engine: AsyncEngine, statement: str, embedded: int
) -> None:
    await put(engine, thing("bare", "Bare").model_copy(update={"variants": ()}))
    await index.sync()
    await run(engine, statement)
    assert (await index.sync()).embedded == embedded
    rows = await OwnCatalogue(engine).products(["scarf", "coat", "bare", "shawl"])
    await assert_follows(index, engine, *rows)


async def test_words_categories_and_markets_are_those_of_the_catalogue(
    index: ProductIndex, engine: AsyncEngine
) -> None:
    await index.sync()
    assert index.words["colour", "grey"] == {"en": "grey"} and ("material", "wool") in index.words
    assert sorted(index.categories) == ["jackets", "scarves"] and index.markets == {"CN": "CNY"}
    await put(engine, thing("khan", "Khăn", ("red", "S", 9_000, 1), category="hats", market="VN", currency="VND"))
    await index.sync_texts()
    assert ("colour", "red") in index.words and "hats" in index.categories
    assert index.markets == {"CN": "CNY", "VN": "VND"}
    await run(engine, "UPDATE products SET market = 'HK' WHERE id = 'coat'")
    await index.sync()
    assert index.markets == {"CN": "CNY", "VN": "VND", "HK": "CNY"}
