"""Sessions on the shop's database: one moment to read, one transaction to change, and an outage in the shop's words.

Knows no table and no rule.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shop.database import writing
from shop.errors import ShopUnavailable


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session that sees the database as it is at one moment, so that an order and its parts fit together."""
    with outages():
        async with engine.connect() as db:
            if db.dialect.name == "sqlite":
                await db.exec_driver_sql("BEGIN")
            else:
                await db.execution_options(isolation_level="REPEATABLE READ")
            async with AsyncSession(db) as session:
                yield session


@asynccontextmanager
async def changing(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session in one transaction: committed when the block ends, gone without a trace when it raises."""
    with outages():
        async with writing(engine) as db, AsyncSession(db, autoflush=False) as session:
            yield session
            await session.flush()


@contextmanager
def outages() -> Iterator[None]:
    """A database that does not answer is ShopUnavailable, without the driver's words: they may name its address."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise  # the database answers: a fault of ours, or two writes that met
    except (SQLAlchemyError, OSError) as error:
        raise ShopUnavailable(f"the shop's database does not answer ({type(error).__name__})") from None
