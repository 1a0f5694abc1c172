"""The whole site on an attack desk, in a process of its own: `python -m tests.attack.served HOME MODEL PORT`.

Everything that it logs, however quiet, is in HOME/log.txt.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import socketio  # type: ignore[import-untyped]

from kefu.desk import identity_of
from kefu.identity import CUSTOMER_COOKIE, GUEST_COOKIE
from tests.attack.demo import ROOT
from tests.attack.desks import attack_desk, tripped
from tests.attack.site import desk_for, settings_for, token
from tests.orders_desk import NoPassages

_STARTS_S = 90


class Refreshed(NoPassages):
    """Nothing to bring up to date."""

    def refresh(self) -> None: ...


@dataclass(frozen=True)
class _There:
    """A model server that runs already."""

    url: str


async def _main(home: Path, model: str, port: int) -> None:
    from web.server import listen, serve

    logging.basicConfig(filename=home / "log.txt", level=logging.INFO)
    for ours in ("kefu", "shop", "web", "rag"):
        logging.getLogger(ours).setLevel(logging.DEBUG)
    there: Any = _There(model)
    async with attack_desk(home / "kefu.db", there) as attack:
        settings = settings_for(home, port=port, llm_url=model, disconnect_grace_s=0)
        await serve(desk_for(attack, settings, Refreshed()), listen("127.0.0.1", port))


class Served:
    """The site, from outside."""

    def __init__(self, home: Path, model: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.home, self.url = home, f"http://127.0.0.1:{self.port}"
        self.identity = identity_of(settings_for(home))
        with (home / "output.txt").open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.attack.served", str(home), model, str(self.port)],
                cwd=ROOT, env=os.environ, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    async def up(self) -> Served:
        """Itself, once it answers."""
        until = time.monotonic() + _STARTS_S
        async with httpx.AsyncClient() as http:
            while True:
                assert self.process.poll() is None and time.monotonic() < until, self.said
                try:
                    await http.get(f"{self.url}/healthz")
                    return self
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def tripped(self) -> list[str]:
        """Every write to the shop's tables since the demo shop was seeded."""
        return tripped(self.home / "kefu.db")

    @property
    def said(self) -> str:
        """All that it printed and logged."""
        return "\n".join(file.read_text(errors="replace") for file in sorted(self.home.glob("*.txt")))

    def guest(self) -> str:
        """A new guest's cookie."""
        return f"{GUEST_COOKIE}={self.identity.guests.issue()[1]}"

    def customer(self, customer: str, /, **claims: Any) -> str:
        return f"{CUSTOMER_COOKIE}={token(customer, **claims)}"

    def browser(self, cookie: str = "", **headers: str) -> httpx.AsyncClient:
        sent = headers | ({"cookie": cookie} if cookie else {})
        return httpx.AsyncClient(base_url=self.url, headers=sent)

    @asynccontextmanager
    async def page(self, cookie: str, thread: str = "", **headers: str) -> AsyncIterator[Page]:
        """An open page; a refused one raises socketio's ConnectionError."""
        page = Page()
        auth = {"sessionId": str(uuid.uuid4()), "threadId": thread, "userEnv": "{}", "clientType": "webapp"}
        await page.socket.connect(
            self.url, headers={"cookie": cookie} | headers, auth=auth | {"chatProfile": ""},
            socketio_path="/ws/socket.io", transports=["websocket"],
        )  # fmt: skip
        try:
            await page.socket.emit("connection_successful")
            await page.until("task_end" if not thread else "resume_thread")
            yield page
        finally:
            await page.socket.disconnect()


class Page:
    """Every packet that one page was sent."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.packets: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        self.socket.on("*", self._heard)

    async def _heard(self, event: str, data: Any = None) -> None:
        self.packets.append((event, data))
        self._news.set()

    @property
    def text(self) -> str:
        return json.dumps(self.packets, ensure_ascii=False)

    def named(self, event: str) -> list[Any]:
        return [data for name, data in self.packets if name == event]

    async def until(self, event: str, times: int = 1) -> Any:
        async with asyncio.timeout(20):
            while len(self.named(event)) < times:
                self._news.clear()
                await self._news.wait()
        return self.named(event)[times - 1]

    async def ask(self, text: Any, **more: Any) -> str:
        """Sends a message and waits for the end of its turn; the conversation's id."""
        message = {"id": str(uuid.uuid4()), "type": "user_message", "name": "x", "output": text, "createdAt": ""} | more
        ended = len(self.named("task_end"))
        await self.socket.emit("client_message", {"message": message, "fileReferences": []})
        await self.until("task_end", ended + 1)
        return str(self.named("first_interaction")[0]["thread_id"])

    def approvals(self) -> list[dict[str, Any]]:
        """The cards that wait for a click on this page, as their properties."""
        return [
            e["props"] for e in self.named("element") if e["name"] == "Approval" and e["props"]["state"] == "pending"
        ]


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
