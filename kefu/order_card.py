"""Orders as cards: how far each is, what is in it, where its parcels are, what may be asked for.

An action is a sentence of the shopper's; what it may lead to, the shop decides. Knows no rule of the shop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from kefu.amounts import date_text, moment_text, money_text
from kefu.card_shapes import Action, CardItem, OrderCard, OrderRow, OrdersCard, Parcel, Scan
from kefu.order_steps import steps
from kefu.shop_words import address_lines, item_name, joined, money_sentence, options_text, short
from kefu.words import say, spoken, word, words
from shop.views import Order, PaymentMethod, Return, Shipment


def order_card(order: Order, language: str) -> OrderCard:
    """An order as its customer is shown it. Days and times are those of the country it goes to."""
    language = spoken(language)
    labels = words(language)["label"]
    return OrderCard(
        language=language,
        number=order.number,
        title=say(language, "order_title", number=order.number),
        status=word(language, "status", order.status),
        status_code=order.status,
        placed=_dated(language, "placed_on", order.placed_at, order),
        steps=tuple(steps(order, language)),
        items=_items(order, language),
        shipping=money_text(order.shipping, language),
        total=money_text(order.total, language),
        address=address_lines(order.address, language),
        parcels=tuple(_parcel(shipment, order, language) for shipment in order.shipments),
        returns=tuple(return_text(back, order, language) for back in order.returns),
        actions=tuple(_actions(order, language)),
        labels=dict(labels) if isinstance(labels, dict) else {},
    )


def orders_card(orders: Sequence[Order], language: str, *, choose: bool) -> OrdersCard:
    """Several orders, to look at or to choose from."""
    language = spoken(language)
    title = say(language, "which_order" if choose else "your_orders")
    return OrdersCard(language=language, title=title, rows=tuple(_row(order, language) for order in orders))


def items_short(order: Order, language: str) -> str:
    """An order's items in a few words: "Silk scarf and 2 more"."""
    first = short(item_name(order.items[0].names, language)) if order.items else ""
    more = len(order.items) - 1
    return say(language, "and_more", first=first, count=str(more)) if more > 0 else first


def return_text(back: Return, order: Order, language: str) -> str:
    """A return or exchange in one or two sentences: what, when, how far, and the money."""
    names = dict.fromkeys(short(item_name(item.names, language)) for item in order.items if item.id in back.items)
    text = say(
        language,
        f"{back.kind}_line",
        items=joined(names, language),
        date=date_text(back.requested_at, language, order.address.country),
        status=word(language, f"{back.kind}_status", back.status),
    )
    kinds = {payment.method: payment.method_kind for payment in order.payments}
    method = PaymentMethod(id=back.method, kind=kinds[back.method]) if back.method in kinds else None
    money = money_sentence(back.money, method, language)
    moves = money and back.status != "rejected"
    return f"{text}{'' if language == 'zh' else ' '}{money}" if moves else text


def expected_text(shipment: Shipment, order: Order, language: str) -> str:
    """Until when a parcel should be there; "" for one that has arrived, or that nobody expects."""
    arrived = order.status == "delivered" or any(scan.code == "delivered" for scan in shipment.scans)
    if shipment.expected is None or arrived or order.status == "cancelled":
        return ""
    return _dated(language, "expected_by", shipment.expected, order)


def _dated(language: str, key: str, at: datetime, order: Order) -> str:
    return say(language, key, date=date_text(at, language, order.address.country))


def _row(order: Order, language: str) -> OrderRow:
    return OrderRow(
        number=order.number,
        status=word(language, "status", order.status),
        status_code=order.status,
        placed=_dated(language, "placed_on", order.placed_at, order),
        items=items_short(order, language),
        total=money_text(order.total, language),
        message=say(language, "ask_order", number=order.number),
    )


def _items(order: Order, language: str) -> tuple[CardItem, ...]:
    notes = {item: word(language, f"{back.kind}_status", back.status) for back in order.returns for item in back.items}
    rows = Counter(
        (item_name(item.names, language), options_text(item.options, language), item.price, notes.get(item.id, ""))
        for item in order.items
    )
    return tuple(
        CardItem(name=name, options=options, price=money_text(price, language), quantity=quantity, note=note)
        for (name, options, price, note), quantity in rows.items()
    )


def _parcel(shipment: Shipment, order: Order, language: str) -> Parcel:
    country = order.address.country
    return Parcel(
        carrier=shipment.carrier,
        tracking=shipment.tracking,
        expected=expected_text(shipment, order, language),
        scans=tuple(
            Scan(at=moment_text(s.at, language, country), text=word(language, "scan", s.code), place=s.place)
            for s in reversed(shipment.scans)
        ),
    )


def _actions(order: Order, language: str) -> Iterator[Action]:
    """What the order's state suits; a rule may still say no, and why."""
    standing = [back for back in order.returns if back.status != "rejected"]
    taken = {item for back in standing for item in back.items}
    if order.status == "pending":
        actions = ["cancel", "address", *([] if order.items_modified else ["items"])]
    elif order.status == "processed":  # packed, not dispatched yet
        actions = ["cancel", "address"]
    elif order.status == "delivered":
        actions = [] if all(item.id in taken for item in order.items) else ["return", "exchange"]
    else:
        actions = [] if order.status == "cancelled" else ["track"]
    if any(back.status in ("requested", "approved", "received") for back in standing):
        actions.append("return_status")
    for action in actions:
        message = say(language, f"ask_{action}", number=order.number)
        yield Action(label=word(language, "action", action), message=message)
