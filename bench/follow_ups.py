"""Whether a question that leans on the ones before it finds its section: searched alone, always joined, by our rule.

Asked of the shop's own policies: the last messages of evals/follow_ups.yaml; "and to Thailand?" for every two
destinations; and to see what is dragged to what came before, questions that stand alone, after others on other topics:
those of evals/main_job.yaml, and the policies' own headings, which are short. The rule was tuned on one half of
follow_ups.yaml, by a hash of the id; the other half is what counts. Prints tables and writes
bench/results/follow_ups.json.

    python -m bench.follow_ups
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import yaml

from bench import report
from kefu.config import ROOT, Settings
from kefu.desk import open_index
from kefu.follow_up import DEPTH, merge, queries
from rag.index import Found
from rag.passages import read_policies

CUTS = (1, 2, 4)  # passages of a turn: the embedded model gets 2, a server's 4
DAY = date(2026, 10, 1)  # no sale is on
LANGUAGES = ("zh", "en", "vi", "th")
KINDS = {
    "detail": "another detail, same topic",
    "topic": "another topic, same question",
    "place": "another destination (made from patterns)",
    "fresh": "a new question that stands alone",
    "main job": "the same: main_job.yaml, after two others",
    "heading": "the same: a policy's heading, after another",
}
WAYS = {"alone": "the message alone", "joined": "always with the one before", "rule": "kefu/follow_up.py"}
# Destinations in the order of the sections of policies/*/shipping.md; questions; what follows on them.
PLACES = {
    "zh": (("国内", "越南", "泰国", "美国"), ("寄到{}运费多少", "发{}要几天"), ("那{}呢", "寄{}的话呢")),
    "en": (
        ("mainland China", "Vietnam", "Thailand", "Germany"),
        ("how much is shipping to {}?", "how long does delivery to {} take"),
        ("and to {}?", "what about {}"),
    ),
    "vi": (
        ("Trung Quốc", "Việt Nam", "Thái Lan", "Mỹ"),
        ("phí ship về {} bao nhiêu", "ship đi {} mất mấy ngày ạ"),
        ("còn {} thì sao", "thế {}?"),
    ),
    "th": (("จีน", "เวียดนาม", "ไทย", "อเมริกา"), ("ส่งไป{}ค่าส่งเท่าไหร่", "ส่ง{}กี่วันคะ"), ("แล้ว{}ล่ะ", "ไป{}ล่ะคะ")),
}
Search = Callable[[str, str], list[Found]]


@dataclass(frozen=True)
class Talk:
    """A shopper's messages, the last of which is searched, and the section that answers it."""

    kind: str
    language: str
    turns: Sequence[str]
    policy: str
    section: int
    half: str = ""  # of follow_ups.yaml


def talks() -> list[Talk]:
    """Everything that is asked, in a fixed order."""
    own = [
        Talk(t["kind"], t["language"], t["turns"], t["policy"], t["section"], _half(t["id"]))
        for t in _read("follow_ups")
    ]
    return [*own, *_other_places(), *_main_job(), *_headings()]


def _other_places() -> Iterator[Talk]:
    for language, (places, questions, follow_ups) in PLACES.items():
        for (_, before), (i, now) in permutations(enumerate(places, 1), 2):
            for question in questions:
                for follow_up in follow_ups:
                    turns = [question.format(before), follow_up.format(now)]
                    yield Talk("place", language, turns, "shipping", i)


def _main_job() -> Iterator[Talk]:
    for language in LANGUAGES:
        asked = [q for q in _read("main_job") if q["language"] == language]
        for i, q in enumerate(asked):
            others = [other["text"] for other in asked[i + 1 :] + asked[:i] if other["policy"] != q["policy"]]
            yield Talk("main job", language, [*others[:2], q["text"]], q["policy"], q["section"])


