"""The hard limits of a product search. The database enforces them (shop.finding), all but attributes in `without`; and
every product that is shown is read anew and held against all of them. Likeness decides nothing here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from shop.money import Money
from shop.views import Product, Variant, View, named

Order = Literal["cheapest", "dearest", "best_rated", "best_selling", "newest"]


class Limits(View):
    """One variant of a product must meet them all. An empty tuple and None limit nothing. `colours` and `sizes` are
    the catalogue's own English words for them."""

    market: str = "all"  # country where it is sold, or "all"
    categories: tuple[str, ...] = ()
    lowest: Money | None = None
    highest: Money | None = None
    colours: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    in_stock: bool = True
    without: tuple[str, ...] = Field((), description='no product or variant with these attributes, "material:wool"')

    def fits(self, product: Product) -> list[Variant]:
        """The variants of a product that meet them all, by the data that is shown."""
        if product.market != self.market or (self.categories and product.category not in self.categories):
            return []
        if any(of in self.without for of in _attributes(product)):
            return []
        return [variant for variant in product.variants if self._fits(variant)]

    def _fits(self, variant: Variant) -> bool:
        price = variant.price
        return (
            (variant.stock > 0 or not self.in_stock)
            and all(bound.currency == price.currency for bound in (self.lowest, self.highest) if bound)
            and (self.lowest is None or price.amount >= self.lowest.amount)
            and (self.highest is None or price.amount <= self.highest.amount)
            and (not self.colours or _option(variant, "colour") in self.colours)
            and (not self.sizes or _option(variant, "size") in self.sizes)
            and not any(f"{key}:{named(names, 'en')}" in self.without for key, names in variant.options.items())
        )


def _option(variant: Variant, option: str) -> str:
    return named(variant.options.get(option, {}), "en")


def _attributes(product: Product) -> Iterator[str]:
    yield f"category:{product.category}"
    for key, values in product.attributes.items():
        yield from (f"{key}:{named(names, 'en')}" for names in values)
