"""Gives Vietnamese typed without its marks the marks back, before it is embedded: "doi tra sao" -> "đổi trả sao".

Of all ways to read a message as words, the likeliest wins. Knows nothing of policies, vectors or conversations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from rag.tokens import strip_marks
from rag.vietnamese import END, FOREIGN, MARKERS, START, Word, runs
from rag.vietnamese_words import MAX_SYLLABLES, Reading, WordModel

__all__ = ["Restorer", "needs_restoring", "restore"]

_RARE = -12.0  # the log share of a phrase that is not among the counts
_BEAM = 8.0  # a reading e^8 times less likely than the best one so far is dropped

# Frequent English words, few of which could be Vietnamese: with them a message is no toneless Vietnamese
_ENGLISH = frozenset(
    "i is are was were does did it its my your you they we there this these those what when where which who"
    " why how of for with from and or if not but have has had will would should could please any some get got want"
    " need return order".split()
)

_OTHER_SCRIPT = re.compile(r"[\u0370-\u1dff\u2e80-\ud7ff]")  # Latin is below and, with Vietnamese, between


def needs_restoring(text: str) -> bool:
    """Whether this is Vietnamese without its marks: half of the words or more may be Vietnamese syllables or short
    forms of chat, and less than half of these carry a mark. A letter of another script counts as a word."""
    words = [word for run in runs(_composed(text)) for word in run if word.text.isalpha()]
    ours = [word for word in words if word.short_for or word.bare not in MARKERS]
    others = len(words) - len(ours) + len(_OTHER_SCRIPT.findall(text))
    english = sum(word.text.lower() in _ENGLISH for word in words)
    return len(ours) - 4 * english >= others and 2 * sum(word.marked for word in ours) < len(ours)


def restore(text: str) -> str:
    """The text with its marks, by the shipped counts alone; see Restorer."""
    return _shipped().restore(text)


class Restorer:
    """Restores what shoppers type, with the shop's own words: `texts` are its passages in Vietnamese (0.1 s for 100).
    Every method may be called from any thread."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._model = WordModel(text for text in texts if not needs_restoring(text))

    def restore(self, text: str) -> str:
        """The text in NFC with the marks of its bare words, short forms spelt out ("ko" -> "không"). Words that carry
        marks, numbers and codes, links, foreign words, punctuation and case stay. A text that does not need it comes
        back as it is."""
        if not needs_restoring(text):
            return text
        text = _composed(text)
        pieces, done = [], 0
        for run in runs(text):
            for word, found in zip(run, self._likeliest(run), strict=True):
                if not word.marked and found not in MARKERS:
                    pieces += [text[done : word.start], _in_case(found, word.text)]
                    done = word.end
        return "".join([*pieces, text[done:]])

    def _likeliest(self, run: Sequence[Word]) -> list[str]:
        """What each word of the run stands for, a marker where it stays: Viterbi over readings."""
        # For every place between words, by the syllable before it: the best way there
        ways: list[dict[str, _Way]] = [{START: _Way(0.0, 0, "", ())}, *({} for _ in run)]
        for i in range(len(run)):
            bar = max(way.score for way in ways[i].values()) - _BEAM
            before = [(left, way.score) for left, way in ways[i].items() if way.score > bar]
            into: dict[str, tuple[float, str]] = {}
            for end, (syllables, log_share) in self._readings(run, i):
                first, last = syllables[0], syllables[-1]
                if first not in into:
                    into[first] = max((score + self._model.link(left, first), left) for left, score in before)
                score = into[first][0] + log_share
                if last not in ways[end] or score > ways[end][last].score:
                    ways[end][last] = _Way(score, i, into[first][1], syllables)
        end = len(run)
        last = max((way.score + self._model.link(last, END), last) for last, way in ways[end].items())[1]
        found: list[str] = []
        while end:
            way = ways[end][last]
            found[:0] = [" ".join(way.syllables)] if end == way.start + 1 else way.syllables
            end, last = way.start, way.left
        return found

    def _readings(self, run: Sequence[Word], i: int) -> Iterator[tuple[int, Reading]]:
        """What may begin at word i of the run, and the place where it ends."""
        readings = [(i + 1, reading) for phrase in run[i].short_for for reading in self._spelt(phrase)]
        bare = ""
        for end in range(i + 1, min(len(run), i + MAX_SYLLABLES) + 1):
            if run[end - 1].bare in MARKERS:
                break
            bare = f"{bare} {run[end - 1].bare}" if bare else run[end - 1].bare
            readings += [(end, reading) for reading in self._model.readings(bare) if _agree(run[i:end], reading)]
        if not any(end == i + 1 for end, _ in readings):  # there must be a way on
            unknown = run[i].syllable if run[i].marked else run[i].bare if run[i].bare in MARKERS else FOREIGN
            readings.append((i + 1, Reading((unknown,), 0.0)))
        yield from readings

    def _spelt(self, phrase: str) -> Iterator[Reading]:
        """A short form's phrase as a reading."""
        known = [
            reading for reading in self._model.readings(strip_marks(phrase)) if " ".join(reading.syllables) == phrase
        ]
        yield from known or [Reading(tuple(phrase.split(" ")), _RARE)]


class _Way(NamedTuple):
    """The likeliest way to a place in a run: its last word's syllables, where that begins, the syllable before it."""

    score: float
    start: int
    left: str
    syllables: tuple[str, ...]


def _agree(words: Sequence[Word], reading: Reading) -> bool:
    return all(not w.marked or w.syllable == s for w, s in zip(words, reading.syllables, strict=True))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _in_case(found: str, typed: str) -> str:
    if len(typed) > 1 and typed.isupper():
        return found.upper()
    return found[0].upper() + found[1:] if typed[0].isupper() else found


@cache
def _shipped() -> Restorer:
    return Restorer()
