"""The record of truth: what was asked and answered, per shopper. Knows no model, no language rule and no web.

Every call is committed when it returns, and whole even when its caller is cancelled. What it returns is what was
stored: text loses NUL characters and broken surrogates, so go on with the returned message, not with the text given.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import ColumnElement, Update, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kefu.card_shapes import Card
from kefu.events import AnswerStatus, Citation, NotFound, Notice, Source
from kefu.record import Conversation, Message, Role, conversations, messages, title_of
from shop.database import open_database, unbroken, writing

__all__ = ["Conversation", "Conversations", "Message", "Role"]


MIGRATIONS = Path(__file__).parent / "migrations"


class Conversations:
    """The conversations in one database. Ids are UUIDs; somebody else's conversation and a missing one are alike."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    async def open(cls, url: str) -> Conversations:
        """Open `sqlite:///…` or `postgresql://…`, with or without the async driver's name, at the newest revision."""
        return cls(await open_database(url, MIGRATIONS))

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def turn(self, conversation: str) -> AsyncIterator[None]:
        """One turn at a time in a conversation, first come first served. In this process only."""
        lock = self._turns.setdefault(conversation, asyncio.Lock())  # lives as long as somebody holds or awaits it
        async with lock:
            yield

    # Conversations

    @unbroken
    async def start(self, owner: str, id: str | None = None) -> Conversation:
        """A new conversation, or the owner's own of that id. ValueError when the id is no UUID."""
        id = str(uuid.uuid4()) if id is None else _uuid(id)
        try:
            return await self.get(id, owner)
        except NotFound:
            pass  # nobody's yet, or somebody else's: the insert tells
        now = datetime.now(UTC)
        new = insert(conversations).values(
            id=id, owner=owner, title="", context_start=0, created_at=now, updated_at=now
        )
        try:
            async with writing(self._engine) as db:
                row = (await db.execute(new.returning(conversations))).one()
        except IntegrityError:
            return await self.get(id, owner)
        return Conversation(**row._mapping)

    async def get(self, id: str, owner: str) -> Conversation:
        async with self._engine.connect() as db:
            row = (await db.execute(select(conversations).where(_own(id, owner)))).one_or_none()
        if row is None:
            raise NotFound("no such conversation")
        return Conversation(**row._mapping)

    async def of(self, owner: str, limit: int = 50, before: datetime | None = None) -> list[Conversation]:
        """The owner's conversations that hold a message, the last used first; `before` continues a list."""
        begun = select(messages.c.id).where(messages.c.conversation == conversations.c.id).exists()
        found = select(conversations).where(conversations.c.owner == owner, begun)
        if before is not None:
            found = found.where(conversations.c.updated_at < before)
        async with self._engine.connect() as db:
            rows = await db.execute(found.order_by(conversations.c.updated_at.desc()).limit(limit))
        return [Conversation(**row._mapping) for row in rows]

    @unbroken
    async def rename(self, id: str, owner: str, title: str) -> None:
        async with writing(self._engine) as db:
            await _change(db, update(conversations).where(_own(id, owner)).values(title=title_of(title)))

    @unbroken
    async def delete(self, id: str, owner: str) -> None:
        """Delete the conversation with its messages."""
        async with writing(self._engine) as db:
            if not (await db.execute(delete(conversations).where(_own(id, owner)))).rowcount:
                raise NotFound("no such conversation")

    @unbroken
    async def drop_before(self, conversation: str, seq: int) -> None:
        """Let the model's context begin at the message numbered `seq`. Nothing is deleted."""
        async with writing(self._engine) as db:
            here = conversations.c.id == conversation
            await _change(db, update(conversations).where(here).values(context_start=seq))

    # Messages

    async def messages(self, id: str) -> list[Message]:
        """The conversation's messages, oldest first."""
        async with self._engine.connect() as db:
            rows = await db.execute(select(messages).where(messages.c.conversation == id).order_by(messages.c.seq))
        return [Message(**row._mapping) for row in rows]

    @unbroken
    async def add_question(self, conversation: str, *, id: str, text: str, language: str | None) -> Message | None:
        """Store a shopper's message; None when this id was handled before, in whatever conversation."""
        id = _uuid(id)
        try:
            async with writing(self._engine) as db:
                return await _append(
                    db, conversation, id=id, role="user", text=text, status="complete", language=language,
                    title=title_of(text),
                )  # fmt: skip
        except IntegrityError:
            async with self._engine.connect() as db:
                if (await db.execute(select(messages.c.id).where(messages.c.id == id))).one_or_none() is None:
                    raise
            return None

    @unbroken
    async def set_context(self, question_id: str, context: str, language: str, sources: Sequence[Source] = ()) -> None:
        """Store what goes to the model right before the question, with the passages in it, and the turn's language."""
        asked = (messages.c.id == question_id) & (messages.c.role == "user")
        conversation = select(messages.c.conversation).where(asked).scalar_subquery()
        async with writing(self._engine) as db:  # the conversation's row first, as everywhere: no deadlock
            here = conversations.c.id == conversation
            await _change(db, update(conversations).where(here).values(language=language))
            await _change(db, update(messages).where(asked).values(context=context, language=language, sources=sources))

    @unbroken
    async def add_answer(
        self,
        conversation: str,
        *,
        reply_to: str,
        id: str | None = None,
        text: str,
        model_text: str,
        status: AnswerStatus,
        language: str | None,
        sources: Sequence[Source] = (),
        citations: Sequence[Citation] = (),
        notices: Sequence[Notice] = (),
        cards: Sequence[Card] = (),
        rounds: Sequence[Mapping[str, Any]] = (),
        usage: Mapping[str, int] = {},
        timings: Mapping[str, float] = {},
    ) -> Message:
        """Store the answer to a question. NotFound when the conversation was deleted meanwhile."""
        async with writing(self._engine) as db:
            return await _append(
                db, conversation, id=_uuid(id) if id else str(uuid.uuid4()), role="assistant", reply_to=reply_to,
                text=text, model_text=model_text, status=status, language=language, sources=sources,
                citations=citations, notices=notices, cards=cards, rounds=list(rounds), usage=dict(usage),
                timings=dict(timings),
            )  # fmt: skip

    @unbroken
    async def give_feedback(self, message_id: str, owner: str, value: int | None, comment: str | None = None) -> None:
        """Thumbs up (1), down (-1) or none on an answer in the owner's own conversation."""
        if value not in (1, -1, None):
            raise ValueError(f"feedback is 1, -1 or None, not {value}")
        own = select(conversations.c.id).where(conversations.c.owner == owner)
        answer = (messages.c.id == message_id) & (messages.c.role == "assistant") & messages.c.conversation.in_(own)
        async with writing(self._engine) as db:
            await _change(db, update(messages).where(answer).values(feedback=value, feedback_comment=comment))


