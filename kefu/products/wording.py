"""Whether a sentence tells a product in the words of its data, joined as the data joins them. What no list of claims
foresees, a sense, a purpose, what is true of a part alone ("hand-rolled edges" became "a hand-rolled scarf"), is found
so. Knows no model.

A sentence is read clause by clause as runs of words that stand together in one text of the data, with linking words
between. A run has to keep its head, the last word of English and Chinese and the first one of Vietnamese and Thai; two
that touch have to be true of the whole product; of two that a linking word joins, one has to be, or both follow one
another in the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kefu.products.facts import PARTS, has_unit, in_line, kind, label, name_of, options_of, value_text
from kefu.products.linking import (
    Tokens,
    clauses,
    ends,
    ends_linked,
    link_at,
    listed,
    singular,
    spaced,
    tokens,
    unlinked,
    written,
)
from kefu.products.reasons import Pointer
from kefu.words import spoken
from shop.product_words import COLOUR, SIZE
from shop.views import Product, named

_HEAD_LAST = ("en", "zh")
_SHORTEST = {"zh": 2, "th": 4}  # letters of a run in scripts without spaces: a Thai syllable has three or four


@dataclass(frozen=True)
class _Text:
    """A clause of the data. `of`: an attribute, "name", or "" for the rest; `whole`: true of the whole product;
    `title`: how many words, at its beginning, are an attribute's label; `entire`: said whole or not at all."""

    words: Tokens
    of: str = ""
    whole: bool = False
    title: int = 0
    entire: bool = False


@dataclass(frozen=True)
class _Place:
    """Where in the data the words of a run stand together."""

    text: _Text
    start: int
    end: int

    @property
    def complete(self) -> bool:
        return (self.start, self.end) == (0, len(self.text.words))


@dataclass(frozen=True)
class _Run:
    """Words of a sentence that stand together in the data; in no place where they lack their head."""

    words: str
    places: tuple[_Place, ...]

    @property
    def whole(self) -> bool:
        return any(place.text.whole for place in self.places)

    @property
    def complete(self) -> bool:
        return any(place.complete for place in self.places)

    @property
    def label(self) -> bool:
        """Whether they only say which attribute a value is of."""
        return bool(self.places) and all(place.end <= place.text.title for place in self.places)

    @property
    def may_be_a_material(self) -> bool:
        return any(place.text.of in ("", "name", "material") for place in self.places)

    @property
    def names_it(self) -> bool:
        """Whether they are the product's name or kind."""
        return any(place.text.of == "name" for place in self.places)

    def followed_by(self, other: _Run) -> bool:
        """Whether both stand in one text, in this order."""
        return any(a.text is b.text and a.end <= b.start for a in self.places for b in other.places)


def unfounded(said: str, product: Product, claims: Sequence[Pointer], language: str) -> list[str]:
    """The words that the data does not have, or does not join so; none in a sentence that tells the data. `claims`:
    what of the product meets a wish."""
    language = spoken(language)
    texts = [text for text in _texts(product, claims, language) if text.words]
    wrong = [word for clause in clauses(said, language) for word in _wrong(clause, texts, language)]
    return list(dict.fromkeys(wrong))


def _texts(product: Product, claims: Sequence[Pointer], language: str) -> Iterator[_Text]:
    yield _Text(tokens(name_of(product, language), language), "name", whole=True)
    yield _Text(tokens(kind(product, language), language), "name", whole=True)
    yield from (_Text(tokens(claim.text, language), claim.attribute, whole=True) for claim in claims)
    for key, values in product.attributes.items():
        title = label(key, language)
        for text in (value_text(product, key, language), *(in_line(named(names, language)) for names in values)):
            yield _Text(tokens(text, language), key, whole=key not in PARTS and not has_unit(key))
            yield _Text(tokens(f"{title} {text}", language), key, title=len(tokens(title, language)))
            yield _Text(tokens(f"{text} {title}", language), key, entire=True)
    for option in (COLOUR, SIZE):
        yield from (_Text(tokens(value, language)) for value in options_of(product, option, language))
    yield from map(_Text, clauses(in_line(named(product.descriptions, language)), language))


