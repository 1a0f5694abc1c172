"""What the record holds: conversations and messages, and the tables that keep them. Knows no connection and no turn.

A table's columns are its dataclass's fields, so a row becomes an object as it is. A change of a table
needs a new revision in kefu/migrations (a test compares the two).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from kefu.events import AnswerStatus, Citation, Notice, Source

Role = Literal["user", "assistant"]
TITLE_CHARS = 60


@dataclass(frozen=True)
class Conversation:
    """One shopper's conversation. The model's context begins at the message numbered `context_start`."""

    id: str
    owner: str
    title: str
    language: str | None
    context_start: int
    created_at: datetime  # both aware, UTC
    updated_at: datetime


@dataclass(frozen=True)
class Message:
    """A question or an answer. `seq` counts from 0 in its conversation, without gaps."""

    id: str
    conversation: str
    seq: int
    role: Role
    text: str  # what the shopper sees
    status: AnswerStatus  # a question is always "complete"
    language: str | None
    created_at: datetime
    reply_to: str | None  # an answer names its question
    context: str  # of a question: the system message sent right before it, byte for byte; else ""
    model_text: str  # of an answer: what the model wrote; else ""
    sources: tuple[Source, ...]  # of a question: the passages in `context`; of an answer: what it may rest on
    citations: tuple[Citation, ...]
    notices: tuple[Notice, ...]  # Kefu's own sentences shown with it
    usage: dict[str, int]
    timings: dict[str, float]
    feedback: int | None  # 1 (up), -1 (down) or none
    feedback_comment: str | None


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _CleanText(TypeDecorator[str]):
    """Text as every database takes it: PostgreSQL refuses NUL, and no UTF-8 holds half a surrogate pair."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and _clean(value)


class _Moment(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite keeps no offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without an offset")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


class _Models(TypeDecorator[tuple[BaseModel, ...]]):
    """A tuple of one kind of event, as a JSON list."""

    impl = JSON
    cache_ok = True

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: Iterable[BaseModel] | None, dialect: Dialect) -> Any:
        return [item.model_dump(mode="json") for item in value or ()]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[BaseModel, ...]:
        return tuple(self.model.model_validate(item) for item in value)


metadata = MetaData()

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("owner", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("language", String),
    Column("context_start", Integer, nullable=False),
    Column("created_at", _Moment, nullable=False),
    Column("updated_at", _Moment, nullable=False),
    Index("conversations_of_owner", "owner", "updated_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("text", _CleanText, nullable=False),
    Column("status", String, nullable=False),
    Column("language", String),
    Column("created_at", _Moment, nullable=False),
    Column("reply_to", String(36), ForeignKey("messages.id", ondelete="CASCADE"), index=True),
    Column("context", _CleanText, nullable=False),
    Column("model_text", _CleanText, nullable=False),
    Column("sources", _Models(Source), nullable=False),
    Column("citations", _Models(Citation), nullable=False),
    Column("notices", _Models(Notice), nullable=False),
    Column("usage", JSON, nullable=False),
    Column("timings", JSON, nullable=False),
    Column("feedback", Integer),
    Column("feedback_comment", _CleanText),
    UniqueConstraint("conversation", "seq", name="messages_in_order"),
)


def title_of(text: str) -> str:
    """One line of at most TITLE_CHARS characters; a longer text is cut between two whole characters, as read."""
    line = unicodedata.normalize("NFC", " ".join(_clean(text).split()))
    if len(line) <= TITLE_CHARS:
        return line
    end = TITLE_CHARS - 1  # room for the ellipsis
    while end and not _is_boundary(line, end):
        end -= 1
    return line[: end or TITLE_CHARS - 1].rstrip() + "…"


def _is_boundary(text: str, at: int) -> bool:
    """Whether a cut before `text[at]` leaves accents, Thai vowels, emoji sequences and flags whole."""
    before, after = text[at - 1], text[at]
    flags = len(text[:at]) - len(text[:at].rstrip(_FLAG_LETTERS))
    return not (
        unicodedata.category(after) in ("Mn", "Mc", "Me", "Cf")  # marks, joiners, tags
        or after in "\u0e33\u0eb3"  # Thai and Lao AM: letters by category, yet half of the syllable before them
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or before == "\u200d"
        or (after in _FLAG_LETTERS and flags % 2)
    )


_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of them make a flag
