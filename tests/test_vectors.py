"""Texts by their content: embedded once, rebuilt beside those that serve, one writer. Real Chroma throughout."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from rag.errors import IndexInUse, IndexUnavailable
from rag.store import open_chroma
from rag.vectors import TextVectors, content_id
from tests.word_vectors import WordVectors

ROOT = Path(__file__).parent.parent
TEXTS = {"en": ["red silk scarf", "blue wool coat", "white shoes"], "vi": ["vi_red vi_silk vi_scarf", "vi_blue hat"]}
Steps = list[tuple[int, int]]


@pytest.fixture
def embedder() -> WordVectors:
    return WordVectors()


@pytest.fixture
def vectors(tmp_path: Path, embedder: WordVectors) -> Iterator[TextVectors]:
    with closing(TextVectors("texts", tmp_path, embedder)) as opened:
        yield opened


def nearest(vectors: TextVectors, text: str, language: str, n: int = 1) -> list[str]:
    found = vectors.nearest(vectors.query(text, language), language, n)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    return list(found)


def collections(folder: Path) -> list[str]:
    """What the folder holds, as a process that comes later sees it."""
    with closing(open_chroma(folder, "")) as client:
        return sorted(one.name.rpartition("-")[2] for one in client.list_collections())


# Embedded once


def test_new_texts_are_embedded_and_known_ones_are_not(vectors: TextVectors, embedder: WordVectors) -> None:
    assert vectors.languages() == [] and vectors.ids("en") == set()
    assert vectors.put(TEXTS) == 5 and vectors.languages() == ["en", "vi"]
    assert vectors.ids("vi") == {content_id(text) for text in TEXTS["vi"]}
    embedder.embedded.clear()
    assert vectors.put({"en": ["red silk scarf", "green hat", "green hat"], "th": ["red silk scarf"]}) == 2
    assert sorted(embedder.embedded) == ["green hat", "red silk scarf"]  # a text of another language is another text
    assert vectors.put({"en": [], "fr": []}) == 0 and vectors.languages() == ["en", "th", "vi"]


def test_progress_counts_what_is_embedded_to_the_total(vectors: TextVectors) -> None:
    steps: Steps = []
    vectors.put(
        {"en": [f"text {n}" for n in range(70)], "vi": ["one"]}, lambda done, total: steps.append((done, total))
    )
    assert steps[0] == (0, 71) and steps[-1] == (71, 71) and steps == sorted(set(steps)) and len(steps) > 3
    steps.clear()
    vectors.put({"en": ["text 1"]}, lambda done, total: steps.append((done, total)))
    assert steps == []
    vectors.rebuild({"en": ["text 1", "text 1"]}, lambda done, total: steps.append((done, total)))
    assert steps == [(0, 1), (1, 1)]


@pytest.mark.parametrize("odd", ["", "\0", "\ud800 half a letter", "word " * 5_000])
def test_any_text_can_be_kept_and_asked_for(vectors: TextVectors, odd: str) -> None:
    vectors.put({"en": [odd]})
    assert vectors.ids("en") == {content_id(odd)} and nearest(vectors, odd, "en") == [content_id(odd)]


# Asked


def test_nearest_texts_come_first_in_any_language(vectors: TextVectors) -> None:
    vectors.put(TEXTS)
    assert nearest(vectors, "silk scarf", "en", 2)[0] == content_id("red silk scarf")
    assert nearest(vectors, "a red scarf", "vi") == [content_id("vi_red vi_silk vi_scarf")]
    assert nearest(vectors, "scarf", "th") == [] and nearest(vectors, "scarf", "en", 0) == []
    assert len(nearest(vectors, "scarf", "en", 1_000)) == 3


def test_among_many_that_are_alike_each_is_found(vectors: TextVectors) -> None:
    colours, cloths, kinds, looks = (
        "red blue jade",
        "silk wool linen cotton",
        "scarf coat dress",
        "plain dotted striped",
    )
    some = list(product(*map(str.split, (colours, cloths, kinds, looks))))
    texts = [" ".join(words) for words in some] + [f"{' '.join(words)} {words[0]}" for words in some]
    vectors.put({"en": texts})
    assert [text for text in texts if content_id(text) not in nearest(vectors, text, "en", 5)] == []


def test_vectors_are_those_of_the_texts_that_are_there(vectors: TextVectors) -> None:
    vectors.put(TEXTS)
    ids = [content_id(text) for text in ("red silk scarf", "no such text", "white shoes")]
    found = vectors.vectors("en", [*ids, *(str(n) for n in range(6_000))])  # more than Chroma takes at once
    assert sorted(found) == sorted([ids[0], ids[2]])
    cosine = float(found[ids[0]] @ vectors.query("red silk scarf", "en"))
    assert cosine == pytest.approx(vectors.nearest(vectors.query("red silk scarf", "en"), "en", 1)[ids[0]], abs=1e-4)
    assert vectors.vectors("fr", ids) == {}


def test_removed_texts_are_not_found_and_an_empty_language_is_none(vectors: TextVectors) -> None:
    vectors.put(TEXTS)
    vectors.remove("en", [content_id("red silk scarf"), "unknown"])
    assert vectors.ids("en") == {content_id("blue wool coat"), content_id("white shoes")}
    vectors.remove("vi", [content_id(text) for text in TEXTS["vi"]])
    assert vectors.languages() == ["en"] and nearest(vectors, "red", "vi") == []
    vectors.remove("vi", ["unknown"])
    assert vectors.put({"vi": ["vi_red"]}) == 1 and vectors.languages() == ["en", "vi"]


# Rebuilt


def test_searches_go_on_while_all_is_rebuilt(vectors: TextVectors) -> None:
    vectors.put(TEXTS)
    ids = [content_id(text) for text in TEXTS["en"]]
    empty: list[str] = []
    failures: list[BaseException] = []
    done = threading.Event()
    asked = threading.Semaphore(0)

    def ask() -> None:
        try:
            while not done.is_set():
                if nearest(vectors, "red silk scarf", "en") != ids[:1]:
                    empty.append("nearest")
                if vectors.ids("en") != set(ids) or set(vectors.vectors("en", ids)) != set(ids):
                    empty.append("ids")
                asked.release()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        vectors.rebuild(TEXTS)
        for _ in threads:
            assert asked.acquire(timeout=60)
    done.set()
    for thread in threads:
        thread.join()
    assert (failures, empty) == ([], [])


def test_rebuild_embeds_all_anew_and_leaves_only_that(
    tmp_path: Path, vectors: TextVectors, embedder: WordVectors
) -> None:
    vectors.put(TEXTS)
    embedder.embedded.clear()
    vectors.rebuild({"en": TEXTS["en"][:2]})
    assert embedder.embedded == TEXTS["en"][:2] and vectors.languages() == ["en"]
    vectors.close()
    assert collections(tmp_path) == ["en"]


def test_rebuild_that_fails_or_is_killed_leaves_what_served(tmp_path: Path, embedder: WordVectors) -> None:
    with closing(TextVectors("texts", tmp_path, embedder)) as vectors:
        vectors.put(TEXTS)
        embedder.fails = True
        with pytest.raises(RuntimeError, match="no embeddings today"):
            vectors.rebuild(TEXTS)
        assert nearest(vectors, "red silk scarf", "en") == [content_id("red silk scarf")]
    code = f"""
