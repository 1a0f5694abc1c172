"""The main job, with nothing faked: real policies, real Chroma, the real embedded model, over REST and the terminal."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
import pytest
import yaml

from kefu.config import ROOT
from rag.tokens import numbers
from tests.real_kefu import RealKefu

pytestmark = pytest.mark.model

QUESTIONS = {q["id"]: q for q in yaml.safe_load((ROOT / "evals" / "main_job.yaml").read_text(encoding="utf-8"))}
ASKED = [
    "zh-tracking-4", "zh-payment-5", "en-returns-1", "en-shipping-4",
    "vi-returns-1", "vi-shipping-2", "th-refunds-2", "th-privacy-2",
]  # fmt: skip
SCRIPTS = {"zh": r"[\u4e00-\u9fff]", "th": r"[\u0e00-\u0e7f]", "vi": r"[a-zA-ZÀ-ỹđĐ]", "en": r"[a-zA-Z]"}
_ASIAN = r"[\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]"
FOREIGN = {"zh": SCRIPTS["th"], "th": SCRIPTS["zh"], "vi": _ASIAN, "en": _ASIAN}


def of(kind: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    return next(e for e in events if e["type"] == kind)


@pytest.mark.parametrize("id", ASKED)
def test_answer_is_in_the_shoppers_language_and_rests_on_the_policy(real_kefu: RealKefu, id: str) -> None:
    question = QUESTIONS[id]
    language = question["language"]
    events = real_kefu.ask(question["text"])
    done, sources = of("done", events), of("sources", events)["sources"]
    answer = done["answer"]
    assert done["status"] == "complete" and done["language"] == language
    letters = re.sub(r"[\W\d_]", "", answer)
    assert len(re.findall(SCRIPTS[language], letters)) > 0.7 * len(letters), answer
    assert not re.search(FOREIGN[language], answer), answer
    assert set(question["numbers"]) <= set(numbers(answer)), answer
    cited = {sources[n - 1]["id"] for c in done["citations"] for n in c["sources"]}
    assert f"{language}/{question['policy']}#{question['section']}" in cited, (cited, answer)
    assert "".join(e["text"] for e in events if e["type"] == "token").rstrip() == answer
    assert len([e for e in events if e["type"] == "token"]) > 3, "it did not come token by token"


def test_terminal_gives_the_same_answer_on_the_model_that_runs_already(real_kefu: RealKefu) -> None:
    question = QUESTIONS["th-privacy-2"]
    done = of("done", real_kefu.ask(question["text"]))
    said = real_kefu.cli("ask", "--json", question["text"])
    assert said.returncode == 0, said.stderr
    result = json.loads(said.stdout)
    assert result["language"] == "th" and result["answer"] == done["answer"]
    assert result["sources"][0]["id"] == "th/privacy#2"


def test_an_edited_policy_is_answered_from_without_a_restart(real_kefu: RealKefu) -> None:
    file = real_kefu.policies / "en" / "gift-cards.md"
    before = file.read_text(encoding="utf-8")
    assert "24 months" in before
    file.write_text(before.replace("24 months", "31 months"), encoding="utf-8")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = httpx.get(f"{real_kefu.url}/v1/passages", params={"q": "How long are gift cards valid?", "k": 1})
        if "31 months" in found.text:
            break
        time.sleep(0.2)
    assert "31 months" in of("done", real_kefu.ask("How long are gift cards valid?"))["answer"]
