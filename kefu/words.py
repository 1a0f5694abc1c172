"""Kefu's own words to shoppers, read from `kefu/locales/<language>.yaml`.

Knows no conversation and no page. A language without a file gets English.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "locales"
FALLBACK = "en"
_SMALLTALK_CHARS = 80  # whoever writes more wants something


@cache
def spoken(language: str) -> str:
    """The language that our words to a shopper are in: theirs, or English."""
    return language if language.isalpha() and (FOLDER / f"{language}.yaml").is_file() else FALLBACK


@cache
def words(language: str) -> dict[str, str | list[str] | dict[str, str]]:
    """Every text of a language, by key; lists for `starters` and the like, tables for codes: status, country, …"""
    if spoken(language) != language:
        return words(FALLBACK)
    file = FOLDER / f"{language}.yaml"
    texts: dict[str, str | list[str] | dict[str, str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return texts


def say(language: str, key: str, /, **values: str) -> str:
    """One text in a language, its `$names` filled in. A missing key or value raises KeyError with its name."""
    text = words(language)[key]
    if not isinstance(text, str):
        raise KeyError(f"{key} is no single text")
    return string.Template(text).substitute(values)


def word(language: str, table: str, code: str) -> str:
    """What a code of the shop is called: word("vi", "status", "shipped"). One that has no word stays as it is."""
    called = words(language)[table]
    return called.get(code, code) if isinstance(called, dict) else code


def starters(language: str) -> list[str]:
    """Questions that a shopper may begin with."""
    return list(words(language)["starters"])


def is_smalltalk(text: str) -> bool:
    """Whether a message is only a greeting, thanks, a goodbye or signs, in any language: it needs no policy."""
    if len(text) > _SMALLTALK_CHARS:
        return False
    said, (phrases, parts) = _plain(text), _smalltalk()
    if not said:
        return bool(text.strip())
    return not parts.sub("", said).strip() and any(part in phrases for part in parts.findall(said))


def _plain(text: str) -> str:
    """Letters and digits only, lower-case, Latin ones without marks, so that "Cảm ơn!" and "cam on" are the same."""
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)).casefold().replace("đ", "d")
    kept = (c if unicodedata.category(c)[0] in "LMN" else " " for c in folded if not "\u0300" <= c <= "\u036f")
    return " ".join("".join(kept).split())


@cache
def _smalltalk() -> tuple[set[str], re.Pattern[str]]:
    """The phrases of all languages, and what finds them and the words around them in a message, longest first."""
    texts = [words(file.stem) for file in FOLDER.glob("*.yaml")]
    phrases, around = ({_plain(p) for t in texts for p in t[key]} for key in ("smalltalk", "smalltalk_around"))
    parts = sorted(phrases | around, key=lambda part: (-len(part), part))
    return phrases, re.compile("|".join(map(_whole, parts)))


def _whole(part: str) -> str:
    """Latin words end at a space; Chinese and Thai are written without."""
    return rf"\b{part}\b" if part.isascii() else re.escape(part)
