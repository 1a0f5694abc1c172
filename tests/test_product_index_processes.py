"""Texts and vectors that follow the catalogue through crashes, rebuilds, other embedders and several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from rag.errors import IndexInUse
from rag.store import open_chroma
from rag.vectors import content_id
from shop import product_texts
from shop.product_index import NAME, ProductIndex, Synced
from shop.product_words import composed
from tests.product_shop import COAT, SCARF, assert_follows, emptied, of, put, run, texts, thing, vectors
from tests.word_vectors import WordVectors

Steps = list[tuple[int, int]]


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


# Crashes, restarts, rebuilds


async def test_texts_whose_vectors_a_crash_lost_are_embedded_by_the_next_process(
    engine: AsyncEngine, tmp_path: Path, index: ProductIndex, embedder: WordVectors
) -> None:
    await index.sync()
    await put(engine, thing("coat", "Another coat"), thing("hat", "A hat"))
    await run(engine, "DELETE FROM products WHERE id = 'scarf'")
    assert await index.sync_texts() == 3
    index.close()  # before they are embedded
    with closing(ProductIndex.open(engine, tmp_path / "products", embedder)) as later:
        assert await later.sync() == Synced(embedded=2, dropped=3)
        await assert_follows(later, engine, thing("coat", "Another coat"), thing("hat", "A hat"))


async def test_failed_embedding_is_tried_again(index: ProductIndex, engine: AsyncEngine, embedder: WordVectors) -> None:
    await index.sync()
    embedder.fails = True
    await put(engine, thing("coat", "Another coat"))
    with pytest.raises(RuntimeError, match="no embeddings today"):
        await index.sync()
    embedder.fails = False
    assert await index.sync() == Synced(embedded=1, dropped=1)
    await assert_follows(index, engine, SCARF, thing("coat", "Another coat"))


async def test_rebuild_embeds_all_and_searches_go_on_meanwhile(
    index: ProductIndex, engine: AsyncEngine, embedder: WordVectors
) -> None:
    await index.sync()
    embedder.embedded.clear()
    wish, found = index.vectors.query("wool coat", "en"), list[dict[str, float]]()
    steps: Steps = []
    building = asyncio.create_task(index.sync(lambda done, total: steps.append((done, total)), rebuild=True))
    while not building.done():
        found.append(await asyncio.to_thread(index.vectors.nearest, wish, "en", 1))
    assert await building == Synced(products=2, embedded=3)
    assert found and all(list(one) == [content_id(composed(COAT, "en"))] for one in found)
    assert len(embedder.embedded) == 3 and (steps[0], steps[-1]) == ((0, 3), (3, 3))
    await assert_follows(index, engine, SCARF, COAT)


async def test_rebuild_composes_texts_anew(
    index: ProductIndex, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index.sync()
    monkeypatch.setattr(product_texts, "composed", lambda product, language: f"new {product.names[language]}")
    assert await index.sync(rebuild=True) == Synced(products=2, embedded=3)
    news = {content_id(f"new {name}") for name in ("Silk scarf", "真丝围巾", "Wool coat")}
    assert {id for _, id in vectors(index)} == {content for _, _, content in await texts(engine)} == news


async def test_another_embedder_serves_its_own_vectors_even_where_texts_are_composed_anew(
    engine: AsyncEngine, tmp_path: Path, index: ProductIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    await index.sync()
    index.close()
    with closing(ProductIndex.open(engine, tmp_path / "products", WordVectors("other"))) as other:
        assert await other.sync() == Synced(embedded=3)
        await assert_follows(other, engine, SCARF, COAT)
    with closing(open_chroma(tmp_path / "products", "")) as client:
        assert len(client.list_collections()) == 2  # en and zh; the first embedder's are forgotten
    monkeypatch.setattr(product_texts, "composed", lambda product, language: f"new {product.names[language]}")
    with closing(ProductIndex.open(engine, tmp_path / "products", WordVectors("third"))) as third:
        await third.sync()
        await third.sync()  # the texts that could not be composed as they were are noted
        assert {id for _, id in vectors(third)} == {content for _, _, content in await texts(engine)}
        assert len(vectors(third)) == 3


# Several processes


async def test_second_process_reads_what_is_there_and_writes_nothing(
    index: ProductIndex, engine: AsyncEngine, tmp_path: Path
) -> None:
    await index.sync()
    with closing(ProductIndex.open(engine, tmp_path / "products", WordVectors())) as second:
        assert not second.writes and index.writes
        await put(engine, thing("hat", "A hat", category="hats"))
        assert await second.sync() == Synced() and await index.pending() == 1
        assert ("colour", "grey") in second.words and "hats" not in second.categories
        with pytest.raises(IndexInUse):
            await second.sync(rebuild=True)
        await index.sync()
        await second.sync()
        assert "hats" in second.categories and vectors(second) == vectors(index)


async def test_two_replicas_follow_one_catalogue_without_doubling_a_text(
    engine: AsyncEngine, tmp_path: Path, shared_url: str
) -> None:
    one = ProductIndex.open(engine, tmp_path / "one", WordVectors())
    two = ProductIndex.open(engine, tmp_path / "two", WordVectors())
    with closing(one), closing(two):
        more = [thing(f"thing-{n}", f"Thing number{n}", category=f"kind{n % 7}") for n in range(40)]
        await put(engine, *more)
        for _ in range(3):
            await asyncio.gather(one.sync(), two.sync())
        assert await texts(engine) == of(*more, SCARF, COAT)
        assert one.categories == two.categories and len(one.categories) == 9 and one.words == two.words
        assert vectors(one) | vectors(two) == {(language, content) for _, language, content in of(*more, SCARF, COAT)}
        await put(engine, thing("new", "New", category="another"))
        await asyncio.gather(one.sync(), two.sync())
        await asyncio.gather(one.sync(), two.sync())
        assert "another" in one.categories and "another" in two.categories


async def test_replicas_that_share_a_chroma_server_embed_each_text_once(
    engine: AsyncEngine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("replicas share PostgreSQL")
    server = request.getfixturevalue("chroma_url")
    embedders = WordVectors(), WordVectors()
    one = ProductIndex.open(engine, tmp_path / "one", embedders[0], server)
    two = ProductIndex.open(engine, tmp_path / "two", embedders[1], server)
    with closing(one), closing(two):
        for _ in range(3):
            await asyncio.gather(one.sync(), two.sync())
        ours = [composed(COAT, "en"), composed(SCARF, "en"), composed(SCARF, "zh")]
        assert sorted(text for each in embedders for text in each.embedded if text in ours) == sorted(ours)
        for index in (one, two):
            await assert_follows(index, engine, SCARF, COAT)
        await one.sync(rebuild=True)
        await put(engine, thing("hat", "A hat"))
        assert (await two.sync()).embedded == 1
        for index in (one, two):
            await assert_follows(index, engine, SCARF, COAT, thing("hat", "A hat"))
        async with product_texts.alone(engine) as alone:  # somebody builds
            assert alone and (await one.sync()).products == 0
            with pytest.raises(IndexInUse):
                await two.sync(rebuild=True)
    with closing(open_chroma(tmp_path, server)) as client:
        assert sorted(one.name[-2:] for one in client.list_collections() if one.name.startswith(NAME)) == ["en", "zh"]
