"""What one message wants of the shop's data, found out and run by code: look-ups, plans of changes, questions back.

The portable path: the model words what was found, and nothing else. Knows no surface and no SQL.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from kefu import follow_up, proof_words
from kefu.approvals import Approvals
from kefu.card_shapes import ApprovalCard, Card
from kefu.cards import orders_card, refusal_text
from kefu.conversations import Conversation, Message
from kefu.events import ApprovalNeeded, CardShown, Event, Notice, SaysNotice, ToolFinished, ToolStarted, Trace
from kefu.languages import home_country
from kefu.llm import LLM
from kefu.products.assortment import Assortment
from kefu.products.intent import Intent
from kefu.products.service import Advice
from kefu.products.tiles import products_row
from kefu.proofs import Proofs
from kefu.shop_words import joined, memory_pair
from kefu.talk import Talk, notices
from kefu.tools.call import Asking, Caller, Ran
from kefu.tools.tool import Looked, Session
from kefu.wanted import PRODUCT_INTENTS, Listener
from kefu.wants.looking_for import comparative
from kefu.wants.offered import choices_card
from kefu.wants.product_wishes import understand_product, wish_of
from kefu.wants.router import Router
from kefu.wants.size_told import sizes_told
from kefu.wants.spoken import Said
from kefu.wants.wishes import OPEN_TO_ALL, Ask, Request, understand
from kefu.words import say
from shop import numbers
from shop.errors import ShopError, ShopUnavailable
from shop.protocol import Shop

_BARE = 16  # letters: a shorter message may well be an answer that is not understood


@dataclass(frozen=True)
class Errands:
    """What errands are run with; one set serves all turns."""

    shop: Shop
    proofs: Proofs
    approvals: Approvals
    router: Router
    llm: LLM
    rounds: int  # times that the model may call tools in a turn; 0: code calls them
    advice: Advice | None = None  # None: products cannot be searched
    contact: str = ""  # where people are reached

    @property
    def assortment(self) -> Assortment | None:
        """What can be searched."""
        return self.advice.assortment if self.advice else None


@dataclass
class Errand:
    """One message's. After `events`, `handled` says whether it was one; `looked` is what is then to be worded."""

    errands: Errands
    conversation: Conversation
    question: Message
    history: Sequence[Message]  # with the question as its last
    language: str
    notice: SaysNotice  # says a sentence of ours, and remembers it with the answer
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
        talk = self._talk
        orders = self.errands.shop.orders.of(self.customer) if self.customer else None
        wanted = await Listener(self.errands.router, talk, self.language, orders, self._hears).wanted(waiting)
        yield Trace(step="wanted", data={"intent": wanted.intent, "messages": len(wanted.texts)})
        if wanted.intent == "policy":
            return
        self.handled = True
        if wanted.intent == "refuse":
            yield self.notice("approval_refused")
            return
        if wanted.choices:
            yield self._show(choices_card(wanted.choices, self.language))
            yield self.notice("which_wish")
            return
        if self.customer is None and wanted.intent not in OPEN_TO_ALL:
            missing = await self._prove(wanted.texts)
            if missing:
                yield missing
                return
        caller = await self.caller()
        await self._remember_language(caller)
        request = Request(
            wanted.intent,
            wanted.texts,
            talk.talked(),
            talk.focus(),
            talk.listed(),
            self.language,
            talk.row(),
            talk.product(),
            talk.tiles(),
        )
        if request.intent in PRODUCT_INTENTS:
            async for event in self._products(request, caller):
                yield event
            return
        if wanted.again:
            for event in self.shown(wanted.again.tool, await caller.ask(wanted.again.tool, wanted.again.wanted)):
                yield event
            return
        if wanted.intent == "remember":
            yield await self._remember(caller, sizes_told(wanted.texts[0]))
            return
        call = await understand(request, caller.session, self.errands.llm)
        if isinstance(call, Ask):
            other = wanted.own == "policy" and not follow_up.is_short(self.question.text, _BARE)
            if talk.asked_in_vain(call.code, 1 if other else 2):
                self.handled = False
                return
            if call.orders:
                yield self._show(orders_card(call.orders, self.language, choose=True))
            yield self.notice(call.code, **call.values)
            return
        yield ToolStarted(tool=call.tool, arguments=dict(call.arguments))
        for event in self.shown(call.tool, await caller.run(call.tool, call.arguments)):
            yield event

    async def _products(self, request: Request, caller: Caller) -> AsyncGenerator[Event, None]:
        """What is looked for, asked or compared. Raises ShopUnavailable and RetrievalError."""
        if self.errands.assortment:
            await self.errands.assortment.ready()
        call = await understand_product(request, caller.session)
        if isinstance(call, Ask):
            if card := products_row(request.row, self.language):
                yield self._show(card)
            yield self.notice(call.code, **call.values)
            return
        if call.tool == "recommend" and (advice := self.errands.advice):
            market = advice.assortment.market(caller.session.country)
            intent = await advice.understood(wish_of(request.said, advice.assortment, self.language, market))
            yield Trace(step="wish", data=intent.plain())
            caller = await self.caller(intent)
        yield ToolStarted(tool=call.tool, arguments=dict(call.arguments))
        for event in self.shown(call.tool, await caller.run(call.tool, call.arguments)):
            yield event

    def _hears(self, text: str) -> frozenset[str]:
        """What a message says of products, by field."""
        assortment = self.errands.assortment
        if assortment is None:
            return frozenset()
        intent = assortment.intent(text, self.language, assortment.market(""))
        said = {name for name in ("lowest", "highest", "order") if getattr(intent, name)}
        if comparative(Said.of(text, self.language)):
            said.add("order")
        return frozenset({meant.field for meant in intent.meant} | said)

    async def _proven_by_code(self) -> AsyncGenerator[Event, None]:
        """Where the model calls the tools: who asks is none of its business. Handled, where a proof fails."""
        texts = [*(message.text for message in self._talk.asked_back()), self.question.text]
        if self.customer is None and proof_words.secret(texts[-1]) and any(map(numbers.find, texts)):
            missing = await self._prove(texts)
            if missing:
                self.handled = True
                yield missing

    @property
    def _talk(self) -> Talk:
        return Talk(self.question, self.history)

    async def caller(self, intent: Intent | None = None) -> Caller:
        """Runs tools for whoever has proven to be somebody in this conversation; `intent`: what they look for."""
        errands, country = self.errands, await self.country()
        orders = errands.shop.orders.of(self.customer) if self.customer else None
        asking = None
        if self.customer:
            asking = Asking(self.conversation.id, self.conversation.owner, self.customer, self.question.id, country)
        where = country or home_country(self.language)
        session = Session(
            orders, errands.shop.catalogue, self.language, errands.assortment, where, errands.contact, intent
        )
        return Caller(session, errands.approvals, asking)

    async def country(self) -> str:
        """Where the customer is, as ISO code; "" for a guest. Raises ShopUnavailable."""
        if self.customer is None:
            return ""
        try:
            return (await self.errands.shop.orders.of(self.customer).profile()).country
        except ShopUnavailable:
            raise
        except ShopError:  # signed in by the shop, and not among its customers: they have no orders
            return ""

    async def _remember(self, caller: Caller, told: Mapping[str, str]) -> Notice:
        """What the shopper asks to be remembered: of their own, and gone when they say so, so it waits for no click."""
        try:
            if orders := caller.session.orders:
                for key, value in told.items():
                    await orders.remember(key, value)
        except ShopUnavailable:
            raise
        except ShopError:
            return self.notice("no_orders")  # signed in by the shop, and not among its customers
        pairs = (memory_pair(key, value, self.language) for key, value in told.items())
        return self.notice("remembered", things=joined(pairs, self.language))

    async def _remember_language(self, caller: Caller) -> None:
        """For the next conversation, and for the team: the language that this customer wrote in last; but not after
        they wanted to be forgotten."""
        orders = caller.session.orders
        if say(self.language, "done_forget_me") in (message.text for message in self.history):
            return
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

    # Who asks

    async def _prove(self, texts: Sequence[str]) -> Notice | None:
        """Takes an order number and a secret in the shopper's messages for a proof; what to say where there is none."""
        asked = notices(self._talk.last_answer())
        # The digits may have come alone, a message before the number; wrong ones are never tried again
        secret = proof_words.secret("\n".join(texts[-2:]) if "prove_number" in asked else texts[-1])
        named = [number for text in reversed(texts) for number in numbers.find(text)]
        if secret is None or not named:
            known = secret or asked & {"prove_first", "prove_number"}
            return (
                self.notice("prove_secret", number=named[0])
                if named
                else self.notice("prove_number" if known else "prove_first")
            )
        outcome = await self.errands.proofs.prove(self.conversation, named[0], secret, address=self.address)
        if outcome == "proved":
            self.customer = await self.errands.proofs.customer(self.conversation)
            return None
        return self.notice("prove_locked" if outcome == "locked" else "prove_wrong")


def void_card(card: ApprovalCard) -> ApprovalCard:
    """The card of a change that a new message took the place of."""
    return card.model_copy(update={"state": "void", "state_text": say(card.language, "approval_void")})
