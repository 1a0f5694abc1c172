"""Which sentence rests on which passage, and which number on none."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
import yaml

from kefu.citations import Sentences
from kefu.config import ROOT
from kefu.events import Source
from kefu.grounding import Amount, Grounding, amounts
from rag.passages import read_policies
from rag.tokens import numbers


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


async def ground(
    sources: Sequence[Source], answer: str, *asked: str, near: Mapping[str, float] | None = None, language: str = "en"
) -> tuple[list[tuple[str, tuple[int, ...]]], tuple[str, ...]]:
    """The answer's cited sentences with their sources, and its unsupported numbers."""

    async def meaning(sentence: str) -> Mapping[str, float]:
        return near or {}

    sentences, grounding = Sentences(), Grounding(sources, asked, meaning, language)
    spans = [span for i in range(0, len(answer), 3) for span in sentences.feed(answer[i : i + 3])]
    cited, unsupported = [], []
    for start, end in [*spans, *sentences.end()]:
        found = await grounding.of(answer[start:end])
        unsupported += found.unsupported
        if found.sources:
            cited.append((answer[start:end], found.sources))
    assert set(grounding.invented) <= set(unsupported)
    return cited, tuple(unsupported)


async def cite(
    sources: Sequence[Source], answer: str, question: str = "", language: str = "en"
) -> list[tuple[str, tuple[int, ...]]]:
    return (await ground(sources, answer, question, language=language))[0]


@pytest.mark.parametrize("language", RETURNS)
async def test_a_sentence_cites_the_passage_whose_number_and_words_it_shares(language: str) -> None:
    policy, answer = RETURNS[language]
    other = source(1, "Gift cards are valid for 24 months.", heading="Gift cards")
    assert await cite([other, source(2, policy, language)], answer, language=language) == [(answer, (2,))]


async def test_small_talk_cites_nothing() -> None:
    sources = [source(1, RETURNS["en"][0])]
    assert await cite(sources, "Hello! I am happy to help you today. Is there anything else?") == []


async def test_a_wrong_number_is_not_carried_by_the_passage() -> None:
    sources = [source(1, RETURNS["en"][0])]
    assert await cite(sources, "It costs 45 dollars.") == []


async def test_a_number_of_the_shoppers_own_message_is_no_evidence() -> None:
    sources = [source(1, "Orders over 99 CNY ship free.")]
    assert await cite(sources, "Your 99 plans sound great.", question="I have 99 plans") == []


async def test_a_sentence_with_numbers_of_two_passages_cites_both() -> None:
    sources = [source(1, "You can return items within 30 days."), source(2, "The return fee in Thailand is 90 THB.")]
    answer = "You can return items within 30 days, and the return fee in Thailand is 90 THB."
    assert await cite(sources, answer) == [(answer, (1, 2))]


async def test_each_sentence_is_cited_on_its_own() -> None:
    sources = [source(1, "You can return items within 30 days."), source(2, "The return fee in Thailand is 90 THB.")]
    answer = "You can return items within 30 days. The return fee is 90 THB. Thank you!"
    assert await cite(sources, answer) == [
        ("You can return items within 30 days.", (1,)),
        ("The return fee is 90 THB.", (2,)),
    ]


async def test_a_list_number_is_not_a_sentence_of_its_own() -> None:
    sources = [source(1, "Send 1 photo within 2 days.")]
    assert [text for text, _ in await cite(sources, "1. Send 1 photo within 2 days.")] == [
        "1. Send 1 photo within 2 days."
    ]


async def test_number_that_no_passage_gives_is_unsupported() -> None:
    sources = [source(1, RETURNS["en"][0])]
    answer = "You can return unused items within 30 days of delivery. The fee is 45 dollars."
    cited, unsupported = await ground(sources, answer)
    assert [text for text, _ in cited] == ["You can return unused items within 30 days of delivery."]
    assert unsupported == ("45",)


async def test_number_of_a_passage_that_is_not_cited_is_unsupported() -> None:
    sources = [source(1, "Gift cards are valid for 24 months after the purchase.", heading="Gift cards")]
    assert await ground(sources, "Parcels travel to Bangkok, Hanoi, Berlin, Lima within 24 hours.") == ([], ("24",))


async def test_numbers_of_the_shopper_and_of_lists_are_nobodys_claim() -> None:
    sources = [source(1, RETURNS["en"][0])]
    answer = "1. You asked about order 4711.\n2. Tell us more."
    assert (await ground(sources, answer, "where is 4711?"))[1] == ()


async def test_one_wrong_amount_and_the_sentence_is_nobodys() -> None:
    sources = [source(1, RETURNS["en"][0])]
    answer = "You can return unused items within 30 days of delivery, for a fee of 45 dollars."
    assert await ground(sources, answer) == ([], ("30", "45"))


