"""What a turn works with: the limits from the settings, the parts that one desk has, a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kefu.conversations import Conversations
from kefu.errand import Errands
from kefu.llm import LLM
from kefu.reply import Writing
from kefu.thinker import Thinker
from rag.index import PolicyIndex


@dataclass(frozen=True)
class Limits:
    """The numbers and words of a turn, from the settings. Tokens are the model's; characters are the shopper's."""

    shop_name: str
    contact: str
    default_language: str
    region: str
    passages: int
    passage_tokens: int
    max_message_chars: int
    context_tokens: int
    answer_check: bool  # whether the model is asked first if it can answer
    writing: Writing


@dataclass(frozen=True)
class Parts:
    """What a turn works with; one set serves all turns."""

    conversations: Conversations
    index: PolicyIndex
    llm: LLM
    limits: Limits
    system: str
    errands: Errands | None = None  # None: a desk without a shop, which answers from the policies only
    thinker: Thinker | None = None  # the model for hard questions


class Clock:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def ms(self) -> float:
        return round((time.perf_counter() - self._began) * 1000, 1)