def _wrong(clause: Tokens, texts: Sequence[_Text], language: str) -> Iterator[str]:
    """What is wrong with one clause."""
    before: _Run | None = None
    at, links = 0, list[Tokens]()  # the linking words since the run before
    while at < len(clause):
        link, (length, places) = link_at(clause[at:], language), _longest(clause[at:], texts, language)
        if spaced(language) and (kept := len(unlinked(clause[at : at + length], language))) < length:
            length, places = _longest(clause[at : at + kept], texts, language)
        first = link > 0 and (spaced(language) or clause[at] == " ")  # letters may be of a linking word, or of another
        if length > link and not first:
            run = _Run(written(clause[at : at + length], language), places)
            yield from _misjoined(before, run, linked=bool(links) or link > 0)
            yield from _mislinked(before, links, run, language)
            if before and before.label and not before.followed_by(run):
                yield before.words
            before, links = run, [(" ",)] if ends_linked(clause[: at + length], language) else []
        elif link:
            links.append(clause[at : at + link])
        else:
            yield clause[at]
        at += link if first else max(length, link, 1)
    if before and before.label:
        yield before.words


def _misjoined(before: _Run | None, run: _Run, *, linked: bool) -> Iterator[str]:
    if not run.places:
        yield run.words
    elif before and before.places and not (before.whole and run.whole):
        free = before.whole or run.whole or before.complete or run.complete or before.followed_by(run)
        if not (linked and free):
            yield f"{before.words} + {run.words}"


def _mislinked(before: _Run | None, links: Sequence[Tokens], run: _Run, language: str) -> Iterator[str]:
    """Links that claim something: what it is made of, and what belongs to what."""
    made = any(word in listed("materials", language) for word in links)
    owned = before is not None and any(word in listed("owners", language) for word in links)
    if made and not run.may_be_a_material:
        yield f"{written(links[-1], language)} {run.words}"
    if before and owned and not (before.whole or run.names_it or before.followed_by(run)):
        yield f"{before.words} {written(links[-1], language)} {run.words}"


def _longest(clause: Tokens, texts: Sequence[_Text], language: str) -> tuple[int, tuple[_Place, ...]]:
    """How many words, from the first on, stand together in one text, and where they do so with their head."""
    best, found = 0, list[_Place]()
    for text in texts:
        for start in range(len(text.words)):
            length = _same(clause, text.words[start:], language)
            if text.entire and length < len(text.words):
                continue
            if length < max(1, best, min(_SHORTEST.get(language, 1), len(text.words))):
                continue
            if length > best:
                best, found = length, []
            if _has_head(text, start, start + length, language):
                found.append(_Place(text, start, start + length))
    return best, tuple(found)


def _same(said: Tokens, data: Tokens, language: str) -> int:
    """How many words both begin with. "A strap" may be said where the data has straps, not the other way round."""
    alike = (
        one in (other, singular(other) if language == "en" else other) for one, other in zip(said, data, strict=False)
    )
    return next((at for at, same in enumerate(alike) if not same), min(len(said), len(data)))


def _has_head(text: _Text, start: int, end: int, language: str) -> bool:
    """Whether a run is cut off neither from what it describes nor from what denies it."""
    before = unlinked(text.words[:start], language)  # "not for snow"
    if ends(before, listed("denials", language)) or ends(text.words[:start], listed("denials", language)):
        return False
    if text.of == "name":  # it is the head
        return True
    if end <= text.title:
        return (start, end) == (0, text.title)
    rest = text.words[end:]
    if language not in _HEAD_LAST:
        before, rest = text.words[start:], text.words[:start]
        if text.of:  # "làm quà tặng": to give as a present is a present
            return not unlinked(rest, language)
        return not rest or ends_linked(rest, language) or bool(link_at(before, language))
    return not rest or bool(link_at(rest, language)) or ends_linked(text.words[:end], language)
