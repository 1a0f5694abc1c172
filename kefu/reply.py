"""One reply of the model: streamed, held to its language, cited sentence by sentence, written anew where it must be.

Knows no store and no search; kefu.turn gives it what was found and keeps what comes out.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from kefu import prompt
from kefu.citations import MarkerFilter, Sentences
from kefu.events import (
    Citation,
    Cited,
    Event,
    ModelCut,
    ModelUnavailable,
    NoticeCode,
    SaysNotice,
    Source,
    Thinking,
    Token,
    Trace,
    Withdrawn,
)
from kefu.grounding import Grounding, Meaning
from kefu.languages import LANGUAGES, Voice
from kefu.llm import LLM, Delta, Finished, Piece, ReasoningDelta, TakenBack, TextDelta, Usage
from kefu.promises import Promise, promised
from kefu.reply_guard import Drift, ReplyGuard
from kefu.script_lock import Dialect, grammar, quoted, request_fields
from kefu.thinker import Thinker
from kefu.tools.rounds import ToolRounds

_PROMISE_CHARS = 200  # of what was written last, in which a promise is looked for
UnsupportedNumbers = Literal["correct", "regenerate", "ignore"]


class Promised(Exception):
    """The reply says that something was or will be done, which nothing here does."""

    def __init__(self, promise: Promise, words: str) -> None:
        super().__init__(words)
        self.code: NoticeCode = "nothing_done" if promise == "change" else "nothing_found"


@dataclass(frozen=True)
class Walls:
    """What holds a reply in its language; each can be switched off."""

    prompt: bool = True  # the model is told the language
    lock: Dialect | None = None  # it cannot write letters of another script, where its server takes a grammar
    guard: bool = True  # what it writes is read before the shopper reads it


@dataclass(frozen=True)
class Writing:
    """How replies are asked for and held to the rules, from the settings."""

    layout: prompt.Layout
    max_tokens: int
    temperature: float
    top_p: float
    voice: Voice
    walls: Walls
    unsupported_numbers: UnsupportedNumbers
    retells: bool = True  # the model words what the shop's records say, or else Kefu does
    reasons: bool = True  # the model words why a product is recommended, or else the product data do


@dataclass
class Reply:
    """A reply as it grows. `text` is what the shopper sees, `model_text` what the model wrote."""

    llm: LLM
    writing: Writing
    language: str
    sources: Sequence[Source]
    asked: Sequence[str]  # the shopper's messages, newest last
    meaning: Meaning
    notice: SaysNotice  # a sentence of ours by its code, with the values it names
    elapsed_ms: Callable[[], float]
    facts: str = ""  # from the shop's records, in the reply's language: its numbers may be said
    tools: ToolRounds | None = None  # where the model calls tools itself
    thinker: Thinker | None = None  # where the question is a hard one
    text: str = ""
    model_text: str = ""
    citations: list[Citation] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    first_token_ms: float | None = None
    _markers: MarkerFilter = field(default_factory=MarkerFilter)
    _sentences: Sentences = field(default_factory=Sentences)
    _guard: ReplyGuard | None = None
    _grounding: Grounding = field(init=False)

    async def events(self, system: str, turns: Sequence[prompt.Turn]) -> AsyncGenerator[Event, None]:
        """The answer to the last of the turns. Raises ModelError, with what was written so far in `text`.

        A reply in the wrong language is withdrawn and written once more, then given up; one that promises what only a
        click or a person can do is withdrawn at once."""
        why: Literal["language", "numbers"]
        for last in (False, True):
            messages = prompt.messages(system, turns, self.writing.layout)
            yield Trace(step="request", data={"messages": messages, "thinking": self.thinker is not None})
            try:
                async with aclosing(self._written(messages)) as events:
                    async for event in events:
                        yield event
                if last or not self._grounding.invented or self.writing.unsupported_numbers != "regenerate":
                    break
                why = "numbers"
            except Drift as drift:
                yield Trace(step="drift", data={"why": str(drift), "text": self.model_text})
                why = "language"
            except Promised as promise:
                yield Trace(step="promise", data={"why": str(promise), "text": self.model_text})
                if self.text:
                    yield Withdrawn(reason="promise")
                self.text, self.model_text, self.citations = "", "", []
                yield self.notice(promise.code)
                return
            if self.text:
                yield Withdrawn(reason=why)
            self.text, self.model_text, self.citations = "", "", []
            if last:
                yield self.notice("wrong_language")
                return
            spoken = LANGUAGES[self.language]
            once_more = prompt.again(turns[-1], why, language=spoken.name, native=spoken.native)
            turns = [*turns[:-1], replace(once_more, rounds=self.tools.messages if self.tools else ())]
        looked = self.facts or (self.tools and self.tools.facts)
        if (numbers := self._grounding.invented) and self.writing.unsupported_numbers != "ignore":
            yield self.notice("unsupported_facts" if looked else "unsupported_numbers", numbers=", ".join(numbers))
        elif self.sources and not self.citations and not looked:
            yield self.notice("not_answered")

    async def _written(self, messages: Sequence[prompt.ChatMessage]) -> AsyncGenerator[Event, None]:
        allowed = quoted(self.language, self.asked[-1], [*(source.text for source in self.sources), self.facts])
        self._begin(allowed)
        finished: Finished | None = None
        while finished is None:
            before, thought = len(self.model_text), False
            async with aclosing(self._pieces(messages, allowed)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Finished):
                        finished = piece
                        continue
                    thought = thought or not isinstance(piece, TextDelta)
                    for event in await self._heard(piece, before, allowed):
                        yield event
            if finished is None:
                raise ModelCut("the stream ended without a last piece")
            if thought and not (finished.tool_calls or self.model_text[before:].strip()):
                raise ModelUnavailable(f"the model thought and gave no answer (finish_reason {finished.reason})")
            if self.tools and finished.tool_calls and not self.tools.over:
                done = len(self.tools.messages)
                async with aclosing(self.tools.run(finished.tool_calls, self.model_text[before:])) as events:
                    async for event in events:
                        yield event
                self._grounding.allow(self.tools.facts)
                if not self.tools.over:
                    messages = [*messages, *self.tools.messages[done:]]
                    self.model_text = self.model_text[:before]
                    finished = None
        for event in await self._show(self._guard.end() if self._guard else "", over=True):
            yield event
        self.usage = finished.usage
        yield Trace(step="model", data={"finish_reason": finished.reason, "usage": asdict(finished.usage)})
        if finished.reason == "length":
            yield self.notice("cut_off")

    def _begin(self, allowed: Sequence[str]) -> None:
        """Nothing is written yet."""
        self._markers, self._sentences = MarkerFilter(), Sentences()
        self._guard = ReplyGuard(self.language, allowed, self.writing.voice) if self.writing.walls.guard else None
        self._grounding = Grounding(self.sources, [*self.asked, self.facts], self.meaning, self.language)
        if self.tools:
            self._grounding.allow(self.tools.facts)

    async def _heard(self, piece: Delta, before: int, allowed: Sequence[str]) -> list[Event]:
        """What there is to see of a piece; `before` it, so much was written in earlier rounds."""
        if isinstance(piece, ReasoningDelta):
            return [Thinking(text=piece.text)]
        if isinstance(piece, TakenBack):
            events: list[Event] = [Withdrawn(reason="thinking")] if self.text else []
            self.text, self.model_text, self.citations = "", self.model_text[:before], []
            self.first_token_ms = None
            self._begin(allowed)
            return events
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
        self.model_text += piece.text
        if not self.tools and (promise := promised(self.model_text[-_PROMISE_CHARS:])):
            raise Promised(*promise)
        return await self._show(self._guard.feed(piece.text) if self._guard else piece.text)

    def _pieces(self, messages: Sequence[prompt.ChatMessage], allowed: Sequence[str]) -> AsyncGenerator[Piece, None]:
        writing, lock = self.writing, None if self.tools else self.writing.walls.lock  # a locked model cannot call
        tools = self.tools.offered() if self.tools else []

        def ordinary() -> AsyncGenerator[Piece, None]:
            self.thinker = None  # what failed once in a turn is not waited for again
            return self.llm.stream(
                messages,
                max_tokens=writing.max_tokens,
                temperature=writing.temperature,
                top_p=writing.top_p,
                tools=tools,
                extra=request_fields(lock, grammar(self.language, allowed)) if lock else None,
            )

        return self.thinker.pieces(messages, tools, ordinary) if self.thinker else ordinary()

    async def _show(self, written: str, over: bool = False) -> list[Event]:
        """What passed the guard, as the shopper gets it, with the citations right after the sentences that it ends."""
        text = self._markers.feed(written) + (self._markers.end() if over else "")
        text = text if self.text else text.lstrip()
        shown = len(self.text)
        self.text += text
        events: list[Event] = []
        for start, end in [*self._sentences.feed(text), *(self._sentences.end() if over else ())]:
            if shown < end:
                events.append(Token(text=self.text[shown:end]))
                shown = end
            ground = await self._grounding.of(self.text[start:end])
            if ground.sources:
                self.citations.append(Citation(start=start, end=end, sources=ground.sources))
                events.append(Cited(citation=self.citations[-1]))
            if ground.unsupported:
                data = {"sentence": self.text[start:end], "numbers": ground.unsupported}
                events.append(Trace(step="unsupported", data=data))
        return [*events, Token(text=self.text[shown:])] if shown < len(self.text) else events
