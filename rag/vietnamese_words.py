"""How likely Vietnamese words are and which syllable follows which: the shipped counts, widened by a shop's own texts.

Counts come from build_diacritics.py; data/README.md describes the files. Knows nothing of messages or passages.
"""

from __future__ import annotations

import gzip
import math
import sys
import threading
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from rag.tokens import strip_marks
from rag.vietnamese import END, MARKERS, START, runs

DATA = Path(__file__).parent / "data"
MAX_SYLLABLES = 4  # in a word
_ALONE = 0.35  # how far a word is judged by itself, not by the syllable before it: results are flat from 0.25 to 0.5
_SHOP_SHARE = 0.1  # of all words, once there are texts of the shop
_SHOP_PAIR = 10  # a pair of syllables in these counts as so many of the table's


class Reading(NamedTuple):
    """A word that some bare syllables may stand for, and the log of its share of all words."""

    syllables: tuple[str, ...]
    log_share: float


class Table(NamedTuple):
    """The shipped counts. A line stays text until it is needed, which keeps them small."""

    words: dict[str, str]  # "doi tra": "đổi trả 830\tdối trá 57"
    begins: dict[str, int]  # "đổi": how many words begin with it
    followers: dict[str, str]  # "đổi": "tiền 12 trả 305"
    total: int  # words


class WordModel:
    """Every method may be called from any thread."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._table = _table()
        self._words: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._begins: Counter[str] = Counter()
        self._followers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            self._learn(text)
        self._total = self._begins.total()
        self.readings = lru_cache(maxsize=4096)(self._readings)
        self._after = lru_cache(maxsize=1024)(self._read_followers)

    def link(self, left: str, first: str) -> float:
        """The log of how much likelier than elsewhere a word beginning with `first` is after the syllable `left`."""
        total, counts = self._after(left)
        if first not in counts:
            return _UNSEEN
        elsewhere = self._share(self._table.begins.get(first, 1), self._begins[first])
        return math.log(_ALONE + (1 - _ALONE) * counts[first] / (total + 1) / elsewhere)

    def _readings(self, bare: str) -> tuple[Reading, ...]:
        """Every word that is written so without its marks; `bare` is its syllables with a space between."""
        own = self._words.get(bare, Counter())
        counts = Counter(dict(_parsed_words(self._table.words.get(bare, ""))))
        return tuple(
            Reading(tuple(word.split(" ")), math.log(self._share(counts[word], own[word])))
            for word in dict.fromkeys([*counts, *own])
        )

    def _read_followers(self, left: str) -> tuple[int, Counter[str]]:
        fields = self._table.followers.get(left, "").split()
        counts = Counter(dict(zip(map(sys.intern, fields[::2]), map(int, fields[1::2]), strict=True)))
        for first, count in self._followers.get(left, {}).items():
            counts[first] += _SHOP_PAIR * count
        return counts.total(), counts

    def _share(self, count: int, own: int) -> float:
        if not self._total:
            return count / self._table.total
        return (1 - _SHOP_SHARE) * count / self._table.total + _SHOP_SHARE * own / self._total

    def _learn(self, text: str) -> None:
        """Count the longest known words of a text that carries its marks."""
        for run in runs(unicodedata.normalize("NFC", text)):
            syllables = [word.syllable for word in run]
            for left, right in zip([START, *syllables], [*syllables, END], strict=True):
                self._followers[left][right] += 1
            for word in longest_words([*syllables, END], self._known):
                self._words[bare(word)][word] += 1
                self._begins[word.split(" ")[0]] += 1

    def _known(self, word: str) -> bool:
        return f"\t{word} " in f"\t{self._table.words.get(bare(word), '')}"


def longest_words(syllables: Sequence[str], known: Callable[[str], bool]) -> Iterator[str]:
    """The syllables as words: from left to right, the longest known one, else the syllable."""
    i = 0
    while i < len(syllables):
        for n in range(min(MAX_SYLLABLES, len(syllables) - i), 0, -1):
            word = " ".join(syllables[i : i + n])
            if n == 1 or known(word):
                break
        yield word
        i += n


def bare(word: str) -> str:
    """The word as a key of the table: without its marks."""
    return " ".join(map(_bare_syllable, word.split(" ")))


@lru_cache(maxsize=8192)
def _bare_syllable(syllable: str) -> str:
    return syllable if syllable in MARKERS else strip_marks(syllable)


_UNSEEN = math.log(_ALONE)
_loading = threading.Lock()


def _parsed_words(line: str) -> list[tuple[str, int]]:
    return [(word, int(count)) for word, _, count in (field.rpartition(" ") for field in line.split("\t") if field)]


def _table() -> Table:
    with _loading:
        return _load()


@cache
def _load() -> Table:
    words, begins, followers = {}, {}, {}
    with gzip.open(DATA / "vi-words.tsv.gz", "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            bare, _, rest = line.rstrip("\n").partition("\t")
            words[bare] = rest
    with gzip.open(DATA / "vi-syllables.tsv.gz", "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            syllable, count, rest = line.rstrip("\n").split("\t")
            begins[syllable], followers[syllable] = int(count), rest
    return Table(words, begins, followers, sum(begins.values()))
