"""What a message wants, in the light of its conversation: an intent and the messages that say it, or a question back.

Knows intents and what was said; tools, cards and who may have what are others' business.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kefu import follow_up, proof_words
from kefu.approvals import Asked
from kefu.conversations import Message
from kefu.talk import Talk, notices
from kefu.wants.labelled import Intent
from kefu.wants.offered import chosen, said_as_offered
from kefu.wants.orders_meant import order_meant
from kefu.wants.possible import asked_for
from kefu.wants.products_meant import products_meant, says_this, told_apart
from kefu.wants.reasons import cancel_reason, return_reason
from kefu.wants.router import LOOKS, SURE, Routed, Router
from kefu.wants.size_told import sizes_told
from kefu.wants.wishes import POINTS
from kefu.words import is_smalltalk
from shop import numbers
from shop.changes import CancelOrder, ExchangeItems, ReturnItems
from shop.protocol import CustomerOrders

_WITH_ADDRESS: tuple[Intent, ...] = ("change_address", "change_default_address")
_REPEATABLE = {"get_order", "track_shipment", "get_return_status", "cancel_order", "return_items", "change_address"}
_ANSWERS: frozenset[Intent] = frozenset({"confirm", "refuse"})
_WRITES: dict[str, Intent] = {
    "cancel_pending_order": "cancel_order",
    "change_pending_order_address": "change_address",
    "change_pending_order_payment": "change_payment",
    "modify_pending_order_items": "swap_items",
    "exchange_delivered_order_items": "swap_items",
    "return_delivered_order_items": "return_items",
    "change_default_address": "change_default_address",
    "forget_me": "forget_me",
}
PRODUCT_INTENTS: tuple[Intent, ...] = ("find_products", "ask_product", "compare_products")
_NEW_WISH = frozenset({"category", "recipient", "occasion"})  # whoever names one of these looks for something else
_BOUNDS = frozenset({"lowest", "highest", "order"})  # nobody asks for these of one product
_CHANGES = frozenset(_WRITES.values()) - {"change_default_address", "forget_me"}  # of an order
_QUESTION = re.compile(
    r"[?？]|怎么|多少|几[天个件]|什么|哪里|哪儿|ยังไง|อย่างไร|เท่าไ|กี่|ทำไม|อะไร|เมื่อไ|ที่ไหน|ตอนไหน"
    r"|\b(?:how|what|when|why|bao nhiêu|thế nào|làm sao|tại sao|vì sao|cái gì|khi nào|bao giờ|bao lâu|mấy ngày)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,，;；.。!！\n]+\s*|(?<=[\u0e00-\u0e7f])\s+")  # Thai parts its clauses with spaces


@dataclass(frozen=True)
class Wanted:
    """An intent and the messages that say it, oldest first; `own` is what the newest says by itself, where it goes on
    with a request. `again`: the change that was asked for a moment ago;
    `choices`: what may be meant, the likeliest first, where the intent is "unsure"."""

    intent: str
    texts: tuple[str, ...]
    own: Intent | None = None
    again: Asked | None = None
    choices: tuple[Intent, ...] = ()


@dataclass(frozen=True)
class Listener:
    """Listens to one message. `orders` are those of whoever has proven to be a customer."""

    router: Router
    talk: Talk
    language: str
    orders: CustomerOrders | None
    hears: Callable[[str], frozenset[str]]  # what a message says of products: "category", "colour", …

    async def wanted(self, waiting: Sequence[Asked]) -> Wanted:
        """`waiting`: the changes that waited for a yes when the message came, the latest last. ShopUnavailable."""
        text = self.talk.question.text
        if sizes_told(text):
            return Wanted("remember", (text,))
        routed = await self._route(text)
        intent = self._sure(text, routed)
        if intent in (None, "policy") and self.orders and self.talk.in_view():
            intent = await self._possible(text) or intent
        if intent == "confirm" and waiting:  # a typed yes is no click: the same card once more
            return Wanted("confirm", (text,), again=waiting[-1])
        chain = self.talk.asked_back()
        if intent == "refuse" and (waiting or chain):
            return Wanted("refuse", (text,))
        if waiting and (other := self._other_reason(waiting[-1], intent)):
            return other
        if waiting and (instead := await self._instead(_WRITES.get(waiting[-1].tool))):
            return instead
        if chain and (request := await self._request(chain)) and self._goes_on(request, intent):
            return replace(request, own=intent)
        if products := self._products(text, intent):
            return products
        if intent in (None, "policy", *_ANSWERS) and await self._means_an_order(intent):
            return Wanted(await self._earlier_intent(), (text,))
        if intent is None and (choices := self._choices(text, routed)):
            return Wanted("unsure", (text,), choices=choices)
        return Wanted("policy" if intent is None or intent in _ANSWERS else intent, (text,))

    # How sure

    async def _route(self, text: str) -> Routed:
        return await asyncio.to_thread(self.router.route, text, self.language)

    async def _intent(self, text: str) -> Intent | None:
        return self._sure(text, await self._route(text))

    def _sure(self, text: str, routed: Routed) -> Intent | None:
        """The intent, where it is sure enough to act on."""
        if offered := said_as_offered(text):
            return offered
        if routed.of(*PRODUCT_INTENTS) >= SURE:  # which of the three, the conversation tells as well
            return next(intent for intent, _ in routed.ranked if intent in PRODUCT_INTENTS)
        if routed.intent in PRODUCT_INTENTS:
            return None
        if routed.intent in LOOKS and self.talk.after_policies() and not routed.number and follow_up.is_elliptic(text):
            return "policy"
        an_address = routed.intent in _WITH_ADDRESS and routed.of(*_WITH_ADDRESS) >= SURE
        if an_address and not routed.sure and self.talk.focus():
            return "change_address"  # of the order that is spoken of
        return routed.intent if routed.sure or (self.orders and routed.likely) else None

    def _choices(self, text: str, routed: Routed) -> tuple[Intent, ...]:
        """What to ask back, once and no more."""
        last = self.talk.last_answer()
        again = "which_wish" in notices(last)
        goes_on = self.talk.after_policies() and (follow_up.opens(text) or follow_up.is_elliptic(text))
        if again or goes_on or is_smalltalk(text):
            return ()
        return routed.choices

    # In the light of what was said before

    async def _instead(self, asked: Intent | None) -> Wanted | None:
        """What is wanted instead of the change that was asked for: "no, don't cancel it, send it to my office"."""
        text = self.talk.question.text
        for no in _CLAUSE.finditer(text):
            if (await self._route(text[: no.start()])).intent not in ("refuse", asked):
                return None
            intent = await self._intent(text[no.end() :])
            if intent not in (None, "policy", *_ANSWERS, asked):
                return Wanted(str(intent), (text[no.end() :],))
        return None

    def _other_reason(self, asked: Asked, intent: Intent | None) -> Wanted | None:
        """The change that was asked for, for a reason that is only told now: "because it is broken"."""
        wish, text = asked.wanted, self.talk.question.text
        if intent not in (None, "policy", _WRITES.get(asked.tool)) or not follow_up.is_short(text) or _asks(text):
            return None
        if isinstance(wish, CancelOrder):
            told: str | None = cancel_reason(text, self.language)
        elif isinstance(wish, ReturnItems | ExchangeItems):
            told = return_reason(text, self.language)
        else:
            return None
        if told in (None, wish.reason):
            return None
        return Wanted(_WRITES[asked.tool], (text,), again=replace(asked, wish=asked.wish | {"reason": told}))

    async def _possible(self, text: str) -> Intent | None:
        """The change that a short question asks about: with orders in view, "can I still cancel it?" is better answered
        by the rules, for this order, than by the policies."""
        asked = asked_for(text, self.language) if follow_up.is_short(text) else None
        for words in asked.words if asked else ():
            intent = self._sure(words, await self._route(words))
            intent = "change_address" if intent == "change_default_address" else intent
            if intent in ("swap_items", "change_address") or (asked and asked.this and intent in _CHANGES):
                return intent
        return None

    async def _request(self, chain: Sequence[Message]) -> Wanted | None:
        """The request that this message goes on with, if it goes on: the first of its messages that says an intent, or
        chooses one of those that were offered."""
        said: list[str] = []
        intent: Intent | None = None
        offered: tuple[Intent, ...] = ()
        for message in (*chain, self.talk.question):
            choice = chosen(message.text, offered, self.language)
            routed = await self._route(message.text)
            sure = self._sure(message.text, routed)
            if message is not self.talk.question and sure in (None, "policy"):
                sure = await self._possible(message.text)
            intent = intent or choice or (sure if message is not self.talk.question or sure in offered else None)
            if not choice:  # "the second one" tells nothing of an order
                said.append(message.text)
            offered = routed.choices
        if intent is None and "which_wish" in notices(self.talk.last_answer()):
            return None
        return Wanted(intent or "get_order", tuple(said))

    def _goes_on(self, request: Wanted, intent: Intent | None) -> bool:
        """Whether this message, with an intent of its own, answers what we asked back, and is no new request."""
        text = self.talk.question.text
        if request.intent in PRODUCT_INTENTS:  # asked which product is meant
            row = self.talk.row()
            named = products_meant(text, self.language, row, self.talk.tiles()) or told_apart(text, row)
            heard = self.hears(text)
            return bool(named) or (intent in (None, request.intent) and bool(heard - _BOUNDS))
        if proof_words.secret(text) or text not in request.texts:
            return True
        if intent not in (None, "policy", "confirm", "get_order", request.intent):
            return False
        if numbers.find(text) or intent != "policy":
            return True
        return not _asks(text) and (request.intent in _WITH_ADDRESS or follow_up.is_short(text))

    def _products(self, text: str, intent: Intent | None) -> Wanted | None:
        """What is wanted of products: a new wish, more of the one before it ("cheaper ones", "in black?"), or something
        about one that was shown."""
        if any(text == tile.ask.message for tile in self.talk.tiles()):
            return Wanted("ask_product", (text,))
        short, heard = follow_up.is_short(text), self.hears(text)
        row, product = self.talk.row(), self.talk.product()
        if self.talk.of_products() and short and intent in (None, *PRODUCT_INTENTS):
            if products_meant(text, self.language, row, self.talk.tiles()):
                intent = intent or "ask_product"
            elif heard & _BOUNDS or (heard and not product and intent in (None, "find_products")):
                intent = "find_products"
            elif product and intent is None and (heard or says_this(text)):
                intent = "ask_product"
        if intent == "find_products" and short and heard and not heard & _NEW_WISH:
            return Wanted("find_products", (*self._wish(), text))
        return Wanted(intent, (text,)) if intent in PRODUCT_INTENTS else None

    def _wish(self) -> tuple[str, ...]:
        """The messages that this one goes on from, oldest first: back to the one that began to look for something."""
        said: list[str] = []
        for text in reversed(self.talk.wish()):
            said.insert(0, text)
            if not follow_up.is_short(text) or self.hears(text) & _NEW_WISH:
                break
        return tuple(said)

    async def _means_an_order(self, intent: Intent | None) -> bool:
        """Whether the message names an order, or points at one of those just spoken of. A long one that the router
        surely takes for a question about policies is one."""
        text = self.talk.question.text
        if numbers.find(text):
            return True
        if self.orders is None or not self.talk.shows_orders():
            return False
        if intent is not None and not follow_up.is_short(text):
            return False
        orders = await self.orders.list()
        return order_meant(text, self.language, orders, self.talk.talked(), lambda order: True).why in POINTS

    async def _earlier_intent(self) -> str:
        """What was wanted of the order before: "and the other one?" wants the same."""
        for message in reversed(self.talk.earlier()[-3:]):
            if (intent := await self._intent(message.text)) in _REPEATABLE:
                return str(intent)
        return "get_order"


def _asks(text: str) -> bool:
    return bool(_QUESTION.search(text))
