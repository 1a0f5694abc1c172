"""What may go wrong in the shop: a rule that says no (expected, told to the shopper), or a shop out of reach.

ShopError
├── Refused          a rule says no; `code` names the rule, `values` what its sentence needs
│   └── OrderNotFound   missing, or somebody else's (alike)
├── ShopUnavailable  the shop's database or service does not answer; nothing was changed, or it can be asked again
└── BadDatabase      the database cannot be opened; says why and what to do
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from shop.views import Names

RefusalCode = Literal[
    "order_not_found",  # number
    "not_pending",  # number, status
    "not_delivered",  # number, status
    "already_changed",  # number: its items were changed once already
    "already_requested",  # number: a return or exchange of these items (or, by the rules, of this order) is under way
    "change_too_late",  # number, hours
    "return_too_late",  # number, days
    "exchange_too_late",  # number, days
    "not_returnable",  # product: of a kind that the shop never takes back
    "opened",  # product: opened electronics come back only when faulty
    "reason_not_accepted",  # reason
    "no_items",  # number
    "item_not_in_order",  # number, item
    "other_product",  # product: the new variant belongs to another product
    "same_variant",  # product
    "variant_not_found",  # variant
    "out_of_stock",  # product
    "exchange_not_offered",  # country
    "address_incomplete",  # field
    "address_unknown",
    "country_fixed",  # country
    "same_address",
    "payment_method_not_found",
    "same_payment_method",
    "payment_not_changeable",  # number
    "refund_method_not_allowed",
    "balance_too_small",  # balance, needed
    "changed_meanwhile",  # number: not what was shown any more
    "nothing_to_forget",
]


class ShopError(Exception):
    """Root of the shop's own errors; the message is for staff and logs."""


class Refused(ShopError):
    """A rule of the shop says no. Nothing was changed. `values` are plain texts, as they stand in the data;
    `product_names` is the name of the product that is spoken of, by language."""

    def __init__(self, code: RefusalCode, product_names: Names | None = None, /, **values: str) -> None:
        super().__init__(f"{code} {values}" if values else code)
        self.code = code
        self.product_names = product_names or {}
        self.values = values


class OrderNotFound(Refused):
    """Missing, or another customer's: nobody can tell the two apart."""

    def __init__(self, number: str) -> None:
        super().__init__("order_not_found", number=number)


class ShopUnavailable(ShopError):
    """The shop's data cannot be reached now."""


class BadDatabase(ShopError):
    """The database cannot be opened: what is wrong, and what to do about it."""
