"""Who works here, and as what. Looked up at every use: nothing in a token or on a page makes anybody staff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from sqlalchemy import Column, String, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from kefu.record import metadata
from shop.columns import Moment
from shop.database import unbroken, writing

Role = Literal["agent", "supervisor"]
_MAY_BE_STAFF = re.compile(r"(customer|staff):[!-~]{1,128}")  # whoever has a guest's cookie is anybody

staff = Table(
    "staff",
    metadata,
    Column("owner", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("added_by", String, nullable=False),
)


@dataclass(frozen=True)
class Member:
    """One who works here. `added_by` is the owner who said so."""

    owner: str
    role: Role
    added_at: datetime  # aware, UTC
    added_by: str


class StaffRoles:
    """The staff of the shop, in the database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def role(self, owner: str) -> Role | None:
        """What the owner may act as now; None for everybody who does not work here."""
        found = select(staff.c.role).where(staff.c.owner == owner)
        async with self._engine.connect() as db:
            return cast("Role | None", (await db.execute(found)).scalar_one_or_none())

    @unbroken
    async def add(self, owner: str, role: Role, *, by: str) -> None:
        """The owner works here from now on, or in another role. ValueError for a guest, whom nobody signed in."""
        if not _MAY_BE_STAFF.fullmatch(owner):
            raise ValueError(f"{owner!r} cannot be staff: customer:<id> or staff:<name>")
        row = {"owner": owner, "role": role, "added_at": datetime.now(UTC), "added_by": by}
        async with writing(self._engine) as db:
            if not (await db.execute(update(staff).where(staff.c.owner == owner).values(row))).rowcount:
                await db.execute(insert(staff).values(row))

    @unbroken
    async def remove(self, owner: str) -> bool:
        """The owner works here no more; False where they did not."""
        async with writing(self._engine) as db:
            return bool((await db.execute(delete(staff).where(staff.c.owner == owner))).rowcount)

    async def list(self) -> Sequence[Member]:
        """Everybody who works here, by name."""
        async with self._engine.connect() as db:
            rows = await db.execute(select(staff).order_by(staff.c.owner))
        return [Member(**row._mapping) for row in rows]
