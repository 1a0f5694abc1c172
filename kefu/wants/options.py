"""Option words ("size L", "màu đen", "大一码") against the variants of a product: which are named, and as what is
wanted or as what is not; and the variant that has them. Knows products, no order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kefu.wants.described import looks
from kefu.wants.spoken import Said, Span, Word, cased, folded, widest, word_list
from rag.tokens import strip_marks
from shop.views import Names, Product, Variant

Role = Literal["wanted", "unwanted", "named"]

_NEAR = 14  # letters between "to" or "instead of" and its option
_SIZE_ORDER = ("xs", "s", "m", "l", "xl", "2xl", "3xl", "4xl", "5xl")
_SHORT_THAI = 5
_UNITS = re.compile(r"\s*(?:days?|weeks?|hours?|%|ngày|tuần|天|日|月|点|วัน|k\b|元|块|đ\b|บาท)")
_PREFIX = re.compile(r"^(?:eu|us|uk|cn|size|cỡ|sz)\s*(?=\d)")


@dataclass(frozen=True)
class Value:
    """One value of an option: ("size", "M")."""

    option: str
    name: str  # in the data's first language


@dataclass(frozen=True)
class Named:
    """A value that a message names, where, and how."""

    value: Value
    start: int
    end: int
    role: Role


def value_of(option: str, names: Names) -> Value:
    return Value(option, names.get("en") or next(iter(names.values()), ""))


def values_of(options: Mapping[str, Names]) -> frozenset[Value]:
    return frozenset(value_of(option, names) for option, names in options.items())


def named_values(said: Said, products: Iterable[Product]) -> list[Named]:
    """Every option value of the products that the message names, in order."""
    known = {value_of(o, names): names for p in products for v in p.variants for o, names in v.options.items()}
    spelt = [(span, value) for value, names in known.items() for span in _spelt(said, value, names)]
    meant = _meant(said, known)
    covered = [span for span, _ in spelt]
    # The data's own word for a value wins over the list's: "blue" is not "navy" where both are sold
    found = spelt + [
        (span, value) for span, value in meant if not any(c.start < span.end and span.start < c.end for c in covered)
    ]
    keep = set(widest(sorted({span for span, _ in found})))
    ordered = sorted(((s.start, s.end, v) for s, v in found if s in keep), key=lambda row: (row[0], row[2].name))
    return _with_roles(said, ordered)


def _spelt(said: Said, value: Value, names: Names) -> list[Span]:
    """Where one of its names stands as it is."""
    found: set[Span] = set()
    for language, name in names.items():
        plain_name = _PREFIX.sub("", folded(name).strip())
        if not plain_name or re.fullmatch(r"(?:[2-5]?x{0,4}[sml])", plain_name):
            continue  # letters are read by `letter_sizes`
        if language == "th" and value.option.startswith("colo") and len(plain_name) <= _SHORT_THAI:
            plain_name = "สี" + plain_name.removeprefix("สี")  # "เงิน" alone is money
        word = Word(plain_name, language if language != "en" else "")
        found |= {Span(*match.span(), "") for match in word.places(said) if _fits(said, match, plain_name)}
        if re.search(r"\d\s*[a-z]", plain_name):  # "256 GB"
            spaced = re.compile(
                r"(?<!\d)" + re.sub(r"(?<=\d)\s*(?=[a-z])", r"\\s*", re.escape(plain_name)) + r"(?![a-z])"
            )
            found |= {Span(*match.span(), "") for match in spaced.finditer(said.text)}
    return list(found)


def _fits(said: Said, match: re.Match[str], name: str) -> bool:
    """A bare number is an option only without a unit of something else, one digit only beside a word for sizes."""
    if not name.replace(".", "").isdigit():
        return True
    if _UNITS.match(said.text, match.end()):
        return False
    sizes = word_list("swaps").spans(said, ["size"])
    return len(name) > 1 or any(abs(match.start() - s.end) <= 4 or abs(s.start - match.end()) <= 2 for s in sizes)


def _meant(said: Said, known: Mapping[Value, Names]) -> list[tuple[Span, Value]]:
    """The values for which a word of the same colour, material or size stands. Where none is just "blue", "sky blue"
    is."""
    found = []
    for span in looks(said):
        exact = [value for value, names in known.items() if span.key in _keys(tuple(names.values()))]
        wide = [
            value for value, names in known.items() if span.key in _wide_keys(names.get("en", ""), names.get("zh", ""))
        ]
        found += [(Span(span.start, span.end, ""), value) for value in exact or wide]
    return found


@lru_cache(maxsize=8192)
def _keys(names: tuple[str, ...]) -> frozenset[str]:
    """What a value's names say by the lists."""
    known = [Said(folded(name), cased(name).upper(), "") for name in names]
    return frozenset(span.key for name in known for span in looks(name))


