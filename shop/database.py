"""The relational database, which the shop and the record of conversations share: its URL, its engine, its newest
revision. Knows no table and no shopper."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from shop.errors import BadDatabase

Engine = AsyncEngine  # for those who hand it on and ask it nothing
P = ParamSpec("P")
T = TypeVar("T")

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_WAIT_S = 10  # for a connection to PostgreSQL, or for SQLite's write lock
_MIGRATION_LOCK = 0x6B656675  # "kefu": replicas that start together migrate one after the other
_migrating = threading.Lock()  # Alembic's context is global: two at a time would run on each other's connection


async def open_database(url: str, *migrations: Path) -> AsyncEngine:
    """An engine on the database at `url`, made where it is missing, with each of the folders of migrations at its
    newest revision. BadDatabase says what is wrong."""
    address = _address(url)
    try:
        await asyncio.to_thread(_migrate, address, migrations)
    except CommandError as error:
        raise BadDatabase(
            f"The database ({_where(address)}) is not one this version of Kefu knows: {error}. "
            "It was probably written by a newer Kefu: update this one, or name another database in KEFU_DATABASE_URL."
        ) from None
    except (SQLAlchemyError, OSError, TypeError, ValueError) as error:  # the last two: an option the driver refuses
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise BadDatabase(
            f"The database ({_where(address)}) cannot be opened: {cause or type(cause).__name__}. "
            "Is it running, and is KEFU_DATABASE_URL right?"
        ) from None
    return _engine(address)


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that is committed when the block ends, and gone without a trace when it raises."""
    async with engine.begin() as db:
        if db.dialect.name == "sqlite":  # take the write lock at once: upgrading a read transaction may fail as busy
            await db.exec_driver_sql("BEGIN IMMEDIATE")
        yield db


def unbroken(write: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A write that has begun is finished before its caller's cancellation goes on.

    A cancelled statement costs its connection, and SQLite's write lock may stay with the one that is torn down.
    """

    @wraps(write)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(write(*args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    return whole


def version_table(migrations: Path) -> str:
    """The table that keeps the revision of a folder of migrations."""
    return "alembic_version" if migrations.parent.name == "kefu" else f"{migrations.parent.name}_version"


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (SQLAlchemyError, ValueError):  # their texts may quote a piece of the password
        raise BadDatabase("KEFU_DATABASE_URL is not a database URL: postgresql://user:password@host/name") from None
    backend = address.drivername.partition("+")[0]
    if backend not in _DRIVERS:
        raise BadDatabase(f"KEFU_DATABASE_URL: Kefu keeps its record in postgresql:// or sqlite:///, not in {backend}.")
    if backend == "sqlite" and address.database in (None, "", ":memory:"):
        raise BadDatabase("KEFU_DATABASE_URL: a SQLite database needs a file, sqlite:////path/to/kefu.db.")
    query = {"ssl" if key == "sslmode" else key: value for key, value in address.query.items()}  # asyncpg's word for it
    return address.set(drivername=_DRIVERS[backend], query=query)


def _engine(address: URL) -> AsyncEngine:
    # hide_parameters: a failing statement in a log must not quote a shopper
    if address.get_backend_name() == "postgresql":
        return create_async_engine(address, hide_parameters=True, pool_pre_ping=True, connect_args={"timeout": _WAIT_S})
    engine = create_async_engine(  # SQLite has one writer: one connection, whose queue is fair
        address,
        hide_parameters=True,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": _WAIT_S},
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where writing() says so
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_WAIT_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")  # with WAL a commit survives the death of the process
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _migrate(address: URL, folders: Sequence[Path]) -> None:
    if address.get_backend_name() == "sqlite":
        Path(address.database or "").parent.mkdir(parents=True, exist_ok=True)
    with _migrating:
        asyncio.run(_upgrade(_engine(address), folders))


async def _upgrade(engine: AsyncEngine, folders: Sequence[Path]) -> None:
    def upgrade(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":  # in SQLite the write lock is held already
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        for folder in folders:
            config = Config()
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            config.attributes |= {"connection": connection, "version_table": version_table(folder)}
            command.upgrade(config, "head")

    try:
        async with writing(engine) as db:
            await db.run_sync(upgrade)
    finally:
        await engine.dispose()


def _where(address: URL) -> str:
    """The database in words, without user, password or options."""
    if address.get_backend_name() == "sqlite":
        return f"SQLite, {address.database}"
    host = (address.host or "local socket").rpartition("@")[2]  # a password with a bare @ in it spills over
    return f"PostgreSQL, {host}:{address.port or 5432}/{address.database or ''}"
