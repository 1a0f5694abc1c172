"""What somebody looks for, as fields that their words fill: what a search is limited by, and what it prefers.

A field that nobody said is empty; nothing is made up. Knows no search and no model.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from shop.limits import Order
from shop.money import Money

Field = Literal[
    "recipient", "occasion", "category", "material", "colour", "style", "season", "fit", "feature", "size", "must_not"
]
FIELDS: tuple[Field, ...] = get_args(Field)
MOST_MONEY = 1e12  # in major units: no bound is higher, in any currency, and no database takes one without end


class Meant(BaseModel):
    """One thing that was said. `value`: what it is called ("silk"); `of`: the catalogue's values that are meant by it,
    any of which will do, as "attribute:English name" (">battery_mah": the more the better)."""

    model_config = ConfigDict(frozen=True)

    field: Field
    value: str
    said: str  # in the shopper's words
    of: tuple[str, ...] = ()


class Intent(BaseModel):
    """A wish for products."""

    model_config = ConfigDict(frozen=True)

    language: str  # BCP-47
    text: str  # the shopper's words
    meant: tuple[Meant, ...] = ()
    lowest: Money | None = None
    highest: Money | None = None
    budget_said: str = ""
    order: Order | None = None

    def values(self, field: Field) -> tuple[str, ...]:
        """What was said of a field."""
        return tuple(one.value for one in self.meant if one.field == field)

    def of(self, field: Field) -> tuple[str, ...]:
        """The catalogue's values that were meant by it."""
        return tuple(dict.fromkeys(value for one in self.meant if one.field == field for value in one.of))

    @property
    def empty(self) -> bool:
        """Whether nothing was understood beyond the words themselves."""
        return not (self.meant or self.lowest or self.highest or self.order)

    def plain(self) -> dict[str, object]:
        """For people and programs: the fields that were said, and no others."""
        found: dict[str, object] = {field: list(values) for field in FIELDS if (values := self.values(field))}
        for name, bound in (("lowest", self.lowest), ("highest", self.highest)):
            if bound:
                found[name] = {"amount": str(bound.major), "currency": bound.currency}
        return found | ({"order": self.order} if self.order else {}) | {"language": self.language}
