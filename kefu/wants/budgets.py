"""What a shopper wants to spend, as bounds with a currency: "300左右", "dưới 5 triệu", "ไม่เกินพันบาท", "$40 to $60".

Numbers that are no price (sizes, days, watts, order numbers) are left alone. Knows no product.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from kefu.products.intent import MOST_MONEY
from kefu.wants.numerals import Number, numbers_in
from kefu.wants.spoken import folded
from rag.tokens import strip_marks
from shop import numbers
from shop.money import Money

Side = Literal["most", "least", "around"]

_AROUND = 0.2  # "around 300" is 240 to 360
_LEAST = 10  # of a range that has no currency
_DEAR = {"VND": 1000}  # nothing costs 500 đồng: "dưới 500" means thousands
_END = r"(?![a-z\u00df-\u024f\u1e00-\u1eff])"
_MONEY = {
    "USD": rf"\$|us\$|usd{_END}|dollars?{_END}|bucks?{_END}|đô(?:\s?la)?{_END}|do la{_END}|美金|美元|美刀|ดอลลาร์|ดอล"
    "|เหรียญ",
    "VND": rf"₫|vnđ|vnd{_END}|đồng|đ{_END}|dong{_END}|越南盾|盾|ดอง",
    "CNY": rf"¥|￥|元|块钱|块|塊錢|塊|rmb{_END}|cny{_END}|yuan{_END}|人民币|人民幣|tệ{_END}|หยวน",
    "THB": rf"฿|บาท|baht{_END}|thb{_END}|泰铢|泰銖|铢|\.-",
}
_AFTER = {code: re.compile(rf"\s?(?:{words})") for code, words in _MONEY.items()}
_BEFORE = {code: re.compile(rf"(?:{words})\s?$") for code, words in _MONEY.items()}
# What a number may count that is no money
_UNIT = re.compile(
    r"\s?-?\s?(?:\"|”|%|(?:inch(?:es)?|in|mah|wh|w|gb|tb|mb|g|gr|gram|kg|can|ml|l|lit|cm|mm|m|km|hz|fps|mp|k?cal|h|hr|hrs|pm|am"
    r"|days?|weeks?|months?|years?|yrs?|yo|hours?|mins?|minutes?|people|persons?|pcs|pieces?|pairs?|pc|sets?|times?|th|st|nd|rd"
    r"|ngay|tuan|thang|tuoi|gio|phut|nguoi|cai|chiec|doi|mon|lan|banh|chan|tang|cu sac)"
    + _END
    + r"|寸|吋|英寸|毫安|毫升|升|克|公斤|斤"
    r"|厘米|米|天|日|月|年|岁|歲|周|小时|点|分钟|件|个|個|双|雙|条|條|码|碼|号|號|代|瓦|人|次|款|块手|块表|级|层|位"
    r"|นิ้ว|แอมป์|มิลลิ|วัตต์|กรัม|กก|กิโล|ลิตร|ซม|ซ\.ม|เมตร|วัน|เดือน|ปี|ขวบ|ชั่วโมง|ชม|โมง|นาที|ชิ้น|ตัว|คู่|อัน|เครื่อง|คน|ครั้ง|สัปดาห์|อาทิตย์|ผืน|ใบ|แผ่น|เบอร์)"
)
# Figures that belong together and are no amount: dates, telephone numbers
_JOINED = re.compile(r"\d+(?:-\d+){2,}|\d{1,4}(?:/\d{1,4}){1,2}|(?<![\d.])\d{1,2}\.\d{1,2}\.\d{2,4}(?![\d.])")
_NAMED = re.compile(r"(?:[a-z]|(?:size|sz|cỡ|ไซส์|ไซซ์|เบอร์|尺码|码数|穿|号|#|no\.?|số|iphone|第|รุ่น)\s?)$")
_BODY = re.compile(r"(?:身高|体重|身長|高|重|สูง|หนัก|cao|nang|tall|weigh)\s?$")
_SIZED = re.compile(r"\bco\s?$")  # "cỡ 300k" is about so much, "giày cỡ 40" is a size
_LARGEST_SIZE = 100
_GAP = r"[\s:：,，]*(?:a |gia |tien |la |chi |chỉ |ราคา|เงิน|是|在|價格|价格)?\s*"


@dataclass(frozen=True)
class Budget:
    """Bounds in one currency; None is no bound. `said`: the words they were read from."""

    lowest: Money | None
    highest: Money | None
    said: str


@dataclass(frozen=True)
class _Price:
    number: Number
    currency: str
    start: int
    end: int
    factor: float = 1.0


def budget(text: str, currency: str) -> Budget | None:
    """The first price that the shopper names, in the currency they say or else in `currency` (ISO 4217), their
    market's; None where they name none."""
    said = folded(unicodedata.normalize("NFKC", numbers.without(text)))
    said = _JOINED.sub(lambda match: " " * len(match[0]), said)
    bare = strip_marks(said)
    if len(bare) != len(said):
        said = bare
    found = [number for number in numbers_in(bare) if number.high <= MOST_MONEY]
    for at, number in enumerate(found):
        following = found[at + 1] if at + 1 < len(found) else None
        if read := _read(said, bare, number, following, currency):
            return read
    return None


