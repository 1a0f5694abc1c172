"""What the record holds: conversations, messages and approvals, and the tables that keep them. Knows no connection
and no turn.

A table's columns are its dataclass's fields, so a row becomes an object as it is. A change of a table
needs a new revision in kefu/migrations (a test compares the two).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from kefu.card_shapes import ApprovalCard, Card
from kefu.events import AnswerStatus, Citation, Notice, Source
from shop.columns import CleanText, Model, Models, Moment, clean

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
    cards: tuple[Card, ...]  # orders shown with it, and changes asked for: as they stood then
    rounds: list[dict[str, Any]]  # a model's own tool calls and their results, as they were sent; of an answer
    usage: dict[str, int]
    timings: dict[str, float]
    feedback: int | None  # 1 (up), -1 (down) or none
    feedback_comment: str | None


metadata = MetaData()

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("owner", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("language", String),
    Column("context_start", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("conversations_of_owner", "owner", "updated_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("text", CleanText, nullable=False),
    Column("status", String, nullable=False),
    Column("language", String),
    Column("created_at", Moment, nullable=False),
    Column("reply_to", String(36), ForeignKey("messages.id", ondelete="CASCADE"), index=True),
    Column("context", CleanText, nullable=False),
    Column("model_text", CleanText, nullable=False),
    Column("sources", Models(Source), nullable=False),
    Column("citations", Models(Citation), nullable=False),
    Column("notices", Models(Notice), nullable=False),
    Column("cards", Models(Card), nullable=False),
    Column("rounds", JSON, nullable=False),
    Column("usage", JSON, nullable=False),
    Column("timings", JSON, nullable=False),
    Column("feedback", Integer),
    Column("feedback_comment", CleanText),
    UniqueConstraint("conversation", "seq", name="messages_in_order"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("owner", String, nullable=False),
    Column("customer", String, nullable=False),
    Column("message", String(36), nullable=False),  # the question that asked for the change
    Column("tool", String, nullable=False),
    Column("wish", JSON, nullable=False),
    Column("fingerprint", String(64), nullable=False),  # of the change that was shown
    Column("card", Model(ApprovalCard), nullable=False),  # as it was shown
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),  # clicks that the shop could not be asked for
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("decided_at", Moment),
)


def title_of(text: str) -> str:
    """One line of at most TITLE_CHARS characters; a longer text is cut between two whole characters, as read."""
    line = unicodedata.normalize("NFC", " ".join(clean(text).split()))
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
