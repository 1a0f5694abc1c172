"""Puts the demo shop of a folder into the database, once: what is there already is left as it is. Knows no rule.

A customer comes with their addresses and payment methods, a product with its variants, an order with all that
belongs to it: a whole is added or left alone, so what was taken out of it stays out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shop.database import unbroken, writing
from shop.models import Base
from shop.seed_files import BadData, read
from shop.seed_rows import Wholes, wholes

__all__ = ["BadData", "Seeded", "seed"]

_LOCK = 0x73656564  # "seed": replicas that start together seed one after the other


@dataclass(frozen=True)
class Seeded:
    """How many rows were added, by table; tables without any are not named."""

    added: Mapping[str, int]


async def seed(engine: AsyncEngine, folder: Path, *, now: datetime | None = None) -> Seeded:
    """Adds what is missing, in one transaction. Times in the files count from `now` (aware; default: now). BadData."""
    return await _add(engine, await asyncio.to_thread(_build, folder, now or datetime.now(UTC)))


def _build(folder: Path, now: datetime) -> Wholes:
    return wholes(read(folder), now)


@unbroken
async def _add(engine: AsyncEngine, built: Wholes) -> Seeded:
    rows: dict[Table, list[dict[str, Any]]] = {table: [] for table in Base.metadata.sorted_tables}  # parents first
    async with writing(engine) as db:
        if db.dialect.name == "postgresql":  # SQLite's write lock is held already
            await db.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        for model, by_id in built.items():
            there = await _there(db, Base.metadata.tables[model.__tablename__], list(by_id))
            for part, row in (row for id, whole in by_id.items() if id not in there for row in whole):
                rows[Base.metadata.tables[part.__tablename__]].append(row)
        for table, values in rows.items():
            if values:
                await db.execute(insert(table), values)
    return Seeded({table.name: len(values) for table, values in rows.items() if values})


async def _there(db: AsyncConnection, table: Table, ids: list[str]) -> set[str]:
    (key,) = table.primary_key
    return set(await db.scalars(select(key).where(key.in_(ids))))
