"""A scripted model server: an OpenAI-compatible HTTP server on a free port that answers what a test tells it to.

    async with ScriptedModel(say("Hello.")) as model:            # the same answer to every request
    async with ScriptedModel([fail(503, "busy"), say("Hello.")])  # one after the other
    async with ScriptedModel(lambda body: say(body["messages"][-1]["content"]))
    with ScriptedModel.in_thread(say("Hello.")) as model:         # its own loop: for browser tests

`hold()` stops every answer before its next step (`hold(after=2)`: before its third) until `release()`. The first step
of `say` is the empty role chunk, then come the pieces of text.
One-token requests are Kefu's own start-up probes: they are answered apart (`probes=`) and use up no script.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

MODEL = "scripted"


class Drop:
    """A step of a reply: the server breaks the connection."""


@dataclass(frozen=True)
class Reply:
    """One answer: bytes are written as they are, an event is waited for, `Drop()` breaks the connection."""

    steps: Sequence[bytes | asyncio.Event | Drop]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})


Script = Reply | Sequence[Reply] | Callable[[dict[str, Any]], Reply]


def event(data: Mapping[str, Any] | str) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    """One chunk of a streamed completion, as vLLM writes it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]})


def usage(prompt: int, completion: int, cached: int = 0) -> bytes:
    """The chunk with the counts."""
    counts = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": counts})


DONE = event("[DONE]")


def say(text: str, finish: str = "stop", *, tool_calls: Sequence[tuple[str, str]] = (), size: int = 4) -> Reply:
    """The text in pieces of `size` characters, then tool calls (name, arguments), all in vLLM's style."""
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    calls = [
        chunk(
            {
                "tool_calls": [
                    {
                        "index": i,
                        "id": f"call-{i}",
                        "type": "function",
                        "function": {"name": name, "arguments": arguments},
                    }
                ]
            }
        )
        for i, (name, arguments) in enumerate(tool_calls)
    ]
    return Reply([
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": piece}) for piece in pieces),
        *calls,
        chunk({}, finish),
        usage(prompt=120, completion=len(pieces), cached=80),
        DONE,
    ])  # fmt: skip


def raw(*steps: bytes | asyncio.Event | Drop, content_type: str = "text/event-stream") -> Reply:
    """These bytes, with status 200."""
    return Reply(steps, headers={"Content-Type": content_type})


def fail(status: int, body: Any = "", **headers: str) -> Reply:
    """An error; `body` is JSON unless it is a string. A header `retry_after=1` is sent as `retry-after`."""
    content_type = "text/plain" if isinstance(body, str) else "application/json"
    text = body if isinstance(body, str) else json.dumps(body)
    sent = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Reply([text.encode()], status, sent)


class ScriptedModel:
    """The server. `requests` and `headers` record what was asked, `probes` the one-token requests, `aborted` is set
    (and `aborts` counts) when a client leaves before the end of an answer, `peers` tells connections apart."""

    def __init__(
        self,
        script: Script,
        *,
        probes: Script = say("o", "length"),  # noqa: B008 - frozen
        models: Sequence[Mapping[str, Any]] = ({"id": MODEL, "object": "model", "max_model_len": 8192},),
        api_key: str = "",
    ) -> None:
        self.script = script
        self.models: Any = {"object": "list", "data": list(models)}
        self.api_key = api_key
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.probes: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.peers: list[Any] = []
        self.aborts = 0
        self.aborted = asyncio.Event()
        self.on_abort: Callable[[], object] = self.aborted.set
        self._probe_script = probes
        self._next: dict[int, int] = {}  # id of a list script: how many of its replies were given
        self._free = asyncio.Event()
        self._free.set()
        self._free_steps = 0

    def hold(self, after: int = 0) -> None:
        """Stop every answer before its next step, but not before it took `after` of them."""
        self._free_steps = after
        self._free.clear()

    def release(self) -> None:
        """Let them go on."""
        self._free.set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.release()
        await self._runner.cleanup()

    @classmethod
    @contextmanager
    def in_thread(cls, script: Script, **options: Any) -> Iterator[ThreadedModel]:
        """The same server in a loop and a thread of its own."""
        up = threading.Event()
        made: list[ThreadedModel] = []

        async def serve() -> None:
            async with cls(script, **options) as server:
                made.append(ThreadedModel(server, asyncio.get_running_loop()))
                up.set()
                await made[0].over.wait()

        thread = threading.Thread(target=asyncio.run, args=(serve(),), name="scripted-model")
        thread.start()
        if not up.wait(10):
            raise RuntimeError("the scripted model did not start")
        try:
            yield made[0]
        finally:
            made[0].call(made[0].over.set)
            thread.join(10)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _models(self, request: web.Request) -> web.Response:
        self._record(request)
        return self._unauthorised(request) or web.json_response(self.models)

    def _record(self, request: web.Request) -> None:
        self.paths.append(request.path)
        self.headers.append(dict(request.headers))
        self.peers.append(request.transport.get_extra_info("peername") if request.transport else None)

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        return None

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self._record(request)
        if refused := self._unauthorised(request):
            return refused
        probe = body.get("max_tokens") == 1
        (self.probes if probe else self.requests).append(body)
        reply = self._reply(self._probe_script if probe else self.script, body)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        try:
            await response.prepare(request)
            await self._write(request, response, reply, held=not probe)
        except (asyncio.CancelledError, ConnectionError):
            self.aborts += 1
            self.on_abort()
            raise
        return response

    async def _write(self, request: web.Request, response: web.StreamResponse, reply: Reply, held: bool) -> None:
        for number, step in enumerate(reply.steps):
            if held and number >= self._free_steps:
                await self._free.wait()
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, Drop):
                if request.transport:
                    request.transport.close()
                return
            else:
                await response.write(step)

    def _reply(self, script: Script, body: dict[str, Any]) -> Reply:
        if isinstance(script, Reply):
            return script
        if callable(script):
            return script(body)
        given = self._next.get(id(script), 0)
        self._next[id(script)] = given + 1
        return script[given] if given < len(script) else fail(500, f"the script has only {len(script)} replies")


class ThreadedModel:
    """The scripted server as seen from another thread; `aborted.wait(seconds)` blocks."""

    def __init__(self, server: ScriptedModel, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.url = server.url
        self.requests = server.requests
        self.probes = server.probes
        self.aborted = threading.Event()
        server.on_abort = self.aborted.set
        self.over = asyncio.Event()
        self._loop = loop

    def call(self, function: Callable[[], object]) -> None:
        """Run it in the server's loop and wait until it has run."""

        async def run() -> None:
            function()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def answer(self, script: Script) -> None:
        """From now on, this script."""
        self.call(lambda: setattr(self.server, "script", script))

    def hold(self, after: int = 0) -> None:
        """See ScriptedModel.hold."""
        self.call(lambda: self.server.hold(after))

    def release(self) -> None:
        """See ScriptedModel.release."""
        self.call(self.server.release)
