"""Which order a message is about, and which way to pay: from words, against the shopper's own data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kefu.wants.orders_meant import Meant, order_meant
from kefu.wants.payment_meant import payment_meant
from kefu.wants.reasons import cancel_reason, return_reason
from shop.numbers import canonical
from shop.views import Order, Shipment
from tests.wants_data import CUSTOMER, item, order

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)  # a Friday
NEW = order("JL10023", item("n1", "dress-black-M"), placed="2026-11-19T05:00")
MID = order(
    "JL10017", item("m1", "scarf-red"), item("m2", "shirt-white-L"), status="delivered", placed="2026-11-11T05:00"
)
OLD = order("JL10009", item("o1", "sneakers-white-38"), status="shipped", placed="2026-10-20T05:00")
ORDERS = [NEW, MID, OLD]


def meant(text: str, language: str = "en", *talked: str, suits: Callable[[Order], bool] = lambda order: True) -> Meant:
    return order_meant(text, language, ORDERS, talked, suits, now=NOW)


def test_a_number_in_any_spelling_wins_over_everything_else() -> None:
    for text in ("where is jl-10017?", "ＪＬ１００１７在哪", "ออเดอร์ JL๑๐๐๑๗ อยู่ไหน", "#JL10017, not the latest order"):
        assert meant(text, "th", "JL10023") == Meant("JL10017", True, (), "number")


def test_a_number_that_no_order_has_is_handed_on_for_the_shop_to_miss() -> None:
    assert meant("cancel JL 99999", "en", "JL10023") == Meant("JL99999", False, (), "number")


def test_a_tracking_number_stands_for_its_order() -> None:
    parcel = Shipment(carrier="SF", tracking="SF1234567890", items=(), expected=None, scans=())
    shipped = OLD.model_copy(update={"shipments": (parcel,)})
    assert order_meant("where is SF1234567890", "en", [NEW, shipped], []).number == "JL10009"


def test_a_postcode_behind_a_country_is_no_order_number() -> None:
    only = meant("ship it to Bangkok TH 10110", suits=lambda order: order.status == "pending")
    assert only == Meant("JL10023", True, (), "only")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("vi", "cái đuôi 017"), ("vi", "cai duoi 017"), ("zh", "尾号017的那单"), ("zh", "017那单呢"),
        ("en", "the one ending in 10017"), ("th", "ออเดอร์ลงท้าย 0017"), ("en", "10017"),
    ],
)  # fmt: skip
def test_the_last_digits_are_enough(language: str, text: str) -> None:
    assert meant(text, language) == Meant("JL10017", True, (), "digits")


def test_digits_of_a_price_or_a_street_are_no_order() -> None:
    assert meant("I paid 017.00 for it").why == "unclear"
    assert meant("send it to 10017 Main Street, Springfield").why == "unclear"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "and the other one?"), ("zh", "另一个呢"), ("vi", "còn đơn còn lại thì sao"),
        ("vi", "con cai kia thi sao"),
        ("th", "อีกอันหนึ่งล่ะ"), ("th", "แล้วอีกออเดอร์ล่ะคะ"),
    ],
)  # fmt: skip
def test_the_other_one_is_the_one_talked_about_before_the_last(language: str, text: str) -> None:
    assert meant(text, language, "JL10023", "JL10009") == Meant("JL10023", True, (), "other")


def test_the_other_of_two_that_suit() -> None:
    found = meant("the other one", "en", "JL10017", suits=lambda order: order.status != "shipped")
    assert found == Meant("JL10023", True, (), "other")


def test_the_other_one_of_three_is_asked_for() -> None:
    assert meant("the other one", "en", "JL10017").candidates == ("JL10023", "JL10009")


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [
        ("en", "the second order", "JL10017"), ("en", "the third one", "JL10009"), ("zh", "第一个", "JL10023"),
        ("zh", "第二个订单", "JL10017"), ("vi", "đơn đầu tiên", "JL10023"), ("vi", "đơn thứ hai", "JL10017"),
        ("vi", "don thu hai", "JL10017"), ("th", "ออเดอร์แรก", "JL10023"), ("th", "อันที่สอง", "JL10017"),
        ("en", "my latest order", "JL10023"), ("zh", "上一单到哪了", "JL10023"), ("zh", "最早的那单", "JL10009"),
        ("vi", "đơn mới nhất", "JL10023"), ("vi", "don moi nhat", "JL10023"), ("th", "ออเดอร์ล่าสุด", "JL10023"),
        ("en", "the one from last week", "JL10017"), ("zh", "昨天下的单取消", "JL10023"),
        ("vi", "đơn tháng trước", "JL10009"), ("th", "ที่สั่งเมื่อวาน", "JL10023"),
    ],
)  # fmt: skip
def test_places_and_times_count_over_the_list(language: str, text: str, number: str) -> None:
    assert meant(text, language).number == number


def test_the_second_one_is_an_item_while_one_order_is_talked_about() -> None:
    assert meant("trả cái thứ hai", "vi", "JL10017") == Meant("JL10017", True, (), "talked")


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [
        ("en", "the silk scarf order", "JL10017"), ("vi", "đơn đôi giày đâu rồi", "JL10009"),
        ("vi", "don co cai vay", "JL10023"), ("th", "ผ้าพันคอถึงไหนแล้ว", "JL10017"), ("zh", "围巾什么时候到", "JL10017"),
        ("en", "has the cloud runner arrived", "JL10009"),
    ],
)  # fmt: skip
def test_a_thing_stands_for_its_order_in_any_language(language: str, text: str, number: str) -> None:
    assert meant(text, language, "JL10023") == Meant(number, True, (), "product")


def test_a_phone_number_is_no_phone() -> None:
    phone = order("JL10031", item("p1", "phone-black-128GB"))
    found = order_meant("đổi số điện thoại người nhận", "vi", [NEW, phone], ["JL10023"])
    assert found == Meant("JL10023", True, (), "talked")


def test_without_a_word_the_last_talked_about_that_suits_is_meant() -> None:
    pending = lambda order: order.status == "pending"  # noqa: E731
    assert meant("where is it?", "en", "JL10009", "JL10017").number == "JL10017"
    assert meant("cancel the order", "en", "JL10023", "JL10017", suits=pending) == Meant("JL10023", True, (), "talked")
    assert meant("cancel my order", suits=pending) == Meant("JL10023", True, (), "only")


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "cancel it"), ("en", "cancel this order"), ("zh", "把这个取消"), ("vi", "hủy đơn này"), ("th", "ยกเลิกอันนี้")],
)
def test_this_one_is_the_last_talked_about_whatever_suits(language: str, text: str) -> None:
    pending = lambda order: order.status == "pending"  # noqa: E731
    assert meant(text, language, "JL10023", "JL10017", suits=pending) == Meant("JL10017", True, (), "talked")
    found = order_meant(text, language, ORDERS, ["JL10023", "JL10017"], pending, focus=[], now=NOW)
    assert found.why == "only", "a list points at none of its orders"


def test_several_that_suit_are_asked_for() -> None:
    assert meant("where is my order?") == Meant(None, False, ("JL10023", "JL10017", "JL10009"), "unclear")
    assert order_meant("where is my order?", "en", [], []) == Meant(None, False, (), "unclear")


@given(
    st.text(max_size=200), st.sampled_from(["en", "zh", "vi", "th", ""]), st.lists(st.sampled_from(["JL10023", "X1"]))
)
def test_every_number_is_an_order_or_stands_in_the_text(text: str, language: str, talked: list[str]) -> None:
    found = order_meant(text, language, ORDERS, talked, now=NOW)
    own = {order.number for order in ORDERS}
    assert set(found.candidates) <= own
    assert found.number is None or (found.number in own) == found.known
    assert found.known or found.number is None or found.number in canonical(text)


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("en", "I ordered it by mistake", "ordered_by_mistake"), ("zh", "拍错了", "ordered_by_mistake"),
        ("vi", "dat nham roi", "ordered_by_mistake"), ("th", "กดผิดค่ะ", "ordered_by_mistake"),
        ("en", "I don't need it any more", "no_longer_needed"), ("zh", "不想要了", "no_longer_needed"),
        ("vi", "không cần nữa", "no_longer_needed"), ("th", "เปลี่ยนใจแล้ว", "no_longer_needed"),
        ("en", "cancel my order", None),
    ],
)  # fmt: skip
def test_why_it_is_cancelled(language: str, text: str, reason: str | None) -> None:
    assert cancel_reason(text, language) == reason


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("en", "it arrived broken", "faulty"), ("zh", "衣服破了个洞，破损", "faulty"), ("vi", "áo bị rách", "faulty"),
        ("th", "สินค้าชำรุด", "faulty"), ("zh", "你们发错了", "wrong_item"), ("vi", "giao nham mau", "wrong_item"),
        ("th", "ไม่ตรงปก", "not_as_described"), ("en", "it is too small", "does_not_fit"),
        ("vi", "ao chat qua", "does_not_fit"),
        ("th", "ใส่แล้วคับ", "does_not_fit"), ("zh", "不喜欢", "changed_mind"),
        ("en", "nothing wrong with it, not broken, I just don't like it", "changed_mind"), ("en", "return it", None),
    ],
)  # fmt: skip
def test_why_it_is_sent_back(language: str, text: str, reason: str | None) -> None:
    assert return_reason(text, language) == reason


@pytest.mark.parametrize(
    ("language", "text", "paid_with", "method", "candidates"),
    [
        ("en", "the card ending 1881", None, "p2", ()), ("en", "use the other card", "p1", "p2", ()),
        ("vi", "doi sang the kia", "p1", "p2", ()), ("th", "จ่ายด้วยบัตรอีกใบ", "p2", "p1", ()),
        ("vi", "đổi sang momo", "p1", "p3", ()), ("zh", "换成银行卡", "p1", "p2", ()),
        ("en", "back to the original payment method", "p2", "p2", ()), ("en", "by card", "p3", None, ("p1", "p2")),
        ("zh", "用支付宝", "p1", None, ("p1", "p2", "p3")),
    ],
)  # fmt: skip
def test_the_way_to_pay_is_one_on_file(
    language: str, text: str, paid_with: str | None, method: str | None, candidates: tuple[str, ...]
) -> None:
    found = payment_meant(text, language, CUSTOMER.payment_methods, paid_with)
    assert (found.method, found.candidates, found.named) == (method, candidates, True)


def test_no_way_to_pay_is_named() -> None:
    found = payment_meant("I want to change how I pay", "en", CUSTOMER.payment_methods, "p1")
    assert (found.method, found.named) == (None, False)
