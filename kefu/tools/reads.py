"""Look-ups: orders, parcels, returns, products, what is remembered. They change nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kefu.cards import order_card, orders_card
from kefu.order_texts import (
    memory_text,
    order_facts,
    order_short,
    order_states,
    orders_facts,
    return_facts,
    return_states,
    tracking_facts,
)
from kefu.shop_words import item_name
from kefu.tools.products import shown
from kefu.tools.tool import Looked, Session
from kefu.words import say, spoken
from shop.errors import Refused
from shop.protocol import CustomerOrders

OrderNumber = Annotated[
    str, Field(max_length=40, description="The order's number as the customer wrote it, for example JL10023.")
]
_NEWEST = 5  # orders in a list; a shopper asks for the latest


def orders_of(session: Session) -> CustomerOrders:
    """The proven customer's orders. Callers ask for a proof first: nobody else gets here."""
    if session.orders is None:
        raise PermissionError("a tool was run for nobody")
    return session.orders


async def list_orders(session: Session) -> Looked:
    """List the customer's latest orders with number, date, status and total. Use it when no order number is known."""
    orders = list(await orders_of(session).list(limit=_NEWEST))
    if not orders:
        return Looked("", {"orders": []}, notice="no_orders")
    data = {"orders": [{"number": o.number, "status": o.status, "placed_at": o.placed_at.isoformat()} for o in orders]}
    card = orders_card(orders, session.language, choose=False)
    here = say(spoken(session.language), "here_are_your_orders")
    return Looked(orders_facts(orders, session.language), data, (card,), short=here)


async def get_order(session: Session, order_number: OrderNumber) -> Looked:
    """Look up one order: its status, items with their ids, total, address, payments and returns."""
    order = await orders_of(session).get(order_number)
    data = order.model_dump(mode="json", exclude={"note", "shipments"})
    language, card = session.language, order_card(order, session.language)
    names = tuple(item_name(item.names, language) for item in order.items)
    states = (*order_states(order, language), *names)
    return Looked(order_facts(order, language), data, (card,), short=order_short(order, language), states=states)


async def track_shipment(session: Session, order_number: OrderNumber) -> Looked:
    """Find out where the parcels of an order are: carrier, tracking number, the latest scans, the expected day."""
    order = await orders_of(session).get(order_number)
    data = {"status": order.status, "shipments": [s.model_dump(mode="json") for s in order.shipments]}
    language, card = session.language, order_card(order, session.language)
    return Looked(tracking_facts(order, language), data, (card,), states=order_states(order, language))


async def get_return_status(session: Session, order_number: OrderNumber) -> Looked:
    """Find out how far the returns and exchanges of an order are, and what money comes back."""
    order = await orders_of(session).get(order_number)
    data = {"returns": [r.model_dump(mode="json") for r in order.returns]}
    language, card = session.language, order_card(order, session.language)
    return Looked(return_facts(order, language), data, (card,), states=return_states(order, language))


async def get_variant(
    session: Session, variant_id: Annotated[str, Field(max_length=60, description="A variant's id.")]
) -> Looked:
    """Look up the product that a variant belongs to, with all its variants."""
    product = await session.catalogue.variant(variant_id)
    if product is None:
        raise Refused("variant_not_found", variant="")
    return Looked("", shown(product, session.language))


async def list_products(session: Session) -> Looked:
    """List the names and ids of all products."""
    names = {id: names["en"] for id, names in (await session.catalogue.names()).items()}
    return Looked("", {"products": names})


async def get_profile(session: Session) -> Looked:
    """Look up the customer's own profile: address book and payment methods with their ids."""
    customer = await orders_of(session).profile()
    return Looked("", customer.model_dump(mode="json", exclude={"id", "phone", "email"}))


async def show_memory(session: Session) -> Looked:
    """Tell the customer what is remembered about them beyond this conversation."""
    orders = orders_of(session)
    remembered = dict(await orders.memory())
    text = memory_text(await orders.profile(), remembered, session.language)
    return Looked(text, {"remembered": remembered}, notice="memory")


async def transfer_to_human(
    session: Session, summary: Annotated[str, Field(max_length=500, description="What the customer wants, briefly.")]
) -> Looked:
    """Hand over to a person of the shop's team: when the customer asks for one, or when no tool and no policy helps."""
    return Looked("", {"handed_over": True, "summary": summary}, notice="human_offered")
