"""From an intent to a tool call: which order, which items, what instead, decided by code from the shopper's own words.

Only a new address may take a model's help, and what it says is held against the words again (kefu.wants.addresses).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kefu.card_shapes import ProductTile
from kefu.cards import item_text, saved_address_text, variant_text
from kefu.events import NoticeCode
from kefu.llm import LLM
from kefu.shop_words import joined
from kefu.tools.tool import Session
from kefu.wants.addresses import address_meant
from kefu.wants.items_meant import items_meant
from kefu.wants.orders_meant import order_meant
from kefu.wants.payment_meant import payment_meant
from kefu.wants.reasons import cancel_reason, return_reason
from kefu.wants.swaps_meant import swaps_meant
from kefu.words import word
from shop.protocol import CustomerOrders
from shop.views import Customer, Item, Order, Product

OPEN_TO_ALL = frozenset(  # intents that need no proof of anything
    {"human", "confirm", "refuse", "find_products", "ask_product", "compare_products"}
)
POINTS = frozenset({"number", "digits", "other", "place", "when"})  # ways to point at an order, order_meant's reasons
_LISTED = 20  # orders that "the other one" or "the scarf" may mean


@dataclass(frozen=True)
class Request:
    """What is wanted and the words that say it: `text` all of the request's messages, `said` them one by one."""

    intent: str
    said: tuple[str, ...]
    talked: Sequence[str]  # orders spoken of in the conversation, the latest last
    focus: Sequence[str]  # those of them that did not only stand in a list
    listed: Sequence[str]  # orders that the shopper was just shown to choose from, as they were listed
    language: str
    row: Sequence[ProductTile] = ()  # products that were shown last
    choice: Sequence[ProductTile] = ()  # those of the row that "the second one" counts in
    tiles: Sequence[ProductTile] = ()  # all that were shown in the conversation, the latest last

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    @property
    def focus_products(self) -> Sequence[str]:
        """The product that is spoken of: the one that was shown last by itself."""
        return [tile.id for tile in self.row] if len(self.row) == 1 else []


