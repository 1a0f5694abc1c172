"""The native path: a model that calls tools itself. Its calls are run here, round by round, and every one is checked.

A change ends the turn: it waits for the shopper's click, whatever else the model asked for. So does a recommendation:
its reasons are checked one by one, which a model's own prose could not be.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from kefu.cards import refusal_text
from kefu.control_tokens import harmless
from kefu.events import Event, SaysNotice, ToolStarted, Trace
from kefu.llm import ToolCall
from kefu.tools.call import Caller, Ran
from kefu.tools.catalogue import TOOLS
from kefu.tools.told import told
from kefu.tools.tool import BadCall, Looked

Message = dict[str, Any]
_RESULT_CHARS = 6_000  # of one result: about 2,000 tokens
_CALLS = 8  # in one round


class ToolRounds:
    """The rounds of one turn. `messages` is what they added to the conversation as the model sees it, `facts` the
    results' texts, whose numbers may be said; `over` ends the turn, `recommended` with what is to be worded."""

    def __init__(self, caller: Caller, most: int, notice: SaysNotice, shown: Callable[[str, Ran], list[Event]]) -> None:
        self._caller = caller
        self._left = most
        self._notice = notice
        self._shown = shown
        self._bad = 0
        self.messages: list[Message] = []
        self.facts: list[str] = []
        self.over = False
        self.recommended: Looked | None = None

    def offered(self) -> list[dict[str, Any]]:
        """The tools, in every round: the prompt's beginning stays the same."""
        return TOOLS.offered()

    async def run(self, calls: Sequence[ToolCall], text: str) -> AsyncGenerator[Event, None]:
        """Runs what the model called after it wrote `text`. Raises ShopUnavailable."""
        self._left -= 1
        sent = [_sent(call) for call in calls[:_CALLS]]
        self.messages.append({"role": "assistant", "content": harmless(text), "tool_calls": sent})
        for call in calls[:_CALLS]:
            result = "not run: another call has ended the turn" if self.over else ""
            if not result:
                events, result = await self._one(call)
                for event in events:
                    yield event
            self.facts.append(result)
            self.messages.append({"role": "tool", "tool_call_id": call.id, "content": harmless(result[:_RESULT_CHARS])})
        if not self.over and (self._left <= 0 or self._bad > 1):
            self.over = True
            yield self._notice("tool_limit")

    async def _one(self, call: ToolCall) -> tuple[list[Event], str]:
        """One call's events, and what the model is told."""
        try:
            ran = await self._caller.run(call.name, call.arguments)
        except BadCall as error:  # the model may try once more
            self._bad += 1
            return [Trace(step="bad_call", data={"call": call.name[:60], "why": str(error)})], f"error: {error}"
        except PermissionError:
            self.over = True
            return [self._notice("prove_first")], "error: the customer must prove who they are first"
        started = ToolStarted(tool=call.name, arguments=json.loads(_valid(call.arguments)))
        if ran.refused:  # a rule's no is the model's to word
            said = refusal_text(ran.refused, self._caller.session.language)
            return [started, *self._shown(call.name, ran)], json.dumps(
                {"refused": ran.refused.code, "say": said}, ensure_ascii=False
            )
        self.over = ran.card is not None or (ran.looked is not None and ran.looked.notice is not None)
        events = [started, *self._shown(call.name, ran)]
        if ran.looked:
            if call.name == "recommend" and ran.looked.recommended:  # after a search the model may go on to compare
                self.recommended, self.over = ran.looked, True
            return events, told(ran.looked, self._caller.session.language)
        return events, "waiting: nothing is changed until the customer presses Confirm on the card"


def _sent(call: ToolCall) -> Message:
    """A call as it goes back to the model."""
    function = {"name": harmless(call.name), "arguments": harmless(_valid(call.arguments))}
    return {"id": call.id, "type": "function", "function": function}


def _valid(arguments: str) -> str:
    """A call's arguments as JSON that a chat template can render again."""
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return "{}"
    return json.dumps(found, ensure_ascii=False) if isinstance(found, dict) else "{}"
