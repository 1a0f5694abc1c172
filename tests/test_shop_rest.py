"""A shop behind a REST service: the same answers as the shop itself, and nothing from a service that errs."""

from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import get_args

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.changes import (
    Approval,
    CancelOrder,
    Change,
    ChangeAddress,
    ChangeDefaultAddress,
    ChangePayment,
    ExchangeItems,
    ForgetMe,
    ModifyItems,
    ReturnItems,
    Swap,
    Wish,
)
from shop.database import open_database
from shop.errors import OrderNotFound, RefusalCode, Refused, ShopError, ShopUnavailable
from shop.models import AuditRow
from shop.protocol import CustomerOrders, Shop
from shop.rest import RestShop
from shop.rest_service import MOST_BYTES
from shop.store import MIGRATIONS, OwnShop
from shop.views import Address, Product
from tests.rest_shop import KEY, Odd, ShopService, broken, edited, endless, held, problem, status
from tests.shop_data import (
    ANN,
    BO,
    BO_PENDING,
    DELIVERED,
    DELIVERED_20,
    DRESS,
    GIFT,
    LAN,
    MEI,
    NOK,
    NOW,
    OFFICE,
    PENDING,
    PENDING_GIFT,
    PENDING_LATE,
    PHONE,
    PHONE_BLACK,
    SHIPPED,
    WECHAT,
    XL,
    L,
    M,
    S,
    fill,
    item,
)

