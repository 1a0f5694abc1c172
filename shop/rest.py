"""A shop behind a merchant's own REST service, as docs/shop-openapi.yaml describes it. Knows no rule of the shop and
keeps nothing: each question goes to the service, and an answer to another question is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from shop.changes import Approval, Change, Wish
from shop.errors import OrderNotFound, ShopError, ShopUnavailable
from shop.numbers import canonical
from shop.rest_bodies import (
    ApplyBody,
    ChangeOf,
    ForgottenOf,
    MemoryOf,
    OfCustomer,
    OrderOf,
    OrdersOf,
    ProductNames,
    Products,
    ProofBody,
    Proven,
    RememberBody,
)
from shop.rest_service import Answer, RestService, fits
from shop.views import Customer, Names, Order, Product

IDS_AT_ONCE = 50  # products in one question: their ids have to fit into a URL

_NUMBER = re.compile("[A-Z0-9]{1,20}")

Own = TypeVar("Own", bound=OfCustomer)


class RestShop:
    """A `shop.protocol.Shop` behind the service at `url`, asked with the bearer key `key`.

    Each call is answered within `timeout_s` seconds, with a second attempt if the connection broke, or raises
    ShopUnavailable: no answer, one that breaks the description, or one about another customer. ShopError where the
    service does not have the customer. ValueError: `url` is not http(s)://host[:port][/path], or `key` is not of
    visible ASCII characters.
    """

    def __init__(
        self, url: str, key: str, *, timeout_s: float = 5.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._service = RestService(url, key, timeout_s, transport)
        self.orders = _Orders(self._service)
        self.catalogue = _Catalogue(self._service)

    async def close(self) -> None:
        await self._service.close()


class _Orders:
    def __init__(self, service: RestService) -> None:
        self._service = service

    def of(self, customer: str) -> _CustomerOrders:
        return _CustomerOrders(self._service, customer)

    async def prove(self, number: str, secret: str) -> str | None:
        if not _NUMBER.fullmatch(number := canonical(number)):
            return None
        found = await self._service.find(Proven, "POST /proofs", body=ProofBody(number=number, secret=secret))
        return found.customer if found else None


class _CustomerOrders:
    def __init__(self, service: RestService, customer: str) -> None:
        self._service, self._customer = service, customer

    async def profile(self) -> Customer:
        call = "GET /customers/{customer}"
        found = _known(call, await self._service.find(Customer, call, {"customer": self._customer}))
        _same(call, found.id, self._customer)
        return found

    async def list(self, limit: int = 20) -> Sequence[Order]:
        found = await self._ask(OrdersOf, "GET /customers/{customer}/orders", params=[("limit", str(limit))])
        return found.orders[:limit]

    async def get(self, number: str) -> Order:
        number, call = _number(number), "GET /customers/{customer}/orders/{number}"
        order = (await self._ask(OrderOf, call, {"number": number})).order
        _same(call, canonical(order.number), number)
        return order

    async def plan(self, wish: Wish) -> Change:
        wish = _spelt(wish)
        return await self._change("POST /customers/{customer}/plan", wish, wish)

    async def apply(self, wish: Wish, approval: Approval) -> Change:
        call, wish = "POST /customers/{customer}/apply", _spelt(wish)
        body = ApplyBody(wish=wish, approval=approval)
        change = await self._change(call, wish, body, headers={"Idempotency-Key": approval.id})
        _same(call, change.fingerprint, approval.fingerprint)
        return change

    async def memory(self) -> Mapping[str, str]:
        return (await self._ask(MemoryOf, "GET /customers/{customer}/memory")).memory

    async def remember(self, key: str, value: str) -> None:
        call = "PUT /customers/{customer}/memory/{key}"
        await self._ask(MemoryOf, call, {"key": key}, body=RememberBody(value=value))

    async def forget(self, key: str | None = None) -> int:
        if key is None:
            return (await self._ask(ForgottenOf, "DELETE /customers/{customer}/memory")).forgotten
        return (await self._ask(ForgottenOf, "DELETE /customers/{customer}/memory/{key}", {"key": key})).forgotten

    async def _change(self, call: str, wish: Wish, body: BaseModel, headers: Mapping[str, str] | None = None) -> Change:
        change = (await self._ask(ChangeOf, call, body=body, headers=headers)).change
        _same(call, change.kind, wish.kind)
        _same(call, change.order and canonical(change.order), getattr(wish, "order", None))
        return change

    async def _ask(self, answer: type[Own], call: str, ids: dict[str, str] | None = None, **options: Any) -> Own:
        ids = {"customer": self._customer} | (ids or {})
        found = _known(call, await self._service.find(answer, call, ids, **options))
        _same(call, found.customer, self._customer)
        return found


class _Catalogue:
    def __init__(self, service: RestService) -> None:
        self._service = service

    async def product(self, id: str) -> Product | None:
        call = "GET /products/{id}"
        found = await self._service.find(Product, call, {"id": id}) if fits(id) else None
        if found:
            _same(call, found.id, id)
        return found

    async def variant(self, id: str) -> Product | None:
        call = "GET /variants/{id}"
        found = await self._service.find(Product, call, {"id": id}) if fits(id) else None
        if found:
            _same(call, id in {variant.id for variant in found.variants}, True)
        return found

    async def products(self, ids: Sequence[str]) -> Sequence[Product]:
        asked = [id for id in dict.fromkeys(ids) if fits(id)]
        found: dict[str, Product] = {}
        for start in range(0, len(asked), IDS_AT_ONCE):
            params = [("ids", id) for id in asked[start : start + IDS_AT_ONCE]]
            answer = await self._service.ask(Products, "GET /products", params=params)
            found |= {product.id: product for product in answer.products}
        return [found[id] for id in asked if id in found]

    async def names(self) -> Mapping[str, Names]:
        return (await self._service.ask(ProductNames, "GET /product-names")).names


def _number(number: str) -> str:
    """In its canonical spelling; nothing else is ever asked for."""
    spelt = canonical(number)
    if not _NUMBER.fullmatch(spelt):
        raise OrderNotFound(number)
    return spelt


def _spelt(wish: Wish) -> Wish:
    order = getattr(wish, "order", None)
    return wish if order is None else wish.model_copy(update={"order": _number(order)})


def _known(call: str, found: Answer | None) -> Answer:
    if found is None:
        raise ShopError(f"{call}: the shop has no such customer")
    return found


def _same(call: str, answered: object, asked: object) -> None:
    """A service that mixes things up must not show one customer's to another."""
    if answered != asked:
        raise ShopUnavailable(f"{call}: an answer to something else than was asked")