async def _append(db: AsyncConnection, conversation: str, *, title: str = "", **message: Any) -> Message:
    now, c = datetime.now(UTC), conversations.c
    touched = update(conversations).where(c.id == conversation)  # also locks the row: the numbers stay gapless
    await _change(db, touched.values(updated_at=now, title=case((c.title == "", title), else_=c.title)))
    seq = select(func.coalesce(func.max(messages.c.seq) + 1, 0)).where(messages.c.conversation == conversation)
    values = {**_BLANK, **message, "conversation": conversation, "seq": seq.scalar_subquery(), "created_at": now}
    row = (await db.execute(insert(messages).values(values).returning(messages))).one()
    return Message(**row._mapping)


_BLANK = {
    "context": "", "model_text": "", "sources": (), "citations": (), "notices": (), "cards": (), "rounds": [],
    "usage": {}, "timings": {},
}  # fmt: skip


async def _change(db: AsyncConnection, statement: Update) -> None:
    if not (await db.execute(statement)).rowcount:
        raise NotFound("no such conversation or message")


def _own(id: str, owner: str) -> ColumnElement[bool]:
    try:
        return (conversations.c.id == _uuid(id)) & (conversations.c.owner == owner)
    except ValueError:
        raise NotFound("no such conversation") from None


def _uuid(id: str) -> str:
    """The id in lower case; ValueError unless it is a UUID in its usual spelling."""
    canonical = str(uuid.UUID(id))
    if canonical != id.lower():
        raise ValueError("not a UUID in its usual spelling")
    return canonical
