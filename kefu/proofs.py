"""Whose orders a conversation may see: the signed-in shopper's own, or those of whoever proved an order in it.

Knows no channel and no words. Wrong guesses are counted in the database, so that replicas count together; neither the
secret nor the order's number nor the address it came from is kept with them.
"""

from __future__ import annotations

import hashlib
import ipaddress
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Literal

from sqlalchemy import Column, ForeignKey, Index, String, Table, delete, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kefu.events import NotFound
from kefu.identity import customer_of
from kefu.record import Conversation, metadata
from shop.columns import Moment
from shop.database import unbroken, writing
from shop.errors import ShopUnavailable
from shop.numbers import canonical
from shop.protocol import Orders

Outcome = Literal["proved", "wrong", "locked", "already"]

MISSES = 5
WITHIN = timedelta(hours=1)
LOCKED = timedelta(hours=1)

proofs = Table(
    "proofs",
    metadata,
    Column("conversation", String(36), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("customer", String, nullable=False),
    Column("order_number", String),  # none where staff vouch
    Column("method", String, nullable=False),  # "order" or "staff"
    Column("at", Moment, nullable=False),
)

misses = Table(  # one row for each try at each key that it counts against; a right one is taken out again
    "misses",
    metadata,
    Column("attempt", String(36), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
    Index("misses_of_key", "key"),
)


class Proofs:
    """The proofs of all conversations. A proof holds for its conversation, and for one customer."""

    def __init__(
        self, engine: AsyncEngine, orders: Orders, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._orders = orders
        self._now = now

    async def customer(self, conversation: Conversation) -> str | None:
        """The customer this conversation acts for, if any."""
        return customer_of(conversation.owner) or await self._proven(conversation)

    async def prove(self, conversation: Conversation, number: str, secret: str, *, address: str = "") -> Outcome:
        """Tries an order's number with its secret, the phone's last four digits or the e-mail.

        "proved": the conversation acts for the order's customer from now on. "wrong": whether there is such an order
        stays untold. "locked": MISSES wrong tries WITHIN an hour by this owner, at this order or from this `address`
        (the client's IP address, where known); for LOCKED after the last one the shop is not asked, whatever the
        secret. "already": the conversation acts for another customer, or its owner is signed in.
        NotFound when the conversation was deleted; ShopUnavailable, which counts as no try.
        """
        if customer_of(conversation.owner):
            return "already"
        number = canonical(number)
        keys = _keys(conversation.owner, number, address)
        # Counted before the shop is asked, and taken back if right: of a hundred tries at once five get through
        attempt = await self._count(keys)
        if attempt is None:
            return "locked"
        try:
            customer = await self._orders.prove(number, secret)
        except ShopUnavailable:
            await self._uncount(attempt)
            raise
        if customer is None:
            return "wrong"
        await self._uncount(attempt, forgiven=keys[0])
        return await self._keep(conversation, customer, "order", number)

    async def vouch(self, conversation: Conversation, customer: str) -> Outcome:
        """Staff open their own conversation for a customer: "proved", or "already" when it is another's."""
        if not conversation.owner.startswith("staff:"):
            raise ValueError("only staff vouch, in their own conversation")
        return await self._keep(conversation, customer, "staff", None)

    async def _proven(self, conversation: Conversation) -> str | None:
        found = select(proofs.c.customer).where(proofs.c.conversation == conversation.id)
        async with self._engine.connect() as db:
            customer: str | None = (await db.execute(found)).scalar_one_or_none()
        return customer

    @unbroken
    async def _keep(
        self, conversation: Conversation, customer: str, method: Literal["order", "staff"], number: str | None
    ) -> Outcome:
        row = {"conversation": conversation.id, "customer": customer, "order_number": number, "method": method}
        try:
            async with writing(self._engine) as db:
                await db.execute(insert(proofs).values(row | {"at": self._now()}))
            return "proved"
        except IntegrityError:
            proven = await self._proven(conversation)
        if proven is None:
            raise NotFound("no such conversation")
        return "proved" if proven == customer else "already"

    @unbroken
    async def _count(self, keys: Sequence[str]) -> str | None:
        """Counts a try against all keys and returns its id; None, and nothing counted, when one of them is locked."""
        async with self._engine.connect() as db:  # hammering at a lock costs one read
            if await _is_locked(db, keys, self._now()):
                return None
        attempt = str(uuid.uuid4())
        async with writing(self._engine) as db:
            await _alone(db)
            now = self._now()
            if await _is_locked(db, keys, now):
                return None
            await db.execute(delete(misses).where(misses.c.at <= now - WITHIN - LOCKED))
            await db.execute(insert(misses), [{"attempt": attempt, "key": key, "at": now} for key in keys])
        return attempt

    @unbroken
    async def _uncount(self, attempt: str, forgiven: str = "") -> None:
        """Takes a try back, and every miss at the key that is forgiven."""
        async with writing(self._engine) as db:
            await _alone(db)
            await db.execute(delete(misses).where((misses.c.attempt == attempt) | (misses.c.key == forgiven)))


def _keys(owner: str, number: str, address: str) -> list[str]:
    """What a try counts against, the owner first."""
    order = "".join(filter(str.isalnum, number))  # however it is written
    parts = {"owner": owner, "order": order} | ({"address": _network(address)} if address else {})
    return [
        hashlib.sha256(f"kefu-miss:{kind}:{value}".encode("utf-8", "replace")).hexdigest()
        for kind, value in parts.items()
    ]


def _network(address: str) -> str:
    """A line's address: of IPv6 its first 64 bits, since every device behind a line may take any of the rest."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


async def _alone(db: AsyncConnection) -> None:
    """No other transaction counts until this one ends."""
    if db.dialect.name == "postgresql":  # in SQLite the write lock is held already
        await db.execute(text("LOCK TABLE misses IN SHARE ROW EXCLUSIVE MODE"))


async def _is_locked(db: AsyncConnection, keys: Iterable[str], now: datetime) -> bool:
    recent = select(misses.c.key, misses.c.at).where(misses.c.key.in_(keys), misses.c.at > now - WITHIN - LOCKED)
    rows = await db.execute(recent.order_by(misses.c.key, misses.c.at))
    return any(_locks([row.at for row in tries], now) for _, tries in groupby(rows, key=lambda row: row.key))


def _locks(times: Sequence[datetime], now: datetime) -> bool:
    """Whether the last of these misses (oldest first) closed a key, and it is closed still."""
    last = times[-MISSES:]
    return len(last) == MISSES and last[-1] - last[0] < WITHIN and now - last[-1] < LOCKED
