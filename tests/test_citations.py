"""Markers that never reach the screen, sentences, numbers and terms."""

import pytest

from kefu.citations import MarkerFilter, Sentences
from rag.tokens import numbers, terms


def test_sentences_end_the_same_however_the_stream_is_cut() -> None:
    text = "可以退货。 运费12元！Giao trong 1.5 ngày. Thế nhé\nส่งฟรีค่ะ ยินดีค่ะ"
    want = ["可以退货。", "运费12元！", "Giao trong 1.5 ngày.", "Thế nhé", "ส่งฟรีค่ะ", "ยินดีค่ะ"]
    for size in (1, 2, 5, 100):
        sentences = Sentences()
        spans = [span for i in range(0, len(text), size) for span in sentences.feed(text[i : i + size])]
        assert [text[start:end] for start, end in [*spans, *sentences.end()]] == want


@pytest.mark.parametrize(
    "text",
    [
        "ลด 15% ตั้งแต่ 0:00 น. วันที่ 11/11 ถึง 23:59 น. วันที่ 14/11",
        "เท้ายาว 26 ซม. ใส่ EU 42.",
        "Send it to TP. HCM or write, e.g. by e-mail.",
    ],
)
def test_abbreviation_is_no_end_of_a_sentence(text: str) -> None:
    sentences = Sentences()
    assert [*sentences.feed(text), *sentences.end()] == [(0, len(text))]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_markers_are_taken_out_however_the_stream_is_cut(size: int) -> None:
    text = "Return it in 30 days [1]. Costs 90 THB[2, 3]。 【4】 See [the page] and a[12345] [^1]!"
    markers = MarkerFilter()
    shown = "".join(markers.feed(text[i : i + size]) for i in range(0, len(text), size)) + markers.end()
    assert shown == "Return it in 30 days. Costs 90 THB。 See [the page] and a[12345]!"


def test_text_after_the_last_word_is_not_held_back_for_ever() -> None:
    markers = MarkerFilter()
    assert markers.feed("ok [") + markers.end() == "ok ["


def test_numbers_are_the_same_in_every_spelling() -> None:
    assert numbers("60.000 ₫") == numbers("60,000 VND") == numbers("６０，０００") == ["60000"]
    assert numbers("๓๐ วัน") == ["30"]
    assert numbers("1,5 kg, 2–3") == ["1.5", "2", "3"]


def test_terms_meet_across_tones_and_widths() -> None:
    assert terms("Đổi trả HÀNG") == terms("doi tra hang")
    assert terms("退货期限") == ["退货", "货期", "期限"]
    assert terms("คืนสินค้า")[:2] == ["คืน", "ืนส"]
