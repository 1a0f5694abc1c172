"""A size that a shopper asks to be remembered: "remember that I wear M", "记住我鞋子38码". Text in, a note out."""

from __future__ import annotations

import re

from kefu.wants.spoken import cased
from shop import numbers

_REMEMBER = re.compile(
    r"\b(?:remember|keep (?:that |it |this )?in mind|note (?:that|down|it)|make a note|save my)\b"
    r"|\b(?:ghi nhớ|ghi lại|nhớ (?:giúp|giùm|dùm|là|rằng)|lưu)\b"
    + cased("|记住|记下|记一下|记得我|記住|จำไว้|จดไว้|จำว่า|ช่วยจำ|บันทึก"),  # NFKC parts the vowel of จำ
    re.IGNORECASE,
)
_CHANGE = re.compile(r"\b(?:change|swap|exchange|đổi|địa chỉ)\b|改|换|換|เปลี่ยน", re.IGNORECASE)
_LATIN = "A-Za-zÀ-ỹ0-9'’"
_LETTERS = re.compile(rf"(?<![{_LATIN}])(X{{0,3}}[SL]|M|[2-5]XL)(?![{_LATIN}])")
_SHOES = r"((?:3[4-9]|4[0-8])(?:[.,]5)?)(?!\d)"
_NUMBER = re.compile(
    r"(?:size|sz|eu|cỡ|số|ไซส์|ไซซ์|เบอร์|shoes?|giày|鞋子?|รองเท้า)"
    rf"[\s:]*(?:(?:của mình|của tôi|ของฉัน|is|là|穿|是)[\s:]*)*{_SHOES}"
    rf"|(?<!\d){_SHOES}\s*[码號号]",
    re.IGNORECASE,
)


def sizes_told(text: str) -> dict[str, str]:
    """{"size": "M", "shoe_size": "38"}; {} where nothing is to be remembered, or it is not clear which."""
    plain = cased(text)
    if not _REMEMBER.search(plain) or _CHANGE.search(plain) or "?" in plain or numbers.find(plain):
        return {}
    letters = {match[1] for match in _LETTERS.finditer(plain)}
    shoes = {(match[1] or match[2]).replace(",", ".") for match in _NUMBER.finditer(plain)}
    if len(letters) > 1 or len(shoes) > 1:
        return {}
    return dict([*(("size", size) for size in letters), *(("shoe_size", size) for size in shoes)])