@lru_cache(maxsize=8192)
def _wide_keys(*names: str) -> frozenset[str]:
    """Also by the words within others: "sky blue" is a blue. (Vietnamese says "xanh" of green and blue.)"""
    return frozenset(span.key for name in names for span in word_list("looks").spans(Said(folded(name), name, "")))


def _with_roles(said: Said, found: Sequence[tuple[int, int, Value]]) -> list[Named]:
    words = word_list("swaps")
    markers = widest(words.spans(said, ["to", "instead_of"]))
    named: list[Named] = []
    for start, end, value in found:
        near = [marker for marker in markers if 0 <= start - marker.end <= _NEAR and not _between(found, marker, start)]
        role: Role = "named"
        if near:
            role = "wanted" if max(near, key=lambda marker: marker.end).key == "to" else "unwanted"
        elif named and (start == named[-1].start or start - named[-1].end <= _NEAR):
            role = named[-1].role if not _marker_after(markers, named[-1].end, start) else "named"
        named.append(Named(value, start, end, role))
    return named


def _between(found: Sequence[tuple[int, int, Value]], marker: Span, start: int) -> bool:
    """Whether another value stands between the marker and this one."""
    return any(marker.end <= other and end <= start for other, end, _ in found)


def _marker_after(markers: Sequence[Span], start: int, end: int) -> bool:
    return any(start <= marker.start and marker.end <= end for marker in markers)


def step(said: Said) -> int:
    """How many sizes up (or, negative, down) are asked for; 0 for none. "Bigger than I thought" asks for none."""
    words = word_list("swaps")
    if words.says(said, "than_thought"):
        return 0
    size = 2 if words.says(said, "two_steps") else 1
    up, down = words.says(said, "larger"), words.says(said, "smaller")
    return 0 if up == down else size if up else -size


def stepped(product: Product, own: Mapping[str, Names], by: int) -> Value | None:
    """The size that lies `by` places from the item's own in the order of the product's sizes."""
    option = next((o for o in own if "size" in strip_marks(o)), None)
    if option is None:
        return None
    sizes = sorted({value_of(option, v.options[option]) for v in product.variants if option in v.options}, key=_rank)
    at = sizes.index(value_of(option, own[option])) if value_of(option, own[option]) in sizes else None
    return sizes[at + by] if at is not None and 0 <= at + by < len(sizes) else None


def _rank(value: Value) -> tuple[int, float, str]:
    name = folded(value.name)
    keys = [key.removeprefix("size_") for key in _keys((value.name,)) if key.startswith("size_")]
    number = re.search(r"\d+(?:\.\d+)?", name)
    if keys and keys[0] in _SIZE_ORDER:
        return 0, _SIZE_ORDER.index(keys[0]), name
    return 1, float(number[0]) if number else 0.0, name


def variants_with(product: Product, own: Mapping[str, Names], wanted: Iterable[Value]) -> list[Variant]:
    """The variants that have one wanted value of each option that is wanted, keeping as many of the item's other
    options as can be. More than one: the words leave it open."""
    by_option: dict[str, set[Value]] = {}
    for value in wanted:
        by_option.setdefault(value.option, set()).add(value)
    fitting = [v for v in product.variants if all(values & values_of(v.options) for values in by_option.values())]
    others = {value for value in values_of(own) if value.option not in by_option}
    kept = max((len(values_of(v.options) & others) for v in fitting), default=0)
    return [v for v in fitting if len(values_of(v.options) & others) == kept]
