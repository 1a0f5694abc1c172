"""The secret of a proof as a shopper writes it: the last four digits of their phone, or their e-mail address."""

from __future__ import annotations

import re

from shop import numbers

_EMAIL = re.compile(r"[^\s@<>\"',;:()]{1,64}@[^\s@<>\"',;:()]{1,190}\.[A-Za-z]{2,24}")
_FOUR = re.compile(r"(?<![\d#])\d{4}(?!\d)")
_PHONE = re.compile(r"(?<![\dA-Za-z#])\+?\d[\d \-.]{7,17}\d(?!\d)")


def secret(text: str) -> str | None:
    """An e-mail address, four digits that stand alone, or the last four of a whole phone number; the first there is."""
    plain = numbers.plain(text)
    if email := _EMAIL.search(plain):
        return email[0].rstrip(".")
    rest = numbers.without(plain)
    if four := _FOUR.search(_PHONE.sub(" ", rest)):
        return four[0]
    phone = _PHONE.search(rest)
    return re.sub(r"\D", "", phone[0])[-4:] if phone else None
