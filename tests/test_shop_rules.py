"""What the shop's rules allow and refuse, and what a change would cost: one test a rule, on the real tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
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
    ReturnReason,
    Swap,
    Wish,
)
from shop.database import open_database, writing
from shop.errors import Refused
from shop.models import ReturnRow, VariantRow
from shop.money import Money
from shop.orders import OwnCustomerOrders
from shop.rules import Rules
from shop.store import MIGRATIONS, OwnShop
from shop.views import Address
from tests.shop_data import (
    ALIPAY,
    ANN,
    ANN_CARD,
    ANN_DELIVERED,
    ANN_GIFT,
    BO_ALIPAY,
    CANCELLED,
    DELIVERED,
    DELIVERED_20,
    DELIVERED_LATE,
    GIFT,
    HOME,
    LAN,
    LAN_COD,
    LAN_DELIVERED,
    LAN_MOMO,
    LAN_PENDING,
    LAN_PREPAID,
    MEI,
    NOK,
    NOK_DELIVERED,
    NOW,
    OFFICE,
    PENDING,
    PENDING_GIFT,
    PENDING_LATE,
    PHONE_BLUE,
    PROCESSED,
    SHIPPED,
    WECHAT,
    XL,
    L,
    M,
    S,
    clear,
    fill,
    item,
    money,
)

BENCHMARK = Rules(
    changeable=frozenset({"pending"}), change_hours=None, return_days=None,
    electronics_days=None, exchange_days=None, exchange_price="current",
    country_fixed=False, one_request=True, exchange_countries=None, refund_methods="original_or_gift_card", fees={},
)  # fmt: skip


@pytest.fixture
async def engine(shared_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(shared_url, MIGRATIONS)
    await clear(engine)
    await fill(engine)
    yield engine
    await engine.dispose()


class Desk:
    """One customer's wishes under some rules at some time."""

    def __init__(self, engine: AsyncEngine, customer: str, rules: Rules | None = None, now: datetime = NOW) -> None:
        self.orders: OwnCustomerOrders = OwnShop(engine, rules, now=lambda: now).orders.of(customer)

    async def plan(self, wish: Wish) -> Change:
        return await self.orders.plan(wish)

    async def refused(self, wish: Wish) -> tuple[str, dict[str, str]]:
        with pytest.raises(Refused) as refused:
            await self.orders.plan(wish)
        return refused.value.code, refused.value.values

    async def do(self, wish: Wish, id: str = "yes") -> Change:
        fingerprint = (await self.orders.plan(wish)).fingerprint
        return await self.orders.apply(
            wish, Approval(id=id, fingerprint=fingerprint, conversation="c", message="m", actor="customer:x")
        )


@pytest.fixture
def mei(engine: AsyncEngine) -> Desk:
    return Desk(engine, MEI)


def facts(change: Change) -> list[tuple[str, Any]]:
    """The lines that are not about an item."""
    return [(line.what, line.new) for line in change.lines if line.what != "item"]


def swap(order: str, *variants: str) -> tuple[Swap, ...]:
    return tuple(Swap(item=item(order, n), variant=variant) for n, variant in enumerate(variants, start=1))


def cancel(order: str) -> CancelOrder:
    return CancelOrder(order=order, reason="no_longer_needed")


def modify(order: str, *variants: str, method: str | None = None) -> ModifyItems:
    return ModifyItems(order=order, swaps=swap(order, *variants), method=method)


def give_back(
    order: str, *positions: int, reason: ReturnReason = "changed_mind", method: str | None = None
) -> ReturnItems:
    return ReturnItems(order=order, items=tuple(item(order, n) for n in positions), reason=reason, method=method)


def exchange(order: str, *variants: str, reason: ReturnReason = "does_not_fit", **more: Any) -> ExchangeItems:
    return ExchangeItems(order=order, swaps=swap(order, *variants), reason=reason, **more)


# Cancelling


