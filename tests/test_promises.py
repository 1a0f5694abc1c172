"""A reply that promises what nothing does: found in its words, withdrawn, and said otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kefu.config import ROOT
from kefu.promises import promised

EMPTY = [
    ("I've cancelled your order.", "change"),
    ("Sure! I’ll change the address right away.", "change"),
    ("I am going to refund you today.", "change"),
    ("Sorry, I don't know. I'll ask a colleague.", "colleague"),
    ("好的，我会将订单改到公司地址。", "change"),
    ("已为您取消订单。", "change"),
    ("我会帮您转给同事。", "colleague"),
    ("Mình đã hủy đơn giúp bạn rồi nhé.", "change"),
    ("Mình đã huỷ đơn rồi.", "change"),
    ("Tôi không biết và tôi sẽ hỏi một đồng nghiệp.", "colleague"),
    ("ได้ยกเลิกคำสั่งซื้อให้คุณเรียบร้อยแล้วค่ะ", "change"),
    ("ผมจะเปลี่ยนที่อยู่ให้ครับ", "change"),
    ("ดิฉันจะสอบถามเจ้าหน้าที่ให้ค่ะ", "colleague"),
]
TRUE = [
    "We refund you within 24 hours after we have received the parcel.",
    "I do not know, but a colleague can help. Shall I pass it on?",
    "I will gladly explain: you can return it within 30 days.",
    "我们会在24小时内退款。",
    "我会告诉您怎么取消订单：在“我的订单”里点取消。",
    "如果我已下单，还能改地址吗？可以，发货前都能改。",
    "Chúng tôi sẽ hoàn tiền trong 24 giờ.",
    "Bên mình sẽ gửi hàng trong 2 ngày.",
    "ร้านจะคืนเงินภายใน 3 วันทำการค่ะ",
    "เราจะตรวจสอบให้ภายใน 7 วันทำการ",
]


@pytest.mark.parametrize(("text", "kind"), EMPTY)
def test_an_empty_promise_is_found(text: str, kind: str) -> None:
    found = promised(text)
    assert found and found[0] == kind and found[1] in text


@pytest.mark.parametrize("text", TRUE)
def test_what_the_shop_does_is_no_promise_of_the_models(text: str) -> None:
    assert promised(text) is None


def test_no_policy_and_no_correct_reply_is_an_empty_promise() -> None:
    policies = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "policies").glob("*/*.md"))]
    replies = (Path(__file__).parent / "correct_replies.yaml").read_text(encoding="utf-8")
    lines = [line for text in policies for line in text.splitlines()] + [str(yaml.safe_load(replies))]
    assert len(lines) > 1000 and [line for line in lines if promised(line)] == []
