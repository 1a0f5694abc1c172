"""A text as words or letters, and the words by which a sentence joins what a product's data says (linking.yaml).

Knows no product.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from kefu import script_lock
from kefu.wants.spoken import folded
from rag.tokens import numbers

_LINKING = Path(__file__).parent / "linking.yaml"
_CLAUSES = re.compile(r"[;:!?，。；：！？、()（）\n]|,(?!\d)|[.](?!\w)|\s[-–—]\s")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_LETTER = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+|[\u0e01-\u0e4e]|[^\W\d_]|\s+")

Tokens = tuple[str, ...]
Kind = Literal["links", "denials", "materials", "owners"]


def clauses(text: str, language: str) -> list[Tokens]:
    """The parts between punctuation, as tokens; without empty ones."""
    return [found for clause in _CLAUSES.split(text) if (found := tokens(clause, language))]


def tokens(text: str, language: str) -> Tokens:
    """Words, or letters where a script has no spaces; a number is one token."""
    found = (_WORD if spaced(language) else _LETTER).findall(folded(text).strip())
    if language != "th":
        found = [token for token in found if not token.isspace()]
    return tuple(next(iter(numbers(token)), token) if token[0].isdigit() else token for token in found)


def singular(word: str) -> str:
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def spaced(language: str) -> bool:
    return script_lock.own(language) is None


def written(tokens: Tokens, language: str) -> str:
    return (" " if spaced(language) else "").join(tokens)


def link_at(tokens: Tokens, language: str) -> int:
    """How many of the words, from the first on, are a linking one."""
    return next((len(link) for link in _links(language) if tokens[: len(link)] == link), 0)


def unlinked(tokens: Tokens, language: str) -> Tokens:
    """Without the linking words at its end."""
    while link := next((link for link in _links(language) if ends(tokens, [link])), None):
        tokens = tokens[: -len(link)]
    return tokens


def ends_linked(tokens: Tokens, language: str) -> bool:
    return ends(tokens, _links(language))


def ends(tokens: Tokens, words: Sequence[Tokens]) -> bool:
    return any(tokens[-len(word) :] == word for word in words)


def _links(language: str) -> Sequence[Tokens]:
    """The longest first."""
    return [*listed("links", language), (" ",)]


@cache
def listed(kind: Kind, language: str) -> list[Tokens]:
    words: list[str] = _lists()[kind][language]
    return sorted({tokens(word, language) for word in words}, key=lambda word: -len(word))


@cache
def _lists() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(_LINKING.read_text(encoding="utf-8"))
    return found
