"""A real Kefu for the tests: `kefu serve` as its own process, the real embedded model, a copy of the policies."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from kefu.config import ROOT

_READY_S = 300  # a cold start embeds all policies; other work may share the cores


class RealKefu:
    """A running Kefu. `ask` speaks to it over REST; `cli` runs a command on the same home."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.policies = folder / "policies"
        shutil.copytree(ROOT / "policies", self.policies)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        settings = {"HOME": folder / "home", "POLICIES": self.policies, "LOCAL_MODEL": model, "LLM_TEMPERATURE": 0}
        settings |= {"PORT": self.url.rsplit(":", 1)[1]}
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("KEFU_")}
        self.env |= {f"KEFU_{name}": str(value) for name, value in settings.items()}
        self.log = folder / "serve.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kefu", "serve"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _READY_S
        while time.monotonic() < until:
            assert self._process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/readyz", timeout=10).status_code == 200:
                    return
            except httpx.HTTPError:
                pass  # it does not listen yet
            time.sleep(0.2)
        raise AssertionError(f"not ready in {_READY_S} s: {self.log.read_text()}")

    def ask(self, text: str) -> list[dict[str, Any]]:
        """The events of one turn in a new conversation."""
        answer = httpx.post(f"{self.url}/v1/chat", json={"message": text}, timeout=180)
        assert answer.status_code == 200, answer.text
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kefu", *args], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=240
        )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