async def test_cancelling_gives_back_all_that_was_paid(mei: Desk) -> None:
    change = await mei.plan(cancel(PENDING))
    assert facts(change) == [("status", "cancelled"), ("refund", money("1389"))]
    assert change.money == money("1389") and change.method and change.method.id == ALIPAY


@pytest.mark.parametrize("order", [SHIPPED, DELIVERED, CANCELLED])
async def test_orders_that_are_not_pending_are_not_cancelled_or_changed(mei: Desk, order: str) -> None:
    status = (await mei.orders.get(order)).status
    for wish in (cancel(order), ChangeAddress(order=order, address=OFFICE), modify(order, L),
                 ChangePayment(order=order, method=WECHAT)):  # fmt: skip
        assert await mei.refused(wish) == ("not_pending", {"number": order, "status": status})


async def test_packed_order_can_be_cancelled_where_only_dispatch_closes_it(mei: Desk, engine: AsyncEngine) -> None:
    assert (await mei.plan(cancel(PROCESSED))).order == PROCESSED
    strict = Desk(engine, MEI, BENCHMARK)
    assert await strict.refused(cancel(PROCESSED)) == ("not_pending", {"number": PROCESSED, "status": "processed"})


async def test_order_with_modified_items_is_not_cancelled_or_modified_again(mei: Desk) -> None:
    await mei.do(modify(PENDING, L))
    assert await mei.refused(cancel(PENDING)) == ("already_changed", {"number": PENDING})
    assert await mei.refused(modify(PENDING, S)) == ("already_changed", {"number": PENDING})
    assert (await mei.plan(ChangeAddress(order=PENDING, address=OFFICE))).order == PENDING


async def test_cancelling_after_a_payment_change_refunds_the_newer_method_only(mei: Desk) -> None:
    await mei.do(ChangePayment(order=PENDING, method=WECHAT))
    change = await mei.plan(cancel(PENDING))
    assert change.money == money("1389") and change.method and change.method.id == WECHAT


async def test_cancelling_cash_on_delivery_gives_nothing_back_as_nothing_was_collected(engine: AsyncEngine) -> None:
    change = await Desk(engine, LAN).plan(cancel(LAN_PENDING))
    assert facts(change) == [("status", "cancelled")]
    assert change.money is None and change.method is None


# Another address


async def test_address_changes_within_the_country_only(engine: AsyncEngine, mei: Desk) -> None:
    abroad = ChangeAddress(order=PENDING, address=OFFICE.model_copy(update={"country": "TH"}))
    assert await mei.refused(abroad) == ("country_fixed", {"country": "CN"})
    assert (await Desk(engine, MEI, BENCHMARK).plan(abroad)).lines[0].new == abroad.address


async def test_new_address_shows_old_and_new_and_keeps_name_and_phone(mei: Desk) -> None:
    typed = Address(line1=" 世纪大道100号\n", city="上海", country="cn", postcode="200120")
    change = await mei.plan(ChangeAddress(order=PENDING, address=typed))
    assert [(line.what, line.old, line.new) for line in change.lines] == [("address", HOME, OFFICE)]
    assert change.money is None


@pytest.mark.parametrize("field", ["line1", "city", "country"])
async def test_address_without_a_part_that_a_parcel_needs_is_incomplete(mei: Desk, field: str) -> None:
    address = OFFICE.model_copy(update={field: "  "})
    for wish in (ChangeAddress(order=PENDING, address=address), ChangeDefaultAddress(address=address)):
        assert await mei.refused(wish) == ("address_incomplete", {"field": field})


async def test_address_that_is_the_same_is_no_change(mei: Desk) -> None:
    bare = HOME.model_copy(update={"name": "", "phone": "", "city": "上海 "})
    for wish in (ChangeAddress(order=PENDING, address=bare), ChangeDefaultAddress(address=bare)):
        assert await mei.refused(wish) == ("same_address", {})


# Other items


