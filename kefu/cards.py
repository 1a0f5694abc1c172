"""Orders and changes in the shopper's language, the same on every surface: the one door to what fills the cards.

Shapes: kefu.card_shapes. Orders: kefu.order_card. Changes: kefu.change_card. Single values: kefu.shop_words. All of it
knows how things are said, not how they are drawn: no HTML, no page.
"""

from __future__ import annotations

from kefu.change_card import approval_card, change_done_text
from kefu.order_card import order_card, orders_card
from kefu.shop_words import item_text, method_text, refusal_text, saved_address_text, variant_text

__all__ = [
    "approval_card", "change_done_text", "item_text", "method_text", "order_card", "orders_card", "refusal_text",
    "saved_address_text", "variant_text",
]  # fmt: skip
