"""Which turns the thinking model gets: where the shopper asks for it, comparisons, and refunds in several steps.

Text in, a reason out. Knows no model and no conversation; its words are in wants/words/thinking.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kefu.wants.spoken import Said, Span, widest, word_list

Why = Literal["asked", "comparison", "several steps"]

_STEPS = ("part", "mixed_payment", "sum", "two_ways", "abroad_or_late")
_MOST_STEPS = 2  # one of them alone is an ordinary question about the policies
_LONGEST_ALONE = 80  # characters of a message that only asks to think longer


def why(text: str) -> Why | None:
    """Why a message is one to think over; None for an ordinary one."""
    said, words = Said.of(text, ""), word_list("thinking")
    if _asked(said):
        return "asked"
    if words.says(said, "comparison"):
        return "comparison"
    if words.says(said, "back") and sum(words.says(said, step) for step in _STEPS) >= _MOST_STEPS:
        return "several steps"
    return None


def meant(text: str, earlier: Sequence[str]) -> str:
    """The question that a message puts: "think longer" alone means the one before it, of the shopper's `earlier`
    messages, oldest first; beside a question it is no part of it."""
    said = Said.of(text, "")
    asked = _asked(said)
    if not asked:
        return text
    if not is_alone(text):
        return " ".join(said.without(asked).cased.split()).strip(" ,.;:，。")
    return next((message for message in reversed(earlier) if not is_alone(message)), text)


def told(text: str, earlier: Sequence[str]) -> str:
    """The message as a model reads it, in this turn and in all later ones: with the question that it means."""
    return f"{meant(text, earlier)}\n\n{text}" if is_alone(text) and meant(text, earlier) != text else text


def is_alone(text: str) -> bool:
    """Whether a message says nothing but that we should think longer."""
    if len(text) > _LONGEST_ALONE:
        return False
    said = Said.of(text, "")
    asked = _asked(said)
    rest = said.without([*asked, *word_list("thinking").spans(said, ["around"])])
    return bool(asked) and not any(character.isalnum() for character in rest.text)


def _asked(said: Said) -> list[Span]:
    """Where the message asks to think longer; not where shoppers speak of their own thinking."""
    words = word_list("thinking")
    found = widest(words.spans(said, ["asked", "not_asked"]))
    own = {span.end for span in words.spans(said, ["own"])}
    return [
        span
        for span in found
        if span.key == "asked" and len(said.text[: span.start].rstrip()) not in own and not _within(span, found)
    ]


def _within(asked: Span, found: Sequence[Span]) -> bool:
    """Whether a phrase that means something else begins with these words."""
    return any(span.key == "not_asked" and span.start < asked.end and asked.start < span.end for span in found)