async def test_items_change_at_todays_price_against_the_price_paid(mei: Desk) -> None:
    change = await mei.plan(modify(PENDING, L, S))
    assert [(line.what, line.old.price, line.new.price) for line in change.lines[:2]] == [  # type: ignore[union-attr]
        ("item", money("190"), money("230")),
        ("item", money("190"), money("180")),
    ]
    assert facts(change) == [("price_difference", money("30"))]
    assert change.money == money("-30") and change.method and change.method.id == ALIPAY


async def test_items_without_a_difference_move_no_money(engine: AsyncEngine, mei: Desk) -> None:
    async with writing(engine) as db:
        await db.execute(update(VariantRow).where(VariantRow.id == S).values(price=190_00))
    change = await mei.plan(modify(PENDING, S))
    assert facts(change) == [] and change.money is None and change.method is None


async def test_items_change_within_two_hours_of_ordering(engine: AsyncEngine, mei: Desk) -> None:
    assert await mei.refused(modify(PENDING_LATE, L)) == ("change_too_late", {"number": PENDING_LATE, "hours": "2"})
    at_the_end = Desk(engine, MEI, now=NOW - timedelta(hours=1))
    assert (await at_the_end.plan(modify(PENDING_LATE, L))).money == money("-40")
    assert (await Desk(engine, MEI, BENCHMARK).plan(modify(PENDING_LATE, L))).money == money("-40")


async def test_swaps_that_cannot_be_made_are_refused(mei: Desk) -> None:
    name = "真丝连衣裙"  # in Mei's language
    for order, wish in ((PENDING, modify), (DELIVERED, exchange)):
        assert await mei.refused(wish(order)) == ("no_items", {"number": order})
        assert await mei.refused(wish(order, "no-such")) == ("variant_not_found", {"variant": "no-such"})
        assert await mei.refused(wish(order, "dress-vn-M")) == ("variant_not_found", {"variant": "dress-vn-M"})
        assert await mei.refused(wish(order, PHONE_BLUE)) == ("other_product", {"product": name})
        assert await mei.refused(wish(order, M)) == ("same_variant", {"product": name})
        assert await mei.refused(wish(order, XL)) == ("out_of_stock", {"product": name})
        assert await mei.refused(wish(order, L, L)) == ("out_of_stock", {"product": name})  # one left, two wanted


async def test_items_are_the_orders_own_and_each_named_once(mei: Desk) -> None:
    foreign, first = item("JL20001", 1), item(PENDING, 1)
    for items in ((foreign,), (first, first)):
        wish = ModifyItems(order=PENDING, swaps=tuple(Swap(item=id, variant=S) for id in items))
        assert await mei.refused(wish) == ("item_not_in_order", {"number": PENDING, "item": items[-1]})
        back = ReturnItems(order=DELIVERED, items=tuple(id.replace(PENDING, DELIVERED) for id in items))
        assert (await mei.refused(back))[0] == "item_not_in_order"
    assert await mei.refused(give_back(DELIVERED)) == ("no_items", {"number": DELIVERED})


async def test_difference_is_paid_with_a_method_of_the_customers_own(mei: Desk) -> None:
    change = await mei.plan(modify(PENDING, L, method=GIFT))
    assert change.money == money("-40") and change.method and change.method.id == GIFT
    for stranger in (BO_ALIPAY, ANN_GIFT, "no-such"):
        wish = modify(PENDING, L, method=stranger)
        assert await mei.refused(wish) == ("payment_method_not_found", {})


async def test_gift_card_must_cover_the_difference(mei: Desk) -> None:
    await mei.do(ChangePayment(order=PENDING_LATE, method=GIFT))  # 200.00 of 300.00 are gone
    await mei.do(modify(PENDING_GIFT, L), "2")  # and 40.00
    wish = ChangePayment(order=PENDING, method=GIFT)
    assert await mei.refused(wish) == ("balance_too_small", {"balance": "60.00 CNY", "needed": "1389.00 CNY"})


