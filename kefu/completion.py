"""A chat completion as it comes in: chunks (or one whole JSON answer) folded into pieces. Knows no HTTP, no limits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kefu.events import ModelError, ModelRefused, ModelUnavailable
from kefu.think_tags import Kind, ThinkTags

_BROKEN_OFF = {"abort", "error"}  # finish reasons by which vLLM and routers say that they gave up
_PASSING = {408, 425, 429}  # the 4xx that do not blame the request


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as the server counted them; `cached` is the part of `prompt` that it did not recompute."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants. `arguments` is its raw JSON text: unchecked input."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the visible answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of the model's thinking; never part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class TakenBack:
    """All text so far was thinking: the model closed a tag that its template had opened in the prompt."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last piece, exactly once. `reason` is the server's word: stop, length, tool_calls, content_filter …"""

    reason: str
    usage: Usage
    tool_calls: tuple[ToolCall, ...]
    first_token_ms: float
    beginnings: Mapping[str, float]  # first token -> its log-probability, the likeliest; empty unless asked for


Delta = TextDelta | ReasoningDelta | TakenBack
Piece = Delta | Finished


class Completion:
    """One answer so far. `thinks`: its text may begin with thinking, without a tag before it."""

    def __init__(self, thinks: bool = False) -> None:
        self.reason = ""  # set once the model has finished
        self.over = False  # the server said [DONE]
        self.usage = Usage()
        self.beginnings: dict[str, float] = {}
        self.began_at: float | None = None  # time.monotonic() of the first token of any kind
        self._calls: dict[int, dict[str, str]] = {}
        self._tags = ThinkTags(thinks)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls in the order of their index."""
        return tuple(
            ToolCall(call["id"] or f"call_{index}", call["name"], call["arguments"])
            for index, call in sorted(self._calls.items())
        )

    def add(self, data: str) -> list[Delta]:
        """Take one event's data, or the body of an answer that was not streamed; raises what the server reports."""
        if data.strip() == "[DONE]":
            self.over = True
            return []
        chunk = _parse(data)
        if chunk.get("error") or chunk.get("object") == "error":
            raise said_error(data, _code(chunk))
        if usage := _object(chunk.get("usage")):
            self.usage = _usage(usage)
        choices = chunk.get("choices")
        return self._choice(_object(choices[0])) if isinstance(choices, list) and choices else []

    def _choice(self, choice: Mapping[str, Any]) -> list[Delta]:
        delta = _object(choice.get("delta")) or _object(choice.get("message"))
        pieces: list[Delta] = []
        if reasoning := _text(delta.get("reasoning")) or _text(delta.get("reasoning_content")):
            self._tags.told_apart()
            pieces.append(ReasoningDelta(reasoning))
        if text := _text(delta.get("content")):
            pieces += map(_delta, self._tags.feed(text))
        if not self.beginnings:
            self.beginnings = _beginnings(choice.get("logprobs"))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            self._fold(_object(call))
        if (reasoning or text or calls) and self.began_at is None:
            self.began_at = time.monotonic()
        reason = _text(choice.get("finish_reason"))
        if reason in _BROKEN_OFF:
            raise ModelUnavailable(f"broke the answer off (finish_reason {reason})")
        self.reason = reason or self.reason
        return [*pieces, *map(_delta, self._tags.end())] if reason else pieces

    def _fold(self, delta: Mapping[str, Any]) -> None:
        index = delta.get("index")
        if not isinstance(index, int):  # some servers leave it out: an id then opens the next call
            index = len(self._calls) if delta.get("id") or not self._calls else max(self._calls)
        call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        function = _object(delta.get("function"))
        call["id"] = call["id"] or _text(delta.get("id"))
        call["name"] = call["name"] or _text(function.get("name"))  # sent once, or again with every delta
        call["arguments"] += _text(function.get("arguments"))


def _delta(part: tuple[Kind, str]) -> Delta:
    kind, text = part
    if kind is Kind.TAKEN_BACK:
        return TakenBack()
    return TextDelta(text) if kind is Kind.ANSWER else ReasoningDelta(text)


def said_error(body: str, status: int) -> ModelError:
    """The error of ours for what a server reported, in its own words, not yet cleaned."""
    message = f"answered {status or 'an error'}: {_message(body).strip() or '(no text)'}"
    if 400 <= status < 500 and status not in _PASSING:
        return ModelRefused(message, status)
    return ModelUnavailable(message)


def _parse(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        chunk = None
    if not isinstance(chunk, dict):
        raise ModelUnavailable(f"sent {len(data):,} characters that are no completion")  # but perhaps a customer's
    return chunk


def _message(body: str) -> str:
    """The sentence in an error body: {"error": {"message"}}, {"error": "…"}, {"message"}, {"detail"}, or any text."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return body
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    return found if isinstance(found, str) else body


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _code(chunk: Mapping[str, Any]) -> int:
    code = _object(chunk.get("error")).get("code") or chunk.get("code")
    return code if isinstance(code, int) else 0


def _text(value: object) -> str:
    """A string that every store and socket takes: no NUL, no half of a surrogate pair. Anything else is nothing."""
    return value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _beginnings(logprobs: object) -> dict[str, float]:
    """The first token's alternatives in `choices[0].logprobs`."""
    content = _object(logprobs).get("content")
    first = _object(content[0]) if isinstance(content, list) and content else {}
    top = first.get("top_logprobs")
    rows = [(_object(row).get("token"), _object(row).get("logprob")) for row in top] if isinstance(top, list) else []
    return {_text(token): float(logprob) for token, logprob in rows if isinstance(logprob, int | float)}


def _usage(usage: Mapping[str, Any]) -> Usage:
    cached = _object(usage.get("prompt_tokens_details")).get("cached_tokens")
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"), cached)
    return Usage(*(count if isinstance(count, int) else 0 for count in counts))