def _read(said: str, bare: str, number: Number, following: Number | None, own: str) -> Budget | None:
    code, start, end = _money(said, number)
    second = following if following and _to(said, bare, end, following.start) else None
    code2, end2 = ("", end)
    if second:
        code2, _, end2 = _money(said, second)
    unit_after = _UNIT.match(bare[end2:]) is not None and not (code2 or code)
    sides = _sides(bare[:start], bare[end2:])
    money = code or code2
    if (
        unit_after
        or (_NAMED.search(said[:start]) and not (sides or money))
        or (_BODY.search(bare[:start]) and not money)
        or (_SIZED.search(bare[:start]) and number.high < _LARGEST_SIZE and not (money or number.scaled))
    ):
        return None
    spread = number.low != number.high
    vietnamese = own == "VND" and any(one.scaled and one.high >= 1e4 for one in (number, second) if one)
    several = (second and min(number.low, second.low) >= _LEAST) or (spread and number.high >= 100)
    if not (money or sides or vietnamese or several):
        return None
    currency = code2 or code or own
    factor = _factor(number, second, currency, explicit=bool(money))
    low, high = number.low * factor[0], number.high * factor[0]
    words = said[start:end2].strip()
    if second:
        return Budget(_of(low, currency), _of(second.high * factor[1], currency), words)
    if spread:
        return Budget(_of(low, currency), _of(high, currency), words)
    side = next((s for s in ("around", "least", "most") if s in sides), None)
    if "least" in sides and "most" in sides:
        side = sides[0]
    if side == "least":
        return Budget(_of(low, currency), None, words)
    if side == "most":
        return Budget(None, _of(high, currency), words)
    return Budget(_of(low * (1 - _AROUND), currency), _of(high * (1 + _AROUND), currency), words)


def _of(amount: float, currency: str) -> Money:
    return Money.of(round(amount, 2), currency)


def _money(said: str, number: Number) -> tuple[str, int, int]:
    """The currency that stands beside a number, "" for none, and where number and currency begin and end."""
    for code, after in _AFTER.items():
        if match := after.match(said, number.end):
            return code, number.start, match.end()
    for code, before in _BEFORE.items():
        if match := before.search(said[: number.start]):
            return code, match.start(), number.end
    return "", number.start, number.end


def _factor(number: Number, second: Number | None, currency: str, *, explicit: bool) -> tuple[float, float]:
    """What both numbers are multiplied by: "3-5tr" means millions twice, "dưới 500" thousands of đồng."""
    dear = _DEAR.get(currency, 1) if not explicit or currency == "VND" else 1
    second_factor = dear if second and not second.scaled and second.high < 1000 else 1
    if second and second.scale > 1 and number.scale == 1 and number.high < second.high / second.scale * 100:
        return second.scale, second_factor
    return (dear if not number.scaled and number.high < 1000 else 1), second_factor


def _to(said: str, bare: str, start: int, end: int) -> bool:
    """Whether what stands between two numbers makes a range of them."""
    between = re.sub(r"[$฿₫¥￥]|บาท|usd", "", bare[start:end]).strip()
    return between in _words()["to"] or said[start:end].strip() in _words()["to"]


def _sides(before: str, after: str) -> list[Side]:
    """Which bound the words beside a price make it, those before it first."""
    found: list[Side] = []
    longest = 0
    for side in ("most", "least", "around"):
        for match in (_patterns()[side][0].search(before),):
            if match and match.end() - match.start() > longest:
                found, longest = [side], match.end() - match.start()
    return found + [side for side in ("most", "least", "around") if _patterns()[side][1].match(after)]


@cache
def _words() -> dict[str, list[str]]:
    between = _file()["between"]
    return {"to": [strip_marks(folded(word)) for word in between["to"]]}


@cache
def _patterns() -> dict[Side, tuple[re.Pattern[str], re.Pattern[str]]]:
    sides: tuple[Side, ...] = ("most", "least", "around")
    return {side: (_before(_file()[side]["before"]), _after(_file()[side]["after"])) for side in sides}


def _before(words: list[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(_bounded(word) for word in words)}){_GAP}$")


def _after(words: list[str]) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{'|'.join(_bounded(word) for word in words)})")


def _bounded(word: str) -> str:
    word = strip_marks(folded(word))
    spaced = r"\s*".join(map(re.escape, word.split()))
    return rf"(?<![a-z]){spaced}{_END}" if re.match("[a-z]", word) and word != "ish" else spaced


@cache
def _file() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(
        (Path(__file__).parent / "words" / "budgets.yaml").read_text(encoding="utf-8")
    )
    return found
