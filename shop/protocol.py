"""The doors of a shop: what Kefu asks of a merchant's data, whatever keeps it.

Implement `Shop` to plug your own in. Two adapters are here: shop.store (our own tables) and shop.rest (a REST service,
described by docs/shop-openapi.yaml).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shop.changes import Approval, Change, Wish
from shop.views import Customer, Names, Order, Product


class CustomerOrders(Protocol):
    """One customer's orders and profile, and nobody else's. Got by `shop.orders.of(customer)` only."""

    async def profile(self) -> Customer: ...

    async def list(self, limit: int = 20) -> Sequence[Order]:
        """The newest first."""
        ...

    async def get(self, number: str) -> Order:
        """By its number, in any spelling that `shop.numbers.canonical` knows. OrderNotFound."""
        ...

    async def plan(self, wish: Wish) -> Change:
        """What the wish would do, checked against every rule; changes nothing. Refused when a rule says no."""
        ...

    async def apply(self, wish: Wish, approval: Approval) -> Change:
        """Does it, in one transaction, with an audit row. The same approval id a second time changes nothing and gives
        the same Change. Refused("changed_meanwhile") when it would not do what `approval.fingerprint` stands for."""
        ...

    async def memory(self) -> Mapping[str, str]:
        """What is remembered of the customer beyond a conversation: "size" -> "M"."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """One more thing; an older value of the key is replaced. Keys: size, shoe_size, language."""
        ...

    async def forget(self, key: str | None = None) -> int:
        """Deletes one thing that is remembered, or all. How many were."""
        ...


class Orders(Protocol):
    def of(self, customer: str) -> CustomerOrders:
        """The only door to an order. `customer` is an id that a session or a proof gave, never a model or a body."""
        ...

    async def prove(self, number: str, secret: str) -> str | None:
        """The id of the customer whose order has this number, if `secret` is the last four digits of their phone or
        their e-mail; None for a wrong secret and for a missing order, after the same work."""
        ...


class Catalogue(Protocol):
    async def product(self, id: str) -> Product | None: ...

    async def variant(self, id: str) -> Product | None:
        """The product that this variant belongs to, with all its variants."""
        ...

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        """Those of them that there are, in this order."""
        ...

    async def names(self) -> Mapping[str, Names]:
        """Every product's names, by its id."""
        ...


class Shop(Protocol):
    """A merchant's shop. Every method may raise ShopUnavailable."""

    @property
    def orders(self) -> Orders: ...

    @property
    def catalogue(self) -> Catalogue: ...

    async def close(self) -> None: ...
