"""The model client: what comes in over the wire, limits, retries, aborts, and what an error may say."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kefu.completion import Completion
from kefu.events import ModelCut, ModelError, ModelRefused, ModelUnavailable
from kefu.llm import LLM, Endpoint, Finished, ModelInfo, Piece, ReasoningDelta, TextDelta, ToolCall, Usage
from kefu.sse import EventParser
from tests.scripted import DONE, MODEL, Drop, Reply, ScriptedModel, chunk, event, fail, raw, say, usage

STREAMS = Path(__file__).parent / "streams"
ASK = [{"role": "user", "content": "Return?"}]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
KEY = "sk-very-secret-123"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries and leftovers after an answer are waited for, but not as long as with real servers."""
    monkeypatch.setattr("kefu.llm._BACKOFF_S", 0.01)
    monkeypatch.setattr("kefu.llm._TAIL_S", 0.2)


@asynccontextmanager
async def llm_at(url: str, *, key: str = "", model: str = MODEL, **limits: Any) -> AsyncIterator[LLM]:
    async def endpoint() -> Endpoint:
        return Endpoint(url, key, model)

    llm = LLM(endpoint, **{"connect_s": 5, "first_token_s": 20, "idle_s": 20, "total_s": 60, **limits})
    try:
        yield llm
    finally:
        await llm.close()


@asynccontextmanager
async def bare_server(serve: Serve) -> AsyncIterator[str]:
    """A server that speaks no HTTP by itself; left once every connection is closed. Gives host:port."""
    tasks: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.extend(filter(None, [asyncio.current_task()]))
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # the client left
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def collect(llm: LLM, into: list[Piece] | None = None, **options: Any) -> list[Piece]:
    pieces: list[Piece] = [] if into is None else into
    async with aclosing(llm.stream(ASK, **{"max_tokens": 50, **options})) as stream:
        async for piece in stream:
            pieces.append(piece)
    return pieces


def text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))


def last(pieces: Sequence[Piece]) -> Finished:
    assert [type(piece) for piece in pieces].count(Finished) == 1
    finished = pieces[-1]
    assert isinstance(finished, Finished)
    return finished


def recorded(name: str) -> Reply:
    kinds = {".sse": "text/event-stream", ".json": "application/json; charset=utf-8", ".html": "text/html"}
    return raw((STREAMS / name).read_bytes(), content_type=kinds[Path(name).suffix])


# --- Streams as servers send them -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said", "thought", "reason", "counts"),
    [
        ("llamacpp-chat.sse", "Trả hàng trong 30 ngày.", "", "stop", Usage(45, 10, 0)),
        ("llamacpp-length.sse", "一、二、", "", "length", Usage(34, 4, 24)),
        ("llamacpp-schema.sse", '{"order":"W2611340"}', "", "stop", Usage(42, 13, 22)),
        ("llamacpp-completion.json", "d", "", "length", Usage(27, 1, 3)),
        ("vllm-chat.sse", "คืนสินค้าได้ภายใน 30 วันค่ะ", "", "stop", Usage(412, 11, 384)),
        ("vllm-usage-each.sse", "30 days.", "", "stop", Usage(30, 3, 16)),
        ("vllm-reasoning.sse", "30 days.", "The shopper asks about returns.", "stop", Usage(40, 9, 0)),
        ("sglang-reasoning.sse", "30 days.", "Returns.", "stop", Usage()),
        (
            "vllm-think-tags.sse",
            "30 days, < 5 kg.",
            "\nThe shopper asks about returns: 3 < 5 days.\n",
            "stop",
            Usage(40, 7, 0),
        ),
        ("odd-lines.sse", "30 天内", "", "stop", Usage()),
    ],
)
async def test_every_server_style_gives_the_same_pieces(
    name: str, said: str, thought: str, reason: str, counts: Usage
) -> None:
    async with ScriptedModel(recorded(name)) as server, llm_at(server.url) as llm:
        pieces = await collect(llm)
    assert text(pieces) == said
    assert "".join(piece.text for piece in pieces if isinstance(piece, ReasoningDelta)) == thought
    assert (last(pieces).reason, last(pieces).usage) == (reason, counts)
    assert last(pieces).first_token_ms > 0


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "vllm-tools.sse",
            (
                ToolCall("chatcmpl-tool-95ec3d71e4d28ba1", "get_order", '{"order_number": "JL10411"}'),
                ToolCall("chatcmpl-tool-afd9b5980578d370", "get_return_status", '{"order_number": "JL10411"}'),
            ),
        ),
        (
            "vllm-text-and-call.sse",
            (
                ToolCall(
                    "chatcmpl-tool-a32332fa7f13f509",
                    "cancel_pending_order",
                    '{"order_number": "JL10946", "reason": "no_longer_needed"}',
                ),
            ),
        ),
        (
            "router-tools-no-index.sse",
            (ToolCall("a", "get_order", '{"order_id":"W1"}'), ToolCall("b", "get_order", '{"order_id":"W2"}')),
        ),
    ],
)
async def test_tool_call_deltas_are_folded_into_whole_calls(name: str, calls: tuple[ToolCall, ...]) -> None:
    async with ScriptedModel(recorded(name)) as server, llm_at(server.url) as llm:
        finished = last(await collect(llm))
    assert finished.tool_calls == calls
    assert finished.reason == "tool_calls"