import os, signal
from pathlib import Path
from rag.vectors import TextVectors
from tests.word_vectors import WordVectors
def die(done, total):
    if done: os.kill(os.getpid(), signal.SIGKILL)
vectors = TextVectors("texts", Path({str(tmp_path)!r}), WordVectors())
vectors.workers = 1
vectors.rebuild({{"en": ["a b"], "vi": ["c d"]}}, die)
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert collections(tmp_path) == ["en", "en", "vi"]  # a half of it beside those that serve
    with closing(TextVectors("texts", tmp_path, embedder)) as vectors:
        assert nearest(vectors, "red silk scarf", "en") == [content_id("red silk scarf")]
        vectors.forget_others()
    assert collections(tmp_path) == ["en", "vi"]


@pytest.mark.parametrize("other", [WordVectors("other"), WordVectors("wide", 1536)], ids=["model", "dimension"])
def test_another_embedders_vectors_are_never_asked_and_then_forgotten(
    tmp_path: Path, embedder: WordVectors, other: WordVectors
) -> None:
    with closing(TextVectors("texts", tmp_path, embedder)) as vectors:
        vectors.put(TEXTS)
    with closing(TextVectors("texts", tmp_path, other)) as vectors:
        assert vectors.languages() == [] and nearest(vectors, "red", "en") == []
        assert vectors.put(TEXTS) == 5 and nearest(vectors, "red scarf", "en") == [content_id("red silk scarf")]
    assert len(collections(tmp_path)) == 4
    with closing(TextVectors("texts", tmp_path, embedder)) as vectors:  # back again: nothing is lost yet
        assert vectors.put(TEXTS) == 0
        vectors.forget_others()
    assert collections(tmp_path) == ["en", "vi"]


# Who writes, and who is away


def test_a_folder_has_one_writer_and_readers_see_what_it_wrote(tmp_path: Path, vectors: TextVectors) -> None:
    vectors.put(TEXTS)
    with pytest.raises(IndexInUse):
        TextVectors("texts", tmp_path, WordVectors())
    code = f"""
from pathlib import Path
from rag.vectors import TextVectors
from tests.word_vectors import WordVectors
vectors = TextVectors("texts", Path({str(tmp_path)!r}), WordVectors(), read_only=True)
print(vectors.languages(), *vectors.nearest(vectors.query("white shoes", "en"), "en", 1))
"""
    reader = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert reader.stdout == f"['en', 'vi'] {content_id('white shoes')}\n"
    vectors.close()
    vectors.close()
    TextVectors("texts", tmp_path, WordVectors()).close()


def test_server_that_is_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable, match=r"127\.0\.0\.1:1"):
        TextVectors("texts", tmp_path, WordVectors(), chroma_url="http://127.0.0.1:1")


def test_broken_folder_is_said_to_be_unavailable(tmp_path: Path, vectors: TextVectors) -> None:
    vectors.put(TEXTS)
    vector = vectors.query("red", "en")
    vectors.close()
    for file in tmp_path.glob("chroma.sqlite3*"):
        file.write_bytes(b"no database" * 5_000)
    with pytest.raises(IndexUnavailable, match="Chroma in its folder"):
        TextVectors("texts", tmp_path, WordVectors()).nearest(vector, "en", 1)
