"""The terminal as staff use it: real processes, a scripted model where an answer is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kefu.config import ROOT
from tests.scripted import ScriptedModel, ThreadedModel, fail, say

POLICY = "---\ntitle: Returns\n---\n## Time limit\nYou can return unused items within 30 days of delivery.\n"
MORE = "\n## Fee\nThe return fee in Thailand is 90 THB.\n"
ANSWER = "You can return unused items within 30 days of delivery."
QUESTION = "How many days do I have to return a dress?"


class Terminal:
    """Runs `kefu …` on a home and a policies folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.policies = folder / "policies"
        (self.policies / "en").mkdir(parents=True)
        self.returns = self.policies / "en" / "returns.md"
        self.returns.write_text(POLICY, encoding="utf-8")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("KEFU_")}
        self.env = clean | {"KEFU_HOME": str(folder / "home"), "KEFU_POLICIES": str(self.policies)}
        self.env |= {"KEFU_CACHE": str(folder / "cache"), "KEFU_LLM_RETRIES": "0"}

    def run(self, *args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kefu", *args]
        return subprocess.run(
            command, cwd=ROOT, env=self.env | env, input=stdin, capture_output=True, encoding="utf-8", timeout=120
        )

    def lines(self, *args: str, stdin: str = "", **env: str) -> list[dict[str, Any]]:
        done = self.run(*args, stdin=stdin, **env)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture(scope="module")
def model() -> Iterator[ThreadedModel]:
    with ScriptedModel.in_thread(say(ANSWER)) as model:
        yield model


def test_every_command_has_help(terminal: Terminal) -> None:
    shown = terminal.run("--help").stdout
    for command in ("serve", "ask", "chat", "detect", "index", "passages", "model", "doctor"):
        assert command in shown
    assert "pull" in terminal.run("model", "--help").stdout


def test_detect_reads_a_batch_and_answers_line_by_line(terminal: Terminal) -> None:
    asked = [
        "退货运费谁出", "👍", '{"text": "ok", "conversation_language": "vi"}', '{"text": "12345", "locale": "th-TH"}',
        "", "{not json, but a message", "คืนสินค้า" * 1200,
    ]  # fmt: skip
    found = terminal.lines("detect", stdin="\n".join(asked) + "\n")
    assert [f["language"] for f in found] == ["zh", "en", "vi", "th", "en", "th"]  # the empty line is no query
    assert all(set(f) == {"language", "confidence", "reason"} for f in found)
    assert terminal.lines("detect", "Đổi trả thế nào?")[0]["language"] == "vi"


def test_a_batch_query_without_text_is_refused_with_its_line(terminal: Terminal) -> None:
    done = terminal.run("detect", stdin='ok\n{"txt": "oops"}\n')
    assert done.returncode == 1 and "line 2" in done.stderr and "Traceback" not in done.stderr


def test_index_says_what_changed_and_embeds_only_that(terminal: Terminal, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    [first] = terminal.lines("index", "--json", "--store", store)
    assert first["added"] == ["en/returns#1"]
    terminal.returns.write_text(POLICY.replace("30", "45") + MORE, encoding="utf-8")
    [second] = terminal.lines("index", "--json", "--store", store)
    assert (second["changed"], second["added"], second["kept"]) == (["en/returns#1"], ["en/returns#2"], 0)
    terminal.returns.write_text(POLICY.replace("30", "45"), encoding="utf-8")
    third = terminal.run("index", "--store", store)
    assert third.stdout.splitlines()[0] == "0 added, 0 changed, 1 removed, 1 kept"


def test_a_bad_policy_is_named_with_its_line_and_the_rest_is_found(terminal: Terminal) -> None:
    bad = terminal.policies / "en" / "bad.md"
    bad.write_text("---\ntitle: Bad\neffective_from: someday\n---\n## A\nB\n", encoding="utf-8")
    done = terminal.run("index")
    assert done.returncode == 1 and "en/bad.md:3" in done.stderr
    assert terminal.lines("passages", QUESTION)[0]["passages"][0]["id"] == "en/returns#1"


def test_passages_reads_a_batch(terminal: Terminal) -> None:
    found = terminal.lines("passages", "-k", "1", stdin=f'{QUESTION}\n{{"text": "trả hàng", "language": "vi"}}\n')
    assert [len(f["passages"]) for f in found] == [1, 1]
    assert set(found[0]["passages"][0]) == {"id", "source", "heading", "language", "score", "text"}


def test_ask_prints_the_answer_its_trace_and_json(terminal: Terminal, model: ThreadedModel) -> None:
    url = {"KEFU_LLM_URL": model.url, "KEFU_PROMPT_LAYOUT": "system"}
    traced = terminal.run("ask", "--trace", QUESTION, **url)
    assert traced.returncode == 0 and f"{ANSWER} [1]" in traced.stdout and "en/returns#1" in traced.stdout
    for shown in ("language: en", "n-grams", '"found"', '"role": "system"', "first_token_ms", "completion"):
        assert shown in traced.stderr, shown
    [result] = terminal.lines("ask", "--json", QUESTION, **url)
    assert {"language", "answer", "sources", "citations", "tools", "timings", "conversation"} <= set(result)
    assert result["answer"] == ANSWER and result["citations"][0]["sources"] == [1]
    [again] = terminal.lines("ask", "--json", "And the fee?", "--conversation", result["conversation"], **url)
    assert again["conversation"] == result["conversation"]
    assert {"role": "assistant", "content": ANSWER} in model.requests[-1]["messages"]


def test_ask_in_an_unknown_conversation_is_a_sentence(terminal: Terminal, model: ThreadedModel) -> None:
    done = terminal.run("ask", "hi", "--conversation", "no-such", KEFU_LLM_URL=model.url)
    assert done.returncode == 1 and "no conversation no-such" in done.stderr and "Traceback" not in done.stderr


def test_ask_fails_with_a_sentence_when_the_model_is_away(terminal: Terminal, model: ThreadedModel) -> None:
    done = terminal.run("ask", "คืนสินค้าได้ภายในกี่วัน", KEFU_LLM_URL="http://127.0.0.1:9")
    assert done.returncode == 1 and any("\u0e00" <= c <= "\u0e7f" for c in done.stdout)
    assert "Traceback" not in done.stderr


def test_chat_answers_line_after_line_until_the_input_ends(terminal: Terminal, model: ThreadedModel) -> None:
    done = terminal.run("chat", stdin=f"{QUESTION}\nAnd the fee?\n", KEFU_LLM_URL=model.url)
    assert done.returncode == 0 and done.stdout.count(ANSWER) == 2, done.stderr


def test_models_are_listed_and_a_missing_file_is_a_sentence(terminal: Terminal) -> None:
    [listed] = terminal.lines("model", "list", "--json")
    assert [m["name"] for m in listed["models"] if m["chosen"]] == ["qwen2.5-coder-1.5b"]
    missing = terminal.run("model", "path")
    assert missing.returncode == 1 and "kefu model pull" in missing.stderr


def test_doctor_names_what_is_wrong_and_what_to_do(terminal: Terminal, model: ThreadedModel) -> None:
    fine = terminal.run("doctor", KEFU_LLM_URL=model.url, KEFU_PORT="0")
    assert fine.returncode == 0, fine.stdout
    sick = terminal.run("doctor", "--json", KEFU_LLM_URL="http://127.0.0.1:9", KEFU_CHROMA_URL="http://127.0.0.1:9")
    wrong = {f["what"]: f["advice"] for f in json.loads(sick.stdout)["findings"] if f["state"] == "wrong"}
    assert sick.returncode == 1 and set(wrong) == {"model", "chroma"} and "KEFU_LLM_URL" in wrong["model"]


def test_a_wrong_setting_is_one_sentence_with_its_name(terminal: Terminal) -> None:
    done = terminal.run("doctor", KEFU_PORT="eight")
    assert done.returncode == 1 and "KEFU_PORT" in done.stderr and "Traceback" not in done.stderr


def test_a_refusing_model_server_is_no_traceback(terminal: Terminal, model: ThreadedModel) -> None:
    model.answer(fail(401, {"error": "Unauthorized"}))
    done = terminal.run("ask", QUESTION, KEFU_LLM_URL=model.url)
    model.answer(say(ANSWER))
    assert done.returncode == 1 and "Traceback" not in done.stderr
