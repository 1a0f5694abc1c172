"""One schema-constrained question to the model: a text in, the parts of it that a pydantic model names out. What comes
back is untrusted: callers hold it against the shopper's own words. Knows no shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kefu.control_tokens import harmless
from kefu.llm import LLM, TextDelta

_MAX_TOKENS = 200  # a long Thai address with its keys takes about 150
_LONGEST = 1000  # characters of the text that are shown; an address is a fraction of that
_TRIES = 2

Model = TypeVar("Model", bound=BaseModel)


async def fill(
    llm: LLM, model: type[Model], instructions: str, examples: Sequence[tuple[str, Model]], text: str
) -> Model | None:
    """The parts of the text, or None where the model twice gave no whole, valid JSON. Raises ModelError."""
    messages = _messages(instructions, examples, text)
    schema = {"name": model.__name__, "schema": _strict(model), "strict": True}
    extra = {"response_format": {"type": "json_schema", "json_schema": schema}}
    for _ in range(_TRIES):
        answer = []
        async with aclosing(llm.stream(messages, max_tokens=_MAX_TOKENS, temperature=0, extra=extra)) as pieces:
            async for piece in pieces:
                if isinstance(piece, TextDelta):
                    answer.append(piece.text)
        try:
            return model.model_validate_json("".join(answer))
        except ValidationError:
            continue
    return None


def _messages(instructions: str, examples: Sequence[tuple[str, Model]], text: str) -> list[dict[str, str]]:
    sent = [{"role": "system", "content": instructions}]
    for example, filled in examples:
        sent.append({"role": "user", "content": _fenced(example)})
        sent.append({"role": "assistant", "content": filled.model_dump_json()})
    return [*sent, {"role": "user", "content": _fenced(text[:_LONGEST])}]


def _fenced(text: str) -> str:
    """The text as data: it cannot end its own fence, nor speak in the template's control tokens."""
    return f"<message>\n{harmless(text.replace('</message', '< /message'))}\n</message>"


def _strict(model: type[BaseModel]) -> Mapping[str, Any]:
    """The model's schema with every part required: a small model otherwise leaves out what it should look for."""
    schema = model.model_json_schema()
    return schema | {"required": list(schema["properties"]), "additionalProperties": False}
