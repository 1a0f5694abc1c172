"""Which sentence of an answer rests on which passage, decided by code: the model's own markers are taken out.

Knows texts only: no model, no index, no conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kefu.events import Citation, Source
from rag.tokens import numbers, terms

# A sentence that shares this part of its terms with a passage rests on it; one with a number of the passage needs less.
_SHARED = 0.6
_SHARED_WITH_NUMBER = 0.35
_MIN_TERMS = 3

_MARKER = re.compile(r"\s?(?:\[\^?\d{1,2}(?:\s*[,，]\s*\d{1,2})*\]|【\d{1,2}】)")
_MARKER_BEGUN = re.compile(r"\s?(?:[\[【][\^\d\s,，]{0,10})?$")
# Thai has no full stop: a sentence ends at a polite particle, a line, or the end.
_SENTENCE_END = re.compile(r"[。！？!?]+[”’」』\")]*|(?<!\b\d)\.+[”’\")]*(?=\s)|(?:ครับ|ค่ะ|คะ|นะคะ)(?=\s)|\n+")


class MarkerFilter:
    """Takes citation markers such as `[1]` out of a stream, wherever the chunks were cut."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The next chunk -> what may be shown now; a marker that might be beginning is held back."""
        text = _MARKER.sub("", self._held + text)
        begun = _MARKER_BEGUN.search(text)
        cut = begun.start() if begun else len(text)
        self._held = text[cut:]
        return text[:cut]

    def end(self) -> str:
        """What was held back when the stream ended."""
        held, self._held = self._held, ""
        return held


class Attribution:
    """Follows a growing answer and names, at each sentence's end, the sources it rests on."""

    def __init__(self, sources: Sequence[Source], question: str) -> None:
        self._sources = [
            (s, set(terms(f"{s.title} {s.heading} {s.text}")), set(numbers(f"{s.heading} {s.text}"))) for s in sources
        ]
        self._asked = set(numbers(question))
        self._text = ""
        self._start = 0

    def feed(self, text: str) -> Iterator[Citation]:
        """The next visible text -> citations of the sentences that it completed."""
        self._text += text
        while end := _SENTENCE_END.search(self._text, self._start):
            if end.end() == len(self._text) and not end.group().endswith("\n"):
                return  # more marks may follow
            yield from self._cite(end.end())

    def end(self) -> Iterator[Citation]:
        """The citation of what stands after the last sentence end, if any."""
        yield from self._cite(len(self._text))

    def _cite(self, end: int) -> Iterator[Citation]:
        start, self._start = self._start, end
        sentence = self._text[start:end]
        cited = self._rests_on(sentence)
        if cited:
            left = len(sentence) - len(sentence.lstrip())
            yield Citation(start=start + left, end=start + len(sentence.rstrip()), sources=cited)

    def _rests_on(self, sentence: str) -> tuple[int, ...]:
        said, counted = set(terms(sentence)), set(numbers(sentence)) - self._asked
        if len(said) < _MIN_TERMS and not counted:
            return ()
        ranked: list[tuple[int, float, Source, set[str]]] = []
        for source, its_terms, its_numbers in self._sources:
            shared = len(said & its_terms) / max(1, len(said))
            carried = counted & its_numbers
            if shared >= (_SHARED_WITH_NUMBER if carried else _SHARED):
                ranked.append((len(carried), shared, source, carried))
        ranked.sort(key=lambda entry: (-entry[0], -entry[1], entry[2].number))
        chosen: list[int] = []
        open_numbers = set(counted)
        for _, _, source, carried in ranked:
            if not chosen or carried & open_numbers:
                chosen.append(source.number)
                open_numbers -= carried
        return tuple(sorted(chosen))
