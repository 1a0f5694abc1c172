"""One run of the embedded model server: started, waited for, ended, and why it ended in words.

The child is `kefu.local_server`, or any command that speaks as it does: one JSON line in on stdin, `listening <url>`
out on stdout, and gone when stdin closes. Knows no restart and no other Kefu.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kefu.config import ROOT, base_url
from kefu.events import ModelUnavailable

NAME = "kefu"  # of the model, over HTTP
_START_LIMIT_S = 300.0  # a large file on a slow disk
_STOP_LIMIT_S = 5.0


@dataclass(frozen=True)
class Config:
    """What to serve, and how widely."""

    file: Path
    slots: int
    slot_tokens: int
    threads: int = 0  # 0: as many as the processor has cores

    def line(self, key: str) -> bytes:
        """As the child reads it."""
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        config = {
            "file": str(self.file),
            "model": NAME,
            "key": key,
            "slots": self.slots,
            "tokens": self.slots * self.slot_tokens,
            "threads": self.threads or cores,
        }
        return json.dumps(config).encode() + b"\n"


class ModelProcess:
    """A running server; `url` is where it answers."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process, self._log = process, log
        self.pid = process.pid
        self.url = ""

    @classmethod
    async def start(cls, command: Sequence[str], config: Config, key: str, log: Path) -> ModelProcess:
        """Returns when it listens; ModelUnavailable when it does not come to that, and then nothing is left running."""
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                cwd=ROOT,
                # Threads that spin while they wait are quicker on idle cores, but crawl once anything else runs:
                # they hold the core that the thread they wait for needs (docs/decisions.md)
                env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
                start_new_session=True,  # Ctrl-C in the terminal is for Kefu, which then ends its child
            )
        run = cls(process, log)
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                run.url = await run._address(config.line(key))
        except BaseException as error:
            await run.end()
            if isinstance(error, TimeoutError):
                message = f"The embedded model server was not up after {_START_LIMIT_S:.0f} s. Its log is {log}."
                raise ModelUnavailable(message) from error
            raise
        return run

    async def _address(self, config: bytes) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(config)  # the pipe stays open: its end is the child's
        async for line in self._process.stdout:
            if line.startswith(b"listening "):
                return base_url(line.split()[1].decode())
        raise ModelUnavailable(await self.ended())

    async def ended(self) -> str:
        """Waits for its end and says what happened."""
        code = await self._process.wait()
        match -code:
            case signal.SIGILL:
                why = "this processor lacks instructions that it needs (AVX2): set KEFU_LLM_URL to a server elsewhere"
            case signal.SIGKILL:
                why = "it was killed, perhaps because memory ran out (fewer KEFU_LOCAL_SLOTS need less)"
            case number if number > 0:
                why = f"it died of {signal.Signals(number).name}"
            case _:
                why = f"it ended with code {code}"
        return f"The embedded model server is gone: {why}. Its log is {self._log}."

    async def end(self) -> None:
        """Asks it to go, then insists."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_LIMIT_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
