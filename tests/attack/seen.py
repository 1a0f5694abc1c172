"""All that a turn let anybody see: its events with their traces, what reached the model, what was stored, what was
logged."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kefu.card_shapes import ApprovalCard
from kefu.conversations import Message
from kefu.events import ApprovalNeeded, Event, ToolFinished, ToolStarted
from tests.attack import demo
from tests.attack.puppet import Call, obey
from tests.orders_desk import OrdersDesk, all_of
from tests.scripted import ScriptedModel

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CLOCK = re.compile(r"\d{1,2}:\d{2}|\d{4}-\d\d-\d\dT[0-9:.+]+")


class Ear(logging.Handler):
    """Hears every record of a log, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(logging.Formatter().format(record))

    def take(self) -> str:
        """What was heard since the last time."""
        heard, self._heard = "\n".join(self._heard), []
        return heard


@dataclass(frozen=True)
class Seen:
    """What one turn showed."""

    events: list[Event]
    prompts: list[list[dict[str, Any]]]  # the messages of every request to the model
    stored: list[Message]

    @property
    def text(self) -> str:
        """Every text that was shown anywhere, once. Each request to the model repeats the one before it."""
        stored = [_plain(vars(message)) for message in self.stored]
        found = [self.prompts[-1:], stored, [event.model_dump(mode="json") for event in self.events]]
        return "\n".join(dict.fromkeys(_texts(found)))

    def alike(self, *names: str) -> str:
        """The same for two turns that differ in nothing but these names, ids and clocks."""
        events = [event.model_dump(mode="json", exclude={"timings", "message_id"}) for event in self.events]
        stored = [
            {key: getattr(message, key) for key in ("role", "text", "status", "model_text", "context", "rounds")}
            for message in self.stored
        ]
        text = json.dumps([events, self.prompts, stored], ensure_ascii=False, default=str)
        for name in names:
            text = text.replace(name, "NAME")
        return _CLOCK.sub("CLOCK", _ID.sub("ID", text))

    @property
    def waiting(self) -> list[ApprovalCard]:
        return [event.card for event in all_of(ApprovalNeeded, self.events) if event.card.state == "pending"]

    @property
    def started(self) -> list[str]:
        return [event.tool for event in all_of(ToolStarted, self.events)]

    @property
    def refused(self) -> list[str]:
        return [event.refused for event in all_of(ToolFinished, self.events)]

    def leaks(self, *viewers: str, said: str = "") -> set[str]:
        return demo.leaks(self.text, *viewers, said=said)


def _plain(fields: dict[str, Any]) -> Any:
    return json.loads(json.dumps(fields, default=lambda value: getattr(value, "__dict__", str(value))))


def _texts(tree: Any) -> Iterator[str]:
    """Every text in a tree of JSON, keys too."""
    if isinstance(tree, dict):
        yield from tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for one in tree:
            yield from _texts(one)
    elif isinstance(tree, str):
        yield tree


async def provoke(
    desk: OrdersDesk, model: ScriptedModel, text: str, *rounds: list[Call], then: str = "That is all.", **message: Any
) -> Seen:
    """One turn in which the model makes these calls."""
    obey(model, *rounds, then=then)
    before, known = len(model.requests), len(await desk.conversations.messages(desk.conversation.id))
    events = await desk.say(text, **message)
    stored = (await desk.conversations.messages(desk.conversation.id))[known:]
    return Seen(events, [request["messages"] for request in model.requests[before:]], stored)
