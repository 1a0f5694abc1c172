"""The embeddings client against a real OpenAI-compatible server: llama.cpp, embedding with the embedded chat model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kefu.config import Settings
from kefu.desk import open_index
from kefu.model_process import Config, ModelProcess
from rag.centring import Centring
from rag.embedder import POLICIES, PRODUCTS, OpenAIEmbeddings, Vectors
from rag.errors import EmbeddingError

pytestmark = pytest.mark.model

KEY = "sk-of-the-contract"
WINDOW = 256  # tokens of one text
MODEL = "Qwen3-Embedding by name only"  # llama.cpp answers to any name; this one has queries instructed
TEXTS = ["returns", "七天内可以退货", "giao hàng", "คืนเงิน", "size", "a red dress", "cotton"]

# kefu.local_server's own child, told to embed
CHILD = """
import kefu.local_server as server
from xllamacpp import llama_pooling_type

def parameters(config, chat=server._parameters):
    params = chat(config)
    params.embedding, params.pooling_type = True, llama_pooling_type.LLAMA_POOLING_TYPE_LAST
    return params

server._parameters = parameters
server.main()
"""


@pytest.fixture(scope="module")
def url(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's base, ending in /v1."""
    config = Config(model_file, slots=4, slot_tokens=WINDOW)
    log = tmp_path_factory.mktemp("embeddings") / "server.log"
    with asyncio.Runner() as runner:
        process = runner.run(ModelProcess.start((sys.executable, "-c", CHILD), config, KEY, log))
        yield process.url
        runner.run(process.end())


@pytest.fixture(scope="module")
def embedder(url: str) -> OpenAIEmbeddings:
    return OpenAIEmbeddings(url, MODEL, KEY)


@pytest.fixture(scope="module")
def alone(embedder: OpenAIEmbeddings) -> Vectors:
    """Each text's vector, asked for by itself."""
    return np.concatenate([embedder.passages([text]) for text in TEXTS])


def same(some: Vectors, others: Vectors) -> bool:
    """Whether row for row these are vectors of the same texts: a server's sums differ a little with what it works on
    at the same time."""
    return some.shape == others.shape and bool((np.sum(some * others, axis=1) > 0.995).all())


def test_vectors_have_length_1_and_the_models_own_dimension(embedder: OpenAIEmbeddings, alone: Vectors) -> None:
    assert embedder.dimension == 1536
    assert alone.shape == (len(TEXTS), 1536) and alone.dtype == np.float32
    assert np.allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)
    assert embedder.passages([]).shape == (0, 1536)
    assert not (alone @ alone.T > 0.99)[~np.eye(len(TEXTS), dtype=bool)].any()  # different texts are told apart


def test_order_is_kept_across_batches_and_threads(url: str, alone: Vectors) -> None:
    assert same(OpenAIEmbeddings(url, MODEL, KEY, batch=2, concurrency=3).passages(TEXTS), alone)
    one = OpenAIEmbeddings(url, MODEL, KEY)
    with ThreadPoolExecutor(4) as pool:
        assert same(np.concatenate(list(pool.map(lambda text: one.passages([text]), TEXTS))), alone)


def test_instruction_reaches_the_server_before_a_query_and_not_before_a_passage(embedder: OpenAIEmbeddings) -> None:
    asked, literal, bare = (
        embedder.queries(["size"]),
        embedder.passages([f"Instruct: {POLICIES}\nQuery:size"]),
        embedder.passages(["size"]),
    )
    assert same(asked, literal) and not same(asked, bare)
    wished = embedder.for_task(PRODUCTS).queries(["size"])
    assert same(wished, embedder.passages([f"Instruct: {PRODUCTS}\nQuery:size"])) and not same(wished, asked)


def test_server_that_ignores_dimensions_has_its_vectors_cut(url: str, alone: Vectors) -> None:
    embedder = OpenAIEmbeddings(url, MODEL, KEY, dimensions=256)
    cut, whole = embedder.passages(TEXTS), alone[:, :256]
    assert cut.shape == (len(TEXTS), embedder.dimension) and np.allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-5)
    assert same(cut, whole / np.linalg.norm(whole, axis=1, keepdims=True))


@pytest.mark.parametrize("text", ["", " ", "\0", "a\0b", "\ud800", "👍🏽", "\u0e49"])
def test_any_text_can_be_embedded(embedder: OpenAIEmbeddings, text: str) -> None:
    assert np.isfinite(embedder.passages([text, "b"])).all()


def test_wrong_key_and_wrong_path_are_errors(url: str) -> None:
    with pytest.raises(EmbeddingError, match="401: the API key is missing or wrong"):
        OpenAIEmbeddings(url, MODEL, "sk-another").passages(["x"])
    with pytest.raises(EmbeddingError, match="HTTP 404"):
        OpenAIEmbeddings(f"{url}/nothing", MODEL, KEY).passages(["x"])


def test_text_that_is_too_long_is_an_error_that_says_so(embedder: OpenAIEmbeddings) -> None:
    with pytest.raises(EmbeddingError, match=rf"too long, the longest has 2000 characters .*{WINDOW} tokens"):
        embedder.passages(["x", "word " * 800])


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_policies_are_indexed_and_found_with_it(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language, sentences in (("en", "It rains.\nThe bus is late."), ("zh", "下雨了。\n车晚点了。")):
        write(tmp_path / "generic" / f"{language}.txt", sentences)
    monkeypatch.setattr("rag.index.Centring", partial(Centring, generic=tmp_path / "generic"))  # all: minutes on a CPU
    for file, title, heading, text in (
        ("en/returns", "Returns", "How long may I return it?", "You can return it within 30 days."),
        ("en/shipping", "Shipping", "What does shipping cost?", "It is free from 40 euros."),
        ("zh/returns", "退货", "几天内可以退货？", "三十天内可以退货。"),
    ):
        write(tmp_path / "policies" / f"{file}.md", f"---\ntitle: {title}\n---\n\n## {heading}\n\n{text}\n")
    settings = Settings(
        home=tmp_path / "home",
        policies=tmp_path / "policies",
        embedding_url=url,
        embedding_model=MODEL,
        embedding_api_key=KEY,
        embedding_dimensions=512,
        embedding_batch=2,
    )
    index, report = open_index(settings)
    try:
        assert report and len(report.added) == 3 and not report.problems
        assert index.embedder.id == f"{MODEL}+instruct@512" and index.embedder.dimension == 512
        found = index.search("how long may I return it", language="en")
        assert found[0].passage.id.startswith("en/returns")
    finally:
        index.close()
