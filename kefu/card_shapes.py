"""The shapes of cards: orders, changes, products, display-ready in the shopper's language, the same on every surface.

Imports nothing of ours: kefu.cards fills them, surfaces draw them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Card(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # errors are logged


class Step(_Card):
    """One step of an order's way. `at` is "" while it lies ahead."""

    text: str
    at: str
    state: Literal["done", "now", "ahead", "stopped"]


class CardItem(_Card):
    """One row of an order: equal units are one row. `note` says what happens to it ("return requested"), or ""."""

    name: str
    options: str  # "black, M"
    price: str
    quantity: int
    note: str


class Scan(_Card):
    """A line of the parcel's way, the newest first."""

    at: str
    text: str
    place: str


class Parcel(_Card):
    """A parcel of the order."""

    carrier: str
    tracking: str
    expected: str  # "Expected by 24 Nov", or ""
    scans: tuple[Scan, ...]


class Action(_Card):
    """A button: pressing it sends `message` as the shopper's own."""

    label: str
    message: str


class OrderCard(_Card):
    """An order, every text in `language`. `labels` names its parts: items, total, shipping, address, parcel, …"""

    type: Literal["order"] = "order"
    language: str
    number: str
    title: str  # "Order JL10023"
    status: str
    status_code: str
    placed: str  # "Placed on 12 Nov 2026"
    steps: tuple[Step, ...]
    items: tuple[CardItem, ...]
    shipping: str
    total: str
    address: tuple[str, ...]
    parcels: tuple[Parcel, ...]
    returns: tuple[str, ...]  # "Return of 1 item: requested on …, 90 baht come back to …"
    actions: tuple[Action, ...]
    labels: dict[str, str]


class ChangeLine(_Card):
    """One thing that changes; `old` is "" where there is none."""

    label: str
    old: str
    new: str


ApprovalState = Literal["pending", "working", "done", "refused", "expired", "void", "failed"]


class ApprovalCard(_Card):
    """A change that waits for a yes, or what became of it: `state_text` says so, "" while it is pending."""

    type: Literal["approval"] = "approval"
    language: str
    id: str
    title: str  # "Cancel order JL10023?"
    lines: tuple[ChangeLine, ...]
    money: str  # "฿1,290 come back to your PromptPay account", or ""
    confirm: str  # the buttons' words
    cancel: str
    hint: str  # "Nothing changes until you confirm. The offer stands until 14:32."
    expires_at: str  # ISO 8601, UTC
    state: ApprovalState
    state_text: str


class OrderRow(_Card):
    """One order of a list. Choosing it sends `message` as the shopper's own."""

    number: str
    status: str
    status_code: str
    placed: str
    items: str  # "Silk scarf, 2 more"
    total: str
    message: str


class OrdersCard(_Card):
    """Several orders, to look at or to choose from; `title` says which of the two."""

    type: Literal["orders"] = "orders"
    language: str
    title: str
    rows: tuple[OrderRow, ...]


class ChoicesCard(_Card):
    """What a message may have meant, to choose from."""

    type: Literal["choices"] = "choices"
    language: str
    title: str  # "What would you like to do?"
    choices: tuple[Action, ...]


class ProductTile(_Card):
    """One product of a row."""

    id: str
    name: str
    image: str  # "/public/products/scarves.svg"
    price: str  # "from 299元"
    stock: str  # "In stock", "Only 3 left"
    stock_code: Literal["in", "low", "out"]
    tags: tuple[str, ...]  # true facts: "silk", "plain"
    reason: str  # one line: why it is shown, or ""
    ask: Action  # "Ask about this"


class ProductsCard(_Card):
    """Products side by side. The same products again, now with their reasons, are the same card."""

    type: Literal["products"] = "products"
    language: str
    title: str
    products: tuple[ProductTile, ...]


Card = Annotated[OrderCard | ApprovalCard | OrdersCard | ChoicesCard | ProductsCard, Field(discriminator="type")]
