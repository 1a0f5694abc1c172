"""A conversation up to one message: what we asked back, which orders were spoken of, what is in view.

Reads what was kept of it; knows no intent and no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kefu.card_shapes import ApprovalCard, Card, OrderCard, OrdersCard, ProductsCard, ProductTile
from kefu.conversations import Message
from kefu.events import NoticeCode
from shop import numbers

# After one of these the shopper's next message goes on with the same request
_ASKED_BACK: frozenset[NoticeCode] = frozenset({
    "prove_first", "prove_secret", "prove_number", "prove_wrong", "which_wish", "which_order", "which_item",
    "which_option", "which_address", "which_payment", "address_missing", "which_product", "which_products",
})  # fmt: skip
_WHICH_PRODUCT: frozenset[NoticeCode] = frozenset({"which_product", "which_products"})
_OF_ORDERS = (OrderCard, OrdersCard, ApprovalCard)
_ROWS_IN_VIEW = 6
_IN_VIEW = 3  # answers whose cards may be spoken of
_LONGEST_CHAIN = 6  # messages that one request may be spread over


@dataclass(frozen=True)
class Talk:
    """`history` holds the `question` too."""

    question: Message
    history: Sequence[Message]

    def asked_back(self) -> list[Message]:
        """The messages right before this one that we answered with a question back, oldest first."""
        answers = {m.reply_to: m for m in self.history if m.reply_to}
        chain: list[Message] = []
        for message in reversed(self.earlier()):
            if len(chain) == _LONGEST_CHAIN or not notices(answers.get(message.id)) & _ASKED_BACK:
                break
            chain.insert(0, message)
        return chain

    def talked(self) -> list[str]:
        """The orders spoken of in this conversation, those that only stood in a list too, the latest last."""
        return self._spoken_of(lambda card: [row.number for row in card.rows])

    def focus(self) -> list[str]:
        """Those that were named, or shown by themselves, the latest last."""
        return self._spoken_of(lambda card: [])

    def _spoken_of(self, listed: Callable[[OrdersCard], list[str]]) -> list[str]:
        said: list[str] = []
        for message in self.history:
            said += numbers.find(message.text)
            for card in message.cards:
                said += listed(card) if isinstance(card, OrdersCard) else numbers.find(card.title)
        return [number for at, number in enumerate(said) if number not in said[at + 1 :]]

    def listed(self) -> list[str]:
        """The orders that the last answer listed, in its order."""
        last = self.last_answer()
        lists = [card for card in last.cards if isinstance(card, OrdersCard)] if last else []
        return [row.number for row in lists[-1].rows] if lists else []

    def last_answer(self) -> Message | None:
        return next((m for m in reversed(self.history) if m.role == "assistant"), None)

    def earlier(self) -> list[Message]:
        """The shopper's messages before this one, oldest first."""
        return [m for m in self.history if m.role == "user" and m.id != self.question.id]

    def asked_in_vain(self, code: NoticeCode, times: int) -> bool:
        """Whether we have just asked this back so many times: the shopper has something else in mind."""
        answers = [message for message in self.history if message.role == "assistant"][-times:]
        return len(answers) == times and all(code in notices(answer) for answer in answers)

    def after_policies(self) -> bool:
        """Whether the last answer came from the shop's policies."""
        last = self.last_answer()
        return last is not None and bool(last.sources)

    def in_view(self) -> bool:
        """Whether one of the last answers showed orders."""
        return any(isinstance(card, _OF_ORDERS) for answer in self._answers()[-_IN_VIEW:] for card in answer.cards)

    def shows_orders(self) -> bool:
        """Whether the last answer did."""
        last = self.last_answer()
        return last is not None and any(isinstance(card, _OF_ORDERS) for card in last.cards)

    def of_products(self) -> bool:
        """Whether the last answer showed products, or asked which is meant."""
        return _of_products(self.last_answer())

    def row(self) -> list[ProductTile]:
        """The latest row of several products in view, as they stood there: what "the second one" counts in."""
        return next((tiles for tiles in self._shown() if len(tiles) > 1), [])

    def product(self) -> ProductTile | None:
        """The product that is spoken of: the one that was shown last, by itself."""
        shown = self._shown()
        return shown[0][0] if shown and len(shown[0]) == 1 else None

    def _shown(self) -> list[list[ProductTile]]:
        """The products of each of the last answers that showed any, the latest first."""
        cards = [card for answer in self._answers()[-_ROWS_IN_VIEW:] for card in answer.cards]
        return [list(card.products) for card in reversed(cards) if isinstance(card, ProductsCard)]

    def tiles(self) -> list[ProductTile]:
        """Every product that was shown in this conversation, the latest last, each once."""
        shown = [
            tile
            for answer in self._answers()
            for card in answer.cards
            if isinstance(card, ProductsCard)
            for tile in card.products
        ]
        return list({tile.id: tile for tile in shown}.values())

    def wish(self) -> list[str]:
        """The messages before this one that products were found for, oldest first; what was asked about those products
        in between is left out."""
        found: list[str] = []
        answers = {m.reply_to: m for m in self.history if m.reply_to}
        for message in reversed(self.earlier()):
            answer = answers.get(message.id)
            if answer is None or not _of_products(answer):
                break
            if not answer.notices and any(_found(card) for card in answer.cards):
                found.insert(0, message.text)
        return found[-_LONGEST_CHAIN:]

    def _answers(self) -> list[Message]:
        return [message for message in self.history if message.role == "assistant"]


def _of_products(answer: Message | None) -> bool:
    shows = answer is not None and any(isinstance(card, ProductsCard) for card in answer.cards)
    return shows or bool(notices(answer) & _WHICH_PRODUCT)


def _found(card: Card) -> bool:
    """Whether it shows what was looked for: such products come with the reason why."""
    return isinstance(card, ProductsCard) and any(tile.reason for tile in card.products)


def notices(answer: Message | None) -> set[str]:
    """The codes of what we said of our own in an answer."""
    return {notice.code for notice in answer.notices} if answer else set()
