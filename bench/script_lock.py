"""What the script lock costs for each token, and what it keeps out: the same prompts with and without it, in turn.

Shoppers' questions of evals/main_job.yaml, each with the passage that answers it in a language of another script:
Chinese for English, Vietnamese and Thai, Thai for Chinese. The embedded model, one request at a time, temperature 0.
Speed is counted from the first token on. "with names" also allows the titles of all policies in the passage's
language: about as many foreign strings as a grammar may have.

    python -m bench.script_lock [--questions 8]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import yaml

from bench.report import save, table
from kefu import model_files, prompt
from kefu.config import ROOT, Settings
from kefu.languages import LANGUAGES
from kefu.llm import LLM, Finished, TextDelta
from kefu.local_model import LocalModel
from kefu.script_lock import Dialect, exceptions, foreign, grammar, probe, request_fields
from rag.passages import Passage, read_policies

WAYS = ("off", "on", "with names")
_SOURCE = {"en": "zh", "vi": "zh", "th": "zh", "zh": "th"}
_MAX_TOKENS = 120
_LONG = 20  # tokens from which a reply tells a speed


async def reply(llm: LLM, messages: Sequence[Mapping[str, str]], extra: Mapping[str, Any]) -> tuple[str, float | None]:
    """The text, and its tokens a second after the first one; None where it is too short to tell."""
    text, began = "", 0.0
    stream = llm.stream(messages, max_tokens=_MAX_TOKENS, temperature=0, extra=extra)
    async with aclosing(stream):
        async for piece in stream:
            if isinstance(piece, TextDelta):
                began = began or time.perf_counter()
                text += piece.text
            elif isinstance(piece, Finished):
                counted, took = piece.usage.completion, time.perf_counter() - began
    return text, (counted - 1) / took if counted >= _LONG else None


def prompts(each: int) -> list[tuple[str, list[dict[str, str]]]]:
    """Language and messages of the first questions of each language."""
    passages = {p.id: p for p in read_policies(ROOT / "policies")[0]}
    found, system = [], prompt.system_prompt(Settings(_env_file=None).shop_name)
    rows = yaml.safe_load((ROOT / "evals" / "main_job.yaml").read_text(encoding="utf-8"))
    for language, source in _SOURCE.items():
        for row in [row for row in rows if row["language"] == language][:each]:
            passage: Passage = passages[f"{source}/{row['policy']}#{row['section']}"]
            context = prompt.context([passage], [], LANGUAGES[language].name)
            found.append((language, prompt.messages(system, [prompt.Turn(context, row["text"])], "system")))
    return found


def names(language: str) -> list[str]:
    """Titles that are foreign to the language."""
    return exceptions(
        language, [p.title for p in read_policies(ROOT / "policies")[0] if p.language == _SOURCE[language]]
    )


def _counts() -> str:
    counts = sorted(len(names(language)) for language in _SOURCE)
    return f"{counts[0]}–{counts[-1]}"


def fields(language: str, way: str, dialect: Dialect) -> dict[str, Any]:
    """What a request carries."""
    if way == "off":
        return {}
    return request_fields(dialect, grammar(language, names(language) if way == "with names" else ()))


async def measure(each: int) -> dict[str, Any]:
    settings = Settings(_env_file=None)  # the defaults, as on a fresh machine
    file = model_files.find(settings.local_model, settings.cache)
    if file is None:
        sys.exit("The model is not here. Run `kefu model pull`.")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as home:
        model = LocalModel(file, home=Path(home), slots=1, slot_tokens=settings.local_slot_tokens)
        await model.start()
        llm = LLM(model.endpoint, connect_s=5, first_token_s=300, idle_s=120, total_s=600)
        try:
            began = time.perf_counter()
            dialect = await probe(llm)
            probe_s = time.perf_counter() - began
            assert dialect is not None
            for number, (language, messages) in enumerate(prompts(each)):
                row: dict[str, Any] = {"language": language}
                for way in WAYS[number % 3 :] + WAYS[: number % 3]:  # none is always the first to read the prompt
                    text, speed = await reply(llm, messages, fields(language, way, dialect))
                    row[way] = {"letters": len(foreign(language).findall(text)), "tokens_per_s": speed, "text": text}
                rows.append(row)
                print(f"  {number + 1}: {language}", file=sys.stderr)
        finally:
            await llm.close()
            await model.stop()
    return {"probe_s": round(probe_s, 2), "names": _counts(), "rows": rows}


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    rows, lines = results["rows"], []
    for way in WAYS:
        leaking = [row for row in rows if row[way]["letters"]]
        pairs = [(row[way]["tokens_per_s"], row["off"]["tokens_per_s"]) for row in rows]
        ratios = [speed / free for speed, free in pairs if speed and free]
        lines.append([
            way,
            f"{len(rows)}",
            f"{len(leaking)}",
            f"{sum(row[way]['letters'] for row in rows)}",
            f"{statistics.median(speed for speed, _ in pairs if speed):.1f}",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
        ])  # fmt: skip
    header = ["lock", "replies", "with foreign letters", "foreign letters", "tokens/s", "of that without, by prompt"]
    return (
        "### Script lock\n\nThe same prompts to the embedded model, passages in another script than the question; "
        f"medians. With names: {results['names']} foreign strings allowed. Whether the server takes a grammar was "
        f"asked in {results['probe_s']:.1f} s.\n\n{table(header, lines)}"
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=8, choices=range(1, 13), help="of each language")
    options = parser.parse_args(argv)
    results = asyncio.run(measure(options.questions))
    save("script_lock", results)
    print(markdown(results))


if __name__ == "__main__":
    main()
