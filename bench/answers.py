"""What the embedded model's answers are worth, and what each guard adds: is the language held, are the rules kept.

Walls: bench/answers_walls.py; grounding: bench/answers_grounding.py. What the model said is kept in
bench/results/recorded.jsonl, so that a run goes on where it was stopped, and is made again without the model when only
the guards changed. Prints tables and some failures; writes bench/results/answers.json, every answer in it.

    python -m bench.answers [--part walls|grounding] [--sample N] [--failures 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import answers_grounding, answers_walls, report
from bench.answers_desk import open_desk

PARTS = {"walls": answers_walls, "grounding": answers_grounding}


async def measure(parts: Sequence[str], sample: int | None) -> dict[str, Any]:
    """The results of each part."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_desk(Path(folder)) as desk:
            return {part: await PARTS[part].measure(desk, sample) for part in parts}


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    measured = [PARTS[part].markdown(results[part]) for part in PARTS if part in results]
    return "\n\n".join(["## Answers of the embedded model", "`python -m bench.answers`, temperature 0.", *measured])


def _failures(results: dict[str, Any], most: int) -> str:
    lines = []
    for part, result in results.items():
        for kind, rows in PARTS[part].failures(result).items():
            lines.append(f"\n{part}: {kind}: {len(rows)}")
            lines += [json.dumps(row, ensure_ascii=False) for row in rows[:most]]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, help="this part only; the other one's results stay as they are")
    parser.add_argument("--sample", type=int, metavar="N", help="questions of each language; in grounding, and of each "
                        "of the two kinds, with an answer and without")  # fmt: skip
    parser.add_argument("--failures", type=int, default=3, metavar="N", help="examples of each failure to print")
    args = parser.parse_args(argv)
    results = asyncio.run(measure([args.part] if args.part else list(PARTS), args.sample))
    print(_failures(results, args.failures))
    kept = report.RESULTS / "answers.json"
    before = json.loads(kept.read_text(encoding="utf-8"))["results"] if kept.exists() else {}
    report.save("answers", before | results)
    print(markdown(results))


if __name__ == "__main__":
    main()
