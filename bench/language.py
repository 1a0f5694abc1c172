"""How often the language of a message is told right: Kefu's rule with each voice, and langdetect as a tutorial uses it.

Measured on our labelled messages under evals/, and on other people's data where a folder given with --data has it
(evals/language/README.md says which). Every sentence belongs to one of two halves by its hash: the rule was improved
on the errors of the dev half only, so the test half is what counts. The kinds that a folder lacks (short, caps, noise,
mixed, toneless) are made from its sentences. Conversations are simulated (bench/language_chats.py says how).

    python -m bench.language [--data DIR]… [--cell 300] [--chats 1500] [--errors VOICE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from bench import language_limits
from bench.language_chats import chats, follow
from bench.language_lines import KINDS, Line, lines
from kefu.languages import Voice, detect

RESULTS = Path(__file__).parent / "results" / "language.json"
VOICES = (Voice.ELD, Voice.LANGDETECT)
WAYS = {"eld": "Kefu, eld", "langdetect": "Kefu, langdetect", "plain": "langdetect alone"}
LANGUAGES = ("zh", "en", "vi", "th")
Detect = Callable[[str, str | None, str], str]


def plain(text: str, conversation: str | None, locale: str) -> str:
    """langdetect as a tutorial calls it: unseeded, all its languages, no memory; what raises is in no language."""
    from langdetect import LangDetectException  # type: ignore[import-untyped]
    from langdetect import detect as langdetect

    try:
        return str(langdetect(text)).split("-")[0]
    except LangDetectException:
        return ""


def rule(voice: Voice) -> Detect:
    return lambda text, conversation, locale: (
        detect(text, conversation=conversation, locale=locale or None, voice=voice).language
    )


def sampled(found: Iterable[Line], cell: int) -> list[Line]:
    """At most `cell` lines of each source, half, kind and language, chosen by hash."""
    cells: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in sorted(found, key=lambda line: hashlib.sha256(line.text.encode("utf-8")).digest()):
        cells[line.source, line.half, line.kind, line.language].append(line)
    return [line for part in cells.values() for line in part[:cell]]


def accuracy(found: list[Line], ways: dict[str, Detect]) -> list[dict[str, Any]]:
    """One row a cell: how many lines, and how many each way tells right without any context."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for line in found:
        names = ("source", "half", "kind", "language")
        key = (line.source, line.half, line.kind, line.language)
        row = rows.setdefault(key, dict(zip(names, key, strict=True)) | {"n": 0} | dict.fromkeys(ways, 0))
        row["n"] += 1
        for name, way in ways.items():
            row[name] += way(line.text, None, "") == line.language
    return list(rows.values())


def measure(folders: list[Path], cell: int, talks: int) -> dict[str, Any]:
    ways: dict[str, Detect] = {voice.value: rule(voice) for voice in VOICES} | {"plain": plain}
    every = lines(folders)
    found = sampled(every, cell)
    print(f"  {len(found)} of {len(every)} lines", file=sys.stderr)
    cells = accuracy(found, ways)
    said = [line for line in every if line.half == "test" and line.source in ("messages", "questions")]
    simulated = chats(said, talks)
    print(f"  {talks} conversations", file=sys.stderr)
    turns = {name: follow(simulated, way) for name, way in ways.items()}
    texts = [line.text for line in every if line.source == "messages"]
    limits = {
        voice.value: language_limits.cold_start(texts, voice)
        | language_limits.speed(texts, voice)
        | {"random": 2000, "raised": language_limits.raising(2000, voice)}
        for voice in VOICES
    }
    return {"cells": cells, "chats": {"conversations": talks, "turns": turns}, "limits": limits}


def _shares(rows: list[dict[str, Any]]) -> str:
    total = sum(row["n"] for row in rows)
    return " | ".join([str(total), *(f"{100 * sum(row[way] for row in rows) / total:.1f}" for way in WAYS)])


def _cells(rows: list[dict[str, Any]]) -> list[str]:
    """Share right by what is asked of them, by source, and by kind and language."""
    test = [row for row in rows if row["half"] == "test"]
    head = ["n", *WAYS.values()]
    lined = [f"| test half, % right | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    asked = (
        ("full, short, caps, noise, code-mixed", [row for row in test if row["kind"] != "toneless"]),
        ("toneless Vietnamese", [row for row in test if row["kind"] == "toneless"]),
    )
    lined += [f"| **{name}** | {_shares(part)} |" for name, part in asked if part]
    for source in dict.fromkeys(row["source"] for row in test):
        lined.append(f"| {source} | {_shares([row for row in test if row['source'] == source])} |")
    lined += ["", f"| kind, language | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for kind in KINDS:
        for language in LANGUAGES:
            if part := [row for row in test if row["kind"] == kind and row["language"] == language]:
                lined.append(f"| {kind} {language} | {_shares(part)} |")
    dev = [row for row in rows if row["half"] == "dev"]
    return [*lined, "", f"The dev half, for comparison: {_shares(dev).replace(' | ', ', ')}."]


def _chats(found: dict[str, Any]) -> list[str]:
    kinds = ("sentence", "switch", "sign")
    turns = found["turns"]
    counts = {kind: turns["plain"][kind][1] for kind in kinds}
    lined = ["| turns right, % | " + " | ".join(WAYS.values()) + " |", "|---" * (len(WAYS) + 1) + "|"]
    for kind in kinds:
        cells = [f"{100 * turns[way][kind][0] / turns[way][kind][1]:.1f}" for way in WAYS]
        lined.append(f"| {kind} ({counts[kind]}) | {' | '.join(cells)} |")
    total = sum(counts.values())
    cells = [f"{100 * sum(right for right, _ in turns[way].values()) / total:.1f}" for way in WAYS]
    lined.append(f"| **all ({total} turns of {found['conversations']} conversations)** | {' | '.join(cells)} |")
    return lined


def _limits(found: dict[str, dict[str, Any]]) -> list[str]:
    head = (
        "voice",
        "p50, µs",
        "p95, µs",
        "10,000 characters, µs",
        "MB added",
        "16 cold threads, twice: the same",
        "raised",
    )
    lined = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for voice, row in found.items():
        steady = f"{'yes' if row['identical'] else 'NO'} ({row['answers']} answers)"
        lined.append(
            f"| {voice} | {row['p50_us']:.0f} | {row['p95_us']:.0f} | {row['long_us']:.0f} "
            f"| {row['added_mb']:.0f} | {steady} | {row['raised']} of {row['random']} random texts |"
        )
    return lined


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    return "\n".join(
        ["### Language detection", "", *_cells(results["cells"]), "", *_chats(results["chats"]), "",
         *_limits(results["limits"])]
    )  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--cell", type=int, default=300, help="lines of each source, half, kind and language")
    parser.add_argument("--chats", type=int, default=1500)
    parser.add_argument("--errors", type=Voice, choices=VOICES, help="print what this voice misreads in the dev half")
    args = parser.parse_args(argv)
    if args.errors:
        for line in lines(args.data):
            found = detect(line.text, voice=args.errors)
            if line.half == "dev" and found.language != line.language:
                print(f"{line.source} {line.kind} {line.language}: {line.text!r} -> {found}")
        return
    results = measure(args.data, args.cell, args.chats)
    print(markdown(results))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    RESULTS.write_text(json.dumps({"date": date.today().isoformat(), "machine": machine, "results": results}, indent=1))


if __name__ == "__main__":
    main()
