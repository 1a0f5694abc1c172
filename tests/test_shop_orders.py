"""Changes that are made: whole or not at all, once for a yes, by their own customer only, whoever else writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, cycle
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.changes import (
    Approval,
    CancelOrder,
    Change,
    ChangeAddress,
    ChangeDefaultAddress,
    ChangePayment,
    ExchangeItems,
    ModifyItems,
    ReturnItems,
    Swap,
    Wish,
)
from shop.database import open_database
from shop.errors import OrderNotFound, Refused
from shop.models import AuditRow, Base, VariantRow
from shop.orders import OwnCustomerOrders
from shop.rules import Rules
from shop.store import MIGRATIONS, OwnShop
from shop.views import Order
from tests.shop_data import (
    ALIPAY,
    ANN,
    ANN_DELIVERED,
    ANN_GIFT,
    BO,
    BO_PENDING,
    DELIVERED,
    GIFT,
    HOME,
    LAN,
    LAN_PENDING,
    MEI,
    NOK,
    NOW,
    OFFICE,
    PENDING,
    PENDING_GIFT,
    PENDING_LATE,
    PHONE_BLACK,
    WECHAT,
    L,
    M,
    S,
    clear,
    fill,
    item,
    money,
)

CUSTOMERS = (MEI, BO, LAN, NOK, ANN)
ELSEWHERE = OFFICE.model_copy(update={"line1": "淮海中路1号"})
PAYS_TODAYS_PRICE = Rules(exchange_price="current", exchange_countries=None, refund_methods="original_or_gift_card")
IDS = count()


@pytest.fixture
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(shared_url, MIGRATIONS)
    await clear(engine)
    await fill(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
async def replicas(shared_url: str, engine: AsyncEngine) -> AsyncIterator[tuple[OwnShop, OwnShop]]:
    """Two servers on the same database."""
    other = await open_database(shared_url, MIGRATIONS)
    yield OwnShop(engine, now=lambda: NOW), OwnShop(other, now=lambda: NOW)
    await other.dispose()


def orders(engine: AsyncEngine, customer: str = MEI, rules: Rules | None = None) -> OwnCustomerOrders:
    return OwnShop(engine, rules, now=lambda: NOW).orders.of(customer)


def yes(change: Change, id: str | None = None) -> Approval:
    """A new customer's yes to a change, or one with an id."""
    return Approval(
        id=id or f"yes-{next(IDS)}", fingerprint=change.fingerprint, conversation="chat", message="msg", actor="guest:x"
    )


async def do(orders: OwnCustomerOrders, wish: Wish) -> Change:
    return await orders.apply(wish, yes(await orders.plan(wish)))


def modify(order: str, *variants: str, method: str | None = None) -> ModifyItems:
    swaps = tuple(Swap(item=item(order, n), variant=variant) for n, variant in enumerate(variants, start=1))
    return ModifyItems(order=order, swaps=swaps, method=method)


def cancel(order: str) -> CancelOrder:
    return CancelOrder(order=order, reason="ordered_by_mistake")


