"""The question files: every question is told apart, names a section that exists, and asks for numbers that it gives."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import yaml

from kefu.config import ROOT
from rag.passages import read_policies
from rag.tokens import numbers

LANGUAGES = ["zh", "en", "vi", "th"]
KINDS = ["shop", "neighbour", "offtopic"]
ANSWERABLE = ["id", "language", "text", "policy", "section", "numbers"]
PER_LANGUAGE = {"main_job": 12, "answerable": 32, "unanswerable": 18}


def questions(name: str) -> list[dict[str, Any]]:
    found = yaml.safe_load((ROOT / "evals" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found


ANSWERED = [q for name in ("main_job", "answerable") for q in questions(name)]
UNANSWERED = questions("unanswerable")


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """The text of each section, by "vi/returns#2"; the parts of an over-long one joined."""
    found: dict[str, str] = {}
    for p in read_policies(ROOT / "policies")[0]:
        key = f"{p.language}/{p.policy}#{p.section}"
        found[key] = f"{found.get(key, '')}\n{p.text}"
    return found


@pytest.mark.parametrize("name", PER_LANGUAGE)
def test_every_language_is_asked_equally_often(name: str) -> None:
    assert Counter(q["language"] for q in questions(name)) == dict.fromkeys(LANGUAGES, PER_LANGUAGE[name])


def test_no_two_questions_share_an_id_or_a_text() -> None:
    for field in ("id", "text"):
        counts = Counter(q[field] for q in ANSWERED + UNANSWERED)
        assert [value for value, n in counts.items() if n > 1] == []


def test_an_answerable_question_names_its_language_topic_and_section() -> None:
    for q in ANSWERED:
        assert list(q) == ANSWERABLE, q
        name = f"{q['language']}-{q['policy']}-{q['section']}"
        assert q["id"] == name or q["id"].startswith(f"{name}-"), q
        assert q["text"] == q["text"].strip() != "", q


def test_the_section_exists_and_gives_the_numbers_asked_for(sections: dict[str, str]) -> None:
    for q in ANSWERED:
        section = sections[f"{q['language']}/{q['policy']}#{q['section']}"]
        assert set(q["numbers"]) <= set(numbers(section)), (q, section)


def test_every_section_of_the_policies_is_asked_about(sections: dict[str, str]) -> None:
    asked = {(q["policy"], q["section"]) for q in ANSWERED}
    written = {(topic, int(n)) for topic, n in (key.split("/")[1].split("#") for key in sections)}
    assert written - asked == set()


def test_an_unanswerable_question_is_of_one_of_three_kinds_equally_often() -> None:
    for q in UNANSWERED:
        assert list(q) == ["id", "language", "text", "kind"], q
        assert q["id"].startswith(f"{q['language']}-{q['kind']}-"), q
        assert q["text"] == q["text"].strip() != "", q
    wanted = {(language, kind): 6 for language in LANGUAGES for kind in KINDS}
    assert Counter((q["language"], q["kind"]) for q in UNANSWERED) == wanted
