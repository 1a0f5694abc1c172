"""The catalogue over the shop's own tables. Knows no order and no rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shop.columns import clean
from shop.models import ProductRow, VariantRow
from shop.rows import product_view
from shop.sessions import reading
from shop.views import Names, Product


class OwnCatalogue:
    """What the shop sells (shop.protocol.Catalogue)."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def product(self, id: str) -> Product | None:
        return next(iter(await self.products([id])), None)

    async def variant(self, id: str) -> Product | None:
        """The product that this variant belongs to, with all its variants."""
        of_variant = select(VariantRow.product).where(VariantRow.id == clean(id))
        async with reading(self._engine) as session:
            row = (await session.scalars(select(ProductRow).where(ProductRow.id.in_(of_variant)))).one_or_none()
            return product_view(row) if row else None

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        """Those of them that there are, in this order, each once."""
        wanted = list(dict.fromkeys(map(clean, ids)))
        async with reading(self._engine) as session:
            rows = await session.scalars(select(ProductRow).where(ProductRow.id.in_(wanted)))
            found = {row.id: product_view(row) for row in rows}
        return [found[id] for id in wanted if id in found]

    async def names(self) -> Mapping[str, Names]:
        """Every product's names, by its id."""
        async with reading(self._engine) as session:
            rows = await session.execute(select(ProductRow.id, ProductRow.names).order_by(ProductRow.id))
            return {id: names for id, names in rows}
