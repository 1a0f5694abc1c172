"""What a message looks for, by words: the catalogue's own in every language, and lists of what shoppers say.

No model is asked. Knows no search; kefu.products.understand adds what a model reads between the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from kefu.products.intent import Field, Intent, Meant
from kefu.wants.budgets import Budget, budget
from kefu.wants.described import letter_sizes
from kefu.wants.spoken import Said, Span, Word, folded, len_, word_list
from shop import numbers
from shop.limits import Order
from shop.product_words import COLOUR, SIZE, category_names, wider_categories
from shop.views import Names

_WORDS = Path(__file__).parent / "words"
_USUAL = 3  # English words for one thing that a search is widened by
_WITHIN = 0.4  # of a narrower kind's words that its wider one has too
_NEAR_NO = 14  # letters between a "not" and what it is said of
_ALSO = re.compile(r"[\s,，、和或/]|and|or|và|hay|หรือ|และ|กับ|太|色|的|màu|สี|any|too|quá")
_OF_FIELD: Mapping[str, Field] = {
    "material": "material", "colour": "colour", "style": "style", "pattern": "style", "season": "season", "fit": "fit",
    "occasion": "occasion", "feature": "feature",
}  # fmt: skip
_SIZE_SAID = re.compile(
    r"(?:size|sz|cỡ|số|ไซส์|ไซซ์|เบอร์|尺码|码数|eu)\s?(\d{2,3})(?!\d)|(\d{2,3})\s?(?:码|碼|号鞋|号的)"
)
_AGE = re.compile(r"(?<!\d)(\d{1,2})[\s-]?(?:岁|歲|tuổi|ขวบ|years?[\s-]olds?)")
_CHILD = 12  # years, and younger


@dataclass(frozen=True)
class _Entry:
    """Words for one thing, and what they mean."""

    meant: Meant
    words: tuple[Word, ...]


class Vocabulary:
    """The words that are understood, for one state of the catalogue. `values`: what products differ by, (attribute,
    English name) with its names; `categories`: those that there are."""

    def __init__(self, values: Mapping[tuple[str, str], Names], categories: Iterable[str]) -> None:
        self.values = dict(values)
        self.categories = sorted(categories)
        self._all = [*self._of_categories(), *self._of_catalogue(), *self._of_lists()]
        self._entries = [entry for entry in self._all if entry.meant.of]
        self._sizes = {_size_key(name): name for attribute, name in self.values if attribute == SIZE}

    def intent(self, text: str, language: str, currency: str) -> Intent:
        """What a message says; `currency` (ISO 4217) is what its prices are in where it names none."""
        money = budget(text, currency)
        spent = _said_whole(money, text)
        said = Said.of(numbers.without(text.replace(spent, money.said) if money else text), language)
        found = self._heard(said, self._entries)
        return Intent(
            language=language,
            text=text,
            meant=_once([*self._with_nots(said, found), *self._sizes_said(said), *self._of_age(said)]),
            lowest=money.lowest if money else None,
            highest=money.highest if money else None,
            budget_said=spent,
            order=superlative(said),
        )

    def claims(self, text: str, language: str) -> Sequence[Meant]:
        """What a sentence says of a product, by the same words, and be it what nothing in the catalogue has."""
        said = Said.of(text, language)
        return _once([*self._with_nots(said, self._heard(said, self._all)), *self._sizes_said(said)])

    def means(self, field: Field, value: str) -> tuple[str, ...] | None:
        """The catalogue's values behind a value of a field; None for one that nobody knows."""
        if field == "size":
            name = self._sizes.get(_size_key(value))
            return (f"{SIZE}:{name}",) if name else None
        known = [e.meant.of for e in self._entries if e.meant.field == field and e.meant.value == value]
        return known[0] if known else None

    def called(self, text: str, language: str) -> frozenset[str]:
        """The words, in every language, for the kinds of goods that a message names: "รองเท้าผ้าใบ" is also "sneaker".
        Of "shoes" and "sneakers" the narrower one counts."""
        kinds = word_list("goods").heard(Said.of(text, language))
        rows = _rows("goods")
        narrow = [kind for kind in kinds if not any(o != kind and _narrower(rows[o], rows[kind]) for o in kinds)]
        return frozenset(folded(str(word)) for kind in narrow for _, words in _each_of(rows[kind]) for word in words)

    def listed(self, field: Field) -> list[str]:
        """The values of a field that the lists of words name, or the categories that there are."""
        return self.categories if field == "category" else [v for v in self.known(field) if v in _likes()]

    def words(self, languages: Iterable[str]) -> dict[str, list[str]]:
        """The words for every value that a list names, for every category and every colour."""
        listed = {*_likes(), *_looks(), *self.categories}
        found: dict[str, list[str]] = {}
        for entry in self._entries:
            if entry.meant.value in listed:
                found.setdefault(entry.meant.value, []).extend(w.text for w in entry.words if w.language in languages)
        return found

    def english(self, text: str, language: str) -> str:
        """Those of the words that are known, in English: what a catalogue in English is searched with, too."""
        said = Said.of(text, language)
        places = [
            (Span(*match.span(), str(number)), english)
            for number, (words, english) in enumerate(_glossary())
            for word in words
            for match in word.places(said)
        ]
        kept = set(_apart([span for span, _ in places]))
        return " ".join(dict.fromkeys(word for span, words in sorted(places) if span in kept for word in words))

    def known(self, field: Field) -> list[str]:
        """The values that a field can take."""
        if field == "size":
            return list(self._sizes.values())
        return list(dict.fromkeys(entry.meant.value for entry in self._entries if entry.meant.field == field))

    def colour_family(self, name: str) -> tuple[str, ...]:
        """The catalogue's colours in the family of one: "blue" -> blue, navy, sky blue, …"""
        colours = [value for attribute, value in self.values if attribute == COLOUR]
        named = {family for family, words in _families().items() if name in (family, *words)}
        own = {c for c in colours if named & {f for f, words in _families().items() if c in (f, *words)}}
        return tuple(sorted(own | {c for c in colours if c == name or name in c.split()}))

    # What was heard

    def _heard(self, said: Said, entries: Iterable[_Entry]) -> list[tuple[Span, Meant]]:
        places: list[tuple[Span, Meant]] = []
        for number, entry in enumerate(entries):
            for word in entry.words:
                places += [(Span(*match.span(), str(number)), entry.meant) for match in word.places(said)]
        kept = set(_apart([span for span, _ in places]))
        return sorted({place for place in places if place[0] in kept}, key=lambda place: (place[0], place[1].value))

    def _with_nots(self, said: Said, found: Iterable[tuple[Span, Meant]]) -> Iterator[Meant]:
        """What was meant, each as what it should be or must not be: "no black or red" denies both."""
        spans = [span for span, _ in found]
        nots = [
            no
            for no in word_list("looking_for").spans(said, ["not"])
            if not any(span.start < no.end and no.start < span.end for span in spans)
        ]
        ends: list[tuple[int, Field | None]] = [(no.end, None) for no in nots]
        for span, meant in found:
            denied = any(
                end <= span.start <= end + _NEAR_NO
                and of in (None, meant.field)
                and _joins(said.text[end : span.start])
                for end, of in ends
            )
            if denied:
                ends.append((span.end, meant.field))
            field: Field = "must_not" if denied else meant.field
            yield meant.model_copy(update={"field": field, "said": said.text[span.start : span.end]})

    def _sizes_said(self, said: Said) -> Iterator[Meant]:
        named = [(span.key.removeprefix("size_"), said.cased[span.start : span.end]) for span in letter_sizes(said)]
        named += [((match[1] or match[2]), match[0]) for match in _SIZE_SAID.finditer(said.text)]
        for size, words in named:
            if name := self._sizes.get(size):
                yield Meant(field="size", value=name, said=words, of=(f"{SIZE}:{name}",))

    def _of_age(self, said: Said) -> Iterator[Meant]:
        """ "for a 5-year-old": a child."""
        of = self.means("recipient", "child")
        for match in _AGE.finditer(said.text):
            if of and int(match[1]) <= _CHILD:
                yield Meant(field="recipient", value="child", said=match[0], of=of)

    # What can be heard

    def _of_categories(self) -> Iterator[_Entry]:
        for key in self.categories:
            words = category_names().get(key) or {"en": [key.replace("_", " ")]}
            yield _Entry(_meant("category", key, [f"category:{key}"]), tuple(_each(words)))
        for wider in wider_categories():
            of = [key for key in wider["of"] if key in self.categories]
            if of:
                name = wider["en"][0]
                yield _Entry(_meant("category", name, [f"category:{key}" for key in of]), tuple(_each(wider)))

    def _of_catalogue(self) -> Iterator[_Entry]:
        for (attribute, value), names in self.values.items():
            if field := _OF_FIELD.get(attribute):
                of = [f"{attribute}:{value}"]
                if field == "colour" and value in _families():
                    of = [f"{COLOUR}:{name}" for name in self.colour_family(value)]
                words = {language: [name] for language, name in names.items()}
                yield _Entry(_meant(field, value, of), tuple(_each(words)))

    def _of_lists(self) -> Iterator[_Entry]:
        there = {f"{attribute}:{value}" for attribute, value in self.values}
        for key, row in _likes().items():
            of = [value for value in row["of"] if value in there or value[0] in "<>"]
            yield _Entry(_meant(cast(Field, row["field"]), key, of), tuple(_each(row)))
        for key, words in _looks().items():
            of = [f"{COLOUR}:{name}" for name in self.colour_family(key)]
            yield _Entry(_meant("colour", key, of), tuple(_each(words)))


