"""What a shopper wants to spend, read from their words in four languages; and the numbers that are no price."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import yaml

from kefu.config import ROOT
from kefu.wants.budgets import Budget, budget
from kefu.wants.numerals import numbers_in, value
from rag.tokens import strip_marks

CURRENCIES = {"CN": "CNY", "VN": "VND", "TH": "THB", "all": "USD"}
LEAST_RIGHT = 0.95  # of each half of the phrases; the even half was held out while the reader was written


@cache
def phrases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "evals" / "budgets.yaml").read_text(encoding="utf-8"))
    return found


def is_right(phrase: dict[str, Any]) -> bool:
    return plain(budget(phrase["text"], CURRENCIES[phrase["market"]])) == (
        phrase["min"], phrase["max"], phrase["currency"],
    )  # fmt: skip


def plain(found: Budget | None) -> tuple[float | None, float | None, str | None]:
    """Both bounds in major units, and their currency."""
    if found is None:
        return None, None, None
    low, high = (float(bound.major) if bound else None for bound in (found.lowest, found.highest))
    bound = found.lowest or found.highest
    return low, high, bound.currency if bound else None


def test_the_phrases_are_many_in_every_language_and_half_of_them_held_out() -> None:
    for language in ("zh", "en", "vi", "th"):
        ids = [int(phrase["id"].rpartition("-")[2]) for phrase in phrases() if phrase["language"] == language]
        assert len(ids) >= 25 and abs(sum(id % 2 for id in ids) - len(ids) / 2) <= 1


@pytest.mark.parametrize("half", [1, 0], ids=["looked at", "held out"])
def test_the_phrases_are_read_right(half: int) -> None:
    chosen = [phrase for phrase in phrases() if int(phrase["id"].rpartition("-")[2]) % 2 == half]
    wrong = [phrase["text"] for phrase in chosen if not is_right(phrase)]
    assert 1 - len(wrong) / len(chosen) >= LEAST_RIGHT, wrong


@pytest.mark.parametrize("language", ["zh", "en", "vi", "th"])
def test_no_language_is_left_behind(language: str) -> None:
    chosen = [phrase for phrase in phrases() if phrase["language"] == language]
    wrong = [phrase["text"] for phrase in chosen if not is_right(phrase)]
    assert len(wrong) <= 0.1 * len(chosen), wrong


@pytest.mark.parametrize(
    ("text", "currency", "low", "high"),
    [
        ("300左右的丝巾", "CNY", 240, 360),
        ("điện thoại pin trâu dưới 5 triệu", "VND", None, 5_000_000),
        ("ไม่เกินพันบาท", "THB", None, 1_000),
        ("khăn cỡ 300k", "VND", 240_000, 360_000),
        ("a dress for $40 to $60", "USD", 40, 60),
        ("under 1,500 yuan", "CNY", None, 1_500),
        ("tầm 2tr5", "VND", 2_000_000, 3_000_000),
        ("dưới 500k", "VND", None, 500_000),
        ("dưới 500", "VND", None, 500_000),  # nothing costs 500 đồng
        ("từ 3-5tr", "VND", 3_000_000, 5_000_000),
        ("từ 300k đến 500k", "VND", 300_000, 500_000),
        ("5 trăm nghìn trở xuống", "VND", None, 500_000),
        ("两三百的围巾", "CNY", 200, 300),
        ("三百到五百的皮带", "CNY", 300, 500),
        ("from two hundred to three hundred dollars", "USD", 200, 300),
        ("งบสามร้อยถึงห้าร้อยบาท", "THB", 300, 500),
        ("一千二以内", "CNY", None, 1_200),
        ("1.2万以内", "CNY", None, 12_000),
        ("at least 200 dollars", "USD", 200, None),
        ("500元以上", "CNY", 500, None),
        ("trên 1 triệu", "VND", 1_000_000, None),
        ("มากกว่า 2 พัน", "THB", 2_000, None),
        ("ประมาณพันห้า", "THB", 1_200, 1_800),
        ("３００元以内", "CNY", None, 300),
        ("under ฿500", "THB", None, 500),
    ],
)
def test_a_price_has_the_bounds_that_its_words_give_it(
    text: str, currency: str, low: float | None, high: float | None
) -> None:
    assert plain(budget(text, currency)) == (low, high, currency)


@pytest.mark.parametrize(
    ("text", "own", "said"),
    [
        ("under 50 dollars", "CNY", "USD"),
        ("50美金以内", "CNY", "USD"),
        ("500泰铢以内", "CNY", "THB"),
        ("dưới 100 đô", "VND", "USD"),
        ("ไม่เกิน 300 หยวน", "THB", "CNY"),
        ("below ₫500,000", "USD", "VND"),
    ],
)
def test_a_currency_that_is_said_counts_whatever_the_market_pays_in(text: str, own: str, said: str) -> None:
    found = budget(text, own)
    assert found and {bound.currency for bound in (found.lowest, found.highest) if bound} == {said}


@pytest.mark.parametrize("currency", CURRENCIES.values())
@pytest.mark.parametrize(
    "text",
    [
        "where is JL10003", "my order #JL-10 003, the 2 shirts", "ＪＬ１０００３ 到哪了", "đơn JL20001 của mình đâu",
        "size 42 shoes", "鞋子42码有吗", "giày size 39", "giày cỡ 40", "รองเท้าเบอร์ 38", "a dress in M or L", "s码和m码",
        "I need it by 12 November", "11月11日前能到吗", "giao trước ngày 20 được không", "ส่งวันที่ 5 ได้ไหม",
        "within 30 days", "30天以内能退吗", "trong 7 ngày", "ภายใน 7 วัน", "delivered before 2026-11-21",
        "before 11/12 please", "on 1.5.2026", "call me on 090-123-4567", "我的电话 138-0013-8000",
        "a 65w charger", "65瓦充电器", "pin 5000mah", "แบต 5000 มิลลิแอมป์", "20 inch suitcase", "iPhone 15 case",
        "身高170体重60", "cao 160 nặng 50kg", "สูง 165 หนัก 50", "two scarves please", "买两条丝巾", "2 cái áo",
        "for my 3 year old", "第二款", "the second one", "5G手机",
        f"under ${'9' * 60}", "dưới 99999999999999999 triệu", "",
    ],
)  # fmt: skip
def test_a_number_that_is_no_price_bounds_nothing(text: str, currency: str) -> None:
    assert budget(text, currency) is None


def test_the_words_that_a_price_was_read_from_are_told() -> None:
    found = budget("a silk scarf under $40 please", "USD")
    assert found and found.said == "$40"


@pytest.mark.parametrize(
    ("figures", "amount"), [("1,500", 1500), ("1.500", 1500), ("1.5", 1.5), ("1,5", 1.5), ("12.345.678", 12_345_678)]
)
def test_figures_are_read_as_they_are_written_anywhere(figures: str, amount: float) -> None:
    assert value(figures) == amount


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("hai trăm nghìn", [200_000]), ("một triệu rưỡi", [1_500_000]), ("两千五", [2_500]), ("一百二十", [120]),
        ("สองพันห้า", [2_500]), ("แสนสอง", [120_000]), ("twenty five", [25]), ("one thousand two hundred", [1_200]),
        ("2.5k", [2_500]), ("1万2", [12_000]), ("12 và 30", [12, 30]), ("không có số", []),
    ],
)  # fmt: skip
def test_numbers_are_read_in_words_too(text: str, amounts: list[float]) -> None:
    assert [number.high for number in numbers_in(strip_marks(text))] == amounts
