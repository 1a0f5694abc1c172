"""The embedded model's process: it starts, comes back, is shared, and goes when Kefu goes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kefu import local_model
from kefu.events import ModelUnavailable
from kefu.llm import Endpoint
from kefu.local_model import LocalModel

# Speaks as kefu.local_server does, without a model. It counts its starts in a file, and `plan` says what each does.
CHILD = """
import json, os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

starts, plan = sys.argv[1], sys.argv[2:]
config = json.loads(sys.stdin.readline())
with open(starts, "a+") as file:
    file.seek(0)
    number = len(file.readlines())
    file.write(json.dumps(config | {"argv": sys.argv, "session": os.getsid(0), "env": dict(os.environ)}) + "\\n")
what = plan[number] if number < len(plan) else "serve"
if what == "exit":
    print("no such file", file=sys.stderr)
    sys.exit(3)
if what == "sigill":
    os.kill(os.getpid(), signal.SIGILL)

class Models(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers["Authorization"] == f"Bearer {config['key']}" else 401)
        self.end_headers()
    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Models)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("a library says something", flush=True)
print(f"listening http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
os._exit(0)
"""


class Desk:
    """A home with a model file, and the fake child's record of its starts."""

    def __init__(self, folder: Path) -> None:
        self.home, self.file, self._child = folder / "home", folder / "model.gguf", folder / "child.py"
        self._starts = folder / "starts"
        self.file.write_bytes(b"GGUF")
        self._child.write_text(CHILD)

    def model(self, *plan: str, slot_tokens: int = 1024) -> LocalModel:
        command = (sys.executable, str(self._child), str(self._starts), *plan)
        return LocalModel(self.file, home=self.home, slots=2, slot_tokens=slot_tokens, command=command)

    @property
    def starts(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._starts.read_text().splitlines()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(local_model, "_BACKOFF_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(local_model, "_LOOK_S", 0.02)
    return Desk(tmp_path)


@asynccontextmanager
async def started(model: LocalModel) -> AsyncIterator[LocalModel]:
    try:
        await model.start()
        yield model
    finally:
        await model.stop()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def eventually(true: Callable[[], Awaitable[bool] | bool], within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while True:
            result = true()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(0.02)


async def other_endpoint(model: LocalModel, than: Endpoint) -> Endpoint:
    async def changed() -> bool:
        return await model.endpoint() != than

    await eventually(changed)
    return await model.endpoint()


def pid_of(model: LocalModel) -> int:
    assert model.pid is not None
    return model.pid


async def test_child_gets_its_key_on_stdin_only_and_a_session_of_its_own(desk: Desk) -> None:
    async with started(desk.model()) as model:
        endpoint = await model.endpoint()
        (start,) = desk.starts
        assert endpoint.url.startswith("http://127.0.0.1:") and endpoint.url.endswith("/v1")
        assert endpoint.model == start["model"] == "kefu"
        assert endpoint.api_key == start["key"] and len(endpoint.api_key) >= 32
        assert endpoint.api_key not in json.dumps([start["argv"], start["env"]])
        assert start["session"] == model.pid != os.getsid(0)
        assert (start["slots"], start["tokens"], start["file"]) == (2, 2048, str(desk.file))


async def test_stop_ends_the_child_and_takes_the_announcement_back(desk: Desk) -> None:
    async with started(desk.model()) as model:
        pid, announcement = pid_of(model), desk.home / "model.json"
        assert stat.S_IMODE(announcement.stat().st_mode) == 0o600
    assert not alive(pid) and not announcement.exists()
    with pytest.raises(ModelUnavailable, match="stopped"):
        await model.endpoint()


async def test_stop_before_start_does_nothing(desk: Desk) -> None:
    await desk.model().stop()


async def test_killed_child_comes_back_at_another_address(desk: Desk) -> None:
    async with started(desk.model()) as model:
        before, pid = await model.endpoint(), pid_of(model)
        os.kill(pid, signal.SIGKILL)
        after = await other_endpoint(model, than=before)
        assert after.api_key != before.api_key and model.pid != pid and len(desk.starts) == 2


async def test_endpoint_waits_while_the_child_restarts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model, "_BACKOFF_S", (0.3,))
    async with started(desk.model()) as model:
        before = await model.endpoint()
        os.kill(pid_of(model), signal.SIGTERM)
        await eventually(lambda: model._endpoint is None)
        assert (await model.endpoint()).url != before.url


async def test_child_that_keeps_dying_is_given_up_with_its_log_named(desk: Desk) -> None:
    async with started(desk.model("serve", "exit", "exit", "exit")) as model:
        before = await model.endpoint()
        os.kill(pid_of(model), signal.SIGKILL)
        with pytest.raises(ModelUnavailable, match=r"does not stay up.*code 3.*logs/model\.log"):
            await other_endpoint(model, than=before)
        assert len(desk.starts) == 4
        assert (desk.home / "logs" / "model.log").read_text().count("no such file") == 3


async def test_child_that_cannot_start_is_refused_at_once(desk: Desk) -> None:
    with pytest.raises(ModelUnavailable, match=r"code 3.*model\.log"):
        await desk.model("exit").start()
    assert len(desk.starts) == 1
    async with started(desk.model("exit")) as model:  # and has left no lock behind
        assert not model.attached


async def test_processor_without_the_instructions_gets_a_sentence(desk: Desk) -> None:
    with pytest.raises(ModelUnavailable, match=r"AVX2.*KEFU_LLM_URL"):
        await desk.model("sigill").start()


async def test_missing_command_is_model_unavailable(desk: Desk) -> None:
    with pytest.raises(ModelUnavailable, match="Cannot start"):
        await LocalModel(desk.file, home=desk.home, slots=1, slot_tokens=1024, command=["/nonexistent"]).start()


async def test_second_kefu_on_the_home_attaches_and_leaves_the_server_alone(desk: Desk) -> None:
    async with started(desk.model()) as first:
        async with started(desk.model()) as second:
            assert second.attached and not first.attached
            assert await second.endpoint() == await first.endpoint() and second.pid == first.pid
        assert alive(pid_of(first)) and len(desk.starts) == 1


async def test_two_kefus_starting_at_once_share_one_server(desk: Desk) -> None:
    first, second = desk.model(), desk.model()
    try:
        await asyncio.gather(first.start(), second.start())
        assert sorted([first.attached, second.attached]) == [False, True]
        assert await first.endpoint() == await second.endpoint()
    finally:
        await asyncio.gather(first.stop(), second.stop())


async def test_attached_kefu_starts_its_own_when_the_owner_goes(desk: Desk) -> None:
    async with started(desk.model()) as first, started(desk.model()) as second:
        shared = await second.endpoint()
        await first.stop()
        assert (await other_endpoint(second, than=shared)).url != shared.url
        assert not second.attached and alive(pid_of(second))


async def test_attached_kefu_follows_a_restart(desk: Desk) -> None:
    async with started(desk.model()) as first, started(desk.model()) as second:
        shared = await second.endpoint()
        os.kill(pid_of(first), signal.SIGKILL)
        own = await other_endpoint(first, than=shared)
        assert await other_endpoint(second, than=shared) == own and second.attached


async def test_other_sizes_get_a_server_of_their_own(desk: Desk) -> None:
    async with started(desk.model()) as first, started(desk.model(slot_tokens=4096)) as second:
        assert not second.attached and second.pid != first.pid
        async with started(desk.model()) as third:
            assert third.pid == first.pid


async def test_stale_announcement_is_ignored(desk: Desk) -> None:
    async with started(desk.model()):
        stale = (desk.home / "model.json").read_text()
    (desk.home / "model.json").write_text(stale)
    async with started(desk.model()) as model:
        assert not model.attached and (desk.home / "model.json").read_text() != stale


PARENT = """
import asyncio, sys
from pathlib import Path
from kefu.local_model import LocalModel

async def main():
    file, home, *command = sys.argv[1:]
    extra = {"command": command} if command else {}
    model = LocalModel(Path(file), home=Path(home), slots=1, slot_tokens=1024, **extra)
    await model.start()
    print(model.pid, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


async def parent_killed(file: Path, home: Path, *command: str) -> int:
    """A Kefu of its own starts the model and is killed by SIGKILL; returns the model server's pid."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(file), str(home), *command, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    try:
        pid = int(await parent.stdout.readline())
        assert alive(pid)
    finally:
        parent.kill()
        await parent.wait()
    return pid


async def test_child_goes_when_kefu_is_killed(desk: Desk) -> None:
    pid = await parent_killed(desk.file, desk.home, *desk.model()._command)
    await eventually(lambda: not alive(pid))


def complete(endpoint: Endpoint) -> tuple[str, str | None]:
    """One streamed answer: its text and its finish_reason."""
    body = {
        "model": endpoint.model,
        "stream": True,
        "temperature": 0,
        "max_tokens": 24,
        "messages": [{"role": "user", "content": "Reply with the single word: jade"}],
    }
    headers = {"Authorization": f"Bearer {endpoint.api_key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{endpoint.url}/chat/completions", json.dumps(body).encode(), headers)
    text, finish = "", None
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
        for line in answer:
            if line.startswith(b"data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    text += choice["delta"].get("content") or ""
                    finish = choice["finish_reason"] or finish
    return text, finish


@pytest.mark.model
async def test_real_model_answers_again_after_a_kill_and_goes_with_kefu(model_file: Path, tmp_path: Path) -> None:
    async with started(LocalModel(model_file, home=tmp_path, slots=2, slot_tokens=1024)) as model:
        before = await model.endpoint()
        text, finish = await asyncio.to_thread(complete, before)
        assert "jade" in text.lower() and finish == "stop"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            await asyncio.to_thread(complete, Endpoint(before.url, "another key", before.model))
        os.kill(pid_of(model), signal.SIGKILL)
        text, finish = await asyncio.to_thread(complete, await other_endpoint(model, than=before))
        assert "jade" in text.lower() and finish == "stop"
    pid = await parent_killed(model_file, tmp_path / "other")
    await eventually(lambda: not alive(pid))


@pytest.mark.model
async def test_broken_model_file_is_refused_with_its_log_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ModelUnavailable, match=r"code 1.*model\.log"):
        await LocalModel(broken, home=tmp_path, slots=1, slot_tokens=1024).start()
    assert "failed to load model" in (tmp_path / "logs" / "model.log").read_text()
