"""A copy of a foreign catalogue in our own tables, so that its products can be searched with limits in the database.

What is shown is read from the catalogue itself, so a copy that is some minutes old shows nothing that is not true.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.columns import clean, clean_all
from shop.database import unbroken
from shop.errors import ShopError
from shop.models import ProductRow, VariantRow
from shop.protocol import Catalogue
from shop.rows import product_view
from shop.sessions import changing
from shop.views import Product

log = logging.getLogger(__name__)
_AT_ONCE = 50  # products read and written at a time
_EVERY_S = 300.0
_RETRY_S = 30.0


class Mirror:
    """Copies what has changed, again and again."""

    def __init__(self, catalogue: Catalogue, engine: AsyncEngine) -> None:
        self._catalogue = catalogue
        self._engine = engine

    async def keep(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.copy()
                await asyncio.sleep(_EVERY_S)
            except Exception as error:  # the next try follows: the service may be back, or its data mended
                what = error if isinstance(error, ShopError) else type(error).__name__  # others may quote data
                log.warning("the catalogue was not copied: %s", what)
                await asyncio.sleep(_RETRY_S)

    async def copy(self) -> int:
        """Makes the copy equal to the catalogue; how many products were written or taken out. ShopUnavailable."""
        ids = list(await self._catalogue.names())
        changed = await self._forget_all_but(ids)
        for start in range(0, len(ids), _AT_ONCE):
            changed += await self._write(await self._catalogue.products(ids[start : start + _AT_ONCE]))
        return changed

    @unbroken
    async def _write(self, products: Sequence[Product]) -> int:
        products = [Product.model_validate(clean_all(product.model_dump(mode="json"))) for product in products]
        async with changing(self._engine) as db:
            rows = await db.scalars(select(ProductRow).where(ProductRow.id.in_([product.id for product in products])))
            there = {row.id: product_view(row) for row in rows}
            changed = [product for product in products if there.get(product.id) != product]
            await db.execute(delete(ProductRow).where(ProductRow.id.in_([product.id for product in changed])))
            moved = [variant.id for product in changed for variant in product.variants]  # from products further on
            await db.execute(delete(VariantRow).where(VariantRow.id.in_(moved)))
            db.expunge_all()
            db.add_all([_row(product) for product in changed])
        return len(changed)

    @unbroken
    async def _forget_all_but(self, ids: Sequence[str]) -> int:
        async with changing(self._engine) as db:
            gone = sorted(set(await db.scalars(select(ProductRow.id))) - set(map(clean, ids)))
            for start in range(0, len(gone), _AT_ONCE):
                await db.execute(delete(ProductRow).where(ProductRow.id.in_(gone[start : start + _AT_ONCE])))
        return len(gone)


def _row(product: Product) -> ProductRow:
    plain = product.model_dump(mode="json", include={"names", "descriptions", "attributes"})
    figures = product.figures
    return ProductRow(
        id=product.id,
        category=product.category,
        market=product.market,
        electronics=product.electronics,
        returnable=product.returnable,
        sold=figures.sold,
        rating=figures.rating,
        reviews=figures.reviews,
        margin=figures.margin,
        listed_at=figures.listed_at,
        variants=[
            VariantRow(
                id=variant.id,
                options=variant.options,
                price=variant.price.amount,
                currency=variant.price.currency,
                stock=variant.stock,
            )
            for variant in product.variants
        ],
        **plain,
    )
