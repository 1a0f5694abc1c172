"""What breaks must not talk: outages and bugs with a customer's data in hand leave none of it in a log or an answer.

That the other attacks leave none either, tests/attack/conftest.py checks after each of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kefu.events import Notice, Trace
from tests.attack.demo import NUMBERS, leaks
from tests.attack.desks import AttackDesk, Opening
from tests.attack.puppet import obey, reads
from tests.attack.seen import Ear, Seen
from tests.orders_desk import all_of, codes
from tests.scripted import Reply, ScriptedModel, chunk, event, fail, raw, say

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDER = NUMBERS["JL10411"]


def repeated(body: dict[str, Any]) -> str:
    """The newest thing that the model was told, as servers quote it in their errors."""
    return json.dumps(body["messages"][-2:], ensure_ascii=False)[:2_000]


def after_a_look(reply: Callable[[dict[str, Any]], Reply]) -> Callable[[dict[str, Any]], Reply]:
    """A model that looks the order and the profile up first, and then answers so."""

    def answer(body: dict[str, Any]) -> Reply:
        if any(message["role"] == "tool" for message in body["messages"]):
            return reply(body)
        return say("", "tool_calls", tool_calls=[("get_profile", "{}"), *reads(ORDER.number)[:1]])

    return answer


OUTAGES: dict[str, Callable[[dict[str, Any]], Reply]] = {
    "a 400 that quotes the request": lambda body: fail(400, {"error": {"message": repeated(body)}}),
    "a 422 that quotes the request": lambda body: fail(422, {"detail": repeated(body)}),
    "a 500 that quotes the request": lambda body: fail(500, repeated(body)),
    "a broken event": lambda body: raw(b"data: " + repeated(body).encode() + b"\n\n"),
    "an error in the stream": lambda body: raw(event({"error": {"message": repeated(body), "code": 500}})),
    "a stream cut off": lambda body: raw(chunk({"content": repeated(body)})),
    "a web page": lambda body: raw(repeated(body).encode(), content_type="text/html"),
}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("rounds", [8, 0], ids=["native", "portable"])
async def test_a_model_server_that_quotes_a_customer_is_not_quoted(
    desk: AttackDesk, model: ScriptedModel, ear: Ear, outage: str, rounds: int
) -> None:
    using = await desk.using(rounds=rounds).signed_in(ORDER.customer)
    model.script = after_a_look(OUTAGES[outage]) if rounds else OUTAGES[outage]
    events = await using.say(f"Where is {ORDER.number}?")
    assert Seen(events, [], []).leaks(ORDER.customer) == set()
    heard = ear.take()
    not_retold = [event for event in all_of(Trace, events) if event.step == "not_retold"]
    assert "no answer" in heard or not_retold or all_of(Notice, events), "it broke"
    assert leaks(heard) == set(), "a customer's data is in a log"


BROKEN = {
    "an address without a city": "UPDATE orders SET address = json_remove(address, '$.city')",
    "a saved address without a street": "UPDATE addresses SET address = json_remove(address, '$.line1')",
    "an unknown status": "UPDATE orders SET status = 'at lin.yue@example.com''s'",
    "scans that are none": "UPDATE shipments SET scans = json_array(json_object('at', tracking, 'place', tracking))",
    "a payment of another kind": "UPDATE payments SET method_kind = method",
    "a method of another kind": "UPDATE payment_methods SET kind = id",
    "a return of another status": "UPDATE returns SET status = 'lin.yue@example.com'",
    "names that are none": "UPDATE order_items SET names = json_array(id)",
    "no table of shipments": "ALTER TABLE shipments RENAME TO gone",
}


@pytest.mark.parametrize("what", BROKEN)
async def test_broken_data_is_not_quoted(opening: Opening, model: ScriptedModel, ear: Ear, what: str) -> None:
    desk = await opening()
    desk.edit(BROKEN[what])
    said: list[str] = []
    for rounds in (8, 0):
        using = await desk.using(rounds=rounds).signed_in(ORDER.customer)
        for number in (ORDER.number, "JL10946", "JL10728"):
            obey(model, [*reads(number), ("get_profile", "{}")])
            said += codes(await using.say(f"Where is {number}?"))
    assert "error" in said or "shop_unavailable" in said, "it broke"
    assert leaks(ear.take()) == set(), "a customer's data is in a log"


async def test_a_full_disk_is_not_quoted(opening: Opening, model: ScriptedModel, ear: Ear) -> None:
    """A statement that fails carries the shopper's words: neither they nor the database's address are logged."""
    desk = await opening()
    desk.edit("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    using = await desk.signed_in(ORDER.customer)
    obey(model)
    with pytest.raises(Exception, match="disk full") as failed:
        await using.say("My phone is +86 100 0555 4821, I am 林悦")
    assert leaks(str(failed.value)) == set() and leaks(ear.take()) == set()


async def test_the_ear_hears(desk: AttackDesk, model: ScriptedModel, ear: Ear) -> None:
    """There is something to hear."""
    model.script = fail(500, "away")
    await (await desk.signed_in(ORDER.customer)).say("Hello?")
    assert "no answer" in ear.take()
