"""`kefu doctor`: what is wrong is named, with what to do about it; looking changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kefu import doctor
from kefu.config import Settings
from kefu.doctor import Finding, below_minimum, examine
from tests.scripted import ScriptedModel, ThreadedModel, say
from tests.small_shop import RETURNS, write_policy

REFUSED = "127.0.0.1:9"  # nobody listens on the discard port


@pytest.fixture(scope="module")
def model() -> Iterator[ThreadedModel]:
    with ScriptedModel.in_thread(say("Hello."), api_key="sk-right") as server:
        yield server


@pytest.fixture
def settings(model: ThreadedModel, tmp_path: Path) -> Settings:
    """A shop with which everything is all right."""
    write_policy(tmp_path / "policies", "en", "returns", RETURNS["en"])
    return Settings(
        home=tmp_path / "home", policies=tmp_path / "policies", llm_url=model.url, llm_api_key="sk-right", port=0
    )


def found(settings: Settings, what: str, **changed: Any) -> Finding:
    """The one finding about something, with these settings changed."""
    about = [f for f in examine(Settings(**(settings.model_dump() | changed))) if f.what == what]
    assert len(about) == 1, about
    return about[0]


def test_a_shop_that_would_open_has_nothing_wrong_and_stays_untouched(settings: Settings) -> None:
    findings = list(examine(settings))
    assert {f.state for f in findings} == {"ok"}, findings
    assert [f.what for f in findings][:3] == ["python", "packages", "language"]
    assert not any(f.advice for f in findings)
    assert not settings.home.exists(), "looking made something"


def test_everything_wrong_comes_with_advice(settings: Settings) -> None:
    broken = settings.model_copy(
        update={
            "llm_url": f"http://{REFUSED}/v1",
            "embedding_url": f"http://{REFUSED}/v1",
            "chroma_url": f"http://{REFUSED}",
            "database_url": f"postgresql://kefu:hunter2@{REFUSED}/kefu",
            "policies": settings.policies / "none",
        }
    )
    findings = list(examine(broken))
    wrong = {f.what: f for f in findings if f.state != "ok"}
    assert set(wrong) == {"model", "embedding", "chroma", "database", "policies"}
    assert all(f.state == "wrong" and f.advice for f in wrong.values())
    for what, setting in (
        ("model", "KEFU_LLM_URL"),
        ("embedding", "KEFU_EMBEDDING_URL"),
        ("chroma", "KEFU_CHROMA_URL"),
        ("database", "KEFU_DATABASE_URL"),
        ("policies", "KEFU_POLICIES"),
    ):
        assert setting in wrong[what].advice
    assert "hunter2" not in repr(findings)


def test_a_model_server_that_refuses_the_key_is_told_from_one_that_is_down(settings: Settings) -> None:
    finding = found(settings, "model", llm_api_key="sk-wrong")
    assert finding.state == "wrong" and "KEFU_LLM_API_KEY" in finding.advice
    assert "sk-wrong" not in finding.said + finding.advice


def test_a_thinking_model_is_looked_at_where_it_is_set(settings: Settings, model: ThreadedModel) -> None:
    down = found(settings, "thinking", thinking_url=f"http://{REFUSED}/v1")
    assert down.state == "wrong" and "KEFU_THINKING_URL" in down.advice and "the ordinary model answers" in down.advice
    assert found(settings, "thinking", thinking_model="scripted").state == "ok", "on the ordinary model's server"
    assert "but not hybrid" in found(settings, "thinking", thinking_model="hybrid").said


def test_a_model_that_the_server_does_not_serve_is_named_with_those_it_does(settings: Settings) -> None:
    finding = found(settings, "model", llm_model="qwen3-4b")
    assert finding.state == "wrong" and "KEFU_LLM_MODEL" in finding.advice
    assert "scripted" in finding.said and "qwen3-4b" in finding.said
    assert found(settings, "model", llm_model="scripted").state == "ok"


@pytest.fixture
def web_page() -> Iterator[str]:
    """A server that is none of those Kefu can use: it answers everything with a page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if "heartbeat" in self.path else 200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

        def log_message(self, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_server_of_another_kind_is_not_taken_for_a_model_or_for_chroma(settings: Settings, web_page: str) -> None:
    assert "OpenAI-compatible" in found(settings, "model", llm_url=web_page).advice
    assert found(settings, "chroma", chroma_url=web_page).state == "wrong"


def test_an_embeddings_server_that_answers_is_all_right(settings: Settings, model: ThreadedModel) -> None:
    finding = found(settings, "embedding", embedding_url=model.url, embedding_api_key="sk-right")
    assert finding.state == "ok" and model.url in finding.said


def test_a_bad_policy_file_is_named_with_its_line_beside_what_is_good(settings: Settings) -> None:
    write_policy(settings.policies, "vi", "shipping", "---\ntitle: Giao hàng\nregion: Mars\n---\n## A\nb\n")
    bad, good = (f for f in examine(settings) if f.what == "policies")
    assert bad.state == "wrong" and bad.said.startswith("vi/shipping.md:3: region")
    assert good.state == "ok" and good.said.startswith("2 passages in en")


def test_a_folder_without_policies_is_wrong(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    finding = found(settings, "policies", policies=tmp_path / "empty")
    assert finding.state == "wrong" and "KEFU_POLICIES" in finding.advice


@pytest.mark.parametrize("url", ["hunter2", "mysql://kefu:hunter2@db/kefu", "postgresql://kefu:hunter2@db:port/kefu"])
def test_a_database_url_of_the_wrong_kind_is_named_without_its_password(settings: Settings, url: str) -> None:
    finding = found(settings, "database", database_url=url)
    assert finding.state == "wrong" and "KEFU_DATABASE_URL" in finding.advice
    assert "hunter2" not in finding.said + finding.advice


def test_a_listening_database_is_all_right(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        finding = found(settings, "database", database_url=f"postgresql://kefu:hunter2@127.0.0.1:{port}/kefu")
    assert finding.state == "ok" and str(port) in finding.said and "hunter2" not in finding.said


def test_a_taken_port_is_a_warning_only(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        finding = found(settings, "port", port=port)
    assert finding.state == "warning" and "KEFU_PORT" in finding.advice
    assert found(settings, "port", port=port).state == "ok"


def test_a_missing_model_file_is_a_warning_with_the_command_that_fetches_it(settings: Settings, tmp_path: Path) -> None:
    finding = found(settings, "model", llm_url="", cache=tmp_path / "cache")
    assert finding.state == "warning" and "kefu model pull" in finding.advice
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    finding = found(settings, "model", llm_url="", local_model=str(own))
    assert finding.state == "ok" and str(own) in finding.said


def test_a_file_that_is_no_model_does_not_end_the_examination(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"PK")
    findings = list(examine(settings.model_copy(update={"llm_url": "", "local_model": str(tmp_path / "own.gguf")})))
    assert [f.said for f in findings if f.state == "wrong" and "not a GGUF" in f.said]
    assert findings[-1].what == "port"


def test_a_home_that_cannot_be_written_to_is_wrong(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    finding = found(settings, "home")
    assert finding.state == "wrong" and "KEFU_HOME" in finding.advice


def test_a_package_with_a_known_fault_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert below_minimum() == []
    real = metadata.version
    monkeypatch.setattr(doctor, "version", lambda name: "2.9.5" if name == "chainlit" else real(name))
    finding = found(settings, "packages")
    assert finding.state == "wrong" and "chainlit 2.9.5 < 2.12.0" in finding.said


def test_a_language_voice_that_is_not_here_is_wrong(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    finding = found(settings, "language", language_voice="eld")
    assert finding.state == "wrong" and "KEFU_LANGUAGE_VOICE" in finding.advice
    assert "langdetect" in found(settings, "language").said


def test_the_env_file_in_force_is_named(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / "desk.env"))
    assert "no .env" in found(settings, "settings").said
    (tmp_path / "desk.env").write_text("KEFU_SHOP_NAME=Small\n")
    assert str(tmp_path / "desk.env") in found(settings, "settings").said
