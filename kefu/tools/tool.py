"""A tool is a typed async function; its docstring is written for the model, its schema comes from its signature.

A tool that writes does not write: it returns the wish, which waits for the shopper's click.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from kefu.card_shapes import Card
from kefu.events import NoticeCode
from kefu.products.assortment import Assortment
from kefu.products.intent import Intent
from kefu.products.recommend import Recommended
from shop.changes import Wish
from shop.protocol import Catalogue, CustomerOrders

_ARGUMENTS_CHARS = 8_000  # JSON; the largest honest call is a few hundred


@dataclass(frozen=True)
class Session:
    """For whom a tool runs. The customer is inside `orders`: no tool can name one. None: nobody has proven anything."""

    orders: CustomerOrders | None
    catalogue: Catalogue
    language: str  # of the answer
    assortment: Assortment | None = None  # None: products cannot be searched
    country: str = ""  # where the shopper is, as far as that is known
    contact: str = ""  # where people are reached
    intent: Intent | None = None  # what this turn's wish for products was understood as


@dataclass(frozen=True)
class Looked:
    """What a look-up found: `facts` in the shopper's language, `data` with ids for a model that calls tools itself."""

    facts: str
    data: Mapping[str, Any]
    cards: tuple[Card, ...] = ()
    notice: NoticeCode | None = None  # a sentence of ours says it all; nothing is left to word
    short: str = ""  # the facts as they are said beside the cards, where no model words them
    states: tuple[str, ...] = ()  # of which one stands word for word in whatever is truly said of the facts
    recommended: Recommended | None = None  # products whose reasons a model may word

    @property
    def said(self) -> str:
        """The answer where no model gives a true one."""
        return self.short or self.facts


class BadCall(Exception):
    """A call that no tool can take: unknown, broken JSON, or arguments that do not fit. The text is for the model."""


Function = Callable[..., Awaitable[Looked | Wish]]


@dataclass(frozen=True)
class Tool:
    """One tool, as it is offered and called."""

    name: str
    description: str
    arguments: type[BaseModel]
    function: Function
    open_to_guests: bool  # runs without a proven customer

    def offered(self) -> dict[str, Any]:
        """In the form of the chat completions' `tools`."""
        schema = _plain(self.arguments.model_json_schema())
        described = {"name": self.name, "description": self.description, "parameters": schema}
        return {"type": "function", "function": described}

    def checked(self, arguments: str | Mapping[str, Any]) -> BaseModel:
        """The arguments, if they are what the signature asks for; BadCall says what is wrong."""
        if isinstance(arguments, str):
            arguments = _object(arguments)
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:3])
            raise BadCall(f"{self.name}: {wrong}") from None

    async def run(self, session: Session, arguments: BaseModel) -> Looked | Wish:
        """Raises Refused and ShopUnavailable."""
        return await self.function(session, **{name: getattr(arguments, name) for name in type(arguments).model_fields})


def tool(function: Function, *, open_to_guests: bool = False) -> Tool:
    """The tool that a function is. Its first parameter is the Session, which no call can name."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        p.name: (hints[p.name], ... if p.default is inspect.Parameter.empty else p.default) for p in parameters
    }
    name = function.__name__
    model = create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
    return Tool(name, inspect.cleandoc(function.__doc__ or ""), model, function, open_to_guests)


class Toolbox:
    """The tools that are offered, by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def offered(self) -> list[dict[str, Any]]:
        """All of them, in a fixed order: the same bytes every turn, for the server's prefix cache."""
        return [tool.offered() for tool in self._tools.values()]

    def __getitem__(self, name: str) -> Tool:
        if name not in self._tools:
            raise BadCall(f"there is no tool {name[:60]!r}; there are {', '.join(self._tools)}")
        return self._tools[name]

    def __iter__(self) -> Any:
        return iter(self._tools.values())


def _object(text: str) -> Mapping[str, Any]:
    """A call's arguments as an object. A lost closing brace (vLLM's hermes parser drops it in streams) is put back:
    what stands there is checked against the signature anyway."""
    if len(text) > _ARGUMENTS_CHARS:
        raise BadCall("the arguments are too long")
    for candidate in (text.strip() or "{}", f"{text.strip()}}}"):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise BadCall("the arguments are not one JSON object")


def _plain(schema: Any) -> Any:
    """A JSON schema without pydantic's titles, which only cost tokens."""
    if isinstance(schema, dict):
        named = {k: _plain(v) for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
        return named
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema
