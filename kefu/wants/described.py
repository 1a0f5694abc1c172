"""How well words describe a thing that was bought: "the black scarf", "khăn lụa", "真丝围巾". Knows no order.

A name in any language is understood through the lists of kinds and looks; what no list has is compared letter by
letter with the names themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from kefu.wants.spoken import LATIN, Said, Span, cased, folded, widest, word_list
from rag.tokens import strip_marks
from shop.views import Item, Names

_KIND, _LOOK, _NAME = 3.0, 1.0, 1.0  # what a kind, a look and a piece of the very name count
_COLOURS = frozenset(
    "black white red burgundy blue sky navy green mint jade khaki yellow pink rosegold purple grey spacegrey brown"
    " beige orange gold silver".split()
)
_LETTER_SIZE = re.compile(rf"(?<![{LATIN}0-9'’.&])(?:[2-5]xl|x{{0,4}}[sl]|m)(?![{LATIN}0-9'’])")
_SIZE_BEFORE = re.compile(
    r"(?:size|sz|cỡ|(?<![a-zà-ỹ])to|for|of|from|or|sang|qua|thành|thanh|lấy|vì|ไซส์|ไซซ์|ไซต์|เป็น|换|成|到|要|码"
    r"|[，,、/])\s*$"
)
_SIZE_AFTER = re.compile(r"\s*(?:码|号|size)")
_NOTHING = "nothing"  # the key of what names no thing
_PIECE = re.compile(r"[\u3400-\u9fff]+|[\u0e00-\u0e7f]+|[^\W\d_]+(?:\d+)?|\d+")
_COMMON = frozenset("and for with the set new size pro max mini plus men women nam chi cho".split())


@dataclass(frozen=True)
class Description:
    """What a text names: kinds of things, and looks."""

    kinds: frozenset[str]
    looks: frozenset[str]


def letter_sizes(said: Said) -> list[Span]:
    """S, M, XL … as sizes: "2xl" and "xxl" have one key. One small letter counts only beside a word for sizes."""
    found = []
    for match in _LETTER_SIZE.finditer(said.text):
        letters, start, end = match[0], *match.span()
        upper = said.cased[start:end].isupper()
        if len(letters) > 1 or upper or _SIZE_BEFORE.search(said.text[:start]) or _SIZE_AFTER.match(said.text, end):
            times = letters.count("x") if not letters[0].isdigit() else int(letters[0])
            found.append(Span(start, end, f"size_{'' if times < 2 else times}{'x' * (times > 0)}{letters[-1]}"))
    return found


def looks(said: Said) -> list[Span]:
    """Colours, materials and sizes, in order; none within a longer one."""
    found = widest(sorted([*word_list("looks").spans(said), *letter_sizes(said)]))
    return [span for span in found if span.key != _NOTHING]


def description(said: Said) -> Description:
    """What the text says of things. "Sơ mi" names a shirt, not also a top: the wider word is within the longer."""
    kinds = frozenset(word_list("goods").heard(_things(said)))
    return Description(kinds, frozenset(span.key for span in looks(said)))


def of_names(names: Names) -> Description:
    """What a thing is by its names, with the wider kinds: a shirt is a top too."""
    return _of_names(tuple(names.values()))


def of_item(item: Item) -> Description:
    """What an item of an order is."""
    thing = of_names(item.names)
    options = [of_names(names).looks for names in item.options.values()]
    return Description(thing.kinds, thing.looks.union(*options))


@lru_cache(maxsize=8192)  # a shop's names: hundreds of words are looked for in each
def _of_names(names: tuple[str, ...]) -> Description:
    known = [Said(folded(name), cased(name), "") for name in names]
    kinds = {span.key for name in known for span in word_list("goods").spans(name)} - {_NOTHING}
    return Description(frozenset(kinds), frozenset(span.key for name in known for span in looks(name)))


def _things(said: Said) -> Said:
    """Without the phrases in which a thing's word means no thing."""
    return said.without(word_list("goods").spans(said, [_NOTHING]))


def contradicts(said: Description, item: Description) -> bool:
    """Whether a kind or a colour is named that is not the item's, where it is known of it at all."""
    pairs = ((said.kinds, item.kinds), (said.looks & _COLOURS, item.looks & _COLOURS))
    return any(named and own and not named & own for named, own in pairs)


def likeness(said: Said, items: Iterable[Item]) -> float:
    """How well the text describes the items, taken as one; 0 where it says nothing of them."""
    told = description(said)
    things = list(items)
    kinds: set[str] = set()
    seen: set[str] = set()
    for item in things:
        own = of_item(item)
        kinds |= own.kinds
        seen |= own.looks
    literal = max((_literal(said, item.names) for item in things), default=0.0)
    return _KIND * len(told.kinds & kinds) + _LOOK * len(told.looks & seen) + literal


def names_looks(said: Said) -> bool:
    """Whether a colour or a material is named: a size alone is more often one that is wanted."""
    return any(not span.key.startswith("size_") for span in looks(said))


def names_things(said: Said, items: Iterable[Item]) -> bool:
    """Whether the text says what kind of thing it is about, by a kind's name or a piece of the item's own."""
    return bool(description(said).kinds) or any(_literal(said, item.names) for item in items)


def _literal(said: Said, names: Mapping[str, str]) -> float:
    """How much of a name stands in the text: Latin words of three letters and more, two Vietnamese syllables, two Han
    characters or five Thai ones in a row each count as one."""
    text = _things(said).text
    bare = strip_marks(text)
    return max((_of_name(text, bare, language, folded(name)) for language, name in names.items()), default=0.0)


def _of_name(text: str, bare: str, language: str, name: str) -> float:
    total = 0.0
    words = [word for word in _PIECE.findall(name)]
    latin = [word for word in words if not re.match("[\u0e00-\u0e7f\u3400-\u9fff]", word)]
    if language == "vi":
        latin = [f"{one} {two}" for one, two in pairwise(latin)]
    for word in latin:
        known = (len(word) >= 3 or word[-1:].isdigit() or word[:1].isdigit()) and len(word) > 1 and word not in _COMMON
        if known and re.search(rf"(?<![{LATIN}\d]){re.escape(strip_marks(word))}(?![{LATIN}\d])", bare):
            total += _NAME
    for word in words:
        if re.match("[\u3400-\u9fff]", word):
            total += _NAME * (_common_run(word, text, 2) // 2)
        elif re.match("[\u0e00-\u0e7f]", word):
            total += _NAME * (_common_run(word, text, 5) // 5)
    return total


def _common_run(word: str, text: str, least: int) -> int:
    """The length of the longest piece of the word that stands in the text, 0 below `least`."""
    for length in range(len(word), least - 1, -1):
        if any(word[i : i + length] in text for i in range(len(word) - length + 1)):
            return length
    return 0
