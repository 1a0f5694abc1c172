"""Hard limits and superlatives of the product search, held against a plain filter over the same products."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop.limits import Limits, Order
from shop.money import Money
from shop.search import ProductSearch, Query, Results
from shop.views import Product, Variant
from tests.product_shop import emptied, searching, thing

NAMES = ("silk scarf", "wool scarf", "linen shirt", "silk dress", "wool coat", "canvas shoes")
COLOURS, SIZES = ("red", "black", "jade"), ("S", "M", "L")
CATEGORIES = ("scarves", "shirts", "dresses", "jackets", "shoes")
ORDERS = get_args(Order)
checked = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _catalogue() -> list[Product]:
    """Forty-five products, much alike: prices, ratings and names meet, and a third is sold out."""
    chance = Random(7)
    some = chance.choice

    def one(n: int) -> Product:
        name, market = some(NAMES), some(("CN", "CN", "CN", "VN"))
        kinds = [
            (some(COLOURS), some(SIZES), some((50, 100, 150, 300)), some((0, 2, 9)))
            for _ in range(chance.randint(1, 4))
        ]
        return thing(
            f"p{n:02}", f"{name} no{n}", *kinds, category=some(CATEGORIES), market=market,
            currency="CNY" if market == "CN" else "VND", material=name.split()[0], sold=some((0, 5, 5, 80)),
            rating=some((None, 3.0, 4.8, 5.0)), reviews=some((1, 3, 400)), listed=some((1, 30, 400)),
        )  # fmt: skip

    return [one(n) for n in range(45)]


SOLD = _catalogue()


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[ProductSearch]:
    async with emptied(f"sqlite:///{tmp_path / 'shop.db'}") as engine, searching(engine, tmp_path, *SOLD) as opened:
        yield opened


@dataclass(frozen=True)
class Wanted:
    """Limits as a test states them: bounds in major units, None and () for no limit."""

    market: str = "CN"
    categories: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    colours: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    in_stock: bool = True
    without: tuple[str, ...] = ()

    def limits(self) -> Limits:
        currency = "CNY" if self.market == "CN" else "VND"
        low, high = (None if each is None else Money.of(each, currency) for each in (self.low, self.high))
        return Limits(
            market=self.market, categories=self.categories, lowest=low, highest=high, colours=self.colours,
            sizes=self.sizes, in_stock=self.in_stock, without=self.without,
        )  # fmt: skip

    def met_by(self, product: Product) -> list[Variant]:
        """The variants that meet all of it."""
        refused = {of.partition(":")[2] for of in self.without}
        if product.market != self.market or (self.categories and product.category not in self.categories):
            return []
        if refused & {names["en"] for values in product.attributes.values() for names in values}:
            return []
        found = []
        for variant in product.variants:
            colour, size = variant.options["colour"]["en"], variant.options["size"]["en"]
            price = variant.price.amount / (100 if variant.price.currency == "CNY" else 1)
            fits = (self.low is None or price >= self.low) and (self.high is None or price <= self.high)
            fits = fits and (not self.colours or colour in self.colours) and (not self.sizes or size in self.sizes)
            if fits and colour not in refused and (variant.stock > 0 or not self.in_stock):
                found.append(variant)
        return found

    def those(self) -> list[Product]:
        return [product for product in SOLD if self.met_by(product)]


def some(values: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


prices = st.none() | st.sampled_from((40, 50, 99, 100, 101, 150, 250, 300, 301))
bounds = st.tuples(prices, prices).filter(lambda both: None in both or both[0] <= both[1])
wanted = st.builds(
    lambda market, categories, bounds, *more: Wanted(market, categories, *bounds, *more),
    st.sampled_from(("CN", "CN", "VN", "TH")), some(CATEGORIES), bounds, some(COLOURS), some(SIZES),
    st.booleans(), some(("material:wool", "material:silk", "colour:red")),
)  # fmt: skip
texts = st.sampled_from(("", "silk scarf", "wool", "scarf no7 in red", *(one.names["en"] for one in SOLD)))


async def found(search: ProductSearch, wanted: Wanted, text: str = "", order: Order | None = None) -> Results:
    return await search.search(Query(text=text, language="en", limits=wanted.limits(), k=100, order=order))


@checked
@given(wanted=wanted, text=texts, order=st.none() | st.sampled_from(ORDERS))
async def test_no_hit_ever_violates_a_limit(
    search: ProductSearch, wanted: Wanted, text: str, order: Order | None
) -> None:
    for hit in (await found(search, wanted, text, order)).hits:
        assert list(hit.variants) == wanted.met_by(hit.product) != []


@checked
@given(wanted=wanted)
async def test_what_meets_the_limits_is_found(search: ProductSearch, wanted: Wanted) -> None:
    every = {hit.product.id for hit in (await found(search, wanted)).hits}
    assert every == {product.id for product in wanted.those()}
    for product in wanted.those():
        named = await found(search, wanted, product.names["en"])
        assert product.id in [hit.product.id for hit in named.hits[:3]]


KEYS: dict[Order, Callable[[Product, list[Variant]], Any]] = {
    "cheapest": lambda product, variants: min(variant.price.amount for variant in variants),
    "dearest": lambda product, variants: -max(variant.price.amount for variant in variants),
    "best_selling": lambda product, variants: -product.figures.sold,
    "newest": lambda product, variants: -product.figures.listed_at.timestamp(),  # type: ignore[union-attr]
    # Ten more reviews of 4.0 are as if given: one review of 5.0 is worth less than 400 of 4.8
    "best_rated": lambda product, variants: (
        -((product.figures.rating or 0) * product.figures.reviews + 40) / (product.figures.reviews + 10)
    ),
}


@checked
@given(wanted=wanted, order=st.sampled_from(ORDERS))
async def test_superlatives_are_what_the_data_says(search: ProductSearch, wanted: Wanted, order: Order) -> None:
    fitting = [one for one in wanted.those() if order != "best_rated" or one.figures.rating is not None]
    first = sorted(fitting, key=lambda one: (KEYS[order](one, wanted.met_by(one)), one.id))
    assert [hit.product.id for hit in (await found(search, wanted, order=order)).hits] == [one.id for one in first]


def why(wanted: Wanted) -> str:
    """The limit in the way: the first without which something fits, else the last of those that have to go."""
    loose: list[tuple[str, dict[str, Any]]] = [
        ("size", {"sizes": ()}), ("colour", {"colours": ()}), ("stock", {"in_stock": False}),
        ("price", {"low": None, "high": None}), ("without", {"without": ()}),
    ]  # fmt: skip
    together = accumulate((update for _, update in loose), lambda before, update: {**before, **update})
    for reason, update in [*loose, *((reason, update) for (reason, _), update in zip(loose, together, strict=True))]:
        if replace(wanted, **update).those():
            return reason
    return "nothing"


@checked
@given(wanted=wanted.filter(lambda one: not one.those()))
async def test_where_nothing_fits_the_limit_in_the_way_is_named(search: ProductSearch, wanted: Wanted) -> None:
    results = await found(search, wanted)
    assert results.hits == () and results.none and results.none.why == why(wanted)
    assert bool(results.none.nearest) == (results.none.why != "nothing") and len(results.none.nearest) <= 3


@checked
@given(bounds=bounds, colours=some(COLOURS), sizes=some(SIZES), categories=some(CATEGORIES))
async def test_nearest_to_a_budget_is_nearest_in_price(
    search: ProductSearch, bounds: tuple[int | None, int | None], **more: tuple[str, ...]
) -> None:
    low, high = bounds
    wanted, loose = Wanted(low=low, high=high, **more), Wanted(**more)  # type: ignore[arg-type]

    def away(product: Product) -> float:
        prices = [variant.price.amount / 100 for variant in loose.met_by(product)]
        return min(max((low or 0) - price, price - (high or 10**9), 0) for price in prices)

    nearest = (await found(search, wanted)).none
    if not wanted.those() and loose.those():
        assert nearest and nearest.why == why(wanted)
    if nearest and nearest.why == "price" and loose.those():
        best = sorted(map(away, loose.those()))
        assert [away(hit.product) for hit in nearest.nearest] == best[:3]


# By hand


async def test_one_variant_has_to_meet_all_limits_at_once(tmp_path: Path) -> None:
    both = thing("both", "Silk scarf", ("red", "S", 500, 5), ("black", "M", 100, 5), ("red", "M", 90, 0))
    async with emptied(f"sqlite:///{tmp_path / 'shop.db'}") as engine, searching(engine, tmp_path, both) as search:
        assert (await found(search, Wanted(colours=("red",), high=200))).hits == ()
        assert (await found(search, Wanted(colours=("red",), sizes=("M",)))).hits == ()
        [hit] = (await found(search, Wanted(colours=("red",), sizes=("M",), in_stock=False))).hits
        assert [variant.id for variant in hit.variants] == ["both-2"]
        [hit] = (await found(search, Wanted(without=("colour:red",)))).hits
        assert [variant.id for variant in hit.variants] == ["both-1"]
