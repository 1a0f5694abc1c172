"""Text in, comparable terms and numbers out, for any language. Knows nothing of policies or models."""

from __future__ import annotations

import re
import unicodedata

# Runs of one script. Latin words lose their diacritics, so toneless Vietnamese still meets its policy.
_RUNS = re.compile(
    r"(?P<han>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+)"
    r"|(?P<thai>[\u0e01-\u0e3a\u0e40-\u0e4e]+)"
    r"|(?P<word>[^\W\d_]+)"
)
_GROUPED = re.compile(r"(?<=\d)[.,\u00a0\u202f](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


def strip_marks(text: str) -> str:
    """Lower-cased text without diacritics: "Đổi trả" -> "doi tra"."""
    decomposed = unicodedata.normalize("NFD", text.lower().replace("đ", "d").replace("Đ", "d"))
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn" or "\u0e00" <= c <= "\u0e7f")


def _grams(run: str, n: int) -> list[str]:
    return [run[i : i + n] for i in range(len(run) - n + 1)] or [run]


def terms(text: str) -> list[str]:
    """Comparable terms in order, with repeats: Han and Kana as bigrams, Thai as trigrams, other words stripped."""
    found: list[str] = []
    for match in _RUNS.finditer(strip_marks(unicodedata.normalize("NFKC", text))):
        run = match.group()
        if match.lastgroup == "han":
            found += _grams(run, 2)
        elif match.lastgroup == "thai":
            found += _grams(run, 3)
        else:
            found.append(run)
    return found


def numbers(text: str) -> list[str]:
    """The numbers in a text as plain digits, in order: "60.000 ₫", "60,000 VND" and "６００００" all give "60000"."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)
    return [n.replace(",", ".") for n in _NUMBER.findall(_GROUPED.sub("", plain))]
