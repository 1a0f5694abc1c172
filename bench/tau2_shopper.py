"""The customer of a task, played by a model: it reads what the page would show, and writes. Knows no desk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from kefu.llm import LLM, TextDelta

END = "###END###"
_TOKENS = 300  # a customer's message is short
_ROLE = f"""You play a customer who writes to the chat of an online shop. You are signed in: the shop knows who you are.

{{scenario}}

- Write only what the customer writes next: one short message in plain words, no notes.
- Keep to the scenario. Say what is asked for when it is asked for, and make nothing up.
- The shop asks before it changes anything: on a card answer YES if it is what the scenario wants, else NO.
- When everything is settled, or you are handed over to a person, or it cannot be done, write only {END}."""
_CLICK = "{shown}\n\n(Do you press Confirm? Answer with one word: YES or NO.)"
_YES = re.compile(r"\W*yes\b", re.IGNORECASE)


class Shopper:
    """Plays one scenario, from the first message to the last."""

    def __init__(self, llm: LLM, scenario: Mapping[str, Any]) -> None:
        self._llm = llm
        self._messages = [{"role": "system", "content": _ROLE.format(scenario=_told(scenario))}]

    async def answers(self, shown: str) -> str:
        """What the customer writes after reading this. Raises ModelError."""
        self._messages.append({"role": "user", "content": shown})
        text = ""
        async with aclosing(self._llm.stream(self._messages, max_tokens=_TOKENS, temperature=0)) as pieces:
            async for piece in pieces:
                text += piece.text if isinstance(piece, TextDelta) else ""
        self._messages.append({"role": "assistant", "content": text})
        return text

    async def confirms(self, shown: str) -> bool:
        """Whether the customer presses Confirm on the card that is shown: only a clear yes is one."""
        return bool(_YES.match(await self.answers(_CLICK.format(shown=shown))))


def _told(scenario: Mapping[str, Any]) -> str:
    """The scenario's parts, a line each."""
    instructions = scenario["instructions"]
    parts = instructions if isinstance(instructions, Mapping) else {"instructions": instructions}
    told = {"persona": scenario.get("persona"), **parts}
    return "\n".join(f"{name.replace('_', ' ').capitalize()}: {text}" for name, text in told.items() if text)