@pytest.mark.parametrize("name", [path.name for path in sorted(STREAMS.glob("*.sse"))])
def test_events_are_the_same_wherever_the_stream_is_cut(name: str) -> None:
    for line_end in (b"\n", b"\r\n", b"\r"):
        body = (STREAMS / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", line_end)
        whole = EventParser()
        expected = whole.feed(body) + whole.end()
        assert expected
        for size in (1, 2, 3, 7, 64):
            parser = EventParser()
            cut = [data for i in range(0, len(body), size) for data in parser.feed(body[i : i + size])]
            assert cut + parser.end() == expected


def test_an_event_is_given_as_soon_as_its_last_line_end_is_there() -> None:
    body = b"data: a\r\n\r\n: ping\r\ndata: b\ndata: c\n\ndata: d\r\rdata: e\r"
    assert EventParser().feed(body) == ["a", "b\nc", "d"]


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "delta", "message", "content", "tool_calls", "function", "arguments", "index", "id",
                         "usage", "error", "code", "finish_reason", "prompt_tokens_details", "reasoning"]), inner),
    max_leaves=25,
))  # fmt: skip
def test_no_json_a_server_may_send_breaks_us(chunk: Any) -> None:
    calls = {"choices": [{"delta": {"tool_calls": chunk}}]}
    for data in (chunk, {"choices": [chunk]}, {"choices": [{"delta": chunk}]}, calls):
        completion = Completion()
        try:
            completion.add(json.dumps(data))
        except ModelError:
            continue
        assert all(isinstance(call.arguments, str) for call in completion.tool_calls)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert EventParser().feed("\ufeffdata: a\n\n".encode()) == ["a"]


async def test_usage_that_comes_late_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kefu.llm._TAIL_S", 20)
    late = asyncio.Event()

    def script(body: dict[str, Any]) -> Reply:
        asyncio.get_running_loop().call_later(0.1, late.set)
        return raw(chunk({"content": "Hello."}), chunk({}, "stop"), late, usage(9, 2, 4), DONE)

    async with ScriptedModel(script) as server, llm_at(server.url) as llm:
        assert last(await collect(llm)).usage == Usage(prompt=9, completion=2, cached=4)


async def test_text_is_fit_for_every_store_and_socket() -> None:
    reply = raw(event(r'{"choices":[{"delta":{"content":"a\u0000b\ud83d"}}]}'), chunk({}, "stop"), DONE)
    async with ScriptedModel(reply) as server, llm_at(server.url) as llm:
        assert text(await collect(llm)) == "ab?"