async def everything(engine: AsyncEngine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    async with engine.connect() as db:
        return {
            table.name: sorted((tuple(row) for row in await db.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


async def stock(engine: AsyncEngine, *variants: str) -> list[int]:
    async with engine.connect() as db:
        found = {id: left for id, left in await db.execute(select(VariantRow.id, VariantRow.stock))}
    return [found[id] for id in variants]


async def balance(orders: OwnCustomerOrders, method: str) -> Any:
    return {m.id: m.balance for m in (await orders.profile()).payment_methods}[method]


def paid(order: Order) -> list[tuple[str, Any, str]]:
    return [(payment.kind, payment.amount, payment.method) for payment in order.payments]


# What a change does


async def test_cancelled_order_is_refunded_and_its_units_are_in_stock_again(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, cancel(PENDING))
    order = await mei.get(PENDING)
    assert (order.status, order.cancel_reason) == ("cancelled", "ordered_by_mistake")
    assert paid(order) == [("payment", money("1389"), ALIPAY), ("refund", money("1389"), ALIPAY)]
    assert order.payments[1].at == NOW
    assert await stock(engine, M, PHONE_BLACK) == [7, 4]


async def test_refund_to_a_gift_card_is_on_it_at_once(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, cancel(PENDING_GIFT))
    assert await balance(mei, GIFT) == money("500")


async def test_order_that_nothing_was_paid_for_moves_no_money(engine: AsyncEngine) -> None:
    lan = orders(engine, LAN)
    await do(lan, modify(LAN_PENDING, "dress-vn-L"))
    order = await lan.get(LAN_PENDING)
    assert (order.payments, order.total) == ((), money("450000", "VND"))
    await clear(engine)
    await fill(engine)
    await do(lan, cancel(LAN_PENDING))
    order = await lan.get(LAN_PENDING)
    assert (order.payments, order.status) == ((), "cancelled")


async def test_cancelled_order_refunds_what_each_method_still_carries(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, ChangePayment(order=PENDING_LATE, method=GIFT))
    assert await balance(mei, GIFT) == money("100")
    await do(mei, cancel(PENDING_LATE))
    assert await balance(mei, GIFT) == money("300")
    assert paid(await mei.get(PENDING_LATE))[3:] == [("refund", money("200"), GIFT)]


async def test_changed_address_is_the_orders_and_nobody_elses(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, ChangeAddress(order=PENDING, address=ELSEWHERE))
    assert (await mei.get(PENDING)).address == ELSEWHERE
    assert (await mei.get(PENDING_LATE)).address == HOME
    assert [saved.address for saved in (await mei.profile()).addresses] == [HOME, OFFICE]


async def test_modified_items_change_in_place_with_money_and_stock(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, modify(PENDING, L, S, method=GIFT))
    order = await mei.get(PENDING)
    assert [(i.id, i.variant, i.price, i.options["size"]["en"]) for i in order.items[:2]] == [
        (item(PENDING, 1), L, money("230"), "L"),
        (item(PENDING, 2), S, money("180"), "S"),
    ]
    assert (order.items_modified, order.status, order.total) == (True, "pending", money("1419"))
    assert paid(order)[1:] == [("payment", money("30"), GIFT)]
    assert await balance(mei, GIFT) == money("270")
    assert await stock(engine, S, M, L) == [4, 7, 0]


async def test_cheaper_item_on_a_gift_card_credits_it(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, modify(PENDING_GIFT, S))
    assert paid(await mei.get(PENDING_GIFT))[1:] == [("refund", money("10"), GIFT)]
    assert await balance(mei, GIFT) == money("310")


async def test_changed_payment_takes_from_the_new_and_gives_to_the_old(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, ChangePayment(order=PENDING_GIFT, method=WECHAT))
    assert paid(await mei.get(PENDING_GIFT)) == [
        ("payment", money("200"), GIFT),
        ("payment", money("200"), WECHAT),
        ("refund", money("200"), GIFT),
    ]
    assert await balance(mei, GIFT) == money("500")


async def test_return_is_requested_and_moves_no_money_yet(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, ReturnItems(order=DELIVERED, items=(item(DELIVERED, 2),), reason="does_not_fit"))
    order = await mei.get(DELIVERED)
    (back,) = order.returns
    assert (back.kind, back.status, back.items, back.reason) == (
        "return", "requested", (item(DELIVERED, 2),), "does_not_fit",
    )  # fmt: skip
    assert (back.money, back.method, back.requested_at) == (money("190"), ALIPAY, NOW)
    assert back.events == ((NOW, "requested"),)
    assert (order.status, len(order.payments)) == ("delivered", 1)
    assert await stock(engine, M) == [5]


async def test_exchange_reserves_the_new_unit_and_moves_no_money_yet(engine: AsyncEngine) -> None:
    ann = orders(engine, ANN, PAYS_TODAYS_PRICE)
    swaps = (Swap(item=item(ANN_DELIVERED, 1), variant="dress-us-L"),)
    await do(ann, ExchangeItems(order=ANN_DELIVERED, swaps=swaps, method=ANN_GIFT))
    (back,) = (await ann.get(ANN_DELIVERED)).returns
    assert (back.kind, back.items, back.new_variants) == ("exchange", (item(ANN_DELIVERED, 1),), ("dress-us-L",))
    assert (back.money, back.method) == (money("-25", "USD"), ANN_GIFT)
    assert await balance(ann, ANN_GIFT) == money("30", "USD")
    assert await stock(engine, "dress-us-L", "dress-us-M") == [4, 5]


async def test_default_address_is_one_that_is_saved_or_a_new_one(engine: AsyncEngine) -> None:
    mei = orders(engine)
    await do(mei, ChangeDefaultAddress(address=OFFICE))
    saved = (await mei.profile()).addresses
    assert [(s.address, s.is_default) for s in saved] == [(HOME, False), (OFFICE, True)]
    await do(mei, ChangeDefaultAddress(address=ELSEWHERE))
    saved = (await mei.profile()).addresses
    assert len(saved) == 3 and [s.address for s in saved if s.is_default] == [ELSEWHERE]
    assert (await mei.get(PENDING)).address == HOME


async def test_change_leaves_an_audit_row(engine: AsyncEngine) -> None:
    mei, wish = orders(engine), cancel(f"#{PENDING.lower()}")
    change = await mei.plan(wish)
    await mei.apply(wish, yes(change, "the-yes"))
    async with engine.connect() as db:
        (row,) = (await db.execute(select(AuditRow.__table__))).all()
    assert row._mapping == {
        "id": "the-yes", "customer": MEI, "order": PENDING, "kind": "cancel_order",
        "wish": wish.model_dump(mode="json"), "change": change.model_dump(mode="json"),
        "fingerprint": change.fingerprint, "conversation": "chat", "message": "msg", "actor": "guest:x", "at": NOW,
    }  # fmt: skip


async def test_text_no_database_takes_is_cleaned_before_it_is_shown(engine: AsyncEngine) -> None:
    mei = orders(engine)
    wish = ChangeAddress(order=f"{PENDING}\0", address=OFFICE.model_copy(update={"line1": "a\0b \ud83d c"}))
    change = await mei.plan(wish)
    assert await mei.apply(wish, yes(change)) == change
    assert (await mei.get(PENDING)).address == change.lines[0].new
    assert (await mei.get(PENDING)).address.line1 == "ab \ufffd c"


# Once for a yes


# A wish, and what it adds: payments, returns, addresses, units in stock, yuan (in fen) on the gift card
WISHES: list[tuple[Wish, tuple[int, ...]]] = [
    (cancel(PENDING_GIFT), (1, 0, 0, 1, 200_00)),
    (ChangeAddress(order=PENDING, address=OFFICE), (0, 0, 0, 0, 0)),
    (modify(PENDING, L, method=GIFT), (1, 0, 0, 0, -40_00)),
    (ChangePayment(order=PENDING_LATE, method=GIFT), (2, 0, 0, 0, -200_00)),
    (ReturnItems(order=DELIVERED, items=(item(DELIVERED, 1),)), (0, 1, 0, 0, 0)),
    (ExchangeItems(order=DELIVERED, swaps=(Swap(item=item(DELIVERED, 1), variant=L),)), (0, 1, 0, -1, 0)),
    (ChangeDefaultAddress(address=ELSEWHERE), (0, 0, 1, 0, 0)),
]


async def amounts(engine: AsyncEngine) -> tuple[int, ...]:
    """Payments, returns, addresses, units in stock, fen on Mei's gift card."""
    tables = [Base.metadata.tables[name] for name in ("payments", "returns", "addresses")]
    async with engine.connect() as db:
        rows = [(await db.execute(select(func.count()).select_from(table))).scalar_one() for table in tables]
        units = (await db.execute(select(func.sum(VariantRow.stock)))).scalar_one()
    fen = (await balance(orders(engine), GIFT)).amount
    return (*rows, units, fen)


@pytest.mark.parametrize(("wish", "adds"), WISHES, ids=[wish.kind for wish, _ in WISHES])
async def test_hundred_repeats_from_two_servers_have_one_effect(
    engine: AsyncEngine, replicas: tuple[OwnShop, OwnShop], wish: Wish, adds: tuple[int, ...]
) -> None:
    one, other = (shop.orders.of(MEI) for shop in replicas)
    change, before = await one.plan(wish), await amounts(engine)
    approval = yes(change)
    made = await asyncio.gather(*(mei.apply(wish, approval) for _ in range(10) for mei in (one, other)))
    after = await everything(engine)
    made += [await mei.apply(wish, approval) for _ in range(40) for mei in (one, other)]
    assert made == [change] * 100
    assert await everything(engine) == after
    assert len(after["audit"]) == 1
    assert tuple(new - old for new, old in zip(await amounts(engine), before, strict=True)) == adds


async def test_yes_to_something_else_changes_nothing(engine: AsyncEngine) -> None:
    mei, bo = orders(engine), orders(engine, BO)
    change = await mei.plan(cancel(PENDING))
    await mei.apply(cancel(PENDING), yes(change, "used"))
    before = await everything(engine)
    address = ChangeAddress(order=PENDING_LATE, address=OFFICE)
    own = await mei.plan(address)
    for customer, wish, approval in (
        (mei, address, yes(change)),  # of another change
        (mei, address, yes(own, "used")),  # of another time
        (bo, cancel(BO_PENDING), yes(await bo.plan(cancel(BO_PENDING)), "used")),  # of another customer
        (bo, cancel(BO_PENDING), yes(change, "used")),
    ):
        with pytest.raises(Refused) as refused:
            await customer.apply(wish, approval)
        assert refused.value.code == "changed_meanwhile"
    assert await everything(engine) == before


async def test_one_yes_for_two_orders_at_a_time_changes_one(
    engine: AsyncEngine, replicas: tuple[OwnShop, OwnShop]
) -> None:
    one, other = replicas[0].orders.of(LAN), replicas[1].orders.of(BO)  # nothing in common that could be locked
    first, second = cancel(LAN_PENDING), cancel(BO_PENDING)
    yeses = yes(await one.plan(first), "1"), yes(await other.plan(second), "1")
    calls = one.apply(first, yeses[0]), other.apply(second, yeses[1])
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Change", "Refused"]
    assert [r.code for r in results if isinstance(r, Refused)] == ["changed_meanwhile"]
    after = await everything(engine)
    assert len(after["audit"]) == 1
    assert len([row for row in after["orders"] if "ordered_by_mistake" in row]) == 1


async def test_what_changed_since_it_was_shown_is_not_done(
    engine: AsyncEngine, replicas: tuple[OwnShop, OwnShop]
) -> None:
    one, other = (shop.orders.of(MEI) for shop in replicas)
    address, cancelling = ChangeAddress(order=PENDING, address=OFFICE), cancel(PENDING)
    shown, shown_cancelling = await one.plan(address), await one.plan(cancelling)
    await do(other, ChangeAddress(order=PENDING, address=ELSEWHERE))
    with pytest.raises(Refused) as refused:
        await one.apply(address, yes(shown))  # its card says from home to the office
    assert (refused.value.code, refused.value.values) == ("changed_meanwhile", {"number": PENDING})
    await do(other, ChangePayment(order=PENDING, method=WECHAT))
    with pytest.raises(Refused) as refused:
        await one.apply(cancelling, yes(shown_cancelling))  # its card says that Alipay gets the money
    assert refused.value.code == "changed_meanwhile"
    assert (await one.get(PENDING)).address == ELSEWHERE


async def test_window_that_closed_since_it_was_shown_is_closed(engine: AsyncEngine) -> None:
    wish = modify(PENDING, L)
    change = await orders(engine).plan(wish)
    later = OwnShop(engine, now=lambda: NOW + timedelta(hours=1, seconds=1)).orders.of(MEI)
    with pytest.raises(Refused) as refused:
        await later.apply(wish, yes(change))
    assert refused.value.code == "change_too_late"


# Many at a time


async def test_last_unit_goes_to_one_of_two_customers(engine: AsyncEngine, replicas: tuple[OwnShop, OwnShop]) -> None:
    for _ in range(5):
        mei, bo = replicas[0].orders.of(MEI), replicas[1].orders.of(BO)
        wishes = (mei, modify(PENDING, L)), (bo, modify(BO_PENDING, L))
        planned = [(customer, wish, yes(await customer.plan(wish))) for customer, wish in wishes]
        results = await asyncio.gather(*(c.apply(w, a) for c, w, a in planned), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["Change", "Refused"]
        assert [r.code for r in results if isinstance(r, Refused)] == ["out_of_stock"]
        assert await stock(engine, L) == [0]
        await clear(engine)
        await fill(engine)


async def test_changes_of_one_customer_at_a_time_all_come_through(replicas: tuple[OwnShop, OwnShop]) -> None:
    one, other = (shop.orders.of(MEI) for shop in replicas)
    wishes: list[Wish] = [
        cancel(PENDING_GIFT),
        modify(PENDING, S, S, method=ALIPAY),
        ChangeDefaultAddress(address=OFFICE),
        ReturnItems(order=DELIVERED, items=(item(DELIVERED, 1),)),
        ChangePayment(order=PENDING_LATE, method=GIFT),
    ]
    planned = [(wish, yes(await one.plan(wish))) for wish in wishes]
    servers = cycle((one, other))
    made = await asyncio.gather(*(server.apply(*wanted) for server, wanted in zip(servers, planned, strict=False)))
    assert [change.kind for change in made] == [wish.kind for wish in wishes]
    assert await balance(one, GIFT) == money("300")  # 200 back, 200 paid


# Whole or not at all


@contextmanager
def failing_at(engine: AsyncEngine, write: int) -> Iterator[None]:
    """The engine's n-th write from now, and then its commit, raises."""
    seen = count(1)

    def fail(*args: Any) -> None:
        writes = len(args) == 1 or args[2].split()[0] in ("INSERT", "UPDATE", "DELETE")
        if writes and next(seen) == write:
            raise RuntimeError("crash")

    hooks = (("before_cursor_execute", fail), ("commit", fail))
    for name, hook in hooks:
        event.listen(engine.sync_engine, name, hook)
    try:
        yield
    finally:
        for name, hook in hooks:
            event.remove(engine.sync_engine, name, hook)


@pytest.mark.parametrize("wish", [wish for wish, _ in WISHES], ids=lambda wish: wish.kind)
async def test_crash_at_any_write_leaves_nothing(engine: AsyncEngine, wish: Wish) -> None:
    mei = orders(engine)
    approval = yes(await mei.plan(wish))
    before = await everything(engine)
    for write in count(1):
        try:
            with failing_at(engine, write):
                await mei.apply(wish, approval)
        except RuntimeError:
            assert await everything(engine) == before
        else:
            break
    assert write > 2  # a row, its audit and the commit
    assert await everything(engine) != before


async def test_cancelled_caller_leaves_a_whole_change(engine: AsyncEngine) -> None:
    mei = orders(engine)
    cancelled = 0
    for steps in range(1, 80, 3):
        wish = ChangeAddress(order=PENDING, address=ELSEWHERE.model_copy(update={"line2": str(steps)}))
        approval = yes(await mei.plan(wish))
        task = asyncio.create_task(mei.apply(wish, approval))
        for _ in range(steps):  # cancel at ever later points
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        cancelled += task.cancelled()
        assert (await mei.get(PENDING)).address.line2 == str(steps)
        assert await mei.apply(wish, approval)
    assert cancelled > 0


# Nobody else's


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """The statements that the engine sends."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine.sync_engine, "before_cursor_execute", note)


ODD = ["JL99999", "", " ", "#", "\0", "\ud800", "%", "' OR 1=1 --", "JL10001; DROP TABLE orders", "１" * 5_000]


async def test_number_is_read_in_any_spelling(engine: AsyncEngine) -> None:
    for number in ("#jl-10001", "ＪＬ１０００１", "jl 10001", "JL๑๐๐๐๑"):
        assert (await orders(engine).get(number)).number == PENDING


async def test_foreign_missing_and_malformed_orders_are_alike(engine: AsyncEngine) -> None:
    async with engine.connect() as db:
        owners = {number: owner for number, owner in await db.execute(select(*_of_orders()))}
    before, work = await everything(engine), set()
    for customer in CUSTOMERS:
        own = orders(engine, customer)
        for number in [*(n for n, owner in owners.items() if owner != customer), *ODD]:
            for wish in _every_wish(number):
                with statements(engine) as sent:
                    for call in (own.get(number), own.plan(wish), own.apply(wish, yes(_ANY_CHANGE))):
                        with pytest.raises(OrderNotFound) as refused:
                            await call
                        assert set(refused.value.values) == {"number"}
                work.add(tuple(sent))
    assert len(work) == 1
    assert await everything(engine) == before


async def test_proof_does_the_same_work_for_a_missing_order(engine: AsyncEngine) -> None:
    shop, work = OwnShop(engine), set()
    for number in (PENDING, *ODD):
        for secret in ("4711", "x@example.com", ""):
            with statements(engine) as sent:
                assert await shop.orders.prove(number, secret) is None
            work.add(tuple(sent))
    assert len(work) == 1


_ANY_CHANGE = Change(kind="cancel_order", order=None, lines=(), money=None, method=None)


def _of_orders() -> Any:
    table = Base.metadata.tables["orders"]
    return table.c.number, table.c.customer


def _every_wish(order: str) -> list[Wish]:
    swaps = (Swap(item=item(PENDING, 1), variant=S),)
    return [
        cancel(order),
        ChangeAddress(order=order, address=OFFICE),
        ModifyItems(order=order, swaps=swaps),
        ChangePayment(order=order, method=ALIPAY),
        ReturnItems(order=order, items=(item(PENDING, 1),)),
        ExchangeItems(order=order, swaps=swaps),
    ]
