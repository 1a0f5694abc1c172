"""A desk with a small shop behind it, for tests of whole turns: real database, real rules, a scripted model, and a
router that knows what it is told."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from kefu.approvals import Approvals
from kefu.card_shapes import ApprovalCard
from kefu.chat import Assistant, Incoming
from kefu.conversations import MIGRATIONS, Conversation, Conversations
from kefu.errand import Errands
from kefu.events import ApprovalNeeded, Done, Event, Notice, Token
from kefu.llm import LLM, Endpoint
from kefu.proofs import Proofs
from kefu.wants.router import Routed
from shop import numbers
from shop.database import Engine, open_database
from shop.store import MIGRATIONS as SHOP_MIGRATIONS
from shop.store import OwnShop
from tests import shop_data
from tests.scripted import ScriptedModel
from tests.test_chat import LIMITS

T = TypeVar("T")


class Told:
    """A router that is sure of what it was told, by a piece of the text, and of nothing else. Several intents for a
    piece, "a b", are as likely as each other."""

    def __init__(self, intents: Mapping[str, str]) -> None:
        self._intents = intents

    def route(self, text: str, language: str) -> Routed:
        told = next((intents for piece, intents in self._intents.items() if piece in text), "")
        intents: list[Any] = told.split() or ["policy"]
        share = 1 / len(intents)
        ranked = tuple((intent, share) for intent in intents)
        return Routed(intents[0], share, ranked, number=bool(numbers.find(text)), sure=bool(told) and share == 1)


class NoPassages:
    """An index in which nothing is found."""

    def search(self, *_: Any, **__: Any) -> list[Any]:
        return []


@dataclass
class Clock:
    at: datetime = shop_data.NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass
class OrdersDesk:
    """`say` and `click` give the events of a turn in the conversation of `owner`."""

    engine: Engine
    assistant: Assistant
    conversations: Conversations
    approvals: Approvals
    proofs: Proofs
    shop: OwnShop
    conversation: Conversation
    clock: Clock = field(default_factory=Clock)

    async def say(self, text: str, **message: Any) -> list[Event]:
        async with aclosing(self.assistant.reply(self.conversation, Incoming(text, **message))) as events:
            return [event async for event in events]

    async def click(self, card: ApprovalCard, yes: bool = True) -> list[Event]:
        async with aclosing(self.assistant.decide(self.conversation, card.id, yes)) as events:
            return [event async for event in events]

    async def order(self, customer: str, number: str) -> Any:
        return await self.shop.orders.of(customer).get(number)

    async def as_owner(self, owner: str) -> OrdersDesk:
        """The same desk, seen by somebody else in a conversation of their own."""
        return replace(self, conversation=await self.conversations.start(owner))


@asynccontextmanager
async def orders_desk(
    url: str, model: ScriptedModel, intents: Mapping[str, str], *, owner: str = f"customer:{shop_data.MEI}",
    rounds: int = 0,
) -> AsyncIterator[OrdersDesk]:  # fmt: skip
    async def endpoint() -> Endpoint:
        return Endpoint(model.url)

    engine = await open_database(url, MIGRATIONS, SHOP_MIGRATIONS)
    await shop_data.fill(engine)
    clock = Clock()
    conversations, approvals = Conversations(engine), Approvals(engine)
    shop = OwnShop(engine, now=clock)
    proofs = Proofs(engine, shop.orders)
    llm = LLM(endpoint, connect_s=2, first_token_s=5, idle_s=5, total_s=20, retries=0)
    router: Any = Told(intents)
    index: Any = NoPassages()
    errands = Errands(shop, proofs, approvals, router, llm, rounds)
    assistant = Assistant(conversations, index, llm, LIMITS, errands)
    conversation = await conversations.start(owner, str(uuid.uuid4()))
    try:
        yield OrdersDesk(engine, assistant, conversations, approvals, proofs, shop, conversation, clock)
    finally:
        await llm.close()
        await engine.dispose()


def all_of(kind: type[T], events: list[Event]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


def codes(events: list[Event]) -> list[str]:
    return [notice.code for notice in all_of(Notice, events)]


def answer(events: list[Event]) -> str:
    return "".join(token.text for token in all_of(Token, events))


def done(events: list[Event]) -> Done:
    return all_of(Done, events)[-1]


def asked(events: list[Event]) -> ApprovalCard:
    """The card that waits for a click."""
    [card] = [event.card for event in all_of(ApprovalNeeded, events) if event.card.state == "pending"]
    return card


MINUTE = timedelta(minutes=1)
