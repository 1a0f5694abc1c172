"""What a product search is asked and what it answers. Knows no database and no vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shop.limits import Limits, Order
from shop.ranking import Alternatives, Part
from shop.views import Product, Variant

Why = Literal["price", "stock", "size", "colour", "material", "without", "nothing"]


@dataclass(frozen=True)
class Query:
    """What is looked for. `wanted`: what it should be like; `must`: what it has to be, or the answer is that there is
    none ("material"); `called`: words of which one has to stand in its names or be all that an attribute says; `whom`:
    whom it has to be for ("for:men"); `liked`: a taste (shop.ranking.taste); `order`: a superlative, which the data
    decides; `english`: those of the words that are known, in English, for a catalogue in another language."""

    text: str
    language: str  # BCP-47
    limits: Limits = field(default_factory=Limits)
    k: int = 10
    wanted: Sequence[Alternatives] = ()
    must: Sequence[Alternatives] = ()
    called: Alternatives = frozenset()
    whom: Alternatives = frozenset()
    liked: Mapping[str, float] = field(default_factory=dict)
    order: Order | None = None
    english: str = ""


@dataclass(frozen=True)
class Hit:
    """A product that fits, with the variants that meet the limits, and what its place rests on."""

    product: Product
    variants: Sequence[Variant]
    score: float
    parts: Mapping[Part, float]


@dataclass(frozen=True)
class Nothing:
    """No product fits. `why`: the limit without which there would be some; `nearest`: those."""

    why: Why
    nearest: Sequence[Hit] = ()


@dataclass(frozen=True)
class Results:
    """The best first, or why there is none."""

    hits: Sequence[Hit]
    none: Nothing | None = None
