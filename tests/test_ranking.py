"""The order of products that may fit: what counts for how much, a taste, new ones, numbers, and not all alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shop.ranking import Part, Weights, attributes, diverse, parts, taste, total
from shop.views import Product
from tests.product_shop import TODAY, thing


def part(products: list[Product], name: Part, **more: Any) -> dict[str, float]:
    """One kind of evidence about each product."""
    given = {"relevance": {one.id: 0.5 for one in products}, "wanted": (), "liked": {}, **more}
    found = parts(products, given["relevance"], given["wanted"], given["liked"], TODAY)
    return {id: each[name] for id, each in found.items()}


def order(products: list[Product], weights: Weights | None = None, **more: Any) -> list[str]:
    given = {"relevance": {one.id: 0.5 for one in products}, "wanted": (), "liked": {}, **more}
    found = parts(products, given["relevance"], given["wanted"], given["liked"], TODAY)
    return sorted(found, key=lambda id: -total(found[id], weights or Weights()))


# Weights


@pytest.mark.parametrize("wrong", [{"sales": -0.1}, {"rating": 5.1}, {"colour": 1}, {"relevance": 2}, {"stock": "a"}])
def test_weights_out_of_bounds_or_of_unknown_names_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Weights.model_validate(wrong)
    assert {*Weights.model_fields, "relevance"} == set(get_args(Part))


@pytest.mark.parametrize(
    ("weight", "better", "worse"),
    [
        ("sales", {"sold": 900}, {"sold": 3}),
        ("rating", {"rating": 4.9}, {"rating": 3.2}),
        ("stock", {"stock": 9}, {"stock": 1}),
        ("margin", {"margin": 0.6}, {"margin": 0.1}),
        ("newness", {"listed": 3}, {"listed": 300}),
    ],
)
def test_each_weight_decides_between_products_that_differ_in_it_alone(
    weight: str, better: dict[str, Any], worse: dict[str, Any]
) -> None:
    def made(id: str, stock: int = 5, **figures: Any) -> Product:
        return thing(id, "Scarf", ("red", "M", 100, stock), **figures)

    for one, two in (("a", "b"), ("b", "a")):
        products = [made(one, **better), made(two, **worse)]
        assert order(products) == [one, two]
        assert order(products, Weights(**{weight: 5})) == [one, two]
    none = Weights(wanted=0, history=0, sales=0, rating=0, stock=0, margin=0, newness=0)
    scores = parts([made("a", **better), made("b", **worse)], {"a": 0.4, "b": 0.6}, (), {}, TODAY)
    assert (total(scores["a"], none), total(scores["b"], none)) == (0.4, 0.6)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**6), st.none() | st.floats(1, 5), st.integers(0, 10**5), st.floats(0, 1),
            st.integers(-5, 3_000), st.integers(0, 10**6),
        ),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_every_part_lies_between_0_and_1(figures: list[tuple[Any, ...]]) -> None:
    products = [
        thing(f"p{n}", "Scarf", ("red", "M", 100, stock), sold=sold, rating=rating, reviews=reviews, margin=margin,
              listed=listed)
        for n, (sold, rating, reviews, margin, listed, stock) in enumerate(figures)
    ]  # fmt: skip
    wanted = [frozenset({"colour:red"}), frozenset({">weight_g"})]
    found = parts(products, {one.id: 1.0 for one in products}, wanted, taste(products), TODAY)
    assert all(0 <= value <= 1 + 1e-9 for each in found.values() for value in each.values())
    assert [set(each) for each in found.values()] == [set(get_args(Part))] * len(products)


def test_a_product_without_a_date_or_a_rating_is_ranked_too() -> None:
    bare = thing("bare", "Scarf").model_copy(update={"figures": thing("x", "x").figures.model_copy(
        update={"listed_at": None, "rating": None, "reviews": 0})})  # fmt: skip
    assert parts([bare], {"bare": 1.0}, (), {})["bare"]["newness"] < 0.01
    assert parts([], {}, (), {}) == {}


# Ratings and newcomers


def test_a_few_perfect_reviews_are_worth_less_than_many_good_ones() -> None:
    few, many = thing("few", "A", rating=5.0, reviews=1), thing("many", "B", rating=4.7, reviews=500)
    usual = [thing(f"u{n}", "C", rating=4.2, reviews=50) for n in range(5)]
    rating = part([few, many, *usual], "rating")
    assert rating["many"] > rating["few"] > rating["u0"]


def test_a_new_product_stands_where_the_middle_of_the_others_does() -> None:
    sold = [thing(f"old{n}", "Scarf", sold=n * 100, rating=4.0 + n / 10, reviews=40) for n in range(1, 6)]
    new = thing("new", "Scarf", sold=0, reviews=0, listed=3)
    assert part([*sold, new], "sales")["new"] == part([*sold, new], "sales")["old3"]
    assert part([*sold, new], "rating")["new"] == pytest.approx((4.3 - 3) / 2)
    for known in (thing("new", "Scarf", reviews=9, listed=3), thing("new", "Scarf", reviews=0, listed=31)):
        assert part([*sold, known], "sales")["new"] == 0.0
    assert part([new], "sales")["new"] == 0.0 and order([new]) == ["new"]
    listed = new.figures.listed_at
    assert listed and part([new], "newness")["new"] == pytest.approx(np.exp(-(TODAY - listed) / timedelta(days=30)))


# What is wanted


def test_the_more_of_what_is_wanted_a_product_has_the_earlier_it_comes() -> None:
    both = thing("both", "A", material="silk", style="plain")
    one = thing("one", "B", material="silk", style="floral")
    neither = thing("neither", "C", material="wool", style="floral")
    wanted = [frozenset({"material:silk", "material:satin"}), frozenset({"style:plain"})]
    assert part([neither, one, both], "wanted", wanted=wanted) == {"both": 1.0, "one": 0.5, "neither": 0.0}
    assert order([neither, one, both], wanted=wanted) == ["both", "one", "neither"]


def test_the_most_or_least_of_a_number_is_wanted_by_its_place() -> None:
    phones = [thing(f"p{mah}", "Phone", battery_mah=str(mah)) for mah in (3000, 9000, 5000, 5000)]
    phones[3] = phones[3].model_copy(update={"id": "same"})
    odd = [thing("none", "Phone"), thing("words", "Phone", battery_mah="large")]
    most = part([*phones, *odd], "wanted", wanted=[frozenset({">battery_mah"})])
    assert most["p9000"] == 1.0 and most["p5000"] == most["same"] == 2 / 3 and most["p3000"] == 1 / 3
    assert most["none"] == most["words"] == 0.0
    least = part([*phones, *odd], "wanted", wanted=[frozenset({"<battery_mah"})])
    assert least["p3000"] == 1.0 and least["p9000"] == 1 / 3 and least["none"] == 0.0
    either = part([*phones, *odd], "wanted", wanted=[frozenset({"<battery_mah", "colour:black"})])
    assert set(either.values()) == {1.0}


# A taste


def test_a_taste_is_what_purchases_have_in_common_the_latest_most() -> None:
    sport = thing("sport", "Shoes", style="sporty", material="mesh")
    office = thing("office", "Shoes", style="business", material="leather")
    assert taste([]) == {}
    liked = taste([sport, office])
    assert liked["category:scarves"] == pytest.approx(1.0) and liked["style:sporty"] > liked["style:business"] > 0
    history = part([sport, office], "history", liked=liked)
    assert 1 > history["sport"] > history["office"] > 0
    assert part([sport, office], "history") == {"sport": 0.0, "office": 0.0}
    assert part([sport], "history", liked=taste([sport]))["sport"] == pytest.approx(1.0)
    assert order([sport, office], liked=taste([office, office, sport])) == ["office", "sport"]


def test_attributes_name_what_a_product_is_like() -> None:
    scarf = thing("s", "Scarf", ("red", "S", 1, 1), ("jade", "S", 1, 1), material="silk,cotton")
    assert attributes(scarf) == {
        "category:scarves", "material:silk", "material:cotton", "colour:red", "colour:jade", "size:S",
    }  # fmt: skip


# Not all alike


def unit(*numbers: float) -> Any:
    vector = np.asarray(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_of_products_that_are_alike_the_best_comes_early_and_the_others_later() -> None:
    scores = {"a": 1.0, "a2": 0.99, "a3": 0.98, "b": 0.95, "c": 0.6, "d": 0.3}
    vectors = {"a": unit(1, 0, 0), "a2": unit(1, 0.2, 0), "a3": unit(1, 0, 0.2), "b": unit(0, 1, 0), "c": unit(0, 0, 1)}
    assert diverse(scores, vectors, 3)[:2] == ["a", "b"]
    assert sorted(diverse(scores, vectors, 10)) == sorted(scores)
    assert diverse(scores, {}, 3) == ["a", "a2", "a3"]  # nobody knows how alike they are
    assert diverse(scores, vectors, 0) == [] and diverse({}, {}, 3) == []


def test_the_same_words_come_once_before_everything_else() -> None:
    scores = {"a": 1.0, "b": 1.0, "c": 1.0, "other": 0.2}
    same = {"a": unit(1, 0), "b": unit(1, 0), "c": unit(1, 0), "other": unit(0, 1)}
    assert diverse(scores, same, 3) == ["a", "other", "b"]
