"""What a customer may ask the shop to change, and what a change would do, line by line. Knows no rule and no database.

A `Wish` is what is asked for; `plan` turns it into a `Change`, what would happen exactly, which the customer is shown;
`apply` does it if that is still what would happen.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shop.money import Money
from shop.views import Address, Names, PaymentMethod, View

CancelReason = Literal["no_longer_needed", "ordered_by_mistake"]
ReturnReason = Literal["does_not_fit", "changed_mind", "faulty", "wrong_item", "not_as_described"]


class _Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Swap(_Wish):
    """One item for another variant of the same product."""

    item: str  # item id
    variant: str  # variant id


class CancelOrder(_Wish):
    kind: Literal["cancel_order"] = "cancel_order"
    order: str
    reason: CancelReason


class ChangeAddress(_Wish):
    """Another address for an order that was not dispatched yet: one of the address book, or a new one."""

    kind: Literal["change_address"] = "change_address"
    order: str
    address: Address


class ModifyItems(_Wish):
    """Other variants in a pending order. A price difference is paid with, or comes back to, `method`
    (None: the one the order was paid with)."""

    kind: Literal["modify_items"] = "modify_items"
    order: str
    swaps: Annotated[tuple[Swap, ...], Field(max_length=50)]
    method: str | None = None


class ChangePayment(_Wish):
    """Another payment method for a pending order."""

    kind: Literal["change_payment"] = "change_payment"
    order: str
    method: str


class ReturnItems(_Wish):
    """Delivered items go back; the money comes to `method` (None: the one the order was paid with)."""

    kind: Literal["return_items"] = "return_items"
    order: str
    items: Annotated[tuple[str, ...], Field(max_length=50)]  # item ids
    reason: ReturnReason = "changed_mind"
    method: str | None = None


class ExchangeItems(_Wish):
    """Delivered items go back for other variants of the same products."""

    kind: Literal["exchange_items"] = "exchange_items"
    order: str
    swaps: Annotated[tuple[Swap, ...], Field(max_length=50)]
    reason: ReturnReason = "does_not_fit"
    method: str | None = None


class ChangeDefaultAddress(_Wish):
    """The address that future orders go to."""

    kind: Literal["change_default_address"] = "change_default_address"
    address: Address


class ForgetMe(_Wish):
    """Everything the shop remembers of the customer for the chat (the table `remembered`) is deleted."""

    kind: Literal["forget_me"] = "forget_me"


Wish = Annotated[
    CancelOrder | ChangeAddress | ModifyItems | ChangePayment | ReturnItems | ExchangeItems | ChangeDefaultAddress
    | ForgetMe,
    Field(discriminator="kind"),
]  # fmt: skip


class ItemText(View):
    """An item as a customer is shown it."""

    names: Names
    options: dict[str, Names]
    price: Money


class Line(View):
    """One thing that changes: from `old` to `new`; None where there is none. Of a fact (`fee`, `refund`, …) only `new`
    is set. Texts are codes of ours (a status, a country) or the customer's own words."""

    what: Literal[
        "status", "address", "item", "payment_method", "price_difference", "refund", "fee", "ship_back_to", "memory"
    ]
    old: str | Address | ItemText | PaymentMethod | Money | None = None
    new: str | Address | ItemText | PaymentMethod | Money | None = None


class Change(View):
    """What a wish would do. `money`: positive comes back to the customer, negative is paid by them, None: no money."""

    kind: str  # the wish's
    order: str | None
    lines: tuple[Line, ...]
    money: Money | None
    method: PaymentMethod | None  # where the money goes to or comes from

    @property
    def fingerprint(self) -> str:
        """The same for the same effect: what a customer said yes to, and nothing else, may be done."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Approval(View):
    """The customer's yes: who clicked what, where. `id` is unique for ever: a change with it is made once."""

    id: str
    fingerprint: str  # of the Change that was shown
    conversation: str
    message: str  # the message that asked for it
    actor: str  # the session's owner: "guest:…", "customer:…", "staff:…"