async def test_pieces_come_while_the_server_is_still_writing() -> None:
    gate = asyncio.Event()
    reply = raw(chunk({"content": "Hello"}), gate, chunk({"content": "."}), chunk({}, "stop"), DONE)
    async with ScriptedModel(reply) as server, llm_at(server.url) as llm:
        async with aclosing(llm.stream(ASK, max_tokens=5)) as stream:
            assert await anext(stream) == TextDelta("Hello")
            gate.set()
            assert await anext(stream) == TextDelta(".")


# --- The request ------------------------------------------------------------------------------------------------


async def test_request_carries_sampling_tools_extras_and_the_key() -> None:
    tools = [{"type": "function", "function": {"name": "get_order"}}]
    async with ScriptedModel(say("ok"), api_key=KEY) as server:
        async with llm_at(server.url.removesuffix("/v1") + "/", key=KEY + "\n") as llm:
            await collect(llm, temperature=0.5, top_p=0.9, tools=tools, extra={"seed": 7, "stream": False})
    assert server.requests == [
        {
            "model": MODEL, "messages": ASK, "max_tokens": 50, "temperature": 0.5, "top_p": 0.9, "tools": tools,
            "seed": 7, "stream": True, "stream_options": {"include_usage": True},
        }
    ]  # fmt: skip
    assert server.headers[-1]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("thinks", [True, False])
async def test_a_model_that_can_think_is_told_whether_to(thinks: bool) -> None:
    async with ScriptedModel(say("ok")) as server, llm_at(server.url, thinks=thinks) as llm:
        await collect(llm)
        await llm.takes_tools()
    for request in (*server.requests, *server.probes):
        assert request["chat_template_kwargs"] == {"enable_thinking": thinks}


async def test_a_strict_server_is_asked_again_without_the_field_that_it_does_not_know_and_never_with_it() -> None:
    def strict(body: dict[str, Any]) -> Reply:
        return fail(400, {"error": {"message": f"Unrecognized: {field}"}}) if field in body else say("ok")

    field = "chat_template_kwargs"
    async with ScriptedModel(strict, probes=strict) as server, llm_at(server.url, thinks=False) as llm:
        assert [text(await collect(llm)) for _ in range(2)] == ["ok", "ok"]
        assert await llm.takes_late_system_message()
    assert [field in request for request in server.requests] == [True, False, False]


async def test_a_refusal_for_another_reason_is_no_reason_to_leave_the_field_out() -> None:
    refusals = [fail(400, {"error": "chat_template: a user turn is missing"}), fail(400, {"error": "too long"})]
    async with ScriptedModel([*refusals, say("ok")]) as server, llm_at(server.url, thinks=False) as llm:
        with pytest.raises(ModelRefused, match="too long"):
            await collect(llm)
        await collect(llm)
    assert ["chat_template_kwargs" in request for request in server.requests] == [True, False, True]


async def test_unnamed_model_is_the_first_listed_and_asked_once() -> None:
    async with ScriptedModel(say("ok"), models=[{"id": "qwen"}, {"id": "other"}]) as server:
        async with llm_at(server.url, model="") as llm:
            await collect(llm)
            await collect(llm)
    assert [request["model"] for request in server.requests] == ["qwen", "qwen"]
    assert server.paths.count("/v1/models") == 1


async def test_unnamed_model_is_asked_again_when_the_server_no_longer_knows_it() -> None:
    async with ScriptedModel([say("ok"), fail(404, {"error": "no such model"}), say("ok")]) as server:
        async with llm_at(server.url, model="") as llm:
            await collect(llm)
            server.models["data"] = [{"id": "newer"}]
            with pytest.raises(ModelRefused):
                await collect(llm)
            await collect(llm)
    assert [request["model"] for request in server.requests] == [MODEL, MODEL, "newer"]


