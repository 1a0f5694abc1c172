"""What the shop shows of itself: orders, products, customers, as frozen values. Knows no database and no rule.

Every adapter (our own tables, a REST service) gives these, so nothing outside the shop knows where they come from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shop.money import Money

OrderStatus = Literal["pending", "processed", "shipped", "delivered", "cancelled"]
ReturnStatus = Literal["requested", "approved", "received", "refunded", "exchanged", "rejected"]
PaymentKind = Literal[
    "credit_card", "gift_card", "paypal", "alipay", "wechat_pay", "unionpay", "momo", "promptpay", "truemoney", "cod"
]
Names = dict[str, str]  # language -> text; "en" is always there


def named(names: Names, language: str) -> str:
    """The text in a language, else in English, else in any."""
    return names.get(language) or names.get("en") or next(iter(names.values()), "")


class View(BaseModel):
    """A value that is compared by what it holds."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # errors are logged


class Address(View):
    """Where a parcel goes. `country`: ISO 3166 alpha-2, upper case; `line2`, `region` and `postcode` may be empty."""

    name: str = ""
    phone: str = ""
    line1: str
    line2: str = ""
    city: str
    region: str = ""  # state, province, changwat
    country: str
    postcode: str = ""


class SavedAddress(View):
    """An address in the customer's address book."""

    id: str
    label: str  # the customer's own word for it: "Home", "公司"
    address: Address
    is_default: bool


class PaymentMethod(View):
    """A way to pay that the customer has on file. `balance` is a gift card's; `hint` the last digits of a card."""

    id: str
    kind: PaymentKind
    hint: str = ""
    balance: Money | None = None


class Customer(View):
    """A customer, as they may see themselves."""

    id: str
    name: str
    email: str
    phone: str
    language: str  # BCP-47
    country: str
    addresses: tuple[SavedAddress, ...]
    payment_methods: tuple[PaymentMethod, ...]


class Item(View):
    """One unit in an order, at the price paid. `id` is unique in the shop; two of a kind are two items."""

    id: str
    product: str  # product id
    variant: str  # variant id
    names: Names
    options: dict[str, Names]  # "colour" -> {"en": "black", "zh": "黑色"}, "size" -> {"en": "M"}
    price: Money


class Payment(View):
    """Money that went from the customer (payment) or back (refund)."""

    kind: Literal["payment", "refund"]
    amount: Money
    method: str  # payment method id
    method_kind: PaymentKind
    at: datetime


class Scan(View):
    """One line of a parcel's way. `code` is one of: packed, dispatched, customs, arrived, out_for_delivery, delivered,
    failed_attempt; `place` as the carrier writes it."""

    at: datetime
    code: str
    place: str


class Shipment(View):
    """A parcel of an order."""

    carrier: str
    tracking: str
    items: tuple[str, ...]  # item ids
    expected: datetime | None
    scans: tuple[Scan, ...]  # oldest first


class Return(View):
    """Items that go back (return), or back for others (exchange)."""

    id: str
    kind: Literal["return", "exchange"]
    status: ReturnStatus
    items: tuple[str, ...]  # item ids
    new_variants: tuple[str, ...]  # of an exchange, in the order of `items`
    money: Money | None  # positive: comes back to the customer; negative: the customer pays
    method: str | None  # payment method id
    reason: str
    requested_at: datetime
    events: tuple[tuple[datetime, ReturnStatus], ...]  # oldest first, with `requested`


class Order(View):
    """An order. `number` as customers write it, for example JL10023."""

    number: str
    status: OrderStatus
    placed_at: datetime
    delivered_at: datetime | None
    currency: str
    address: Address
    items: tuple[Item, ...]
    shipping: Money
    total: Money  # items and shipping, as they are now
    payments: tuple[Payment, ...]  # oldest first
    shipments: tuple[Shipment, ...]
    returns: tuple[Return, ...]  # oldest first
    items_modified: bool
    cancel_reason: str
    note: str  # the customer's own words to the shop: untrusted text


class Variant(View):
    """One thing that can be bought."""

    id: str
    product: str
    options: dict[str, Names]
    price: Money
    stock: int


class Figures(View):
    """How a product does, for its place in a list. `margin` is the merchant's own business: no shopper and no model
    sees it."""

    sold: int = Field(0, ge=0)  # units in the last 90 days
    rating: float | None = Field(None, ge=1, le=5)
    reviews: int = Field(0, ge=0)
    margin: float = Field(0.0, ge=0, le=1)  # share of the price
    listed_at: datetime | None = None


def _values(value: object) -> object:
    """One value, or a list of them, as JSON has it."""
    return (value,) if isinstance(value, dict) else tuple(value) if isinstance(value, list) else value


class Product(View):
    """A product with its variants, in one market: a variant has one price, in its market's currency."""

    id: str
    names: Names
    category: str  # "dresses", "phones", … ; a key, not a word for shoppers
    descriptions: Names
    # "material" -> [{"en": "silk", "zh": "真丝"}, …]; a number is its digits, its unit is in the key ("battery_mah")
    attributes: dict[str, Annotated[tuple[Names, ...], BeforeValidator(_values)]]
    market: str  # country where it is sold, or "all"
    electronics: bool
    returnable: bool
    variants: Annotated[tuple[Variant, ...], Field(min_length=0)]
    figures: Figures = Figures()

    @property
    def in_stock(self) -> int:
        """Units of all variants."""
        return sum(variant.stock for variant in self.variants)
