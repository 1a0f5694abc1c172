"""Places and counts as shoppers say them: "the second order", "第二件", "cái thứ hai", "2 chiếc". Knows no order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeVar

from kefu.wants.spoken import LATIN, Said
from rag.tokens import strip_marks

Noun = Literal["order", "item", "one"]  # what is counted; "one" says nothing of it
LAST = -1
T = TypeVar("T")


def _numbered(words: str) -> dict[str, int]:
    return {word: n for n, spelt in enumerate(words.split(), 1) for word in spelt.split("/")}


def _called(order: str, item: str, one: str) -> dict[str, Noun]:
    nouns: tuple[tuple[Noun, str], ...] = (("order", order), ("item", item), ("one", one))
    return {word.replace("_", " "): noun for noun, words in nouns for word in words.split()}


_NUMERALS = {
    "en": _numbered("one two three four five six seven eight nine"),
    "zh": _numbered("一 二/两/兩 三 四 五 六 七 八 九"),
    "vi": _numbered("một hai ba bốn năm sáu bảy tám chín"),
    "th": _numbered("หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า"),
}
_PLACES = {
    "en": _numbered("first/1st second/2nd third/3rd fourth/4th fifth/5th") | {"last": LAST},
    "zh": _NUMERALS["zh"] | {"最后": LAST},
    "vi": _NUMERALS["vi"] | {"nhất": 1, "nhì": 2, "tư": 4},
    "th": _NUMERALS["th"],
}
_ENDS = {
    "vi": {"đầu tiên": 1, "đầu": 1, "cuối cùng": LAST, "cuối": LAST},
    "th": {"แรก": 1, "สุดท้าย": LAST},
}
_NOUNS = {
    "en": _called("order parcel purchase", "item product piece thing", "one"),
    "zh": _called("单 单子 个单 个订单 份订单 笔", "件 样 条 双 件商品 个商品", "个 個 那个 款 种"),
    "vi": _called("đơn đơn_hàng kiện", "món chiếc áo váy đầm sản_phẩm mặt_hàng cái_áo cái_váy", "cái mục"),
    "th": _called("ออเดอร์ ออร์เดอร์ คำสั่งซื้อ พัสดุ", "ชิ้น สินค้า ตัว คู่ ผืน", "อัน รายการ"),
}


class Place(NamedTuple):
    """The `at`th of a list (1 is the first, LAST the last)."""

    at: int
    of: Noun


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(words, key=len, reverse=True))


def _vietnamese(spelt: Callable[[str], str]) -> re.Pattern[str]:
    """With the marks, or (spelt by strip_marks) without them."""
    nouns, numerals, ends = (_any(map(spelt, words["vi"])) for words in (_NOUNS, _PLACES, _ENDS))
    at = rf"(?:{spelt('thứ')}|{spelt('số')})\s+(?P<n>{numerals}|\d{{1,2}}(?!\d))"
    return re.compile(rf"(?<![{LATIN}])(?P<noun>{nouns})\s+(?:{at}|(?P<end>{ends}))(?![{LATIN}])")


_ENGLISH = re.compile(rf"(?<![{LATIN}0-9])(?P<n>{_any(_PLACES['en'])})\s+(?P<noun>{_any(_NOUNS['en'])})s?(?![{LATIN}])")
_CHINESE = re.compile(rf"(?:第(?P<n>{_any(_NUMERALS['zh'])}|\d{{1,2}})|(?P<end>最后)一?)(?P<noun>{_any(_NOUNS['zh'])})")
_THAI = re.compile(
    rf"(?P<noun>{_any(_NOUNS['th'])})\s*"
    rf"(?:ที่\s*(?P<n>{_any(_PLACES['th'])}|\d{{1,2}}(?!\d))|(?P<end>{_any(_ENDS['th'])}))"
)
_MARKED, _BARE = _vietnamese(str), _vietnamese(strip_marks)

_ALL_PLACES = {w: n for words in (*_PLACES.values(), *_ENDS.values()) for w, n in words.items()}
_ALL_NUMERALS = {word: n for words in _NUMERALS.values() for word, n in words.items()} | {"เดียว": 1}
_ALL_NOUNS = {word: noun for words in _NOUNS.values() for word, noun in words.items()}

_THAI_UNITS, _VI_UNITS = "ชิ้น|ตัว|อัน|ผืน|คู่", "cái|chiếc|món|sản phẩm|đôi|áo|váy|cai|chiec|mon"
_NO_COUNT = r"days?\b|weeks?\b|months?\b|hours?\b|sizes?\b|years?\b"  # "2 days ago"
_COUNT = re.compile(
    rf"(?<![\d#.,\-第])(?P<zh>[1-9]|{_any(_NUMERALS['zh'])})\s*(?:件|条|双|个|個|款)(?!月|星|码|号)"
    rf"|(?:{_THAI_UNITS})\s*(?P<after>{_any(_NUMERALS['th'])}|เดียว)"
    rf"|(?<![\d#.,\-])(?P<th>[1-9]|{_any(_NUMERALS['th'])})\s*(?:{_THAI_UNITS})"
    rf"|(?<![{LATIN}\d#.,\-])(?P<vi>[1-9]|một|hai|ba|bốn|năm|mot|bon)\s+(?:{_VI_UNITS})(?![{LATIN}])"
    rf"|(?<![{LATIN}\d#.,\-])(?P<en>[1-9]|one|two|three|four|five)\s+(?!{_NO_COUNT})[a-z]"
)
_ONLY_COUNT = re.compile(  # the answer to "how many?"
    rf"(?m)^\s*(?:just|only|chỉ|แค่|只要?)?\s*(?P<n>[1-9]|{_any(_ALL_NUMERALS)})"
    r"\s*(?:thôi|please|nhé|ครับ|ค่ะ)?\W*$"
)


def places(said: Said) -> list[Place]:
    """Every place that is named."""
    vietnamese, bare = (_BARE, said.bare) if said.restored else (_MARKED, said.text)
    found = [match for pattern in (_ENGLISH, _CHINESE, _THAI) for match in pattern.finditer(said.text)]
    return [_place(match) for match in (*found, *vietnamese.finditer(bare))]


def count(said: Said) -> int | None:
    """How many units are asked for, the first time that it is said: "one of the two shirts" is 1."""
    match = _COUNT.search(said.text) or _ONLY_COUNT.search(said.text)
    return _value(next(group for group in match.groups() if group), _ALL_NUMERALS) if match else None


def _place(match: re.Match[str]) -> Place:
    named = match.groupdict()
    return Place(_value(named["n"] or named["end"], _ALL_PLACES), _known(_ALL_NOUNS, named["noun"]))


def _value(word: str, numerals: dict[str, int]) -> int:
    return int(word) if word.isdigit() else _known(numerals, word)


def _known(words: dict[str, T], word: str) -> T:
    """By the word as it is listed, or as it is without its marks."""
    one = re.sub(r"\s+", " ", word)
    return words[one] if one in words else next(value for key, value in words.items() if strip_marks(key) == one)
