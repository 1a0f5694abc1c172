"""A model that calls tools itself: its calls are checked, run round by round, and none of them changes anything."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kefu.card_shapes import OrderCard
from kefu.events import ApprovalNeeded, CardShown, ToolFinished, ToolStarted, Trace
from rag.passages import Passage
from rag.search import Found
from tests.orders_desk import OrdersDesk, all_of, answer, asked, codes, done, orders_desk
from tests.scripted import DONE, ScriptedModel, chunk, raw, say, usage
from tests.shop_data import BO_PENDING, MEI, PENDING, PROCESSED, SHIPPED


class OnePassage:
    """An index that finds one policy, whatever is asked."""

    def search(self, *_: Any, **__: Any) -> list[Found]:
        text = "Parcels to Thailand take 5 to 9 days."
        where = {"source": "en/shipping.md", "title": "Shipping", "heading": "How long?"}
        passage = Passage(
            id="en/shipping#1", policy="shipping", section=1, language="en", region=(), effective_from=None,
            effective_until=None, text=text, **where,
        )  # fmt: skip
        return [Found(passage, 0.9)]

    def nearness(self, *_: Any, **__: Any) -> dict[str, float]:
        return {}


def call(name: str, **arguments: Any) -> tuple[str, str]:
    return name, json.dumps(arguments)


def calls(*wanted: tuple[str, str], text: str = "") -> Any:
    return say(text, "tool_calls", tool_calls=wanted)


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(say("Hello.")) as server:
        yield server


@pytest.fixture
async def desk(tmp_path: Path, model: ScriptedModel) -> AsyncIterator[OrdersDesk]:
    async with orders_desk(f"sqlite:///{tmp_path / 'kefu.db'}", model, {}, rounds=3) as opened:
        yield opened


async def test_a_call_is_run_and_its_result_goes_back_to_the_model(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = [calls(call("get_order", order_number=f"#{SHIPPED}")), say("It is on its way.")]
    events = await desk.say("Where is my parcel?")
    assert answer(events) == "It is on its way." and done(events).status == "complete"
    [shown] = all_of(CardShown, events)
    assert isinstance(shown.card, OrderCard) and shown.card.number == SHIPPED
    first, second = (request["messages"] for request in model.requests)
    assert second[: len(first)] == first, "append-only, for the server's cache"
    asked_for, result = second[len(first) :]
    assert asked_for["tool_calls"][0]["function"]["name"] == "get_order"
    assert (result["role"], result["tool_call_id"]) == ("tool", asked_for["tool_calls"][0]["id"])
    assert json.loads(result["content"])["number"] == SHIPPED
    assert model.requests[0]["tools"] == model.requests[1]["tools"]
    assert "structured_outputs" not in model.requests[0] and "grammar" not in model.requests[0]


async def test_what_a_tool_found_is_told_in_the_shoppers_own_form(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = [calls(call("get_order", order_number=SHIPPED), call("list_orders")), say("It is on its way.")]
    await desk.say("Where is my parcel?")
    order, listed = (json.loads(message["content"]) for message in model.requests[1]["messages"][-2:])
    assert f"Total: {order['total']} (" in order["facts"] and order["items"][0]["price"] == "190 CNY"
    assert isinstance(order["items"][0]["names"], str) and order["items"][0]["id"] and order["payments"][0]["method"]
    assert "placed_at" not in order and "placed_at" not in listed["orders"][0], "no other clock than the shopper's"
    assert "amount" not in json.dumps(order["items"])


async def test_the_next_turn_still_knows_the_calls(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = [calls(call("get_order", order_number=SHIPPED)), say("It is on its way."), say("You are welcome.")]
    await desk.say("Where is my parcel?")
    await desk.say("And who brings it?")
    before, after = model.requests[1]["messages"], model.requests[2]["messages"]
    assert after[: len(before)] == before


async def test_calls_in_parallel_are_all_answered(desk: OrdersDesk, model: ScriptedModel) -> None:
    both = calls(call("get_order", order_number=SHIPPED), call("get_order", order_number=PROCESSED))
    model.script = [both, say("Both are fine.")]
    events = await desk.say("Where are my parcels?")
    assert [e.arguments["order_number"] for e in all_of(ToolStarted, events)] == [SHIPPED, PROCESSED]
    assert [m["role"] for m in model.requests[1]["messages"][-2:]] == ["tool", "tool"]


async def test_two_tools_that_show_one_order_show_it_once(desk: OrdersDesk, model: ScriptedModel) -> None:
    both = calls(call("get_order", order_number=SHIPPED), call("track_shipment", order_number=SHIPPED))
    model.script = [both, say("It is on its way.")]
    events = await desk.say("Where is my parcel?")
    assert len(all_of(ToolFinished, events)) == 2 and len(all_of(CardShown, events)) == 1


async def test_a_reply_that_is_written_again_still_knows_what_was_found(desk: OrdersDesk, model: ScriptedModel) -> None:
    looks = calls(call("get_order", order_number=SHIPPED))
    model.script = [looks, say("您的包裹正在路上,很快就会送到您手中。"), say("It is on its way.")]
    events = await desk.say("Where is my parcel?")
    assert answer(events) == "It is on its way." and len(all_of(ToolStarted, events)) == 1
    found, again = (request["messages"][-1] for request in model.requests[1:])
    assert found["role"] == "tool" and again == found


async def test_an_answer_from_the_records_needs_no_policy(tmp_path: Path, model: ScriptedModel) -> None:
    async with orders_desk(f"sqlite:///{tmp_path / 'sources.db'}", model, {}, rounds=3) as desk:
        desk.assistant._parts = replace(desk.assistant._parts, index=OnePassage())  # type: ignore[arg-type]
        model.script = [calls(call("get_order", order_number=SHIPPED)), say("It is on its way."), say("Who knows?")]
        assert "not_answered" not in codes(await desk.say("Where is my parcel?"))
        assert "not_answered" in codes(await desk.say("How long do parcels take?"))


async def test_text_before_a_call_is_shown_and_goes_on_after_it(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = [calls(call("get_order", order_number=SHIPPED), text="One moment. "), say("It is on its way.")]
    events = await desk.say("Where is my parcel?")
    assert answer(events).split() == "One moment. It is on its way.".split()
    assert model.requests[1]["messages"][-2]["content"].strip() == "One moment."


async def test_a_call_in_pieces_is_put_together(desk: OrdersDesk, model: ScriptedModel) -> None:
    pieces = ['{"order_', 'number": "JL10', '003"}']
    deltas = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "get_order", "arguments": ""}}]
    deltas += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]  # type: ignore[dict-item]
    streamed = [chunk({"role": "assistant", "content": None}), *(chunk({"tool_calls": [d]}) for d in deltas)]
    model.script = [raw(*streamed, chunk({}, "tool_calls"), usage(9, 9), DONE), say("It is on its way.")]
    assert all_of(ToolFinished, await desk.say("Where is my parcel?"))[0].ok


async def test_a_lost_closing_brace_is_put_back(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = [calls(("get_order", f'{{"order_number": "{SHIPPED}"')), say("It is on its way.")]
    assert all_of(ToolFinished, await desk.say("Where is my parcel?"))[0].ok


@pytest.mark.parametrize(
    "bad",
    [
        ("get_order", "order_number=JL10003"),
        ("get_order", '{"order_number": "JL1'),
        ("get_order", '{"number": "JL10003"}'),
        ("get_order", '{"order_number": "JL10003", "customer": "c-bo"}'),
        ("delete_everything", "{}"),
        ("", ""),
    ],
)
async def test_a_bad_call_may_be_made_again_once(desk: OrdersDesk, model: ScriptedModel, bad: tuple[str, str]) -> None:
    good = calls(call("get_order", order_number=SHIPPED))
    model.script = [calls(bad), good, say("It is on its way.")]
    events = await desk.say("Where is my parcel?")
    assert answer(events) == "It is on its way." and all_of(ToolFinished, events)[0].ok
    assert model.requests[1]["messages"][-1]["content"].startswith("error: ")
    assert [e.step for e in all_of(Trace, events) if e.step == "bad_call"] == ["bad_call"]


async def test_a_second_bad_call_ends_the_turn_with_a_sentence(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = [calls(("get_order", "{")), calls(("get_order", "{")), say("never")]
    events = await desk.say("Where is my parcel?")
    assert codes(events) == ["tool_limit"] and len(model.requests) == 2 and done(events).status == "complete"


async def test_rounds_have_an_end(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = lambda body: calls(call("list_orders"))
    events = await desk.say("Where is my parcel?")
    assert codes(events) == ["tool_limit"] and len(model.requests) == 3


async def test_a_change_waits_for_the_click_and_ends_the_turn(desk: OrdersDesk, model: ScriptedModel) -> None:
    change = call("cancel_pending_order", order_number=PENDING, reason="no_longer_needed")
    model.script = [calls(change, call("list_orders"), text="I cancel it."), say("never")]
    events = await desk.say("Cancel it please")
    card = asked(events)
    assert codes(events) == ["approval_asked"] and len(model.requests) == 1
    assert [e.tool for e in all_of(ToolStarted, events)] == ["cancel_pending_order"], "nothing runs after it"
    assert (await desk.order(MEI, PENDING)).status == "pending"
    await desk.click(card)
    assert (await desk.order(MEI, PENDING)).status == "cancelled"


async def test_after_the_click_the_model_is_told_what_was_done(desk: OrdersDesk, model: ScriptedModel) -> None:
    change = call("cancel_pending_order", order_number=PENDING, reason="no_longer_needed")
    model.script = [calls(change), say("You are welcome.")]
    await desk.click(asked(await desk.say("Cancel it please")))
    await desk.say("Thank you so much for this!")
    told = [m["content"] for m in model.requests[-1]["messages"] if m["role"] == "assistant"]
    assert any(PENDING in text for text in told)


async def test_a_rules_no_is_told_to_the_model(desk: OrdersDesk, model: ScriptedModel) -> None:
    change = call("cancel_pending_order", order_number=SHIPPED, reason="no_longer_needed")
    model.script = [calls(change), say("It is on its way already.")]
    events = await desk.say("Cancel it please")
    assert not all_of(ApprovalNeeded, events) and codes(events) == []
    assert json.loads(model.requests[1]["messages"][-1]["content"])["refused"] == "not_pending"


async def test_a_foreign_order_is_a_missing_one(desk: OrdersDesk, model: ScriptedModel) -> None:
    results = []
    for number in (BO_PENDING, "JL29999"):
        model.script = [calls(call("get_order", order_number=number)), say("I cannot find it.")]
        await desk.say(f"What about {number}?")
        results.append(model.requests[-1]["messages"][-1]["content"].replace(number, "N"))
    assert results[0] == results[1]


async def test_a_guest_is_asked_for_a_proof_whatever_the_model_calls(desk: OrdersDesk, model: ScriptedModel) -> None:
    guest = await desk.as_owner("guest:1")
    model.script = [calls(call("get_order", order_number=SHIPPED)), say("It is on its way.")]
    events = await guest.say("Where is my parcel?")
    assert codes(events) == ["prove_first"] and not all_of(CardShown, events)
    events = await guest.say(f"{SHIPPED}, 8000")
    assert answer(events) == "It is on its way."


async def test_a_tool_that_breaks_is_an_error_with_a_number_only(
    desk: OrdersDesk, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("postgresql://kefu:hunter2@db")

    monkeypatch.setattr(type(desk.shop.orders.of(MEI)), "get", broken)
    model.script = [calls(call("get_order", order_number=SHIPPED), text="One moment.")]
    events = await desk.say("Where is my parcel?")
    assert codes(events) == ["error"] and "hunter2" not in "".join(e.model_dump_json() for e in events)
    assert done(events).status == "cut"


async def test_a_made_up_number_beside_a_result_is_called_so(desk: OrdersDesk, model: ScriptedModel) -> None:
    model.script = [calls(call("get_order", order_number=SHIPPED)), say("It arrives in 77 days.")]
    assert codes(await desk.say("Where is my parcel?")) == ["unsupported_facts"]
