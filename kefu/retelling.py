"""Whether a reply truly retells what the shop's records say, as far as code can tell. Knows texts only.

A small model turns "delivery failed" into "delivered", and a refused refund into a paid one: what it says of an order
must name the state in the records' own word, and no number and no name that is not theirs.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Iterable, Iterator

from kefu.script_lock import own
from rag.tokens import numbers

_WORD = re.compile(r"[^\W\d_]{2,}")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]{2,}")
_BEGINS = re.compile(r"(?:^|[.!?:;…\n(\"“])\s*$")  # what stands before the first word of a sentence
_MONTHS = {month.casefold() for month in (*calendar.month_name, *calendar.month_abbr)}


def fault(said: str, facts: str, asked: Iterable[str], states: Iterable[str], language: str) -> str:
    """What is wrong with a reply that retells the facts, for the log; "" for nothing that was found.

    `asked`: what the shopper wrote; `states`: of these one has to be said, if there are any."""
    said, known = _plain(said), _plain("\n".join([facts, *asked]))
    if not said:
        return "nothing was said"
    wanted = [_plain(state).casefold() for state in states]
    if wanted and not any(state in said.casefold() for state in wanted):
        return "no state of the records is named"
    strange = [number for number in numbers(said) if number not in set(numbers(known))]
    words = {word.casefold() for word in _WORD.findall(known)} | _MONTHS
    strange += [name for name in names(said, language) if name.casefold() not in words]
    return f"not in the records: {', '.join(strange)}" if strange else ""


def names(said: str, language: str) -> Iterator[str]:
    """What may name a person, a place, a company: capitals inside a sentence, or any Latin word among other letters."""
    if own(language):
        yield from _LATIN.findall(said)
        return
    for word in _WORD.finditer(said):
        if word.group()[0].isupper() and not _BEGINS.search(said[: word.start()]):
            yield word.group()


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()
