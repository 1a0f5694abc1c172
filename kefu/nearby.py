"""Of a policy's sections that say the same for one country each ("… to Vietnam?", "… to Thailand?"), the shopper's own.

Knows the names of countries in headings, and scores; no index and no conversation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from functools import cache

from kefu import follow_up
from kefu.words import spoken, words
from rag.index import Found
from rag.passages import Passage

_ELSEWHERE = "other"  # "other countries": every one that has no section of its own
_OTHER = {
    "zh": "其[他它]国家|其[他它]地区",
    "en": "other countries|other destinations|the rest of the world|worldwide|abroad",
    "vi": "(?:các )?(?:nước|quốc gia) khác",
    "th": "ประเทศอื่น(?:ๆ)?",
}
# How much of two headings must be the same apart from the countries. Of the demo shop's, those on delivery are alike by
# 0.64–1.0 in each language; all others by 0.14–0.54, but for the two Chinese ones on invoices (0.63, rightly).
_ALIKE = 0.6


def names_place(message: str) -> bool:
    """Whether a message says where it is about, in any of the shop's languages."""
    text = unicodedata.normalize("NFC", message).lower()
    named = any(_names(language)[0].search(text) for language in _OTHER)
    return named or follow_up.names_place(text)


def country_named(message: str, language: str) -> str:
    """The one country that a message names, as ISO code; "" for none, or several."""
    each = _names(language)[1]
    text = unicodedata.normalize("NFC", message).lower()
    named = [code for code, name in each.items() if code != _ELSEWHERE and name.search(text)]
    return named[0] if len(named) == 1 else ""


def nearby(found: Sequence[Found], country: str) -> list[Found]:
    """What was found, without the sections for other countries where there is one for this (ISO code), which then
    counts as much as they did; best first."""
    scores = {hit.passage.id: hit.score for hit in found}
    for hit in found:
        named = _countries(hit.passage)
        if not named or country in named:
            continue
        alike = [other for other in found if _parallel(hit.passage, other.passage)]
        own = [other for other in alike if country in _countries(other.passage)]
        own = own or [other for other in alike if _ELSEWHERE in _countries(other.passage)]
        if own and own[0] is not hit:
            id = own[0].passage.id
            scores[id] = max(scores.get(id, 0.0), scores.pop(hit.passage.id))
    kept = [replace(hit, score=scores[hit.passage.id]) for hit in found if hit.passage.id in scores]
    return sorted(kept, key=lambda hit: -hit.score)


def _parallel(one: Passage, other: Passage) -> bool:
    if (one.policy, one.language) != (other.policy, other.language) or not _countries(other):
        return False
    return SequenceMatcher(None, _plain(one), _plain(other), autojunk=False).ratio() >= _ALIKE


def _plain(passage: Passage) -> str:
    """The heading without countries."""
    return _names(passage.language)[0].sub("", passage.heading.lower())


def _countries(passage: Passage) -> set[str]:
    """The countries that the heading names, by ISO code, and "other"."""
    anywhere, each = _names(passage.language)
    heading = passage.heading.lower()
    return {code for code, name in each.items() if name.search(heading)} if anywhere.search(heading) else set()


@cache
def _names(language: str) -> tuple[re.Pattern[str], dict[str, re.Pattern[str]]]:
    """What finds any country's name, and what finds each."""
    language = spoken(language)
    table = words(language)["country"]
    assert isinstance(table, dict)
    each = {code: _whole(re.escape(name.lower())) for code, name in table.items()}
    each[_ELSEWHERE] = _OTHER[language]
    return re.compile("|".join(each.values())), {code: re.compile(name) for code, name in each.items()}


def _whole(name: str) -> str:
    return rf"\b{name}\b" if name[0] < "\u0e00" else name
