"""A foreign catalogue, copied into our own tables: equal to it, again and again, through outages and odd products."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shop import mirror as mirrors
from shop.catalog import OwnCatalogue
from shop.errors import ShopUnavailable
from shop.mirror import Mirror
from shop.product_index import ProductIndex, Synced
from shop.views import Names, Product, Variant
from tests.product_shop import assert_follows, emptied, thing
from tests.word_vectors import WordVectors

SCARF = thing("scarf", {"en": "Silk scarf", "zh": "真丝围巾"}, ("red", "S", 100, 3), material="silk,cotton", rating=4.5)
COAT = thing("coat", "Wool coat", ("grey", "M", 900, 3), ("black", "L", 950, 0), category="jackets")


class Foreign:
    """A merchant's catalogue in memory."""

    def __init__(self, *products: Product) -> None:
        self.sold = {product.id: product for product in products}
        self.away = False
        self.asked: list[Sequence[str]] = []

    async def product(self, id: str) -> Product | None:
        return self.sold.get(id)

    async def variant(self, id: str) -> Product | None:
        return next((one for one in self.sold.values() if id in [variant.id for variant in one.variants]), None)

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        if self.away:
            raise ShopUnavailable("the merchant does not answer")
        self.asked.append(ids)
        return [self.sold[id] for id in ids if id in self.sold]

    async def names(self) -> Mapping[str, Names]:
        return {id: product.names for id, product in self.sold.items()}


@pytest.fixture
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    async with emptied(shared_url) as engine:
        yield engine


@pytest.fixture
def foreign() -> Foreign:
    return Foreign(SCARF, COAT)


@pytest.fixture
def mirror(foreign: Foreign, engine: AsyncEngine) -> Mirror:
    return Mirror(foreign, engine)


async def copied(engine: AsyncEngine, *ids: str) -> list[Product]:
    own = OwnCatalogue(engine)
    return list(await own.products(ids or list(await own.names())))


async def test_the_copy_is_equal_to_the_catalogue_in_every_field(mirror: Mirror, engine: AsyncEngine) -> None:
    assert await mirror.copy() == 2
    assert await copied(engine, "scarf", "coat") == [SCARF, COAT]
    assert await mirror.copy() == 0


async def test_changes_are_copied_and_what_is_gone_goes(mirror: Mirror, foreign: Foreign, engine: AsyncEngine) -> None:
    await mirror.copy()
    hat = thing("hat", "A hat", category="hats", market="VN", currency="VND")
    dearer = COAT.model_copy(update={"variants": (COAT.variants[1],)})
    foreign.sold = {"coat": dearer, "hat": hat}
    assert await mirror.copy() == 3  # one gone, one changed, one new
    assert await copied(engine, "coat", "hat", "scarf") == [dearer, hat]
    foreign.sold = {}
    assert await mirror.copy() == 2 and await copied(engine) == []


async def test_a_variant_that_moves_to_another_product_moves_in_the_copy(
    mirror: Mirror, foreign: Foreign, engine: AsyncEngine
) -> None:
    foreign.sold = {"coat": COAT, **{f"t{n}": thing(f"t{n}", "Thing") for n in range(60)}, "scarf": SCARF}
    await mirror.copy()
    foreign.sold["coat"] = _with(COAT, COAT.variants[0], SCARF.variants[0])  # copied long before the scarf is
    foreign.sold["scarf"] = _with(SCARF)
    await mirror.copy()
    assert await copied(engine, "scarf", "coat") == [foreign.sold["scarf"], foreign.sold["coat"]]
    assert await mirror.copy() == 0


def _with(product: Product, *variants: Variant) -> Product:
    own = sorted((one.model_copy(update={"product": product.id}) for one in variants), key=lambda one: one.id)
    return product.model_copy(update={"variants": tuple(own)})


async def test_many_products_are_copied_some_at_a_time(mirror: Mirror, foreign: Foreign, engine: AsyncEngine) -> None:
    foreign.sold = {f"t{n:03}": thing(f"t{n:03}", f"Thing no{n}") for n in range(120)}
    assert await mirror.copy() == 120
    assert [len(ids) for ids in foreign.asked] == [50, 50, 20] and len(await copied(engine)) == 120
    foreign.sold = {"t007": foreign.sold["t007"]}
    assert await mirror.copy() == 119


@pytest.mark.parametrize("odd", ["nul \0 in it", "half \ud83d a letter", "x" * 100_000, "'; DROP TABLE products; --"])
async def test_odd_texts_are_copied_and_indexed(
    mirror: Mirror, foreign: Foreign, engine: AsyncEngine, tmp_path: Path, odd: str
) -> None:
    foreign.sold["odd"] = thing("odd", odd, (odd[:50], "S", 1, 1), about=odd, material=odd)
    await mirror.copy()
    [copy] = await copied(engine, "odd")
    assert copy.names["en"] == odd.replace("\0", "").replace("\ud83d", "�")
    with closing(ProductIndex.open(engine, tmp_path / "products", WordVectors())) as index:
        assert (await index.sync()).products == 3
    assert await mirror.copy() == 0


async def test_a_new_price_in_the_copy_embeds_nothing_and_a_new_title_one_text(
    mirror: Mirror, foreign: Foreign, engine: AsyncEngine, tmp_path: Path
) -> None:
    await mirror.copy()
    with closing(ProductIndex.open(engine, tmp_path / "products", WordVectors())) as index:
        await index.sync()
        foreign.sold["coat"] = thing("coat", "Wool coat", ("grey", "M", 5, 9), ("black", "L", 6, 1), category="jackets")
        assert await mirror.copy() == 1
        assert await index.sync() == Synced(products=1)
        foreign.sold["scarf"] = SCARF.model_copy(update={"names": {"en": "Scarf", "zh": "真丝围巾"}})
        await mirror.copy()
        assert await index.sync() == Synced(products=1, embedded=1, dropped=1)
        await assert_follows(index, engine, foreign.sold["coat"], foreign.sold["scarf"])


async def test_an_outage_in_the_middle_keeps_the_copy_and_the_next_try_mends_it(
    mirror: Mirror, foreign: Foreign, engine: AsyncEngine
) -> None:
    await mirror.copy()
    foreign.sold["coat"] = thing("coat", "Another coat")
    foreign.away = True
    with pytest.raises(ShopUnavailable):
        await mirror.copy()
    assert await copied(engine, "scarf", "coat") == [SCARF, COAT]
    foreign.away = False
    assert await mirror.copy() == 1


async def test_it_goes_on_after_an_outage_and_after_products_that_cannot_be_written(
    mirror: Mirror, foreign: Foreign, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = asyncio.Queue[str]()
    waits = asyncio.Queue[None]()

    async def wait(seconds: float) -> None:
        await tries.put("done" if seconds == mirrors._EVERY_S else "failed")
        await waits.get()

    monkeypatch.setattr(mirrors.asyncio, "sleep", wait)
    foreign.away = True
    keeping = asyncio.create_task(mirror.keep())
    assert await tries.get() == "failed"
    foreign.away = False
    foreign.sold["coat"] = _with(COAT, SCARF.variants[0])  # two products have a variant of one id
    await waits.put(None)
    assert await tries.get() == "failed"
    foreign.sold["coat"] = COAT
    await waits.put(None)
    assert await tries.get() == "done" and await copied(engine, "scarf", "coat") == [SCARF, COAT]
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert keeping.cancelled()
