"""Whether replies are in the shopper's language when the policies are in another one: each wall off and on.

Chinese policies for questions in English, Vietnamese and Thai, English ones for Chinese questions. The answer check is
off, and replies end after 120 tokens: a drift that begins later is not seen. The guard reads the very replies that the
walls before it gave, because the record says them again; only what it stops is asked anew. A reply is judged by
bench.answers_language, which shares nothing with the guard, and by the letters that kefu.script_lock calls foreign.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench import report
from bench.answers_desk import LANGUAGES, Desk, Question, for_each, questions
from bench.answers_language import OUTCOMES, Judged, judged
from kefu.config import ROOT
from kefu.languages import detect
from kefu.reply import Walls
from kefu.reply_guard import Drift, ReplyGuard
from kefu.script_lock import quoted
from rag.index import PolicyIndex
from rag.passages import read_policies

_EACH = 55  # questions of each language; about 12 of all find no policy, and so get no reply
_MAX_TOKENS = 120
_WALLS = {"none": (False, False), "lock": (False, True), "prompt": (True, False), "prompt + lock": (True, True)}
_GUARDED = " + guard"


async def measure(desk: Desk, sample: int | None) -> dict[str, Any]:
    """Counts by walls and language, speeds with and without the lock, what the guard stops that is right."""
    asked = _sampled(sample or _EACH)
    indexes = {language: _only(desk, language) for language in ("zh", "en")}
    lock = desk.limits.writing.walls.lock
    if lock is None:
        raise RuntimeError("the model server takes no grammar")

    async def under_all_walls(question: Question) -> list[Judged]:
        index = indexes["en" if question.language == "zh" else "zh"]
        found = []
        for guard in (False, True):
            for name, (prompt, locked) in _WALLS.items():
                walls = Walls(prompt, lock if locked else None, guard)
                writing = replace(desk.limits.writing, walls=walls, max_tokens=_MAX_TOKENS)
                limits = replace(desk.limits, answer_check=False, writing=writing)
                answer = await desk.ask(desk.assistant(index, limits), question)
                found.append(judged(name + (_GUARDED if guard else ""), answer))
        return found

    try:
        replies = await for_each("walls", asked, under_all_walls)
    finally:
        for index in indexes.values():
            index.close()
    replies = [reply for reply in replies if reply.answer.sources]  # else there is no reply to hold
    counts = Counter((r.walls, r.question.language, r.outcome, not r.letters) for r in replies)
    return {
        "n": len({r.question.id for r in replies}),
        "misread": sum(r.answer.language != r.question.language for r in replies if r.walls == "none"),
        "counts": [
            dict(zip(("walls", "language", "outcome", "clean"), key, strict=True)) | {"n": n}
            for key, n in counts.items()
        ],
        "speeds": desk.model.speeds(),
        "agreed": _agreed(replies),
        "guard": _alarms(replies) | {"policies": _policy_alarms()},
        "replies": [_row(reply) for reply in replies],
    }


def _sampled(each: int) -> list[Question]:
    of_each = ([q for q in questions() if q.language == language] for language in LANGUAGES)
    return [question for group in of_each for question in group[:each]]


def _only(desk: Desk, language: str) -> PolicyIndex:
    """The shop's policies as if they were written in this language alone."""
    policies = desk.folder / f"only-{language}"
    shutil.copytree(ROOT / "policies" / language, policies / language)
    return desk.index(f"index-{language}", policies)


def _agreed(replies: Iterable[Judged]) -> list[int]:
    """Of the replies without a guard that tell a language: how many kefu.languages.detect takes for the shopper's just
    where this judge does, and how many there are."""
    same = [
        (detect(r.answer.text, conversation=r.question.language).language == r.question.language)
        == (r.outcome != "wrong")
        for r in replies
        if _GUARDED not in r.walls and r.outcome in ("right", "letters", "wrong")
    ]
    return [sum(same), len(same)]


