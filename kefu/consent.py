"""A click on Confirm or Cancel, and what comes of it: the change is made once, or left alone, and said so.

The one place that lets the shop write. Knows no surface and no model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from kefu.approvals import Approvals, Asked
from kefu.card_shapes import ApprovalCard, ApprovalState
from kefu.cards import change_done_text, refusal_text
from kefu.conversations import Conversation
from kefu.events import ApprovalNeeded, Event, NoticeCode, ToolFinished, ToolStarted
from kefu.proofs import Proofs
from kefu.words import say
from shop.changes import Approval, Change, ItemText
from shop.errors import Refused, ShopError, ShopUnavailable
from shop.protocol import CustomerOrders, Shop
from shop.views import named

log = logging.getLogger(__name__)
_LIMIT_S = 20.0  # for the shop to make a change; it is made once, however often it is asked for


def shown(asked: Asked) -> ApprovalCard:
    """The card as it stands now."""
    return in_state(asked.card, asked.state)


def in_state(card: ApprovalCard, state: ApprovalState) -> ApprovalCard:
    """The card with what became of it in words."""
    text = "" if state == "pending" else say(card.language, f"approval_{state}")
    return card.model_copy(update={"state": state, "state_text": text})


@dataclass
class Decision:
    """One click. After `events`, `text` is what the shopper is told, or `notice` a sentence of ours by its code."""

    shop: Shop
    proofs: Proofs
    approvals: Approvals
    conversation: Conversation
    asked: Asked
    yes: bool
    text: str = ""
    notice: NoticeCode | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """Decides. Raises only what is a bug; then the change may be asked for again."""
        if not await self.approvals.decide(self.asked.id, self.conversation.owner, self.yes):
            self.asked = await self.approvals.get(self.asked.id, self.conversation.owner)
            yield ApprovalNeeded(card=shown(self.asked))
            self.notice = "approval_gone"
            return
        if not self.yes:
            self.text = say(self.asked.card.language, "approval_refused")
            yield ApprovalNeeded(card=in_state(self.asked.card, "refused"))
            return
        yield ApprovalNeeded(card=in_state(self.asked.card, "working"))
        yield ToolStarted(tool=self.asked.tool, arguments={"approval": self.asked.id})
        state: ApprovalState = "pending"
        refused = ""
        try:
            self.text = await self._do()
            state = "done"
        except Refused as no:
            state, refused, self.text = "failed", no.code, refusal_text(no, self.asked.card.language)
        except (ShopUnavailable, TimeoutError) as error:
            log.warning("a change waits: %s: %s", type(error).__name__, error)
            self.notice = "shop_unavailable"
        finally:  # "pending" after a failure too: the shop makes a change once, so that another click may try again
            await asyncio.shield(self.approvals.settle(self.asked.id, state))
        yield ToolFinished(tool=self.asked.tool, ok=state == "done", refused=refused)
        yield ApprovalNeeded(card=in_state(self.asked.card, state))

    async def _do(self) -> str:
        asked = self.asked
        if await self.proofs.customer(self.conversation) != asked.customer:
            raise Refused("changed_meanwhile", number=asked.card.title)
        approval = Approval(
            id=asked.id,
            fingerprint=asked.fingerprint,
            conversation=asked.conversation,
            message=asked.message,
            actor=self.conversation.owner,
        )
        orders = self.shop.orders.of(asked.customer)
        async with asyncio.timeout(_LIMIT_S):
            change = await orders.apply(asked.wanted, approval)
        await _remember_sizes(orders, change)
        return change_done_text(change, asked.card.language)


async def _remember_sizes(orders: CustomerOrders, change: Change) -> None:
    """The size that somebody changed to is most likely theirs. Worth no failure: it is only remembered."""
    if change.kind not in ("modify_items", "exchange_items"):
        return
    sizes = [
        line.new.options["size"]
        for line in change.lines
        if isinstance(line.new, ItemText) and "size" in line.new.options
    ]
    for size in {named(names, "en") for names in sizes}:
        try:
            await orders.remember("shoe_size" if size[:2].isdigit() else "size", size)
        except ShopError as error:
            log.warning("a size was not remembered: %s: %s", type(error).__name__, error)
