"""What the database itself does for a product search, on SQLite and PostgreSQL: limits, orders, shared words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shop import finding
from shop.database import open_database
from shop.finding import Text
from shop.limits import Limits, Order
from shop.models import ProductRow, ProductTextRow, VariantRow
from shop.money import Money
from shop.product_words import full_text, tokens
from shop.sessions import changing, reading
from shop.store import MIGRATIONS
from tests.shop_data import clear

CNY = "CNY"


@pytest.fixture
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(shared_url, MIGRATIONS)
    await clear(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
async def shop(engine: AsyncEngine) -> AsyncEngine:
    """Scarves, a coat and a shirt in China, and a scarf in Vietnam."""
    await add(
        engine,
        product("scarf", ("red", "S", 100, 3), ("black", "M", 500, 2), sold=5, rating=5.0, reviews=1, listed_at=day(9)),
        product("shawl", ("black", "L", 300, 1), sold=90, rating=4.8, reviews=200, listed_at=day(1)),
        product("coat", ("black", "M", 900, 4), ("black", "XL", 250, 0), category="coats", sold=20),
        product("shirt", ("white", "M", 200, 0), category="shirts", rating=3.0, reviews=50, listed_at=day(20)),
        product("khan", ("red", "S", 120_000, 7), market="VN", currency="VND"),
    )
    return engine


@pytest.fixture
async def db(shop: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with reading(shop) as session:
        yield session


def product(
    id: str, *variants: tuple[str, str, int, int], market: str = "CN", category: str = "scarves", currency: str = CNY,
    **figures: Any,
) -> ProductRow:  # fmt: skip
    """`variants`: colour, size, price in major units, stock."""
    return ProductRow(
        id=id, names={"en": id}, category=category, descriptions={}, attributes={}, market=market, electronics=False,
        returnable=True, **figures,
        variants=[
            VariantRow(
                id=f"{id}-{colour}-{size}", options={"colour": {"en": colour}, "size": {"en": size, "zh": f"{size}码"}},
                price=Money.of(price, currency).amount, currency=currency, stock=stock,
            )
            for colour, size, price, stock in variants
        ],
    )  # fmt: skip


def text(product: str, language: str, said: str) -> ProductTextRow:
    return ProductTextRow(product=product, language=language, content=f"{product} {language}", terms=full_text(said))


def day(number: int) -> datetime:
    return datetime(2026, 11, number, tzinfo=UTC)


async def add(engine: AsyncEngine, *rows: ProductRow | ProductTextRow) -> None:
    async with changing(engine) as session:
        session.add_all(rows)


def limits(lowest: int | None = None, highest: int | None = None, currency: str = CNY, **more: Any) -> Limits:
    low, high = (None if price is None else Money.of(price, currency) for price in (lowest, highest))
    return Limits(lowest=low, highest=high, **{"market": "CN", **more})


# Limits


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (limits(), {"scarf", "shawl", "coat"}),
        (limits(in_stock=False), {"scarf", "shawl", "coat", "shirt"}),
        (limits(market="VN"), {"khan"}),
        (limits(market="TH"), set()),
        (limits(categories=("scarves", "shirts")), {"scarf", "shawl"}),
        (limits(highest=300), {"scarf", "shawl"}),
        (limits(highest=299), {"scarf"}),
        (limits(lowest=301), {"scarf", "coat"}),
        (limits(lowest=300, highest=500), {"scarf", "shawl"}),
        (limits(highest=10**6, currency="VND"), set()),
        (limits(colours=("black",)), {"scarf", "shawl", "coat"}),
        (limits(colours=("red", "white")), {"scarf"}),
        (limits(sizes=("L", "S")), {"scarf", "shawl"}),
        (limits(sizes=("S码",)), set()),
    ],
)
async def test_only_products_that_meet_the_limits_are_found(db: AsyncSession, wanted: Limits, found: set[str]) -> None:
    assert {*await finding.matching(db, wanted, 10)} == found


@pytest.mark.parametrize(
    "wanted",
    [
        limits(highest=200, colours=("black",), categories=("scarves",)),  # the red one is cheap, a black one is not
        limits(sizes=("M",), colours=("red",)),
        limits(highest=300, categories=("coats",)),  # the cheap one is sold out
        limits(lowest=101, sizes=("S",)),
    ],
)
async def test_one_variant_must_meet_all_limits_together(db: AsyncSession, wanted: Limits) -> None:
    assert await finding.matching(db, wanted, 10) == []


async def test_no_more_are_read_than_were_asked_for(db: AsyncSession) -> None:
    assert len(await finding.matching(db, limits(), 2)) == 2


# Orders


@pytest.mark.parametrize(
    ("order", "wanted", "first"),
    [
        ("cheapest", limits(), ["scarf", "shawl", "coat"]),
        ("cheapest", limits(colours=("black",)), ["shawl", "scarf", "coat"]),  # by the price of what meets the limits
        ("cheapest", limits(in_stock=False), ["scarf", "shirt", "coat", "shawl"]),
        ("dearest", limits(), ["coat", "scarf", "shawl"]),
        ("dearest", limits(colours=("red",)), ["scarf"]),
        ("best_selling", limits(), ["shawl", "coat", "scarf"]),
        ("newest", limits(in_stock=False), ["shirt", "scarf", "shawl", "coat"]),  # the coat's day is not known
        ("best_rated", limits(in_stock=False), ["shawl", "scarf", "shirt"]),  # nobody has rated the coat
    ],
)
async def test_superlative_is_answered_in_order(
    db: AsyncSession, order: Order, wanted: Limits, first: list[str]
) -> None:
    assert await finding.in_order(db, wanted, order, 10) == first
    assert await finding.in_order(db, wanted, order, 1) == first[:1]


async def test_equal_prices_keep_one_order(engine: AsyncEngine) -> None:
    await add(engine, *(product(id, ("red", "S", 100, 1)) for id in ("b", "c", "a")))
    async with reading(engine) as db:
        assert await finding.in_order(db, limits(), "cheapest", 10) == ["a", "b", "c"]


# Texts


TEXTS = {
    ("scarf", "en"): "Mulberry silk scarf, hand-rolled edges",
    ("scarf", "zh"): "桑蚕丝围巾，手工卷边",
    ("scarf", "th"): "ผ้าพันคอไหมแท้ เย็บมือ",
    ("shawl", "en"): "Wool shawl, warm",
    ("shawl", "zh"): "羊毛披肩，保暖",
    ("shawl", "th"): "ผ้าคลุมไหล่ขนแกะ",
    ("coat", "en"): "Wool coat with a wool lining, made of wool",
    ("shirt", "en"): "Silk shirt",
    ("khan", "vi"): "Khăn lụa tơ tằm",
}


@pytest.fixture
async def texts(shop: AsyncEngine) -> AsyncIterator[AsyncSession]:
    await add(shop, *(text(*of, said) for of, said in TEXTS.items()))
    async with reading(shop) as session:
        yield session


@pytest.mark.parametrize(
    ("wish", "language", "wanted", "found"),
    [
        ("silk scarf", "en", limits(), {"scarf"}),
        ("silk", "en", limits(in_stock=False), {"scarf", "shirt"}),
        ("SILK!", "en", limits(categories=("shirts",), in_stock=False), {"shirt"}),
        ("wool", "en", limits(), {"shawl", "coat"}),
        ("wool", "en", limits(highest=300), {"shawl"}),
        ("桑蚕丝的围巾", "zh", limits(), {"scarf"}),
        ("ผ้าพันคอ", "th", limits(categories=("scarves",)), {"scarf", "shawl"}),  # both begin with the word for cloth
        ("khan lua", "vi", limits(market="VN"), {"khan"}),
        ("wool", "zh", limits(), set()),
        ("wool 围巾", "", limits(), {"shawl", "coat", "scarf"}),
        ("trousers", "en", limits(), set()),
        ("'\" OR * ( & | !", "en", limits(), set()),
        ("", "en", limits(), set()),
    ],
)
async def test_products_are_found_by_shared_words_within_the_limits(
    texts: AsyncSession, wish: str, language: str, wanted: Limits, found: set[str]
) -> None:
    shared = await finding.with_words(texts, wanted, language, tokens(wish), 10)
    assert set(shared) == found and all(score > 0 for score in shared.values())


async def test_who_shares_more_words_comes_first(texts: AsyncSession) -> None:
    shared = await finding.with_words(texts, limits(in_stock=False), "en", tokens("mulberry silk scarf"), 10)
    assert shared["scarf"] > shared["shirt"]
    assert list(await finding.with_words(texts, limits(), "en", tokens("mulberry silk, or wool"), 1)) == ["scarf"]


async def test_texts_are_found_by_their_content_within_the_limits(texts: AsyncSession) -> None:
    near = [("en", "scarf en"), ("zh", "scarf zh"), ("en", "shirt en"), ("en", "shawl zh"), ("en", "no such text")]
    assert {(found.product, found.language) for found in await finding.those_meeting(texts, limits(), near)} == {
        ("scarf", "en"), ("scarf", "zh"),
    }  # fmt: skip
    assert await finding.those_meeting(texts, limits(), []) == []


async def test_every_text_of_a_product_is_found(texts: AsyncSession) -> None:
    assert {*await finding.texts_of(texts, ["coat", "shawl", "no such product"])} == {
        Text("coat", "en", "coat en"), *(Text("shawl", each, f"shawl {each}") for each in ("en", "zh", "th")),
    }  # fmt: skip


async def test_product_is_found_behind_many_that_share_more_but_break_the_limits(shop: AsyncEngine) -> None:
    others = [product(f"other-{n}", ("red", "S", 900, 1)) for n in range(30)]
    words = {row.id: "silk scarf" for row in others} | {"shawl": "A scarf for cold days, as wide as a blanket"}
    await add(shop, *others)
    await add(shop, *(text(id, "en", said) for id, said in words.items()))
    async with reading(shop) as db:
        assert list(await finding.with_words(db, limits(), "en", tokens("silk scarf"), 1)) != ["shawl"]
        assert list(await finding.with_words(db, limits(highest=300), "en", tokens("silk scarf"), 1)) == ["shawl"]


async def test_word_of_too_many_products_counts_only_where_no_other_is_known(
    texts: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_RANKED", 2)
    for wish, found in (
        ("mulberry, wool", {"scarf"}),
        ("wool, rayon", {"shawl", "coat"}),
        ("hand-rolled mulberry", {"scarf"}),
    ):
        assert {*await finding.with_words(texts, limits(), "en", tokens(wish), 10)} == found
