"""Desks on the demo shop, with a tripwire on every table of the shop: each write to it is noted."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kefu.approvals import Approvals
from kefu.chat import Assistant
from kefu.conversations import MIGRATIONS, Conversations
from kefu.errand import Errands
from kefu.llm import LLM, Endpoint
from kefu.products.assortment import Assortment
from kefu.products.service import Advice
from kefu.proofs import Proofs
from kefu.turn_parts import Limits
from shop.catalog import OwnCatalogue
from shop.database import Engine, open_database
from shop.models import Base
from shop.product_index import ProductIndex
from shop.ranking import Weights
from shop.search import ProductSearch
from shop.seed import seed
from shop.store import MIGRATIONS as SHOP_MIGRATIONS
from shop.store import OwnShop
from tests.attack.demo import DATA, DemoOrder
from tests.orders_desk import NoPassages, OrdersDesk, Told
from tests.scripted import ScriptedModel
from tests.small_products import SharedWords
from tests.test_chat import LIMITS

INTENTS = {
    "Where": "get_order", "Track": "track_shipment", "Refund": "get_return_status", "Orders": "list_orders",
    "Cancel": "cancel_order", "Address": "change_address", "Payment": "change_payment", "Return": "return_items",
    "Swap": "swap_items", "Default": "change_default_address", "Forget": "forget_me", "Memory": "show_memory",
    "yes": "confirm", "no": "refuse",
    "Looking": "find_products", "About": "ask_product", "Compare": "compare_products",
}  # fmt: skip


async def seeded(file: Path) -> None:
    """Fills a new database file with the demo shop, and lays the tripwire."""
    engine = await open_database(f"sqlite:///{file}", MIGRATIONS, SHOP_MIGRATIONS)
    await seed(engine, DATA)
    async with _sold(engine, file) as assortment:  # writes the texts that products are found by
        assert await assortment.index.pending() == 0
    await engine.dispose()
    lay_tripwire(file)


@asynccontextmanager
async def _sold(engine: Engine, file: Path) -> AsyncIterator[Assortment]:
    """What the shop sells, found by its words: nothing is embedded."""
    index = ProductIndex.open(engine, file.parent / "products", SharedWords())
    assortment = Assortment(ProductSearch(engine, OwnCatalogue(engine), index, Weights()))
    await index.sync_texts()
    try:
        yield assortment
    finally:
        await assortment.close()


def lay_tripwire(file: Path) -> None:
    """From now on each write to a table of the shop is noted, but for the language, which is remembered unasked."""
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("CREATE TABLE IF NOT EXISTS tripped (what TEXT)")
        for table in Base.metadata.tables:
            for act in ("INSERT", "UPDATE", "DELETE"):
                unasked = table == "remembered" and act != "DELETE"
                when = "WHEN NEW.key <> 'language' " if unasked else ""
                db.execute(
                    f'CREATE TRIGGER IF NOT EXISTS "trip_{act}_{table}" AFTER {act} ON "{table}" {when}'
                    f"BEGIN INSERT INTO tripped VALUES ('{act} {table}'); END"
                )
    db.close()


def tripped(file: Path) -> list[str]:
    """What the tripwire noted."""
    with sqlite3.connect(file) as db:
        found = [what for (what,) in db.execute("SELECT what FROM tripped")]
    db.close()
    return found


def _variants(file: Path) -> dict[str, str]:
    """For each item another variant of its product, one in stock where there is one; its own where there is none."""
    with sqlite3.connect(file) as db:
        found = db.execute(
            "SELECT i.id, v.id FROM order_items i JOIN variants v ON v.product = i.product "
            "ORDER BY v.id = i.variant DESC, v.stock > 0"
        ).fetchall()
    db.close()
    return dict(found)


@dataclass
class Now:
    """A clock that runs, and can be put forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class AttackDesk(OrdersDesk):
    """The desk, and what the tripwire on its shop has noted."""

    file: Path = Path()
    now: Now = field(default_factory=Now)
    variants: Mapping[str, str] = field(default_factory=dict)  # item id -> another variant of its product

    def others(self, order: DemoOrder) -> list[str]:
        """For each item of the order what it may be exchanged for."""
        return [self.variants[item] for item in order.items]

    def tripped(self) -> list[str]:
        """Every write to the shop's tables since the demo shop was seeded."""
        return tripped(self.file)

    def edit(self, statement: str, *values: object) -> None:
        """Changes the database behind everybody's back, as whoever owns the data might."""
        with sqlite3.connect(self.file) as db:
            db.execute(statement, values)
        db.close()

    async def relearn(self) -> None:
        """Takes note of products that were changed behind everybody's back, and forgives what that wrote."""
        parts = self.assistant._parts
        assert parts.errands and parts.errands.assortment
        await parts.errands.assortment.index.sync_texts()
        self.edit("DELETE FROM tripped")

    def using(self, *, rounds: int, limits: Limits = LIMITS, index: Any = None) -> AttackDesk:
        """The same desk with the model calling tools (`rounds` times), or Kefu's code (0)."""
        parts = self.assistant._parts
        assert parts.errands
        errands = replace(parts.errands, rounds=rounds)
        assistant = Assistant(self.conversations, index or parts.index, parts.llm, limits, errands)
        return replace(self, assistant=assistant)

    async def guest(self, name: str = "guest:mallory") -> AttackDesk:
        """Seen by a guest in a new conversation."""
        return replace(self, conversation=await self.conversations.start(name))

    async def signed_in(self, customer: str) -> AttackDesk:
        return await self.guest(f"customer:{customer}")

    async def proven(self, order: DemoOrder, name: str = "guest:mallory") -> AttackDesk:
        """Seen by a guest who proved this order in a new conversation."""
        desk = await self.guest(name)
        assert await self.proofs.prove(desk.conversation, order.number, order.phone[-4:]) == "proved"
        return desk


Opening = Callable[[], Awaitable[AttackDesk]]  # a desk on a fresh copy of the demo shop


@asynccontextmanager
async def attack_desk(
    file: Path, model: ScriptedModel, intents: Mapping[str, str] = INTENTS, rounds: int = 8
) -> AsyncIterator[AttackDesk]:
    """A desk on a seeded database file."""

    async def endpoint() -> Endpoint:
        return Endpoint(model.url)

    engine = await open_database(f"sqlite:///{file}", MIGRATIONS, SHOP_MIGRATIONS)
    now = Now()
    conversations, approvals = Conversations(engine), Approvals(engine, now=now)
    shop = OwnShop(engine)
    proofs = Proofs(engine, shop.orders, now=now)
    llm = LLM(endpoint, connect_s=2, first_token_s=10, idle_s=10, total_s=30, retries=0)
    router: Any = Told(intents)
    index: Any = NoPassages()
    async with _sold(engine, file) as assortment:
        advice = Advice(assortment, llm, words_reasons=True)
        errands = Errands(shop, proofs, approvals, router, llm, rounds, advice, LIMITS.contact)
        assistant = Assistant(conversations, index, llm, LIMITS, errands)
        nobody = await conversations.start("guest:nobody")
        yield AttackDesk(
            engine, assistant, conversations, approvals, proofs, shop, nobody,
            file=file, now=now, variants=_variants(file),
        )  # fmt: skip
    await llm.close()
    await engine.dispose()
