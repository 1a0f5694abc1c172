"""Changes that wait for a yes: kept in the record, decided once, by a click of the one who was asked.

Knows what was asked and by whom; what a change does, the shop knows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from kefu.card_shapes import ApprovalCard, ApprovalState
from kefu.events import NotFound
from kefu.record import approvals
from shop.changes import Wish
from shop.database import unbroken, writing

TTL = timedelta(minutes=10)
_STUCK = timedelta(seconds=30)  # a yes that was never settled: its process died; the shop makes a change once only
_WISH: TypeAdapter[Wish] = TypeAdapter(Wish)


@dataclass(frozen=True)
class Asked:
    """A change that was put before a shopper, and what has become of it."""

    id: str
    conversation: str
    owner: str  # who was asked
    customer: str  # whose order it is
    message: str  # the question that asked for it
    tool: str
    wish: dict[str, Any]
    fingerprint: str
    card: ApprovalCard
    state: ApprovalState
    tries: int
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None

    @property
    def wanted(self) -> Wish:
        return _WISH.validate_python(self.wish)

    def click(self, yes: bool) -> str:
        """The id of the message that this click is: the same for every tab and every repeat."""
        stuck = self.decided_at.isoformat() if self.state == "working" and self.decided_at else ""
        return str(uuid.uuid5(uuid.UUID(self.id), f"{yes}{self.tries}{stuck}"))


def _now() -> datetime:
    return datetime.now(UTC)


class Approvals:
    """The approvals in one database. A stranger's and a missing one are alike."""

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._now = now

    def offer(self) -> tuple[str, datetime]:
        """A new approval's id, and the moment until which it stands."""
        return str(uuid.uuid4()), self._now() + TTL

    @unbroken
    async def ask(
        self, *, conversation: str, owner: str, customer: str, message: str, tool: str, wish: Wish, fingerprint: str,
        card: ApprovalCard,
    ) -> None:  # fmt: skip
        """Keeps a change that waits. The card carries its id and its end. What waited before in this conversation is
        void: one yes can mean one thing only."""
        now = self._now()
        async with writing(self._engine) as db:
            await db.execute(_void(conversation))
            await db.execute(
                insert(approvals).values(
                    id=card.id, conversation=conversation, owner=owner, customer=customer, message=message, tool=tool,
                    wish=wish.model_dump(mode="json"), fingerprint=fingerprint, card=card, state="pending", tries=0,
                    created_at=now, expires_at=datetime.fromisoformat(card.expires_at),
                )
            )  # fmt: skip

    @unbroken
    async def void(self, conversation: str) -> list[Asked]:
        """A new message means no: nothing waits here any more. What did."""
        async with writing(self._engine) as db:
            rows = await db.execute(_void(conversation).returning(approvals))
            return [Asked(**row._mapping) for row in rows]

    async def get(self, id: str, owner: str) -> Asked:
        """One of the owner's, with the state that it is in now; NotFound."""
        async with self._engine.connect() as db:
            row = (await db.execute(select(approvals).where(_own(id, owner)))).one_or_none()
        if row is None:
            raise NotFound("no such approval")
        return self._as_it_is(Asked(**row._mapping))

    async def of(self, conversation: str) -> dict[str, Asked]:
        """Every one of a conversation, by its id."""
        async with self._engine.connect() as db:
            rows = await db.execute(select(approvals).where(approvals.c.conversation == conversation))
        return {row.id: self._as_it_is(Asked(**row._mapping)) for row in rows}

    @unbroken
    async def decide(self, id: str, owner: str, yes: bool) -> bool:
        """The click. True for the one that decides: of any number, on any replica, that is one, and in time."""
        now = self._now()
        waiting = (approvals.c.state == "pending") & (approvals.c.expires_at > now)
        stuck = (approvals.c.state == "working") & (approvals.c.decided_at < now - _STUCK)
        open_still = _own(id, owner) & ((waiting | stuck) if yes else waiting)
        values = {"state": "working" if yes else "refused", "decided_at": now}
        async with writing(self._engine) as db:
            return bool((await db.execute(update(approvals).where(open_still).values(values))).rowcount)

    @unbroken
    async def settle(self, id: str, state: ApprovalState) -> None:
        """What became of a yes. Back to "pending": the shop could not be asked, and another click may try again."""
        tries = approvals.c.tries + (1 if state == "pending" else 0)
        async with writing(self._engine) as db:
            await db.execute(update(approvals).where(approvals.c.id == id).values(state=state, tries=tries))

    def _as_it_is(self, asked: Asked) -> Asked:
        if asked.state == "pending" and asked.expires_at <= self._now():
            return Asked(**{**asked.__dict__, "state": "expired"})
        return asked


def _void(conversation: str) -> Any:
    waiting = (approvals.c.conversation == conversation) & (approvals.c.state == "pending")
    return update(approvals).where(waiting).values(state="void")


def _own(id: str, owner: str) -> ColumnElement[bool]:
    return (approvals.c.id == id) & (approvals.c.owner == owner)