SECRET = "secret of the service"
CANCEL = CancelOrder(order=PENDING, reason="no_longer_needed")
NOTHING = Change(kind="cancel_order", order=PENDING, lines=(), money=None, method=None)
WISHES: list[Wish] = [
    CANCEL,
    CancelOrder(order=PENDING_GIFT, reason="ordered_by_mistake"),
    ChangeAddress(order=PENDING, address=OFFICE),
    ModifyItems(order=PENDING, swaps=(Swap(item=item(PENDING, 1), variant=S), Swap(item=item(PENDING, 2), variant=L))),
    ChangePayment(order=PENDING, method=WECHAT),
    ReturnItems(order=DELIVERED, items=(item(DELIVERED, 1),)),
    ExchangeItems(order=DELIVERED, swaps=(Swap(item=item(DELIVERED, 1), variant=L),)),
    ChangeDefaultAddress(address=OFFICE),
    ForgetMe(),
]
REFUSED: list[Wish] = [
    CancelOrder(order=SHIPPED, reason="no_longer_needed"),
    CancelOrder(order="JL99999", reason="no_longer_needed"),
    CancelOrder(order=BO_PENDING, reason="no_longer_needed"),
    ChangeAddress(order=PENDING, address=OFFICE.model_copy(update={"country": "VN"})),
    ChangeAddress(order=PENDING, address=OFFICE.model_copy(update={"city": ""})),
    ModifyItems(order=PENDING, swaps=()),
    ModifyItems(order=PENDING, swaps=(Swap(item=item(PENDING, 1), variant="nothing"),)),
    ModifyItems(order=PENDING, swaps=(Swap(item=item(PENDING, 1), variant=PHONE_BLACK),)),
    ModifyItems(order=PENDING, swaps=(Swap(item=item(PENDING, 1), variant=M),)),
    ModifyItems(order=PENDING, swaps=(Swap(item=item(PENDING, 1), variant=XL),)),
    ModifyItems(order=PENDING_LATE, swaps=(Swap(item=item(PENDING_LATE, 1), variant=S),)),
    ChangePayment(order=PENDING, method="another's"),
    ChangePayment(order=PENDING, method=GIFT),
    ReturnItems(order=DELIVERED, items=(item(DELIVERED, 3),)),
    ReturnItems(order=DELIVERED_20, items=(item(DELIVERED_20, 2),)),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the shop of tests/shop_data.py."""
    path = tmp_path_factory.mktemp("shop") / "shop.db"

    async def make() -> None:
        engine = await open_database(f"sqlite:///{path}", MIGRATIONS)
        await fill(engine)
        await engine.dispose()

    asyncio.run(make())
    return path


@pytest.fixture
async def engine(filled: Path, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(f"sqlite:///{shutil.copy(filled, tmp_path)}", MIGRATIONS)
    yield engine
    await engine.dispose()


@pytest.fixture
def own(engine: AsyncEngine) -> Shop:
    return OwnShop(engine, now=lambda: NOW)


@pytest.fixture
async def service(own: Shop) -> AsyncIterator[ShopService]:
    async with ShopService(own) as service:
        yield service
    assert service.breaches == []


@pytest.fixture
async def shop(service: ShopService) -> AsyncIterator[Shop]:
    shop = RestShop(service.url, KEY, timeout_s=30)
    yield shop
    await shop.close()


def yes(change: Change, id: str = "yes-1") -> Approval:
    return Approval(id=id, fingerprint=change.fingerprint, conversation="chat", message="msg", actor="customer:x")


async def audited(engine: AsyncEngine) -> int:
    async with engine.connect() as db:
        return (await db.execute(select(func.count()).select_from(AuditRow))).scalar_one()


async def everything(shop: Shop) -> tuple[object, ...]:
    """All that a change may touch of Mei's."""
    mine = shop.orders.of(MEI)
    return await mine.profile(), list(await mine.list()), await mine.memory()


async def outage(answer: Awaitable[object]) -> ShopUnavailable:
    """The error of a call that gets no usable answer; it says no more than which call that was."""
    with pytest.raises(ShopUnavailable) as raised:
        await answer
    error = raised.value
    assert error.__cause__ is None and error.__context__ is None
    for secret in (KEY, SECRET, MEI, BO, PENDING):
        assert secret not in f"{error} {vars(error)}"
    return error


# The same as the shop itself


@pytest.mark.parametrize("customer", [MEI, BO, LAN, NOK, ANN])
async def test_a_customer_sees_the_same_as_in_the_shop_itself(shop: Shop, own: Shop, customer: str) -> None:
    mine, theirs = shop.orders.of(customer), own.orders.of(customer)
    assert await mine.profile() == await theirs.profile()
    orders = await mine.list()
    assert orders and list(orders) == list(await theirs.list())
    assert [await mine.get(order.number) for order in orders] == list(orders)


async def test_a_list_has_the_newest_up_to_its_limit(shop: Shop, service: ShopService) -> None:
    everything = list(await shop.orders.of(MEI).list())
    assert list(await shop.orders.of(MEI).list(2)) == everything[:2]
    assert service.seen[-1][0] == f"GET /customers/{MEI}/orders?limit=2"
    service.odd(edited(lambda body: {**body, "orders": body["orders"] * 2}))  # as if it did not read the limit
    assert list(await shop.orders.of(MEI).list(2)) == everything[:2]


async def test_an_order_is_found_in_any_spelling_of_its_number(shop: Shop, service: ShopService) -> None:
    order = await shop.orders.of(MEI).get(" #ｊｌ-１０００１")
    assert order.number == PENDING
    assert service.seen[-1][0] == f"GET /customers/{MEI}/orders/{PENDING}"


async def test_somebody_whom_the_shop_does_not_have_has_no_orders_and_no_profile(shop: Shop) -> None:
    nobody = shop.orders.of("c-nobody")
    assert (list(await nobody.list()), await nobody.memory()) == ([], {})
    for call in (nobody.profile(), nobody.plan(ChangeDefaultAddress(address=OFFICE))):
        with pytest.raises(ShopError) as raised:
            await call
        assert not isinstance(raised.value, ShopUnavailable | Refused)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.kind)
async def test_a_plan_is_the_shop_s_own_with_its_fingerprint(shop: Shop, own: Shop, wish: Wish) -> None:
    await own.orders.of(MEI).remember("size", "M")
    change = await shop.orders.of(MEI).plan(wish)
    assert change == await own.orders.of(MEI).plan(wish)
    assert change.fingerprint == (await own.orders.of(MEI).plan(wish)).fingerprint


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.kind)
async def test_a_change_is_made_once_for_its_yes(shop: Shop, own: Shop, engine: AsyncEngine, wish: Wish) -> None:
    await own.orders.of(MEI).remember("size", "M")
    before = await everything(own)
    change = await shop.orders.of(MEI).plan(wish)
    assert await everything(own) == before
    assert await shop.orders.of(MEI).apply(wish, yes(change)) == change
    assert (after := await everything(own)) != before
    assert await shop.orders.of(MEI).apply(wish, yes(change)) == change
    assert await everything(own) == after and await audited(engine) == 1