async def test_each_request_goes_to_where_the_model_is_now() -> None:
    async with ScriptedModel(say("first")) as first, ScriptedModel(say("second")) as second:
        urls = iter([first.url, second.url])

        async def endpoint() -> Endpoint:
            return Endpoint(next(urls))

        llm = LLM(endpoint, connect_s=5, first_token_s=20, idle_s=20, total_s=60)
        assert [text(await collect(llm)) for _ in range(2)] == ["first", "second"]
        await llm.close()


async def test_models_tell_their_window() -> None:
    models: list[dict[str, Any]] = [
        {"id": "vllm", "max_model_len": 16384},
        {"id": "llama", "meta": {"n_ctx": 8192}},
        {"id": "other"},
    ]
    async with ScriptedModel(say(""), models=models) as server, llm_at(server.url) as llm:
        assert await llm.models() == [ModelInfo("vllm", 16384), ModelInfo("llama", 8192), ModelInfo("other", None)]


@pytest.mark.parametrize("listed", [{"models": []}, ["x"], {"data": ["x"]}, {"data": [{"name": "x"}]}, "x"])
async def test_a_list_that_is_none_is_an_outage(listed: Any) -> None:
    async with ScriptedModel(say("")) as server, llm_at(server.url) as llm:
        server.models = listed
        with pytest.raises(ModelUnavailable, match="no list of models"):
            await llm.models()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with ScriptedModel(say("ok")) as server, llm_at(server.url, retries=0) as llm:
        assert text(await collect(llm)) == "ok"


# --- Ends that are no ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cut-done.sse", "cut-silent.sse", "cut-abort.sse", "error-inside.sse"])
async def test_cut_stream_keeps_its_pieces_and_is_not_retried(name: str) -> None:
    pieces: list[Piece] = []
    async with ScriptedModel([recorded(name), say("never")]) as server, llm_at(server.url) as llm:
        with pytest.raises(ModelCut):
            await collect(llm, pieces)
    assert text(pieces).startswith("You have ")
    assert len(server.requests) == 1


async def test_connection_lost_in_the_middle_is_a_cut() -> None:
    lost = raw(chunk({"content": "You"}), Drop())
    async with ScriptedModel([lost, say("never")]) as server, llm_at(server.url) as llm:
        with pytest.raises(ModelCut, match="broke the connection"):
            await collect(llm)
    assert len(server.requests) == 1


LOST = [
    recorded("cut-before.sse"),
    recorded("error-string.sse"),
    recorded("page.html"),
    raw(),
    raw(Drop()),
    raw(chunk({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "get_order"}}]}), Drop()),
    raw(b'{"detail": "not a completion"}', content_type="application/json"),
    raw(b"", content_type="application/json"),
    raw(b"data: <html>\n\n"),
    raw(b"data: " + b"[" * 100_000 + b"\n\n"),
    raw(*[b"data: " + b"x" * 2**20, b"x\n\n"]),
    raw(*[b"data: x\n" * 2**18, b"\n"]),
    fail(500, {"error": {"message": "boom"}}),
    fail(502, "<html>Bad Gateway</html>"),
    fail(503, "starting", retry_after="0"),
    fail(429, {"error": "slow down"}, retry_after="0"),
    fail(408),
]


@pytest.mark.parametrize("reply", LOST, ids=range(len(LOST)))
async def test_failure_before_the_first_piece_is_tried_again_once(reply: Reply) -> None:
    async with ScriptedModel([reply, say("Hello."), reply, reply, say("never")]) as server, llm_at(server.url) as llm:
        assert text(await collect(llm)) == "Hello."
        with pytest.raises(ModelUnavailable):
            await collect(llm)
    assert len(server.requests) == 4