async def test_difference_comes_back_the_way_the_money_came(engine: AsyncEngine, mei: Desk) -> None:
    cheaper = modify(PENDING, S)
    change = await mei.plan(cheaper)
    assert change.money == money("10") and change.method and change.method.id == ALIPAY
    elsewhere = cheaper.model_copy(update={"method": WECHAT})
    assert await mei.refused(elsewhere) == ("refund_method_not_allowed", {})
    assert (await Desk(engine, MEI, BENCHMARK).plan(elsewhere)).money == money("10")


async def test_courier_collects_another_sum_when_cash_is_paid_on_delivery(engine: AsyncEngine) -> None:
    change = await Desk(engine, LAN).plan(modify(LAN_PENDING, "dress-vn-L"))
    assert facts(change) == [("price_difference", money("50000", "VND"))]
    assert change.money is None


# Another payment method


async def test_payment_changes_to_another_method_that_covers_the_order(mei: Desk) -> None:
    change = await mei.plan(ChangePayment(order=PENDING, method=WECHAT))
    (line,) = change.lines
    assert (line.what, line.old.id, line.new.id) == ("payment_method", ALIPAY, WECHAT)  # type: ignore[union-attr]
    assert change.money is None
    same = ChangePayment(order=PENDING, method=ALIPAY)
    assert await mei.refused(same) == ("same_payment_method", {})
    unknown = ChangePayment(order=PENDING, method=BO_ALIPAY)
    assert await mei.refused(unknown) == ("payment_method_not_found", {})


async def test_payment_changes_once_and_never_to_cash_on_delivery(engine: AsyncEngine, mei: Desk) -> None:
    await mei.do(ChangePayment(order=PENDING, method=WECHAT))
    again = ChangePayment(order=PENDING, method=ALIPAY)
    assert await mei.refused(again) == ("payment_not_changeable", {"number": PENDING})
    lan = Desk(engine, LAN)
    unpaid = ChangePayment(order=LAN_PENDING, method=LAN_MOMO)
    assert await lan.refused(unpaid) == ("payment_not_changeable", {"number": LAN_PENDING})
    to_cash = ChangePayment(order=LAN_PREPAID, method=LAN_COD)
    assert await lan.refused(to_cash) == ("payment_not_changeable", {"number": LAN_PREPAID})


# Returns


async def test_return_gives_back_the_prices_paid_and_says_where_to(mei: Desk) -> None:
    change = await mei.plan(give_back(DELIVERED, 1, 2))
    assert facts(change) == [("refund", money("380")), ("ship_back_to", "shenzhen")]
    assert change.money == money("380") and change.method and change.method.id == ALIPAY
    assert [(line.what, line.new) for line in change.lines[:2]] == [("item", None), ("item", None)]


async def test_order_that_has_not_arrived_is_not_returned_or_exchanged(mei: Desk) -> None:
    for wish in (give_back(PENDING, 1), exchange(PENDING, L)):
        assert await mei.refused(wish) == ("not_delivered", {"number": PENDING, "status": "pending"})


async def test_windows_close_after_thirty_days_and_fifteen_for_electronics(engine: AsyncEngine, mei: Desk) -> None:
    late = {"number": DELIVERED_LATE, "days": "30"}
    assert await mei.refused(give_back(DELIVERED_LATE, 1)) == ("return_too_late", late)
    assert await mei.refused(exchange(DELIVERED_LATE, L)) == ("exchange_too_late", late)
    assert (await mei.plan(give_back(DELIVERED_20, 1))).money == money("190")
    electronics = {"number": DELIVERED_20, "days": "15"}
    assert await mei.refused(give_back(DELIVERED_20, 1, 2)) == ("return_too_late", electronics)
    assert (await mei.plan(give_back(DELIVERED_20, 2, reason="faulty"))).money == money("1009")
    last = Desk(engine, MEI, now=NOW - timedelta(days=1))
    assert (await last.plan(give_back(DELIVERED_LATE, 1))).money == money("190")
    assert (await Desk(engine, MEI, BENCHMARK).plan(give_back(DELIVERED_LATE, 1, 2))).money == money("1189")


