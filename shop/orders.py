"""A customer's orders in the shop's own tables: seen, planned and changed; and who may claim to be that customer.

Rules are shop.planning's. Every change is one transaction, made once for an approval's id, and leaves an audit row.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.changes import Approval, Change, Wish
from shop.columns import clean
from shop.database import unbroken
from shop.effects import carry_out
from shop.errors import Refused
from shop.loading import Rows, customer_row, key_of, load, order_row
from shop.models import AuditRow, CustomerRow, OrderRow, RememberedRow
from shop.numbers import plain
from shop.planning import plan as make_plan
from shop.planning_basis import Plan
from shop.rows import customer_view, order_view
from shop.rules import Rules
from shop.sessions import changing, reading
from shop.views import Customer, Order

MEMORY_KEYS = frozenset({"size", "shoe_size", "language"})


class OwnOrders:
    """The orders in the shop's tables (shop.protocol.Orders)."""

    def __init__(self, engine: AsyncEngine, rules: Rules, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._rules = rules
        self._now = now

    def of(self, customer: str) -> OwnCustomerOrders:
        """The only door to an order."""
        return OwnCustomerOrders(self._engine, self._rules, self._now, customer)

    async def prove(self, number: str, secret: str) -> str | None:
        """The customer's id, if `secret` is their e-mail or the last four digits of their phone; else None."""
        of_order = select(CustomerRow.id, CustomerRow.email, CustomerRow.phone).join(
            OrderRow, OrderRow.customer == CustomerRow.id
        )
        async with reading(self._engine) as session:
            row = (await session.execute(of_order.where(OrderRow.number == key_of(number)))).one_or_none()
        id, email, phone = row or ("", "", "")
        digits = re.sub(r"\D", "", plain(phone))[-4:]
        unknown = secrets.token_hex()  # what is not on file is compared too, and never right
        given = _folded(secret)
        by_email = hmac.compare_digest(given, _folded(email) or unknown.encode())
        by_phone = hmac.compare_digest(given, _folded(digits) if len(digits) == 4 else unknown.encode())
        return id if by_email or by_phone else None


class OwnCustomerOrders:
    """One customer's orders and profile (shop.protocol.CustomerOrders). ShopError where a profile is needed and the
    shop does not have the customer."""

    def __init__(self, engine: AsyncEngine, rules: Rules, now: Callable[[], datetime], customer: str) -> None:
        self._engine = engine
        self._rules = rules
        self._now = now
        self._customer = clean(customer)

    async def profile(self) -> Customer:
        async with reading(self._engine) as session:
            return customer_view(await customer_row(session, self._customer))

    async def list(self, limit: int = 20) -> Sequence[Order]:
        """The newest first."""
        newest = (
            select(OrderRow)
            .where(OrderRow.customer == self._customer)
            .order_by(OrderRow.placed_at.desc(), OrderRow.number)
            .limit(limit)
        )
        async with reading(self._engine) as session:
            return [order_view(row) for row in await session.scalars(newest)]

    async def get(self, number: str) -> Order:
        """OrderNotFound: missing, malformed, or somebody else's."""
        async with reading(self._engine) as session:
            return order_view(await order_row(session, self._customer, number))

    async def plan(self, wish: Wish) -> Change:
        """What the wish would do. Refused when a rule says no."""
        wish = _cleaned(wish)
        async with reading(self._engine) as session:
            rows = await load(session, self._customer, wish)
            return self._plan(wish, rows, self._now()).change

    @unbroken
    async def apply(self, wish: Wish, approval: Approval) -> Change:
        """Does it, once for an approval's id. Refused("changed_meanwhile") when it is not what was approved."""
        wish = _cleaned(wish)
        try:
            return await self._apply(wish, approval)
        except IntegrityError:  # the same id was used for another order at the same moment, and is taken now
            return await self._apply(wish, approval)

    async def _apply(self, wish: Wish, approval: Approval) -> Change:
        async with changing(self._engine) as session:
            rows = await load(session, self._customer, wish, lock=True)
            number = rows.order.number if rows.order else None
            changed_meanwhile = Refused("changed_meanwhile", number=number or "")
            if done := await session.get(AuditRow, approval.id):
                if (done.customer, done.fingerprint) != (self._customer, approval.fingerprint):
                    raise changed_meanwhile
                return Change.model_validate(done.change)
            now = self._now()
            plan = self._plan(wish, rows, now)
            if plan.change.fingerprint != approval.fingerprint:
                raise changed_meanwhile
            await carry_out(session, plan, rows, now)
            session.add(_audit(self._customer, wish, plan.change, approval, now))
            return plan.change

    def _plan(self, wish: Wish, rows: Rows, now: datetime) -> Plan:
        return make_plan(wish, order_view(rows.order) if rows.order else None, rows.known(self._rules, now))

    async def memory(self) -> Mapping[str, str]:
        """What is remembered of the customer: "size" -> "M"."""
        async with reading(self._engine) as session:
            rows = await session.scalars(select(RememberedRow).where(RememberedRow.customer == self._customer))
            return {row.key: row.value for row in rows}

    @unbroken
    async def remember(self, key: str, value: str) -> None:
        """One more thing, in place of an older value. ValueError for a key that is none of MEMORY_KEYS."""
        if key not in MEMORY_KEYS:
            raise ValueError(f"nothing is remembered as {key!r}")
        async with changing(self._engine) as session:
            await customer_row(session, self._customer, lock=True)
            await session.merge(RememberedRow(customer=self._customer, key=key, value=value, at=self._now()))

    @unbroken
    async def forget(self, key: str | None = None) -> int:
        """Deletes one thing that is remembered, or all. How many were."""
        own = select(RememberedRow).where(RememberedRow.customer == self._customer)
        async with changing(self._engine) as session:
            rows = (await session.scalars(own if key is None else own.where(RememberedRow.key == key))).all()
            for row in rows:
                await session.delete(row)
            return len(rows)


def _audit(customer: str, wish: Wish, change: Change, approval: Approval, now: datetime) -> AuditRow:
    return AuditRow(
        id=approval.id,
        customer=customer,
        order=change.order,
        kind=wish.kind,
        wish=wish.model_dump(mode="json"),
        change=change.model_dump(mode="json"),
        fingerprint=approval.fingerprint,
        conversation=approval.conversation,
        message=approval.message,
        actor=approval.actor,
        at=now,
    )


def _cleaned(wish: Wish) -> Wish:
    """The wish in text that every database takes."""
    return type(wish).model_validate(_clean(wish.model_dump(mode="json")))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _folded(text: str) -> bytes:
    return clean(plain(text)).strip().casefold().encode()
