"""Which Kefu runs the embedded model of a home, and where it answers, for several processes on one home.

Whoever holds the lock on `model.lock` owns the server and says in `model.json` (0600: it has the key) where it is.
The kernel drops the lock when its holder dies, so nothing stale is believed. Knows no process and no model.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, TypedDict
from urllib.parse import urlsplit


class Running(TypedDict):
    """What the owner says of its server. `url` is empty while it starts."""

    pid: int
    url: str
    key: str
    serves: dict[str, object]  # the file and the sizes that it was started with


class Lease:
    """One process's view of a home's model server."""

    def __init__(self, home: Path) -> None:
        self.path = home / "model.json"
        self._lock_path = home / "model.lock"
        self._lock: IO[str] | None = None

    @property
    def owned(self) -> bool:
        return self._lock is not None

    def take(self) -> bool:
        """Whether this process owns the home's server, now or already. Never waits."""
        if self._lock is None:
            lock = self._lock_path.open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return False
            self._lock = lock
            self.path.unlink(missing_ok=True)  # an earlier owner's
        return True

    def release(self) -> None:
        if self._lock:
            self.path.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def announce(self, running: Running) -> None:
        """Tells the others, if this process is the owner."""
        if self._lock is None:
            return
        draft = self.path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(running, file)
        draft.replace(self.path)

    def announced(self) -> Running | None:
        """What the owner said last; only worth reading while `take()` is False."""
        try:
            running: Running = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return None  # it has said nothing yet
        return running


async def answers(running: Running) -> bool:
    """Whether the announced server takes the key. Not `/health`: llama.cpp answers that without one."""

    def ask() -> bool:
        url = urlsplit(running["url"])
        connection = HTTPConnection(url.hostname or "", url.port, timeout=3)  # direct, whatever proxy is configured
        try:
            connection.request("GET", f"{url.path}/models", headers={"Authorization": f"Bearer {running['key']}"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    return await asyncio.to_thread(ask)
