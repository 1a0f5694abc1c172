"""A real model drives tau2's tasks: it answers a model that plays the customer, and calls Kefu's tools itself.

Each talk has a fresh copy of the shop. A change is made only when the customer presses Confirm, in at most TURNS
messages; what counts is the database in the end: as tau2's, or as Kefu's departures make it. tau2 also judges what the
customer was told, which is not measured here. tau2's customers say who they are; here they are signed in.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from bench import report
from bench.tau2_compare import digest
from bench.tau2_export import export
from bench.tau2_models import Models, open_models
from bench.tau2_replay import RULES
from bench.tau2_shopper import END, Shopper
from bench.tau2_suite import Suite, Task
from kefu.approvals import Approvals
from kefu.card_shapes import ApprovalCard
from kefu.card_text import lines
from kefu.chat import Assistant, Incoming
from kefu.conversations import Conversations
from kefu.errand import Errands
from kefu.events import ApprovalNeeded, CardShown, Done, Event, ModelError, Notice
from kefu.proofs import Proofs
from shop.database import Engine
from shop.store import OwnShop

TURNS = 30  # messages of the customer
ROUNDS = 8  # times in a turn that the model may call tools
_GREETING = "Hello! How can I help you?"


@dataclass(frozen=True)
class Talk:
    """How one talk went. `error`: a model that did not answer, or ""."""

    task: str
    passed: bool
    ended: bool  # by the customer, before the turns were used up
    turns: int
    confirmed: int
    error: str = ""


@dataclass(frozen=True)
class Seen:
    """What a turn put on the page, and the card that waits."""

    text: str
    waiting: ApprovalCard | None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--llm-url", default="", help="an OpenAI-compatible server that takes tools")
    parser.add_argument("--llm-model", default="", help="default: the first that it lists")
    parser.add_argument("--user-url", default="", help="where the customer's model answers; default: the same server")
    parser.add_argument("--user-model", default="", help="the customer's model; default: the same")
    parser.add_argument("--trials", type=int, default=1, help="talks about each task")
    parser.add_argument("--parallel", type=int, default=4, help="talks at the same time")


async def measure(suite: Suite, tasks: Sequence[Task], options: argparse.Namespace) -> dict[str, Any]:
    """Every task `--trials` times."""
    at_once = asyncio.Semaphore(options.parallel)

    async def one(task: Task, models: Models) -> Talk:
        async with at_once:
            talk = await _talk(suite, task, models)
        print(f"  {talk}", file=sys.stderr)
        return talk

    answers = (options.llm_url, options.llm_model)
    plays = (options.user_url or options.llm_url, options.user_model or options.llm_model)
    async with open_models(options.data / "policy.md", answers, plays) as models:
        talks = await asyncio.gather(*(one(task, models) for task in tasks for _ in range(options.trials)))
    named = {"model": options.llm_model, "customer": options.user_model or options.llm_model, "trials": options.trials}
    return named | {"talks": [asdict(talk) for talk in talks]}


def markdown(results: dict[str, Any]) -> str:
    """The section of docs/quality.md."""
    talks = results["talks"]
    passed = sum(talk["passed"] for talk in talks)
    unended = sum(not talk["ended"] and not talk["error"] for talk in talks)
    row = [
        results["model"] or "the server's first",
        results["customer"] or "the same",
        f"{passed} of {len(talks)}",
        f"{passed / len(talks):.3f}" if talks else "",
        str(unended),
        str(sum(bool(talk["error"]) for talk in talks)),
    ]
    header = ["model", "customer", "talks passed", "pass^1", f"not over after {TURNS} messages", "broken off"]
    head = "## tau2's retail suite, live\n\n`python -m bench.tau2_retail --live`: " + " ".join((__doc__ or "").split())
    return f"{head}\n\n{report.table(header, [row])}"


async def _talk(suite: Suite, task: Task, models: Models) -> Talk:
    customer = suite.customer(task)
    owner = f"customer:{customer}" if customer else f"guest:{uuid.uuid4()}"
    turns, confirmed, ended, error = 0, 0, False, ""
    async with suite.fresh(str(uuid.uuid4())) as engine:
        assistant, conversations = _assistant(engine, models), Conversations(engine)
        conversation, shopper = await conversations.start(owner), Shopper(models.customer, task.scenario)
        try:
            said = await shopper.answers(_GREETING)
            while not (ended := END in said) and turns < TURNS:
                turns += 1
                seen = await _seen(assistant.reply(conversation, Incoming(said)))
                if seen.waiting:
                    yes = await shopper.confirms(seen.text)
                    confirmed += yes
                    seen = await _seen(assistant.decide(conversation, seen.waiting.id, yes))
                said = await shopper.answers(seen.text)
        except ModelError as broken:
            error = f"{type(broken).__name__}: {broken}"
        end = digest(await export(engine))
    passed = end in {suite.end(task).hash, suite.end(task, as_kefu=True).hash}
    return Talk(task.id, passed and not error, ended, turns, confirmed, error)


def _assistant(engine: Engine, models: Models) -> Assistant:
    shop = OwnShop(engine, RULES)
    no_router: Any = None  # a model that calls the tools itself needs none
    errands = Errands(shop, Proofs(engine, shop.orders), Approvals(engine), no_router, models.assistant, ROUNDS)
    return Assistant(Conversations(engine), models.index, models.assistant, models.limits, errands)


async def _seen(turn: AsyncGenerator[Event, None]) -> Seen:
    """What the page shows of a turn's events."""
    shown, waiting = [], None
    async with aclosing(turn) as events:
        async for event in events:
            match event:
                case ApprovalNeeded(card=card) if card.state == "pending":
                    shown.append("\n".join(lines(card)))
                    waiting = card
                case CardShown(card=card):
                    shown.append("\n".join(lines(card)))
                case Notice(text=text) | Done(answer=text):
                    shown.append(text)
    return Seen("\n\n".join(filter(None, shown)), waiting)
