"""Which way to pay a message names, of those that the customer has on file. Knows no order and no balance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kefu.wants.counting import LAST, places
from kefu.wants.spoken import Said, word_list
from shop.views import PaymentMethod

_HINT = re.compile(r"(?<![\d.,])\d{4}(?![\d.,]?\d)")


@dataclass(frozen=True)
class PaymentMeant:
    """The id of the method, or None and those that may be meant. `named`: whether the message names one at all."""

    method: str | None
    named: bool
    candidates: tuple[str, ...]


def payment_meant(
    text: str, language: str, methods: Sequence[PaymentMethod], paid_with: str | None = None
) -> PaymentMeant:
    """`paid_with`: the method the order was paid with, which "the other card" is not and "the same way" is."""
    said = Said.of(text, language).without_numbers()
    words = word_list("payment")
    heard = words.heard(said, (key for key in words.keys if key not in ("original", "other")))
    other = words.says(said, "other")
    by_hint = [m for m in methods if m.hint and m.hint in _HINT.findall(said.text)]
    if len(by_hint) == 1:
        return PaymentMeant(by_hint[0].id, True, ())
    if words.says(said, "original") and any(method.id == paid_with for method in methods):
        return PaymentMeant(paid_with, True, ())
    fitting = by_hint or [method for method in methods if method.kind in heard]
    if other:
        fitting = [method for method in fitting or methods if method.id != paid_with]
    elif len(fitting) > 1:
        # A change is to something new: of two cards, the one that the order was not paid with
        fitting = [method for method in fitting if method.id != paid_with] or fitting
    at = next((place.at for place in places(said) if place.of == "one"), None)
    if at is not None and not fitting and (at == LAST or at <= len(methods)):
        fitting = [methods[-1 if at == LAST else at - 1]]
    if len(fitting) == 1:
        return PaymentMeant(fitting[0].id, True, ())
    return PaymentMeant(None, bool(heard) or other, tuple(method.id for method in fitting or methods))