@dataclass(frozen=True)
class Call:
    """A tool and its arguments, every one from the shopper's words or from their own data."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """Something is missing: a sentence of ours by its code, and orders to choose from."""

    code: NoticeCode
    values: Mapping[str, str] = field(default_factory=dict)
    orders: Sequence[Order] = ()


Understood = Call | Ask


async def understand(request: Request, session: Session, llm: LLM | None) -> Understood:
    """The call that a request stands for, or what to ask back. Raises ShopUnavailable."""
    if request.intent == "human":
        return Call("transfer_to_human", {"summary": request.said[-1][:500]})
    if request.intent in ("confirm", "refuse"):
        return Ask("nothing_to_confirm")
    orders = session.orders
    if orders is None:
        return Ask("prove_first")
    if request.intent in _WITHOUT_ORDER:
        return Call(_WITHOUT_ORDER[request.intent], {})
    if request.intent == "change_default_address":
        return await _default_address(request, orders, llm)
    order = await _order(request, orders)
    if isinstance(order, Order):
        return await _OF_ORDER[request.intent](request, order, session, llm)
    return order


_WITHOUT_ORDER = {"list_orders": "list_orders", "show_memory": "show_memory", "forget_me": "forget_me"}
_HERE = {"pending", "processed"}  # not dispatched yet
_SUITS: Mapping[str, Callable[[Order], bool]] = {
    "cancel_order": lambda order: order.status in _HERE,
    "change_address": lambda order: order.status in _HERE,
    "change_payment": lambda order: order.status in _HERE,
    "return_items": lambda order: order.status == "delivered",
    "swap_items": lambda order: order.status in {*_HERE, "delivered"},
    "get_return_status": lambda order: bool(order.returns),
    "track_shipment": lambda order: order.status in ("processed", "shipped"),
    "get_order": lambda order: order.status in {*_HERE, "shipped"},
}


async def _order(request: Request, orders: CustomerOrders) -> Order | Understood:
    """The order that is meant; a call that will say "not found" for a number that is not theirs; or a question."""
    own = list(await orders.list(limit=_LISTED))
    listed = [order for number in request.listed for order in own if order.number == number] or own
    suits = _SUITS[request.intent]
    for said in reversed(request.said):  # the newest word on it counts
        meant = order_meant(said, request.language, listed, request.talked, suits, focus=request.focus)
        if meant.why in POINTS:
            break
    else:
        meant = order_meant(request.text, request.language, own, request.talked, suits, focus=request.focus)
    if meant.number and not meant.known:  # an older order of theirs, or nobody's, or somebody else's
        return Call("get_order", {"order_number": meant.number})
    found = [order for order in own if order.number == meant.number]
    if found:
        return found[0]
    if not own:
        return Ask("no_orders")
    offered = [order for order in own if order.number in meant.candidates] or own[:5]
    return Ask("which_order", orders=offered)


async def _look(request: Request, order: Order, session: Session, llm: LLM | None) -> Understood:
    return Call(request.intent, {"order_number": order.number})


async def _cancel(request: Request, order: Order, session: Session, llm: LLM | None) -> Understood:
    reason = cancel_reason(request.text, request.language) or "no_longer_needed"
    return Call("cancel_pending_order", {"order_number": order.number, "reason": reason})


async def _address(request: Request, order: Order, session: Session, llm: LLM | None) -> Understood:
    if order.status not in _HERE or session.orders is None:  # the rule's own words are better than a question
        return _change_address(order)
    profile = await session.orders.profile()
    meant = await address_meant(llm, request.said, request.language, profile, order.address)
    if meant.address is None:
        return _ask_address(profile, meant.candidates, meant.missing, request.language)
    address = meant.address.model_dump(mode="json")
    return Call("change_pending_order_address", {"order_number": order.number, "address": address})


def _change_address(order: Order) -> Call:
    address = order.address.model_dump(mode="json")
    return Call("change_pending_order_address", {"order_number": order.number, "address": address})


async def _default_address(request: Request, orders: CustomerOrders, llm: LLM | None) -> Understood:
    profile = await orders.profile()
    current = next((saved.address for saved in profile.addresses if saved.is_default), None)
    meant = await address_meant(llm, request.said, request.language, profile, current)
    if meant.address is None:
        return _ask_address(profile, meant.candidates, meant.missing, request.language)
    return Call("change_default_address", {"address": meant.address.model_dump(mode="json")})


def _ask_address(profile: Customer, candidates: Sequence[str], missing: Sequence[str], language: str) -> Ask:
    if "address" in missing or candidates:
        saved = [one for one in profile.addresses if not candidates or one.id in candidates]
        return Ask("which_address", {"choices": _listed(saved_address_text(one, language) for one in saved)})
    return Ask("address_missing", {"field": joined([word(language, "field", one) for one in missing], language)})


async def _payment(request: Request, order: Order, session: Session, llm: LLM | None) -> Understood:
    assert session.orders is not None
    methods = (await session.orders.profile()).payment_methods
    meant = payment_meant(request.text, request.language, methods, _paid_with(order))
    if meant.method is None:
        return Ask("which_payment")
    return Call("change_pending_order_payment", {"order_number": order.number, "method": meant.method})


async def _return(request: Request, order: Order, session: Session, llm: LLM | None) -> Understood:
    items = _meant_of(request, order)
    if order.status != "delivered":  # the rule's own words are better than a question
        ids = [item.id for item in order.items]
        arguments = {"order_number": order.number, "item_ids": ids, "reason": "changed_mind"}
        return Call("return_delivered_order_items", arguments)
    said = (*reversed(request.said), request.text)  # the newest word on it counts
    found = (items_meant(text, request.language, items) for text in said)
    meant = next((one for one in found if one.items and one.why != "only"), None)
    meant = meant or items_meant(request.text, request.language, items)
    if not meant.items:
        return _which_item(items, meant.candidates, request.language)
    reason = return_reason(request.text, request.language) or "changed_mind"
    arguments = {"order_number": order.number, "item_ids": list(meant.items), "reason": reason}
    return Call("return_delivered_order_items", arguments)


async def _swap(request: Request, order: Order, session: Session, llm: LLM | None) -> Understood:
    items = _meant_of(request, order)
    if order.status not in {*_HERE, "delivered"}:
        same = {
            "item_ids": [item.id for item in order.items],
            "new_variant_ids": [item.variant for item in order.items],
        }
        return Call("exchange_delivered_order_items", {"order_number": order.number, "reason": "does_not_fit"} | same)
    products = await session.catalogue.products(list(dict.fromkeys(item.product for item in items)))
    meant = swaps_meant(request.text, request.language, items, products)
    if meant.missing == "item":
        return _which_item(items, meant.items, request.language)
    if meant.missing == "option":
        return _which_option(items, products, meant.items[0], meant.variants, request.language)
    arguments: dict[str, Any] = {
        "order_number": order.number,
        "item_ids": [swap.item for swap in meant.swaps],
        "new_variant_ids": [swap.variant for swap in meant.swaps],
    }
    if order.status in _HERE:
        return Call("modify_pending_order_items", arguments)
    reason = return_reason(request.text, request.language) or "does_not_fit"
    return Call("exchange_delivered_order_items", arguments | {"reason": reason})


_OF_ORDER: Mapping[str, Callable[[Request, Order, Session, LLM | None], Awaitable[Understood]]] = {
    "get_order": _look,
    "track_shipment": _look,
    "get_return_status": _look,
    "cancel_order": _cancel,
    "change_address": _address,
    "change_payment": _payment,
    "return_items": _return,
    "swap_items": _swap,
}


def _listed(choices: Iterable[str]) -> str:
    return "\n".join(f"- {choice}" for choice in dict.fromkeys(choices))


def _meant_of(request: Request, order: Order) -> list[Item]:
    """The items that may be meant: those that no return and no exchange has taken yet. Where the shopper describes one
    that is taken, or every one is, all: the rule then says so."""
    taken = {item for back in order.returns if back.status != "rejected" for item in back.items}
    left = [item for item in order.items if item.id not in taken]
    gone = [item for item in order.items if item.id in taken]
    for text in reversed(request.said):
        if items_meant(text, request.language, left).why == "described":
            return left
        if gone and items_meant(text, request.language, list(order.items)).why == "described":
            return list(order.items)
    return left or list(order.items)


def _paid_with(order: Order) -> str | None:
    paid = [payment.method for payment in order.payments if payment.kind == "payment"]
    return paid[-1] if paid else None


def _which_item(items: Sequence[Item], candidates: Sequence[str], language: str) -> Ask:
    offered = [item for item in items if not candidates or item.id in candidates]
    return Ask("which_item", {"choices": _listed(item_text(item, language) for item in offered)})


def _which_option(
    items: Sequence[Item], products: Sequence[Product], item: str, variants: Sequence[str], language: str
) -> Ask:
    named = next(one for one in items if one.id == item)
    offered = [v for p in products for v in p.variants if v.id in variants and v.stock > 0]
    choices = _listed(variant_text(variant, language) for variant in offered)
    return Ask("which_option", {"item": item_text(named, language), "choices": choices})
