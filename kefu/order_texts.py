"""What is known of a shopper's orders, as short plain lines in their language for a model to word an answer from.

Every line is data: names, places and tracking numbers are shortened, so that no merchant's or carrier's text can take
over the page of facts, and the customer's own note is not among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from kefu.amounts import date_text, moment_text, money_text
from kefu.order_card import expected_text, items_short, return_text
from kefu.shop_words import bracketed, item_text, joined, memory_pair, pair, saved_address_text, short
from kefu.words import say, spoken, word
from shop.views import Customer, Order

_ITEMS, _PARCELS, _RETURNS = 5, 3, 3  # the most that are told of each


def order_facts(order: Order, language: str) -> str:
    """An order: status, days, items, total, parcels, returns."""
    return "\n".join(_facts(order, spoken(language)))


def tracking_facts(order: Order, language: str) -> str:
    """Where an order is: status, then of each parcel its latest scan, when it is expected and who brings it."""
    return "\n".join(_way(order, spoken(language)))


def order_short(order: Order, language: str) -> str:
    """How far an order is and its returns are: what its card does not say in sentences."""
    language = spoken(language)
    return "\n".join([*_way(order, language), *_returns(order, language)])


def order_states(order: Order, language: str) -> tuple[str, ...]:
    """The words for how far an order and its parcels are."""
    language = spoken(language)
    scans = [word(language, "scan", short(parcel.scans[-1].code)) for parcel in order.shipments if parcel.scans]
    return (word(language, "status", order.status), *(scans if order.status == "shipped" else ()))


def return_states(order: Order, language: str) -> tuple[str, ...]:
    """The words for how far an order's returns and exchanges are."""
    language = spoken(language)
    return tuple(word(language, f"{back.kind}_status", back.status) for back in order.returns[-_RETURNS:])


def orders_facts(orders: Sequence[Order], language: str) -> str:
    """Several orders, one line each: number, day, status, first items, total."""
    return "\n".join(_line(order, spoken(language)) for order in orders)


def return_facts(order: Order, language: str) -> str:
    """How far the returns and exchanges of an order are, or that it has none."""
    language = spoken(language)
    if not order.returns:
        return say(language, "no_returns", number=order.number)
    return "\n".join([say(language, "order_title", number=order.number), *_returns(order, language)])


def memory_text(profile: Customer, remembered: Mapping[str, str], language: str) -> str:
    """What is kept of a customer beyond the conversation: what was remembered, and their address book."""
    language = spoken(language)
    text = say(language, "memory_nothing")
    if remembered:
        things = joined((memory_pair(key, value, language) for key, value in remembered.items()), language)
        text = say(language, "memory_list", things=things)
    if profile.addresses:
        saved = "; ".join(saved_address_text(address, language) for address in profile.addresses)
        text += f"\n\n{say(language, 'memory_addresses', things=saved)}"
    return text


def _line(order: Order, language: str) -> str:
    parts = (
        say(language, "order_title", number=order.number),
        say(language, "placed_on", date=date_text(order.placed_at, language, order.address.country)),
        word(language, "status", order.status),
        items_short(order, language),
        money_text(order.total, language),
    )
    return " · ".join(parts)


def _way(order: Order, language: str) -> Iterator[str]:
    """In whole sentences: a small model makes the wrong ones of what is only listed."""
    country = order.address.country
    if order.status == "delivered" and order.delivered_at:
        delivered = date_text(order.delivered_at, language, country)
        yield say(language, "delivered_line", number=order.number, date=delivered)
        return
    yield say(language, "status_line", number=order.number, status=word(language, "status", order.status))
    for shipment in order.shipments[-_PARCELS:]:
        if shipment.scans:
            scan = shipment.scans[-1]
            what, at = word(language, "scan", short(scan.code)), moment_text(scan.at, language, country)
            yield say(language, "latest_scan", what=what, place=short(scan.place), at=at)
        if expected := expected_text(shipment, order, language):
            yield expected
        yield say(language, "carried_by", carrier=short(shipment.carrier), tracking=short(shipment.tracking))


def _facts(order: Order, language: str) -> Iterator[str]:
    country = order.address.country
    yield from _way(order, language)
    yield say(language, "placed_on", date=date_text(order.placed_at, language, country))
    yield _labelled("items", _items(order, language), language)
    shipping = _labelled("shipping", money_text(order.shipping, language), language)
    yield bracketed(_labelled("total", money_text(order.total, language), language), shipping, language)
    yield from _returns(order, language)


def _labelled(label: str, value: str, language: str) -> str:
    return pair(word(language, "label", label), value, language)


def _items(order: Order, language: str) -> str:
    units = Counter(short(item_text(item, language)) for item in order.items)
    rows = [f"{count} × {text}" if count > 1 else text for text, count in units.items()]
    return joined([*rows[:_ITEMS], *(["…"] if len(rows) > _ITEMS else [])], language)


def _returns(order: Order, language: str) -> list[str]:
    return [return_text(back, order, language) for back in order.returns[-_RETURNS:]]
