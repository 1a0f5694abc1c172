"""What a reply may make of the shop's records: what small models were seen to make of them is found."""

from __future__ import annotations

import pytest

from kefu.retelling import fault

ON_ITS_WAY = """Order JL10538: On its way.
Latest news of the parcel: In customs clearance, Kuala Lumpur, 19 Nov 2026, 17:52 UTC.
Expected by 4 Dec 2026
It travels with Harbour Air, tracking number HA3034961613."""
FAILED_VI = """Tình trạng đơn JL10533: Đang giao.
Tin mới nhất của kiện hàng: Giao hàng không thành công tại Cần Thơ, lúc 21/11/2026 09:38.
Dự kiến giao trước 23/11/2026
Đơn vị vận chuyển: Lotus Post, mã vận đơn LP9400009785."""
REFUSED_ZH = "订单 JL10127\n2026年10月17日申请退货（转运珠红绳手链）：退货申请未通过。"
DELIVERED_TH = "คำสั่งซื้อ JL10046 จัดส่งสำเร็จเมื่อ 29 ก.ย. 2026"


@pytest.mark.parametrize(
    ("said", "facts", "states", "language"),
    [
        ("It is in customs clearance in Kuala Lumpur.", ON_ITS_WAY, ["On its way", "In customs clearance"], "en"),
        ("It's on its way with Harbour Air and should arrive by December 4, 2026.", ON_ITS_WAY, ["On its way"], "en"),
        ("Hi! Good news. JL10538 is on its way: you get it by 4 Dec.", ON_ITS_WAY, ["On its way"], "en"),
        ("Đơn JL10533: giao hàng không thành công lúc 09:38.", FAILED_VI, ["Giao hàng không thành công"], "vi"),
        ("您在2026年10月17日申请的退货，退货申请未通过。", REFUSED_ZH, ["退货申请未通过"], "zh"),
        ("พัสดุ JL10046 จัดส่งสำเร็จเมื่อ 29 ก.ย. 2026 ค่ะ", DELIVERED_TH, ["จัดส่งสำเร็จ"], "th"),
        ("ＪＬ１００４６ จัดส่งสำเร็จแล้วค่ะ", DELIVERED_TH, ["จัดส่งสำเร็จ"], "th"),
        ("There are five.", "Five orders.", [], "en"),
    ],
)  # fmt: skip
def test_true_replies_pass(said: str, facts: str, states: list[str], language: str) -> None:
    assert fault(said, facts, ["Where is it?"], states, language) == ""


@pytest.mark.parametrize(
    ("said", "facts", "states", "language", "why"),
    [
        ("Đơn JL10533 đã giao đến Cần Thơ.", FAILED_VI, ["Giao hàng không thành công", "Đang giao"], "vi", "no state"),
        ("退款已经通过，退款已退至支付宝。", REFUSED_ZH, ["退货申请未通过"], "zh", "no state"),
        ("พัสดุ JL10046 ถึงประเทศญี่ปุ่นแล้ว", DELIVERED_TH, ["จัดส่งสำเร็จ"], "th", "no state"),
        ("พัสดุจัดส่งสำเร็จโดย Daven Express", DELIVERED_TH, ["จัดส่งสำเร็จ"], "th", "Daven, Express"),
        ("It is on its way to the United States.", ON_ITS_WAY, ["On its way"], "en", "United, States"),
        ("It is on its way and comes on 5 Dec.", ON_ITS_WAY, ["On its way"], "en", "5"),
        ("Đang giao đến 123 Nguyễn Văn Linh", FAILED_VI, ["Đang giao"], "vi", "123, Nguyễn, Văn, Linh"),
        ("", ON_ITS_WAY, [], "en", "nothing was said"),
    ],
)  # fmt: skip
def test_untrue_replies_are_found(said: str, facts: str, states: list[str], language: str, why: str) -> None:
    assert why in fault(said, facts, ["Where is it?"], states, language)


def test_what_the_shopper_wrote_may_be_said_back() -> None:
    asked = ["Will Anna in Lyon get JL10538 by the 7th?"]
    assert (
        fault("JL10538 is on its way; Anna in Lyon will know by the 7th.", ON_ITS_WAY, asked, ["On its way"], "en")
        == ""
    )
