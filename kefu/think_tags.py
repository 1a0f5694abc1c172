"""`<think>…</think>` in a text that comes in pieces: what is thinking, what is the answer. Knows no server.

Some templates open the tag in the prompt: the text then begins with thinking and has only the closing tag.
"""

from __future__ import annotations

from enum import Enum

_OPEN, _CLOSE = "<think>", "</think>"


class Kind(Enum):
    """What a piece of the text is. `TAKEN_BACK` has no text: all that was given as ANSWER before it was thinking."""

    ANSWER = "answer"
    THINKING = "thinking"
    TAKEN_BACK = "taken back"


class ThinkTags:
    """One text. `thinking`: it begins inside the tag. Pieces may end anywhere, also within a tag."""

    def __init__(self, thinking: bool = False) -> None:
        self.thinking = thinking
        self._answered = False  # something other than blanks was given as ANSWER
        self._after_thinking = False  # the blanks between thinking and answer belong to neither
        self._held = ""  # may be the beginning of a tag

    def feed(self, text: str) -> list[tuple[Kind, str]]:
        """What the piece brings."""
        text, found = self._held + text, list[tuple[Kind, str]]()
        while tag := min(filter(text.count, (_OPEN, _CLOSE)), key=text.find, default=""):
            found += self._told(text[: text.find(tag)])
            if tag == _CLOSE and not self.thinking and self._answered:
                found.append((Kind.TAKEN_BACK, ""))
            self.thinking = tag == _OPEN
            self._after_thinking = not self.thinking
            self._answered = self._answered and self.thinking
            text = text.partition(tag)[2]
        keep = _unfinished(text)
        self._held = text[len(text) - keep :]
        return found + self._told(text[: len(text) - keep])

    def end(self) -> list[tuple[Kind, str]]:
        """What was held back in case that a tag follows."""
        held, self._held = self._held, ""
        return self._told(held)

    def told_apart(self) -> None:
        """The server sends thinking by itself: the text is the answer."""
        self.thinking, self._after_thinking = False, not self._answered

    def _told(self, text: str) -> list[tuple[Kind, str]]:
        if self.thinking:
            return [(Kind.THINKING, text)] if text else []
        if self._after_thinking:
            text = text.lstrip()
            self._after_thinking = not text
        self._answered = self._answered or bool(text.strip())
        return [(Kind.ANSWER, text)] if text else []


def _unfinished(text: str) -> int:
    """How many characters at the end may begin a tag."""
    at = text.rfind("<", -len(_CLOSE) + 1)
    return len(text) - at if at >= 0 and any(tag.startswith(text[at:]) for tag in (_OPEN, _CLOSE)) else 0
