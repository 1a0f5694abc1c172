"""What every command shares: settings with what the command line changes, queries in, JSON out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from kefu.config import Settings
from kefu.events import ConfigError

err = Console(stderr=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_settings(**changed: Any) -> Settings:
    """The settings, with what the command line changes; a wrong one ends the command with a sentence."""
    try:
        return Settings(**{key: value for key, value in changed.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "KEFU_" + str(first["loc"][0]).upper() if first["loc"] else "a setting"
        raise ConfigError(f"{name}: {first['msg']}. See .env.example.") from error


def out(data: Any) -> None:
    """One JSON object on one line."""
    print(json.dumps(data, ensure_ascii=False, default=str), flush=True)


def queries(text: str | None) -> Iterator[dict[str, Any]]:
    """The query given, else one a line from stdin: plain text or a JSON object with a "text". An empty line is a query
    like any other: the n-th answer belongs to the n-th line."""
    if text is not None:
        yield {"text": text}
        return
    for number, raw in enumerate(sys.stdin.buffer, 1):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        query: Any = {"text": line}
        if line.lstrip().startswith("{"):
            with suppress(ValueError, RecursionError):  # a shopper may begin a message with a brace
                query = json.loads(line)
        if not isinstance(query.get("text"), str):
            raise ConfigError(f'line {number}: a JSON query needs a "text" that is a string')
        for key in ("language", "conversation_language", "locale", "market"):
            if not isinstance(query.get(key), str | None):
                raise ConfigError(f'line {number}: "{key}" must be a string')
        yield query
