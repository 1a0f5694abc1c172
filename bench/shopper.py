"""A shopper's browser without the browser: opens the chat's socket, sends, and notes when the answer's words come.

Chainlit's own page and Kefu's speak the same socket, so it stands before both. Knows nothing of what is measured.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import socketio  # type: ignore[import-untyped]

PATIENCE_S = 60


class Shopper:
    """One open page, for one question."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self._heard)
        self.idle = asyncio.Event()
        self._first: asyncio.Future[tuple[float, str]] = asyncio.get_running_loop().create_future()

    async def _heard(self, event: str, data: Any = None) -> None:
        if event == "task_end":
            self.idle.set()
        elif event == "stream_token":
            self._shown(data["token"])
        elif event in ("stream_start", "new_message", "update_message") and data["type"] == "assistant_message":
            self._shown(data["output"])

    def _shown(self, text: str) -> None:
        if text.strip() and not self._first.done():
            self._first.set_result((time.perf_counter(), text))

    async def ask(self, text: str, answer: str) -> float:
        """Seconds from sending to the first words of the answer; returns at its end. Other words are an error."""
        self.idle.clear()
        message = {"id": str(uuid.uuid4()), "type": "user_message", "name": "x", "output": text, "createdAt": ""}
        sent = time.perf_counter()
        await self.socket.emit("client_message", {"message": message, "fileReferences": []})
        async with asyncio.timeout(PATIENCE_S):
            shown_at, words = await self._first
            await self.idle.wait()
        if not answer.startswith(words.strip()):
            raise RuntimeError(f"not the model's answer: {words!r}")
        return shown_at - sent


@asynccontextmanager
async def shopper(url: str) -> AsyncIterator[Shopper]:
    """Somebody new, with a cookie of their own, who has opened the page and not written yet."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/") as page:
        page.raise_for_status()
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in page.cookies.items())
    opened = Shopper()
    auth = {"sessionId": str(uuid.uuid4()), "threadId": "", "userEnv": "{}", "clientType": "webapp", "chatProfile": ""}
    await opened.socket.connect(
        url, headers={"cookie": cookie}, auth=auth, socketio_path="/ws/socket.io", transports=["websocket"]
    )
    try:
        await opened.socket.emit("connection_successful")
        async with asyncio.timeout(PATIENCE_S):
            await opened.idle.wait()
        yield opened
    finally:
        await opened.socket.disconnect()
