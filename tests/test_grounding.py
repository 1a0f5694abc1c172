"""Which sentence rests on which passage, and which number on none."""

from collections.abc import Mapping, Sequence

import pytest

from kefu.citations import Sentences
from kefu.events import Source
from kefu.grounding import Grounding


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
    sources: Sequence[Source], answer: str, *asked: str, near: Mapping[str, float] | None = None
) -> tuple[list[tuple[str, tuple[int, ...]]], tuple[str, ...]]:
    """The answer's cited sentences with their sources, and its unsupported numbers."""

    async def meaning(sentence: str) -> Mapping[str, float]:
        return near or {}

    sentences, grounding = Sentences(), Grounding(sources, asked, meaning)
    spans = [span for i in range(0, len(answer), 3) for span in sentences.feed(answer[i : i + 3])]
    cited = []
    for start, end in [*spans, *sentences.end()]:
        found = await grounding.of(answer[start:end])
        if found.sources:
            cited.append((answer[start:end], found.sources))
    return cited, grounding.unsupported


async def cite(sources: Sequence[Source], answer: str, question: str = "") -> list[tuple[str, tuple[int, ...]]]:
    return (await ground(sources, answer, question))[0]


@pytest.mark.parametrize("language", RETURNS)
async def test_a_sentence_cites_the_passage_whose_number_and_words_it_shares(language: str) -> None:
    policy, answer = RETURNS[language]
    other = source(1, "Gift cards are valid for 24 months.", heading="Gift cards")
    assert await cite([other, source(2, policy, language)], answer) == [(answer, (2,))]


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


async def test_sentence_near_in_meaning_cites_across_languages() -> None:
    sources = [source(1, RETURNS["zh"][0], "zh"), source(2, "Gift cards are valid for 24 months.")]
    near = {"zh/returns#1": 0.62, "en/returns#2": 0.2}
    answer = "Bring unworn clothes back within 30 days."
    assert (await ground(sources, answer, near=near)) == ([(answer, (1,))], ())


async def test_meaning_alone_does_not_carry_a_number_that_the_passage_lacks() -> None:
    sources = [source(1, RETURNS["zh"][0], "zh")]
    answer = "Bring unworn clothes back within 60 days."
    assert (await ground(sources, answer, near={"zh/returns#1": 0.7})) == ([], ("60",))