async def test_some_products_come_back_only_when_the_shop_is_to_blame(mei: Desk) -> None:
    name = {"product": "真丝连衣裙"}
    assert await mei.refused(give_back(DELIVERED, 3)) == ("not_returnable", name)
    silver = ExchangeItems(order=DELIVERED, swaps=(Swap(item=item(DELIVERED, 3), variant="earrings-cn-silver"),))
    assert await mei.refused(silver) == ("not_returnable", name)
    for reason in ("faulty", "wrong_item"):
        assert (await mei.plan(give_back(DELIVERED, 3, reason=reason))).money == money("69")


async def test_shipping_comes_back_once_and_only_when_the_shop_is_to_blame(mei: Desk) -> None:
    assert (await mei.plan(give_back(DELIVERED, 1, reason="not_as_described"))).money == money("190")
    assert (await mei.do(give_back(DELIVERED, 1, reason="faulty"))).money == money("200")
    assert (await mei.plan(give_back(DELIVERED, 2, reason="faulty"))).money == money("190")


async def test_first_return_in_china_is_free_and_later_ones_cost_twelve_yuan(mei: Desk) -> None:
    await mei.do(give_back(DELIVERED, 1))
    change = await mei.plan(give_back(DELIVERED, 2))
    assert facts(change) == [("fee", money("12")), ("refund", money("178")), ("ship_back_to", "shenzhen")]
    assert change.money == money("178")


@pytest.mark.parametrize(
    ("customer", "order", "fee", "refund", "warehouse"),
    [
        (LAN, LAN_DELIVERED, money("60000", "VND"), money("340000", "VND"), "hcmc"),
        (NOK, NOK_DELIVERED, money("90", "THB"), money("800", "THB"), "bangkok"),
        (ANN, ANN_DELIVERED, None, money("50", "USD"), "shenzhen"),
    ],
)
async def test_return_fee_and_warehouse_are_the_countrys(
    engine: AsyncEngine, customer: str, order: str, fee: Money | None, refund: Money, warehouse: str
) -> None:
    change = await Desk(engine, customer).plan(give_back(order, 1))
    fees = [("fee", fee)] if fee else []
    assert facts(change) == [*fees, ("refund", refund), ("ship_back_to", warehouse)]
    faulty = await Desk(engine, customer).plan(give_back(order, 1, reason="faulty"))
    assert "fee" not in dict(facts(faulty))


async def test_refund_is_never_less_than_nothing(engine: AsyncEngine) -> None:
    change = await Desk(engine, LAN).plan(give_back(LAN_DELIVERED, 2))  # 50,000 less 60,000
    assert facts(change)[:2] == [("fee", money("60000", "VND")), ("refund", money("0", "VND"))]
    assert change.money is None


async def test_item_goes_back_once_unless_the_shop_rejected_it(engine: AsyncEngine, mei: Desk) -> None:
    await mei.do(give_back(DELIVERED, 1))
    taken = ("already_requested", {"number": DELIVERED})
    for wish in (give_back(DELIVERED, 1), give_back(DELIVERED, 2, 1), exchange(DELIVERED, L)):
        assert await mei.refused(wish) == taken
    assert await Desk(engine, MEI, BENCHMARK).refused(give_back(DELIVERED, 2)) == taken  # one an order
    async with writing(engine) as db:
        await db.execute(update(ReturnRow).values(status="rejected"))
    assert (await mei.plan(give_back(DELIVERED, 1))).money == money("190")


async def test_refund_goes_the_way_the_money_came_or_on_a_gift_card_where_rules_say_so(engine: AsyncEngine) -> None:
    mei, benchmark = Desk(engine, MEI), Desk(engine, MEI, BENCHMARK)
    not_allowed: tuple[str, dict[str, str]] = ("refund_method_not_allowed", {})
    assert await mei.refused(give_back(DELIVERED, 1, method=GIFT)) == not_allowed
    assert await mei.refused(give_back(DELIVERED, 1, method=WECHAT)) == not_allowed
    on_card = (await benchmark.plan(give_back(DELIVERED, 1, method=GIFT))).method
    assert on_card and on_card.id == GIFT
    assert await benchmark.refused(give_back(DELIVERED, 1, method=WECHAT)) == not_allowed
    cash = (await Desk(engine, LAN).plan(give_back(LAN_DELIVERED, 1))).method
    assert cash and cash.id == LAN_COD
    assert await Desk(engine, LAN).refused(give_back(LAN_DELIVERED, 1, method=LAN_MOMO)) == not_allowed


