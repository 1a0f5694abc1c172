"""What answers from the shop's own policies are worth: cited, with the right numbers, declined where none can be had.

Every question is asked twice: with the desk's default settings, and as the raw model alone would do, with no answer
check, guard or notices of ours. What it wrote is the same where both let it write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench import report
from bench.answers_desk import LANGUAGES, Answer, Desk, Question, for_each, questions
from bench.answers_worth import worth
from kefu.config import ROOT
from kefu.reply import Walls

_MAX_TOKENS = 160
KINDS = ("shop", "neighbour", "offtopic")
Row = dict[str, Any]
_ANSWERABLE = {
    "found": "passage found",
    "answered": "answered",
    "declined": "wrongly declined",
    "says_no": "declined in its own words",
    "cited": "cited",
    "cited_right": "the right section",
    "numbers_right": "all numbers wanted",
    "invented": "a number invented",
    "corrected": "closed with a correction",
    "corrected_wrongly": "… though right",
}
_UNANSWERABLE = {
    "declined": "declined by the check",
    "given_up": "given up",
    "corrected": "closed with a correction",
    "offered": "cites nothing; with the guards, offers a person",
    "says_no": "declined in its own words",
    "as_if_known": "answered as if known",
    "invented": "a number invented",
    "misled": "… and not corrected",
}


async def measure(desk: Desk, sample: int | None) -> dict[str, Any]:
    """One row a question: what came of it with the guards on, and of the raw model."""
    asked = _sampled(sample)
    index = desk.index("index", ROOT / "policies")
    default = replace(desk.limits, writing=replace(desk.limits.writing, max_tokens=_MAX_TOKENS))
    alone = replace(
        default,
        answer_check=False,
        writing=replace(
            default.writing,
            walls=Walls(default.writing.walls.prompt, default.writing.walls.lock, guard=False),
            unsupported_numbers="ignore",
        ),
    )

    async def with_and_without(question: Question) -> list[Row]:
        guarded = await desk.ask(desk.assistant(index, default), question)
        return [row(guarded, await desk.ask(desk.assistant(index, alone), question))]

    try:
        rows = await for_each("grounding", asked, with_and_without)
    finally:
        index.close()
    return {"rows": rows}


def _sampled(each: int | None) -> list[Question]:
    found = questions()
    groups = [
        [q for q in found if q.language == language and (q.kind == "answerable") is answerable]
        for language in LANGUAGES
        for answerable in (True, False)
    ]
    return [question for group in groups for question in group[:each]]


def row(guarded: Answer, alone: Answer) -> Row:
    """What both answers to a question are worth."""
    question = guarded.question
    check = guarded.traces.get("answerable", [{}])[0]
    return {
        "id": question.id,
        "language": question.language,
        "kind": question.kind,
        "question": question.text,
        "counted": bool(question.numbers),
        "sources": [source.id for source in guarded.sources],
        "check": check,
        "on": worth(guarded),
        "off": worth(alone),
    }


def failures(results: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Answers by what is wrong with them."""
    rows: list[Row] = results["rows"]
    answerable = [row for row in rows if row["kind"] == "answerable"]
    others = [row for row in rows if row["kind"] != "answerable"]

    def answered(key: str, among: Iterable[Row], value: bool = True) -> list[Row]:
        return [row for row in among if row["on"]["answered"] and row["on"][key] is value]

    return {
        "answerable, not found": [row for row in answerable if not row["on"]["found"]],
        "answerable, declined though found": [r for r in answerable if r["on"]["declined"] and r["on"]["found"]],
        "answerable, not cited": answered("cited", answerable, False),
        "answerable, cited another section": [
            r for r in answered("cited", answerable) if r["on"]["found"] and not r["on"]["cited_right"]
        ],
        "answerable, wrong numbers though found": [
            r for r in answered("numbers_right", answerable, False) if r["counted"] and r["on"]["found"]
        ],
        "answerable, right but corrected": answered("corrected_wrongly", answerable),
        "answerable, invented number": answered("invented", answerable),
        "unanswerable, invented number not corrected": answered("misled", others),
        "unanswerable, answered as if known": answered("as_if_known", others),
        "unanswerable, cites though it declines": [r for r in answered("says_no", others) if r["on"]["cited"]],
        "given up": [row for row in rows if row["on"]["given_up"]],
    }


def markdown(results: Mapping[str, Any]) -> str:
    """The section of docs/quality.md."""
    rows: list[Row] = results["rows"]
    answerable = [row for row in rows if row["kind"] == "answerable"]
    others = [row for row in rows if row["kind"] != "answerable"]
    by_language = [(language, [r for r in others if r["language"] == language]) for language in LANGUAGES]
    by_kind = [(kind, [row for row in others if row["kind"] == kind]) for kind in KINDS]
    return "\n".join(
        [
            "### Grounding",
            "",
            "Shares of the questions in per cent: the desk as it is / the raw model. *All numbers wanted*: of the "
            "questions that want some.",
            "",
            _table(
                "answerable",
                _ANSWERABLE,
                [
                    *((each, [r for r in answerable if r["language"] == each]) for each in LANGUAGES),
                    ("all", answerable),
                ],
            ),
            "",
            _table("unanswerable", _UNANSWERABLE, [*by_language, *by_kind, ("all", others)]),
        ]
    )


def _table(what: str, asked: Mapping[str, str], groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """A row for everything asked, a column for every group."""
    header = [what, *(f"{name} ({len(group)})" for name, group in groups)]
    return report.table(
        header, [[title, *(_shares(key, group) for _, group in groups)] for key, title in asked.items()]
    )


def _shares(key: str, rows: Sequence[Row]) -> str:
    rows = [row for row in rows if row["counted"]] if key == "numbers_right" else rows
    if not rows:
        return "–"
    return " / ".join(f"{100 * sum(row[side][key] for row in rows) / len(rows):.0f}" for side in ("on", "off"))
