"""Reads the files of a demo shop, each entry checked by itself. Knows no database, and not what refers to what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from shop.errors import ShopError
from shop.seed_entries import CustomerEntry, Entry, OrderEntry, ProductEntry, Words

E = TypeVar("E", bound=Entry)


class BadData(ShopError):
    """A file of the demo shop cannot be used; says which entry of which file, and why."""


@dataclass(frozen=True)
class ShopFiles:
    """Everything that the files say, each entry by its id, in the order of its file."""

    words: Mapping[str, Mapping[str, Words]]  # "colour" -> "jade" -> its names
    products: Mapping[str, ProductEntry]
    customers: Mapping[str, CustomerEntry]
    orders: Mapping[str, OrderEntry]


def read(folder: Path) -> ShopFiles:
    """The four files of a folder. BadData."""
    path = folder / "options.json"
    words = {
        group: {key: _checked(Words, word, path, f"{group} {key!r}") for key, word in _dict(entry, path, group).items()}
        for group, entry in _dict(_json(path), path, "the file").items()
    }
    return ShopFiles(
        words,
        _entries(ProductEntry, folder / "products.json", "id"),
        _entries(CustomerEntry, folder / "customers.json", "id"),
        _entries(OrderEntry, folder / "orders.json", "number"),
    )


def _entries(shape: type[E], path: Path, key: str) -> dict[str, E]:
    entries: dict[str, E] = {}
    raw = _json(path)
    if not isinstance(raw, list):
        raise BadData(f"{path}: the file must be a list")
    for position, value in enumerate(raw, start=1):
        id = str(value.get(key, position)) if isinstance(value, dict) else str(position)
        if id in entries:
            raise BadData(f"{path}: entry {id} is there twice")
        entries[id] = _checked(shape, value, path, f"entry {id}")
    return entries


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadData(f"{path}: {error}") from None


def _dict(value: Any, path: Path, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadData(f"{path}: {where} must be an object")
    return value


def _checked(shape: type[E], value: object, path: Path, where: str) -> E:
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the entry"
        raise BadData(f"{path}: {where}: {field}: {first['msg']}") from None