async def test_a_change_that_is_not_what_was_approved_is_not_made(shop: Shop, own: Shop, engine: AsyncEngine) -> None:
    mine = shop.orders.of(MEI)
    approval = yes(await mine.plan(CANCEL)).model_copy(update={"fingerprint": "0" * 64})
    with pytest.raises(Refused) as raised:
        await mine.apply(CANCEL, approval)
    assert (raised.value.code, raised.value.values) == ("changed_meanwhile", {"number": PENDING})
    assert (await own.orders.of(MEI).get(PENDING)).status == "pending" and await audited(engine) == 0


@pytest.mark.parametrize("wish", REFUSED, ids=lambda wish: wish.kind)
async def test_a_refusal_passes_unchanged(shop: Shop, own: Shop, wish: Wish) -> None:
    with pytest.raises(Refused) as expected:
        await own.orders.of(MEI).plan(wish)
    with pytest.raises(Refused) as raised:
        await shop.orders.of(MEI).plan(wish)
    assert (raised.value.code, raised.value.values) == (expected.value.code, expected.value.values)
    assert type(raised.value) is type(expected.value)


@pytest.mark.parametrize("code", get_args(RefusalCode))
async def test_every_refusal_is_understood(shop: Shop, service: ShopService, code: RefusalCode) -> None:
    service.odd(problem(code, {"number": "JL1"}))
    with pytest.raises(Refused) as raised:
        await shop.orders.of(MEI).plan(CANCEL)
    assert (raised.value.code, raised.value.values) == (code, {"number": "JL1"})
    assert isinstance(raised.value, OrderNotFound) == (code == "order_not_found")


async def test_another_s_order_is_answered_like_a_missing_one(shop: Shop) -> None:
    told = []
    for number in (BO_PENDING, "JL99999"):
        with pytest.raises(OrderNotFound) as raised:
            await shop.orders.of(MEI).get(number)
        told.append(str(raised.value).replace(number, "N"))
    assert told[0] == told[1]


async def test_what_is_remembered_is_kept_and_forgotten(shop: Shop, own: Shop) -> None:
    mine = shop.orders.of(MEI)
    await mine.remember("size", "M")
    await mine.remember("size", "L")
    await mine.remember("language", "zh")
    assert await mine.memory() == await own.orders.of(MEI).memory() == {"size": "L", "language": "zh"}
    assert await shop.orders.of(BO).memory() == {}
    assert [await mine.forget("size"), await mine.forget("size"), await mine.forget()] == [1, 0, 1]
    assert await mine.memory() == {}


async def test_an_order_is_proven_by_its_customer_s_phone_or_mail(shop: Shop) -> None:
    prove = shop.orders.prove
    assert [await prove("#jl 10001", "8000"), await prove(PENDING, "mei.chen@example.COM")] == [MEI, MEI]
    assert [await prove(PENDING, "8001"), await prove("JL99999", "8000"), await prove(BO_PENDING, "1")] == [None] * 3


async def test_the_catalogue_is_the_shop_s_own(shop: Shop, own: Shop) -> None:
    mine, theirs = shop.catalogue, own.catalogue
    assert await mine.product(DRESS) == await theirs.product(DRESS) != await mine.product(PHONE)
    assert await mine.variant(M) == await theirs.product(DRESS)
    assert [await mine.product("no-such"), await mine.variant("no-such")] == [None, None]
    found = await mine.products([PHONE, "no-such", DRESS, PHONE])
    assert [product.id for product in found] == [PHONE, DRESS]
    assert await mine.products([]) == []
    assert await mine.names() == await theirs.names()


async def test_many_products_are_asked_for_in_pieces(shop: Shop, service: ShopService) -> None:
    found = await shop.catalogue.products([DRESS, *(f"no-{n}" for n in range(100)), PHONE])
    assert [product.id for product in found] == [DRESS, PHONE]
    assert len(service.seen) == 3


# What goes into a path


@pytest.mark.parametrize(
    "number", ["", "#", "..", "../plan", "JL10001/..", "JL10001?x=1", "JL10001%2F", "A" * 21, "JL10001é", "JL1\0"]
)
async def test_what_is_no_order_number_is_not_asked_for(shop: Shop, service: ShopService, number: str) -> None:
    cancel, approval = CancelOrder(order=number, reason="no_longer_needed"), yes(NOTHING)
    mine = shop.orders.of(MEI)
    for call in (mine.get(number), mine.plan(cancel), mine.apply(cancel, approval)):
        with pytest.raises(OrderNotFound):
            await call
    assert await shop.orders.prove(number, "8000") is None
    assert service.seen == []


