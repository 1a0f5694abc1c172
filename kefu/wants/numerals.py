"""Numbers as shoppers write them, in figures and in words: "1,500", "2tr5", "一千二", "两三百", "พันห้า".

Knows no money: what a number counts is its caller's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """Where it stands, and the amount; "two or three hundred" has a low and a high one. `scaled`: a word for thousands
    or millions is in it, so nothing is left out."""

    start: int
    end: int
    low: float
    high: float
    scaled: bool
    scale: float = 1.0  # of its last unit: what "3" means in "3-5tr"


_FIGURES = r"\d{1,3}(?:[.,]\d{3})+(?![\d])|\d+(?:[.,]\d{1,2})?(?!\d)"
_END = r"(?![a-z\u00df-\u024f\u1e00-\u1eff])"
# Figures with a word for their scale; one more figure behind it is the next place: "2tr5", "3 พันห้า"
_SCALES = {
    rf"\s?tram\s?(?:nghin|ngan|ng|k){_END}": 1e5,
    rf"\s?(?:trieu|tr|cu){_END}|tr(?=\d)|\s?(?:million|mil){_END}|\s?ล้าน": 1e6,
    rf"\s?(?:nghin|ngan|ng|thousand|grand){_END}|k{_END}|\s?พัน|\s?千": 1e3,
    rf"\s?(?:tram|hundred){_END}|\s?ร้อย|\s?百": 1e2,
    r"\s?[万萬]|\s?หมื่น": 1e4,
    r"\s?แสน": 1e5,
}
_SCALED = re.compile(
    rf"(?<!\d)(?<!\d[.,])(?P<n>{_FIGURES})(?:"
    + "|".join(f"(?P<s{i}>{pattern})" for i, pattern in enumerate(_SCALES))
    + rf")(?:(?P<more>\d)(?!\d)|\s?(?P<half>ruoi{_END}|半))?"
)
_PLAIN = re.compile(rf"(?<!\d)(?<!\d[.,])(?:{_FIGURES})")

_ZH = dict(zip("零一二三四五六七八九", range(10), strict=True)) | {"两": 2, "兩": 2, "〇": 0}
_ZH_UNITS = {"十": 10.0, "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4}
_TH = {w: n for n, w in enumerate("หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า".split(), 1)}
_TH_UNITS = {"สิบ": 10.0, "ร้อย": 1e2, "พัน": 1e3, "หมื่น": 1e4, "แสน": 1e5, "ล้าน": 1e6}
_VI = {w: n for n, w in enumerate("mot hai ba bon nam sau bay tam chin".split(), 1)}
_VI_UNITS = {"muoi": 10.0, "tram": 1e2, "nghin": 1e3, "ngan": 1e3, "trieu": 1e6, "cu": 1e6}
_EN = {
    word: float(n)
    for n, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen".split(),
        1,
    )
} | {word: n * 10.0 for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_EN_UNITS = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "grand": 1e3}


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_WORDS = (
    (
        re.compile(rf"[{''.join(_ZH)}{''.join(_ZH_UNITS)}]*[{''.join(_ZH_UNITS)}][{''.join(_ZH)}]?(?:[半])?"),
        _ZH,
        _ZH_UNITS,
    ),
    (re.compile(rf"(?:(?:{_any(_TH)}|{_any(_TH_UNITS)})\s?)*(?:{_any(_TH_UNITS)})(?:{_any(_TH)})?"), _TH, _TH_UNITS),
    (
        re.compile(
            rf"(?<![a-z\d])(?:(?:{_any(_VI)}|{_any(_VI_UNITS)})\s+)*(?:{_any(_VI_UNITS)})(?:\s+(?:ruoi|{_any(_VI)}))?{_END}"
        ),
        _VI,
        _VI_UNITS,
    ),
    (
        re.compile(rf"(?<![a-z\d])(?:(?:an?|{_any(_EN)}|{_any(_EN_UNITS)}|and)[\s-]+)*(?:{_any(_EN)}|{_any(_EN_UNITS)}){_END}"),
        _EN | {"a": 1.0, "an": 1.0},
        _EN_UNITS,
    ),
)  # fmt: skip


def numbers_in(bare: str) -> list[Number]:
    """The numbers of a text (folded, without Latin marks), in order; none lies within another."""
    found = [*map(_scaled, _SCALED.finditer(bare)), *map(_figures, _PLAIN.finditer(bare))]
    for pattern, digits, units in _WORDS:
        found += filter(None, (_words(match, digits, units) for match in pattern.finditer(bare)))
    longest = sorted(found, key=lambda one: (one.start, -one.end))
    kept: list[Number] = []
    for one in longest:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def value(figures: str) -> float:
    """ "1,500" and "1.500" are 1500, "1.5" and "1,5" one and a half."""
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", figures):
        return float(re.sub(r"[.,]", "", figures))
    return float(figures.replace(",", "."))


def _figures(match: re.Match[str]) -> Number:
    amount = value(match[0])
    return Number(*match.span(), amount, amount, scaled=False)


def _scaled(match: re.Match[str]) -> Number:
    scale = next(one for i, one in enumerate(_SCALES.values()) if match[f"s{i}"])
    amount = value(match["n"]) * scale
    amount += scale / 10 * int(match["more"]) if match["more"] else scale / 2 if match["half"] else 0
    return Number(*match.span(), amount, amount, scaled=scale >= 1e3, scale=scale)


def _words(match: re.Match[str], digits: Mapping[str, float], units: Mapping[str, float]) -> Number | None:
    """Digits and units one after the other. Two digits before a unit are a range ("两三百"), a digit after one is the
    next place ("一千二")."""
    pieces = re.findall(r"[a-z]+" if "hundred" in units else _any([*digits, *units, "半", "ruoi"]), match[0])
    amount = below = 0.0  # `below`: how far under the amount a range begins
    last, pending = 1.0, list[float]()
    for piece in pieces:
        if piece in digits:
            pending.append(digits[piece])
        elif piece in ("半", "ruoi"):
            amount += last / 2
        elif piece in units:
            unit = units[piece]
            amount, below = _grown(amount, below, pending, unit, last)
            last, pending = unit, []
    if pending:
        english = "hundred" in units
        amount += sum(pending) if english else pending[-1] * (last / 10 if last >= 100 else 1)
    return Number(*match.span(), amount - below, amount, scaled=last >= 1e3, scale=last) if amount else None


def _grown(amount: float, below: float, pending: list[float], unit: float, last: float) -> tuple[float, float]:
    if amount and unit > last:  # "hai trăm" + "nghìn"
        return (amount + sum(pending[-1:])) * unit, below * unit
    many = pending[-1] if pending else 1.0
    apart = pending[-1] - pending[-2] if len(pending) > 1 and pending[-1] - pending[-2] == 1 else 0.0
    return amount + many * unit, below + apart * unit
