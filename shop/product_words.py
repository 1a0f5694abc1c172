"""A product as searchable text: what is embedded, what full-text search looks in, and the words it differs by.

Knows no database and no vectors.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rag.lexical import lexical_terms
from shop.views import Names, Product, named

_CATEGORIES = Path(__file__).parent / "words" / "categories.yaml"
_LEFT_OUT = {"care"}  # with it, whoever wants a washing machine finds every dress that one may wash in it
_NAMES_SHOWN = 3  # words for the category in a text
COLOUR = "colour"  # the option that names a colour
SIZE = "size"


@cache
def _categories() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_CATEGORIES.read_text(encoding="utf-8"))
    return found


def category_names() -> dict[str, dict[str, list[str]]]:
    """What shoppers call a category, by its key and language, the usual word first."""
    found: dict[str, dict[str, list[str]]] = _categories()["categories"]
    return found


def wider_categories() -> list[dict[str, list[str]]]:
    """Words for several categories at once: `of` names those, the rest is words by language."""
    found: list[dict[str, list[str]]] = _categories()["wider"]
    return found


def category_name(category: str, language: str) -> str:
    """The usual word for a category; for one without, its key as words."""
    words = category_names().get(category, {})
    return next(iter(words.get(language) or words.get("en") or [category.replace("_", " ")]))


def languages(product: Product) -> list[str]:
    """The languages that a product is named in."""
    return sorted(language for language, name in product.names.items() if name.strip())


def composed(product: Product, language: str) -> str:
    """The product's text in a language: name, category, what it is like, description. One line each."""
    called = category_names().get(product.category, {}).get(language) or [category_name(product.category, language)]
    said = {key: values for key, values in product.attributes.items() if key not in _LEFT_OUT}
    like = [_value(key, named(names, language)) for key, values in said.items() for names in values]
    colours = {named(v.options[COLOUR], language): None for v in product.variants if COLOUR in v.options}
    lines = [
        product.names[language],
        ", ".join(called[:_NAMES_SHOWN]),
        ", ".join([*like, *colours]),
        product.descriptions.get(language, ""),
    ]
    return "\n".join(filter(None, lines))


def _value(key: str, value: str) -> str:
    """A number says nothing without its unit, which is in the key: "5000 mah"."""
    return f"{value} {key.rpartition('_')[2]}" if value.replace(".", "").isdigit() else value


def full_text(text: str) -> str:
    """A text as full-text search keeps it: its terms, each as one token that every database takes for a word."""
    return " ".join(tokens(text))


def tokens(text: str) -> list[str]:
    """The tokens of a text or a wish, with repeats. Thai vowels and Han bigrams are no words to a database's own
    tokenizer, so a token is a term's checksum in hexadecimal."""
    return [f"{zlib.crc32(term.encode()):08x}" for term in lexical_terms(text)]


def differs_by(product: Product) -> Iterator[tuple[str, Names]]:
    """The words by which it differs from others: ("material", {"en": "silk", …}), ("colour", …). No numbers."""
    for key, values in product.attributes.items():
        yield from ((key, names) for names in values if not _is_number(names))
    for variant in product.variants:
        yield from variant.options.items()


def _is_number(names: Names) -> bool:
    return named(names, "en").replace(".", "").isdigit()


def unique(words: Iterable[tuple[str, Names]]) -> dict[tuple[str, str], Names]:
    """By attribute and English name."""
    return {(key, named(names, "en")): names for key, names in words if named(names, "en")}
