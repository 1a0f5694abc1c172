"""Which items a message is about, and what they are to become: from words, against the order and its products."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kefu.wants.items_meant import ItemsMeant, items_meant
from kefu.wants.swaps_meant import SwapsMeant, swaps_meant
from shop.changes import Swap
from shop.views import Item
from tests.wants_data import PRODUCTS, item

ITEMS = [
    item("i1", "dress-black-M"), item("i2", "shirt-white-L"), item("i3", "shirt-white-L"), item("i4", "scarf-red"),
    item("i5", "shirt-black-M"),
]  # fmt: skip
DRESS = [item("d", "dress-black-M")]
SHIRTS = [item("b", "shirt-black-M"), item("w", "shirt-white-M")]
MIXED = [item("d", "dress-black-M"), item("s", "shirt-white-L"), item("c", "scarf-red"), item("n", "sneakers-white-38")]


def swapped(text: str, language: str, items: list[Item]) -> SwapsMeant:
    return swaps_meant(text, language, items, list(PRODUCTS.values()))


def variants(text: str, language: str, items: list[Item]) -> dict[str, str]:
    return {swap.item: swap.variant for swap in swapped(text, language, items).swaps}


@pytest.mark.parametrize(
    ("language", "text", "ids"),
    [
        ("en", "I want to return the dress", "i1"), ("vi", "trả lại váy", "i1"), ("zh", "把围巾退了", "i4"),
        ("th", "คืนผ้าพันคอ", "i4"), ("vi", "khăn lụa", "i4"), ("vi", "tra cai khan lua", "i4"),
        ("en", "the Pleated Midi one", "i1"), ("en", "the dress and the scarf", "i1 i4"),
        ("zh", "围巾和连衣裙", "i1 i4"),
        ("th", "เดรสกับผ้าพันคอ", "i1 i4"), ("vi", "váy với khăn", "i1 i4"),
        ("zh", "黑色的衬衫", "i5"), ("vi", "mình muốn trả áo sơ mi đen", "i5"), ("vi", "muon tra ao so mi den", "i5"),
        ("en", "the white shirts", "i2 i3"), ("en", "all the shirts", "i2 i3 i5"), ("zh", "把所有衬衫退掉", "i2 i3 i5"),
        ("en", "everything", "i1 i2 i3 i4 i5"), ("zh", "全部都退", "i1 i2 i3 i4 i5"),
        ("vi", "tra tat ca", "i1 i2 i3 i4 i5"),
        ("th", "คืนทั้งหมด", "i1 i2 i3 i4 i5"), ("en", "everything except the scarf", "i1 i2 i3 i5"),
        ("en", "keep the dress, return the scarf", "i4"), ("zh", "除了连衣裙其他都退", "i2 i3 i4 i5"),
        ("vi", "trừ cái khăn ra thì trả hết", "i1 i2 i3 i5"), ("th", "ยกเว้นเดรส คืนทั้งหมด", "i2 i3 i4 i5"),
        ("zh", "第二件", "i2"), ("vi", "cái thứ hai", "i2"), ("th", "ชิ้นที่สอง", "i2"), ("en", "the last item", "i5"),
    ],
)  # fmt: skip
def test_what_is_described_is_found(language: str, text: str, ids: str) -> None:
    assert items_meant(text, language, ITEMS).items == tuple(ids.split())


@pytest.mark.parametrize(
    ("language", "text", "ids"),
    [
        ("en", "return one of the two white shirts", "i2"), ("vi", "trả 1 áo trắng", "i2"),
        ("th", "อยากคืนเสื้อเชิ้ตสีขาว 1 ตัว", "i2"), ("zh", "退两件白色衬衫", "i2 i3"), ("zh", "退一件白衬衫", "i2"),
        ("en", "the scarf and one white shirt", "i2 i4"), ("en", "return the white shirt\none", "i2"),
    ],
)  # fmt: skip
def test_as_many_equal_units_as_are_asked_for(language: str, text: str, ids: str) -> None:
    assert items_meant(text, language, ITEMS).items == tuple(ids.split())


def test_equal_units_without_a_count_are_asked_about() -> None:
    assert items_meant("return the white shirt", "en", ITEMS) == ItemsMeant((), ("i2", "i3"), "how_many")


def test_different_things_that_fit_alike_are_asked_about() -> None:
    assert items_meant("the shirt", "en", ITEMS) == ItemsMeant((), ("i2", "i3", "i5"), "unclear")
    assert items_meant("the black one", "en", ITEMS) == ItemsMeant((), ("i1", "i5"), "unclear")
    assert items_meant("cả hai", "vi", ITEMS).why == "unclear"
    assert items_meant("cả hai", "vi", ITEMS[:2]).items == ("i1", "i2")


def test_the_only_item_needs_no_words_but_not_others() -> None:
    assert items_meant("I want my money back", "en", DRESS) == ItemsMeant(("d",), (), "only")
    assert items_meant("I want to return the phone", "en", DRESS) == ItemsMeant((), ("d",), "unclear")
    assert items_meant("the red dress", "en", DRESS) == ItemsMeant((), ("d",), "unclear")


def test_words_that_only_look_like_things_name_none() -> None:
    for language, text in (
        ("zh", "包裹里的东西要退"),
        ("vi", "sdt cua minh la 0912345678, tra hang"),
        ("th", "คืนได้ไหม"),
    ):
        assert items_meant(text, language, DRESS).items == ("d",)


@pytest.mark.parametrize(
    ("language", "text", "variant"),
    [
        ("en", "size L instead of M", "dress-black-L"), ("en", "from M to L", "dress-black-L"),
        ("en", "L", "dress-black-L"),
        ("en", "a small, please", "dress-black-S"), ("vi", "đổi sang màu đỏ", "dress-red-M"),
        ("vi", "doi sang mau do", "dress-red-M"),
        ("vi", "cho e doi qua size s", "dress-black-S"), ("zh", "换成大一码", "dress-black-L"),
        ("zh", "换成红色", "dress-red-M"),
        ("zh", "换成红色L码", "dress-red-L"), ("zh", "M码换L码", "dress-black-L"),
        ("th", "เปลี่ยนเป็นไซส์ L", "dress-black-L"),
        ("th", "เปลี่ยนเป็นสีแดงไซส์ L", "dress-red-L"), ("th", "เอาไซส์ S แทน M", "dress-black-S"),
        ("en", "one size larger", "dress-black-L"), ("en", "a size down", "dress-black-S"),
        ("vi", "to hơn 1 size", "dress-black-L"),
        ("th", "ใหญ่ขึ้นหนึ่งไซส์", "dress-black-L"), ("en", "red, ＳＩＺＥ Ｌ", "dress-red-L"),
        ("en", "change it to black", "dress-black-M"),
    ],
)  # fmt: skip
def test_the_options_that_are_wanted_and_the_others_as_they_are(language: str, text: str, variant: str) -> None:
    assert variants(text, language, DRESS) == {"d": variant}


@pytest.mark.parametrize(
    ("language", "text", "swaps"),
    [
        ("en", "the dress in L instead of M", {"d": "dress-black-L"}),
        ("en", "exchange the dress for a size S", {"d": "dress-black-S"}),
        ("th", "เปลี่ยนเดรสเป็นสีแดง", {"d": "dress-red-M"}), ("en", "the shirt one size up", {"s": "shirt-white-XL"}),
        ("zh", "鞋子换40码", {"n": "sneakers-white-40"}), ("vi", "giày đổi sang cỡ 39", {"n": "sneakers-white-39"}),
        ("th", "รองเท้าใหญ่ขึ้นหนึ่งไซส์", {"n": "sneakers-white-39"}),
        ("en", "the shirt in sky blue", {"s": "shirt-sky-L"}),
        ("vi", "đổi khăn qua màu navy", {"c": "scarf-navy"}),
        ("en", "the dress to L and the shirt to black", {"d": "dress-black-L", "s": "shirt-black-L"}),
        ("en", "the scarf in navy, the dress in red", {"c": "scarf-navy", "d": "dress-red-M"}),
        ("en", "size 41 please", {"n": "sneakers-white-41"}),
    ],
)  # fmt: skip
def test_the_item_is_found_among_others(language: str, text: str, swaps: dict[str, str]) -> None:
    assert variants(text, language, MIXED) == swaps


@pytest.mark.parametrize(
    ("language", "text", "swaps"),
    [
        ("en", "change the black shirt to white", {"b": "shirt-white-M"}),
        ("zh", "把白色的换成黑色", {"w": "shirt-black-M"}),
        ("vi", "đổi cái áo đen sang màu xanh lá", {"b": "shirt-green-M"}),
        ("en", "rather than the white shirt I want a green one", {"w": "shirt-green-M"}),
        ("vi", "đổi cả hai sang size L", {"b": "shirt-black-L", "w": "shirt-white-L"}),
        ("zh", "两件都换成XL", {"b": "shirt-black-XL", "w": "shirt-white-XL"}),
    ],
)  # fmt: skip
def test_what_it_is_and_what_it_is_to_be_are_told_apart(language: str, text: str, swaps: dict[str, str]) -> None:
    assert variants(text, language, SHIRTS) == swaps


def test_storage_with_or_without_a_blank() -> None:
    phone = [item("p", "phone-black-128GB")]
    assert variants("换成256GB的", "zh", phone) == variants("256 gb please", "en", phone) == {"p": "phone-black-256GB"}


def test_a_word_that_fits_two_values_is_asked_about() -> None:
    found = swapped("đổi cái áo đen sang màu xanh", "vi", SHIRTS)
    assert (found.missing, found.items, found.variants) == ("option", ("b",), ("shirt-sky-M", "shirt-green-M"))


def test_the_option_is_asked_for_by_its_name() -> None:
    found = swapped("I want another colour for the dress", "en", MIXED)
    assert (found.missing, found.items, found.options) == ("option", ("d",), ("colour",))
    assert swapped("ขอเปลี่ยนไซส์เดรส", "th", MIXED).options == ("size",)
    assert swapped("exchange the dress", "en", MIXED).options == ("colour", "size")


def test_a_size_that_is_not_made_is_asked_for_with_those_that_are() -> None:
    found = swapped("the dress in size XXL", "en", MIXED)
    assert (found.missing, found.items) == ("option", ("d",))
    assert set(found.variants) == {v.id for v in PRODUCTS["dress"].variants} - {"dress-black-M"}
    assert swapped("one size larger", "en", [item("l", "dress-black-L")]).missing == "option"


def test_a_complaint_names_no_size() -> None:
    for text in ("the dress is too small", "it's bigger than I expected, can I exchange the dress"):
        assert swapped(text, "en", MIXED).missing == "option"


def test_the_item_is_asked_for_and_then_known() -> None:
    found = swapped("one size larger please", "en", MIXED)
    assert (found.missing, found.items) == ("item", ("d", "s", "n"))  # the scarf has no sizes
    chosen = swaps_meant("one size larger please", "en", MIXED, list(PRODUCTS.values()), chosen=["s"])
    assert chosen.swaps == (Swap(item="s", variant="shirt-white-XL"),)


def test_the_answer_to_a_question_goes_with_the_request() -> None:
    assert variants("I want to exchange my dress, it is too small\nL", "en", MIXED) == {"d": "dress-black-L"}


def test_a_product_that_is_gone_offers_nothing() -> None:
    assert swaps_meant("size L", "en", DRESS, []) == SwapsMeant((), "option", ("d",))


@given(st.text(max_size=150), st.sampled_from(["en", "zh", "vi", "th", ""]))
def test_every_id_comes_from_the_data(text: str, language: str) -> None:
    own = {one.id for one in MIXED}
    known = {v.id for p in PRODUCTS.values() for v in p.variants}
    items = items_meant(text, language, MIXED)
    swaps = swapped(text, language, MIXED)
    assert set(items.items) | set(items.candidates) | set(swaps.items) | {s.item for s in swaps.swaps} <= own
    assert {s.variant for s in swaps.swaps} | set(swaps.variants) <= known
