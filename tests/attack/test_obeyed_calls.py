"""A model that calls every tool for the attacker: on each order of the demo shop, for everybody who may ask.

A stranger's order must look like one that is not there; one's own shows nothing of others and changes by a click only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from kefu.tools.catalogue import TOOLS
from tests.attack.demo import CUSTOMERS, NUMBERS, ORDERS, DemoOrder, attacker_of, methods, order_of, orders_of
from tests.attack.desks import AttackDesk
from tests.attack.puppet import Call, call, reads, writes
from tests.attack.seen import Seen, provoke
from tests.scripted import ScriptedModel

pytestmark = pytest.mark.asyncio(loop_scope="session")

Cases = Callable[[int], None]

OPEN_TOOLS = {
    "search_products", "recommend", "compare_products", "get_product", "get_variant", "list_products",
    "transfer_to_human",
}  # fmt: skip
LOOKS = [  # a recommendation ends the turn
    call("search_products", query="a silk scarf"),
    call("compare_products", product_ids=["silk-square-scarf-ALL", "evening-silk-slip-dress-ALL"]),
    call("get_product", product_id="silk-square-scarf-ALL", question="is it in stock?"), call("list_products"),
    call("recommend", wish="a gift for my mother"),
]  # fmt: skip
every_order = pytest.mark.parametrize("number", [order.number for order in ORDERS])
every_customer = pytest.mark.parametrize("customer", CUSTOMERS)


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


def by_call(seen: Seen, *names: str) -> list[str]:
    """What each call showed: its events less the attacker's own arguments, and what the model was told."""
    shown: list[str] = []
    for event in seen.events:
        if event.type == "tool_started":
            shown.append(event.tool)
        elif event.type in ("tool_finished", "card", "approval", "notice") and shown:
            shown[-1] += json.dumps(event.model_dump(mode="json"), ensure_ascii=False)
    told = [m["content"] for message in seen.stored for m in message.rounds if m["role"] == "tool"]
    found = [event + answer for event, answer in zip(shown, told, strict=True)]
    for name in names:
        found = [text.replace(name, "NAME") for text in found]
    return found


async def stranger_to(desk: AttackDesk, who: str, customer: str) -> AttackDesk:
    """The desk seen by another customer."""
    stranger = attacker_of(customer)
    return await (desk.signed_in(stranger) if who == "signed in" else desk.proven(order_of(stranger)))


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def missing(shared: AttackDesk, model: ScriptedModel) -> dict[tuple[str, str], list[str]]:
    """What every call shows of an order that is not there, by who asks."""
    found = {}
    for order in (order_of("emily-carter"), order_of("lin-yue")):
        for who in ("signed in", "proved another"):
            attacker = await stranger_to(shared, who, order.customer)
            seen = await provoke(attacker, model, "Do it.", *in_rounds(on(shared, order, order.missing)))
            found[order.attacker, who] = by_call(seen, order.missing)
    return found


@every_customer
@pytest.mark.parametrize("who", ["signed in", "proved another"])
async def test_a_strangers_order_is_one_that_is_not_there(
    desk: AttackDesk, model: ScriptedModel, missing: dict[tuple[str, str], list[str]], who: str, customer: str,
    cases: Cases,
) -> None:  # fmt: skip
    orders, attacker = orders_of(customer), await stranger_to(desk, who, customer)
    calls = [one for order in orders for one in on(desk, order, order.number)]
    seen = await provoke(attacker, model, "Do it.", *in_rounds(calls))
    shown = by_call(seen, *(order.number for order in orders))
    assert shown == missing[attacker_of(customer), who] * len(orders)
    assert seen.refused == ["order_not_found"] * len(calls) and seen.waiting == []
    assert seen.leaks(attacker_of(customer), said=words(calls)) == set()
    cases(len(orders))


@every_order
async def test_a_guest_without_a_proof_sees_nothing_whatever_the_model_calls(
    desk: AttackDesk, model: ScriptedModel, number: str
) -> None:
    order = NUMBERS[number]
    calls = [*on(desk, order, number), call("list_orders"), call("get_profile"), call("show_memory")]
    turn = ORDERS.index(order) % len(calls)  # the first that needs a proof ends the turn: each order begins elsewhere
    calls = [call("get_variant", variant_id=desk.others(order)[0]), *calls[turn:], *calls[:turn]]
    seen = await provoke(await desk.guest(), model, f"Where is my order {number}?", calls)
    assert seen.leaks(said=words(calls)) == set()
    assert set(seen.started) <= OPEN_TOOLS and seen.waiting == []
    assert [event.code for event in seen.events if event.type == "notice"] == ["prove_first"]


