"""Whether a question about orders becomes the right tool call: by Kefu's own code, and called by the model itself.

    python -m bench.tool_calls [--path portable|native|both] [--limit N] [--native-every N]

Asks evals/order_questions.yaml of the demo shop, each in a conversation of its own, on the embedded model. Right is:
the tool and the arguments that the file names; for a policy question no tool at all.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import yaml

from bench import report
from kefu.chat import Incoming
from kefu.config import ROOT, Settings
from kefu.desk import Desk, open_desk
from kefu.events import Done, ToolFinished, ToolStarted
from kefu.tools.tool import BadCall
from shop.numbers import canonical
from shop.views import Order

LANGUAGES = ("zh", "en", "vi", "th")


async def ask(desk: Desk, question: dict[str, Any]) -> dict[str, Any]:
    """One question and what came of it."""
    conversation = await desk.conversations.start(f"customer:{question['customer']}")
    calls: list[dict[str, Any]] = []
    began, answer = time.perf_counter(), ""
    async with aclosing(desk.assistant.reply(conversation, Incoming(question["text"]))) as events:
        async for event in events:
            if isinstance(event, ToolStarted):
                calls.append({"tool": event.tool, "arguments": event.arguments, "refused": ""})
            elif isinstance(event, ToolFinished):
                calls[-1]["refused"] = event.refused
                if event.tool in (question["tool"] or (event.tool,)):
                    break  # what is then said of it is not measured here
            elif isinstance(event, Done):
                answer = event.answer
    taken = (time.perf_counter() - began) * 1000
    return {"id": question["id"], "calls": calls, "ms": round(taken), "answer": answer}


async def fault(desk: Desk, question: dict[str, Any], outcome: dict[str, Any]) -> str:
    """What is wrong with what came of a question; "" for nothing."""
    calls = outcome["calls"]
    if question["tool"] is None:
        return f"called {calls[0]['tool']}" if calls else ""
    if not calls:
        return "no call"
    right = [call for call in calls if call["tool"] in question["tool"]]
    if not right:
        return f"called {calls[-1]['tool']}"
    wanted, given = question["arguments"], right[-1]["arguments"]
    if "order_number" in wanted and canonical(str(given.get("order_number", ""))) != wanted["order_number"]:
        return f"order {given.get('order_number')}"
    if "reason" in wanted and given.get("reason") != wanted["reason"]:
        return f"reason {given.get('reason')}"
    if "address" in wanted and wanted["address"] not in str(given.get("address")):
        return "another address"
    if "items" in wanted:
        order = await desk.shop.orders.of(question["customer"]).get(wanted["order_number"])
        return await _items_fault(desk, order, wanted, given)
    return ""


async def _items_fault(desk: Desk, order: Order, wanted: dict[str, Any], given: dict[str, Any]) -> str:
    products = {item.id: item.product for item in order.items}
    named = [products.get(item, "?") for item in given.get("item_ids", [])]
    if sorted(product.rpartition("-")[0] for product in named) != sorted(wanted["items"]):
        return f"items {named}"
    for variant in given.get("new_variant_ids", []) if "variant" in wanted else []:
        product = await desk.shop.catalogue.variant(variant)
        options = next((v.options for v in product.variants if v.id == variant), {}) if product else {}
        wrong = {
            k: v for k, v in wanted["variant"].items() if options.get(k, {}).get("en", "").casefold() != v.casefold()
        }
        if wrong:
            return f"variant {variant}"
    return ""


async def measure(path: str, questions: Sequence[dict[str, Any]], home: Path) -> dict[str, Any]:
    """All questions by one path."""
    settings = Settings(
        home=home, tools=path, llm_temperature=0.0, llm_first_token_timeout_s=300,
        llm_idle_timeout_s=120, llm_total_timeout_s=600,
    )  # fmt: skip
    rows = []
    async with open_desk(settings) as desk:
        for question in questions:
            try:
                outcome = await ask(desk, question)
                wrong = await fault(desk, question, outcome)
            except BadCall as error:
                outcome, wrong = {"id": question["id"], "calls": [], "ms": 0}, str(error)
            print(f"{path} {question['id']}: {wrong or 'right'}", file=sys.stderr, flush=True)
            rows.append(
                outcome | {"language": question["language"], "wrong": wrong, "policy": question["tool"] is None}
            )
    return {"path": path, "rows": rows}


def markdown(results: dict[str, Any]) -> str:
    """The table, and what went wrong."""
    lines = [
        "## Tool calls",
        "",
        "Questions about a shopper's own orders in the demo shop (evals/order_questions.yaml), on the embedded model:",
        "by Kefu's own code (*portable*), and called by the model itself (*native*). Right: tool and arguments.",
        "",
    ]
    lines += ["| path | " + " | ".join(LANGUAGES) + " | orders | policy questions left alone | ms, median |"]
    lines.append("|---|" + "---|" * (len(LANGUAGES) + 3))
    for measured in results["paths"]:
        rows = measured["rows"]
        orders, policy = [r for r in rows if not r["policy"]], [r for r in rows if r["policy"]]
        cells = [_share([r for r in orders if r["language"] == language]) for language in LANGUAGES]
        times = sorted(r["ms"] for r in orders)
        middle = times[len(times) // 2] if times else 0
        cells += [_share(orders), _share(policy), f"{middle:,}"]
        lines.append(f"| {measured['path']} | " + " | ".join(cells) + " |")
    for measured in results["paths"]:
        wrong = Counter(r["wrong"] for r in measured["rows"] if r["wrong"])
        told = "; ".join(f"{what} ({count})" for what, count in wrong.most_common(6)) or "nothing"
        lines.append(f"\nWrong, {measured['path']}: {told}.")
    return "\n".join(lines)


def _share(rows: Sequence[dict[str, Any]]) -> str:
    return f"{sum(not r['wrong'] for r in rows)}/{len(rows)}"


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", choices=("portable", "native", "both"), default="both")
    parser.add_argument("--limit", type=int, default=0, help="Ask only so many questions; 0: all.")
    parser.add_argument(
        "--native-every", type=int, default=1, help="Natively ask every n-th only: each takes a minute on two cores."
    )
    args = parser.parse_args(argv)
    questions = yaml.safe_load((ROOT / "evals" / "order_questions.yaml").read_text(encoding="utf-8"))
    questions = questions[: args.limit or None]
    paths = ("portable", "native") if args.path == "both" else (args.path,)
    results: dict[str, Any] = {"questions": len(questions), "paths": []}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            asked = questions[:: args.native_every] if path == "native" else questions
            results["paths"].append(asyncio.run(measure(path, asked, Path(folder))))
    report.save("tool_calls", results)
    print(markdown(results))
    return results


if __name__ == "__main__":
    main()