def _headings() -> Iterator[Talk]:
    asked = _read("main_job")
    passages, _ = read_policies(ROOT / "policies")
    for i, p in enumerate(passages):
        others = [q["text"] for q in asked if q["language"] == p.language and q["policy"] != p.policy]
        if p.in_force(DAY, ""):
            yield Talk("heading", p.language, [others[i % len(others)], p.heading], p.policy, p.section)


def _read(name: str) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = yaml.safe_load((ROOT / "evals" / f"{name}.yaml").read_text(encoding="utf-8"))
    return read


def _half(id: str) -> str:
    return "held out" if hashlib.sha256(id.encode()).digest()[0] % 2 else "tuned on"


def asked_of(way: str, turns: Sequence[str]) -> list[str]:
    """What a way searches for."""
    *earlier, last = turns
    return {"alone": [last], "joined": [f"{earlier[-1]}\n{last}"], "rule": queries(last, earlier)}[way]


def rank(talk: Talk, found: Iterable[Found]) -> int | None:
    """The place of the right section among the passages, from 1."""
    right = (talk.policy, talk.section)
    places = (n for n, hit in enumerate(found, 1) if (hit.passage.policy, hit.passage.section) == right)
    return next(places, None)


def measure(search: Search) -> list[dict[str, Any]]:
    """One row a kind, language and half: how many, and for each way how many were found among the first 1, 2 and 4;
    `searches` is how many the rule made."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for talk in talks():
        key = (talk.kind, talk.language, talk.half)
        row = rows.setdefault(key, dict(zip(("kind", "language", "half"), key, strict=True)) | {"n": 0, "searches": 0})
        row["n"] += 1
        row["searches"] += len(asked_of("rule", talk.turns))
        for way in WAYS:
            found = merge([search(text, talk.language) for text in asked_of(way, talk.turns)], max(CUTS))
            place = rank(talk, found)
            hits = row.setdefault(way, [0] * len(CUTS))
            row[way] = [hit + (place is not None and place <= cut) for hit, cut in zip(hits, CUTS, strict=True)]
    return list(rows.values())


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    rows = results["rows"]
    own = [row for row in rows if row["half"]]
    parts = [(KINDS[kind], [row for row in rows if row["kind"] == kind]) for kind in KINDS]
    halves = [(half, [row for row in own if row["half"] == half]) for half in ("tuned on", "held out")]
    by_kind = [
        _cells([title, language], [row for row in part if row["language"] == language])
        for title, part in parts
        for language in LANGUAGES
    ]
    total = [_cells([title, "all"], part) for title, part in parts]
    by_half = [_cells([f"follow_ups.yaml, {half}", "all"], part) for half, part in halves]
    header = ["the last message asks", "language", "n", *WAYS.values(), "searches"]
    return "\n".join(
        [
            "## Follow-up questions",
            "",
            "`python -m bench.follow_ups`: how often the section that answers the last message is among the first "
            "1 / 2 / 4 passages, in per cent, and how many searches the rule makes for a message. The rule was tuned "
            "on one half of `evals/follow_ups.yaml`; *held out* is the other.",
            "",
            report.table(header, [*total, *by_half]),
            "",
            report.table(header, by_kind),
        ]
    )


def _cells(title: list[str], rows: list[dict[str, Any]]) -> list[str]:
    n = sum(row["n"] for row in rows)
    shares = [[100 * sum(row[way][i] for row in rows) / n for i in range(len(CUTS))] for way in WAYS]
    searches = sum(row["searches"] for row in rows) / n
    return [*title, str(n), *(" / ".join(f"{share:.0f}" for share in way) for way in shares), f"{searches:.1f}"]


def main(argv: Sequence[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    with tempfile.TemporaryDirectory() as home:
        print("  indexing the policies", file=sys.stderr)
        index, _ = open_index(Settings(_env_file=None, home=Path(home)))
        try:
            rows = measure(lambda text, language: index.search(text, language=language, k=DEPTH, today=DAY))
        finally:
            index.close()
    results = {"rows": rows}
    report.save("follow_ups", results)
    print(markdown(results))


if __name__ == "__main__":
    main()
