"""Which sentence rests on which passage, and markers that never reach the screen."""

import pytest

from kefu.citations import Attribution, MarkerFilter
from kefu.events import Source
from rag.tokens import numbers, terms


def source(number: int, text: str, language: str = "en", heading: str = "Time limit") -> Source:
    return Source(
        number=number, id=f"{language}/returns#{number}", title="Returns", heading=heading, language=language,
        text=text, score=0.5,
    )  # fmt: skip


RETURNS = {
    "en": ("You can return unused items within 30 days of delivery.", "You have 30 days from delivery to return it."),
    "zh": ("自签收之日起30天内可申请退货，商品须未使用。", "您可以在签收后30天内申请退货。"),
    "vi": ("Bạn có 30 ngày kể từ ngày nhận hàng để trả hàng.", "Bạn được trả hàng trong 30 ngày kể từ ngày nhận."),
    "th": ("คุณขอคืนสินค้าได้ภายใน 30 วันนับจากวันที่ได้รับสินค้า", "คืนสินค้าได้ภายใน 30 วันหลังได้รับสินค้าค่ะ"),
}


def cite(sources: list[Source], answer: str, question: str = "") -> list[tuple[str, tuple[int, ...]]]:
    attribution = Attribution(sources, question)
    found = [c for i in range(0, len(answer), 3) for c in attribution.feed(answer[i : i + 3])]
    found += attribution.end()
    return [(answer[c.start : c.end], c.sources) for c in found]


@pytest.mark.parametrize("language", RETURNS)
def test_a_sentence_cites_the_passage_whose_number_and_words_it_shares(language: str) -> None:
    policy, answer = RETURNS[language]
    other = source(1, "Gift cards are valid for 24 months.", heading="Gift cards")
    assert cite([other, source(2, policy, language)], answer) == [(answer, (2,))]


def test_small_talk_cites_nothing() -> None:
    sources = [source(1, RETURNS["en"][0])]
    assert cite(sources, "Hello! I am happy to help you today. Is there anything else?") == []


def test_a_wrong_number_is_not_carried_by_the_passage() -> None:
    sources = [source(1, RETURNS["en"][0])]
    assert cite(sources, "It costs 45 dollars.") == []


def test_a_number_of_the_shoppers_own_message_is_no_evidence() -> None:
    sources = [source(1, "Orders over 99 CNY ship free.")]
    assert cite(sources, "Your 99 plans sound great.", question="I have 99 plans") == []


def test_a_sentence_with_numbers_of_two_passages_cites_both() -> None:
    sources = [source(1, "You can return items within 30 days."), source(2, "The return fee in Thailand is 90 THB.")]
    answer = "You can return items within 30 days, and the return fee in Thailand is 90 THB."
    assert cite(sources, answer) == [(answer, (1, 2))]


def test_each_sentence_is_cited_on_its_own() -> None:
    sources = [source(1, "You can return items within 30 days."), source(2, "The return fee in Thailand is 90 THB.")]
    answer = "You can return items within 30 days. The return fee is 90 THB. Thank you!"
    assert cite(sources, answer) == [
        ("You can return items within 30 days.", (1,)),
        ("The return fee is 90 THB.", (2,)),
    ]


def test_a_list_number_is_not_a_sentence_of_its_own() -> None:
    sources = [source(1, "Send 1 photo within 2 days.")]
    assert [text for text, _ in cite(sources, "1. Send 1 photo within 2 days.")] == ["1. Send 1 photo within 2 days."]


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
