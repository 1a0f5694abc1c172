"""Starts a real `kefu serve` of this checkout for a benchmark, and ends it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from kefu.config import ROOT


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _log(home: Path) -> int:
    home.mkdir(parents=True, exist_ok=True)
    return os.open(home / "serve.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)


@asynccontextmanager
async def kefu_serve(home: Path, **settings: str) -> AsyncIterator[str]:
    """A running Kefu on a free port, ready to answer; yields its URL. `settings`: KEFU_* without the prefix."""
    port = free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("KEFU_")}
    env |= {"KEFU_HOME": str(home), "KEFU_PORT": str(port)} | {f"KEFU_{k.upper()}": v for k, v in settings.items()}
    log = await asyncio.to_thread(_log, home)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kefu", "serve", cwd=ROOT, env=env, stdout=log, stderr=log
    )
    os.close(log)
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as http:
            for _ in range(600):
                if process.returncode is not None:
                    raise RuntimeError(f"kefu serve ended: see {home / 'serve.log'}")
                try:
                    async with http.get(f"{url}/readyz") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    pass  # not listening yet
                await asyncio.sleep(0.5)
            else:
                raise RuntimeError("kefu serve did not become ready in 5 minutes")
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
