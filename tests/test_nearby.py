"""Sections for one country each: the shopper's own is read, the others are not."""

from __future__ import annotations

import pytest

from kefu.config import ROOT
from kefu.nearby import country_named, names_place, nearby
from rag.index import Found
from rag.passages import Passage, read_policies

PASSAGES: dict[str, Passage] = {}


@pytest.fixture(scope="module", autouse=True)
def passages() -> None:
    PASSAGES.update({passage.id: passage for passage in read_policies(ROOT / "policies")[0]})


def found(*hits: tuple[str, float]) -> list[Found]:
    return [Found(PASSAGES[id], score) for id, score in hits]


def ids(hits: list[Found]) -> list[tuple[str, float]]:
    return [(hit.passage.id, hit.score) for hit in hits]


@pytest.mark.parametrize("language", ["zh", "en", "vi", "th"])
@pytest.mark.parametrize(("country", "section"), [("CN", 1), ("VN", 2), ("TH", 3), ("US", 4), ("MY", 4)])
def test_of_sections_for_a_country_each_the_shoppers_own_stays(language: str, country: str, section: int) -> None:
    delivery = [(f"{language}/shipping#{n}", 0.5 - n / 100) for n in (4, 3, 1, 2)]
    kept = ids(nearby(found((f"{language}/returns#4", 0.47), *sorted(delivery, key=lambda d: -d[1])), country))
    assert kept == [(f"{language}/shipping#{section}", 0.49), (f"{language}/returns#4", 0.47)]


def test_sections_that_say_different_things_stay() -> None:
    for language in ("zh", "en", "vi", "th"):
        pays = found((f"{language}/payment#2", 0.5), (f"{language}/payment#3", 0.4), (f"{language}/customs#2", 0.3))
        assert ids(nearby(pays, "TH")) == ids(pays), "cash on delivery is in Vietnam only, PromptPay in Thailand"


def test_what_has_no_counterpart_stays() -> None:
    alone = found(("vi/shipping#3", 0.5), ("vi/returns#1", 0.4))
    assert ids(nearby(alone, "VN")) == ids(alone)
    assert nearby([], "VN") == []


@pytest.mark.parametrize(
    "text",
    ["phí ship về Hà Nội", "Gửi qua Nhật cho con gái", "ส่งให้เพื่อนที่เซี่ยงไฮ้ค่ะ", "寄到日本多少钱", "how much to Germany?",
     "ค่าส่งไปลาว", "ship to the united states"],
)  # fmt: skip
def test_a_place_that_is_named_is_heard(text: str) -> None:
    assert names_place(text)


@pytest.mark.parametrize(
    ("text", "language", "country"),
    [
        ("我在马来西亚，运费多少", "zh", "MY"), ("ship đi Nhật Bản bao nhiêu", "vi", "JP"), ("ค่าส่งไปลาว", "th", "LA"),
        ("how much to Germany?", "en", "DE"), ("Germany or France?", "en", ""), ("how much?", "en", ""),
    ],
)  # fmt: skip
def test_a_country_that_is_named_is_the_one_that_counts(text: str, language: str, country: str) -> None:
    assert country_named(text, language) == country


@pytest.mark.parametrize(
    "text", ["phí ship bao nhiêu", "ค่าส่งเท่าไหร่", "运费多少", "how much is shipping?", "đi nhanh mất mấy ngày"]
)
def test_a_question_without_a_place_names_none(text: str) -> None:
    assert not names_place(text)