@pytest.mark.parametrize(
    "id",
    ["gid://shop/Customer/1", "a/b", "a?limit=1", "a#b", "a b", "%2e%2e", "..a", "auth0|1", "陈美", "a&b=c;d", "\\"],
)
async def test_an_id_stays_its_own_piece_of_the_path(
    shop: Shop, own: Shop, service: ShopService, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    of, product = own.orders.of, own.catalogue.product

    def noted(customer: str) -> CustomerOrders:
        asked.append(customer)
        return of(customer)

    async def looked_up(id: str) -> Product | None:
        asked.append(id)
        return await product(id)

    monkeypatch.setattr(own.orders, "of", noted)
    monkeypatch.setattr(own.catalogue, "product", looked_up)
    assert list(await shop.orders.of(id).list()) == []
    assert await shop.catalogue.product(id) is None
    assert asked == [id, id]
    assert len(service.seen) == 2


@pytest.mark.parametrize("id", ["", ".", "..", "a/..", "../c-mei", "a\\..\\c-mei", "a\n", "a\0", "a\ud800", "a" * 201])
async def test_an_id_that_no_path_can_hold_is_not_asked_for(shop: Shop, service: ShopService, id: str) -> None:
    for call in (shop.orders.of(id).profile(), shop.orders.of(id).list(), shop.orders.of(MEI).forget(id)):
        await outage(call)
    assert [await shop.catalogue.product(id), await shop.catalogue.variant(id)] == [None, None]
    assert await shop.catalogue.products([id]) == []
    assert service.seen == []


async def test_any_text_of_a_shopper_can_be_sent(shop: Shop, service: ShopService) -> None:
    address = OFFICE.model_copy(update={"line1": '"}]\0\u2028 世纪大道 \ud800'})
    change = await shop.orders.of(MEI).plan(ChangeAddress(order=PENDING, address=address))
    assert isinstance(new := change.lines[0].new, Address)
    assert new.line1.startswith('"}]') and "世纪大道" in new.line1
    assert await shop.orders.prove(PENDING, "\ud800") is None


# A service that errs


def without(name: str) -> Odd:
    return edited(lambda body: body["order"].pop(name) and None)


def holding(name: str, value: object) -> Odd:
    return edited(lambda body: body["order"].update({name: value}))


ODDITIES: dict[str, Odd] = {
    "it fails": status(500),
    "it is away": status(503),
    "the key is wrong": status(401),
    "the key may not": status(403),
    "too many questions": status(429),
    "something else": status(204, b""),
    "moved": status(302, headers={"Location": "/product-names"}),
    "moved for good": status(308, headers={"Location": "/product-names"}),
    "no such path": status(404),
    "no such page": status(404, b"<html>secret of the service</html>"),
    "no content": status(200, b""),
    "a page": status(200, b"<html>secret of the service</html>"),
    "half a body": status(200, b'{"customer": "c-mei", "order": {"number": "secret of the service'),
    "no text": status(200, b'"\xff\xfe"'),
    "another shape": status(200, b'["secret of the service"]'),
    "null": status(200, b"null"),
    "compressed": status(200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"}),
    "a bomb": status(200, gzip.compress(b" " * 10**8), {"Content-Encoding": "gzip"}),
    "no encoding": status(200, b"{}", {"Content-Encoding": "nonsense"}),
    "too long": status(200, b"[" + b" " * MOST_BYTES),
    "without end": endless(b" " * 100_000, 0),
    "a field is missing": without("total"),
    "a number as text": holding("shipping", {"amount": "12", "currency": "CNY"}),
    "a number as a float": holding("shipping", {"amount": 12.0, "currency": "CNY"}),
    "a truth as a number": holding("items_modified", 1),
    "a word that is not known": holding("status", "on_the_moon"),
    "a time without an offset": holding("placed_at", "2026-11-21T12:00:00"),
    "a time deep down without an offset": holding("returns", [
        {"id": "r", "kind": "return", "status": "requested", "items": [], "new_variants": [], "money": None,
         "method": None, "reason": "faulty", "requested_at": "2026-11-21T12:00:00Z",
         "events": [["2026-11-21T12:00:00", "requested"]]},
    ]),
    "a time as a number": holding("placed_at", 1_795_000_000),
    "half a character": status(200, b'{"customer": "c-mei", "order": {"note": "\\ud800"}}'),
    "an unknown refusal": problem("secret of the service", {}),
    "a refusal without a code": status(409, b'{"title": "secret of the service"}'),
    "a refusal with an unknown value": problem("not_pending", {"code": SECRET}),
    "a refusal with a number": problem("not_pending", {"hours": 2}),
    "a refusal with a novel": problem("not_pending", {"status": SECRET * 100}),
    "a refusal that is none": problem("not_pending", {"status": SECRET}, status=400),
    "a refusal that went well": problem("not_pending", {"status": SECRET}, status=200),
}  # fmt: skip

NOT_READ = {
    "compressed": "DecodingError", "a bomb": "DecodingError", "no encoding": "DecodingError",
    "too long": "TooLong", "without end": "TooLong",
}  # fmt: skip


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_an_odd_answer_is_an_outage(
    shop: Shop, service: ShopService, oddity: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.odd(ODDITIES[oddity])
    error = await outage(shop.orders.of(MEI).get(PENDING))
    assert str(error).startswith("GET /customers/{customer}/orders/{number}: " + NOT_READ.get(oddity, "status "))
    assert len(service.seen) == 1
    assert SECRET not in caplog.text and KEY not in caplog.text
    assert (await shop.orders.of(MEI).get(PENDING)).number == PENDING


CALLS: dict[str, Callable[[CustomerOrders, Approval], Awaitable[object]]] = {
    "profile": lambda mine, _: mine.profile(),
    "list": lambda mine, _: mine.list(),
    "get": lambda mine, _: mine.get(PENDING),
    "plan": lambda mine, _: mine.plan(CANCEL),
    "apply": lambda mine, approval: mine.apply(CANCEL, approval),
    "memory": lambda mine, _: mine.memory(),
    "remember": lambda mine, _: mine.remember("size", "M"),
    "forget": lambda mine, _: mine.forget(),
    "forget one": lambda mine, _: mine.forget("size"),
}


@pytest.mark.parametrize("call", CALLS)
async def test_what_is_another_customer_s_is_never_given(shop: Shop, service: ShopService, call: str) -> None:
    mine = shop.orders.of(MEI)
    approval = yes(await mine.plan(CANCEL))
    service.odd(edited(lambda body: {**body, "id" if call == "profile" else "customer": BO}))
    await outage(CALLS[call](mine, approval))
    await CALLS[call](mine, approval)


async def test_an_answer_to_another_question_is_never_given(shop: Shop, service: ShopService) -> None:
    mine = shop.orders.of(MEI)
    service.odd(edited(lambda body: body["order"].update(number=SHIPPED)))
    await outage(mine.get(PENDING))
    service.odd(edited(lambda body: body["change"].update(order=SHIPPED)))
    await outage(mine.plan(CANCEL))
    service.odd(edited(lambda body: body["change"].update(order=None)))
    await outage(mine.plan(CANCEL))
    service.odd(edited(lambda body: body["change"].update(kind="change_address")))
    await outage(mine.plan(CANCEL))
    service.odd(edited(lambda body: body.update(id=PHONE)))
    await outage(shop.catalogue.product(DRESS))
    service.odd(edited(lambda body: body["variants"].pop(1) and None))
    await outage(shop.catalogue.variant(M))
    service.odd(edited(lambda body: body.update(customer="")))
    await outage(shop.orders.prove(PENDING, "8000"))


async def test_a_change_that_was_not_approved_is_noticed_though_it_is_done(shop: Shop, service: ShopService) -> None:
    mine = shop.orders.of(MEI)
    approval = yes(await mine.plan(CANCEL))
    service.odd(edited(lambda body: body["change"]["lines"].pop() and None))
    await outage(mine.apply(CANCEL, approval))


async def test_what_has_to_be_there_is_an_outage_when_it_is_not_found(shop: Shop, service: ShopService) -> None:
    service.odd(problem("not_found", {}, status=404), problem("not_found", {}, status=404))
    await outage(shop.catalogue.names())
    await outage(shop.catalogue.products([DRESS]))


async def test_members_that_are_not_described_are_not_read(shop: Shop, own: Shop, service: ShopService) -> None:
    service.odd(edited(lambda body: body["order"].update(colour="red") or {**body, "page": 1}))
    assert await shop.orders.of(MEI).get(PENDING) == await own.orders.of(MEI).get(PENDING)


async def test_a_redirect_is_not_followed(shop: Shop, own: Shop, service: ShopService) -> None:
    async with ShopService(own) as elsewhere:
        for code in (301, 302, 303, 307, 308):
            service.odd(status(code, headers={"Location": f"{elsewhere.url}/customers/{MEI}"}))
            await outage(shop.orders.of(MEI).profile())
        assert elsewhere.seen == []


async def test_a_cookie_does_not_go_from_one_customer_to_the_next(shop: Shop, service: ShopService) -> None:
    service.odd(status(500, headers={"Set-Cookie": "session=mei; Path=/"}))
    await outage(shop.orders.of(MEI).profile())
    await shop.orders.of(BO).profile()
    assert "Cookie" not in service.seen[-1][1]


# Time, and connections that break


@pytest.mark.parametrize("oddity", ["silent", "dripping"])
async def test_a_call_ends_at_its_time_limit(own: Shop, service: ShopService, oddity: str) -> None:
    shop = RestShop(service.url, KEY, timeout_s=0.3)
    never = asyncio.Event()
    service.odd(held(never) if oddity == "silent" else endless(b" ", 0.05))
    error = await outage(shop.orders.of(MEI).profile())
    assert "TimeoutError" in str(error)
    assert len(service.seen) <= 1  # no second attempt
    never.set()
    await shop.close()


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_is_tried_once_more_when_its_connection_breaks(
    shop: Shop, own: Shop, service: ShopService, call: str
) -> None:
    mine = shop.orders.of(MEI)
    approval = yes(await mine.plan(CANCEL))
    service.seen.clear()
    service.odd(broken())
    await CALLS[call](mine, approval)
    assert len(service.seen) == 2 and service.seen[0][0] == service.seen[1][0]
    service.odd(broken(), broken())
    await outage(CALLS[call](mine, approval))
    assert len(service.seen) == 4


async def test_a_change_whose_answer_was_lost_is_made_once(
    shop: Shop, own: Shop, engine: AsyncEngine, service: ShopService
) -> None:
    mine = shop.orders.of(MEI)
    change = await mine.plan(CANCEL)
    service.seen.clear()
    service.odd(broken(after=True))
    assert await mine.apply(CANCEL, yes(change)) == change
    assert [headers["Idempotency-Key"] for _, headers in service.seen] == ["yes-1", "yes-1"]
    assert (await own.orders.of(MEI).get(PENDING)).status == "cancelled" and await audited(engine) == 1


async def test_a_service_that_is_not_there_is_an_outage() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        shop = RestShop(f"http://127.0.0.1:{taken.getsockname()[1]}", KEY)
        assert "ConnectError" in str(await outage(shop.orders.of(MEI).profile()))
        await shop.close()


# Its settings


async def test_the_service_may_lie_below_a_path() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={"names": {}})

    for url in ("https://shop.example/kefu/v1", "https://shop.example/kefu/v1/"):
        shop = RestShop(url, KEY, transport=httpx.MockTransport(answer))
        assert await shop.catalogue.names() == {}
        await shop.close()
    assert seen == ["https://shop.example/kefu/v1/product-names"] * 2


@pytest.mark.parametrize(
    "url, key",
    [
        ("shop.example", KEY), ("ftp://shop.example", KEY), ("https://", KEY), ("https://me:secret@shop.example", KEY),
        ("https://shop.example/?a=1", KEY), ("https://shop.example:port", KEY), ("https://shop.example/#a", KEY),
        ("https://shop.example", ""),
        ("https://shop.example", "a secret\nX: 1"), ("https://shop.example", "a secret "),
        ("https://shop.example", "密钥"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_without_being_quoted(url: str, key: str) -> None:
    with pytest.raises(ValueError) as raised:
        RestShop(url, key)
    assert "secret" not in str(raised.value) and "密钥" not in str(raised.value)


async def test_a_wrong_key_is_an_outage(service: ShopService) -> None:
    shop = RestShop(service.url, "another-key", timeout_s=30)
    await outage(shop.orders.of(MEI).profile())
    await shop.close()
