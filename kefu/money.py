"""How each language writes a currency; amounts of a foreign passage in the reply's words: "35,000越南盾" -> "35.000 ₫".

A small model copies a foreign unit, or makes one up where its letters are locked. Knows no prices and no rates.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rag.passages import Passage

# How each language writes a currency, and how else it is written; the code is understood everywhere.
_WORDS: dict[str, dict[str, str]] = {
    "CNY": {"zh": "元", "vi": "tệ", "th": "หยวน"},
    "VND": {"zh": "越南盾", "vi": "₫", "th": "ดอง"},
    "THB": {"zh": "泰铢", "vi": "baht", "th": "บาท"},
    "USD": {"zh": "美元", "th": "ดอลลาร์สหรัฐ"},
    "EUR": {"zh": "欧元", "th": "ยูโร"},
    "GBP": {"zh": "英镑", "th": "ปอนด์"},
}
_ALSO = {
    "CNY": "人民币 RMB yuan ¥ nhân-dân-tệ", "VND": "đồng dong đ VNĐ", "THB": "฿", "USD": "$ đô-la ดอลลาร์",
    "EUR": "€ euro euros", "GBP": "£ pounds bảng-Anh",
}  # fmt: skip
CURRENCY = {word: code for code, words in _WORDS.items() for word in (code, *words.values())} | {
    word.replace("-", " "): code for code, words in _ALSO.items() for word in words.split()
}  # by every way to write one
_UNITS = "|".join(re.escape(word) for word in sorted(CURRENCY, key=len, reverse=True))
_AMOUNT = re.compile(rf"(?P<number>\d+(?:[.,]\d+)*)\s?(?P<unit>{_UNITS})(?![A-Za-zÀ-ỹ])")
_GROUPS = re.compile(r"[.,](?=\d{3}(?!\d))")


def in_words_of(language: str, passage: Passage) -> Passage:
    """The passage with its amounts as a reply in this language writes them; its own language's stay."""
    if passage.language == language:
        return passage
    return replace(passage, text=_AMOUNT.sub(lambda amount: _written(language, amount), passage.text))


def _written(language: str, amount: re.Match[str]) -> str:
    number = _GROUPS.sub("." if language == "vi" else ",", amount["number"])
    return with_unit(language, number, CURRENCY[amount["unit"]])


def with_unit(language: str, number: str, code: str) -> str:
    """A number and its currency (ISO 4217) as a language writes them; a currency without a word by its code."""
    unit = _WORDS.get(code, {}).get(language, code)
    return f"{number}{'' if language == 'zh' and unit != code else ' '}{unit}"
