"""A task's actions through Kefu's tools, without a model: each change is planned, put on a card, and confirmed by a
click, as in a chat. Knows no reference."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.tau2_calls import NO_TOOL, tool_call
from kefu.approvals import Approvals
from kefu.consent import Decision
from kefu.conversations import Conversation, Conversations
from kefu.proofs import Proofs
from kefu.tools.call import Asking, Caller
from kefu.tools.tool import BadCall, Session
from shop.database import Engine
from shop.errors import OrderNotFound
from shop.rules import Rules
from shop.store import OwnShop
from shop.views import Order

# tau2's policy: nothing changes once an order is processed; no windows, no fees, today's prices, one request an order
RULES = Rules(
    changeable=frozenset({"pending"}),
    change_hours=None,
    return_days=None,
    electronics_days=None,
    exchange_days=None,
    exchange_price="current",
    exchange_countries=None,
    refund_methods="original_or_gift_card",
    country_fixed=False,
    one_request=True,
    fees={},
)


@dataclass(frozen=True)
class Outcome:
    """What came of one action; `why` says what refused it."""

    action: str
    done: bool
    why: str = ""


async def replay(engine: Engine, customer: str | None, actions: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Runs them one after the other for a signed-in customer; None: for a guest. ValueError for a name that is no
    action. Actions that no tool need do are left out."""
    owner = f"customer:{customer}" if customer else f"guest:{uuid.uuid4()}"
    session = _Replay(engine, customer, await Conversations(engine).start(owner))
    return [
        await session.run(action["name"], action["arguments"]) for action in actions if action["name"] not in NO_TOOL
    ]


class _Replay:
    """One customer's conversation, in which the code calls the tools."""

    def __init__(self, engine: Engine, customer: str | None, conversation: Conversation) -> None:
        self._shop = OwnShop(engine, RULES)
        self._proofs = Proofs(engine, self._shop.orders)
        self._approvals = Approvals(engine)
        self._customer = customer
        self._conversation = conversation
        self._orders = self._shop.orders.of(customer) if customer else None

    async def run(self, name: str, given: Mapping[str, Any]) -> Outcome:
        if given.get("user_id", self._customer) != self._customer:
            return Outcome(name, False, "no tool can name another customer")
        call = tool_call(name, given, await self._order(given))
        try:
            ran = await self._caller().run(call.tool, call.arguments)
        except (BadCall, PermissionError) as error:
            return Outcome(name, False, str(error))
        if ran.refused:
            return Outcome(name, False, ran.refused.code)
        return await self._confirm(name, ran.card.id) if ran.card else Outcome(name, True)

    async def _order(self, given: Mapping[str, Any]) -> Order | None:
        if self._orders is None or "order_id" not in given:
            return None
        try:
            return await self._orders.get(given["order_id"])
        except OrderNotFound:
            return None

    def _caller(self) -> Caller:
        """A turn's, with a message of its own."""
        asking = None
        if self._customer:
            ids = (self._conversation.id, self._conversation.owner, self._customer, str(uuid.uuid4()))
            asking = Asking(*ids, country="US")
        return Caller(Session(self._orders, self._shop.catalogue, "en"), self._approvals, asking)

    async def _confirm(self, name: str, approval: str) -> Outcome:
        """Presses Confirm on the card."""
        asked = await self._approvals.get(approval, self._conversation.owner)
        decision = Decision(self._shop, self._proofs, self._approvals, self._conversation, asked, yes=True)
        async for _ in decision.events():
            pass  # for a page to draw
        state = (await self._approvals.get(approval, self._conversation.owner)).state
        return Outcome(name, state == "done", "" if state == "done" else decision.text or state)