def _alarms(replies: Sequence[Judged]) -> dict[str, Any]:
    """What the guard stops of the replies that reach it, by how these are judged."""
    first = {(r.walls, r.question.id): r.outcome for r in replies if _GUARDED not in r.walls}
    reached = [(first[r.walls.removesuffix(_GUARDED), r.question.id], r.drift) for r in replies if _GUARDED in r.walls]
    of = {outcome: [bool(drift) for was, drift in reached if was == outcome] for outcome in OUTCOMES}
    return {"stopped": {outcome: [sum(hits), len(hits)] for outcome, hits in of.items() if hits}}


def _policy_alarms() -> list[int]:
    """How many of the policies' own passages the guard stops, read as replies, and how many there are."""
    passages = read_policies(ROOT / "policies")[0]
    return [sum(_stopped(p.language, p.text) for p in passages), len(passages)]


def _stopped(language: str, text: str) -> bool:
    guard = ReplyGuard(language, quoted(language, "", [text]))
    try:
        guard.feed(text)
        guard.end()
    except Drift:
        return True
    return False


def _row(reply: Judged) -> dict[str, Any]:
    return {
        "walls": reply.walls,
        "id": reply.question.id,
        "question": reply.question.text,
        "answer": reply.answer.text,
        "outcome": reply.outcome,
        "languages": sorted(reply.told),
        "letters": reply.letters,
        "stopped": reply.answer.traces.get("drift", []),
    }


def failures(results: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Replies by what is wrong with them."""
    rows: list[dict[str, Any]] = results["replies"]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["outcome"] in ("wrong", "letters", "given up"):
            found.setdefault(f"{row['outcome']}, {row['walls']}", []).append(row)
    right = {(row["walls"] + _GUARDED, row["id"]) for row in rows if row["outcome"] == "right"}
    return found | {"right, stopped": [row for row in rows if row["stopped"] and (row["walls"], row["id"]) in right]}


def markdown(results: Mapping[str, Any]) -> str:
    """The section of docs/quality.md."""
    counts: list[dict[str, Any]] = results["counts"]
    names = [name + guarded for guarded in ("", _GUARDED) for name in _WALLS]

    def share(walls: str, spoken: Iterable[str] = LANGUAGES, **wanted: object) -> str:
        of = [row for row in counts if row["walls"] == walls and row["language"] in spoken]
        n, hits = (sum(row["n"] for row in rows) for rows in (of, [r for r in of if wanted.items() <= r.items()]))
        return f"{100 * hits / n:.1f}" if n else "–"

    by_outcome = [
        [walls, *(share(walls, outcome=outcome) for outcome in OUTCOMES), share(walls, clean=True)] for walls in names
    ]
    by_language = [[walls, *(share(walls, [each], outcome="right") for each in LANGUAGES)] for walls in names]
    guard, speeds = results["guard"], results["speeds"]
    stopped = ", ".join(f"{hits} of {n} {OUTCOMES[outcome]}" for outcome, (hits, n) in guard["stopped"].items())
    held, passages = guard["policies"]
    same, told = results["agreed"]
    return "\n".join(
        [
            "### The reply's language is held",
            "",
            f"{results['n']} questions ({results['misread']} of them taken for another language), policies in another "
            "language than the question; shares in per cent.",
            "",
            report.table(["walls", *OUTCOMES.values(), "no wrong letter"], by_outcome),
            "",
            report.table(["right, by language", *LANGUAGES], by_language),
            "",
            f"The guard stopped, by what it read: {stopped}; and {held} of the {passages} passages of the policies. "
            f"`kefu.languages.detect` on the whole reply agrees with this judge on {same} of {told}. Decoding: "
            f"{speeds.get('free', 0):.1f} tokens/s free, {speeds.get('locked', 0):.1f} with the lock, "
            f"{speeds.get('ratio', 0):.2f} of it prompt by prompt (medians of {speeds['n']}, two answers at a time).",
        ]
    )
