"""A model server for benches that asks the real model each request once, and later says what was said then.

Requests are told apart by their whole body. Everything above HTTP runs as ever, so that a change in the guards is
measured again in seconds, and an interrupted run goes on. Only sensible where the same request gets the same answer:
at temperature 0. Knows no prompt and no question.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any, Self

import aiohttp
from aiohttp import web

from kefu.local_model import LocalModel
from kefu.model_server import Endpoint

_LIMITS = aiohttp.ClientTimeout(total=None, connect=5)  # how long an answer may take is for the client to say
_LONG = 20  # tokens from which an answer tells a speed


class RecordedModel:
    """The embedded model behind a record of what it said. It is started when something new is asked.

    An answer comes whole, once it is complete: speeds are the model server's own (`speeds`), not a stream's."""

    def __init__(self, file: Path, model: LocalModel) -> None:
        self._file = file
        self._model = model
        self._starting = asyncio.Lock()
        self._said: dict[str, dict[str, Any]] = {}  # by the request's key
        self._asked: dict[str, dict[str, dict[str, Any]]] = {}  # messages -> with and without a grammar, the answer

    async def __aenter__(self) -> Self:
        self._file.touch()
        for line in self._file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            self._said[entry["key"]] = entry["answer"]
        self._stack = AsyncExitStack()
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession(timeout=_LIMITS))
        self._stack.push_async_callback(self._model.stop)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        runner = web.AppRunner(app, shutdown_timeout=1)  # an interrupted run does not wait for the model
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def endpoint(self) -> Endpoint:
        """Where to ask."""
        return Endpoint(self._url, model="recorded")

    async def _complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        for field in ("model", "stream", "stream_options"):
            body.pop(field, None)
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        key = hashlib.sha256(text.encode("utf-8")).hexdigest()
        if key not in self._said:
            status, answer = await self._ask(body)
            if status != 200:
                return web.json_response(answer, status=status)
            self._said[key] = answer
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "answer": answer}, ensure_ascii=False) + "\n")
        asked = self._asked.setdefault(json.dumps(body["messages"]), {})
        asked["locked" if "grammar" in body else "free"] = self._said[key]
        return web.json_response(self._said[key])

    async def _ask(self, body: dict[str, Any]) -> tuple[int, Any]:
        async with self._starting:
            if self._model.pid is None:
                await self._model.start()
        endpoint = await self._model.endpoint()
        headers = {"Authorization": f"Bearer {endpoint.key}"}
        asked = {"model": endpoint.model, **body}
        async with self._http.post(f"{endpoint.url}/chat/completions", json=asked, headers=headers) as response:
            return response.status, await response.json()

    def speeds(self) -> dict[str, float]:
        """Tokens a second, as the model server measured them, of the answers of 20 tokens and more that were given both
        with a grammar ("locked") and without one ("free"): medians, that of their ratio, and how many pairs ("n")."""
        timings = [
            [both[way]["timings"] for way in ("free", "locked")] for both in self._asked.values() if len(both) == 2
        ]
        pairs = [
            (free["predicted_per_second"], locked["predicted_per_second"])
            for free, locked in timings
            if min(free["predicted_n"], locked["predicted_n"]) >= _LONG
        ]
        if not pairs:
            return {"n": 0}
        free, locked, ratio = (median(each) for each in zip(*((f, k, k / f) for f, k in pairs), strict=True))
        return {"n": len(pairs), "free": free, "locked": locked, "ratio": ratio}
