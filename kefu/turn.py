"""The inside of one turn: find passages, build the request, stream the model, cite, save.

Knows no surface, and not how a message got here: that is kefu.chat.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace

from kefu import answerable, faults, follow_up, money, prompt, retelling, thinking
from kefu.answerable import Verdict
from kefu.card_shapes import Card
from kefu.conversations import Conversation, Message
from kefu.errand import Errand, Errands
from kefu.events import (
    AnswerStatus,
    CardShown,
    Event,
    ModelError,
    NotFound,
    Notice,
    NoticeCode,
    Source,
    Sources,
    Thinking,
    Token,
    Trace,
)
from kefu.languages import LANGUAGES, home_country
from kefu.llm import Usage
from kefu.nearby import country_named, names_place, nearby
from kefu.products.phrasing import phrased
from kefu.reply import Reply
from kefu.tools.rounds import ToolRounds
from kefu.tools.tool import Looked
from kefu.turn_parts import Clock, Parts
from kefu.words import is_smalltalk, say
from rag.index import Found
from rag.passages import Passage
from shop.errors import ShopUnavailable

log = logging.getLogger(__name__)


@dataclass
class Turn:
    """An answer as it grows; `save` keeps whatever there is when the turn ends, is stopped or breaks."""

    parts: Parts
    conversation: Conversation
    question: Message
    history: Sequence[Message]  # with the question as its last
    language: str
    clock: Clock
    address: str = ""  # the client's, where the surface knows it
    errand: Errand | None = None
    said: str = ""  # what of the answer is ours
    sources: tuple[Source, ...] = ()
    reply: Reply | None = None  # once the model is asked
    notices: list[Notice] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What the shopper has read of the answer."""
        written = self.reply.text.rstrip() if self.reply else ""
        return "\n\n".join(filter(None, (written, self.said)))

    @property
    def cards(self) -> tuple[Card, ...]:
        """What is shown beside the answer."""
        return tuple(self.errand.cards) if self.errand else ()

    @property
    def meant(self) -> Message:
        """The question, as it is looked up: "think longer" alone puts the one before it again."""
        return replace(self.question, text=thinking.meant(self.question.text, self._before(self.question)))

    def _told(self, question: Message) -> str:
        return thinking.told(question.text, self._before(question))

    def _before(self, question: Message) -> list[str]:
        """The shopper's messages before one of theirs, oldest first."""
        return [m.text for m in self.history if m.role == "user" and m.seq < question.seq]

    def notice(self, code: NoticeCode, text: str = "", **values: str) -> Notice:
        """Says a sentence of our own, in the turn's language, and remembers it with the answer."""
        text = text or say(self.language, code, contact=self.parts.limits.contact, **values)
        said = Notice(code=code, text=text)
        self.notices.append(said)
        return said

    def bug(self, error: Exception, log: logging.Logger) -> Notice:
        """Logs an exception under a number, and says the number: nothing else gets out."""
        number = secrets.token_hex(4)
        log.error("error %s in conversation %s\n%s", number, self.conversation.id, faults.told(error))
        return self.notice("error", id=number)

    async def events(self) -> AsyncGenerator[Event, None]:
        """What is wanted of the shop's data, else the policies; then the answer's tokens and citations. Raises
        ModelError and ShopError; does not save."""
        if self.parts.errands:
            self.errand = self._errand(self.parts.errands)
            async with aclosing(self.errand.events()) as done:
                async for event in done:
                    yield event
            if self.errand.handled:
                async with aclosing(self._worded(self.errand.looked)) as events:
                    async for event in events:
                        yield event
                return
        async with aclosing(self._from_policies()) as events:
            async for event in events:
                yield event

    def _errand(self, errands: Errands) -> Errand:
        return Errand(errands, self.conversation, self.meant, self.history, self.language, self.notice, self.address)

    async def _worded(self, looked: Looked | None) -> AsyncGenerator[Event, None]:
        """What a tool found: in the model's words where those are true, else in ours; nothing where that is said."""
        yield Sources(sources=())
        facts = looked.facts if looked else ""
        context = prompt.facts(facts, self._told_language()) if facts else ""
        await self.parts.conversations.set_context(self.question.id, context, self.language)
        if looked is None:
            return
        if looked.recommended:
            async with aclosing(self._recommended(looked)) as events:
                async for event in events:
                    yield event
            return
        if facts and self.parts.limits.writing.retells:
            async with aclosing(self._retold(looked, context)) as events:
                async for event in events:
                    yield event
        self.said = "" if self.text else looked.said
        if self.text:
            yield Token(text=self.text)

    async def _retold(self, looked: Looked, context: str) -> AsyncGenerator[Event, None]:
        """The model's words for what a tool found, held back until they are whole; left out where they are not true, or
        where there is no model."""
        turns = [*await self._earlier_turns(), prompt.Turn(context, self._told(self.question))]
        self.timings["build_ms"] = self.clock.ms()
        reply, notices, why = self._reply(looked.facts), len(self.notices), ""
        try:
            async with aclosing(reply.events(self.parts.system, turns)) as events:
                async for event in events:
                    if isinstance(event, Trace | Thinking):
                        yield event
            why = retelling.fault(reply.text, looked.facts, reply.asked, looked.states, self.language)
        except ModelError as error:
            why = str(error)
            log.warning("records are not retold: %s: %s", type(error).__name__, error)
        if why or len(self.notices) > notices:
            yield Trace(step="not_retold", data={"why": why or "a notice", "text": reply.text})
            del self.notices[notices:]
            reply.text = reply.model_text = ""
        self.reply = reply

    async def _recommended(self, looked: Looked) -> AsyncGenerator[Event, None]:
        """Products with their reasons, each as soon as the model has worded it and the words were found true; the row
        of cards gets the same reasons at the end. Where the records word them, the cards alone have them."""
        found, errand = looked.recommended, self.errand
        assert found is not None and errand is not None and errand.errands.assortment is not None
        self.said = looked.said
        yield Token(text=self.said)
        if not (looked.facts and self.parts.limits.writing.reasons):
            return
        reasons: dict[str, str] = {}
        lock = self.parts.limits.writing.walls.lock
        async with aclosing(phrased(self.parts.llm, lock, errand.errands.assortment, found)) as sentences:
            async for one in sentences:
                reasons[one.product] = one.reason.text
                data = {"product": one.product, "by": one.reason.by, "rejected": list(one.rejected)}
                yield Trace(step="reason", data=data)
                line = f"\n- **{found.name(one.product)}**: {one.reason.text}"
                self.said += line
                yield Token(text=line)
        if card := found.card(reasons):
            errand.cards = [other for other in errand.cards if other != found.card()] + [card]
            yield CardShown(card=card)

    async def _from_policies(self) -> AsyncGenerator[Event, None]:
        """Sources first, then what the model makes of them."""
        small_talk = is_smalltalk(self.meant.text)
        found = [] if small_talk else await self._find()
        turns = await self._earlier_turns()
        contexts = [turn.context for turn in turns]
        told = [money.in_words_of(self.language, f.passage) for f in found]
        passages = prompt.fit(told, self.parts.limits.passage_tokens, contexts)
        kept = {passage.id for passage in passages}
        self.sources = _as_sources([f for f in found if f.passage.id in kept])
        yield Sources(sources=self.sources)
        yield Trace(step="passages", data={"found": {f.passage.id: round(f.score, 3) for f in found}})
        tools = await self._tools()
        answers = bool(passages) or small_talk or tools is not None
        context = self._context(passages, contexts, small_talk) if answers else ""
        await self.parts.conversations.set_context(self.question.id, context, self.language, self.sources)
        turns = [*turns, prompt.Turn(context, self._told(self.question))]
        self.timings["build_ms"] = self.clock.ms()
        self.reply = self._reply(tools=tools)
        if passages and self.parts.limits.answer_check and not self.reply.thinker:
            verdict = await self._verdict(turns, found[0].score)
            yield Trace(step="answerable", data=asdict(verdict) | {"answerable": verdict.answerable})
            answers = verdict.answerable
        if not answers:
            yield self.notice("nothing_found")
            return
        async with aclosing(self.reply.events(self.parts.system, turns)) as events:
            async for event in events:
                yield event
        if tools and tools.recommended:
            if self.text:
                yield Token(text="\n\n")
            async with aclosing(self._recommended(tools.recommended)) as events:
                async for event in events:
                    yield event

    async def _find(self) -> list[Found]:
        """The passages for the question, and for what it refers to where it goes on from the messages before it."""
        limits = self.parts.limits
        question = self.meant.text
        before = self._before(self.question)
        earlier = [text for text in before if text != question and not thinking.is_alone(text)]
        texts = follow_up.queries(question, earlier)
        country = country_named(question, self.language)
        if not country and not any(map(names_place, texts)):
            country = await self._country()
        k = limits.passages if len(texts) == 1 and not country else max(follow_up.DEPTH, limits.passages)
        results = [await self._search(text, k) for text in texts]
        found = follow_up.merge(results, k)
        self.timings["retrieve_ms"] = self.clock.ms()
        return (nearby(found, country) if country else found)[: limits.passages]

    async def _country(self) -> str:
        """Where the shopper is, as ISO code: a customer's own country, else where most write their language."""
        try:
            known = await self.errand.country() if self.errand else ""
        except ShopUnavailable:
            known = ""  # the policies are there without the shop
        return known or home_country(self.language)

    async def _search(self, text: str, k: int) -> list[Found]:
        search, region = self.parts.index.search, self.parts.limits.region
        return await asyncio.to_thread(search, text, language=self.language, k=k, region=region)

    async def _tools(self) -> ToolRounds | None:
        """Where the model calls tools itself: what it may call, and for whom."""
        errand = self.errand
        if errand is None or not errand.errands.rounds:
            return None
        return ToolRounds(await errand.caller(), errand.errands.rounds, self.notice, errand.shown)

    def _context(self, passages: Sequence[Passage], contexts: Sequence[str], small_talk: bool) -> str:
        none = "smalltalk" if small_talk else "context_none"
        return prompt.context(passages, contexts, self._told_language(), none)

    def _told_language(self) -> str:
        return LANGUAGES[self.language].name if self.parts.limits.writing.walls.prompt else ""

    async def _verdict(self, turns: Sequence[prompt.Turn], score: float) -> Verdict:
        layout = self.parts.limits.writing.layout
        messages = prompt.messages(self.parts.system, turns, layout)
        verdict = await answerable.ask(self.parts.llm, messages, layout, score)
        self.timings["check_ms"] = self.clock.ms()
        return verdict

    async def _earlier_turns(self) -> list[prompt.Turn]:
        """The answered turns that the model's context keeps. Over the cap, the oldest leave it for good."""
        limits = self.parts.limits
        questions = {m.id: m for m in self.history if m.role == "user" and m.seq >= self.conversation.context_start}
        answered = [
            (questions[m.reply_to], m)
            for m in self.history
            if (m.model_text or m.rounds) and m.reply_to and m.reply_to in questions
        ]
        turns = [prompt.Turn(q.context, self._told(q), answer.model_text, answer.rounds) for q, answer in answered]
        newest = prompt.Turn("", self._told(self.question))
        dropped = prompt.turns_to_drop(
            self.parts.system, [*turns, newest], limits.context_tokens - limits.passage_tokens
        )
        if dropped:
            left = [question for question, _ in answered[dropped:]] or [self.question]
            await self.parts.conversations.drop_before(self.conversation.id, left[0].seq)
        return turns[dropped:]

    def _reply(self, facts: str = "", tools: ToolRounds | None = None) -> Reply:
        async def meaning(sentence: str) -> Mapping[str, float]:
            ids = [source.id for source in self.sources]
            return await asyncio.to_thread(self.parts.index.nearness, sentence, self.language, ids)

        return Reply(
            self.parts.llm,
            self.parts.limits.writing,
            self.language,
            self.sources,
            [message.text for message in self.history if message.role == "user"],
            meaning,
            self.notice,
            self.clock.ms,
            facts,
            tools,
            self.parts.thinker if thinking.why(self.question.text) else None,
        )

    def _model_text(self) -> str:
        """The answer as the model will see it later. One that calls tools must also know what we asked back."""
        written = "\n\n".join(filter(None, (self.reply.model_text if self.reply else "", self.said)))
        native = self.errand and self.errand.errands.rounds
        return written or ("\n".join(notice.text for notice in self.notices) if native else "")

    async def save(self, status: AnswerStatus) -> Message | None:
        """Keeps the answer as it stands; None when its conversation was deleted meanwhile."""
        self.timings["total_ms"] = self.clock.ms()
        reply = self.reply
        if reply and reply.first_token_ms is not None:
            self.timings["first_token_ms"] = reply.first_token_ms
        try:
            return await self.parts.conversations.add_answer(
                self.conversation.id,
                reply_to=self.question.id,
                text=self.text,
                model_text=self._model_text(),
                rounds=reply.tools.messages if reply and reply.tools else (),
                status=status,
                language=self.language,
                sources=self.sources,
                citations=reply.citations if reply else [],
                notices=self.notices,
                cards=self.cards,
                usage=asdict(reply.usage if reply else Usage()),
                timings=self.timings,
            )
        except NotFound:
            return None


def _as_sources(found: Sequence[Found]) -> tuple[Source, ...]:
    return tuple(
        Source(
            number=number,
            id=hit.passage.id,
            title=hit.passage.title,
            heading=hit.passage.heading,
            language=hit.passage.language,
            text=hit.passage.text,
            score=round(hit.score, 3),
        )
        for number, hit in enumerate(found, 1)
    )
