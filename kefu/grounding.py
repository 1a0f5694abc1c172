"""What an answer's sentences rest on, decided by code: numbers first, then words, then meaning.

Knows texts only: meaning comes as a function, so that no index and no model is known here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kefu.events import Source
from rag.tokens import numbers, terms

Meaning = Callable[[str], Awaitable[Mapping[str, float]]]  # a sentence -> how near each source is to it, by its id

# A sentence that shares this part of its terms with a passage rests on it; one with a number of the passage needs less.
_SHARED = 0.6
_SHARED_WITH_NUMBER = 0.35
# Nearness (see PolicyIndex.nearness) from which meaning alone says so, and with a number of the passage
_NEAR = 0.5
_NEAR_WITH_NUMBER = 0.3
_MIN_TERMS = 3
_LIST_NUMBER = re.compile(r"^\s*(?:[-*•]\s*)?\d{1,2}[.)、．]\s", re.MULTILINE)


@dataclass(frozen=True)
class Ground:
    """What a sentence rests on: the numbers of its sources, from 1; empty where it states no rule, or none of ours."""

    sources: tuple[int, ...]
    unsupported: tuple[str, ...]  # numbers that stand neither in those sources nor in what the shopper wrote


class Grounding:
    """Judges the sentences of one answer."""

    def __init__(self, sources: Sequence[Source], asked: Iterable[str], meaning: Meaning) -> None:
        self._sources = [
            (s, set(terms(f"{s.title} {s.heading} {s.text}")), set(numbers(f"{s.heading} {s.text}"))) for s in sources
        ]
        self._asked = {number for text in asked for number in numbers(text)}
        self._meaning = meaning
        self._given: dict[str, None] = {}  # in order
        self._carried: set[str] = set()

    async def of(self, sentence: str) -> Ground:
        """What the answer's next sentence rests on."""
        said = set(terms(sentence))
        counted = [n for n in numbers(_LIST_NUMBER.sub(" ", sentence)) if n not in self._asked]
        cited = self._by_words(said, set(counted)) if len(said) >= _MIN_TERMS or counted else ()
        if not cited and self._sources and len(said) >= _MIN_TERMS:
            cited = self._by_meaning(await self._meaning(sentence), set(counted))
        carried = {n for source, _, its_numbers in self._sources if source.number in cited for n in its_numbers}
        self._carried |= carried
        self._given |= dict.fromkeys(counted)
        return Ground(cited, tuple(number for number in dict.fromkeys(counted) if number not in carried))

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The numbers so far that stand in no cited passage of the whole answer, nor in what the shopper wrote."""
        return tuple(number for number in self._given if number not in self._carried)

    def _by_words(self, said: set[str], counted: set[str]) -> tuple[int, ...]:
        ranked: list[tuple[int, float, Source, set[str]]] = []
        for source, its_terms, its_numbers in self._sources:
            shared = len(said & its_terms) / max(1, len(said))
            carried = counted & its_numbers
            if shared >= (_SHARED_WITH_NUMBER if carried else _SHARED):
                ranked.append((len(carried), shared, source, carried))
        ranked.sort(key=lambda entry: (-entry[0], -entry[1], entry[2].number))
        chosen: list[int] = []
        left = set(counted)
        for _, _, source, carried in ranked:
            if not chosen or carried & left:
                chosen.append(source.number)
                left -= carried
        return tuple(sorted(chosen))

    def _by_meaning(self, near: Mapping[str, float], counted: set[str]) -> tuple[int, ...]:
        """The nearest source, if near enough; where the sentence has numbers, only one that has some of them."""
        known = [(near.get(source.id, 0.0), source, counted & its_numbers) for source, _, its_numbers in self._sources]
        fitting = [entry for entry in known if entry[2] or not counted]
        if not fitting:
            return ()
        nearness, source, carried = max(fitting, key=lambda entry: entry[0])
        return (source.number,) if nearness >= (_NEAR_WITH_NUMBER if carried else _NEAR) else ()
