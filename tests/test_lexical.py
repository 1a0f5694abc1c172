"""Shared words: what counts as a word in each script, and which of several texts a question's words point to."""

from __future__ import annotations

import pytest

from rag.lexical import BM25, lexical_terms


def best(texts: list[str], question: str) -> str:
    """The text that the question's words point to most."""
    return texts[int(BM25(texts).scores(lexical_terms(question)).argmax())]


@pytest.mark.parametrize(
    ("question", "meant", "other"),
    [
        ("how do I RETURN it", "You may return it", "You may keep it"),
        ("几天可以退货", "七天可退货", "七天可换货"),
        ("คืนสินค้ายังไง", "การคืนสินค้า", "การเปลี่ยนสี"),
        ("doi tra the nao", "Đổi trả trong 7 ngày", "Thanh toán trong 7 ngày"),
        ("ĐỔI TRẢ", "đổi trả", "thanh toán"),
        ("返品できますか", "返品について", "配送について"),
        ("size 38", "sizes 38 and 39", "sizes 40 and 41"),
        ("is the a54 here", "case for the A54", "case for the A55"),
        ("１００Wh", "power banks of 100Wh", "power banks of 200Wh"),
        ("充电宝100wh", "100Wh以下", "160Wh以下"),
    ],
)
def test_words_codes_and_grams_meet_in_every_script(question: str, meant: str, other: str) -> None:
    assert best([other, meant], question) == meant
    assert best([meant, other], question) == meant


def test_rare_word_says_more_than_a_common_one() -> None:
    texts = ["order parcel", "order courier", "order refund", "customs form"]
    assert best(texts, "order customs") == "customs form"


def test_word_in_a_short_text_says_more_than_in_a_long_one() -> None:
    short, long = "refund fee", "refund " + "and other words " * 20
    assert best([long, short], "refund") == short


def test_text_that_shares_nothing_gets_nothing() -> None:
    assert BM25(["退货", "returns", ""]).scores(lexical_terms("退货")).tolist()[1:] == [0, 0]
    assert BM25(["returns"]).scores(lexical_terms("?!… 👍")).tolist() == [0]


def test_index_over_nothing_can_be_asked() -> None:
    assert BM25([]).scores(lexical_terms("returns")).shape == (0,)
