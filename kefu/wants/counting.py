"""Places and counts as shoppers say them: "the second order", "第二件", "cái thứ hai", "2 chiếc". Knows no order."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from kefu.wants.spoken import LATIN, Said
from rag.tokens import strip_marks

Noun = Literal["order", "item", "one"]  # what is counted; "one" says nothing of it
LAST = -1

_NUMERALS = {
    **{word: n for n, words in enumerate(("一", "二 两 兩", "三", "四", "五", "六", "七", "八", "九"), 1) for word in words.split()},
    **dict(zip("one two three four five six seven eight nine".split(), range(1, 10), strict=True)),
    **dict(zip("một hai ba bốn năm sáu bảy tám chín".split(), range(1, 10), strict=True)),
    **dict(zip("หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า".split(), range(1, 10), strict=True)),
    **{"tư": 4, "nhất": 1, "nhì": 2, "đầu": 1, "đầu tiên": 1, "cuối": LAST, "cuối cùng": LAST},
    **{"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5},
    **{"last": LAST, "แรก": 1, "สุดท้าย": LAST, "最后": LAST},
}  # fmt: skip
_NOUNS: dict[str, Noun] = {
    **dict.fromkeys("order orders parcel purchase 单 个订单 笔 单子 个单 份订单 đơn kiện ออเดอร์ คำสั่งซื้อ ออร์เดอร์ พัสดุ".split(), "order"),
    **dict.fromkeys(["đơn hàng"], "order"),
    **dict.fromkeys("item items product piece thing 件 样 条 双 件商品 个商品 món chiếc áo váy đầm ชิ้น สินค้า ตัว คู่ ผืน".split(), "item"),
    **dict.fromkeys(["sản phẩm", "cái áo", "cái váy", "mặt hàng"], "item"),
    **dict.fromkeys("one 个 個 那个 cái mục อัน รายการ".split(), "one"),
}  # fmt: skip


class Place(NamedTuple):
    """The `at`th of a list (1 is the first, LAST the last)."""

    at: int
    of: Noun


def _any(words: list[str]) -> str:
    return "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(words, key=len, reverse=True))


def _in(words: dict[str, int] | dict[str, Noun], pattern: str) -> list[str]:
    return [word for word in words if re.match(pattern, word)]


_HAN, _THAI = "[\u3400-\u9fff]", "[\u0e00-\u0e7f]"
_VI = r"(?:cái áo|cái váy|một|hai|ba|bốn|năm|sáu|bảy|tám|chín|tư|nhất|nhì|đầu|cuối|đơn|kiện|món|chiếc|áo|váy|đầm|sản|mặt|cái|mục)"
_EN = r"(?:order|parcel|purchase|item|product|piece|thing|one)"
_ENGLISH = re.compile(
    rf"(?<![{LATIN}0-9])(?P<n>first|1st|second|2nd|third|3rd|fourth|4th|fifth|5th|last)\s+(?P<noun>{_EN})s?(?![{LATIN}])"
)
_CHINESE = re.compile(rf"第(?P<n>{_any(_in(_NUMERALS, _HAN))}|\d{{1,2}})(?P<noun>{_any(_in(_NOUNS, _HAN))})")
_CHINESE_LAST = re.compile(rf"(?P<n>最后)一?(?P<noun>{_any(_in(_NOUNS, _HAN))})")
_THAI_PLACE = re.compile(
    rf"(?P<noun>{_any(_in(_NOUNS, _THAI))})\s*(?:ที่\s*(?P<n>{_any(_in(_NUMERALS, _THAI))}|\d{{1,2}}(?!\d))|(?P<end>แรก|สุดท้าย))"
)


def _vietnamese(spelt: Callable[[str], str]) -> re.Pattern[str]:
    nouns, numerals, ends = (
        _any([spelt(word) for word in words])
        for words in (_in(_NOUNS, _VI), _in(_NUMERALS, _VI), ["đầu tiên", "đầu", "cuối cùng", "cuối"])
    )
    at = rf"(?:{spelt('thứ')}|{spelt('số')})\s+(?P<n>{numerals}|\d{{1,2}}(?!\d))"
    return re.compile(rf"(?<![{LATIN}])(?P<noun>{nouns})\s+(?:{at}|(?P<end>{ends}))(?![{LATIN}])")


_MARKED, _BARE = _vietnamese(str), _vietnamese(strip_marks)
_PLACES = {strip_marks(word): n for word, n in _NUMERALS.items()} | _NUMERALS
_THINGS = {strip_marks(word): noun for word, noun in _NOUNS.items()} | _NOUNS

_COUNT = re.compile(
    rf"(?<![\d#.,\-第])(?P<n>[1-9]|{_any(_in(_NUMERALS, _HAN))})\s*(?:件|条|双|个|個|款)(?!月|星|码|号)"
    rf"|(?:ชิ้น|ตัว|อัน|ผืน|คู่)\s*(?P<after>{_any([w for w in _in(_NUMERALS, _THAI) if w not in ('แรก', 'สุดท้าย')])}|เดียว)"
    rf"|(?<![\d#.,\-])(?P<thai>[1-9]|{_any([w for w in _in(_NUMERALS, _THAI) if w not in ('แรก', 'สุดท้าย')])})\s*(?:ชิ้น|ตัว|อัน|ผืน|คู่)"
    rf"|(?<![{LATIN}\d#.,\-])(?P<viet>[1-9]|một|hai|ba|bốn|năm|mot|bon)\s+(?:cái|chiếc|món|sản phẩm|đôi|áo|váy|cai|chiec|mon)(?![{LATIN}])"
    rf"|(?<![{LATIN}\d#.,\-])(?P<latin>[1-9]|one|two|three|four|five)\s+(?!days?\b|weeks?\b|months?\b|hours?\b|sizes?\b|years?\b)[a-z]"
)  # fmt: skip
_ONLY_COUNT = re.compile(  # the answer to "how many?"
    rf"(?m)^\s*(?:just|only|chỉ|แค่|只要?)?\s*(?P<n>[1-9]|{_any([w for w, n in _NUMERALS.items() if n > 0])})\s*(?:thôi|please|nhé|ครับ|ค่ะ)?\W*$"
)


def places(said: Said) -> list[Place]:
    """Every place that is named, in order of the languages."""
    vietnamese, text = (_BARE, strip_marks(said.text)) if said.restored else (_MARKED, said.text)
    found = [
        match for pattern in (_ENGLISH, _CHINESE, _CHINESE_LAST, _THAI_PLACE) for match in pattern.finditer(said.text)
    ] + list(vietnamese.finditer(text))
    return [Place(_value(_named(match)), _THINGS[re.sub(r"\s+", " ", match["noun"])]) for match in found]


def count(said: Said) -> int | None:
    """How many units are asked for, the first time that it is said: "one of the two shirts" is 1."""
    match = _COUNT.search(said.text) or _ONLY_COUNT.search(said.text)
    if match is None:
        return None
    word = next(group for group in match.groups() if group)
    return 1 if word == "เดียว" else _value(word)


def _named(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return groups["n"] or groups["end"]


def _value(word: str) -> int:
    return int(word) if word.isdigit() else _PLACES[re.sub(r"\s+", " ", word)]
