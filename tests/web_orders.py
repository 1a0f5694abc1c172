"""Orders for the scripted shop: the script says which is shown and what is asked for; the demo shop, its rules and the
clicks are real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from kefu.approvals import TTL, Approvals
from kefu.cards import order_card, orders_card
from kefu.config import ROOT
from kefu.conversations import Conversation
from kefu.errand import Errands
from kefu.events import ApprovalNeeded, CardShown, Event, Token
from kefu.proofs import Proofs
from kefu.tools.call import Asking, Caller
from kefu.tools.tool import Session
from kefu.wants.offered import choices_card
from shop.changes import ChangeAddress
from shop.database import Engine
from shop.protocol import CustomerOrders
from shop.seed import seed
from shop.store import OwnShop
from shop.views import Order

CUSTOMERS = {"en": "emily-carter", "vi": "nguyen-thi-mai", "th": "somchai-jaidee", "zh": "lin-yue"}
WORDS = ("order", "orders", "choices", "move", "late")


class Orders:
    """Shows the orders of the demo shop's customer who speaks the language: to whoever asks, who so becomes them."""

    def __init__(self, engine: Engine) -> None:
        self._shop = OwnShop(engine)
        self._proofs = Proofs(engine, self._shop.orders)
        self._approvals = Approvals(engine)
        self._late = Approvals(engine, now=lambda: datetime.now(UTC) - TTL + timedelta(seconds=3))
        unused: Any = None
        self.errands = Errands(self._shop, self._proofs, self._approvals, unused, unused, 0)

    @classmethod
    async def open(cls, engine: Engine) -> Orders:
        await seed(engine, ROOT / "data")
        return cls(engine)

    async def events(
        self, conversation: Conversation, question: str, language: str, what: str, rest: str
    ) -> AsyncIterator[Event]:
        """`order <status>` shows the newest such order, `orders` all, `choices` what may be meant, `move <street>` asks
        for a yes to send the newest pending one there, `late <street>` does so with three seconds left."""
        customer = CUSTOMERS[language]
        orders = self._shop.orders.of(customer)
        if what == "order":
            yield CardShown(card=order_card(await _newest(orders, rest), language))
        elif what == "orders":
            yield CardShown(card=orders_card(await orders.list(), language, choose=True))
        elif what == "choices":
            yield CardShown(card=choices_card(["cancel_order", "get_order", "swap_items"], language))
        else:
            order = await _newest(orders, "pending")
            await self._proofs.prove(conversation, order.number, (await orders.profile()).phone[-4:])
            asking = Asking(conversation.id, conversation.owner, customer, question, order.address.country)
            approvals = self._late if what == "late" else self._approvals
            caller = Caller(Session(orders, self._shop.catalogue, language), approvals, asking)
            there = order.address.model_copy(update={"line1": rest})
            ran = await caller.ask("change_address", ChangeAddress(order=order.number, address=there))
            assert ran.card, ran
            yield ApprovalNeeded(card=ran.card)
        yield Token(text=f"{what}.")


async def _newest(orders: CustomerOrders, status: str) -> Order:
    return next(order for order in await orders.list() if order.status == status)
