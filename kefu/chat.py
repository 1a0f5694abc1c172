"""One turn, as one straight line: save the message, detect the language, find passages, ask the model, save the answer.

Surfaces read its events. Knows no Chainlit, no HTTP and no SQL.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from kefu import consent, prompt
from kefu.approvals import Asked
from kefu.card_shapes import ApprovalCard
from kefu.consent import Decision
from kefu.conversations import Conversation, Conversations, Message
from kefu.errand import Errands
from kefu.events import (
    AnswerStatus,
    ApprovalNeeded,
    CardShown,
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
from kefu.thinker import Thinker
from kefu.turn import Turn
from kefu.turn_parts import Clock, Limits, Parts
from kefu.words import say
from rag.errors import RetrievalError
from rag.index import PolicyIndex
from shop.errors import ShopError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Incoming:
    """A shopper's message. `id` is a UUID made by the sender: the same id is handled once."""

    text: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    locale: str | None = None  # the browser's, for example "vi-VN"
    address: str = ""  # the client's, for the count of wrong proofs; "" where there is none


class Assistant:
    """Answers shoppers. One instance serves all conversations."""

    def __init__(
        self,
        conversations: Conversations,
        index: PolicyIndex,
        llm: LLM,
        limits: Limits,
        errands: Errands | None = None,
        thinker: Thinker | None = None,
    ) -> None:
        system = prompt.system_prompt(limits.shop_name, tools=bool(errands and errands.rounds))
        self._parts = Parts(conversations, index, llm, limits, system, errands, thinker)

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

    async def decide(self, conversation: Conversation, approval: str, yes: bool) -> AsyncGenerator[Event, None]:
        """The events of a click on Confirm or Cancel, ending in Done like a turn's. Any number of clicks, in any
        number of tabs and replicas, are one. NotFound when nobody asked this of this conversation's owner."""
        asked, click = await self.asked(conversation, approval), Clock()
        errands, conversations = self._parts.errands, self._parts.conversations
        assert errands is not None  # or nothing could have been asked
        language = asked.card.language
        async with conversations.turn(conversation.id):
            asked = await self.asked(conversation, approval)
            said = say(language, "approval_confirm" if yes else "approval_cancel")
            message = Incoming(said, asked.click(yes))
            question = await conversations.add_question(conversation.id, id=message.id, text=said, language=language)
            decision = Decision(errands.shop, errands.proofs, errands.approvals, conversation, asked, yes)
            events = (
                self._decided(Turn(self._parts, conversation, question, [], language, click), decision)
                if question
                else self._answered_before(conversation, message)
            )
            async with aclosing(events):
                async for event in events:
                    yield event

    async def asked(self, conversation: Conversation, approval: str) -> Asked:
        """A change that waits, or waited, in this conversation; NotFound."""
        errands = self._parts.errands
        asked = await errands.approvals.get(approval, conversation.owner) if errands else None
        if asked is None or asked.conversation != conversation.id:
            raise NotFound("no such approval")
        return asked

    async def conversation_of(self, approval: str, owner: str) -> Conversation:
        """Where an owner was asked for a yes; NotFound."""
        errands = self._parts.errands
        if errands is None:
            raise NotFound("no such approval")
        return await self._parts.conversations.get((await errands.approvals.get(approval, owner)).conversation, owner)

    async def approvals(self, conversation: Conversation) -> dict[str, ApprovalCard]:
        """The cards of a conversation's approvals as they stand now, by id."""
        errands = self._parts.errands
        asked = await errands.approvals.of(conversation.id) if errands else {}
        return {id: consent.shown(one) for id, one in asked.items()}

    async def _decided(self, turn: Turn, decision: Decision) -> AsyncGenerator[Event, None]:
        status: AnswerStatus = "cut"
        yield LanguageDetected(language=turn.language, confidence=1.0, reason="the card's")
        try:
            async with aclosing(decision.events()) as events:
                async for event in events:
                    yield event
            status = "complete"
            if decision.notice:
                yield turn.notice(decision.notice)
        except Exception as error:
            status = "failed"
            yield turn.bug(error, log)
        finally:
            turn.said = decision.text
            saved = await asyncio.shield(turn.save(status))
        if decision.text:
            yield Token(text=decision.text)
        if saved:
            yield _done(saved)

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
        turn = Turn(self._parts, conversation, question, history, language.language, clock, message.address)
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
        except (ShopError, TimeoutError) as error:
            log.warning("no answer: %s: %s", type(error).__name__, error)
            status = "cut" if turn.text else "failed"
            yield turn.notice("shop_unavailable")
        except NotFound:
            log.info("conversation %s was deleted while its turn ran", conversation.id)
        except Exception as error:
            status = "cut" if turn.text else "failed"
            yield turn.bug(error, log)
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
        approvals = await self.approvals(conversation)
        for card in answer.cards:
            if isinstance(card, ApprovalCard):
                yield ApprovalNeeded(card=approvals.get(card.id, card))
            else:
                yield CardShown(card=card)
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
