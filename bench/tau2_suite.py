"""tau2's tasks, a fresh copy of its shop for each, and what the shop should be like in the end. Knows no model."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from bench.tau2_calls import NO_TOOL
from bench.tau2_compare import comparable, differences, digest
from bench.tau2_export import export
from bench.tau2_load import Tau2, full_name, load
from bench.tau2_reference import Reference
from bench.tau2_replay import Outcome, replay
from bench.tau2_units import Tau2Refuses
from kefu.conversations import MIGRATIONS
from shop.database import Engine, open_database
from shop.store import MIGRATIONS as SHOP_MIGRATIONS

_SHOWN = 20  # differences of one task


@dataclass(frozen=True)
class Task:
    """What a customer wants, in tau2's words, and the actions that do it."""

    id: str
    scenario: Mapping[str, Any]
    actions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class End:
    """How a task ends: the shop, its hash, and what came of the actions."""

    shop: Tau2
    hash: str
    outcomes: Sequence[Outcome]
    departed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, shop: Tau2, outcomes: Sequence[Outcome], departed: Iterable[str] = ()) -> End:
        return cls(shop, digest(shop), outcomes, frozenset(departed))

    def refused(self) -> list[bool]:
        """For each action, whether it was."""
        return [not outcome.done for outcome in self.outcomes]


@dataclass(frozen=True)
class Refusal:
    """An action that Kefu refused; `tau2` is the reference's reason, None where it does it."""

    action: str
    kefu: str
    tau2: str | None


@dataclass(frozen=True)
class Verdict:
    """How a task's replay ended. `records`: every order and customer, balances and all, is as tau2 leaves it."""

    task: str
    how: Literal["equal", "explained", "differs"]
    records: bool
    departed: Sequence[str]
    refused: Sequence[Refusal]
    differences: Sequence[str]  # from tau2's own end state


def read_tasks(file: Path) -> list[Task]:
    """The tasks of a file in tau2's format."""
    tasks = json.loads(file.read_text(encoding="utf-8"))
    return [Task(task["id"], task["user_scenario"], task["evaluation_criteria"]["actions"] or []) for task in tasks]


class Suite:
    """One shop for many tasks. `prepare` first."""

    def __init__(self, db: Tau2, folder: Path) -> None:
        self.db = db
        self._text = json.dumps(comparable(db))
        self._folder = folder

    async def prepare(self) -> None:
        """Loads the shop once. ValueError when what was loaded does not come out again as it was."""
        engine = await open_database(f"sqlite:///{self._folder / 'shop.db'}", MIGRATIONS, SHOP_MIGRATIONS)
        try:
            await load(engine, self.db)
            lost = list(islice(differences(await export(engine), json.loads(self._text)), _SHOWN))
        finally:
            await engine.dispose()
        if lost:
            raise ValueError("\n".join(["the shop does not survive the way into Kefu's tables and back:", *lost]))

    @asynccontextmanager
    async def fresh(self, name: str) -> AsyncIterator[Engine]:
        """The shop as it was loaded, in a database of its own."""
        copy = self._folder / f"{name}.db"
        await asyncio.to_thread(shutil.copyfile, self._folder / "shop.db", copy)
        engine = await open_database(f"sqlite:///{copy}")
        try:
            yield engine
        finally:
            await engine.dispose()
            copy.unlink()

    async def replayed(self, task: Task) -> Verdict:
        """The task's actions through Kefu's tools, judged by the reference."""
        async with self.fresh("replay") as engine:
            outcomes = await replay(engine, self.customer(task), task.actions)
            ours = End.of(await export(engine), outcomes)
        gold, kefu = self.end(task), self.end(task, as_kefu=True)
        known = (ours.hash, ours.refused()) == (kefu.hash, kefu.refused())
        equal = ours.hash == gold.hash and (known or ours.refused() == gold.refused())
        both = list(zip(ours.outcomes, gold.outcomes, strict=True))
        odd = [
            f"{mine.action}: {_said(mine)}, in the reference {_said(his)}"
            for mine, his in both
            if mine.done != his.done
        ]
        return Verdict(
            task=task.id,
            how="equal" if equal else "explained" if known else "differs",
            records=all(ours.shop[part] == gold.shop[part] for part in ("users", "orders")),
            departed=sorted(kefu.departed) if known else [],
            refused=[Refusal(mine.action, mine.why, his.why or None) for mine, his in both if not mine.done],
            differences=[*odd, *islice(differences(ours.shop, gold.shop), _SHOWN)],
        )

    def end(self, task: Task, *, as_kefu: bool = False) -> End:
        """How the task should end."""
        reference = Reference(json.loads(self._text), as_kefu=as_kefu)
        outcomes = []
        for action in task.actions:
            if action["name"] in NO_TOOL:
                continue
            try:
                reference.do(action["name"], action["arguments"])
                outcomes.append(Outcome(action["name"], True))
            except Tau2Refuses as error:
                outcomes.append(Outcome(action["name"], False, str(error)))
        return End.of(reference.db, outcomes, reference.departed)

    def customer(self, task: Task) -> str | None:
        """Whose task it is: named by its actions, else by its scenario; None where neither names anybody."""
        for given in (action["arguments"] for action in task.actions):
            if "user_id" in given:
                return str(given["user_id"])
            if given.get("order_id") in self.db["orders"]:
                return str(self.db["orders"][given["order_id"]]["user_id"])
        told = json.dumps(task.scenario, ensure_ascii=False)
        for id, user in self.db["users"].items():
            by_name = full_name(user) in told and user["address"]["zip"] in told
            if id in told or user["email"] in told or by_name:
                return str(id)
        return None


def _said(outcome: Outcome) -> str:
    return "done" if outcome.done else f"refused ({outcome.why})"
