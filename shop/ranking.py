"""How products that may fit are put in order: how well they fit, how they do in the shop, and not all alike.

Pure arithmetic on products and numbers; knows no database and no vector store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rag.embedder import Vectors
from shop.views import Product, named

Alternatives = frozenset[str]  # attributes of which one will do: {"material:wool", "material:cashmere"}
Part = Literal["relevance", "wanted", "history", "sales", "rating", "stock", "margin", "newness"]

_FEW_REVIEWS = 10  # a product's rating counts as if so many more had given the usual one
_COLD_REVIEWS, _COLD_DAYS = 5, 30  # with fewer and listed later, a product is judged by its content
_NEW_DAYS = 30.0  # newness falls to 37 % in so many
_ENOUGH = 10  # units in stock that are as good as more
_SAME = 0.99  # cosine of two texts that are the same
_ALIKE = 0.25  # what likeness to one shown already costs, of the distance between the best and the rest


class Weights(BaseModel):
    """What each kind of evidence counts for beside relevance, which counts for 1 (KEFU_RANKING)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wanted: float = Field(0.35, ge=0, le=5)  # share of the attributes asked for that the product has
    history: float = Field(0.6, ge=0, le=5)  # likeness to what the shopper bought
    sales: float = Field(0.06, ge=0, le=5)
    rating: float = Field(0.05, ge=0, le=5)
    stock: float = Field(0.02, ge=0, le=5)
    margin: float = Field(0.01, ge=0, le=5)
    newness: float = Field(0.03, ge=0, le=5)


def attributes(product: Product) -> set[str]:
    """What a product is like, comparable across products: "material:silk", "colour:red", "category:scarves"."""
    found = {f"{key}:{named(names, 'en')}" for key, values in product.attributes.items() for names in values}
    options = {f"{key}:{named(v, 'en')}" for variant in product.variants for key, v in variant.options.items()}
    return found | options | {f"category:{product.category}"}


def _having(products: Sequence[Product], alternatives: Alternatives) -> dict[str, float]:
    """How far each product has what is wanted, 0 to 1: one of the values, or by its place among the others where the
    most (">battery_mah") or the least ("<weight_g") of a number is wanted."""
    found = {product.id: float(bool(alternatives & attributes(product))) for product in products}
    for wish in alternatives:
        if wish[0] in "<>":
            numbers = {product.id: n for product in products if (n := _number(product, wish[1:])) is not None}
            order = sorted(set(numbers.values()), reverse=wish[0] == "<")
            found |= {id: max(found[id], (order.index(n) + 1) / len(order)) for id, n in numbers.items()}
    return found


def _number(product: Product, attribute: str) -> float | None:
    values = product.attributes.get(attribute)
    try:
        return float(named(values[0], "en")) if values else None
    except ValueError:
        return None


def taste(bought: Sequence[Product]) -> dict[str, float]:
    """What somebody's purchases, the latest first, have in common: attribute -> its share, later ones weigh more."""
    shares: dict[str, float] = {}
    weights = [0.9**at for at in range(len(bought))]
    for product, weight in zip(bought, weights, strict=True):
        for attribute in attributes(product):
            shares[attribute] = shares.get(attribute, 0.0) + weight / sum(weights)
    return shares


def parts(
    products: Sequence[Product],
    relevance: Mapping[str, float],
    wanted: Sequence[Alternatives],
    liked: Mapping[str, float],
    now: datetime | None = None,
) -> dict[str, dict[Part, float]]:
    """Each kind of evidence about each product, 0 to 1."""
    now = now or datetime.now(UTC)
    having = [_having(products, alternatives) for alternatives in wanted]
    warm = [product for product in products if not _cold(product, now)] or list(products)
    sold = [math.log1p(product.figures.sold) for product in warm]
    most = max(sold, default=0.0) or 1.0
    ratings = [product.figures.rating for product in warm if product.figures.rating is not None]
    usual = median(ratings) if ratings else 4.0
    found: dict[str, dict[Part, float]] = {}
    for product in products:
        cold, figures, its = _cold(product, now), product.figures, attributes(product)
        rating = (figures.rating or usual) * figures.reviews + usual * _FEW_REVIEWS
        rating /= figures.reviews + _FEW_REVIEWS
        found[product.id] = {
            "relevance": relevance[product.id],
            "wanted": sum(share[product.id] for share in having) / len(having) if having else 0.0,
            "history": _likeness(its, liked),
            # A new product has had no time to sell: it stands where the middle of the others does
            "sales": (median(sold) if cold else math.log1p(figures.sold)) / most,
            "rating": max(0.0, ((usual if cold else rating) - 3) / 2),
            "stock": min(1.0, product.in_stock / _ENOUGH),
            "margin": figures.margin,
            "newness": math.exp(-_days(product, now) / _NEW_DAYS),
        }
    return found


def total(part: Mapping[Part, float], weights: Weights) -> float:
    """One number: the higher, the earlier."""
    weight: dict[str, float] = {"relevance": 1.0, **weights.model_dump()}
    return sum(weight[name] * value for name, value in part.items())


def told(part: Mapping[Part, float]) -> dict[Part, float]:
    """What others may read: what the merchant earns is nobody else's business."""
    return {name: value for name, value in part.items() if name != "margin"}


def diverse(scores: Mapping[str, float], vectors: Mapping[str, Vectors], k: int) -> list[str]:
    """The best `k`, the next one less like those before it (maximal marginal relevance); what is said of one already,
    word for word, comes after everything else."""
    left = sorted(scores, key=lambda id: (-scores[id], id))
    spread = (scores[left[0]] - scores[left[min(len(left), 2 * k) - 1]]) if left else 0.0
    chosen: list[str] = []
    while left and len(chosen) < k:

        def gain(id: str) -> tuple[bool, float]:
            known = [vectors[other] for other in chosen if other in vectors] if id in vectors else []
            alike = max((float(vectors[id] @ other) for other in known), default=0.0)
            return alike < _SAME, scores[id] - _ALIKE * spread * alike

        best = max(left, key=gain)
        chosen.append(best)
        left.remove(best)
    return chosen


def _likeness(its: set[str], liked: Mapping[str, float]) -> float:
    """The cosine of a product's attributes and a taste."""
    length = math.sqrt(sum(share * share for share in liked.values()) * len(its))
    return sum(liked.get(attribute, 0.0) for attribute in its) / length if length else 0.0


def _cold(product: Product, now: datetime) -> bool:
    return product.figures.reviews < _COLD_REVIEWS and _days(product, now) < _COLD_DAYS


def _days(product: Product, now: datetime) -> float:
    listed = product.figures.listed_at
    return max(0.0, (now - listed).total_seconds() / 86_400) if listed else 365.0
