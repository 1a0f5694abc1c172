"""Orders in a conversation: who may see them, what is asked before anything changes, and what a click does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kefu.approvals import Approvals
from kefu.card_shapes import OrderCard, OrdersCard
from kefu.config import ROOT
from kefu.events import ApprovalNeeded, CardShown, NotFound, Notice, Sources, Token, ToolFinished, ToolStarted
from kefu.proofs import Proofs
from kefu.wants.size_told import sizes_told
from rag.index import Found
from rag.passages import read_policies
from shop.errors import ShopUnavailable
from shop.models import AuditRow
from tests.orders_desk import OrdersDesk, all_of, answer, asked, codes, done, orders_desk
from tests.scripted import ScriptedModel, fail, say
from tests.shop_data import (
    BO,
    BO_PENDING,
    DELIVERED,
    LAN,
    LAN_DELIVERED,
    MEI,
    NOK,
    PENDING,
    PENDING_GIFT,
    PROCESSED,
    SHIPPED,
)

INTENTS = {
    "Where": "get_order", "my orders": "list_orders", "Cancel": "cancel_order", "cancel": "cancel_order",
    "back": "return_items", "size": "swap_items", "office": "change_address", "person": "human",
    "forget": "forget_me", "remember": "show_memory", "yes": "confirm", "no thanks": "refuse", "paid": "policy",
}  # fmt: skip


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(say("Your order is on its way.")) as server:
        yield server


@pytest.fixture
async def desk(url: str, model: ScriptedModel) -> AsyncIterator[OrdersDesk]:
    async with orders_desk(url, model, INTENTS) as opened:
        yield opened


async def audit(desk: OrdersDesk) -> list[Any]:
    from sqlalchemy import select

    async with desk.engine.connect() as db:
        return list((await db.execute(select(AuditRow.__table__))).mappings())


# Looking up


async def test_an_order_is_shown_as_a_card_and_its_facts_are_worded_by_the_model(
    desk: OrdersDesk, model: ScriptedModel
) -> None:
    events = await desk.say(f"Where is my order {SHIPPED}?")
    [shown] = all_of(CardShown, events)
    assert isinstance(shown.card, OrderCard) and shown.card.number == SHIPPED
    assert answer(events) == "Your order is on its way." and done(events).status == "complete"
    [started], [finished] = all_of(ToolStarted, events), all_of(ToolFinished, events)
    assert (started.tool, started.arguments) == ("get_order", {"order_number": SHIPPED}) and finished.ok
    assert all_of(Sources, events)[0].sources == ()
    facts = model.requests[0]["messages"][-2]
    assert facts["role"] == "system" and SHIPPED in facts["content"]


@pytest.mark.parametrize("number", ["#jl-10003", "ＪＬ１０００３", "JL๑๐๐๐๓"])
async def test_a_number_is_understood_in_any_spelling(desk: OrdersDesk, number: str) -> None:
    [shown] = all_of(CardShown, await desk.say(f"Where is {number}?"))
    assert isinstance(shown.card, OrderCard) and shown.card.number == SHIPPED


async def test_a_strangers_order_and_a_missing_one_are_answered_alike(desk: OrdersDesk, model: ScriptedModel) -> None:
    theirs, missing = await desk.say(f"Where is {BO_PENDING}?"), await desk.say("Where is JL29999?")
    assert [e.model_dump_json().replace(BO_PENDING, "JL29999") for e in theirs[:-1]] == [
        e.model_dump_json() for e in missing[:-1]
    ]
    assert codes(theirs) == ["refused"] and model.requests == [] and not all_of(CardShown, theirs)


async def test_which_order_is_asked_where_several_may_be_meant_and_the_answer_goes_on(desk: OrdersDesk) -> None:
    first = await desk.say("Cancel my order please")
    assert codes(first) == ["which_order"]
    [shown] = all_of(CardShown, first)
    assert isinstance(shown.card, OrdersCard)
    assert {row.number for row in shown.card.rows} == {PENDING, PENDING_GIFT, "JL10006", PROCESSED}
    second = await desk.say(PENDING)
    assert PENDING in asked(second).title


async def test_the_other_one_is_understood_from_what_was_said_before(desk: OrdersDesk) -> None:
    await desk.say(f"Where are {SHIPPED} and {PROCESSED}?")
    await desk.say(f"Where is {SHIPPED}?")
    [shown] = all_of(CardShown, await desk.say("and the other one?"))
    assert isinstance(shown.card, OrderCard) and shown.card.number == PROCESSED


async def test_a_policy_question_is_none_of_the_tools_business(desk: OrdersDesk) -> None:
    events = await desk.say("When is a refund paid?")
    assert not all_of(ToolStarted, events) and codes(events) == ["nothing_found"]


@pytest.mark.parametrize(
    "untrue",
    [
        "It is on its way and arrives in 77 days.",
        "It was delivered.",
        "It is on its way from Kuala Lumpur.",
        "Your order has a silk dress in it, which is on its way with Speedy Express.",
        "您的包裹正在路上。",
        "",
    ],
)
async def test_what_the_model_makes_of_the_records_is_not_said_where_it_is_untrue(
    desk: OrdersDesk, model: ScriptedModel, untrue: str
) -> None:
    model.script = say(untrue)
    events = await desk.say(f"Where is {SHIPPED}?")
    assert answer(events).startswith(f"Order {SHIPPED}: On its way.\nLatest news of the parcel: ")
    assert codes(events) == [] and done(events).status == "complete"
    [token] = all_of(Token, events)
    assert token.text == answer(events), "nothing of the other is ever shown"
    stored = (await desk.conversations.messages(desk.conversation.id))[-1]
    assert stored.text == stored.model_text == answer(events)


async def test_an_order_is_told_while_the_model_is_away(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = fail(500, "away")
    events = await desk.say(f"Where is {SHIPPED}?")
    assert answer(events).startswith(f"Order {SHIPPED}: On its way.")
    assert codes(events) == [] and done(events).status == "complete"


async def test_where_the_records_speak_for_themselves_no_model_is_asked(desk: OrdersDesk, model: ScriptedModel) -> None:
    parts = desk.assistant._parts
    writing = replace(parts.limits.writing, retells=False)
    desk.assistant._parts = replace(parts, limits=replace(parts.limits, writing=writing))
    events = await desk.say(f"Where is {SHIPPED}?")
    assert answer(events).startswith(f"Order {SHIPPED}: On its way.") and model.requests == []
    assert answer(await desk.say("Show me my orders")) == "Here are your latest orders."


class Shipping:
    """An index that finds what delivery costs, for all countries, and never for the right one first."""

    def __init__(self) -> None:
        self._passages = {passage.id: passage for passage in read_policies(ROOT / "policies")[0]}

    def search(self, text: str, *, language: str, k: int, **_: Any) -> list[Found]:
        found = [Found(self._passages[f"{language}/shipping#{n}"], 0.6 - n / 100) for n in (4, 3, 2, 1)]
        return sorted(found, key=lambda hit: -hit.score)[:k]

    def nearness(self, *_: Any) -> dict[str, float]:
        return {}


@pytest.mark.parametrize(
    ("who", "question", "sections"),
    [
        (MEI, "What is paid for delivery?", ["en/shipping#1"]),
        (MEI, "What is paid for delivery to Thailand?", ["en/shipping#3"]),
        (MEI, "What is paid for delivery to Malaysia?", ["en/shipping#4"]),
        (MEI, "What is paid for delivery to Hanoi?", ["en/shipping#1", "en/shipping#2"]),  # as the index has it
        (NOK, "What is paid for delivery?", ["en/shipping#3"]),
        ("guest:1", "What is paid for delivery?", ["en/shipping#1", "en/shipping#2"]),  # who knows where
        ("guest:1", "Mình hỏi phí ship bao nhiêu vậy shop?", ["vi/shipping#2"]),
    ],
)
async def test_what_depends_on_the_country_is_answered_for_the_shoppers_own(
    desk: OrdersDesk, model: ScriptedModel, who: str, question: str, sections: list[str]
) -> None:
    index: Any = Shipping()
    limits = replace(desk.assistant._parts.limits, passages=2)
    desk.assistant._parts = replace(desk.assistant._parts, index=index, limits=limits)
    model.script = say("It is free from 99 yuan.")
    events = await (await desk.as_owner(who if who.startswith("guest") else f"customer:{who}")).say(question)
    assert [source.id for source in all_of(Sources, events)[0].sources] == sections


# Who asks


async def test_a_guest_is_asked_for_a_proof_and_sees_nothing_before(desk: OrdersDesk, model: ScriptedModel) -> None:
    guest = await desk.as_owner("guest:1")
    events = await guest.say(f"Where is my order {SHIPPED}?")
    assert codes(events) == ["prove_secret"] and not all_of(CardShown, events) and model.requests == []


async def test_a_proof_goes_on_with_what_was_wanted_and_lasts_for_this_conversation_only(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    await guest.say(f"Where is my order {SHIPPED}?")
    [shown] = all_of(CardShown, await guest.say("8000"))
    assert isinstance(shown.card, OrderCard) and shown.card.number == SHIPPED
    assert all_of(CardShown, await guest.say(f"Where is {PROCESSED}?")), "the same customer's other order"
    assert codes(await (await desk.as_owner("guest:1")).say(f"Where is {SHIPPED}?")) == ["prove_secret"]


async def test_a_proof_opens_nobody_elses_orders(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    assert all_of(CardShown, await guest.say(f"Where is {SHIPPED}? mei.chen@example.com"))
    assert codes(await guest.say(f"Where is {LAN_DELIVERED}? 4567")) == ["refused"]


async def test_a_wrong_proof_is_refused_and_five_lock(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    said = [codes(await guest.say(f"Where is {SHIPPED}? 000{n}")) for n in range(6)]
    assert said[:5] == [["prove_wrong"]] * 5 and said[5] == ["prove_locked"]
    assert codes(await guest.say(f"Where is {SHIPPED}? 8000")) == ["prove_locked"], "also with the right one"


# Changing


async def test_nothing_changes_before_the_click_and_everything_that_was_shown_after_it(desk: OrdersDesk) -> None:
    card = asked(await desk.say(f"Cancel {PENDING}"))
    assert (await desk.order(MEI, PENDING)).status == "pending" and await audit(desk) == []
    events = await desk.click(card)
    assert [e.card.state for e in all_of(ApprovalNeeded, events)] == ["working", "done"]
    assert PENDING in answer(events) and done(events).status == "complete"
    assert (await desk.order(MEI, PENDING)).status == "cancelled"
    [row] = await audit(desk)
    messages = await desk.conversations.messages(desk.conversation.id)
    assert (row["id"], row["customer"], row["order"], row["kind"]) == (card.id, MEI, PENDING, "cancel_order")
    assert (row["actor"], row["message"]) == (f"customer:{MEI}", messages[0].id)


async def test_no_leaves_everything_as_it_was(desk: OrdersDesk) -> None:
    card = asked(await desk.say(f"Cancel {PENDING}"))
    events = await desk.click(card, yes=False)
    assert [e.card.state for e in all_of(ApprovalNeeded, events)] == ["refused"]
    late = await desk.click(card)
    assert codes(late) == ["approval_gone"]
    assert (await desk.order(MEI, PENDING)).status == "pending" and await audit(desk) == []


async def test_a_new_message_means_no(desk: OrdersDesk) -> None:
    card = asked(await desk.say(f"Cancel {PENDING}"))
    events = await desk.say(f"Where is {SHIPPED}?")
    assert [(e.card.id, e.card.state) for e in all_of(ApprovalNeeded, events)] == [(card.id, "void")]
    assert codes(await desk.click(card)) == ["approval_gone"]
    assert (await desk.order(MEI, PENDING)).status == "pending"


async def test_a_typed_yes_is_no_click_but_gets_the_card_again(desk: OrdersDesk) -> None:
    first = asked(await desk.say(f"Cancel {PENDING}"))
    second = asked(await desk.say("yes"))
    assert second.id != first.id and second.lines == first.lines
    assert (await desk.order(MEI, PENDING)).status == "pending"
    await desk.click(second)
    assert (await desk.order(MEI, PENDING)).status == "cancelled"


async def test_a_hundred_clicks_have_one_effect(desk: OrdersDesk) -> None:
    card = asked(await desk.say(f"Cancel {PENDING_GIFT}"))
    await asyncio.gather(*(desk.click(card) for _ in range(100)))
    order = await desk.order(MEI, PENDING_GIFT)
    assert [p.kind for p in order.payments] == ["payment", "refund"] and len(await audit(desk)) == 1


async def test_a_stranger_cannot_click(desk: OrdersDesk) -> None:
    card = asked(await desk.say(f"Cancel {PENDING}"))
    bo = await desk.as_owner(f"customer:{BO}")
    with pytest.raises(NotFound):
        await bo.click(card)
    with pytest.raises(NotFound):
        await (await desk.as_owner(f"customer:{MEI}")).click(card)  # another conversation of hers
    assert (await desk.order(MEI, PENDING)).status == "pending"


async def test_what_has_changed_since_it_was_shown_is_not_done(desk: OrdersDesk) -> None:
    from sqlalchemy import update

    from shop.models import OrderRow

    card = asked(await desk.say(f"Cancel {PENDING}"))
    async with desk.engine.begin() as db:
        await db.execute(
            update(OrderRow.__table__).where(OrderRow.__table__.c.number == PENDING).values(status="shipped")
        )
    events = await desk.click(card)
    assert [e.card.state for e in all_of(ApprovalNeeded, events)] == ["working", "failed"]
    assert (await desk.order(MEI, PENDING)).status == "shipped" and await audit(desk) == []


async def test_a_rules_no_is_said_in_our_words_and_nothing_waits(desk: OrdersDesk, model: ScriptedModel) -> None:
    events = await desk.say(f"Cancel {SHIPPED}")
    assert codes(events) == ["refused"] and not all_of(ApprovalNeeded, events) and model.requests == []
    assert all_of(ToolFinished, events)[0].refused == "not_pending"


async def test_a_click_that_the_shop_does_not_hear_can_be_made_again(
    desk: OrdersDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = asked(await desk.say(f"Cancel {PENDING}"))
    orders = type(desk.shop.orders.of(MEI))

    async def away(*_: Any) -> Any:
        raise ShopUnavailable("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(orders, "apply", away)
        events = await desk.click(card)
    assert codes(events) == ["shop_unavailable"]
    assert [e.card.state for e in all_of(ApprovalNeeded, events)] == ["working", "pending"]
    await desk.click(card)
    assert (await desk.order(MEI, PENDING)).status == "cancelled"


async def test_a_rules_no_names_the_product_in_the_language_of_the_conversation(desk: OrdersDesk) -> None:
    await desk.say(f"I want to send something from {DELIVERED} back")
    [said] = [e for e in all_of(Notice, await desk.say("the gold one")) if e.code == "refused"]
    assert "“Silk dress”" in said.text, "Mei's own language is Chinese"


async def test_items_go_back_one_of_two(desk: OrdersDesk) -> None:
    first = await desk.say(f"I want to send something from {DELIVERED} back")
    assert codes(first) == ["which_item"]
    await desk.click(asked(await desk.say("the gold one, it was broken on arrival")))
    [back] = (await desk.order(MEI, DELIVERED)).returns
    assert back.kind == "return" and back.reason == "faulty" and len(back.items) == 1


async def test_an_order_goes_to_an_address_of_the_book(desk: OrdersDesk) -> None:
    await desk.click(asked(await desk.say(f"Send {PENDING} to my other address, the office one")))
    assert (await desk.order(MEI, PENDING)).address.line1 == "世纪大道100号"


async def test_what_is_remembered_is_shown_and_forgotten_on_a_click(desk: OrdersDesk) -> None:
    await desk.shop.orders.of(MEI).remember("size", "M")
    assert "M" in all_of_texts(await desk.say("What do you remember about me?"))
    await desk.click(asked(await desk.say("Please forget me")))
    assert await desk.shop.orders.of(MEI).memory() == {}, "also the language it was asked in"
    await desk.say("Show me my orders")
    assert await desk.shop.orders.of(MEI).memory() == {}, "nor is it noted again in this conversation"


async def test_a_size_is_remembered_where_the_shopper_says_so(desk: OrdersDesk) -> None:
    events = await desk.say("Please remember that I wear size L, shoes 38")
    assert codes(events) == ["remembered"] and "size: L" in all_of_texts(events)
    assert await desk.shop.orders.of(MEI).memory() == {"size": "L", "shoe_size": "38", "language": "en"}
    guest = await desk.as_owner("guest:1")
    assert codes(await guest.say("Please remember that I wear size L")) == ["prove_first"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("my size is L, keep that in mind", {"size": "L"}),
        ("记住我穿M码", {"size": "M"}),
        ("记一下，我穿L码，鞋子38码", {"size": "L", "shoe_size": "38"}),
        ("nhớ giúp mình mặc size M nhé", {"size": "M"}),
        ("lưu size giày của mình là 39,5", {"shoe_size": "39.5"}),
        ("จำไว้ด้วยนะว่าใส่ไซส์ M", {"size": "M"}),
        ("จดไว้ว่ารองเท้าเบอร์ 38", {"shoe_size": "38"}),
        ("do you remember my size M?", {}),
        ("remember: change it to L", {}),
        ("remember that I'm in a hurry", {}),
        ("remember M or L", {}),
        ("lưu địa chỉ 38 Lý Thường Kiệt", {}),
        ("nhớ đổi size L cho mình nhé", {}),
        ("I wear M", {}),
    ],
)
def test_a_size_that_is_to_be_remembered_is_heard(text: str, told: dict[str, str]) -> None:
    assert sizes_told(text) == told


def all_of_texts(events: list[Any]) -> str:
    return " ".join(getattr(event, "text", "") for event in events)


async def test_the_size_and_the_language_of_a_customer_are_remembered(desk: OrdersDesk) -> None:
    await desk.click(asked(await desk.say(f"I would like size L instead in {PENDING_GIFT}")))
    assert await desk.shop.orders.of(MEI).memory() == {"language": "en", "size": "L"}


async def test_a_person_is_offered_to_everybody(desk: OrdersDesk) -> None:
    guest = await desk.as_owner("guest:1")
    assert codes(await guest.say("I want to talk to a person")) == ["human_offered"]


async def test_what_was_asked_and_shown_is_kept_and_replayed(desk: OrdersDesk) -> None:
    id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
    card = asked(await desk.say(f"Cancel {PENDING}", id=id))
    assert asked(await desk.say(f"Cancel {PENDING}", id=id)).id == card.id
    await desk.click(card)
    again = await desk.say(f"Cancel {PENDING}", id=id)
    assert [e.card.state for e in all_of(ApprovalNeeded, again)] == ["done"]


async def test_another_replica_with_its_own_connection_makes_it_once_too(desk: OrdersDesk, url: str) -> None:
    from kefu.chat import Assistant
    from kefu.conversations import MIGRATIONS, Conversations
    from shop.database import open_database
    from shop.store import OwnShop

    card = asked(await desk.say(f"Cancel {PENDING_GIFT}"))
    engine = await open_database(url, MIGRATIONS)
    shop = OwnShop(engine, now=desk.clock)
    parts = desk.assistant._parts
    assert parts.errands
    from dataclasses import replace

    errands = replace(parts.errands, shop=shop, approvals=Approvals(engine), proofs=Proofs(engine, shop.orders))
    twin = Assistant(Conversations(engine), parts.index, parts.llm, parts.limits, errands)
    other = replace(desk, assistant=twin, engine=engine)
    await asyncio.gather(*(side.click(card) for _ in range(20) for side in (desk, other)))
    await engine.dispose()
    assert [p.kind for p in (await desk.order(MEI, PENDING_GIFT)).payments] == ["payment", "refund"]
    assert len(await audit(desk)) == 1


async def test_a_shopper_of_another_language_is_asked_in_it(desk: OrdersDesk) -> None:
    lan = await desk.as_owner(f"customer:{LAN}")
    events = await lan.say("cancel đơn hàng JL30003 giúp mình với nhé shop ơi")
    assert asked(events).title == "Hủy đơn hàng JL30003?" or "JL30003" in asked(events).title
    assert asked(events).language == "vi"
