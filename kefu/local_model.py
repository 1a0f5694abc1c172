"""The embedded model as Kefu sees it: a server of its own, restarted when it dies, gone when Kefu is.

Kefus on the same home share one server (`kefu.model_lease`); a run of it is a `kefu.model_process`. Knows no prompt,
and no HTTP beyond the address that it hands out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from kefu.events import ModelUnavailable
from kefu.llm import Endpoint
from kefu.model_lease import Lease, Running, answers
from kefu.model_process import NAME, Config, ModelProcess

log = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-m", "kefu.local_server")
_BACKOFF_S = (1.0, 2.0, 4.0)  # before each restart; when they are used up, Kefu gives up
_STEADY_S = 30.0  # a server that was up for so long has all of them again
_PATIENCE_S = 300.0  # for another Kefu's server to answer
_LOOK_S = 0.5  # how often another Kefu's announcement is read


class LocalModel:
    """The embedded model server: `start()`, then `endpoint()` before each request, `stop()` at the end."""

    def __init__(
        self,
        file: Path,
        *,
        home: Path,
        slots: int,
        slot_tokens: int,
        threads: int = 0,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._config = Config(file.resolve(), slots, slot_tokens, threads)
        self._command = command
        self._log = home / "logs" / "model.log"
        self._lease = Lease(home)
        self._serves = asdict(self._config) | {"file": str(self._config.file)}
        self._process: ModelProcess | None = None
        self._attached: Running | None = None
        self._endpoint: Endpoint | None = None
        self._reason = "The embedded model is not started."  # why there is no endpoint
        self._settled = asyncio.Event()  # cleared while it restarts
        self._settled.set()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def attached(self) -> bool:
        """Whether it is another Kefu's server."""
        return self._attached is not None

    @property
    def pid(self) -> int | None:
        """The server's process, ours or another Kefu's."""
        if self._attached:
            return self._attached["pid"]
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Attaches to this home's running server or starts one; ModelUnavailable says why it cannot."""
        try:
            await self._open()
        except BaseException:
            self._lease.release()
            raise
        self._keeper = asyncio.create_task(self._keep())
        self._keeper.add_done_callback(lambda _: self._settled.set())  # nobody waits for what nobody brings back

    async def endpoint(self) -> Endpoint:
        """Where the model answers now; waits while it restarts."""
        await self._settled.wait()
        if self._endpoint is None:
            raise ModelUnavailable(self._reason)
        return self._endpoint

    async def stop(self) -> None:
        """Ends our own server. Another Kefu's is left alone."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._endpoint, self._reason = None, "The embedded model is stopped."
        if self._process:
            await self._process.end()
        self._process = self._attached = None
        self._lease.release()

    async def _keep(self) -> None:
        """Brings the server back whenever it goes."""
        tries = 0
        while True:
            began = time.monotonic()
            ended = await self._gone()
            self._settled.clear()
            self._endpoint = self._attached = None
            if time.monotonic() - began > _STEADY_S:
                tries = 0
            while self._endpoint is None:
                if tries == len(_BACKOFF_S):
                    self._reason = f"The embedded model does not stay up. {ended}"
                    log.error(self._reason)
                    self._lease.release()
                    return
                log.warning("%s Starting it again.", ended)
                await asyncio.sleep(_BACKOFF_S[tries])
                tries += 1
                try:
                    await self._open()
                except ModelUnavailable as error:
                    ended = str(error)

    async def _gone(self) -> str:
        """Waits until the server in use has ended, and says what happened."""
        if self._attached is None:
            assert self._process is not None
            return await self._process.ended()
        while True:
            if self._lease.announced() != self._attached or self._lease.take():
                return "Another Kefu's model server, which this one used, is gone."
            await asyncio.sleep(_LOOK_S)

    async def _open(self) -> None:
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            if not await self._attach():
                await self._launch()
        except OSError as error:
            raise ModelUnavailable(f"Cannot start the embedded model: {error}") from error

    async def _attach(self) -> bool:
        """Whether another Kefu on this home runs just this model; waits for it while it starts."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._lease.take():
            running = self._lease.announced()
            if running and running["serves"] != self._serves:
                log.info("Another Kefu on this home runs another model: starting our own beside it")
                return False
            if running and running["url"] and await answers(running):
                self._attached = running
                self._use(running)
                return True
            if time.monotonic() > deadline:
                raise ModelUnavailable(f"Another Kefu holds {self._lease.path}, but its model server does not answer.")
            await asyncio.sleep(_LOOK_S)
        return False

    async def _launch(self) -> None:
        if self._lease.owned and self._process is None and self._log.exists():
            self._log.replace(self._log.with_suffix(".log.1"))
        running = Running(pid=0, url="", key=secrets.token_urlsafe(32), serves=self._serves)
        self._lease.announce(running)  # a Kefu that starts now waits for this server
        self._process = await ModelProcess.start(self._command, self._config, running["key"], self._log)
        running["pid"], running["url"] = self._process.pid, self._process.url
        self._lease.announce(running)
        self._use(running)

    def _use(self, running: Running) -> None:
        self._endpoint = Endpoint(running["url"], running["key"], NAME)
        self._settled.set()
