"""Cards as elements of Chainlit's page: an order, several, a change that waits for a yes, products.

Knows no order and no product: what a card says comes ready made. Nothing of it comes back but an id, or a sentence of
the shopper's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kefu.card_shapes import ApprovalCard, Card, OrderCard, ProductsCard
from kefu.words import say
from web.steps import Element, answer_id


def card_element(card: Card, question: str, conversation: str, n: int) -> Element:
    """The `n`th card under the answer to `question`, for public/elements/<Type>.jsx.

    An approval's element has the approval's own id: sent again with another state, the page draws it anew. It stays
    in its place when `question` is always the one that asked for the change. So it is with the same products again.
    """
    return {
        "id": _id(card, question, n),
        "threadId": conversation,
        "forId": answer_id(question),
        "type": "custom",
        "name": card.type.capitalize(),
        "display": "inline",
        "mime": "application/json",
        "props": card.model_dump(mode="json") | _added(card),
    }


def _id(card: Card, question: str, n: int) -> str:
    if isinstance(card, ApprovalCard):
        return f"approval:{card.id}"
    if isinstance(card, ProductsCard):
        return f"products:{question}:{','.join(product.id for product in card.products)}"
    return f"card:{question}:{n}"


def _added(card: Card) -> dict[str, Any]:
    """What only the page says: words for ears, and what a click may meet."""
    if isinstance(card, OrderCard):
        return {"words": _words(card.language, ahead="step_ahead")}
    if isinstance(card, ApprovalCard):
        # A duration, for the clock of a shopper's device may be wrong
        left = datetime.fromisoformat(card.expires_at) - datetime.now(UTC)
        words = {"before": "change_from", "after": "change_to", "over": "approval_gone", "unreached": "click_unreached"}
        return {"expires_in_s": max(0.0, left.total_seconds()), "words": _words(card.language, **words)}
    return {}


def _words(language: str, **keys: str) -> dict[str, str]:
    return {name: say(language, key) for name, key in keys.items()}
