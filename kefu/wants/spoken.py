"""A shopper's message as words are looked for in it, and the word lists of kefu/wants/words/*.yaml. Knows no order.

Han and Thai words stand anywhere, for want of spaces; Latin ones stand alone, in any case, with or without a plural.
Vietnamese words are also found without their marks, but only in a message that is typed so: "đến" is not "đen".
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import yaml

from rag.diacritics import needs_restoring, restore
from rag.tokens import strip_marks
from rag.vietnamese import one_spelling
from shop.numbers import find, plain

_WORDS = Path(__file__).parent / "words"
LATIN = "a-z\u00df-\u024f\u1e00-\u1eff"  # lower case
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_BEFORE_A_LOOK = re.compile(r"\b(?:mau|ao|vay|dam|khan|giay|dep|quan|tui|mu|mi|thun|cai|chiec|doi)\s+$")  # "ao den"
_LONGEST = 1000  # characters of a message that are looked at, the last ones
MOST_PARTS = 12  # that it is split into; what follows stays in one
_SHORT = 4  # letters: a bare Vietnamese word of no more is often another one ("do": đỏ, do, đó)


def cased(text: str) -> str:
    """Half-width, one spelling for a letter with its marks, ASCII digits; case as it was typed."""
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", plain(text)).replace("เเ", "แ"))


def folded(text: str) -> str:
    """As `cased`, in lower case and with one place for a Vietnamese tone, character for character."""
    lower = "".join(low if len(low := c.lower()) == 1 else c for c in cased(text))
    return one_spelling(lower)


class Span(NamedTuple):
    """Where something stands in a message."""

    start: int
    end: int
    key: str


@dataclass(frozen=True)
class Said:
    """A message: `text` is folded, `cased` the same characters as typed; `restored` is what toneless Vietnamese most
    likely stands for, "" for any other message."""

    text: str
    cased: str
    restored: str

    @classmethod
    def of(cls, text: str, language: str) -> Said:
        text = text[-_LONGEST:]
        toneless = language in ("vi", "") and needs_restoring(text)
        return cls(folded(text), cased(text), folded(restore(text)) if toneless else "")

    @cached_property
    def bare(self) -> str:
        """The text without marks, character for character."""
        return strip_marks(self.text)

    def part(self, start: int, end: int) -> Said:
        """The message from `start` to `end`."""
        return Said(self.text[start:end], self.cased[start:end], self.restored)

    def split(self, at: re.Pattern[str]) -> list[Said]:
        """The parts between the matches, without empty ones."""
        found = itertools.islice(at.finditer(self.text), MOST_PARTS - 1)
        ends = [0, *(place for match in found for place in match.span()), len(self.text)]
        parts = [self.part(start, end) for start, end in zip(ends[::2], ends[1::2], strict=True)]
        return [part for part in parts if part.text.strip()]

    def without(self, spans: Iterable[Span]) -> Said:
        """Blanks where the spans are."""
        text, shown = self.text, self.cased
        for start, end, _ in spans:
            blank = " " * (end - start)
            text, shown = text[:start] + blank + text[end:], shown[:start] + blank + shown[end:]
        return Said(text, shown, self.restored)

    def without_numbers(self) -> Said:
        """Blanks where order numbers stood."""
        return self.without(
            Span(*match.span(), number)
            for number in find(self.cased)
            for match in re.finditer(r"#?\s?" + r"[\s-]*".join(map(re.escape, number)), self.cased, re.IGNORECASE)
        )


@dataclass(frozen=True)
class Word:
    """One word or phrase of a list, in its language ("en", "vi", …)."""

    text: str
    language: str

    @cached_property
    def exact(self) -> re.Pattern[str]:
        return re.compile(_bounded(folded(self.text), plural=self.language == "en"))

    @cached_property
    def bare(self) -> re.Pattern[str]:
        return re.compile(_bounded(strip_marks(folded(self.text)), plural=False))

    @cached_property
    def _first(self) -> tuple[str, str]:
        """Its first piece, with and without marks: looked for before a pattern is even made."""
        first = re.split(r"[\s-]+", folded(self.text))[0]
        return first, strip_marks(first)

    @property
    def is_short(self) -> bool:
        return " " not in self.text and len(self.text) <= _SHORT

    def places(self, said: Said) -> Iterable[re.Match[str]]:
        first, bare = self._first
        if self.language != "vi" or not said.restored:
            return self.exact.finditer(said.text) if first in said.text else ()
        if bare not in said.bare:
            return ()
        found = self.bare.finditer(said.bare)
        if self.is_short and not self.exact.search(said.restored):
            return (match for match in found if _BEFORE_A_LOOK.search(said.bare[: match.start()]))
        return found


def _bounded(word: str, plural: bool) -> str:
    gap = r"[\s-]*" if re.search("[\u0e00-\u0e7f\u3400-\u9fff]", word) else r"[\s-]+"
    found = gap.join(map(re.escape, re.split(r"[\s-]+", word)))
    before = f"(?<![{LATIN}'’&])" if re.match(f"[{LATIN}]", word) else "(?<![0-9.,])" if word[0].isdigit() else ""
    after = f"(?![{LATIN}])" if re.search(f"[{LATIN}]$", word) else "(?![0-9])" if word[-1].isdigit() else ""
    if re.search("[\u0e00-\u0e7f]$", word):
        after = "(?![\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])"  # "ใส" is not in "ใส่"
    return before + found + ("(?:e?s|'s)?" if plural and after else "") + after


class WordList:
    """A list of kefu/wants/words: key -> language -> words."""

    def __init__(self, name: str) -> None:
        rows = yaml.safe_load((_WORDS / f"{name}.yaml").read_text(encoding="utf-8"))
        self._words = {
            key: [Word(str(word), language) for language, words in by_language.items() for word in words]
            for key, by_language in rows.items()
        }

    @property
    def keys(self) -> list[str]:
        return list(self._words)

    def spans(self, said: Said, keys: Iterable[str] = ()) -> list[Span]:
        """Where words of the keys (of all, if none is named) stand, in order."""
        found = (
            Span(*match.span(), key)
            for key in keys or self._words
            for word in self._words[key]
            for match in word.places(said)
        )
        return sorted(set(found))

    def heard(self, said: Said, keys: Iterable[str] = ()) -> list[str]:
        """The keys that are named, each once, in order; a word inside a longer one is not heard."""
        return list(dict.fromkeys(span.key for span in widest(self.spans(said, keys))))

    def says(self, said: Said, key: str) -> bool:
        return any(True for word in self._words[key] for _ in word.places(said))


def widest(spans: Sequence[Span]) -> list[Span]:
    """Those that do not lie within a longer one."""
    return [
        span
        for span in spans
        if not any(o.start <= span.start and span.end <= o.end and len_(o) > len_(span) for o in spans)
    ]


def len_(span: Span) -> int:
    return span.end - span.start


@cache
def word_list(name: str) -> WordList:
    """Read once."""
    return WordList(name)
