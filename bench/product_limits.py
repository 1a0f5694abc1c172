"""Whether anything that product search shows breaks a hard limit: random limits, wishes, orders, checked on the rows.

What is allowed is worked out here once more, plainly, from the whole catalogue; knows nothing of how the shop does it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from bench.retail_shop import Shop
from shop.limits import Limits, Order
from shop.money import Money
from shop.search import Query, Results
from shop.views import Product, Variant

# What is given up, one after the other, where nothing meets all limits
_LOOSE: dict[str, dict[str, Any]] = {
    "size": {"sizes": ()},
    "colour": {"colours": ()},
    "stock": {"in_stock": False},
    "price": {"lowest": None, "highest": None},
    "without": {"without": ()},
}


async def measure(shop: Shop, products: Sequence[Product], wishes: Sequence[tuple[str, str]], n: int) -> dict[str, int]:
    """Counts over `n` searches. `violations`: products or variants shown that the limits forbid; `orders_wrong`: a
    superlative without a wish whose first is not the first of all; `false_none`: none shown without a wish, though some
    are allowed; `nearest_wrong`: of what is shown instead, what other limits forbid than those in the way."""
    varied = random.Random(1)
    counts = dict.fromkeys(
        ("searches", "hits", "violations", "orders", "orders_wrong", "none", "false_none", "nearest", "nearest_wrong"),
        0,
    )
    for _ in range(n):
        limits = _limits(varied, products)
        text, language = varied.choice(wishes)
        order = varied.choice(get_args(Order)) if varied.random() < 0.3 else None
        query = Query(text if varied.random() < 0.8 else "", language, limits=limits, order=order)
        _count(counts, query, await shop.search.search(query), products)
    return counts


def _count(counts: dict[str, int], query: Query, results: Results, products: Sequence[Product]) -> None:
    allowed = {product.id: these for product in products if (these := _allowed(product, query.limits))}
    counts["searches"] += 1
    counts["hits"] += len(results.hits)
    counts["violations"] += sum(not _right(hit.product.id, hit.variants, allowed) for hit in results.hits)
    if query.order in ("cheapest", "dearest") and results.hits and not query.text:
        prices = [variant.price.amount for these in allowed.values() for variant in these]
        first = [variant.price.amount for variant in results.hits[0].variants]
        counts["orders"] += 1
        of = min if query.order == "cheapest" else max
        counts["orders_wrong"] += of(first) != of(prices)
    if results.none:
        loose = _without(query.limits, results.none.why)
        near = {product.id: these for product in products if (these := _allowed(product, loose))}
        counts["none"] += 1
        # Best rated can only be what somebody has rated
        counts["false_none"] += bool(allowed) and not query.text and query.order != "best_rated"
        counts["nearest"] += len(results.none.nearest)
        counts["nearest_wrong"] += sum(not _right(hit.product.id, hit.variants, near) for hit in results.none.nearest)


def _without(limits: Limits, why: str) -> Limits:
    """Without the limit that is named as the one in the way, and those that may have been given up before it."""
    names = list(_LOOSE)
    for name in names[: names.index(why) + 1] if why in names else ():
        limits = limits.model_copy(update=_LOOSE[name])
    return limits


def _right(product: str, shown: Sequence[Variant], allowed: dict[str, list[Variant]]) -> bool:
    return bool(shown) and {variant.id for variant in shown} <= {variant.id for variant in allowed.get(product, ())}


def _allowed(product: Product, limits: Limits) -> list[Variant]:
    """The variants that may be shown, by the rows alone."""
    if product.market != limits.market or (limits.categories and product.category not in limits.categories):
        return []
    has = {f"{key}:{names['en']}" for key, values in product.attributes.items() for names in values}
    if {*has, f"category:{product.category}"} & {*limits.without}:
        return []
    return [variant for variant in product.variants if not any(_breaks(variant, limits))]


def _breaks(variant: Variant, limits: Limits) -> Iterator[bool]:
    amount, currency = variant.price.amount, variant.price.currency
    yield limits.in_stock and variant.stock < 1
    for option, wanted in (("colour", limits.colours), ("size", limits.sizes)):
        yield bool(wanted) and variant.options.get(option, {}).get("en") not in wanted
    if limits.lowest:
        yield amount < limits.lowest.amount or currency != limits.lowest.currency
    if limits.highest:
        yield amount > limits.highest.amount or currency != limits.highest.currency


def _limits(varied: random.Random, products: Sequence[Product]) -> Limits:
    """Limits made of what there is, more or fewer of them; now and then in the money of another market."""
    market = varied.choice(sorted({product.market for product in products}))
    there = [product for product in products if product.market == market]
    variants = [variant for product in there for variant in product.variants]
    low, high = sorted(varied.choice(variants).price.amount for _ in range(2))
    currency = varied.choice(
        variants if varied.random() < 0.95 else [v for p in products for v in p.variants]
    ).price.currency
    attributes = sorted({f"{k}:{names['en']}" for p in there for k, values in p.attributes.items() for names in values})

    def some(values: Sequence[str], share: float, most: int) -> tuple[str, ...]:
        chosen = values and varied.random() < share
        return tuple(varied.sample(values, min(len(values), varied.randint(1, most)))) if chosen else ()

    def option(name: str) -> list[str]:
        return sorted({variant.options[name]["en"] for variant in variants if name in variant.options})

    return Limits(
        market=market,
        categories=some(sorted({product.category for product in there}), 0.4, 3),
        lowest=Money(amount=low, currency=currency) if varied.random() < 0.4 else None,
        highest=Money(amount=high, currency=currency) if varied.random() < 0.5 else None,
        colours=some(option("colour"), 0.3, 3),
        sizes=some(option("size"), 0.3, 3),
        in_stock=varied.random() < 0.8,
        without=some(attributes, 0.2, 3),
    )