@pytest.mark.parametrize(
    ("language", "policy", "wrong", "right"),
    [
        (
            "en",
            "Gift cards are valid for 24 months.",
            "Gift cards are valid for 24 days.",
            "24 months valid, gift cards.",
        ),
        ("vi", "Thẻ quà tặng có hạn dùng 24 tháng.", "礼品卡的有效期是24天。", "礼品卡的有效期是24个月。"),
        ("zh", "订单满399元减15%。", "ซื้อครบ 399 บาท ลด 15%", "ซื้อครบ 399 หยวน ลด 15%"),
    ],
)
async def test_right_number_in_the_wrong_unit_is_unsupported(
    language: str, policy: str, wrong: str, right: str
) -> None:
    sources = [source(1, policy, language)]
    near = {sources[0].id: 0.3}
    assert (await ground(sources, right, near=near)) == ([(right, (1,))], ())
    cited, unsupported = await ground(sources, wrong, near=near)
    assert cited == []
    assert unsupported


async def test_sentence_near_in_meaning_cites_across_languages() -> None:
    sources = [source(1, RETURNS["zh"][0], "zh"), source(2, "Gift cards are valid for 24 months.")]
    near = {"zh/returns#1": 0.62, "en/returns#2": 0.2}
    answer = "Bring unworn clothes back within 30 days."
    assert (await ground(sources, answer, near=near)) == ([(answer, (1,))], ())


async def test_meaning_alone_does_not_carry_a_number_that_the_passage_lacks() -> None:
    sources = [source(1, RETURNS["zh"][0], "zh")]
    answer = "Bring unworn clothes back within 60 days."
    assert (await ground(sources, answer, near={"zh/returns#1": 0.7})) == ([], ("60",))


async def test_without_an_amount_the_passage_must_be_nearer_than_every_other() -> None:
    sources = [source(1, RETURNS["zh"][0], "zh"), source(2, "礼品卡不能兑换现金。", "zh")]
    answer = "Bring unworn clothes back to us."
    assert await ground(sources, answer, near={"zh/returns#1": 0.42, "zh/returns#2": 0.2}) == ([(answer, (1,))], ())
    assert await ground(sources, answer, near={"zh/returns#1": 0.42, "zh/returns#2": 0.38}) == ([], ())
    assert await ground(sources[:1], answer, near={"zh/returns#1": 0.42}) == ([], ())


async def test_meaning_is_not_asked_where_the_words_can_be_compared() -> None:
    sources = [source(1, RETURNS["en"][0]), source(2, "Gift cards are valid for 24 months.")]
    near = {"en/returns#1": 0.9, "en/returns#2": 0.1}
    assert await ground(sources, "Worn clothes are welcome back as well.", near=near) == ([], ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3–4 ngày, phí 90.000 ₫", [("3", "day"), ("4", "day"), ("90000", "VND")]),
        ("5 to 10 business days", [("5", "day"), ("10", "day")]),
        ("分3个月或6个月，利息0%", [("3", "month"), ("6", "month"), ("0", "share")]),
        ("ภายใน 24 ชั่วโมง ๑๒ ดอลลาร์สหรัฐ", [("24", "hour"), ("12", "USD")]),
        ("$12, 60.000đ, 16:00, 3 ảnh", [("12", "USD"), ("60000", "VND"), ("16", ""), ("00", ""), ("3", "")]),
    ],
)
def test_amounts_know_what_they_measure_in_every_language(text: str, found: list[tuple[str, str]]) -> None:
    assert amounts(text) == [Amount(number, kind) for number, kind in found]


def test_labelled_sentences_are_single_and_name_passages_that_were_offered() -> None:
    labelled = yaml.safe_load((ROOT / "evals" / "attribution.yaml").read_text(encoding="utf-8"))
    known = {passage.id for passage in read_policies(ROOT / "policies")[0]}
    for row in labelled:
        sentences, sources = Sentences(), set(row["sources"])
        cut = [*sentences.feed(row["sentence"]), *sentences.end()]
        assert cut == [(0, len(row["sentence"]))], row
        assert sources and sources <= known, row
        assert {*row["rests_on"], *row["twists"]} <= sources and not {*row["rests_on"]} & {*row["twists"]}, row
        assert row["states"] == "rule" or not row["rests_on"] + row["twists"], row
        assert set(row["unsupported"]) <= set(numbers(row["sentence"])), row
    assert min(Counter(row["language"] for row in labelled).values()) >= 100
    assert sum(row["by"] == "hand" for row in labelled) <= len(labelled) / 3


async def test_only_a_number_that_no_source_gives_is_invented() -> None:
    async def meaning(sentence: str) -> Mapping[str, float]:
        return {}

    grounding = Grounding([source(1, RETURNS["en"][0])], [], meaning, "en")
    bare = await grounding.of("Parcels, boxes, bags, tapes, labels, strings: 30 days.")
    assert (bare.sources, bare.unsupported, grounding.invented) == ((), ("30",), ())
    await grounding.of("That makes 45 days.")
    assert grounding.invented == ("45",)
