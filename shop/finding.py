"""Product search as the database does it: hard limits, prices in order, full text. Knows no vector and no language.

A limit is a condition on one variant, so that "black, M, under 300" is one thing that can be bought.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, column, exists, func, literal_column, or_, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from shop.limits import Limits, Order
from shop.models import ProductRow, ProductTextRow, VariantRow

_TOKENS = 24  # of a wish
_RANKED = 30_000  # texts that share words with a wish and are ranked by them: about 0.1 s
_COUNTED = 100_000  # texts that have a token; how many more than that is all the same
_USUAL, _FEW = 4.0, 10  # a rating counts as if so many more reviews had given the usual one
# The full-text index of the texts: a table of its own in SQLite, a column in PostgreSQL
_TERMS = table("product_terms", column("rowid"), column("product_terms"))
_VECTORS = table("product_texts", column("id"), column("vector"))
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Text:
    """A product's text in one language."""

    product: str
    language: str
    content: str


def meeting(limits: Limits) -> ColumnElement[bool]:
    """The condition on a product: in the market, of the category, with a variant that meets all the rest."""
    product: list[ColumnElement[bool]] = [ProductRow.market == limits.market, exists().where(*_of_variant(limits))]
    if limits.categories:
        product.append(ProductRow.category.in_(limits.categories))
    return and_(*product)


def _of_variant(limits: Limits) -> list[ColumnElement[bool]]:
    variant: list[ColumnElement[bool]] = [VariantRow.product == ProductRow.id]
    if limits.in_stock:
        variant.append(VariantRow.stock > 0)
    if limits.lowest:
        variant += [VariantRow.price >= limits.lowest.amount, VariantRow.currency == limits.lowest.currency]
    if limits.highest:
        variant += [VariantRow.price <= limits.highest.amount, VariantRow.currency == limits.highest.currency]
    for option, values in (("colour", limits.colours), ("size", limits.sizes)):
        its = VariantRow.options[(option, "en")].as_string()
        if values:
            variant.append(its.in_(values))
        if refused := [of.partition(":")[2] for of in limits.without if of.startswith(f"{option}:")]:
            variant.append(or_(its.is_(None), its.not_in(refused)))
    return variant


async def matching(db: AsyncSession, limits: Limits, most: int) -> list[str]:
    """The products that meet the limits, at most so many, in no order."""
    return list(await db.scalars(select(ProductRow.id).where(meeting(limits)).limit(most)))


async def those_meeting(db: AsyncSession, limits: Limits, contents: Sequence[tuple[str, str]]) -> list[Text]:
    """The products that meet the limits, of those with one of these texts, given as (language, content)."""
    if not contents:
        return []
    by_language: dict[str, list[str]] = {}
    for language, content in contents:
        by_language.setdefault(language, []).append(content)
    of = or_(
        *(and_(ProductTextRow.language == each, ProductTextRow.content.in_(ids)) for each, ids in by_language.items())
    )
    wanted = _texts().join(ProductRow, ProductRow.id == ProductTextRow.product).where(of, meeting(limits))
    return [Text(product, language, content) for product, language, content in await db.execute(wanted)]


async def texts_of(db: AsyncSession, products: Sequence[str]) -> list[Text]:
    """Every text of these products."""
    wanted = _texts().where(ProductTextRow.product.in_(products))
    return [Text(product, language, content) for product, language, content in await db.execute(wanted)]


async def in_order(db: AsyncSession, limits: Limits, order: Order, most: int) -> list[str]:
    """The products that meet the limits, the first of the order first."""
    first: dict[Order, ColumnElement[Any]] = {
        "cheapest": _price(limits, func.min).asc(),
        "dearest": _price(limits, func.max).desc(),
        "best_selling": ProductRow.sold.desc(),
        "newest": func.coalesce(ProductRow.listed_at, _LONG_AGO).desc(),
        # A mean of many reviews counts for more than one of few
        "best_rated": ((ProductRow.rating * ProductRow.reviews + _USUAL * _FEW) / (ProductRow.reviews + _FEW)).desc(),
    }
    rated = (ProductRow.rating.is_not(None),) if order == "best_rated" else ()
    wanted = select(ProductRow.id).where(meeting(limits), *rated).order_by(first[order], ProductRow.id)
    return list(await db.scalars(wanted.limit(most)))


def _price(limits: Limits, of: Callable[[Any], ColumnElement[int]]) -> ColumnElement[int]:
    """The price by which a product stands in an order: of its variants that meet the limits."""
    return select(of(VariantRow.price)).where(*_of_variant(limits)).scalar_subquery()


async def with_words(
    db: AsyncSession, limits: Limits, language: str, tokens: Sequence[str], most: int
) -> dict[str, float]:
    """The products that meet the limits and share words with a wish, given as tokens, in their texts of one language
    (in any, where it is ""); the higher the number, the more they share."""
    wanted = await _telling(db, list(dict.fromkeys(tokens))[:_TOKENS])
    if not wanted:
        return {}
    id, having, rank = _full_text(db, wanted)
    ranked = select(id.label("text"), rank.label("rank")).where(having).order_by(literal_column("rank").desc())
    found: Sequence[Any] = ()
    for n in (20 * most, _RANKED):  # as a rule enough of the first few meet the limits, and those are soon looked at
        if len(found) < most:
            first = ranked.limit(n).subquery()
            searched = select(ProductTextRow.product, first.c.rank).join(first, first.c.text == ProductTextRow.id)
            searched = searched.join(ProductRow, ProductRow.id == ProductTextRow.product).where(meeting(limits))
            if language:
                searched = searched.where(ProductTextRow.language == language)
            found = (await db.execute(searched.order_by(first.c.rank.desc()).limit(most))).all()
    best: dict[str, float] = {}
    for product, shared in found:
        best[product] = max(best.get(product, 0.0), float(shared))
    return best


async def _telling(db: AsyncSession, tokens: Sequence[str]) -> list[str]:
    """Those that fewest texts have, as far as the texts are not too many to be ranked: "with" tells next to nothing,
    and among 250,000 products ranking those that have it takes a second."""
    if not tokens:
        return []
    counts = []
    for token in tokens:
        id, having, _ = _full_text(db, [token])
        counts.append(select(func.count()).select_from(select(id).where(having).limit(_COUNTED).subquery()))
    in_texts = (await db.execute(select(*(count.scalar_subquery() for count in counts)))).one()
    rarest = sorted((n, token) for n, token in zip(in_texts, tokens, strict=True) if n)
    together = accumulate(n for n, _ in rarest)
    return [token for at, ((_, token), n) in enumerate(zip(rarest, together, strict=True)) if n <= _RANKED or not at]


def _full_text(
    db: AsyncSession, tokens: Sequence[str]
) -> tuple[ColumnElement[int], ColumnElement[bool], ColumnElement[float]]:
    """Of the full-text index: a text's id, whether it has one of the tokens, and how much it shares with them."""
    if db.get_bind().dialect.name == "postgresql":
        query = func.to_tsquery("simple", " | ".join(tokens))
        return _VECTORS.c.id, _VECTORS.c.vector.op("@@")(query), func.ts_rank(_VECTORS.c.vector, query)
    rank = -func.bm25(literal_column("product_terms"))
    return _TERMS.c.rowid, _TERMS.c.product_terms.op("MATCH")(" OR ".join(tokens)), rank


def _texts() -> Select[str, str, str]:
    return select(ProductTextRow.product, ProductTextRow.language, ProductTextRow.content)
