"""Amounts of a passage in the words of the reply's language."""

import pytest

from kefu.money import in_words_of
from rag.passages import Passage
from rag.tokens import numbers


def passage(language: str, text: str) -> Passage:
    return Passage(
        id=f"{language}/returns#4", policy="returns", section=4, language=language, title="", heading="", text=text,
        region=(), effective_from=None, effective_until=None, source=f"{language}/returns.md",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "text", "language", "want"),
    [
        ("zh", "越南60,000越南盾，泰国90泰铢，之后每次12元。", "vi", "越南60.000 ₫，泰国90 baht，之后每次12 tệ。"),
        ("zh", "不超过5,000,000越南盾；150欧元", "th", "不超过5,000,000 ดอง；150 ยูโร"),
        ("zh", "运费15美元", "en", "运费15 USD"),
        ("vi", "phí 35.000 ₫, từ 799.000₫ miễn phí; 59 baht", "en", "phí 35,000 VND, từ 799,000 VND miễn phí; 59 THB"),
        ("en", "60,000 VND, 90 THB and 1.5 CNY", "zh", "60,000越南盾, 90泰铢 and 1.5元"),
        ("th", "ครั้งละ 12 หยวน หรือ 28 ดอลลาร์สหรัฐ", "vi", "ครั้งละ 12 tệ หรือ 28 USD"),
    ],
)
def test_amounts_are_written_as_the_reply_does(written: str, text: str, language: str, want: str) -> None:
    told = in_words_of(language, passage(written, text))
    assert told.text == want
    assert numbers(told.text) == numbers(text)


def test_other_numbers_and_words_stay() -> None:
    text = "Within 30 days, 100 Wh at most, 24 months; 2 dongles; 12 CNYX"
    assert in_words_of("zh", passage("en", text)).text == text


def test_passage_in_the_replys_language_stays_as_it_is_written() -> None:
    own = passage("vi", "phí 35.000đ hoặc 12 CNY")
    assert in_words_of("vi", own) is own
