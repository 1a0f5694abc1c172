"""The demo shop and its seeding, on SQLite and PostgreSQL: it is whole, it adds up, and it is put in once."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.changes import Approval, CancelOrder
from shop.database import open_database
from shop.models import AddressRow, Base, CustomerRow, OrderRow, ProductRow, VariantRow
from shop.money import Money
from shop.seed import BadData, seed
from shop.seed_files import read
from shop.store import MIGRATIONS, OwnShop
from shop.views import Customer, Order, OrderStatus, Product, ReturnStatus

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
PICTURES = ROOT / "public" / "products"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LANGUAGES = {"zh", "en", "vi", "th"}
SHIPPING = {  # policies: shipping; minor units: standard, free from, express
    "CNY": (10_00, 99_00, None),
    "VND": (35_000, 799_000, 90_000),
    "THB": (59_00, 999_00, 149_00),
    "USD": (12_00, 89_00, 28_00),
}
COD_FEE = 15_000  # policies: payment


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(url, MIGRATIONS)
    yield engine
    await engine.dispose()


@pytest.fixture
async def replica(url: str, engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """A second server on the same database."""
    replica = await open_database(url, MIGRATIONS)
    yield replica
    await replica.dispose()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(f"sqlite:///{tmp_path / 'shop.db'}", MIGRATIONS)
    yield engine
    await engine.dispose()


@pytest.fixture
async def shop(engine: AsyncEngine) -> OwnShop:
    await seed(engine, DATA, now=NOW)
    return OwnShop(engine, now=lambda: NOW)


async def rows(engine: AsyncEngine) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the shop, by table; not what triggers note for the search."""
    async with engine.connect() as db:
        return {
            table.name: sorted(tuple(map(str, row)) for row in await db.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if table.name != "product_changes"
        }


async def ids(engine: AsyncEngine, column: Any) -> list[str]:
    async with engine.connect() as db:
        return list(await db.scalars(select(column)))


async def customers(shop: OwnShop, engine: AsyncEngine) -> list[Customer]:
    return [await shop.orders.of(id).profile() for id in await ids(engine, CustomerRow.id)]


async def orders(shop: OwnShop, customer: str) -> list[Order]:
    return list(await shop.orders.of(customer).list(limit=1000))


async def everybodys(shop: OwnShop, engine: AsyncEngine) -> list[tuple[Customer, Order]]:
    return [(c, order) for c in await customers(shop, engine) for order in await orders(shop, c.id)]


async def products(shop: OwnShop) -> dict[str, Product]:
    return {product.id: product for product in await shop.catalogue.products(list(await shop.catalogue.names()))}


# What is in the shop


async def test_the_shop_has_enough_of_everything_in_every_state(shop: OwnShop, engine: AsyncEngine) -> None:
    all_orders = [order for _, order in await everybodys(shop, engine)]
    sold = await products(shop)
    assert len(await ids(engine, CustomerRow.id)) >= 14
    assert len(all_orders) >= 70
    assert len({id.rpartition("-")[0] for id in sold}) >= 160
    assert all(product.variants for product in sold.values())
    assert {order.status for order in all_orders} == set(get_args(OrderStatus))
    returns = [back for order in all_orders for back in order.returns]
    assert {back.status for back in returns} == set(get_args(ReturnStatus))
    assert {back.kind for back in returns} == {"return", "exchange"}
    assert any(order.items_modified for order in all_orders)
    assert any(product.electronics for product in sold.values())
    assert any(not product.returnable for product in sold.values())
    assert any(variant.stock == 0 for product in sold.values() for variant in product.variants)


async def test_orders_are_of_every_age_that_a_rule_asks_for(shop: OwnShop, engine: AsyncEngine) -> None:
    all_orders = [order for _, order in await everybodys(shop, engine)]
    pending = [NOW - order.placed_at for order in all_orders if order.status == "pending"]
    assert min(pending) < timedelta(hours=2) < max(pending)
    delivered = [NOW - order.delivered_at for order in all_orders if order.delivered_at]
    assert min(delivered) < timedelta(days=7) and max(delivered) > timedelta(days=30)
    scans = {scan.code for order in all_orders for parcel in order.shipments for scan in parcel.scans}
    assert scans == {"packed", "dispatched", "customs", "arrived", "out_for_delivery", "delivered", "failed_attempt"}


async def test_some_customers_have_one_order_and_some_two(shop: OwnShop, engine: AsyncEngine) -> None:
    of = {c.id: await orders(shop, c.id) for c in await customers(shop, engine)}
    assert len(of["zhao-lei"]) == 1
    assert sorted(order.status for order in of["vo-ngoc-anh"]) == ["delivered", "pending"]
    assert all(len(theirs) >= 3 for id, theirs in of.items() if id not in ("zhao-lei", "vo-ngoc-anh"))
    assert {order.address.country for theirs in of.values() for order in theirs} >= {"CN", "VN", "TH", "US", "MY"}


async def test_order_numbers_of_a_customer_do_not_follow_each_other(shop: OwnShop, engine: AsyncEngine) -> None:
    for customer in await customers(shop, engine):
        numbers = sorted(int(order.number.removeprefix("JL")) for order in await orders(shop, customer.id))
        assert all(later - earlier > 1 for earlier, later in pairwise(numbers))


# It adds up


async def test_what_was_paid_is_what_the_order_costs(shop: OwnShop, engine: AsyncEngine) -> None:
    for _, order in await everybodys(shop, engine):
        nothing = Money(amount=0, currency=order.currency)
        kept = sum((p.amount if p.kind == "payment" else -p.amount for p in order.payments), nothing)
        done = [back for back in order.returns if back.status in ("refunded", "exchanged")]
        due = order.total - sum((back.money for back in done if back.money), nothing)
        if order.status == "cancelled" or not order.payments:
            due = nothing
        assert kept == due, order.number


async def test_only_cash_on_delivery_is_not_paid_at_once(shop: OwnShop, engine: AsyncEngine) -> None:
    unpaid = [(customer, order) for customer, order in await everybodys(shop, engine) if not order.payments]
    assert {order.status for _, order in unpaid} >= {"pending", "shipped"}
    for customer, order in unpaid:
        assert order.status != "delivered"
        assert any(method.kind == "cod" for method in customer.payment_methods)


async def test_shipping_costs_what_the_policy_says(shop: OwnShop, engine: AsyncEngine) -> None:
    for _, order in await everybodys(shop, engine):
        standard, free_from, express = SHIPPING[order.currency]
        cod = 0 if order.payments and order.payments[0].method_kind != "cod" else COD_FEE
        first_price = order.payments[0].amount if order.items_modified else order.total
        usual = 0 if (first_price - order.shipping).amount >= free_from else standard
        assert order.shipping.amount - cod in (usual, express), order.number


async def test_times_run_forward(shop: OwnShop, engine: AsyncEngine) -> None:
    for _, order in await everybodys(shop, engine):
        assert order.placed_at <= NOW
        assert (order.delivered_at is not None) == (order.status == "delivered")
        for parcel in order.shipments:
            scans = [scan.at for scan in parcel.scans]
            assert [order.placed_at, *scans, NOW] == sorted([order.placed_at, *scans, NOW]), order.number
        for back in order.returns:
            at = [time for time, _ in back.events]
            assert order.delivered_at and [order.delivered_at, *at, NOW] == sorted([order.delivered_at, *at, NOW])
            assert back.events[0][1] == "requested" and back.events[-1][1] == back.status


def test_every_product_has_figures_that_agree_with_each_other() -> None:
    for product in read(DATA).products.values():
        assert product.model_fields_set >= {"sold", "reviews", "margin", "listed"}, product.id
        assert product.sold <= 900 and 0 < product.margin < 0.7, product.id
        months = -product.listed / timedelta(days=30)
        assert product.reviews <= max(3, product.sold * months / 3), f"{product.id}: more reviews than buyers"


def test_among_the_products_are_new_ones_slow_ones_and_hidden_gems() -> None:
    all_products = read(DATA).products.values()
    new = [product for product in all_products if -product.listed <= timedelta(days=30)]
    known = [product for product in all_products if product not in new]
    assert 12 <= len(new) <= 16 and len({product.category for product in new}) >= 10
    assert {product.rating is None for product in new} == {True, False}
    assert all(product.sold < 50 and product.reviews < 5 for product in new)
    assert len([product for product in known if product.sold < 40 and (product.rating or 0) >= 4.7]) >= 8
    assert len([product for product in known if product.sold < 40 and (product.rating or 0) < 4.3]) >= 4
    phones = sorted((product for product in known if product.category == "phones"), key=lambda p: p.prices["CN"])
    assert phones[-1].sold < min(product.sold for product in phones[:-1]), "the dearest sells least"


def test_nothing_was_ordered_before_it_was_listed_nor_more_often_than_it_was_sold() -> None:
    files = read(DATA)
    sold: Counter[str] = Counter()
    for order in files.orders.values():
        for item in order.items:
            assert files.products[item.product].listed < order.placed, f"{order.number} {item.product}"
            sold[item.product] += order.placed >= timedelta(days=-90) and order.status != "cancelled"
    assert [id for id, units in sold.items() if units > files.products[id].sold] == []


def test_every_category_has_its_own_small_and_inert_picture() -> None:
    categories = {product.category for product in read(DATA).products.values()}
    assert {path.stem for path in PICTURES.iterdir()} == categories | {"other"}
    drawn = {path.read_text(encoding="utf-8") for path in PICTURES.iterdir()}
    assert len(drawn) == len(categories) + 1
    for svg in drawn:
        elements = {
            element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in ElementTree.fromstring(svg).iter()
        }
        assert elements <= {"svg", "g", "path", "rect", "circle"} and len(svg.encode()) < 2000
        assert " on" not in svg and "href" not in svg


# Everything has its words, everything that is referred to is there


async def test_every_name_is_there_in_four_languages(shop: OwnShop, engine: AsyncEngine) -> None:
    texts = []
    for product in (await products(shop)).values():
        texts += [product.names, product.descriptions, *(n for names in product.attributes.values() for n in names)]
        texts += [names for variant in product.variants for names in variant.options.values()]
    for _, order in await everybodys(shop, engine):
        texts += [names for item in order.items for names in (item.names, *item.options.values())]
    assert all(set(names) == LANGUAGES and all(text.strip() for text in names.values()) for names in texts)


async def test_no_two_products_of_a_market_have_the_same_name(shop: OwnShop) -> None:
    names = Counter(
        (product.market, language, text)
        for product in (await products(shop)).values()
        for language, text in product.names.items()
    )
    assert [name for name, times in names.items() if times > 1] == []


async def test_every_reference_leads_somewhere(shop: OwnShop, engine: AsyncEngine) -> None:
    sold = await products(shop)
    currencies = {"CN": "CNY", "VN": "VND", "TH": "THB", "all": "USD"}
    for product in sold.values():
        assert {variant.price.currency for variant in product.variants} == {currencies[product.market]}
    for customer, order in await everybodys(shop, engine):
        methods = {method.id for method in customer.payment_methods}
        items = {item.id: item for item in order.items}
        for item in order.items:
            variants = {variant.id: variant for variant in sold[item.product].variants}
            assert variants[item.variant].options == item.options
            assert item.price.currency == order.currency == variants[item.variant].price.currency
        assert {payment.method for payment in order.payments} <= methods
        for parcel in order.shipments:
            assert set(parcel.items) <= set(items)
        for back in order.returns:
            assert set(back.items) <= set(items) and (back.method is None or back.method in methods)
            for id, new in zip(back.items, back.new_variants, strict=back.kind == "exchange"):
                others = {v.id for v in sold[items[id].product].variants} - {items[id].variant}
                assert new in others, order.number


async def test_addresses_have_a_country_and_each_customer_one_default(shop: OwnShop, engine: AsyncEngine) -> None:
    for customer in await customers(shop, engine):
        assert sum(saved.is_default for saved in customer.addresses) == 1
        assert all(saved.address.country == customer.country for saved in customer.addresses)
    for customer, order in await everybodys(shop, engine):
        assert order.address.country == customer.country
        assert order.address.line1 and order.address.city


async def test_no_two_customers_share_the_end_of_their_phone_numbers(shop: OwnShop, engine: AsyncEngine) -> None:
    ends = Counter(customer.phone[-4:] for customer in await customers(shop, engine))
    assert set(ends.values()) == {1} and all(end.isdigit() for end in ends)


# Put in once


async def test_seeding_again_adds_and_changes_nothing(engine: AsyncEngine) -> None:
    first = await seed(engine, DATA, now=NOW)
    before = await rows(engine)
    again = await seed(engine, DATA, now=NOW + timedelta(days=1))
    assert again.added == {}
    assert await rows(engine) == before
    assert first.added == {table: len(there) for table, there in before.items() if there}


async def test_what_happened_since_stays(shop: OwnShop, engine: AsyncEngine) -> None:
    [order] = [order for order in await orders(shop, "vo-ngoc-anh") if order.status == "pending"]
    theirs, wish = shop.orders.of("vo-ngoc-anh"), CancelOrder(order=order.number, reason="no_longer_needed")
    change = await theirs.plan(wish)
    approval = Approval(id="a", fingerprint=change.fingerprint, conversation="c", message="m", actor="customer:x")
    await theirs.apply(wish, approval)
    async with engine.begin() as db:
        await db.execute(delete(AddressRow).where(AddressRow.id == "lin-yue-work"))
        await db.execute(delete(VariantRow).where(VariantRow.id == "silk-blouse-CN-01"))
        await db.execute(update(CustomerRow).where(CustomerRow.id == "lin-yue").values(phone="+86 100 0555 9999"))
    before = await rows(engine)

    assert (await seed(engine, DATA, now=NOW)).added == {}

    assert await rows(engine) == before
    assert (await theirs.get(order.number)).status == "cancelled"


async def test_what_is_missing_is_added_whole(shop: OwnShop, engine: AsyncEngine) -> None:
    before = await rows(engine)
    async with engine.begin() as db:
        await db.execute(delete(OrderRow).where(OrderRow.customer == "zhao-lei"))
        await db.execute(delete(ProductRow).where(ProductRow.id == "gift-card-CN"))
    added = (await seed(engine, DATA, now=NOW)).added
    assert added["orders"] == 1 and added["products"] == 1 and added["variants"] == 3
    after = await rows(engine)
    assert {table: len(there) for table, there in after.items()} == {
        table: len(there) for table, there in before.items()
    }


async def test_two_replicas_seed_at_the_same_time(engine: AsyncEngine, replica: AsyncEngine) -> None:
    one, other = await asyncio.gather(seed(engine, DATA, now=NOW), seed(replica, DATA, now=NOW))
    assert sorted([bool(one.added), bool(other.added)]) == [False, True]
    added = one.added or other.added
    assert added == {table: len(there) for table, there in (await rows(engine)).items() if there}


# Files that do not fit


def edited(file: str, edit: Callable[[Any], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / file
        data = json.loads(path.read_text(encoding="utf-8"))
        edit(data)
        path.write_text(json.dumps(data), encoding="utf-8")

    return apply


def option(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    return edited("options.json", lambda data: edit(data["colour"]["jade"]))


def product(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    return edited("products.json", lambda data: edit(data[0]))


def customer(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    return edited("customers.json", lambda data: edit(data[0]))


def order(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    return edited("orders.json", lambda data: edit(data[0]))


BROKEN = {  # what -> how a file is broken, what the error names
    "missing file": (lambda folder: (folder / "orders.json").unlink(), "orders.json"),
    "no JSON": (lambda folder: (folder / "products.json").write_text("[{"), "products.json"),
    "no list": (lambda folder: (folder / "customers.json").write_text("{}"), "customers.json"),
    "entry twice": (edited("customers.json", lambda data: data.append(data[0])), "customers.json lin-yue twice"),
    "no Thai word": (option(lambda word: word.pop("th")), "options.json jade th"),
    "unknown field": (customer(lambda lin: lin.update(age=30)), "customers.json lin-yue age"),
    "address twice": (
        customer(lambda lin: lin["addresses"].append(lin["addresses"][0])),
        "customers.json lin-yue addresses",
    ),
    "unknown word": (
        product(lambda dress: dress["attributes"].update(material="moonlight")),
        "products.json evening-silk-slip-dress material moonlight",
    ),
    "a rating by nobody": (
        product(lambda dress: dress.update(reviews=0)),
        "products.json evening-silk-slip-dress reviews",
    ),
    "listed in the future": (
        product(lambda dress: dress.update(listed="+1d")),
        "products.json evening-silk-slip-dress listed",
    ),
    "a margin above the price": (
        product(lambda dress: dress.update(margin=1.2)),
        "products.json evening-silk-slip-dress margin",
    ),
    "no stock in a market": (
        product(lambda dress: dress["variants"][0]["stock"].pop("CN")),
        "products.json evening-silk-slip-dress stock CN",
    ),
    "no time": (order(lambda first: first.update(placed="yesterday")), "orders.json JL10023 placed"),
    "unknown customer": (order(lambda first: first.update(customer="nobody")), "orders.json JL10023 nobody"),
    "unknown address": (order(lambda first: first.update(address="moon")), "orders.json JL10023 address moon"),
    "unknown variant": (
        order(lambda first: first["items"][0]["options"].update(size="xxl")),
        "orders.json JL10023 tennis-skirt xxl",
    ),
    "product of another market": (
        order(lambda first: first["items"][0].update(product="silk-ao-dai")),
        "orders.json JL10023 silk-ao-dai CN",
    ),
    "somebody else's payment method": (
        order(lambda first: first["payments"][0].update(method="momo")),
        "orders.json JL10023 momo",
    ),
    "parcel with a third item": (
        order(lambda first: first["shipments"][0].update(items=[3])),
        "orders.json JL10023 item 3",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_file_is_named_and_nothing_is_added(sqlite: AsyncEngine, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    breaking, named = BROKEN[what]
    breaking(folder)
    with pytest.raises(BadData) as error:
        await seed(sqlite, folder, now=NOW)
    assert all(word in str(error.value) for word in named.split()), str(error.value)
    async with sqlite.connect() as db:
        assert await db.scalar(select(func.count()).select_from(ProductRow)) == 0
