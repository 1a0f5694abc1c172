"""tau2's retail suite: the right actions of its tasks replayed through Kefu's tools and rules, without a model.

The shop of DIR/db.json is loaded into Kefu's own tables. A task passes when the whole database ends as the reference
(bench/tau2_reference.py) leaves it, field by field. Where Kefu departs from tau2 on purpose, the difference must be
exactly what the departure leads to. Prints a table, writes bench/results/tau2_retail.json, and exits with 1 when an
unexplained difference is left.

With --live a real model drives: it answers a model that plays the task's customer, and calls the tools itself
(bench/tau2_live.py). What is reported is pass^1, the share of talks that left the database as it should be. So far that
was tried with a scripted model only, not on a GPU.

    python -m bench.tau2_retail --data DIR [--tasks FILE]
    python -m bench.tau2_retail --data DIR --live --llm-url URL [--llm-model NAME] [--user-model NAME] [--trials N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import report, tau2_live
from bench.tau2_departures import DEPARTURES
from bench.tau2_suite import Suite, Task, Verdict, read_tasks
from kefu.events import ConfigError


async def measure(suite: Suite, tasks: Sequence[Task]) -> list[Verdict]:
    """Every task, each on a fresh copy of the shop."""
    verdicts = []
    for task in tasks:
        verdicts.append(await suite.replayed(task))
        print(f"  {task.id}: {verdicts[-1].how}", file=sys.stderr)
    return verdicts


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    rows = results["tasks"]
    counts = Counter(row["how"] for row in rows)
    records = sum(row["records"] for row in rows)
    numbers = [len(rows), counts["equal"], records, counts["explained"], counts["differs"]]
    lines = [
        "## tau2's retail suite",
        "",
        f"`python -m bench.tau2_retail`: the gold actions of {len(rows)} tasks through Kefu's tools, each change "
        "confirmed by code. *Equal*: the whole database (orders, customers, balances, products and what can be had of "
        "them) ends as tau2's, field by field; *records equal*: all of it but what can be had; *explained*: what "
        "differs is exactly what the departures below lead to.",
        "",
        report.table(["tasks", "equal", "records equal", "explained", "unexplained"], [list(map(str, numbers))]),
        "",
    ]
    if both := [row["task"] for row in rows if any(refusal["tau2"] for refusal in row["refused"])]:
        lines += [f"Actions that tau2 refuses are refused here too (tasks {', '.join(both)}).", ""]
    if departures := list(_departures(rows)):
        lines += [report.table(["departure", "what differs, and why", "tasks"], departures), ""]
    for row in rows:
        if row["how"] == "differs":
            lines += [f"Task {row['task']} differs:", "", *(f"- {line}" for line in row["differences"]), ""]
    return "\n".join(lines).rstrip()


def _departures(rows: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    for code, why in DEPARTURES.items():
        if tasks := [row["task"] for row in rows if code in row["departed"]]:
            yield [code, why, ", ".join(tasks)]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="holds db.json, and policy.md for --live"
    )
    parser.add_argument("--tasks", type=Path, metavar="FILE", help="default: DIR/tasks_train.json")
    parser.add_argument("--live", action="store_true", help="let a model drive")
    tau2_live.add_options(parser)
    options = parser.parse_args(argv)
    if options.live and not options.llm_url:
        parser.error("--live needs --llm-url")
    tasks = read_tasks(options.tasks or options.data / "tasks_train.json")
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(json.loads((options.data / "db.json").read_text(encoding="utf-8")), Path(folder))
        asyncio.run(_live(suite, tasks, options) if options.live else _replay(suite, tasks))


async def _replay(suite: Suite, tasks: Sequence[Task]) -> None:
    await suite.prepare()
    results = {"tasks": [asdict(verdict) for verdict in await measure(suite, tasks)]}
    report.save("tau2_retail", results)
    print(markdown(results))
    if any(row["how"] == "differs" for row in results["tasks"]):
        sys.exit(1)


async def _live(suite: Suite, tasks: Sequence[Task], options: argparse.Namespace) -> None:
    await suite.prepare()
    try:
        results = await tau2_live.measure(suite, tasks, options)
    except ConfigError as error:
        sys.exit(str(error))
    report.save("tau2_retail_live", results)
    print(tau2_live.markdown(results))


if __name__ == "__main__":
    main()
