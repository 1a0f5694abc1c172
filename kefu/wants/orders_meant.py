"""Which of a customer's orders a message is about: by number, by its last digits, "the other one", "the second order",
"last week's", "the silk scarf", or because it was just talked about. Knows no rule of the shop."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal

from kefu.wants.counting import LAST, places
from kefu.wants.described import likeness, names_things
from kefu.wants.spoken import Said, word_list
from shop.numbers import find, plain
from shop.views import Order

Why = Literal["number", "digits", "other", "place", "when", "product", "talked", "only", "unclear"]

_UTC_OFFSETS = {"zh": 8, "vi": 7, "th": 7}  # hours: where "yesterday" begins for who writes the language
_DIGITS = re.compile(r"(?<![\d.,/+\-])\d{3,5}(?![\d.,/]?\d)")
_SHORT = 40  # characters: in a longer text "it" may be anything
_NEAR = 12  # letters between a word for an order and the digits of its number
_ONE_AFTER = re.compile(r"\s*(?:one\b|的?(?:那|这)?(?:一)?(?:单|个|个订单|笔|订单))")


@dataclass(frozen=True)
class Meant:
    """The order's number in its canonical spelling, or None and the numbers that may be asked about. `known`: whether
    it is one of the orders that were looked at; a number that the shopper names need not be."""

    number: str | None
    known: bool
    candidates: tuple[str, ...]
    why: Why


def order_meant(
    text: str,
    language: str,
    orders: Sequence[Order],
    talked: Sequence[str],
    suits: Callable[[Order], bool] = lambda order: True,
    *,
    focus: Sequence[str] | None = None,
    now: datetime | None = None,
) -> Meant:
    """`orders` in the order in which they are listed to the shopper (newest first): "the second" counts over it.
    `talked`: canonical numbers that were named or shown, oldest first; `focus`: without those that only stood in a
    list. `suits`: what can be done with the order."""
    focus = talked if focus is None else focus
    named = _by_number(text, orders, suits)
    if named:
        return named
    whole = Said.of(text, language)
    said = whole.without_numbers()
    return (
        _by_digits(whole, orders)  # "ending in 10023" looks like a number, IN10023
        or _by_time(said, language, orders, now or datetime.now(UTC))
        or _by_place(said, orders, talked)
        or _other(said, orders, talked, suits)
        or _this(said, orders, focus)
        or _by_product(said, orders, focus, suits)
        or _by_itself(orders, focus, suits)
    )


def _known(order: Order, why: Why) -> Meant:
    return Meant(order.number, True, (), why)


def _among(orders: Sequence[Order], why: Why) -> Meant | None:
    """The one, or a question which of them; None for none."""
    if len(orders) == 1:
        return _known(orders[0], why)
    return Meant(None, False, tuple(order.number for order in orders), why) if orders else None


def _by_number(text: str, orders: Sequence[Order], suits: Callable[[Order], bool]) -> Meant | None:
    """A number wins, also one that no order has. A tracking number stands for its order."""
    numbers = find(text)
    own = [order for order in orders if order.number in numbers or _tracked(order, text)]
    if len(own) > 1:
        own = [order for order in own if suits(order)] or own
    if own:
        return _among(own, "number")
    strange = [number for number in numbers if _is_number(number, text, orders)]
    return Meant(strange[0], False, (), "number") if strange else None


def _tracked(order: Order, text: str) -> bool:
    compact = re.sub(r"[\s\-]", "", plain(text)).upper()
    return any(parcel.tracking and parcel.tracking.upper() in compact for parcel in order.shipments)


def _is_number(number: str, text: str, orders: Sequence[Order]) -> bool:
    """Whether it is meant as an order number: "Bangkok TH 10110" is not, unless orders here begin with TH."""
    in_one = number in re.sub(r"[#-]", "", plain(text)).upper()
    prefix = re.sub(r"\d", "", number)
    return in_one or any(re.sub(r"\d", "", order.number) == prefix for order in orders)


def _by_digits(said: Said, orders: Sequence[Order]) -> Meant | None:
    """The last three to five digits of a number, where the words around them say that they are of one."""
    words = word_list("orders")
    cues = words.spans(said, ["tail", "order"])
    for match in _DIGITS.finditer(said.text):
        near = any(
            0 <= match.start() - cue.end <= _NEAR or (cue.key == "tail" and 0 <= cue.start - match.end() <= 3)
            for cue in cues
        )
        alone = not re.search(r"\w{4}", said.text.replace(match[0], ""))
        if not (
            near
            or alone
            or _ONE_AFTER.match(said.text, match.end())
            or re.search(r"cái\s*$", said.text[: match.start()])
        ):
            continue
        found = _among([order for order in orders if order.number.endswith(match[0])], "digits")
        if found:
            return found
    return None


def _by_time(said: Said, language: str, orders: Sequence[Order], now: datetime) -> Meant | None:
    words = word_list("orders")
    by_age = sorted(orders, key=lambda order: order.placed_at)
    if by_age and words.says(said, "newest"):
        return _known(by_age[-1], "when")
    if by_age and words.says(said, "oldest"):
        return _known(by_age[0], "when")
    zone = timezone(timedelta(hours=_UTC_OFFSETS.get(language, 0)))
    for key, (first, last) in _days(now.astimezone(zone).date()).items():
        if words.says(said, key):
            found = [order for order in orders if first <= order.placed_at.astimezone(zone).date() <= last]
            return _among(found, "when")
    return None


def _days(today: date) -> dict[str, tuple[date, date]]:
    """First and last day of each time that shoppers name; weeks begin on Monday."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    end_of_month = first - timedelta(days=1)
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "last_week": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "last_month": (end_of_month.replace(day=1), end_of_month),
    }


