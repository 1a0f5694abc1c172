"""Recommendation by code: reasons that point at what is stored, the sentence before them, wishes given in fields."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest

from kefu.conversations import MIGRATIONS
from kefu.products.assortment import Assortment, Market, limits_of
from kefu.products.intent import Intent
from kefu.products.reasons import Pointer, because
from kefu.products.recommend import Recommended, lead, recommend
from kefu.products.views import IntentRequest, view
from kefu.words import say, words
from shop.database import open_database
from shop.limits import Limits
from shop.money import Money
from shop.search import Nothing, Results, Why
from shop.store import MIGRATIONS as SHOP_MIGRATIONS
from shop.views import named
from tests.small_products import (
    CATALOGUE,
    CONTACT,
    HOME,
    LANGUAGES,
    MARKETS,
    change,
    fill,
    goods_of,
    hit,
    opened,
    product,
    product_id,
    vocabulary,
)

WISHES = {
    "zh": ["送妈妈的真丝丝巾", "暖和的围巾", "续航好的手机", "黑色连衣裙", "最便宜的丝巾"],
    "en": ["a plain silk scarf for my mother", "something warm", "a phone with a long battery", "a black dress in M",
           "the cheapest scarf"],
    "vi": ["khăn lụa trơn tặng mẹ", "khăn giữ ấm", "điện thoại pin trâu", "đầm đen size M", "khăn rẻ nhất"],
    "th": ["ผ้าพันคอผ้าไหมให้แม่", "ผ้าพันคออุ่นๆ", "โทรศัพท์แบตอึด", "เดรสสีดำ", "ผ้าพันคอถูกที่สุด"],
}  # fmt: skip


@pytest.fixture
async def assortment(tmp_path: Path) -> AsyncIterator[Assortment]:
    engine = await open_database(f"sqlite:///{tmp_path / 'shop.db'}", MIGRATIONS, SHOP_MIGRATIONS)
    await fill(engine)
    async with opened(engine, tmp_path / "products") as found:
        yield found
    await engine.dispose()


def market(language: str) -> Market:
    return Market(HOME[language], MARKETS[HOME[language]])


async def found_for(assortment: Assortment, wish: str, language: str, **more: Any) -> Recommended:
    where = market(language)
    return await recommend(assortment, assortment.intent(wish, language, where), where, **more)


def stands(pointer: Pointer, goods: str, language: str) -> bool:
    """Whether a pointer rests on something stored."""
    one = product(goods, language)
    values = {named(names, "en") for names in one.attributes.get(pointer.attribute, ())}
    values |= {named(v.options[pointer.attribute], "en") for v in one.variants if pointer.attribute in v.options}
    figures = {"listed_at": one.figures.listed_at is not None, "rating": one.figures.rating is not None}
    return pointer.value in values or pointer.attribute == "price" or figures.get(pointer.attribute, False)


# Reasons


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_pointer_of_every_reason_stands_in_the_product(assortment: Assortment, language: str) -> None:
    for wish in WISHES[language]:
        found = await found_for(assortment, wish, language)
        assert found.results.hits, wish
        for one in found.results.hits:
            reason = found.reasons[one.product.id]
            assert reason.claims and reason.text and reason.by == "records"
            for pointer in reason.claims:
                assert stands(pointer, *goods_of(one.product.id), language), (wish, pointer)
                assert pointer.text in reason.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("goods", [goods.id for goods in CATALOGUE])
def test_a_product_that_meets_no_wish_by_name_is_told_by_what_it_is(goods: str, language: str) -> None:
    reason = because(hit(goods, language), Intent(language=language, text="x"), Limits())
    assert reason.claims and all(stands(pointer, goods, language) for pointer in reason.claims)


def test_a_reason_says_what_of_the_wish_is_met_and_nothing_that_is_not() -> None:
    intent = vocabulary().intent("a plain silk scarf in red or black, warm", "en", "USD")
    claims = {(one.attribute, one.value) for one in because(hit("quiet-scarf"), intent, Limits()).claims}
    assert {("material", "mulberry silk"), ("pattern", "plain"), ("colour", "red")} <= claims
    assert not [one for one in claims if one[1] == "black" or one[0] in ("feature", "price", "history")]


def test_a_number_is_told_with_its_name_and_unit() -> None:
    intent = vocabulary().intent("a phone with a long battery", "en", "USD")
    [claim] = [one for one in because(hit("marathon-phone"), intent, Limits()).claims if one.attribute == "battery_mah"]
    assert (claim.value, claim.text) == ("6000", "Battery: 6000 mAh")


@pytest.mark.parametrize(
    ("highest", "within"), [(Money.of(45, "USD"), True), (Money.of(44.99, "USD"), False), (None, False)]
)
def test_within_the_budget_is_said_only_of_what_is(highest: Money | None, within: bool) -> None:
    reason = because(hit("quiet-scarf"), Intent(language="en", text="x"), Limits(highest=highest))
    assert any(one.attribute == "price" for one in reason.claims) is within
    assert ("within your budget" in reason.text) is within


def test_likeness_to_what_was_bought_and_newness_are_said_where_they_are() -> None:
    intent = Intent(language="en", text="x")
    assert "like what you bought before" in because(hit("quiet-scarf", history=0.5), intent, Limits()).text
    assert "new in" in because(hit("garden-scarf", newness=0.9), intent, Limits()).text
    plain = because(hit("quiet-scarf", history=0.1, newness=0.1), intent, Limits()).text
    assert "bought" not in plain and "new in" not in plain


# The sentence before


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("why", get_args(Why))
def test_there_is_a_sentence_for_every_limit_that_is_in_the_way(why: Why, language: str) -> None:
    intent = vocabulary().intent("a black silk scarf in M, no wool, under 50 dollars", "en", "USD")
    intent = intent.model_copy(update={"language": language})
    for nearest in ((hit("quiet-scarf", language),), ()):
        found = Recommended(intent, market("en"), Limits(), Results((), Nothing(why, nearest)), {})
        text = lead(found, CONTACT)
        assert text and "$" not in text
        assert text != lead(with_hits(intent), CONTACT)


def with_hits(intent: Intent) -> Recommended:
    return Recommended(intent, market("en"), Limits(), Results((hit("quiet-scarf"),)), {})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_order_has_its_own_sentence(language: str) -> None:
    orders: list[Any] = [None, "cheapest", "dearest", "best_rated", "best_selling", "newest"]
    texts = [lead(with_hits(Intent(language=language, text="x", order=order)), CONTACT) for order in orders]
    assert len(set(texts)) == len(orders) and all(texts)


def test_the_sentence_names_the_limit_and_what_comes_nearest() -> None:
    intent = vocabulary().intent("a silk scarf under 20 dollars", "en", "USD")
    nothing = Nothing("price", (hit("garden-scarf"),))
    text = lead(Recommended(intent, market("en"), Limits(), Results((), nothing), {}), CONTACT)
    assert all(word in text for word in ("20 USD", "Garden silk scarf", "39 USD"))


async def test_nothing_fits_is_told_with_the_limit_that_is_in_the_way(assortment: Assortment) -> None:
    cases: dict[str, Why] = {
        "a silk scarf under 10 dollars": "price",
        "a black linen dress in L": "size",
        "a silk scarf in black": "colour",
        "a phone in red": "colour",
    }
    for wish, why in cases.items():
        found = await found_for(assortment, wish, "en")
        assert found.results.none and found.results.none.nearest and not found.results.hits, wish
        assert found.results.none.why == why, wish


async def test_the_nearest_of_a_wish_that_nothing_meets_is_not_said_to_be_in_the_budget(assortment: Assortment) -> None:
    found = await found_for(assortment, "a silk scarf under 10 dollars", "en")
    assert found.reasons and not [
        claim for reason in found.reasons.values() for claim in reason.claims if claim.attribute == "price"
    ]


async def test_what_is_for_others_is_not_recommended_and_grandmothers_are_women(assortment: Assortment) -> None:
    for wish, whom in (("a silk scarf for my father", set[str]()), ("a silk scarf for my grandma", {"quiet-scarf"})):
        found = await found_for(assortment, wish, "en")
        assert whom <= set(goods_of(*(hit.product.id for hit in found.shown))) and bool(whom) == (
            found.results.none is None
        )


async def test_a_name_with_line_breaks_writes_no_lines_of_its_own(assortment: Assortment) -> None:
    engine = assortment.index._engine
    await change(engine, product_id("garden-scarf"), names={"en": "Garden\n\n# FREE\nsilk scarf"})
    found = await found_for(assortment, "a silk scarf under 10 dollars", "en")
    card = found.card()
    assert card and "\n" not in lead(found, CONTACT) + card.model_dump_json()
    assert found.name(product_id("garden-scarf")) == "Garden # FREE silk scarf"


# Money of another country


async def test_a_budget_in_another_currency_limits_nothing_and_that_is_said(assortment: Assortment) -> None:
    found = await found_for(assortment, "一条真丝丝巾 20美元以内", "zh")
    assert found.results.hits and found.limits.highest is None
    text = lead(found, CONTACT)
    assert text.startswith(say("zh", "budget_currency", currency="CNY", budget="20美元"))
    assert not [one for reason in found.reasons.values() for one in reason.claims if one.attribute == "price"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_budget_in_the_markets_currency_is_kept_to(assortment: Assortment, language: str) -> None:
    highest = {"zh": 260, "en": 39, "vi": 850_000, "th": 1_190}[language]
    currency = market(language).currency
    intent = Intent(language=language, text="", highest=Money.of(highest, currency))
    found = await recommend(assortment, intent, market(language), 20)
    assert found.results.hits
    for one in found.results.hits:
        assert all(v.price.currency == currency and v.price.major <= highest for v in one.variants)


def test_the_other_bound_counts_for_nothing_where_one_is_in_another_currency() -> None:
    intent = Intent(language="en", text="x", lowest=Money.of(10, "USD"), highest=Money.of(100, "CNY"))
    assert limits_of(intent, market("en")) == Limits(market="all")


# A wish in fields


async def test_a_wish_in_fields_finds_the_same_as_one_in_words(assortment: Assortment) -> None:
    fields = IntentRequest(category=["scarves"], material=["silk"], style=["plain"], highest=50)
    intent = fields.intent(assortment.vocabulary, "en", market("en"), "")
    by_fields = await recommend(assortment, intent, market("en"))
    by_words = await found_for(assortment, "a plain silk scarf under $50", "en")
    ids = {hit.product.id for hit in by_words.shown}
    assert {hit.product.id for hit in by_fields.shown} == ids and by_fields.limits == by_words.limits


@pytest.mark.parametrize(
    ("fields", "named_value", "known"),
    [
        ({"material": ["kryptonite"]}, "'kryptonite'", "silk"),
        ({"category": ["spaceships"]}, "'spaceships'", "scarves"),
        ({"must_not": ["kryptonite"]}, "'kryptonite'", "known"),
        ({"recipient": ["silk"]}, "'silk'", "mother"),
        ({"size": ["XXXL"]}, "'XXXL'", "known"),
    ],
)
def test_a_value_that_nobody_knows_is_named_with_those_that_are(
    fields: dict[str, Any], named_value: str, known: str
) -> None:
    with pytest.raises(ValueError, match=named_value) as error:
        IntentRequest(**fields).intent(vocabulary(), "en", market("en"), "")
    assert next(iter(fields)) in str(error.value) and known in str(error.value)


@pytest.mark.parametrize("size", ["M", "L"])
async def test_a_size_is_a_field_like_the_others(assortment: Assortment, size: str) -> None:
    intent = IntentRequest(category=["dresses"], size=[size]).intent(assortment.vocabulary, "en", market("en"), "")
    found = await recommend(assortment, intent, market("en"))
    assert found.results.hits and found.limits.sizes == (size,)
    options = [named(v.options["size"], "en") for one in found.results.hits for v in one.variants]
    assert set(options) == {size}


async def test_an_intent_that_was_answered_can_be_sent_back(assortment: Assortment) -> None:
    for wish in ("a plain silk scarf for my mother under $50, not green", "a black dress in size M for a party"):
        found = await found_for(assortment, wish, "en")
        plain = view(found, CONTACT).intent
        bounds = {name: float(plain[name]["amount"]) for name in ("lowest", "highest") if name in plain}
        fields = IntentRequest(**{k: v for k, v in plain.items() if k != "language"} | bounds)
        again = fields.intent(assortment.vocabulary, "en", market("en"), wish)
        assert again.plain() == plain and limits_of(again, market("en")) == found.limits


# What programs read


async def test_what_the_merchant_earns_and_sells_is_told_to_nobody(assortment: Assortment) -> None:
    for wish in ("a silk scarf", "the best selling phone", "a scarf under 1 dollar"):
        found = await found_for(assortment, wish, "en")
        text = view(found, CONTACT).model_dump_json()
        assert "margin" not in text and "0.379" not in text and "86420" not in text and '"sold"' not in text
        for one in found.shown:
            assert one.score == pytest.approx(sum_of_shown(one.parts))


def sum_of_shown(parts: Any) -> float:
    from shop.ranking import Weights

    weights = Weights().model_dump() | {"relevance": 1.0, "margin": 0.0}
    return float(sum(weights[name] * value for name, value in parts.items()))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_answer_is_in_the_shoppers_language(assortment: Assortment, language: str) -> None:
    found = await found_for(assortment, WISHES[language][0], language)
    answer = view(found, CONTACT)
    assert (answer.language, answer.market, answer.currency) == (language, HOME[language], market(language).currency)
    assert answer.text == words(language)["here_are_products"]
    [first, *_] = answer.candidates
    [goods] = [one for one in CATALOGUE if one.id == goods_of(first.id)[0]]
    assert first.name == goods.names[LANGUAGES.index(language)] and first.variants[0].price.currency == answer.currency
