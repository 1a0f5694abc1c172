"""Whether a sentence about a product claims only what is stored of it: numbers, materials, colours, seasons, qualities,
names. What it points at is told; what nothing stored supports is named. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import yaml

from kefu import retelling, script_lock
from kefu.products.answers import stored
from kefu.products.facts import name_of
from kefu.products.intent import Intent
from kefu.products.reasons import Pointer
from kefu.wants.looking_for import Vocabulary
from kefu.wants.spoken import Said, Word, folded, word_list
from kefu.words import spoken
from rag.tokens import numbers
from shop import ranking
from shop.limits import Limits
from shop.search import Hit
from shop.views import Product

_QUALITIES = Path(__file__).parent / "qualities.yaml"
_LINKING = Path(__file__).parent / "linking.yaml"
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
    wrong += [name for name in map(_plain_name, _names_in(said, intent.language)) if name not in known + asked]
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


def _names_in(said: str, language: str) -> Iterable[str]:
    """What may name a thing, a place, a brand, by its capitals or its Latin letters."""
    return retelling.names(said, language)


def _plain_name(name: str) -> str:
    return folded(name)


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


def strange(said: str, told: Iterable[str], language: str) -> list[str]:
    """The words of a sentence that stand neither in the texts that it was made from nor among the linking ones. What no
    list of claims foresees, a sense, a purpose, a kind of goods, is found so."""
    known, text, language = folded("\n".join(told)), folded(said), spoken(language)
    if script_lock.own(language):
        return _uncovered(text, known, language)
    words = {*_WORDS.findall(known), *(part for word in _linking()[language] for part in folded(word).split())}
    return [
        word for word in _WORDS.findall(text) if not words & {word, word.removesuffix("s"), f"{word}s", f"{word}es"}
    ]


def _uncovered(text: str, known: str, language: str) -> list[str]:
    """The letters of a script without spaces that lie in no run of some letters that the known text has, too."""
    shortest, covered = _RUN[language], set[int]()
    for start in range(len(text)):
        end = start + shortest
        while end <= len(text) and text[start:end] in known:
            covered.update(range(start, end))
            end += 1
    for word in map(folded, _linking()[language]):
        covered.update(place for match in re.finditer(re.escape(word), text) for place in range(*match.span()))
    left = "".join(c if c.isalpha() and at not in covered else " " for at, c in enumerate(text))
    return left.split()


_WORDS = re.compile(r"[^\W\d_]+")
_RUN = {"zh": 2, "th": 4}  # letters: a Thai syllable has three or four


@cache
def _linking() -> dict[str, list[str]]:
    found: dict[str, list[str]] = yaml.safe_load(_LINKING.read_text(encoding="utf-8"))
    return found


_SENTENCE = re.compile(r"(?:[^.!?。！？\n]|[.](?=\w)|(?<=ซม|มม|กก|มล|ชม)[.])+[.!?。！？]?")  # "1.5", "90 ซม."
_AROUND = ' -–*"“”'


def first_sentence(text: str) -> str:
    """The first sentence of what a model wrote, in one line."""
    match = _SENTENCE.search("\n".join(map(one_line, text.strip().splitlines())).strip(_AROUND))
    return match[0].strip() if match else ""


def one_line(text: str) -> str:
    """A text without line breaks, and without the marks that models put around a sentence."""
    return " ".join(text.split()).strip(_AROUND)
