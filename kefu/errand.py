"""What one message wants of the shop's data, found out and run by code: look-ups, plans of changes, questions back.

The portable path: the model words what was found, and nothing else. Knows no surface and no SQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from kefu import follow_up, proof_words
from kefu.approvals import Approvals, Asked
from kefu.card_shapes import ApprovalCard, Card, OrdersCard
from kefu.cards import orders_card, refusal_text
from kefu.conversations import Conversation, Message
from kefu.events import ApprovalNeeded, CardShown, Event, Notice, NoticeCode, ToolFinished, ToolStarted, Trace
from kefu.llm import LLM
from kefu.proofs import Proofs
from kefu.tools.call import Asking, Caller, Ran
from kefu.tools.tool import Looked, Session
from kefu.wants.orders_meant import order_meant
from kefu.wants.router import Router
from kefu.wants.wishes import OPEN_TO_ALL, POINTS, Ask, Request, understand
from kefu.words import say
from shop import numbers
from shop.errors import ShopError, ShopUnavailable
from shop.protocol import Shop

# After one of these the shopper's next message goes on with the same request
_ASKED_BACK: frozenset[NoticeCode] = frozenset({
    "prove_first", "prove_wrong", "which_order", "which_item", "which_option", "which_address", "which_payment",
    "address_missing",
})  # fmt: skip
_WITH_ADDRESS = {"change_address", "change_default_address"}
_REPEATABLE = {"get_order", "track_shipment", "get_return_status", "cancel_order", "return_items", "change_address"}
_LONGEST_CHAIN = 6  # messages that one request may be spread over


@dataclass(frozen=True)
class Errands:
    """What errands are run with; one set serves all turns."""

    shop: Shop
    proofs: Proofs
    approvals: Approvals
    router: Router
    llm: LLM
    rounds: int  # times that the model may call tools in a turn; 0: code calls them


@dataclass(frozen=True)
class Wanted:
    """An intent, the messages that say it, oldest first, and the change where it was asked for a moment ago."""

    intent: str
    texts: tuple[str, ...]
    again: Asked | None = None


@dataclass
class Errand:
    """One message's. After `events`, `handled` says whether it was one; `looked` is what is then to be worded."""

    errands: Errands
    conversation: Conversation
    question: Message
    history: Sequence[Message]  # with the question as its last
    language: str
    notice: Callable[..., Notice]  # says a sentence of ours, and remembers it with the answer
    address: str = ""  # the client's, for the count of wrong proofs
    customer: str | None = None  # who has proven to be one
    handled: bool = False
    looked: Looked | None = None
    cards: list[Card] = field(default_factory=list)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Runs it. Raises ShopUnavailable."""
        waiting = await self.errands.approvals.void(self.conversation.id)  # a new message means no
        for asked in waiting:
            yield ApprovalNeeded(card=void_card(asked.card))
        self.customer = await self.errands.proofs.customer(self.conversation)
        if self.errands.rounds:
            async for event in self._proven_by_code():
                yield event
            return
        wanted = await self._understood(waiting)
        yield Trace(step="wanted", data={"intent": wanted.intent, "messages": len(wanted.texts)})
        if wanted.intent == "policy":
            return
        self.handled = True
        if wanted.intent == "refuse":
            yield self.notice("approval_refused")
            return
        if self.customer is None and wanted.intent not in OPEN_TO_ALL:
            missing = await self._prove(wanted.texts)
            if missing:
                yield self.notice(missing)
                return
        caller = await self.caller()
        await self._remember_language(caller)
        request = Request(wanted.intent, wanted.texts, self._talked(), self._listed(), self.language)
        if wanted.again:
            for event in self.shown(wanted.again.tool, await caller.ask(wanted.again.tool, wanted.again.wanted)):
                yield event
            return
        call = await understand(request, caller.session, self.errands.llm)
        if isinstance(call, Ask):
            if call.orders:
                yield self._show(orders_card(call.orders, self.language, choose=True))
            yield self.notice(call.code, **call.values)
            return
        yield ToolStarted(tool=call.tool, arguments=dict(call.arguments))
        for event in self.shown(call.tool, await caller.run(call.tool, call.arguments)):
            yield event

    async def _proven_by_code(self) -> AsyncGenerator[Event, None]:
        """Where the model calls the tools: who asks is none of its business. Handled, where a proof fails."""
        texts = [*(message.text for message in self._asked_back()), self.question.text]
        if self.customer is None and proof_words.secret(texts[-1]) and any(map(numbers.find, texts)):
            missing = await self._prove(texts)
            if missing:
                self.handled = True
                yield self.notice(missing)

    async def caller(self) -> Caller:
        """Runs tools for whoever has proven to be somebody in this conversation."""
        shop = self.errands.shop
        orders = shop.orders.of(self.customer) if self.customer else None
        asking = None
        if orders and self.customer:
            try:
                country = (await orders.profile()).country
            except ShopUnavailable:
                raise
            except ShopError:  # signed in by the shop, and not among its customers: they have no orders
                country = ""
            ids = (self.conversation.id, self.conversation.owner, self.customer, self.question.id)
            asking = Asking(*ids, country)
        return Caller(Session(orders, shop.catalogue, self.language), self.errands.approvals, asking)

    async def _remember_language(self, caller: Caller) -> None:
        """For the next conversation, and for the team: the language that this customer wrote in last."""
        orders = caller.session.orders
        try:
            if orders and (await orders.memory()).get("language") != self.language:
                await orders.remember("language", self.language)
        except ShopUnavailable:
            raise
        except ShopError:
            pass  # nobody among the shop's customers: nothing to remember of them

    def shown(self, tool: str, ran: Ran) -> list[Event]:
        """A call's end as events; facts and cards are kept for the answer."""
        refused = ran.refused
        events: list[Event] = [ToolFinished(tool=tool, ok=refused is None, refused=refused.code if refused else "")]
        if refused:
            if not self.errands.rounds:  # else the model is told, and words it
                events.append(self.notice("refused", text=refusal_text(refused, self.language)))
        elif ran.card:
            events += [self._show(ran.card), self.notice("approval_asked")]
        elif ran.looked:
            events += [self._show(card) for card in ran.looked.cards if card not in self.cards]  # two tools, one order
            if ran.looked.notice:
                events.append(self.notice(ran.looked.notice, text=ran.looked.facts))
            self.looked = None if ran.looked.notice else ran.looked
        return events

    def _show(self, card: Card) -> Event:
        self.cards.append(card)
        return ApprovalNeeded(card=card) if isinstance(card, ApprovalCard) else CardShown(card=card)

    # What is wanted

    async def _understood(self, waiting: Sequence[Asked]) -> Wanted:
        """What is wanted, by the messages that say it: this one, and those before it that were asked back."""
        text, routed = self.question.text, await self._route(self.question.text)
        if routed == "confirm" and waiting:  # a typed yes is no click: the same card once more
            return Wanted("confirm", (text,), waiting[-1])
        if routed == "refuse" and waiting:
            return Wanted("refuse", (text,))
        chain = self._asked_back()
        if chain:
            first = await self._route(chain[0].text) or "get_order"
            if self._goes_on(first, routed):
                return Wanted(first, (*(message.text for message in chain), text))
        if routed in (None, "policy", "confirm", "refuse") and await self._means_an_order(routed):
            return Wanted(await self._earlier_intent(), (text,))
        return Wanted(routed if routed not in (None, "confirm", "refuse") else "policy", (text,))

    async def _route(self, text: str) -> str | None:
        """The intent, where the router is sure enough of it."""
        routed = await asyncio.to_thread(self.errands.router.route, text, self.language)
        return routed.intent if routed.sure or (self.customer and routed.likely) else None

    def _asked_back(self) -> list[Message]:
        """The messages right before this one that we answered with a question back, oldest first."""
        answers = {m.reply_to: m for m in self.history if m.reply_to}
        chain: list[Message] = []
        for message in reversed(self._earlier()):
            if len(chain) == _LONGEST_CHAIN or not _codes(answers.get(message.id)) & _ASKED_BACK:
                break
            chain.insert(0, message)
        return chain

    def _goes_on(self, first: str, routed: str | None) -> bool:
        """Whether this message answers what we asked back, and is no new request."""
        text = self.question.text
        if proof_words.secret(text):
            return True
        if routed not in (None, "policy", "confirm", "get_order", first):
            return False
        if numbers.find(text) or routed != "policy":
            return True
        asks = "?" in text or "？" in text
        return not asks and (first in _WITH_ADDRESS or follow_up.is_short(text))

    async def _means_an_order(self, routed: str | None) -> bool:
        """Whether the message names an order, or points at one of those just spoken of. A long one that the router
        surely takes for a question about policies is one."""
        text = self.question.text
        if numbers.find(text):
            return True
        last = self._last_answer()
        if self.customer is None or last is None or not last.cards:
            return False
        if routed is not None and not follow_up.is_short(text):
            return False
        orders = await self.errands.shop.orders.of(self.customer).list()
        return order_meant(text, self.language, orders, self._talked(), lambda order: True).why in POINTS

    async def _earlier_intent(self) -> str:
        """What was wanted of the order before: "and the other one?" wants the same."""
        for message in reversed(self._earlier()[-3:]):
            if (intent := await self._route(message.text)) in _REPEATABLE:
                return str(intent)
        return "get_order"

    def _talked(self) -> list[str]:
        """The orders spoken of in this conversation, the latest last."""
        said: list[str] = []
        for message in self.history:
            said += numbers.find(message.text)
            for card in message.cards:
                said += [row.number for row in card.rows] if isinstance(card, OrdersCard) else numbers.find(card.title)
        return [number for at, number in enumerate(said) if number not in said[at + 1 :]]

    def _listed(self) -> list[str]:
        """The orders that the last answer listed, in its order."""
        last = self._last_answer()
        lists = [card for card in last.cards if isinstance(card, OrdersCard)] if last else []
        return [row.number for row in lists[-1].rows] if lists else []

    def _earlier(self) -> list[Message]:
        return [m for m in self.history if m.role == "user" and m.id != self.question.id]

    def _last_answer(self) -> Message | None:
        return next((m for m in reversed(self.history) if m.role == "assistant"), None)

    # Who asks

    async def _prove(self, texts: Sequence[str]) -> NoticeCode | None:
        """Takes an order number and a secret in the shopper's messages for a proof; what to say where there is none."""
        secret = proof_words.secret(texts[-1])
        named = [number for text in reversed(texts) for number in numbers.find(text)]
        if secret is None or not named:
            return "prove_first"
        outcome = await self.errands.proofs.prove(self.conversation, named[0], secret, address=self.address)
        if outcome == "proved":
            self.customer = await self.errands.proofs.customer(self.conversation)
            return None
        return "prove_locked" if outcome == "locked" else "prove_wrong"


def _codes(answer: Message | None) -> set[str]:
    return {notice.code for notice in answer.notices} if answer else set()


def void_card(card: ApprovalCard) -> ApprovalCard:
    """The card of a change that a new message took the place of."""
    return card.model_copy(update={"state": "void", "state_text": say(card.language, "approval_void")})