async def test_a_server_that_asks_for_a_long_pause_is_not_waited_for() -> None:
    full = fail(503, "full", retry_after="7")
    async with ScriptedModel([full, say("never")]) as server, llm_at(server.url) as llm:
        with pytest.raises(ModelUnavailable, match="503: full"):
            await collect(llm)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_refused_request_is_not_tried_again(status: int) -> None:
    async with ScriptedModel([fail(status, {"error": "Nope"}), say("never")]) as server, llm_at(server.url) as llm:
        with pytest.raises(ModelRefused, match=f"{status}: Nope") as caught:
            await collect(llm)
    assert caught.value.status == status
    assert len(server.requests) == 1


async def test_refusal_inside_a_stream_is_a_refusal() -> None:
    async with ScriptedModel([recorded("error-first.sse"), say("never")]) as server, llm_at(server.url) as llm:
        with pytest.raises(ModelRefused, match="maximum context length") as caught:
            await collect(llm)
    assert caught.value.status == 400


async def test_redirects_are_not_followed() -> None:
    async with ScriptedModel(say("never")) as elsewhere:
        moved = fail(307, "", location=elsewhere.url + "/chat/completions")
        async with ScriptedModel(moved) as server, llm_at(server.url, key=KEY, retries=0) as llm:
            with pytest.raises(ModelUnavailable, match="redirects to"):
                await collect(llm)
    assert elsewhere.requests == []


async def test_nobody_at_the_address_is_an_outage() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        async with llm_at(f"http://127.0.0.1:{taken.getsockname()[1]}") as llm:
            with pytest.raises(ModelUnavailable, match="cannot be reached"):
                await collect(llm)


@pytest.mark.parametrize(
    "url", ["http://user:hunter2@[::1", "ftp://user:hunter2@host/", "user:hunter2", "http://h:99999"]
)
async def test_unusable_address_is_an_outage_and_shows_no_password(url: str) -> None:
    async with llm_at(url, retries=0) as llm:
        with pytest.raises(ModelUnavailable) as caught:
            await collect(llm)
    assert "hunter2" not in str(caught.value)


async def test_whatever_breaks_after_the_finish_reason_the_answer_is_whole() -> None:
    whole = (chunk({"content": "Hello."}), chunk({}, "stop"))
    tails: list[tuple[bytes | asyncio.Event | Drop, ...]] = [
        (), (Drop(),), (event({"error": "late"}),), (b"data: junk\n\n",), (asyncio.Event(),),
    ]  # fmt: skip
    async with ScriptedModel([raw(*whole, *tail) for tail in tails]) as server, llm_at(server.url) as llm:
        for _ in tails:
            pieces = await collect(llm)
            assert (text(pieces), last(pieces).reason) == ("Hello.", "stop")
    assert len(server.requests) == len(tails)


# --- Limits -----------------------------------------------------------------------------------------------------


def never() -> asyncio.Event:
    """A step that a reply hangs at."""
    return asyncio.Event()


async def test_no_first_token_is_an_outage_and_not_asked_for_twice() -> None:
    silent = raw(chunk({"role": "assistant", "content": ""}), never())
    async with ScriptedModel([silent, say("never")]) as server, llm_at(server.url, first_token_s=0.2) as llm:
        with pytest.raises(ModelUnavailable, match=r"no token within 0\.2 s"):
            await collect(llm)
        await asyncio.wait_for(server.aborted.wait(), 10)
    assert len(server.requests) == 1


async def test_silence_between_tokens_is_a_cut() -> None:
    async with ScriptedModel(raw(chunk({"content": "Hi"}), never())) as server, llm_at(server.url, idle_s=0.2) as llm:
        with pytest.raises(ModelCut, match=r"no further token for 0\.2 s"):
            await collect(llm)


