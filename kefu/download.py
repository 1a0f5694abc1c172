"""Fetches one address into a file on disk: goes on where an earlier try stopped, and tries again after a cut.

Knows nothing of models. What it cannot fetch is a SourceFailed, in words; a full disk stays an OSError.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

Step = Callable[[int, int], None]  # bytes done, bytes in all (0: unknown)

_TIMEOUT = (5.0, 30.0)  # seconds: to connect (to each address of the host), and between two reads
_REACH_S = 6.0
_PAUSE_S = 1.0  # before the first retry; twice that before the next, and so on
_CHUNK = 1 << 16  # at most this much is lost in a cut


class SourceFailed(Exception):
    """This source does not give the file; another one may."""


class _Cut(SourceFailed):
    """The network failed or the server is in trouble: worth another try."""


def reachable(url: str) -> bool:
    """Whether anything answers at this address within seconds, however many addresses its host has to try: where a
    host is filtered, the connection limit of each adds up to a minute. The thread dies with the process."""
    answered = threading.Event()

    def ask() -> None:
        try:
            requests.head(url, timeout=_TIMEOUT, allow_redirects=False).close()
        except requests.RequestException:
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_REACH_S)
    return answered.is_set()


def fetch(url: str, part: Path, *, size: int = 0, retries: int = 3, step: Step | None = None) -> None:
    """Completes `part` from `url`. `size`, where known, is what the whole must have. `retries` counts failures in a
    row that brought no new byte."""
    failures = 0
    while True:
        had = length(part)
        try:
            return _fetch_once(url, part, size, step or (lambda done, total: None))
        except _Cut:
            failures = 0 if length(part) > had else failures + 1
            if failures > retries:
                raise
            time.sleep(_PAUSE_S * 2 ** max(failures - 1, 0))


def _fetch_once(url: str, part: Path, size: int, step: Step) -> None:
    had = length(part)
    if size and had == size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == 416 and not size:
                return  # nothing left after what we have: the caller's hash tells whether that is the whole
            start, total = _extent(answer, had)
            if size and total != size:  # a page of a hotel's network, or another file: not one byte of it is kept
                raise SourceFailed(f"offers {total:,} bytes where {size:,} are expected")
            with part.open("r+b" if part.exists() else "wb") as out:
                out.truncate(start)
                out.seek(start)
                for chunk in answer.iter_content(_CHUNK):
                    out.write(chunk)
                    step(out.tell(), total)
    except requests.RequestException as error:
        raise _Cut(_in_words(error)) from error
    if total and length(part) < total:
        raise _Cut("broke off in the middle")


def _extent(answer: requests.Response, had: int) -> tuple[int, int]:
    """Where the body belongs in the file, and how long the whole will be (0: the server does not say)."""
    if answer.status_code == 429 or answer.status_code >= 500:
        raise _Cut(f"answers {answer.status_code}")
    if answer.status_code == 206:
        span = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if not span or int(span[1]) != had:
            raise SourceFailed("answers with another range than was asked for")
        return had, 0 if span[2] == "*" else int(span[2])
    if answer.status_code != 200:
        raise SourceFailed(f"answers {answer.status_code}")
    return 0, int(answer.headers.get("Content-Length", 0))


def find_wheel(index: str, requirement: str) -> tuple[str, str]:
    """The address and the SHA-256 ("" where the index does not say) of `name==version`'s wheel in a PEP 503 index."""
    name, version = requirement.split("==")
    page = f"{index.rstrip('/')}/{name}/"
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
    retry = Retry(3, backoff_factor=_PAUSE_S / 2, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)
    try:
        with requests.Session() as session:
            session.mount(page, HTTPAdapter(max_retries=retry))
            answer = session.get(page, headers={"Accept": accept}, timeout=_TIMEOUT)
        if answer.status_code != 200:
            raise SourceFailed(f"answers {answer.status_code} for {name}")
        begin = f"{name.replace('-', '_')}-{version}-"
        for url, sha256 in _links(answer):
            file = unquote(urlsplit(url).path).rpartition("/")[2]
            if file.startswith(begin) and file.endswith(".whl"):
                return url, sha256
    except requests.RequestException as error:
        raise SourceFailed(_in_words(error)) from error
    raise SourceFailed(f"has no wheel of {requirement}")


def _links(answer: requests.Response) -> Iterator[tuple[str, str]]:
    if "json" in answer.headers.get("Content-Type", ""):
        for file in answer.json().get("files", []):
            yield urljoin(answer.url, file["url"]), file.get("hashes", {}).get("sha256", "")
        return
    page = _Anchors()
    page.feed(answer.text)
    for href in page.hrefs:
        url, fragment = urldefrag(urljoin(answer.url, href))
        yield url, fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hrefs += [value for name, value in attrs if tag == "a" and name == "href" and value]


def length(path: Path) -> int:
    """The file's length; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def sha256_of(path: Path, step: Step | None = None) -> str:
    digest, done, total = hashlib.sha256(), 0, length(path)
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
            done += len(chunk)
            if step:
                step(done, total)
    return digest.hexdigest()


def _in_words(error: requests.RequestException) -> str:
    match error:
        case requests.Timeout():
            return "does not answer in time"
        case requests.exceptions.SSLError():
            return f"is not trusted ({error})"
        case requests.exceptions.ProxyError():
            return "is not reachable through the configured proxy"
        case requests.exceptions.ChunkedEncodingError():
            return "broke off in the middle"
        case requests.ConnectionError():
            return "cannot be reached"
    return f"failed: {error}"
