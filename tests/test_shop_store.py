"""The shop in its database: tables, catalogue, profiles, what is remembered, and a database that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from kefu.conversations import MIGRATIONS as RECORD
from kefu.conversations import Conversations
from shop.changes import Approval, CancelOrder, ForgetMe
from shop.database import open_database, version_table
from shop.errors import Refused, ShopError, ShopUnavailable
from shop.models import Base, RememberedRow
from shop.protocol import Shop
from shop.store import MIGRATIONS, OwnShop
from tests.postgres import PASSWORD, Postgres
from tests.shop_data import (
    ALIPAY,
    ANN,
    BO,
    CANCELLED,
    DELIVERED,
    DRESS,
    GIFT,
    HOME,
    LAN,
    MEI,
    NAMES,
    NOW,
    OFFICE,
    PENDING,
    PENDING_GIFT,
    PHONE,
    L,
    clear,
    fill,
    money,
)


@pytest.fixture
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(shared_url, RECORD, MIGRATIONS)
    await clear(engine)
    await fill(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def shop(engine: AsyncEngine) -> OwnShop:
    return OwnShop(engine, now=lambda: NOW)


# The database


async def test_revisions_make_the_tables_that_the_code_declares(engine: AsyncEngine) -> None:
    ours = set(Base.metadata.tables)
    options = {
        "version_table": version_table(MIGRATIONS),
        # PostgreSQL's full text is a column that it fills by itself, SQLite's a table of its own: no model says both
        "include_name": lambda name, type_, parents: (
            name in ours if type_ == "table" else name not in ("vector", "product_texts_vector")
        ),
    }
    async with engine.connect() as db:
        differences = await db.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c, opts=options), Base.metadata)
        )
    assert differences == []


async def test_shop_and_conversations_share_a_database(engine: AsyncEngine, shop: OwnShop) -> None:
    conversations = Conversations(engine)
    chat = await conversations.start("customer:mei")
    plug: Shop = shop
    await plug.close()  # the engine is not the shop's own
    assert (await conversations.get(chat.id, "customer:mei")).id == chat.id
    assert (await shop.orders.of(MEI).get(PENDING)).number == PENDING


# What is read


async def test_order_is_read_with_all_its_parts(shop: OwnShop) -> None:
    order = await shop.orders.of(MEI).get(DELIVERED)
    assert (order.status, order.currency, order.address) == ("delivered", "CNY", HOME)
    assert [(item.product, item.price) for item in order.items] == [
        (DRESS, money("190")), (DRESS, money("190")), ("earrings-cn", money("59")), (PHONE, money("999")),
    ]  # fmt: skip
    assert order.items[0].names == NAMES and order.items[0].options == {"size": {"en": "M"}}
    assert (order.shipping, order.total) == (money("10"), money("1448"))
    assert [(p.kind, p.amount, p.method, p.method_kind) for p in order.payments] == [
        ("payment", money("1448"), ALIPAY, "alipay")
    ]
    (shipment,) = order.shipments
    assert shipment.items == tuple(item.id for item in order.items)
    assert [scan.code for scan in shipment.scans] == ["dispatched"]
    assert (order.returns, order.items_modified) == ((), False)
    cancelled = await shop.orders.of(MEI).get(CANCELLED)
    assert [payment.kind for payment in cancelled.payments] == ["payment", "refund"]


async def test_list_shows_own_orders_newest_first(shop: OwnShop) -> None:
    orders = await shop.orders.of(MEI).list()
    assert len(orders) == 9
    assert [o.placed_at for o in orders] == sorted((o.placed_at for o in orders), reverse=True)
    assert [o.number for o in await shop.orders.of(MEI).list(limit=2)] == [PENDING, PENDING_GIFT]
    assert await shop.orders.of("nobody").list() == []


async def test_profile_shows_addresses_and_methods(shop: OwnShop) -> None:
    mei = await shop.orders.of(MEI).profile()
    assert (mei.name, mei.language, mei.country) == ("陈美", "zh", "CN")
    assert [(saved.address, saved.is_default) for saved in mei.addresses] == [(HOME, True), (OFFICE, False)]
    assert {method.id: method.balance for method in mei.payment_methods}[GIFT] == money("300")
    with pytest.raises(ShopError, match="no customer 'nobody'"):
        await shop.orders.of("nobody").profile()


async def test_catalogue_finds_products_by_their_and_their_variants_ids(shop: OwnShop) -> None:
    dress = await shop.catalogue.product(DRESS)
    assert dress and dress.names == NAMES and dress.attributes == {"material": ({"en": "silk"},)}
    assert {variant.id: (variant.price, variant.stock) for variant in dress.variants}[L] == (money("230"), 1)
    assert await shop.catalogue.variant(L) == dress
    found = await shop.catalogue.products([PHONE, "no-such", DRESS, PHONE])
    assert [product.id for product in found] == [PHONE, DRESS]
    assert len(await shop.catalogue.names()) == 7 and (await shop.catalogue.names())[DRESS] == NAMES


@pytest.mark.parametrize("id", ["", "no-such", "\0", "\ud800", "' OR 1=1 --", "x" * 100_000])
async def test_catalogue_has_no_product_for_odd_ids(shop: OwnShop, id: str) -> None:
    assert await shop.catalogue.product(id) is None
    assert await shop.catalogue.variant(id) is None
    assert await shop.catalogue.products([id]) == []


# What is remembered


async def test_memory_keeps_one_value_a_key_for_its_customer_only(engine: AsyncEngine, shop: OwnShop) -> None:
    mei, bo = shop.orders.of(MEI), shop.orders.of(BO)
    await mei.remember("size", "S")
    await mei.remember("size", "M\0")
    await mei.remember("language", "zh")
    assert await mei.memory() == {"size": "M", "language": "zh"} and await bo.memory() == {}
    with pytest.raises(ValueError):
        await mei.remember("password", "x")
    with pytest.raises(ShopError):
        await shop.orders.of("nobody").remember("size", "M")
    assert await bo.forget() == 0
    assert (await mei.forget("size"), await mei.memory()) == (1, {"language": "zh"})
    await asyncio.gather(*(mei.remember("shoe_size", str(size)) for size in range(36, 46)))
    assert await mei.forget() == 2
    async with engine.connect() as db:
        assert (await db.execute(select(RememberedRow.key))).all() == []


async def test_forgetting_all_takes_a_yes(shop: OwnShop) -> None:
    mei = shop.orders.of(MEI)
    await mei.remember("size", "M")
    await shop.orders.of(ANN).remember("size", "L")
    change = await mei.plan(ForgetMe())
    yes = Approval(id="1", fingerprint=change.fingerprint, conversation="c", message="m", actor="customer:mei")
    await mei.remember("language", "zh")  # not what was shown
    with pytest.raises(Refused) as refused:
        await mei.apply(ForgetMe(), yes)
    assert refused.value.code == "changed_meanwhile"
    await mei.forget("language")
    assert await mei.apply(ForgetMe(), yes) == change
    assert await mei.memory() == {} and await shop.orders.of(ANN).memory() == {"size": "L"}


# Whose order it is


@pytest.mark.parametrize("secret", ["8000", " ８０００ ", "๘๐๐๐", "mei.chen@example.com", " MEI.Chen@example.COM\n"])
async def test_phone_digits_or_email_prove_an_order(shop: OwnShop, secret: str) -> None:
    assert await shop.orders.prove(" #jl-10001", secret) == MEI


@pytest.mark.parametrize("secret", ["", " ", "800", "08000", "4567", "+86 138 0013 8000", "陈美", "%", "\0", "\ud800"])
async def test_wrong_secret_proves_nothing(shop: OwnShop, secret: str) -> None:
    assert await shop.orders.prove(PENDING, secret) is None
    assert await shop.orders.prove("JL99999", secret) is None


async def test_missing_email_or_phone_is_never_right(engine: AsyncEngine, shop: OwnShop) -> None:
    assert await shop.orders.prove("JL30001", "") is None  # Lan has no e-mail
    assert await shop.orders.prove("JL30001", "4567") == LAN
    async with engine.begin() as db:
        await db.execute(text("UPDATE customers SET phone = '12'"))
    for secret in ("", "12", "4567"):
        assert await shop.orders.prove("JL30001", secret) is None


# A database that is gone


async def assert_unavailable(shop: OwnShop) -> None:
    mei, wish = shop.orders.of(MEI), CancelOrder(order=PENDING, reason="no_longer_needed")
    yes = Approval(id="1", fingerprint="x", conversation="c", message="m", actor="a")
    for call in (
        mei.profile(), mei.list(), mei.get(PENDING), mei.plan(wish), mei.apply(wish, yes), mei.memory(),
        mei.remember("size", "M"), mei.forget(), shop.orders.prove(PENDING, "8000"), shop.catalogue.product(DRESS),
        shop.catalogue.variant(L), shop.catalogue.names(),
    ):  # fmt: skip
        with pytest.raises(ShopUnavailable) as unavailable:
            await call
        told = f"{unavailable.value} {unavailable.value.__cause__}"
        assert "127.0.0.1" not in told and "kefu_" not in told and "gone.db" not in told
        assert PASSWORD not in told and unavailable.value.__suppress_context__


async def drop(url: str, postgres: Postgres, how: str = "") -> None:
    other = await open_database(postgres.database(), MIGRATIONS)
    async with other.connect() as db:
        await db.execution_options(isolation_level="AUTOCOMMIT")
        await db.execute(text(f"DROP DATABASE {url.rpartition('/')[2]} {how}"))
    await other.dispose()


async def test_dropped_postgresql_database_is_an_outage(postgres: Postgres) -> None:
    url = postgres.database()
    shop = await OwnShop.open(url)
    await shop.orders.of(MEI).list()
    await drop(url, postgres, "WITH (FORCE)")
    await assert_unavailable(shop)
    await shop.close()


async def test_closed_shop_holds_no_connection(postgres: Postgres) -> None:
    url = postgres.database()
    shop = await OwnShop.open(url)
    await shop.orders.of(MEI).list()
    await shop.close()
    await drop(url, postgres)  # refused while anybody is connected


async def test_broken_sqlite_file_is_an_outage(tmp_path: Path) -> None:
    file = tmp_path / "gone.db"
    shop = await OwnShop.open(f"sqlite:///{file}")
    await shop.close()  # its next connection is a new one
    file.write_bytes(b"no database" * 400)
    await assert_unavailable(shop)
    await shop.close()