def _size_key(name: str) -> str:
    """ "XXL" is 2xl, as it is heard."""
    letters = name.casefold()
    return f"{len(letters) - 1}{letters[-2:]}" if re.fullmatch(r"x{2,}[sl]", letters) else letters


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Those that do not overlap with a longer one."""
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda span: -len_(span)):
        if not any(
            o.start < span.end and span.start < o.end and (o.start, o.end) != (span.start, span.end) for o in kept
        ):
            kept.append(span)
    return kept


def _joins(between: str) -> bool:
    """Whether a "not" before these words still holds after them."""
    return not _ALSO.sub("", between).strip()


def _once(meant: Iterable[Meant]) -> tuple[Meant, ...]:
    """Each value of a field once."""
    return tuple({(one.field, one.value): one for one in meant}.values())


def superlative(said: Said) -> Order | None:
    """The order that a message asks for: "cheapest"."""
    heard = word_list("superlatives").heard(said)
    return cast(Order, heard[0]) if heard else None


def comparative(said: Said) -> Order | None:
    """The order that a message asks for of what was found before: "cheaper ones"."""
    heard = word_list("comparatives").heard(said)
    return cast(Order, heard[0]) if heard else None


def _meant(field: Field, value: str, of: Iterable[str]) -> Meant:
    return Meant(field=field, value=value, said="", of=tuple(of))


def _said_whole(money: Budget | None, text: str) -> str:
    """The words of a budget: "30 bucks tops" asks for no top."""
    said = money.said if money else ""
    return f"{said} tops" if said and f"{said} tops" in text else said


def _each_of(row: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield from ((language, row[language]) for language in ("zh", "en", "vi", "th") if language in row)


def _narrower(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether much of one list stands in another, longer one: "sneakers" in "shoes", but not "skirts" in "dresses"."""
    own, others = ({str(word) for _, words in _each_of(row) for word in words} for row in (one, other))
    return len(own) < len(others) and len(own & others) >= _WITHIN * len(own)


def _each(words: Mapping[str, Any]) -> Iterator[Word]:
    for language in ("zh", "en", "vi", "th"):
        yield from (Word(str(word), language) for word in words.get(language, ()))


def _likes() -> dict[str, dict[str, Any]]:
    return _rows("likes")


@cache
def _looks() -> dict[str, dict[str, Any]]:
    """Colours as shoppers name them."""
    return {key: row for key, row in _rows("looks").items() if key in _families() or key in _family_members()}


@cache
def _glossary() -> list[tuple[tuple[Word, ...], tuple[str, ...]]]:
    """Every list's words for one thing, with its usual English ones."""
    rows = [*_likes().values(), *category_names().values(), *_rows("goods").values()]
    rows += [row for key, row in _rows("looks").items() if key != "nothing"]
    return [(tuple(_each(row)), tuple(row["en"][:_USUAL])) for row in rows]


@cache
def _rows(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((_WORDS / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


@cache
def _families() -> dict[str, list[str]]:
    found: dict[str, list[str]] = yaml.safe_load((_WORDS / "colour_families.yaml").read_text(encoding="utf-8"))
    return found


def _family_members() -> set[str]:
    return {name for names in _families().values() for name in names}
