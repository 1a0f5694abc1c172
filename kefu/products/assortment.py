"""What one shop sells, to be searched for shoppers: from their words to an intent, from an intent to products.

Knows no model and no conversation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from kefu.products.intent import Field, Intent, Meant
from kefu.wants.looking_for import Vocabulary
from kefu.wants.spoken import folded
from shop import ranking
from shop.errors import ShopUnavailable
from shop.limits import Limits
from shop.mirror import Mirror
from shop.product_index import ProductIndex
from shop.protocol import CustomerOrders
from shop.ranking import Alternatives
from shop.search import ProductSearch, Query, Results
from shop.views import Product

log = logging.getLogger(__name__)
_EVERY_S = 0.5  # how often the catalogue's changes are looked for
_UNHURRIED_S = 2.0  # before the first reading, where nobody asks sooner
_KNOWN_S = 30.0  # the longest wait for that reading
_PAUSE_S = 10.0  # before the catalogue is read again after a failure
_RECENT_ORDERS = 6  # whose items tell a taste
_WANTED: tuple[Field, ...] = ("recipient", "occasion", "style", "season", "fit", "feature")


@dataclass(frozen=True)
class Market:
    """Where a shopper buys: a country or "all", and what prices are in there (ISO 4217)."""

    name: str
    currency: str


class Assortment:
    """One for each process; safe for many turns at once."""

    def __init__(self, search: ProductSearch) -> None:
        self._search = search
        self._vocabulary = Vocabulary({}, ())
        self._made_from: tuple[object, object] = (None, None)
        self._following: list[asyncio.Task[None]] = []
        self._asked_for, self._known = asyncio.Event(), asyncio.Event()

    async def close(self) -> None:
        """Stops following the catalogue and lets go of the index."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        self.index.close()

    def follow(self, mirror: Mirror | None) -> None:
        """Keeps the index equal to the catalogue from now on, in the background."""
        self.index.vectors.workers = 1  # shoppers come first
        self._following.append(asyncio.create_task(self._follow()))
        if mirror:
            self._following.append(asyncio.create_task(mirror.keep()))

    async def ready(self) -> None:
        """Waits until the catalogue's words are known, some seconds after the very first start. Raises ShopUnavailable
        where that takes too long."""
        self._asked_for.set()
        if self._following and not self._known.is_set():
            try:
                await asyncio.wait_for(self._known.wait(), _KNOWN_S)
            except TimeoutError:
                raise ShopUnavailable(f"the catalogue was not read within {_KNOWN_S:.0f} s") from None

    async def _follow(self) -> None:
        with suppress(TimeoutError):  # what opens and closes at once need not read the catalogue
            await asyncio.wait_for(self._asked_for.wait(), _UNHURRIED_S)
        while True:
            pause = _EVERY_S
            try:
                await self.index.sync_texts()
                self._known.set()
                await self.index.sync()
            except Exception as error:  # the next try follows: a shopper is served with what is there
                log.warning("products are not up to date: %s: %s", type(error).__name__, error)
                pause = _PAUSE_S
            await asyncio.sleep(pause)

    @property
    def index(self) -> ProductIndex:
        return self._search.index

    def market(self, country: str) -> Market:
        """Of a country (ISO 3166): its own, if anything is sold there, else "all"."""
        markets = self.index.markets
        name = country if country in markets else "all"
        return Market(name, markets.get(name) or next(iter(markets.values()), "USD"))

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the catalogue as it is now."""
        made_from = (self.index.words, self.index.categories)
        if not all(now is then for now, then in zip(made_from, self._made_from, strict=True)):
            self._vocabulary, self._made_from = Vocabulary(self.index.words, self.index.categories), made_from
        return self._vocabulary

    def intent(self, text: str, language: str, market: Market) -> Intent:
        """What a message looks for, as far as its words say it."""
        return self.vocabulary.intent(text, language, market.currency)

    async def find(
        self, intent: Intent, market: Market, k: int, liked: Mapping[str, float] | None = None
    ) -> tuple[Limits, Results]:
        """The best `k` products for an intent, and the limits that they were held to. Raises ShopUnavailable and
        RetrievalError."""
        query = self._query(intent, market, k, liked or {})
        results = await self._search.search(query)
        nothing = results.none is not None and results.none.why == "nothing"
        if nothing and query.called and query.limits.categories:
            # The lists say of socks that they are accessories; this shop may have them elsewhere
            elsewhere = replace(query, limits=query.limits.model_copy(update={"categories": ()}))
            others = await self._search.search(elsewhere)
            if others.hits:
                return elsewhere.limits, others
        return query.limits, results

    def _query(self, intent: Intent, market: Market, k: int, liked: Mapping[str, float]) -> Query:
        text = intent.text.replace(intent.budget_said, " ") if intent.budget_said else intent.text
        return Query(
            text=text,
            language=intent.language,
            limits=limits_of(intent, market),
            k=k,
            wanted=[_any(one.of) for one in intent.meant if one.field in _WANTED and one.of],
            must=[materials] if (materials := _any(intent.of("material"))) else [],
            whom=_any([value for one in intent.meant for value in _whom(one)]),
            called=frozenset() if _given(intent) else self.vocabulary.called(text, intent.language),
            liked=liked,
            order=intent.order,
            english=self.vocabulary.english(text, intent.language),
        )

    async def named(self, text: str, market: Market, k: int) -> Sequence[Product]:
        """The products whose texts share most words with a message, the best first: sold out ones too."""
        return await self._search.sharing(text, Limits(market=market.name, in_stock=False), k)

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        """Those of them that there are, in this order. Raises ShopUnavailable."""
        return await self._search.products(ids)

    async def taste(self, orders: CustomerOrders | None) -> dict[str, float]:
        """What somebody bought lately has in common; {} for a guest. Raises ShopError."""
        if orders is None:
            return {}
        bought = [item.product for order in await orders.list(_RECENT_ORDERS) for item in order.items]
        return ranking.taste(await self._search.products(bought))


def limits_of(intent: Intent, market: Market) -> Limits:
    """The hard limits of an intent. A budget in another currency than the market's limits nothing: there are no
    rates here."""
    bounds = [bound for bound in (intent.lowest, intent.highest) if bound]
    usable = all(bound.currency == market.currency for bound in bounds)
    return Limits(
        market=market.name,
        categories=_names(intent.of("category"), "category"),
        lowest=intent.lowest if usable else None,
        highest=intent.highest if usable else None,
        colours=_names(intent.of("colour"), "colour"),
        sizes=_names(intent.of("size"), "size"),
        without=intent.of("must_not"),
    )


def _given(intent: Intent) -> bool:
    """Whether a program names the category: it is in no words, and stands whatever kind of goods these name."""
    return any(folded(one.said) not in folded(intent.text) for one in intent.meant if one.field == "category")


def _whom(meant: Meant) -> Sequence[str]:
    """Whom it has to be for. What is made for seniors suits grandmothers best, and is not all that does."""
    if meant.field != "recipient" or meant.value == "elder":
        return ()
    return [value for value in meant.of if value.startswith("for:")]


def _any(values: Sequence[str]) -> Alternatives:
    return frozenset(values)


def _names(values: Sequence[str], attribute: str) -> tuple[str, ...]:
    return tuple(value.removeprefix(f"{attribute}:") for value in values)