async def test_pings_are_no_tokens() -> None:
    """The server writes a comment every few milliseconds for ever: only the idle limit can end it."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + chunk({"content": "Hi"}))
        while True:
            writer.write(b": ping\n\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with bare_server(babble) as address, llm_at(f"http://{address}", idle_s=0.3) as llm:
        with pytest.raises(ModelCut, match="no further token"):
            await collect(llm)


async def test_endless_answer_ends_at_the_total_limit() -> None:
    endless = raw(chunk({"content": "la "}), never())
    async with ScriptedModel(endless) as server, llm_at(server.url, total_s=0.3) as llm:
        with pytest.raises(ModelCut, match=r"not finished the answer after 0\.3 s"):
            await collect(llm)


async def test_connection_that_never_opens_ends_at_the_connect_limit() -> None:
    """TLS to a server that never answers the handshake: the portable way to a connection that hangs."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client gives up

    async with bare_server(hang) as address, llm_at(f"https://{address}", connect_s=0.2, retries=0) as llm:
        with pytest.raises(ModelUnavailable, match=r"could not be connected to within 0\.2 s"):
            await collect(llm)


async def test_model_that_is_not_up_in_time_is_an_outage() -> None:
    async def endpoint() -> Endpoint:
        await never().wait()
        raise AssertionError

    llm = LLM(endpoint, connect_s=5, first_token_s=0.1, idle_s=5, total_s=5)
    with pytest.raises(ModelUnavailable, match="not up"):
        await collect(llm)


async def test_a_slow_reader_is_not_an_idle_server() -> None:
    gate = asyncio.Event()
    reply = raw(chunk({"content": "Hello"}), gate, chunk({"content": "."}), chunk({}, "stop"), DONE)
    async with ScriptedModel(reply) as server, llm_at(server.url, idle_s=0.4) as llm:
        async with aclosing(llm.stream(ASK, max_tokens=9)) as stream:
            first = await anext(stream)
            await asyncio.sleep(0.6)  # the reader's own time, longer than the idle limit
            gate.set()
            rest = [piece async for piece in stream]
    assert text([first, *rest]) == "Hello."


# --- Aborting ---------------------------------------------------------------------------------------------------


async def test_closing_the_stream_aborts_upstream() -> None:
    async with ScriptedModel(raw(chunk({"content": "Hi"}), never())) as server, llm_at(server.url) as llm:
        stream = llm.stream(ASK, max_tokens=5)
        assert await anext(stream) == TextDelta("Hi")
        await stream.aclose()
        await asyncio.wait_for(server.aborted.wait(), 10)


@pytest.mark.parametrize("steps", [(), (chunk({"content": "Hi"}),)], ids=["before", "between"])
async def test_cancelling_the_task_aborts_upstream(steps: tuple[bytes, ...]) -> None:
    asked = asyncio.Event()

    def script(body: dict[str, Any]) -> Reply:
        asked.set()
        return raw(*steps, never())

    async with ScriptedModel(script) as server, llm_at(server.url) as llm:
        task = asyncio.create_task(collect(llm))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.aborted.wait(), 10)
    assert len(server.requests) == 1


async def test_leaving_after_the_last_piece_is_no_abort() -> None:
    late = asyncio.Event()
    reply = raw(chunk({"content": "Hello."}), chunk({}, "stop"), late, DONE)
    async with ScriptedModel(reply) as server, llm_at(server.url) as llm:
        async with aclosing(llm.stream(ASK, max_tokens=9)) as stream:
            async for piece in stream:
                late.set()
                if isinstance(piece, Finished):
                    break
    assert server.aborts == 0


async def test_each_request_has_a_connection_of_its_own() -> None:
    """llama.cpp promises keep-alive and closes after a streamed answer: a request sent on it would be lost."""
    async with ScriptedModel(say("Hello.")) as server, llm_at(server.url, retries=0) as llm:
        for _ in range(20):
            assert text(await collect(llm)) == "Hello."
    assert len(set(server.peers)) == 20


async def test_a_hundred_answers_at_once_each_get_their_own() -> None:
    script = lambda body: say(f"to {body['seed']}")  # noqa: E731
    async with ScriptedModel(script) as server, llm_at(server.url) as llm:
        answers = await asyncio.gather(*(collect(llm, extra={"seed": n}) for n in range(100)))
    assert [text(pieces) for pieces in answers] == [f"to {n}" for n in range(100)]


