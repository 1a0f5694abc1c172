"""Where an answer's sentences end, and the model's own citation markers, which are taken out.

Knows texts only: which sentence rests on which passage is kefu.grounding's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKER = re.compile(r"\s?(?:\[\^?\d{1,2}(?:\s*[,，]\s*\d{1,2})*\]|【\d{1,2}】)")
_MARKER_BEGUN = re.compile(r"\s?(?:[\[【][\^\d\s,，]{0,10})?$")
# What a full stop belongs to without ending a sentence: "1.", hours and sizes in Thai, "e.g.", "TP. HCM".
_ABBREVIATED = r"(?<!\b\d)(?<![\s\d]น)(?<!ซม)(?<!กก)(?<!ปณ)(?<!\be\.g)(?<!\bi\.e)(?<!\bTP)"
# Thai has no full stop: a sentence ends at a polite particle, a line, or the end.
_SENTENCE_END = re.compile(rf"[。！？!?]+[”’」』\")]*|{_ABBREVIATED}\.+[”’\")]*(?=\s)|(?:ครับ|ค่ะ|คะ|นะคะ)(?=\s)|\n+")


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


class Sentences:
    """Cuts a growing answer into sentences."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0

    def feed(self, text: str) -> Iterator[tuple[int, int]]:
        """The next visible text -> the sentences that it completed, as [start, end) in the answer."""
        self._text += text
        while end := _SENTENCE_END.search(self._text, self._start):
            if end.end() == len(self._text) and not end.group().endswith("\n"):
                return  # more marks may follow
            yield from self._cut(end.end())

    def end(self) -> Iterator[tuple[int, int]]:
        """What stands after the last sentence's end, if anything."""
        yield from self._cut(len(self._text))

    def _cut(self, end: int) -> Iterator[tuple[int, int]]:
        start, self._start = self._start, end
        sentence = self._text[start:end]
        if sentence.strip():
            yield start + len(sentence) - len(sentence.lstrip()), start + len(sentence.rstrip())
