"""The bodies that go between Kefu and a merchant's REST service, around the views: docs/shop-openapi.yaml describes the
same. Knows no HTTP.

Whatever belongs to a customer comes with that customer's id, so that a service's mix-up is noticed before it is shown.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shop.changes import Approval, Change, Wish
from shop.errors import RefusalCode
from shop.views import Names, Order, Product, View

RefusalValue = Literal[
    "balance", "country", "days", "field", "hours", "item", "needed", "number", "product", "reason", "status", "variant"
]


class OfCustomer(View):
    """Whose it is."""

    customer: str


class OrderOf(OfCustomer):
    """One order, with the customer whose it is."""

    order: Order


class OrdersOf(OfCustomer):
    """A customer's orders, the newest first."""

    orders: tuple[Order, ...]


class ChangeOf(OfCustomer):
    """What a wish of the customer's would do, or did."""

    change: Change


class MemoryOf(OfCustomer):
    """Everything that is remembered of the customer: "size" -> "M"."""

    memory: dict[str, str]


class ForgottenOf(OfCustomer):
    """How many of the things that were remembered are deleted."""

    forgotten: Annotated[int, Field(ge=0)]


class Proven(OfCustomer):
    """The customer whose order it is."""

    customer: Annotated[str, Field(min_length=1)]


class Products(View):
    """Products, in any order."""

    products: tuple[Product, ...]


class ProductNames(View):
    """Every product's names, by its id."""

    names: dict[str, Names]


class ApplyBody(View):
    """A wish, and the customer's yes to what it would do."""

    wish: Wish
    approval: Approval


class ProofBody(View):
    """An order number, and the last four digits of its customer's phone or their e-mail."""

    number: str
    secret: str


class RememberBody(View):
    """One thing to remember."""

    value: str


class Problem(View):
    """Why there is no answer, after RFC 9457: `code` names the rule that says no, `values` what its sentence needs.
    `not_found`: there is no such customer, product or variant, or the proof is wrong. Other members are not read."""

    code: RefusalCode | Literal["not_found"]
    values: dict[RefusalValue, Annotated[str, Field(max_length=500)]] = Field(default_factory=dict)