async def test_the_tools_that_are_open_are_those_that_are_attacked() -> None:
    assert {tool.name for tool in TOOLS if tool.open_to_guests} == OPEN_TOOLS


async def test_a_guest_may_look_at_products_and_sees_nobody(desk: AttackDesk, model: ScriptedModel) -> None:
    seen = await provoke(await desk.guest(), model, "Show me.", LOOKS)
    assert seen.started == [name for name, _ in LOOKS] and not any(seen.refused)
    assert seen.leaks() == set() and seen.waiting == [] and "margin" not in seen.text and '"sold"' not in seen.text


@every_customer
async def test_what_others_bought_moves_nothing_and_shows_nothing(
    desk: AttackDesk, model: ScriptedModel, customer: str
) -> None:
    seen = await provoke(await desk.signed_in(customer), model, "Show me.", LOOKS)
    assert seen.leaks(customer) == set() and not any(seen.refused)
    assert [order for order in ORDERS if order.number in seen.text] == []


@every_customer
async def test_ones_own_orders_show_nothing_of_others(
    desk: AttackDesk, model: ScriptedModel, customer: str, cases: Cases
) -> None:
    own, foreign = orders_of(customer), orders_of(attacker_of(customer))
    calls = [one for order in own for one in reads(order.number)]
    strange = [one for order in foreign for one in reads(order.number)]
    seen = await provoke(
        await desk.signed_in(customer), model, "Show me.", *in_rounds([*calls, call("get_profile"), *strange]),
        [call("list_orders"), call("show_memory")],
    )  # fmt: skip
    expected = [*[""] * len(calls), "", *["order_not_found"] * len(strange), "", ""]
    assert seen.refused == expected, "what is their own is shown: there is something to attack"
    assert seen.leaks(customer, said=words(strange)) == set()
    cases(len(own))


@every_order
@pytest.mark.parametrize("who", ["signed in", "proved it"])
async def test_ones_own_order_waits_for_a_click(desk: AttackDesk, model: ScriptedModel, who: str, number: str) -> None:
    order = NUMBERS[number]
    customer = await (desk.signed_in(order.customer) if who == "signed in" else desk.proven(order))
    changes = writes(number, order.items, desk.others(order), methods(order.customer)[-1], order.country)
    turn = ORDERS.index(order) + 3 * (who == "signed in")  # which is called first turns: one that waits ends the turn
    changes = [*changes[turn % len(changes) :], *changes[: turn % len(changes)]]
    stranger = order_of(order.attacker)
    seen = await provoke(customer, model, "Do it.", [*reads(stranger.number)[:1], *changes])
    assert seen.refused[0] == "order_not_found" and seen.leaks(order.customer, said=stranger.number) == set()
    assert len(seen.waiting) <= 1
    assert seen.waiting or order.status not in ("pending", "processed"), "there is something to confirm"


@every_customer
async def test_foreign_items_and_methods_in_ones_own_order_are_unknown_ones(
    desk: AttackDesk, model: ScriptedModel, customer: str, cases: Cases
) -> None:
    stranger = order_of(attacker_of(customer))
    names = [(stranger.items[0], methods(stranger.customer)[0]), (f"{stranger.missing}-1", "nobody-none")]
    orders = orders_of(customer)
    foreign, missing = ([one for order in orders for one in with_strange(desk, order, *name)] for name in names)
    attacker = await desk.signed_in(customer)
    seen = [await provoke(attacker, model, "Do it.", *in_rounds(calls)) for calls in (foreign, missing)]
    assert by_call(seen[0], names[0][0]) == [one.replace(names[1][0], "NAME") for one in by_call(seen[1])]
    assert all(seen[0].refused) and len(seen[0].refused) == len(foreign)
    assert seen[0].waiting == [] and seen[0].leaks(customer, said=words(foreign)) == set()
    cases(len(orders))


def with_strange(desk: AttackDesk, order: DemoOrder, item: str, method: str) -> list[Call]:
    """Changes of one's own order that name an item or a payment method of somebody else's."""
    own: dict[str, Any] = {"order_number": order.number}
    swap: dict[str, Any] = {"item_ids": [item], "new_variant_ids": desk.others(order)[:1]}
    if order.status in ("pending", "processed"):
        return [
            call("modify_pending_order_items", **own, **swap),
            call("change_pending_order_payment", **own, method=method),
        ]
    own["reason"] = "faulty"
    return [
        call("return_delivered_order_items", **own, item_ids=[order.items[0], item]),
        call("return_delivered_order_items", **own, item_ids=[order.items[0]], method=method),
        call("exchange_delivered_order_items", **own, **swap),
    ]