def _by_place(said: Said, orders: Sequence[Order], talked: Sequence[str]) -> Meant | None:
    """ "The second order". "The second one" may also be an item: it is, while one order alone is talked about."""
    for at, of in places(said):
        about_orders = of == "order" or (of == "one" and len(set(talked)) != 1)
        if about_orders and (at == LAST or at <= len(orders)) and orders:
            return _known(orders[-1 if at == LAST else at - 1], "place")
    return None


def _other(said: Said, orders: Sequence[Order], talked: Sequence[str], suits: Callable[[Order], bool]) -> Meant | None:
    if not word_list("orders").says(said, "other"):
        return None
    last = talked[-1] if talked else None
    spoken_of = [order for order in orders if order.number in talked and order.number != last]
    if len(spoken_of) == 1:
        return _known(spoken_of[0], "other")
    others = spoken_of or [order for order in orders if order.number != last]
    return _among([order for order in others if suits(order)] or others, "other")


def _this(said: Said, orders: Sequence[Order], focus: Sequence[str]) -> Meant | None:
    """The order that was last spoken of, whatever can be done with it: "cancel it" is about no other one."""
    words = word_list("orders")
    short = len(said.text) <= _SHORT and words.says(said, "it")
    latest = [order for order in orders if focus and order.number == focus[-1]]
    return _known(latest[0], "talked") if latest and (short or words.says(said, "this")) else None


def _by_product(
    said: Said, orders: Sequence[Order], talked: Sequence[str], suits: Callable[[Order], bool]
) -> Meant | None:
    """The order whose items the text describes best; of several, the one last talked about, else those that suit."""
    if not names_things(said, [item for order in orders for item in order.items]):
        return None
    scores = {order.number: likeness(said, order.items) for order in orders}
    most = max(scores.values(), default=0.0)
    best = [order for order in orders if most >= 1 and scores[order.number] == most]
    latest = [order for order in best if talked and order.number == talked[-1]]
    return _among(latest or [order for order in best if suits(order)] or best, "product")


def _by_itself(orders: Sequence[Order], talked: Sequence[str], suits: Callable[[Order], bool]) -> Meant:
    """Without a word on it: the one last talked about, if it suits; else the only one that does."""
    by_number = {order.number: order for order in orders}
    for number in reversed(talked):
        if number in by_number and suits(by_number[number]):
            return _known(by_number[number], "talked")
    suiting = [order for order in orders if suits(order)]
    if len(suiting) == 1:
        return _known(suiting[0], "only")
    return Meant(None, False, tuple(order.number for order in suiting or orders), "unclear")
