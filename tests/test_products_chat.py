"""Products in a conversation: found, refined, asked about, compared, each reason checked before it is shown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kefu.card_shapes import ProductsCard, ProductTile
from kefu.events import CardShown, Event, Notice, Token, ToolStarted, Trace
from kefu.words import say as words
from tests.orders_desk import all_of, answer, codes, done
from tests.scripted import Reply, ScriptedModel, fail, say
from tests.shop_data import ANN, MEI, SHIPPED
from tests.small_products import CATALOGUE, CONTACT, ProductsDesk, bought, goods_of, products_desk

INTENTS = {
    "looking": "find_products", "想买": "find_products", "tìm": "find_products", "อยากได้": "find_products",
    "cheaper": "find_products", "how much": "ask_product", "Compare": "compare_products", "Where": "get_order",
    "maybe": "find_products ask_product", "Cancel": "cancel_order", "made of": "ask_product",
    "compare": "compare_products", "比较": "compare_products", "so sánh": "compare_products",
    "เทียบ": "compare_products", "rẻ nhất": "compare_products",
    "which one": "compare_products", "哪个": "ask_product", "อันไหน": "compare_products",
}  # fmt: skip
SCARF = "I am looking for a silk scarf for my mother"
SCARVES = {"quiet-scarf", "garden-scarf"}
LIKE = words("en", "bought_before")
SECRETS = ("margin", "0.379", "86420", '"sold"')  # of the merchant alone


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(fail(500, "away")) as server:
        yield server


@pytest.fixture
async def desk(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[ProductsDesk]:
    async with products_desk(tmp_path, model, INTENTS) as opened:
        yield opened


def card(events: list[Event]) -> ProductsCard:
    """The row of products, as it was shown last."""
    shown = all_of(CardShown, events)[-1].card
    assert isinstance(shown, ProductsCard)
    return shown


def row(events: list[Event]) -> list[str]:
    """Which goods are shown, in their order."""
    return goods_of(*(tile.id for tile in card(events).products))


def tile(events: list[Event], goods: str) -> ProductTile:
    return next(tile for tile in card(events).products if goods_of(tile.id) == [goods])


def called(events: list[Event]) -> list[str]:
    return [event.tool for event in all_of(ToolStarted, events)]


# A wish


async def test_a_wish_is_answered_with_a_row_of_cards(desk: ProductsDesk, model: ScriptedModel) -> None:
    events = await desk.say(SCARF)
    assert set(row(events)) == SCARVES and called(events) == ["recommend"]
    assert answer(events) == words("en", "here_are_products") and done(events).status == "complete"
    quiet = tile(events, "quiet-scarf")
    assert (quiet.name, quiet.price, quiet.stock_code) == ("Quiet silk scarf", "45 USD", "in")
    assert "mulberry silk" in quiet.reason and quiet.image == "/public/products/scarves.svg"
    assert model.requests == [], "the word lists heard it and the records gave the reasons"


@pytest.mark.parametrize(
    ("text", "language", "market"),
    [
        ("我想买条真丝丝巾送妈妈", "zh", "CN"),
        (SCARF, "en", "all"),
        ("mình tìm khăn lụa tặng mẹ nhé", "vi", "VN"),
        ("อยากได้ผ้าพันคอผ้าไหมให้แม่", "th", "TH"),
    ],
)
async def test_it_is_answered_in_the_shoppers_language_with_the_prices_of_their_market(
    desk: ProductsDesk, text: str, language: str, market: str
) -> None:
    events = await desk.say(text)
    assert card(events).language == language and set(row(events)) == SCARVES
    assert all(one.id.endswith(f"-{market}") for one in card(events).products)
    names = {goods.names[("zh", "en", "vi", "th").index(language)] for goods in CATALOGUE if goods.id in SCARVES}
    assert {one.name for one in card(events).products} == names
    assert answer(events) == words(language, "here_are_products")


async def test_a_customer_sees_the_prices_of_their_own_country(desk: ProductsDesk) -> None:
    mei, ann = await desk.asked_by(f"customer:{MEI}"), await desk.asked_by(f"customer:{ANN}")
    assert tile(await mei.say(SCARF), "quiet-scarf").id == "quiet-scarf-CN"
    assert tile(await ann.say(SCARF), "quiet-scarf").id == "quiet-scarf-all"


async def test_a_limit_in_the_words_is_kept_to(desk: ProductsDesk) -> None:
    events = await desk.say("I am looking for a silk scarf under $40")
    assert row(events) == ["garden-scarf"] and "within your budget" in tile(events, "garden-scarf").reason


async def test_nothing_that_fits_is_said_with_what_comes_nearest(desk: ProductsDesk) -> None:
    events = await desk.say("I am looking for a silk scarf under $10")
    assert set(row(events)) >= {"garden-scarf"} and codes(events) == []
    text = answer(events)
    assert all(said in text for said in ("10 USD", "Garden silk scarf", "39 USD"))
    assert all("budget" not in one.reason for one in card(events).products)


async def test_what_the_shop_does_not_sell_is_said_and_a_person_named(desk: ProductsDesk) -> None:
    events = await desk.say("I am looking for xylophones zzyzx")
    assert CONTACT in answer(events) and done(events).status == "complete"


async def test_a_budget_in_another_currency_is_asked_for_in_the_markets(desk: ProductsDesk) -> None:
    events = await desk.say("I am looking for a silk scarf under 300 yuan")
    assert answer(events).startswith(words("en", "budget_currency", currency="USD", budget="300 CNY"))
    assert set(row(events)) == SCARVES


# Going on from it


async def test_more_of_the_wish_keeps_what_was_said_before(desk: ProductsDesk) -> None:
    await desk.say(SCARF)
    events = await desk.say("in blue")
    assert row(events) == ["garden-scarf"]
    [wish] = [event.data for event in all_of(Trace, events) if event.step == "wish"]
    assert (wish["material"], wish["category"], wish["colour"]) == (["silk"], ["scarves"], ["blue"])


async def test_cheaper_ones_come_from_the_lowest_price_up(desk: ProductsDesk) -> None:
    await desk.say("I am looking for a scarf")
    events = await desk.say("anything cheaper?")
    assert row(events) == ["fireside-scarf", "garden-scarf", "quiet-scarf"]
    assert answer(events) == words("en", "here_is_cheapest")


@pytest.mark.parametrize("text", ["便宜点的", "rẻ hơn đi", "ถูกกว่านี้", "too expensive"])
async def test_it_need_not_be_routed_to_be_heard(desk: ProductsDesk, text: str) -> None:
    """In any language; and what the message says of a budget counts as well."""
    await desk.say("I am looking for a scarf under $42")
    assert row(await desk.say(text))[:1] == ["fireside-scarf"]


@pytest.mark.parametrize(
    ("text", "first"), [("anything cheaper?", "fireside-scarf"), ("something more expensive", "quiet-scarf")]
)
async def test_cheaper_or_dearer_than_about_a_price_is_no_longer_about_it(
    desk: ProductsDesk, text: str, first: str
) -> None:
    await desk.say("I am looking for a scarf around $38")
    assert row(await desk.say(text))[:1] == [first]


async def test_a_new_bound_takes_the_place_of_the_old(desk: ProductsDesk) -> None:
    await desk.say("I am looking for a scarf under $30")
    events = await desk.say("under $40 then")
    assert set(row(events)) == {"fireside-scarf", "garden-scarf"}


async def test_what_is_refused_later_is_not_looked_for_any_more(desk: ProductsDesk) -> None:
    await desk.say("I am looking for a scarf")
    assert set(row(await desk.say("not wool please"))) == SCARVES


async def test_a_new_wish_forgets_the_old_one(desk: ProductsDesk) -> None:
    await desk.say(SCARF)
    assert set(row(await desk.say("I am looking for a phone"))) == {"marathon-phone", "feather-phone"}
    assert row(await desk.say("in white")) == ["feather-phone"], "not a silk one, not for a mother"


async def test_a_question_in_between_does_not_end_the_wish(desk: ProductsDesk) -> None:
    await desk.say(SCARF)
    await desk.say("how much is the second one?")
    events = await desk.say("do you have cheaper ones?")
    assert row(events) == ["garden-scarf", "quiet-scarf"]


# One of them


async def test_the_second_one_is_the_second_of_the_row(desk: ProductsDesk) -> None:
    second = row(await desk.say(SCARF))[1]
    events = await desk.say("how much is the second one?")
    assert row(events) == [second] and called(events) == ["get_product"]
    assert card(events).products[0].price in answer(events)


async def test_the_row_is_counted_in_though_one_of_it_was_asked_about_since(desk: ProductsDesk) -> None:
    first, second = row(await desk.say(SCARF))
    assert row(await desk.say("how much is the second one?")) == [second]
    assert row(await desk.say("and the first one?")) == [first]


async def test_what_is_asked_next_is_asked_of_the_one_that_is_spoken_of(desk: ProductsDesk) -> None:
    second = row(await desk.say(SCARF))[1]
    await desk.say("how much is the second one?")
    events = await desk.say("what is it made of?")
    assert row(events) == [second] and "mulberry silk" in answer(events)


async def test_the_ask_button_asks_about_its_product(desk: ProductsDesk) -> None:
    for one in card(await desk.say(SCARF)).products:
        events = await desk.say(one.ask.message)
        assert [shown.id for shown in card(events).products] == [one.id] and called(events) == ["get_product"]
        assert one.name in answer(events) and one.price in answer(events)


@pytest.mark.parametrize("text", ["我想买条真丝丝巾", "mình tìm khăn lụa nhé", "อยากได้ผ้าพันคอผ้าไหม"])
async def test_the_ask_button_works_in_every_language(desk: ProductsDesk, text: str) -> None:
    [first, *_] = card(await desk.say(text)).products
    events = await desk.say(first.ask.message)
    assert [shown.id for shown in card(events).products] == [first.id] and first.price in answer(events)


async def test_a_product_is_asked_about_by_its_name_though_it_was_never_shown(desk: ProductsDesk) -> None:
    events = await desk.say("how much is the Marathon phone?")
    assert row(events) == ["marathon-phone"] and "289 USD" in answer(events)


async def test_what_is_not_in_the_data_is_not_guessed(desk: ProductsDesk) -> None:
    await desk.say("how much is the Marathon phone?")
    events = await desk.say("is it waterproof?")
    assert row(events) == ["marathon-phone"]
    assert "nothing about" in answer(events) and CONTACT in answer(events)


async def test_a_colour_that_it_does_not_come_in_is_told_with_those_that_it_does(desk: ProductsDesk) -> None:
    await desk.say("how much is the Quiet silk scarf?")
    said = answer(await desk.say("is there a black one?"))
    assert "does not come in black" in said and "red" in said and "green" in said


async def test_a_sold_out_size_is_told(desk: ProductsDesk) -> None:
    await desk.say("how much is the Breeze linen dress?")
    assert "Sold out" in answer(await desk.say("is there a black one in L?"))
    assert "In stock" in answer(await desk.say("and in white, L?"))


# Which one


async def test_which_product_is_asked_where_several_may_be_meant_and_the_answer_goes_on(desk: ProductsDesk) -> None:
    shown = row(await desk.say(SCARF))
    events = await desk.say("how much is it?")
    assert codes(events) == ["which_product"] and row(events) == shown
    events = await desk.say("the first one")
    assert row(events) == shown[:1] and called(events) == ["get_product"]
    assert card(events).products[0].price in answer(events), "the question of the message before"


@pytest.mark.parametrize("reply", ["2", "Garden silk scarf", "the garden one"])
async def test_it_may_be_answered_by_place_or_by_name(desk: ProductsDesk, reply: str) -> None:
    shown = row(await desk.say(SCARF))
    await desk.say("how much is it?")
    wanted = shown[1] if reply == "2" else "garden-scarf"
    assert row(await desk.say(reply)) == [wanted]


async def test_a_new_wish_is_no_answer_to_which_product(desk: ProductsDesk) -> None:
    await desk.say(SCARF)
    await desk.say("how much is it?")
    assert set(row(await desk.say("I am looking for a phone"))) == {"marathon-phone", "feather-phone"}


# Side by side


@pytest.mark.parametrize(
    "text", ["Compare the first one and the second one", "Compare both", "Compare them", "Compare these two please"]
)
async def test_products_are_put_side_by_side(desk: ProductsDesk, text: str) -> None:
    shown = row(await desk.say(SCARF))
    events = await desk.say(text)
    assert row(events) == shown and called(events) == ["compare_products"]
    table = answer(events)
    assert words("en", "compare_title") in table and "| Price | " in table.replace("39 USD", "39 USD")
    assert all(said in table for said in ("39 USD", "45 USD", "floral", "plain"))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("compare the first two", (0, 1)), ("compare the last two", (-2, -1)), ("比较前两款", (0, 1)),
        ("so sánh hai cái đầu tiên", (0, 1)), ("เทียบสองตัวแรก", (0, 1)), ("compare the top 3", (0, 1, 2)),
    ],
)  # fmt: skip
async def test_some_of_a_row_are_compared(desk: ProductsDesk, text: str, at: tuple[int, ...]) -> None:
    shown = row(await desk.say("I am looking for something of cotton or silk"))
    assert len(shown) == 4, "of either"
    events = await desk.say(text)
    assert called(events) == ["compare_products"] and row(events) == [shown[n] for n in at]


@pytest.mark.parametrize("text", ["which one is the cheapest?", "哪个最便宜", "cái rẻ nhất là cái nào", "อันไหนถูกสุด"])
async def test_the_cheapest_of_a_row_is_shown_first(desk: ProductsDesk, text: str) -> None:
    await desk.say(SCARF)
    events = await desk.say(text)
    assert called(events) == ["recommend"] and row(events)[0] == "garden-scarf"


async def test_the_cheapest_is_no_answer_to_which_two(desk: ProductsDesk) -> None:
    await desk.say("I am looking for a blue silk scarf")
    assert codes(await desk.say("Compare them for me")) == ["which_products"], "there is one"
    events = await desk.say("อันไหนถูกสุด")
    assert called(events) == ["recommend"] and codes(events) == []


async def test_products_are_compared_by_name(desk: ProductsDesk) -> None:
    await desk.say("I am looking for a phone")
    events = await desk.say("Compare the Marathon phone with the Feather phone")
    assert set(row(events)) == {"marathon-phone", "feather-phone"} and "6000" in answer(events)


async def test_what_to_compare_is_asked_and_the_answer_goes_on(desk: ProductsDesk) -> None:
    assert codes(await desk.say("Compare them for me")) == ["which_products"]
    events = await desk.say("Quiet silk scarf and Garden silk scarf")
    assert set(row(events)) == SCARVES and called(events) == ["compare_products"]


# Who asks


async def test_what_a_customer_bought_changes_what_comes_first(desk: ProductsDesk) -> None:
    wish = "I am looking for a top"
    for product, first in (("desk-shirt", "city-top"), ("track-top", "park-top")):
        await bought(desk.engine, MEI, f"{product}-CN")
        events = await (await desk.asked_by(f"customer:{MEI}")).say(wish)
        assert row(events)[0] == first and LIKE in tile(events, first).reason
    assert not [one for one in card(await desk.say(wish)).products if LIKE in one.reason], "a guest has no history"


async def test_a_guest_who_proves_an_order_has_a_history_too(desk: ProductsDesk) -> None:
    await bought(desk.engine, MEI, "track-top-CN")
    await desk.say(f"Where is {SHIPPED}? 8000")
    events = await desk.say("I am looking for a top")
    assert row(events)[0] == "park-top" and LIKE in tile(events, "park-top").reason


async def test_somebody_whom_the_shop_does_not_know_is_served_like_a_guest(desk: ProductsDesk) -> None:
    stranger = await desk.asked_by("customer:nobody")
    assert set(row(await stranger.say(SCARF))) == SCARVES


async def test_products_are_no_orders(desk: ProductsDesk) -> None:
    mei = await desk.asked_by(f"customer:{MEI}")
    await mei.say(SCARF)
    assert codes(await mei.say("Cancel it please")) == ["which_order"], "not the first one of the row"
    await mei.say(SCARF)
    events = await mei.say("and the other one?")
    assert not any(event.tool == "get_order" for event in all_of(ToolStarted, events))


async def test_an_order_is_still_an_order_among_products(desk: ProductsDesk) -> None:
    mei = await desk.asked_by(f"customer:{MEI}")
    await mei.say(SCARF)
    assert called(await mei.say(f"Where is {SHIPPED}?")) == ["get_order"]


# Reasons by the model


def by_product(**sentences: str) -> Callable[[dict[str, Any]], Reply]:
    """A model that says a sentence of each product, told apart by its name in the request."""

    def reply(body: dict[str, Any]) -> Reply:
        return say(next(said for goods, said in sentences.items() if NAMES[goods] in last_product(body)))

    return reply


TRUE = {"quiet": "Mulberry silk for women.", "garden": "Romantic mulberry silk for women."}
NAMES = {"quiet": "quiet silk scarf", "garden": "garden silk scarf"}


def last_product(body: dict[str, Any]) -> str:
    """What the request says of the product that a sentence is wanted for."""
    asked = [m["content"].lower() for m in body["messages"] if m["role"] == "user"]
    return str(next(text for text in reversed(asked) if any(name in text for name in NAMES.values())))


async def test_reasons_come_one_by_one_as_they_are_worded(desk: ProductsDesk, model: ScriptedModel) -> None:
    model.script = by_product(**TRUE)
    events = await desk.using(reasons=True).say(SCARF)
    first, *lines = all_of(Token, events)
    assert first.text == words("en", "here_are_products")
    assert {line.text for line in lines} == {
        f"\n- **Quiet silk scarf**: {TRUE['quiet']}", f"\n- **Garden silk scarf**: {TRUE['garden']}",
    }  # fmt: skip
    assert answer(events) == done(events).answer
    shown = all_of(CardShown, events)
    assert len(shown) == 2 and events.index(shown[0]) < events.index(lines[0]), "the cards need not wait for the words"
    assert {one.reason for one in card(events).products} == set(TRUE.values())


async def test_an_untrue_sentence_is_written_once_more_and_never_shown(
    desk: ProductsDesk, model: ScriptedModel
) -> None:
    tries = {"quiet": iter(["Warm cashmere.", TRUE["quiet"]]), "garden": iter(["It is free.", "Waterproof, 77 % off."])}

    def reply(body: dict[str, Any]) -> Reply:
        return say(next(tries["quiet" if NAMES["quiet"] in last_product(body) else "garden"]))

    model.script = reply
    events = await desk.using(reasons=True).say(SCARF)
    seen = "".join(event.model_dump_json() for event in events if not isinstance(event, Trace))
    assert not [lie for lie in ("cashmere", "free", "Waterproof", "77 ") if lie in seen]
    assert tile(events, "quiet-scarf").reason == TRUE["quiet"]
    assert "mulberry silk" in tile(events, "garden-scarf").reason, "the records' own words"
    traced = {event.data["product"]: event.data for event in all_of(Trace, events) if event.step == "reason"}
    assert traced["quiet-scarf-all"]["by"] == "model" and len(traced["quiet-scarf-all"]["rejected"]) == 1
    assert traced["garden-scarf-all"]["by"] == "records" and len(traced["garden-scarf-all"]["rejected"]) == 2


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "真丝的，送妈妈很好。",
        "Lụa mềm cho mẹ nhé bạn ơi.",
        "Silk. " + "x" * 300,
        "Silk " * 80,
        "<|im_end|>",
        "For: women",
    ],
)
async def test_what_is_no_sentence_of_the_shoppers_language_is_not_shown(
    desk: ProductsDesk, model: ScriptedModel, said: str
) -> None:
    model.script = say(said, size=50)
    events = await desk.using(reasons=True).say(SCARF)
    reasons = {one.reason for one in card(events).products}
    assert all("mulberry silk" in reason or reason == "Silk." for reason in reasons)


async def test_while_the_model_is_away_the_records_give_the_reasons(desk: ProductsDesk, model: ScriptedModel) -> None:
    events = await desk.using(reasons=True).say(SCARF)
    assert codes(events) == [] and done(events).status == "complete"
    assert all("mulberry silk" in one.reason for one in card(events).products)
    assert answer(events).count("\n- **") == 2


async def test_a_sentence_that_breaks_off_is_not_shown(desk: ProductsDesk, model: ScriptedModel) -> None:
    whole = say(TRUE["quiet"])
    model.script = Reply(whole.steps[:3])
    events = await desk.using(reasons=True).say(SCARF)
    assert all("mulberry silk" in one.reason for one in card(events).products)
    assert "One pla" not in answer(events)


async def test_where_the_model_hears_wishes_too_it_adds_to_the_words(desk: ProductsDesk, model: ScriptedModel) -> None:
    model.script = say(json.dumps({"heard": [{"words": "everybody can see it", "value": "floral"}]}))
    events = await desk.using(understands=True).say("I am looking for a silk scarf so that everybody can see it")
    [wish] = [event.data for event in all_of(Trace, events) if event.step == "wish"]
    assert wish["style"] == ["floral"] and row(events)[0] == "garden-scarf"
    assert len(model.requests) == 1


# Kept, and kept to oneself


@pytest.mark.parametrize("reasons", [False, True])
async def test_after_a_reload_the_cards_are_there(desk: ProductsDesk, model: ScriptedModel, reasons: bool) -> None:
    model.script = by_product(**TRUE)
    events = await desk.using(reasons=reasons).say(SCARF)
    [_, stored] = await desk.conversations.messages(desk.conversation.id)
    assert stored.cards == (card(events),) and stored.text == answer(events) and stored.status == "complete"


async def test_the_same_message_again_gives_the_same_cards(desk: ProductsDesk) -> None:
    id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
    first = await desk.say(SCARF, id=id)
    assert card(await desk.say(SCARF, id=id)) == card(first)


@pytest.mark.parametrize("rounds", [0, 8], ids=["portable", "native"])
async def test_what_the_merchant_earns_and_sells_is_shown_to_nobody(
    desk: ProductsDesk, model: ScriptedModel, rounds: int
) -> None:
    calls = iter([
        [("recommend", json.dumps({"wish": SCARF})), ("search_products", json.dumps({"query": "scarf"})),
         ("get_product", json.dumps({"product_id": "quiet-scarf-all"})),
         ("compare_products", json.dumps({"product_ids": ["quiet-scarf-all", "garden-scarf-all"]})),
         ("get_variant", json.dumps({"variant_id": "quiet-scarf-all-0"})), ("list_products", "{}")],
    ])  # fmt: skip

    def reply(body: dict[str, Any]) -> Reply:
        wanted = next(calls, None) if rounds else None
        return say("", "tool_calls", tool_calls=wanted) if wanted else say("It is silk.")

    model.script = reply
    using = desk.using(reasons=True, rounds=rounds)
    said = [SCARF] if rounds else [SCARF, "how much is the second one?", "Compare both", "the cheapest, looking"]
    events = [event for text in said for event in await using.say(text)]
    assert len(called(events)) >= len(said) and model.requests
    stored = await desk.conversations.messages(desk.conversation.id)
    everything = json.dumps(model.requests, ensure_ascii=False) + "".join(event.model_dump_json() for event in events)
    everything += "".join(repr(message) for message in stored)
    assert not [secret for secret in SECRETS if secret in everything]


@pytest.mark.parametrize("before", ["", "Let me look."])
async def test_a_model_that_calls_tools_itself_words_no_product_unchecked(
    desk: ProductsDesk, model: ScriptedModel, before: str
) -> None:
    calls = iter([[("recommend", json.dumps({"wish": SCARF})), ("get_product", json.dumps({"product_id": "x"}))]])
    lies = by_product(quiet="Pure cashmere for women.", garden=TRUE["garden"])

    def reply(body: dict[str, Any]) -> Reply:
        wanted = next(calls, None)
        return say(before, "tool_calls", tool_calls=wanted) if wanted else lies(body)

    model.script = reply
    events = await desk.using(reasons=True, rounds=8).say(SCARF)
    assert set(row(events)) == SCARVES and called(events) == ["recommend"], "a recommendation ends the turn"
    assert answer(events) == done(events).answer and answer(events).startswith(
        before or words("en", "here_are_products")
    )
    assert TRUE["garden"] in answer(events) and "cashmere" not in answer(events)
    told = [message for message in (await desk.conversations.messages(desk.conversation.id))[-1].rounds]
    assert [message["role"] for message in told] == ["assistant", "tool", "tool"]


async def test_where_reasons_come_from_the_records_the_cards_have_them(
    desk: ProductsDesk, model: ScriptedModel
) -> None:
    model.script = say("", "tool_calls", tool_calls=[("recommend", json.dumps({"wish": SCARF}))])
    events = await desk.using(rounds=8).say(SCARF)
    assert set(row(events)) == SCARVES and answer(events) == words("en", "here_are_products") == done(events).answer
    assert len(model.requests) == 1 and all(one.reason for one in card(events).products)


async def test_where_nothing_can_be_searched_it_is_said_and_nothing_breaks(
    desk: ProductsDesk, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shop.errors import ShopUnavailable

    async def away(*_: Any, **__: Any) -> Any:
        raise ShopUnavailable("no answer")

    monkeypatch.setattr(type(desk.assortment._search), "search", away)
    events = await desk.say(SCARF)
    assert codes(events) == ["shop_unavailable"] and done(events).status == "failed"
    assert not [notice for notice in all_of(Notice, events) if "Traceback" in notice.text]
