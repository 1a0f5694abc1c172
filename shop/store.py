"""A shop on our own tables, in a database of its own or in the one that keeps the conversations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from shop.catalog import OwnCatalogue
from shop.database import open_database
from shop.orders import OwnOrders
from shop.rules import Rules

MIGRATIONS = Path(__file__).parent / "migrations"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OwnShop:
    """The shop in one database (shop.protocol.Shop). `now` gives the aware time by which windows are counted."""

    def __init__(
        self, engine: AsyncEngine, rules: Rules | None = None, *, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self.orders = OwnOrders(engine, rules or Rules(), now)
        self.catalogue = OwnCatalogue(engine)
        self._own_engine: AsyncEngine | None = None

    @classmethod
    async def open(cls, url: str, rules: Rules | None = None, *, now: Callable[[], datetime] = _utc_now) -> OwnShop:
        """Open `sqlite:///…` or `postgresql://…` at the newest revision. BadDatabase says what is wrong."""
        engine = await open_database(url, MIGRATIONS)
        shop = cls(engine, rules, now=now)
        shop._own_engine = engine
        return shop

    async def close(self) -> None:
        """Gives back what `open` took; an engine that was handed in stays open for those who share it."""
        if self._own_engine is not None:
            await self._own_engine.dispose()
