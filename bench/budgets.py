"""Whether the price that a shopper names is understood: its bounds and its currency, exactly, and no bound where there
is none. Asked: evals/budgets.yaml, whose odd ids were looked at while the rules were written; the even ones count.

    python -m bench.budgets
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from bench import report
from kefu.config import ROOT
from kefu.wants.budgets import budget
from shop.money import Money

LANGUAGES = ("zh", "en", "vi", "th")
HALVES = ("looked at", "held out")
MARKETS = {"CN": "CNY", "VN": "VND", "TH": "THB"}  # elsewhere one pays in dollars
_TIMES = 5


def half(id: str) -> str:
    """By the number at the id's end."""
    return HALVES[int(id.rpartition("-")[2]) % 2 == 0]


def right(row: dict[str, Any]) -> bool:
    found = budget(row["text"], MARKETS.get(row["market"], "USD"))
    wanted = [Money.of(row[side], row["currency"]) if row[side] is not None else None for side in ("min", "max")]
    return (found is not None) == any(wanted) and (found is None or [found.lowest, found.highest] == wanted)


def measure(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    shares = []
    for part in HALVES:
        for language in (*LANGUAGES, "all"):
            of = [row for row in rows if half(row["id"]) == part and language in (row["language"], "all")]
            none = [row for row in of if row["min"] is None and row["max"] is None]
            shares.append(
                {
                    "half": part, "language": language, "n": len(of), "right": sum(map(right, of)),
                    "none": len(none), "none_right": sum(map(right, none)),
                }
            )  # fmt: skip
    spent = []
    for row in [*rows] * _TIMES:
        began = time.perf_counter()
        budget(row["text"], "USD")
        spent.append(1000 * (time.perf_counter() - began))
    wrong = [row["id"] for row in rows if half(row["id"]) == HALVES[0] and not right(row)]
    return {"rows": shares, "wrong": wrong, "ms": [float(np.percentile(spent, p)) for p in (50, 95)]}


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    header = ["messages", "language", "n", "right", "of those without a price", "right"]
    lines = [
        [row["half"], row["language"], str(row["n"]), _share(row["right"], row["n"]), str(row["none"]),
         _share(row["none_right"], row["none"])]
        for row in results["rows"]
    ]  # fmt: skip
    return "\n\n".join(
        [
            "## What a shopper wants to spend",
            "`python -m bench.budgets`: both bounds and the currency are what the message says. *Held out*: half of "
            "`evals/budgets.yaml`, which nobody looked at while the rules were written.",
            report.table(header, lines),
            "A message takes {:.2f} ms, p95 {:.2f}.".format(*results["ms"]),
        ]
    )


def _share(part: int, of: int) -> str:
    return f"{part / of:.1%}" if of else "–"


def main(argv: Sequence[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    rows = yaml.safe_load((ROOT / "evals" / "budgets.yaml").read_text(encoding="utf-8"))
    results = measure(rows)
    report.save("budgets", results)
    print(markdown(results))
    for row in (row for row in rows if row["id"] in results["wrong"]):
        print(f"  looked at, and wrong: {row} {budget(row['text'], MARKETS.get(row['market'], 'USD'))}")


if __name__ == "__main__":
    main()