# Exchanges


async def test_exchange_keeps_the_price_paid_and_the_first_is_free(mei: Desk) -> None:
    change = await mei.do(exchange(DELIVERED, L))
    assert [line.new.price for line in change.lines if line.what == "item"] == [money("190")]  # type: ignore[union-attr]
    assert facts(change) == [("ship_back_to", "shenzhen")]
    assert change.money is None and change.method is None
    second = ExchangeItems(order=DELIVERED, swaps=(Swap(item=item(DELIVERED, 2), variant=S),))
    change = await mei.plan(second)
    assert facts(change)[0] == ("fee", money("12")) and change.money == money("-12")
    assert change.method and change.method.id == ALIPAY
    faulty = await mei.plan(second.model_copy(update={"reason": "faulty"}))
    assert "fee" not in dict(facts(faulty)) and faulty.money is None


async def test_exchange_at_todays_price_charges_or_gives_back_the_difference(engine: AsyncEngine) -> None:
    ann = Desk(engine, ANN, BENCHMARK)
    dearer = await ann.plan(exchange(ANN_DELIVERED, "dress-us-L", method=ANN_GIFT))
    assert facts(dearer) == [("price_difference", money("25", "USD")), ("ship_back_to", "shenzhen")]
    assert dearer.money == money("-25", "USD") and dearer.method and dearer.method.id == ANN_GIFT
    too_dear = exchange(ANN_DELIVERED, "dress-us-L", "dress-us-L", method=ANN_GIFT)
    assert await ann.refused(too_dear) == ("balance_too_small", {"balance": "30.00 USD", "needed": "50.00 USD"})
    cheaper = await ann.plan(exchange(ANN_DELIVERED, "dress-us-S", method=ANN_CARD))
    assert cheaper.money == money("10", "USD")


async def test_exchange_is_offered_in_some_countries_only(engine: AsyncEngine) -> None:
    wish = exchange(ANN_DELIVERED, "dress-us-L")
    assert await Desk(engine, ANN).refused(wish) == ("exchange_not_offered", {"country": "US"})


# The customer


async def test_default_address_shows_old_and_new(mei: Desk) -> None:
    change = await mei.plan(ChangeDefaultAddress(address=OFFICE))
    assert [(line.what, line.old, line.new) for line in change.lines] == [("address", HOME, OFFICE)]
    assert change.order is None


async def test_forgetting_names_what_is_remembered_or_that_nothing_is(mei: Desk) -> None:
    assert await mei.refused(ForgetMe()) == ("nothing_to_forget", {})
    await mei.orders.remember("size", "M")
    await mei.orders.remember("language", "zh")
    change = await mei.plan(ForgetMe())
    assert [(line.what, line.old) for line in change.lines] == [("memory", "language: zh"), ("memory", "size: M")]


# What a yes is given to


async def test_change_is_the_same_an_hour_later_and_after_an_unrelated_change(engine: AsyncEngine, mei: Desk) -> None:
    wishes: list[Wish] = [
        cancel(PENDING_GIFT),
        ChangePayment(order=PENDING_GIFT, method=WECHAT),
        give_back(DELIVERED, 1),
        ChangeDefaultAddress(address=OFFICE),
    ]
    before = [(await mei.plan(wish)).fingerprint for wish in wishes]
    await mei.do(ChangePayment(order=PENDING_LATE, method=GIFT))  # the gift card's balance moves
    later = Desk(engine, MEI, now=NOW + timedelta(hours=1))
    assert [(await later.plan(wish)).fingerprint for wish in wishes] == before
