"""Runs one call: a look-up at once, a change only as far as its plan, which then waits for the shopper's click."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kefu.approvals import Approvals
from kefu.card_shapes import ApprovalCard
from kefu.cards import approval_card
from kefu.tools.catalogue import TOOLS
from kefu.tools.tool import BadCall, Looked, Session
from shop.changes import Wish
from shop.errors import Refused, ShopUnavailable

log = logging.getLogger(__name__)
_LIMIT_S = 15.0  # a shop that answers later than that is away


@dataclass(frozen=True)
class Asking:
    """Whose click a change will wait for, and where it was asked for."""

    conversation: str
    owner: str
    customer: str
    message: str
    country: str  # of the shopper, for the clock on the card


@dataclass(frozen=True)
class Ran:
    """What came of a call: exactly one of the three is set."""

    looked: Looked | None = None
    card: ApprovalCard | None = None
    refused: Refused | None = None


class Caller:
    """Runs tools for one shopper in one turn."""

    def __init__(self, session: Session, approvals: Approvals, asking: Asking | None) -> None:
        self.session = session
        self._approvals = approvals
        self._asking = asking  # None: nobody has proven to be anybody

    async def run(self, name: str, arguments: str | Mapping[str, Any]) -> Ran:
        """Raises BadCall for what is no call, PermissionError where a customer must be proven first, and
        ShopUnavailable."""
        tool = TOOLS[name]
        checked = tool.checked(arguments)
        if self._asking is None and not tool.open_to_guests:
            raise PermissionError(f"{name} is for a proven customer")
        try:
            async with asyncio.timeout(_LIMIT_S):
                found = await tool.run(self.session, checked)
        except Refused as refused:
            return Ran(refused=refused)
        except TimeoutError:
            raise ShopUnavailable(f"{name}: the shop took longer than {_LIMIT_S:.0f} s") from None
        except ValueError as error:  # arguments that fit the schema and make no sense
            raise BadCall(f"{name}: {error}") from None
        return Ran(looked=found) if isinstance(found, Looked) else await self.ask(name, found)

    async def ask(self, name: str, wish: Wish) -> Ran:
        """Puts a change before the shopper, if the shop's rules allow it."""
        asking, orders = self._asking, self.session.orders
        if asking is None or orders is None:
            raise PermissionError(f"{name} is for a proven customer")
        try:
            async with asyncio.timeout(_LIMIT_S):
                change = await orders.plan(wish)
        except Refused as refused:
            return Ran(refused=refused)
        except TimeoutError:
            raise ShopUnavailable(f"{name}: the shop took longer than {_LIMIT_S:.0f} s") from None
        id, expires_at = self._approvals.offer()
        card = approval_card(
            id, change, self.session.language, expires_at=expires_at, state="pending", country=asking.country
        )
        await self._approvals.ask(
            conversation=asking.conversation, owner=asking.owner, customer=asking.customer, message=asking.message,
            tool=name, wish=wish, fingerprint=change.fingerprint, card=card,
        )  # fmt: skip
        return Ran(card=card)
