"""The terminal: `python -m kefu …` as staff and scripts use it, against a scripted model and a real small shop."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kefu.cli import app, main
from kefu.config import ROOT, Settings
from kefu.desk import open_index
from kefu.languages import LANGUAGES
from tests.scripted import ScriptedModel, ThreadedModel, say
from tests.small_shop import ANSWER, RETURNS, small_shop, write_policy

QUESTION = "How many days do I have to return a dress?"
DOWN = "http://127.0.0.1:9/v1"  # nobody listens on the discard port
PARKING = "---\ntitle: Parking\n---\n## Cars\nParking is free for three hours.\n"
BAD = "---\ntitle: Bad\nregion: Mars\n---\n## A\nb\n"


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Kefu:
    """The command line in a small shop's home."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.home, self.policies = small_shop(folder), folder / "policies"
        self._monkeypatch, self._capfd = monkeypatch, capfd
        self._settings = {"KEFU_HOME": str(self.home), "KEFU_POLICIES": str(self.policies), "KEFU_LLM_RETRIES": "0"}
        self._settings["KEFU_SHOP_DATA"] = "none"  # nothing is sold: no test here waits for products

    def set(self, **settings: str) -> None:
        """From now on, these KEFU_* variables too."""
        self._settings |= settings

    def __call__(self, *command: str, stdin: str = "") -> Ran:
        """The command in this process: the imports of a new one take three seconds."""
        for name, value in self._settings.items():
            self._monkeypatch.setenv(name, value)
        self._monkeypatch.setattr(sys, "argv", ["kefu", *command])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        self._capfd.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return Ran(code, *self._capfd.readouterr())

    @contextmanager
    def start(self, *command: str, **streams: Any) -> Iterator[subprocess.Popen[str]]:
        """The command in a process of its own; its streams are pipes unless said otherwise. It ends with the block."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"} | self._settings
        line = [sys.executable, "-m", "kefu", *command]
        with subprocess.Popen(line, env=env, cwd=self.home, text=True, **(pipes | streams)) as process:
            try:
                yield process
            finally:
                process.kill()  # does nothing to one that has ended

    def process(self, *command: str, stdin: str = "") -> Ran:
        """The command in a process of its own, to its end."""
        with self.start(*command) as process:
            out, err = process.communicate(stdin, timeout=60)
        return Ran(process.returncode, out, err)


@pytest.fixture
def kefu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Kefu:
    return Kefu(tmp_path, monkeypatch, capfd)


@pytest.fixture
def model(kefu: Kefu) -> Iterator[ThreadedModel]:
    with ScriptedModel.in_thread(say(ANSWER)) as server:
        kefu.set(KEFU_LLM_URL=server.url)
        yield server


# detect


def test_detect_answers_a_batch_line_by_line(kefu: Kefu) -> None:
    kefu.set(KEFU_DEFAULT_LANGUAGE="th")
    batch = {
        "Can I return this dress?": "en",
        "Tôi muốn trả hàng": "vi",
        "คืนสินค้าได้ไหม": "th",
        "可以退货吗": "zh",
        '{"text": "ok", "conversation_language": "vi"}': "vi",
        '{"text": "12345", "locale": "zh-CN"}': "zh",
        '{"text": "12345", "conversation_language": null}': "th",
        "👍": "th",
        "": "th",
        "{broken": "en",
        '{"a":' * 3000: None,
        "我想退货" * 2500: "zh",
    }
    ran = kefu.process("detect", stdin="\n".join(batch) + "\n")
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.lines) == len(batch)
    for line, expected, found in zip(batch, batch.values(), ran.lines, strict=True):
        assert set(found) == {"language", "confidence", "reason"}
        assert found["language"] == expected or (expected is None and found["language"] in LANGUAGES), line[:40]


def test_detect_takes_an_argument_too(kefu: Kefu) -> None:
    ran = kefu("detect", "Tôi muốn trả hàng", stdin="not read")
    assert ran.code == 0 and ran.json["language"] == "vi" and 0.9 < ran.json["confidence"] <= 1 and ran.json["reason"]


@pytest.mark.parametrize("wrong", ['{"text": 7}', '{"locale": "th"}', '{"text": "hi", "locale": 7}'])
def test_a_query_of_the_wrong_kind_is_named_by_its_line(kefu: Kefu, wrong: str) -> None:
    ran = kefu("detect", stdin=f"hello there\n{wrong}\n")
    assert ran.code == 1 and "line 2" in ran.err
    assert len(ran.lines) == 1, "the good line before it was answered"


# index and passages


def test_index_says_what_it_added_changed_removed_and_kept(kefu: Kefu) -> None:
    assert kefu("index", "--json").json == {
        "added": [], "changed": [], "removed": [], "kept": 6, "problems": [],
        "products": {"looked": 0, "embedded": 0, "dropped": 0},
    }  # fmt: skip
    write_policy(kefu.policies, "en", "parking", PARKING)
    write_policy(kefu.policies, "en", "returns", RETURNS["en"].replace("30 days", "45 days"))
    (kefu.policies / "th" / "returns.md").unlink()
    ran = kefu("index")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "1 added, 1 changed, 2 removed, 3 kept"
    assert {line.strip() for line in ran.out.splitlines()[1:]} == {
        "added: en/parking#1", "changed: en/returns#1", "removed: th/returns#1", "removed: th/returns#2"
    }  # fmt: skip
    assert kefu("index", "--rebuild").out.splitlines()[0] == "5 added, 0 changed, 0 removed, 0 kept"


def test_a_bad_file_is_named_with_its_line_and_the_rest_is_indexed(kefu: Kefu) -> None:
    write_policy(kefu.policies, "en", "bad", BAD)
    write_policy(kefu.policies, "en", "parking", PARKING)
    ran = kefu.process("index", "--json")
    assert ran.code == 1 and "en/bad.md:3" in ran.err and "Traceback" not in ran.err
    assert ran.json["added"] == ["en/parking#1"] and ran.json["kept"] == 6
    [problem] = ran.json["problems"]
    assert (problem["source"], problem["line"]) == ("en/bad.md", 3) and "region" in problem["message"]


def test_another_store_and_other_policies_can_be_named(kefu: Kefu, tmp_path: Path) -> None:
    shutil.copytree(kefu.home / "chroma", tmp_path / "store")
    write_policy(tmp_path / "shop", "en", "parking", PARKING)
    elsewhere = ("--store", str(tmp_path / "store"), "--policies", str(tmp_path / "shop"))
    assert kefu("index", "--json", *elsewhere).json["added"] == ["en/parking#1"]
    assert kefu("passages", "Where can I park?", *elsewhere).json["passages"][0]["source"] == "en/parking.md"
    assert kefu("index", "--json").json["kept"] == 6, "the home's own store was touched"


def test_while_another_kefu_keeps_the_index_it_is_read_only(kefu: Kefu) -> None:
    other, _ = open_index(Settings(home=kefu.home, policies=kefu.policies))
    try:
        ran = kefu("index")
        assert ran.code == 0 and "nothing to do" in ran.err
        assert kefu("passages", QUESTION).json["passages"][0]["id"] == "en/returns#1"
        ran = kefu("index", "--rebuild")
        assert ran.code == 1 and "stop that one first" in ran.err
    finally:
        other.close()


def test_passages_of_a_question(kefu: Kefu) -> None:
    found = kefu("passages", "ค่าส่งคืนเท่าไร", "-k", "2").json["passages"]
    assert len(found) == 2
    assert set(found[0]) == {"id", "source", "heading", "language", "score", "text"}
    assert (found[0]["id"], found[0]["source"]) == ("th/returns#2", "th/returns.md") and "90" in found[0]["text"]
    assert kefu("passages", QUESTION, "-k", "1", "--language", "vi").json["passages"][0]["id"] == "vi/returns#1"
    assert kefu("passages", QUESTION, "-k", "0").code == 2


def test_passages_answers_a_batch_line_by_line(kefu: Kefu) -> None:
    batch = [QUESTION, "", json.dumps({"text": QUESTION, "language": "vi"}), "{broken", "👍"]
    ran = kefu("passages", "-k", "1", stdin="\n".join(batch))
    assert ran.code == 0 and len(ran.lines) == len(batch)
    first, empty, named, *_ = (line["passages"] for line in ran.lines)
    assert (first[0]["id"], empty, named[0]["id"]) == ("en/returns#1", [], "vi/returns#1")


# ask


def test_ask_prints_the_answer_and_what_it_rests_on(kefu: Kefu, model: ThreadedModel) -> None:
    ran = kefu("ask", QUESTION)
    assert (ran.code, ran.err) == (0, "")
    answer, first, *_ = ran.out.splitlines()
    assert answer == f"{ANSWER} [1]"
    assert first == "  [1] Returns › Time limit (en/returns#1)"


def test_an_answer_that_is_taken_back_is_marked_so(kefu: Kefu, model: ThreadedModel) -> None:
    model.answer([say("Of course you can. 您可以在签收后30天内退货。"), say(ANSWER)])
    ran = kefu("ask", QUESTION)
    before, after = ran.out.split("(taken back)")
    assert "退" not in before and after.strip().startswith(ANSWER)


def test_ask_json_keeps_its_contract_and_a_conversation_goes_on(kefu: Kefu, model: ThreadedModel) -> None:
    first = kefu("ask", QUESTION, "--json").json
    assert {"language", "answer", "sources", "citations", "tools", "timings"} <= set(first)
    assert (first["language"], first["answer"], first["tools"]) == ("en", ANSWER, [])
    assert first["sources"][0]["id"] == "en/returns#1" and first["citations"][0]["sources"] == [1]
    assert first["timings"]["total_ms"] > 0 and "trace" not in first
    again = kefu("ask", "And the fee in Thailand?", "--json", "--conversation", first["conversation"])
    assert again.json["conversation"] == first["conversation"]
    before, after = (r["messages"] for r in model.requests)
    assert after[: len(before)] == before


@pytest.mark.parametrize("id", ["nonsense", "0f7a4c7e-7a68-4d4b-9be2-2d1a6c4f7f11"])
def test_a_conversation_that_is_not_ones_own_is_a_sentence(kefu: Kefu, model: ThreadedModel, id: str) -> None:
    ran = kefu("ask", QUESTION, "--conversation", id)
    assert ran.code == 1 and ran.out == "" and len(ran.err.splitlines()) == 1 and id in ran.err
    assert model.requests == []


def test_trace_shows_every_step_so_that_it_can_be_copied(kefu: Kefu, model: ThreadedModel) -> None:
    ran = kefu.process("ask", QUESTION, "--trace")
    assert ran.code == 0 and ran.out.splitlines()[0] == f"{ANSWER} [1]"
    assert "language: en (" in ran.err and "n-grams" in ran.err
    steps = dict(read_steps(ran.err))
    assert steps["passages"]["found"]["en/returns#1"] > 0
    assert steps["request"]["messages"] == model.requests[0]["messages"]
    assert steps["model"]["finish_reason"] == "stop"
    assert steps["timings (ms)"]["first_token_ms"] <= steps["timings (ms)"]["total_ms"]
    assert steps["tokens"]["prompt"] == 120


def read_steps(trace: str) -> Iterator[tuple[str, Any]]:
    """Every "name: {JSON}" in a trace."""
    decoder = json.JSONDecoder()
    while ": {" in trace:
        before, _, after = trace.partition(": {")
        data, end = decoder.raw_decode("{" + after)
        yield before.splitlines()[-1], data
        trace = after[end - 1 :]


def test_only_the_trace_shows_what_a_model_thought(kefu: Kefu, model: ThreadedModel) -> None:
    model.answer(say(f"<think>Zebra crossing.</think>{ANSWER}"))
    plain, traced = kefu("ask", QUESTION), kefu("ask", "--trace", QUESTION)
    assert plain.out.startswith(f"{ANSWER} [1]\n") and traced.out == plain.out
    assert "thinking …" in plain.err and "Zebra" not in plain.out + plain.err
    assert "Zebra crossing.\n" in traced.err
    assert "Zebra" not in kefu("ask", "--json", QUESTION).out
    assert kefu("ask", "--json", "--trace", QUESTION).json["trace"]["thinking"] == "Zebra crossing."


def test_trace_goes_into_the_json_too(kefu: Kefu, model: ThreadedModel) -> None:
    ran = kefu("ask", QUESTION, "--trace", "--json")
    assert ran.json["trace"]["request"]["messages"] == model.requests[0]["messages"] and ran.err == ""


def test_an_unreachable_model_is_a_sentence_and_a_failure(kefu: Kefu) -> None:
    kefu.set(KEFU_LLM_URL=DOWN)
    ran = kefu("ask", "คืนสินค้าได้ภายในกี่วัน")
    first = ran.out.splitlines()[0]
    assert ran.code == 1 and any("\u0e00" <= c <= "\u0e7f" for c in first)
    ran = kefu("ask", QUESTION, "--json")
    assert ran.code == 1 and ran.json["status"] == "failed"
    assert [n["code"] for n in ran.json["notices"]] == ["model_unavailable"]
    assert ran.json["answer"] == ran.json["notices"][0]["text"]


@pytest.mark.parametrize("text", ["", "ก" * 4001])
def test_what_cannot_be_asked_is_a_sentence_and_a_failure(kefu: Kefu, model: ThreadedModel, text: str) -> None:
    ran = kefu("ask", text)
    assert ran.code == 1 and len(ran.out.splitlines()) == 1 and model.requests == []


# chat


def test_chat_answers_line_after_line_in_one_conversation(kefu: Kefu, model: ThreadedModel) -> None:
    ran = kefu.process("chat", stdin=f"{QUESTION}\nWhat is the return fee in Thailand?\n\nnot read\n")
    assert ran.code == 0 and ran.out.count(ANSWER) == 2
    before, after = (r["messages"] for r in model.requests)
    assert after[: len(before)] == before
    assert ran.err.startswith("Jade Lane, conversation ") and "Traceback" not in ran.err


def test_ctrl_c_stops_the_answer_and_at_the_prompt_the_chat(kefu: Kefu, model: ThreadedModel) -> None:
    keyboard, terminal = pty.openpty()
    with kefu.start("chat", stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        screen = Screen(keyboard)
        screen.until("> ")
        model.hold(after=4)
        os.write(keyboard, f"{QUESTION}\n".encode())
        screen.until(ANSWER[:5])
        process.send_signal(signal.SIGINT)
        screen.until("stopped")
        assert model.aborted.wait(5)
        model.release()
        screen.until("> ")
        os.write(keyboard, b"And how long do I have to return a hat?\n")
        screen.until(f"{ANSWER} [")
        screen.until("> ")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    os.close(keyboard)


class Screen:
    """What a terminal shows, read on from where the last look ended."""

    def __init__(self, terminal: int) -> None:
        self._terminal, self._shown = terminal, ""

    def until(self, text: str) -> None:
        while text not in self._shown:
            ready, _, _ = select.select([self._terminal], [], [], 30)
            read = b""
            with suppress(OSError):  # how Linux says that nobody holds the other end any more
                read = os.read(self._terminal, 4096) if ready else b""
            assert read, f"{text!r} did not come: {self._shown}"
            self._shown += read.decode(errors="replace")
        self._shown = self._shown.partition(text)[2]


# models, doctor, settings


def test_models_are_listed_and_the_missing_one_has_no_path(kefu: Kefu, tmp_path: Path) -> None:
    kefu.set(KEFU_CACHE=str(tmp_path / "cache"))
    models = kefu("model", "list", "--json").json["models"]
    assert [m["name"] for m in models if m["chosen"]] == ["qwen2.5-coder-1.5b"]
    assert all({"name", "file", "gigabytes", "licence", "about", "path"} <= set(m) for m in models)
    assert "kefu model pull qwen3-4b" in kefu("model", "list").out
    ran = kefu("model", "path")
    assert ran.code == 1 and ran.out == "" and "kefu model pull qwen2.5-coder-1.5b" in ran.err
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    ran = kefu("model", "path", str(tmp_path / "own.gguf"))
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'own.gguf'}\n")


def test_nothing_is_pulled_where_a_server_answers(kefu: Kefu, model: ThreadedModel, tmp_path: Path) -> None:
    kefu.set(KEFU_CACHE=str(tmp_path / "cache"))
    ran = kefu("model", "pull")
    assert ran.code == 0 and model.url in ran.out and not (tmp_path / "cache").exists()


def test_doctor_passes_a_good_shop_and_fails_one_whose_model_is_down(kefu: Kefu, model: ThreadedModel) -> None:
    kefu.set(KEFU_PORT="0")
    ran = kefu("doctor", "--json")
    assert ran.code == 0 and {f["state"] for f in ran.json["findings"]} == {"ok"}
    kefu.set(KEFU_LLM_URL=DOWN)
    ran = kefu("doctor", "--json")
    [wrong] = [f for f in ran.json["findings"] if f["state"] != "ok"]
    assert ran.code == 1 and (wrong["what"], wrong["state"]) == ("model", "wrong") and wrong["advice"]
    ran = kefu("doctor")
    line, advice = (line for line in ran.out.splitlines() if DOWN in line or "→" in line)
    assert ran.code == 1 and line.split()[:2] == ["wrong", "model"] and "KEFU_LLM_URL" in advice


def test_a_wrong_setting_is_one_sentence_without_a_traceback(kefu: Kefu) -> None:
    kefu.set(KEFU_PORT="x", KEFU_SECRET="hunter2")
    ran = kefu.process("doctor")
    assert ran.code == 1 and ran.out == ""
    assert len(ran.err.splitlines()) == 1 and "KEFU_PORT" in ran.err and "hunter2" not in ran.err


def test_a_home_that_cannot_be_used_is_one_sentence(kefu: Kefu, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    kefu.set(KEFU_HOME=str(tmp_path / "file"), KEFU_LLM_URL=DOWN)
    for command in (["ask", QUESTION], ["index"], ["passages", QUESTION]):
        ran = kefu(*command)
        assert ran.code == 1 and len(ran.err.splitlines()) == 1 and "KEFU_HOME" in ran.err


def commands() -> Iterator[list[str]]:
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        yield [name]
        yield from ([name, sub] for sub in getattr(command, "commands", {}))


def test_every_command_of_the_design_is_here() -> None:
    here = {" ".join(command) for command in commands()}
    assert here >= {"serve", "ask", "chat", "detect", "index", "passages", "doctor", "model list", "model pull"}


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_has_help(command: list[str]) -> None:
    ran = CliRunner().invoke(app, [*command, "--help"])
    assert ran.exit_code == 0 and "Usage:" in ran.output
    assert len([line for line in ran.output.splitlines() if line.strip()]) > 2, "it says nothing about itself"