# --- What an error says -----------------------------------------------------------------------------------------


async def test_errors_and_logs_never_hold_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    replies = [
        fail(500, {"error": {"message": f"bad key {KEY}"}}),
        fail(401, f"Incorrect API key provided: {'x' * 230} {KEY}"),
        raw(event({"error": f"no access with {KEY}"})),
        raw(b"data: " + KEY.encode() + b"\n\n"),
        raw(chunk({"content": "Hi"}), event({"error": KEY})),
    ]
    async with ScriptedModel(lambda body: replies[body["seed"]]) as server, llm_at(server.url, key=KEY) as llm:
        for n in range(len(replies)):
            with pytest.raises(ModelError) as caught:
                await collect(llm, extra={"seed": n})
            assert "***" in str(caught.value) or n in (1, 3)
            assert KEY[:12] not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert KEY[:12] not in caplog.text


async def test_malformed_http_does_not_show_the_request(caplog: pytest.LogCaptureFixture) -> None:
    async def junk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/9.9 what?\r\n\r\n")
        await writer.drain()

    async with bare_server(junk) as address, llm_at(f"http://{address}", key=KEY) as llm:
        with pytest.raises(ModelUnavailable, match="broke the connection") as caught:
            await collect(llm)
    assert KEY not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"


async def test_a_servers_words_are_one_short_printable_line() -> None:
    nasty = "line\r\n2026 ERROR forged\x1b[31m \u202e" + "long " * 500
    async with ScriptedModel(fail(400, {"error": {"message": nasty}})) as server, llm_at(server.url) as llm:
        with pytest.raises(ModelRefused) as caught:
            await collect(llm)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert server.url.removesuffix("/v1") in str(caught.value)


# --- Start-up ---------------------------------------------------------------------------------------------------


async def test_probe_sends_a_late_system_message_for_one_token() -> None:
    async with ScriptedModel(say("")) as server, llm_at(server.url) as llm:
        assert await llm.takes_late_system_message() is True
    [probe] = server.probes
    roles = [message["role"] for message in probe["messages"]]
    assert (roles.index("user") < roles.index("system", 1), probe["max_tokens"]) == (True, 1)


async def test_probe_answered_400_means_no() -> None:
    refuse = fail(400, {"error": {"message": "System message must be at the beginning."}})
    async with ScriptedModel(say(""), probes=refuse) as server, llm_at(server.url) as llm:
        assert await llm.takes_late_system_message() is False


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_probe_does_not_take_another_failure_for_a_no(status: int) -> None:
    async with ScriptedModel(say(""), probes=fail(status, "x")) as server, llm_at(server.url) as llm:
        with pytest.raises(ModelError):
            await llm.takes_late_system_message()


async def test_warming_sends_the_prefix_and_survives_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    prefix = [{"role": "system", "content": "You are the desk of 玉巷."}]
    async with ScriptedModel(say("")) as server, llm_at(server.url) as llm:
        await llm.warm(prefix)
    assert server.probes[0]["messages"] == prefix
    async with llm_at(server.url, retries=0) as llm:
        await llm.warm(prefix)
    assert "could not be warmed" in caplog.text


# --- The scripted server itself ---------------------------------------------------------------------------------


async def test_scripted_model_in_a_thread_holds_releases_and_sees_aborts() -> None:
    with ScriptedModel.in_thread(say("Hello there.")) as server:
        server.hold(after=2)
        async with llm_at(server.url) as llm:
            stream = llm.stream(ASK, max_tokens=5)
            assert await anext(stream) == TextDelta("Hell")
            await stream.aclose()
            assert await asyncio.to_thread(server.aborted.wait, 10)
            server.release()
            server.answer(say("Now this."))
            assert text(await collect(llm)) == "Now this."
        assert len(server.requests) == 2
