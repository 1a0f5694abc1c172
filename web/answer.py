"""One answer as it grows, drawn on every page that shows its conversation. Knows no model and no shop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kefu.card_shapes import Card
from kefu.events import Citation, Notice, Source
from kefu.words import say
from web import steps
from web.cards import card_element
from web.frames import Frames

Send = Callable[[str, Any], Awaitable[None]]  # an event of Chainlit's page, and its data


@dataclass(frozen=True)
class Question:
    """A shopper's message, as the page sent it and we let it pass."""

    id: str
    text: str
    conversation: str
    owner: str
    locale: str
    address: str = ""  # the client's
    approval: str = ""  # the change that this is a click for
    confirm: bool = False


class Answer:
    """What the shopper sees of a turn: its question, the answer so far, our sentences, its sources."""

    def __init__(self, question: Question, shop: str, language: str, send: Send) -> None:
        self.question = question
        self.language = language
        self.sources: tuple[Source, ...] = ()
        self._shop = shop
        self._send = send
        self._text = ""
        self._thought, self._thought_drawn = "", 0  # and how much of it the page has
        self._thought_until: str | None = None
        self._citations: list[Citation] = []
        self._notices: list[Notice] = []
        self._cards: dict[str, steps.Element] = {}  # by id
        self._began = steps.stamp(datetime.now(UTC))
        self._ended: str | None = None
        self._drawn: str | None = None  # None: the page has no answer yet
        self._frames = Frames(self._draw)

    async def begin(self) -> None:
        """The question stands on every page, with the sign that somebody is at work."""
        question, run = self.as_steps()[:2]
        await self._send("task_start", {})
        await self._send("new_message", question)
        await self._send("new_message", run)

    async def understood(self, language: str, *, first: bool) -> None:
        """The question is saved and its language is known. The first one names the conversation."""
        self.language = language
        if first:
            id = self.question.conversation
            await self._send("window_message", {"kefuConversation": id})  # for public/custom.js
            named = {"interaction": self.question.text, "thread_id": id}
            await self._send("first_interaction", named)

    async def think(self, text: str) -> None:
        """What the model thinks: for staff's eyes only."""
        self._thought += text
        await self._frames.changed()

    async def write(self, text: str) -> None:
        self._text += text
        await self._frames.changed()

    async def cite(self, citation: Citation) -> None:
        self._citations.append(citation)
        await self._frames.changed()

    async def withdraw(self) -> None:
        """What was written no longer holds: it goes, and something else comes in its place."""
        self._text, self._citations = "", []
        await self._frames.changed()

    async def show(self, notice: Notice) -> None:
        self._notices.append(notice)
        await self._frames.changed()

    async def card(self, card: Card, asked: str | None = None) -> None:
        """A card stands under this answer, or is drawn anew under the answer to the question `asked`."""
        own = asked in (None, self.question.id)
        element = card_element(card, asked or self.question.id, self.question.conversation, len(self._cards))
        if own:
            self._cards[element["id"]] = element
            await self._frames.changed()  # an answer of cards alone begins too
        if not own or self._drawn is not None:
            await self._send("element", element)

    async def say(self, code: str, **values: str) -> None:
        """A sentence of the page's own, in the shopper's language."""
        await self.show(Notice.model_validate({"code": code, "text": say(self.language, code, **values)}))

    async def end(self) -> None:
        """Nothing more comes: the answer stands, with its sources and its thumbs."""
        await self._frames.close()
        self._ended = steps.stamp(datetime.now(UTC))
        self._thought_until = self._thought_until or self._ended
        for step in self.as_steps()[1:]:
            await self._send("update_message", step)
        for element in self.as_elements():
            await self._send("element", element)

    def as_steps(self) -> list[steps.Step]:
        """The question, the bracket around its answer, what was thought and, once it has begun, the answer: as they are
        now."""
        asked = self.question
        found = [
            steps.question_step(asked.id, asked.conversation, asked.text, self._began),
            steps.run_step(asked.id, asked.conversation, self._began, self._ended),
        ]
        if self._thought:
            found.append(self._thinking())
        shown = self._markdown()
        if shown or self._cards:
            streaming = self._ended is None
            answer = steps.answer_step(
                asked.id, asked.conversation, self._shop, shown, self._began, streaming=streaming
            )
            found.append(answer)
        return found

    def as_elements(self) -> list[steps.Element]:
        """The cards, and once the answer stands the sources."""
        if self._ended is None or not steps.sources_stand(self._text, self._notices):
            return list(self._cards.values())
        asked = self.question
        row = steps.sources_element(asked.id, asked.conversation, self.language, self.sources, self._citations)
        return [*self._cards.values(), *([row] if row else [])]

    def _markdown(self) -> str:
        return steps.markdown(self._text, self._citations, self.sources, self._notices)

    def _thinking(self) -> steps.Step:
        asked, name = self.question, say(self.language, "thinking_step")
        return steps.thinking_step(
            asked.id, asked.conversation, name, steps.plain(self._thought), self._began, self._thought_until
        )

    async def _draw_thought(self) -> None:
        drawn, self._thought_drawn = self._thought_drawn, len(self._thought)
        if drawn == len(self._thought):
            if self._text and self._thought and self._thought_until is None:
                self._thought_until = steps.stamp(datetime.now(UTC))
                await self._send("update_message", self._thinking())
            return
        if not drawn:
            await self._send("stream_start", self._thinking())
            return
        step, token = self._thinking()["id"], steps.plain(self._thought[drawn:])
        await self._send("stream_token", {"id": step, "token": token, "isSequence": False, "isInput": False})

    async def _draw(self) -> None:
        """The first frame opens the answer; a later one adds what is new, or replaces all where a mark went inside."""
        await self._draw_thought()
        shown = self._markdown()
        if shown == self._drawn or (self._drawn is None and not (shown or self._cards)):
            return
        begun, self._drawn = self._drawn, shown
        if begun is None:
            await self._send("stream_start", self.as_steps()[-1])
            for id in list(self._cards):  # while one is sent, another may come, or a newer form of it
                await self._send("element", self._cards[id])
            return
        grown = bool(begun) and shown.startswith(begun)
        token = shown[len(begun) :] if grown else shown
        frame = {"id": steps.answer_id(self.question.id), "token": token, "isSequence": not grown, "isInput": False}
        await self._send("stream_token", frame)
