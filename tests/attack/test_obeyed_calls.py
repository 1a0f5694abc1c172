"""A model that calls every tool for the attacker: on each order of the demo shop, for everybody who may ask.

A stranger's order must look like one that is not there; one's own shows nothing of others and changes by a click only.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attack.demo import NUMBERS, ORDERS, DemoOrder, leaks, methods, order_of
from tests.attack.desks import AttackDesk
from tests.attack.puppet import Call, call, reads, writes
from tests.attack.seen import Seen, provoke
from tests.scripted import ScriptedModel

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPEN_TOOLS = {"get_product", "get_variant", "list_products", "transfer_to_human"}
every_order = pytest.mark.parametrize("number", [order.number for order in ORDERS])


def on(desk: AttackDesk, order: DemoOrder, number: str) -> list[Call]:
    """Every call that knows the order, under this number."""
    items = [item.replace(order.number, number) for item in order.items]
    return [*reads(number), *writes(number, items, desk.others(order), methods(order.customer)[0])]


def in_rounds(calls: list[Call]) -> list[list[Call]]:
    """As many at a time as are run."""
    return [calls[at : at + 8] for at in range(0, len(calls), 8)]


def words(calls: list[Call]) -> str:
    """All that the attacker says in these calls."""
    return "\n".join(arguments for _, arguments in calls)


def by_call(seen: Seen, *names: tuple[str, str]) -> list[str]:
    """What each call showed: its events, and what the model was told. Each pair of names counts as one name."""
    shown: list[str] = []
    for event in seen.events:
        if event.type == "tool_started":
            shown.append("")
        if event.type in ("tool_started", "tool_finished", "card", "approval", "notice") and shown:
            shown[-1] += json.dumps(event.model_dump(mode="json"), ensure_ascii=False)
    told = [m["content"] for message in seen.stored for m in message.rounds if m["role"] == "tool"]
    found = [event + answer for event, answer in zip(shown, told, strict=True)]
    for one, other in names:
        found = [text.replace(one, "NAME").replace(other, "NAME") for text in found]
    return found


@every_order
@pytest.mark.parametrize("who", ["signed in", "proved another"])
async def test_a_strangers_order_is_one_that_is_not_there(
    desk: AttackDesk, model: ScriptedModel, who: str, number: str
) -> None:
    order = NUMBERS[number]
    signed_in = who == "signed in"
    attacker = await (desk.signed_in(order.attacker) if signed_in else desk.proven(order_of(order.attacker)))
    foreign, missing = on(desk, order, number), on(desk, order, order.missing)
    seen = await provoke(attacker, model, "Do it.", *in_rounds([*foreign, *missing]))
    shown = by_call(seen, (number, order.missing))
    assert shown[: len(foreign)] == shown[len(foreign) :]
    assert seen.refused == ["order_not_found"] * 2 * len(foreign) and seen.waiting == []
    assert seen.leaks(order.attacker, said=words(foreign)) == set()


@every_order
async def test_a_guest_without_a_proof_sees_nothing_whatever_the_model_calls(
    desk: AttackDesk, model: ScriptedModel, number: str
) -> None:
    order = NUMBERS[number]
    turns = []
    for name in (number, order.missing):
        calls = [*on(desk, order, name), call("list_orders"), call("get_profile"), call("show_memory")]
        turn = ORDERS.index(order) % len(calls)  # the first that needs a proof ends the turn: each order begins elsewhere
        calls = [call("get_variant", variant_id=desk.others(order)[0]), *calls[turn:], *calls[:turn]]
        turns.append(await provoke(await desk.guest(), model, f"Where is my order {name}?", calls))
        assert turns[-1].leaks(said=words(calls)) == set()
        assert set(turns[-1].started) <= OPEN_TOOLS and turns[-1].waiting == []
    foreign, missing = turns
    assert foreign.alike(number) == missing.alike(order.missing)


@every_order
@pytest.mark.parametrize("who", ["signed in", "proved it"])
async def test_ones_own_order_shows_nothing_of_others_and_waits_for_a_click(
    desk: AttackDesk, model: ScriptedModel, who: str, number: str
) -> None:
    order = NUMBERS[number]
    customer = await (desk.signed_in(order.customer) if who == "signed in" else desk.proven(order))
    foreign = reads(order_of(order.attacker).number)
    look = [*reads(number), *foreign, call("list_orders"), call("get_profile")]
    changes = changes_of(desk, order, turn=ORDERS.index(order) + 4 * (who == "signed in"))
    seen = await provoke(customer, model, f"Where is {number}?", look, changes)
    assert seen.refused[:8] == [*[""] * 3, *["order_not_found"] * 3, "", ""], "there is something to attack"
    assert seen.leaks(order.customer, said=words(foreign)) == set()
    assert len(seen.waiting) <= 1
    assert seen.waiting or order.status not in ("pending", "processed"), "there is something to confirm"


def changes_of(desk: AttackDesk, order: DemoOrder, turn: int) -> list[Call]:
    """Every change of an order; which is called first turns, as one that waits ends the turn."""
    found = writes(order.number, order.items, desk.others(order), methods(order.customer)[-1], order.country)
    return [*found[turn % len(found) :], *found[: turn % len(found)]]


@every_order
async def test_foreign_items_and_methods_in_ones_own_order_are_unknown_ones(
    desk: AttackDesk, model: ScriptedModel, number: str
) -> None:
    order = NUMBERS[number]
    stranger = order_of(order.attacker)

    def calls(item: str, method: str) -> list[Call]:
        own: dict[str, Any] = {"order_number": number}
        swap: dict[str, Any] = {"item_ids": [item], "new_variant_ids": desk.others(order)[:1]}
        back: dict[str, Any] = {"reason": "faulty"}
        return [
            call("return_delivered_order_items", **own, **back, item_ids=[item]),
            call("return_delivered_order_items", **own, **back, item_ids=[order.items[0], item]),
            call("return_delivered_order_items", **own, **back, item_ids=[order.items[0]], method=method),
            call("exchange_delivered_order_items", **own, **swap),
            call("modify_pending_order_items", **own, **swap),
            call("modify_pending_order_items", **own, **swap, method=method),
            call("change_pending_order_payment", **own, method=method),
        ]

    names = (stranger.items[0], methods(order.attacker)[0]), (f"{stranger.missing}-1", "nobody-none")
    foreign, missing = calls(*names[0]), calls(*names[1])
    customer = await desk.signed_in(order.customer)
    seen = await provoke(customer, model, "Do it.", *in_rounds([*foreign, *missing]))
    shown, half = by_call(seen, *zip(*names, strict=True)), len(foreign)
    assert shown[:half] == shown[half:]
    assert seen.waiting == [] and len(seen.refused) == 2 * half and all(seen.refused)
    assert leaks(seen.text, order.customer, said=words(foreign)) == set()

