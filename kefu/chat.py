"""One turn, as one straight line: save the message, detect the language, find passages, ask the model, save the answer.

Surfaces read its events. Knows no Chainlit, no HTTP and no SQL.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from kefu import prompt
from kefu.conversations import Conversation, Conversations, Message
from kefu.events import (
    AnswerStatus,
    Cited,
    Done,
    Event,
    LanguageDetected,
    ModelError,
    NotFound,
    Notice,
    Sources,
    Token,
)
from kefu.languages import detect
from kefu.llm import LLM
from kefu.turn import Clock, Limits, Parts, Turn
from kefu.words import say
from rag.errors import RetrievalError
from rag.index import PolicyIndex

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Incoming:
    """A shopper's message. `id` is a UUID made by the sender: the same id is handled once."""

    text: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    locale: str | None = None  # the browser's, for example "vi-VN"


class Assistant:
    """Answers shoppers. One instance serves all conversations."""

    def __init__(self, conversations: Conversations, index: PolicyIndex, llm: LLM, limits: Limits) -> None:
        self._parts = Parts(conversations, index, llm, limits, prompt.system_prompt(limits.shop_name))

    async def warm(self, slots: int = 1) -> None:
        """Prefills the prompt's shared beginning, once for each of the server's slots."""
        first = prompt.messages(self._parts.system, [prompt.Turn("", "…")], "system")
        await asyncio.gather(*(self._parts.llm.warm(first) for _ in range(slots)))

    async def reply(self, conversation: Conversation, message: Incoming) -> AsyncGenerator[Event, None]:
        """The events of one turn, ending in Done, or without it where the conversation was deleted meanwhile. Closing
        the iterator, or cancelling the task that reads it, stops the model at once and saves what was written so
        far, marked cut."""
        clock = Clock()
        refusal = self._refusal(conversation, message)
        if refusal:
            yield refusal
            yield self._unsaved(conversation, message)
            return
        conversations = self._parts.conversations
        async with conversations.turn(conversation.id):
            question = await conversations.add_question(
                conversation.id, id=message.id, text=message.text, language=None
            )
            events = (
                self._answer(conversation, question, message, clock)
                if question
                else self._answered_before(conversation, message)
            )
            async with aclosing(events):
                async for event in events:
                    yield event

    def _refusal(self, conversation: Conversation, message: Incoming) -> Notice | None:
        """A sentence for a message that no turn can be made of, in the shopper's language; None for a good one."""
        limit = self._parts.limits.max_message_chars
        if not message.text.strip():
            code, values = "empty", {}
        elif len(message.text) > limit:
            code, values = "too_long", {"limit": f"{limit}"}
        else:
            return None
        language = self._detect(message.text[:limit], conversation.language, message.locale).language
        return Notice.model_validate({"code": code, "text": say(language, code, **values)})

    def _unsaved(self, conversation: Conversation, message: Incoming) -> Done:
        language = conversation.language or self._parts.limits.default_language
        return Done(conversation=conversation.id, message_id=message.id, status="failed", language=language, answer="")

    def _detect(self, text: str, conversation: str | None, locale: str | None) -> LanguageDetected:
        limits = self._parts.limits
        found = detect(
            text, conversation=conversation, locale=locale, default=limits.default_language, voice=limits.writing.voice
        )
        return LanguageDetected(language=found.language, confidence=found.confidence, reason=found.reason)

    async def _answer(
        self, conversation: Conversation, question: Message, message: Incoming, clock: Clock
    ) -> AsyncGenerator[Event, None]:
        conversations = self._parts.conversations
        conversation = await conversations.get(conversation.id, conversation.owner)  # as the last turn left it
        history = await conversations.messages(conversation.id)
        language = self._detect(message.text, conversation.language, message.locale)
        turn = Turn(self._parts, conversation, question, history, language.language, clock)
        turn.timings["detect_ms"] = clock.ms()
        status: AnswerStatus = "cut"
        try:
            yield language
            events = turn.events()
            async with aclosing(events):
                async for event in events:
                    yield event
            status = "complete"
        except (ModelError, RetrievalError) as error:
            log.warning("no answer: %s: %s", type(error).__name__, error)
            status = "cut" if turn.text else "failed"
            yield turn.notice("cut_off" if turn.text else "model_unavailable")
        except NotFound:
            log.info("conversation %s was deleted while its turn ran", conversation.id)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("error %s in conversation %s", number, conversation.id)
            status = "cut" if turn.text else "failed"
            yield turn.notice("error", id=number)
        finally:
            # Also on Stop and on a closed tab, when this task is being cancelled
            saved = await asyncio.shield(turn.save(status))
        if saved:
            yield _done(saved)

    async def _answered_before(self, conversation: Conversation, message: Incoming) -> AsyncGenerator[Event, None]:
        """A message id that was handled before gets the answer that it got then."""
        language = conversation.language or self._parts.limits.default_language
        answer = _answer_to(message.id, await self._parts.conversations.messages(conversation.id))
        if answer is None:
            yield Notice(code="duplicate", text=say(language, "duplicate"))
            yield self._unsaved(conversation, message)
            return
        yield LanguageDetected(language=answer.language or language, confidence=1.0, reason="answered before")
        yield Sources(sources=answer.sources)
        if answer.text:
            yield Token(text=answer.text)
        for citation in answer.citations:
            yield Cited(citation=citation)
        for notice in answer.notices:
            yield notice
        yield _done(answer)


def _answer_to(question_id: str, history: Sequence[Message]) -> Message | None:
    return next((m for m in history if m.reply_to == question_id), None)


def _done(answer: Message) -> Done:
    return Done(
        conversation=answer.conversation,
        message_id=answer.id,
        status=answer.status,
        language=answer.language or "",
        answer=answer.text,
        citations=answer.citations,
        timings=answer.timings,
        usage=answer.usage,
    )
