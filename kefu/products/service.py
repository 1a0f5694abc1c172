"""Search and recommendation as a service: from a request to an answer, the same for REST and the terminal.

Knows no HTTP and no terminal.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from kefu.languages import home_country
from kefu.llm import LLM
from kefu.products.assortment import Assortment, Market
from kefu.products.intent import Intent
from kefu.products.nearness import Nearness
from kefu.products.phrasing import phrased
from kefu.products.reasons import Reason
from kefu.products.recommend import Recommended, recommend
from kefu.products.understand import understood
from kefu.products.views import IntentRequest
from kefu.script_lock import Dialect
from shop.protocol import CustomerOrders


@dataclass(frozen=True)
class Advice:
    """Who recommends: the assortment, and the model where it may hear a wish or word a reason."""

    assortment: Assortment
    llm: LLM | None = None  # None: no model hears or words anything
    lock: Dialect | None = None
    understands: bool = False
    words_reasons: bool = False
    nearness: Nearness | None = None  # what a model heard is held against

    def market(self, market: str | None, language: str) -> Market:
        """The market that was named (a country, or "all"), else the language's home."""
        return self.assortment.market(market.upper() if market and market != "all" else home_country(language))

    async def intent(self, message: str, fields: IntentRequest | None, language: str, market: Market) -> Intent:
        """What is looked for. ValueError for a field's value that the catalogue does not know."""
        if fields is not None:
            return fields.intent(self.assortment.vocabulary, language, market, message)
        return await self.understood(self.assortment.intent(message, language, market))

    async def understood(self, heard: Intent) -> Intent:
        """What the word lists heard, with what the model adds where it may."""
        if not (self.llm and self.understands):
            return heard
        return await understood(self.llm, self.assortment.vocabulary, heard, self.nearness)

    async def recommended(
        self, intent: Intent, market: Market, k: int, orders: CustomerOrders | None = None
    ) -> Recommended:
        """The best `k`; `orders`: of a proven customer who lets their history count. ShopError, RetrievalError."""
        return await recommend(self.assortment, intent, market, k, await self.assortment.taste(orders))

    async def reasons(self, found: Recommended) -> AsyncGenerator[tuple[str, Reason], None]:
        """Product ids with their reasons, in order; in the model's words where it may and they are true."""
        if not (self.llm and self.words_reasons):
            for hit in found.shown:
                yield hit.product.id, found.reasons[hit.product.id]
            return
        async with aclosing(phrased(self.llm, self.lock, self.assortment, found)) as sentences:
            async for one in sentences:
                yield one.product, one.reason
