"""Order numbers as people write them: `#W2611340`, `ＪＬ１００２３`, `jl-10023`, `JL๑๐๐๒๓`. Knows no order."""

from __future__ import annotations

import re
import unicodedata

# Letters and at least five digits, or # and at least five digits; not inside a longer word or number
_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?:#\s?)?(?:[A-Za-z]{1,3}[- ]?\d{5,12}|(?<=#)\d{5,12}|(?<=#\s)\d{5,12})(?!\d)")


def plain(text: str) -> str:
    """The text with full-width letters and every script's digits in ASCII, character for character where it can be."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)


def canonical(number: str) -> str:
    """One spelling for an order number: upper case, without #, blanks and hyphens."""
    return re.sub(r"[#\s\-]", "", plain(number)).upper()


def find(text: str) -> list[str]:
    """The order numbers in a text, each once, in their canonical spelling, in order."""
    return list(dict.fromkeys(canonical(match[0]) for match in _NUMBER.finditer(plain(text))))


def without(text: str) -> str:
    """The text with a blank in place of each order number."""
    return _NUMBER.sub(" ", plain(text))
