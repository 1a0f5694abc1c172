"""Column types that hold the same on SQLite and PostgreSQL. Knows no table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy import JSON, DateTime, Dialect, Text, TypeDecorator


def clean(text: str) -> str:
    """Text as every database takes it: PostgreSQL refuses NUL, and no UTF-8 holds half a surrogate pair."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean_all(value: Any) -> Any:
    """Every text in a value as JSON has it, cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: clean_all(item) for key, item in value.items()}
    return [clean_all(item) for item in value] if isinstance(value, list) else value


class CleanText(TypeDecorator[str]):
    """Text that was cleaned."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and clean(value)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite keeps no offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without an offset")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


class Model(TypeDecorator[BaseModel]):
    """One pydantic model, as a JSON object."""

    impl = JSON
    cache_ok = True

    def __init__(self, model: type[BaseModel]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: BaseModel | None, dialect: Dialect) -> Any:
        return value and clean_all(value.model_dump(mode="json"))

    def process_result_value(self, value: Any, dialect: Dialect) -> BaseModel | None:
        return None if value is None else self.model.model_validate(value)


class Models(TypeDecorator[tuple[BaseModel, ...]]):
    """A tuple of one kind of model, or of a union told apart by a field, as a JSON list."""

    impl = JSON
    cache_ok = True

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._items: TypeAdapter[tuple[BaseModel, ...]] = TypeAdapter(
            tuple[model, ...], config=ConfigDict(hide_input_in_errors=True)
        )

    def process_bind_param(self, value: Iterable[BaseModel] | None, dialect: Dialect) -> Any:
        return [clean_all(item.model_dump(mode="json")) for item in value or ()]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[BaseModel, ...]:
        return self._items.validate_python(value, strict=False)
