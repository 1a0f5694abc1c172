"""Whether a sentence about a product claims only what is stored of it: numbers, materials, colours, seasons, qualities,
names. What it points at is told; what nothing stored supports is named. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import yaml

from kefu import retelling
from kefu.products.answers import stored
from kefu.products.facts import name_of
from kefu.products.intent import Intent
from kefu.products.reasons import Pointer
from kefu.wants.looking_for import Vocabulary
from kefu.wants.spoken import Said, Word, folded, word_list
from rag.tokens import numbers
from shop import ranking
from shop.limits import Limits
from shop.search import Hit
from shop.views import Product

_QUALITIES = Path(__file__).parent / "qualities.yaml"
_OF_THE_WISH = ("recipient", "occasion")  # what a sentence may take from the shopper's own words
_NEVER = "free_of_charge"  # whatever a description says: the price is data, and nothing sold here has none


def pointed(said: str, hit: Hit, intent: Intent, vocabulary: Vocabulary) -> tuple[Pointer, ...]:
    """What the sentence says of the product, each with the attribute that it rests on."""
    its = ranking.attributes(hit.product)
    found = [
        Pointer(attribute=value.partition(":")[0], value=value.partition(":")[2], text=meant.said)
        for meant in vocabulary.claims(said, intent.language)
        for value in meant.of
        if value in its
    ]
    found += [Pointer(attribute=_numbered(n, hit.product), value=n, text=n) for n in dict.fromkeys(numbers(said))]
    return tuple(dict.fromkeys(found))


def unsupported(
    said: str, hit: Hit, intent: Intent, limits: Limits, vocabulary: Vocabulary, others: Sequence[Product]
) -> list[str]:
    """The claims that nothing stored of the product supports, in the sentence's words; none is a true sentence."""
    texts = [text for language in hit.product.names for text in stored(hit.product, language)]
    known = folded("\n".join(texts))
    asked = folded(intent.text)
    wrong = [number for number in numbers(said) if number not in {*numbers(known), *_budget_numbers(limits)}]
    wrong += _values(said, hit.product, intent, vocabulary, known)
    wrong += [quality for quality in _qualities(said, intent.language) if not _stands(quality, known)]
    wrong += [name for name in map(folded, retelling.names(said, intent.language)) if name not in known + asked]
    wrong += word_list("superlatives").heard(Said.of(said, intent.language))
    own = {folded(name) for name in hit.product.names.values()}
    strange = (name_of(other, intent.language) for other in others if other.id != hit.product.id)
    wrong += [name for name in strange if folded(name) in folded(said) and folded(name) not in own]
    return list(dict.fromkeys(wrong))


def _values(said: str, product: Product, intent: Intent, vocabulary: Vocabulary, known: str) -> Iterator[str]:
    """Attributes that the catalogue knows, said of a product that has none of them."""
    its = ranking.attributes(product)
    wished = {one.value for one in intent.meant if one.field in _OF_THE_WISH}
    for meant in vocabulary.claims(said, intent.language):
        numeric = any(value[0] in "<>" and value[1:] in product.attributes for value in meant.of)
        supported = numeric or bool(its.intersection(meant.of)) or folded(meant.said) in known
        if not supported and not (meant.field in _OF_THE_WISH and meant.value in wished):
            yield meant.said


def _numbered(number: str, product: Product) -> str:
    """The attribute that a number stands for; "description" where it only stands in the text."""
    keys = (key for key, values in product.attributes.items() for names in values if number in numbers(names["en"]))
    return next(keys, "description")


def _budget_numbers(limits: Limits) -> Iterator[str]:
    for bound in (limits.lowest, limits.highest):
        if bound:
            yield from numbers(f"{bound.major.normalize():f}")


def _qualities(said: str, language: str) -> Iterator[str]:
    """The qualities that the sentence claims, by key."""
    text = Said.of(said, language)
    for key, words in _words().items():
        if any(True for word in words for _ in word.places(text)):
            yield key


def _stands(quality: str, known: str) -> bool:
    """Whether one of the words for a quality stands in what is stored, in any language."""
    return quality != _NEVER and any(word.exact.search(known) for word in _words()[quality])


@cache
def _words() -> dict[str, list[Word]]:
    rows: dict[str, dict[str, list[str]]] = yaml.safe_load(_QUALITIES.read_text(encoding="utf-8"))
    return {
        key: [Word(str(word), language) for language, words in row.items() for word in words]
        for key, row in rows.items()
    }


_SENTENCE = re.compile(r"(?:[^.!?。！？\n]|[.](?=\w)|(?<=ซม|มม|กก|มล|ชม)[.])+[.!?。！？]?")  # "1.5", "90 ซม."
_AROUND = ' -–*"“”'


def first_sentence(text: str) -> str:
    """The first sentence of what a model wrote, in one line."""
    match = _SENTENCE.search("\n".join(map(one_line, text.strip().splitlines())).strip(_AROUND))
    return match[0].strip() if match else ""


def one_line(text: str) -> str:
    """A text without line breaks, and without the marks that models put around a sentence."""
    return " ".join(text.split()).strip(_AROUND)
