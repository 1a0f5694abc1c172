"""Thinking in the text: told from the answer wherever the pieces are cut, with and without an opening tag."""

from __future__ import annotations

import pytest

from kefu.completion import Completion, ReasoningDelta, TakenBack, TextDelta
from kefu.think_tags import Kind, ThinkTags
from tests.scripted import chunk

Told = tuple[str, str]  # thinking, answer


def told(tags: ThinkTags, pieces: list[str]) -> Told:
    """What stands in the end, as somebody has it who forgets what is taken back."""
    thinking = answer = ""
    for kind, text in [*(part for piece in pieces for part in tags.feed(piece)), *tags.end()]:
        if kind is Kind.THINKING:
            thinking += text
        else:
            answer = "" if kind is Kind.TAKEN_BACK else answer + text
    return thinking, answer


@pytest.mark.parametrize(
    ("opened", "text", "expected"),
    [
        pytest.param(False, "30 days.", ("", "30 days."), id="no thinking"),
        pytest.param(False, "<think>\nHm.\n</think>\n\n30 days.", ("\nHm.\n", "30 days."), id="both tags"),
        pytest.param(False, "<think>\n\n</think>\n\n30 days.", ("\n\n", "30 days."), id="nothing thought"),
        pytest.param(True, "Hm.\n</think>\n\n30 days.", ("Hm.\n", "30 days."), id="opened in the prompt"),
        pytest.param(True, "<think>Hm.</think>30 days.", ("Hm.", "30 days."), id="opened twice"),
        pytest.param(True, "Hm, 45 days", ("Hm, 45 days", ""), id="never closed"),
        pytest.param(False, "<think>Hm, 45 days", ("Hm, 45 days", ""), id="opened and never closed"),
        pytest.param(False, "Hm, 45.</think> 30 days.", ("", "30 days."), id="opened in the prompt, which nobody knew"),
        pytest.param(False, "1 < 2, a <thin line", ("", "1 < 2, a <thin line"), id="no tag at all"),
        pytest.param(False, "30 days.<", ("", "30 days.<"), id="ends like a tag begins"),
        pytest.param(False, " \n</think>\n30 days.", ("", "30 days."), id="only the end of a tag"),
        pytest.param(False, "<think>a</think>b<think>c</think>d", ("ac", "bd"), id="thinks twice"),
    ],
)
def test_thinking_is_told_from_the_answer_wherever_the_text_is_cut(opened: bool, text: str, expected: Told) -> None:
    for size in range(1, len(text) + 1):
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        thinking, answer = told(ThinkTags(opened), pieces)
        assert (thinking, answer.lstrip()) == expected, size


def test_an_answer_is_given_at_once_and_only_what_may_be_a_tag_is_held() -> None:
    tags = ThinkTags()
    assert tags.feed("30 ") == [(Kind.ANSWER, "30 ")]
    assert tags.feed("days</th") == [(Kind.ANSWER, "days")]
    assert tags.feed("e end") == [(Kind.ANSWER, "</the end")]


def test_a_server_that_sends_thinking_by_itself_sends_the_answer_as_text() -> None:
    completion, data = Completion(thinks=True), []
    for delta in ({"reasoning": "Hm."}, {"content": "\n\n"}, {"content": "30 "}, {"content": "days."}):
        data += completion.add(chunk(delta)[6:].decode())
    assert data == [ReasoningDelta("Hm."), TextDelta("30 "), TextDelta("days.")]


def test_what_was_given_as_an_answer_and_was_thinking_is_taken_back() -> None:
    completion, data = Completion(), []
    for text in ("Hm, 45 ", "days.</think>", "30 days."):
        data += completion.add(chunk({"content": text})[6:].decode())
    assert data == [TextDelta("Hm, 45 "), TextDelta("days."), TakenBack(), TextDelta("30 days.")]
