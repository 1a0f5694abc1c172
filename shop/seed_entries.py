"""The shapes of a demo shop's entries, as data/README.md describes them. Knows no file and no database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shop.views import Address, OrderStatus, PaymentKind, ReturnStatus

Market = Literal["CN", "VN", "TH", "all"]
CURRENCIES: Mapping[Market, str] = {"CN": "CNY", "VN": "VND", "TH": "THB", "all": "USD"}  # policies: payment

_MARKETS: Mapping[str, Market] = {"CN": "CN", "VN": "VN", "TH": "TH"}  # by country
_AGO = re.compile(r"([+-]) ?(?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m)?")


def _ago(value: object) -> timedelta:
    match = _AGO.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()[1:]):
        raise ValueError("a time is written like -3d 4h 20m, or +2d")
    days, hours, minutes = (int(part or 0) for part in match.groups()[1:])
    span = timedelta(days=days, hours=hours, minutes=minutes)
    return -span if match[1] == "-" else span


Ago = Annotated[timedelta, BeforeValidator(_ago)]  # from the moment of seeding
Past = Annotated[Ago, Field(le=timedelta())]
Amount = Annotated[Decimal, Field(max_digits=12)]  # in major units
Text = Annotated[str, Field(min_length=1)]
Options = dict[str, str]  # option -> key of its word in options.json


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _WithId(Protocol):
    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=_WithId)


def _unlike(entries: list[N]) -> list[N]:
    """At least one, each with an id of its own."""
    if not entries or len({entry.id for entry in entries}) < len(entries):
        raise ValueError("there must be one, and no id twice")
    return entries


class Words(Entry):
    zh: Text
    en: Text
    vi: Text
    th: Text


class VariantEntry(Entry):
    id: str  # behind the product's
    options: Options
    stock: dict[Market, Annotated[int, Field(ge=0)]]
    prices: dict[Market, Amount] = {}  # where they are not the product's


class ProductEntry(Entry):
    id: str
    category: str
    names: Words
    descriptions: Words
    attributes: dict[str, str | list[str] | int | float]  # keys of words; a number is a number in every language
    prices: Annotated[dict[Market, Amount], Field(min_length=1)]
    electronics: bool = False
    returnable: bool = True
    sold: Annotated[int, Field(ge=0)] = 0  # units of the last 90 days, all markets together
    rating: Annotated[float, Field(ge=1, le=5)] | None = None  # None: nobody has reviewed it
    reviews: Annotated[int, Field(ge=0)] = 0
    margin: Annotated[float, Field(ge=0, le=1)] = 0.0  # share of the price
    listed: Past = timedelta(days=-365)
    variants: Annotated[list[VariantEntry], AfterValidator(_unlike)]

    @model_validator(mode="after")
    def _rated_by_reviews(self) -> ProductEntry:
        if (self.rating is None) != (self.reviews == 0):
            raise ValueError("reviews make a rating: there are both or neither")
        return self


class AddressEntry(Entry):
    id: str  # behind the customer's
    label: str
    address: Address
    is_default: bool = False


class MethodEntry(Entry):
    id: str  # behind the customer's
    kind: PaymentKind
    hint: str = ""
    balance: Amount | None = None


class CustomerEntry(Entry):
    id: str
    name: Text
    email: Text
    phone: Text
    language: str
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    addresses: Annotated[list[AddressEntry], AfterValidator(_unlike)]
    payment_methods: Annotated[list[MethodEntry], AfterValidator(_unlike)]

    @property
    def market(self) -> Market:
        return _MARKETS.get(self.country, "all")


class ItemEntry(Entry):
    product: str
    options: Options = {}
    price: Amount  # as it was paid


class PaymentEntry(Entry):
    kind: Literal["payment", "refund"]
    amount: Annotated[Amount, Field(gt=0)]
    method: str  # of the customer
    at: Ago


class ScanEntry(Entry):
    at: Ago
    code: Literal["packed", "dispatched", "customs", "arrived", "out_for_delivery", "delivered", "failed_attempt"]
    place: Text


class ShipmentEntry(Entry):
    carrier: Text
    tracking: Text
    items: list[int] | None = None  # positions in the order, from 1; None: all
    expected: Ago
    scans: list[ScanEntry]


class EventEntry(Entry):
    at: Ago
    status: ReturnStatus


class ReturnEntry(Entry):
    kind: Literal["return", "exchange"]
    items: Annotated[list[int], Field(min_length=1)]  # positions in the order, from 1
    new_options: list[Options] = []  # of an exchange, in the order of `items`
    money: Amount | None = None
    method: str | None = None
    reason: str
    events: Annotated[list[EventEntry], Field(min_length=1)]  # oldest first

    @model_validator(mode="after")
    def _new_options_of_an_exchange(self) -> ReturnEntry:
        if len(self.new_options) != (len(self.items) if self.kind == "exchange" else 0):
            raise ValueError("an exchange, and nothing else, names new_options for each of its items")
        return self


class OrderEntry(Entry):
    number: Annotated[str, Field(pattern=r"^JL\d{5}$")]
    customer: str
    status: OrderStatus
    placed: Ago
    delivered: Ago | None = None
    address: str | Address  # one of the customer's address book, or another
    shipping: Annotated[Amount, Field(ge=0)]
    items: Annotated[list[ItemEntry], Field(min_length=1)]
    payments: list[PaymentEntry] = []
    shipments: list[ShipmentEntry] = []
    returns: list[ReturnEntry] = []
    items_modified: bool = False
    cancel_reason: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _positions_are_items(self) -> OrderEntry:
        parts = [*(parcel.items or () for parcel in self.shipments), *(back.items for back in self.returns)]
        for position in (position for part in parts for position in part):
            if not 1 <= position <= len(self.items):
                raise ValueError(f"item {position} of an order of {len(self.items)}")
        return self
