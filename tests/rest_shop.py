"""A merchant's service as docs/shop-openapi.yaml describes it, on top of any shop.protocol.Shop: a real HTTP server on
a free port, in the tests' process.

    async with ShopService(own_shop) as service:
        shop = RestShop(service.url, KEY)
        service.odd(status(500))        # instead of the next answer; one after the other

Every request, and every answer that was not made odd, is checked against the description: a breach is a 400, and
stays in `service.breaches`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from shop.changes import Wish
from shop.errors import Refused, ShopError, ShopUnavailable
from shop.protocol import CustomerOrders, Shop
from shop.rest_bodies import (
    ApplyBody,
    ChangeOf,
    ForgottenOf,
    MemoryOf,
    OrderOf,
    OrdersOf,
    ProductNames,
    Products,
    ProofBody,
    Proven,
    RememberBody,
)
from tests.shop_description import breaches_of_answer, breaches_of_request

KEY = "a-key-that-nobody-may-see"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Odd = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


# Oddities: what a service should never do


def status(code: int, body: bytes = b"secret of the service", headers: dict[str, str] | None = None) -> Odd:
    async def odd(_request: web.Request, _handler: Handler) -> web.StreamResponse:
        return web.Response(status=code, body=body, headers=headers)

    return odd


def problem(code: str, values: object, status: int = 409) -> Odd:
    async def odd(_request: web.Request, _handler: Handler) -> web.StreamResponse:
        return _problem(status, code=code, values=values)

    return odd


def edited(change: Callable[[Any], Any]) -> Odd:
    """The right answer, with its JSON changed (in place, or for another one that is returned)."""

    async def odd(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        assert isinstance(answer, web.Response)
        body = json.loads(answer.text or "")
        return web.json_response(change(body) or body)

    return odd


def broken(*, after: bool = False) -> Odd:
    """The connection breaks before anything is done, or after it is done and before it is answered."""

    async def odd(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request) if after else web.Response()
        assert request.transport
        request.transport.abort()
        return answer

    return odd


def held(until: asyncio.Event) -> Odd:
    """No answer until then."""

    async def odd(request: web.Request, handler: Handler) -> web.StreamResponse:
        await until.wait()
        return await handler(request)

    return odd


def endless(piece: bytes, pause_s: float) -> Odd:
    """A body without an end, piece by piece."""

    async def odd(request: web.Request, _handler: Handler) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while request.transport and not request.transport.is_closing():
            await answer.write(piece)
            await asyncio.sleep(pause_s)
        return answer

    return odd


# The service


class ShopService:
    """`url`, `seen` (each request's line and headers, the newest last), `breaches`, and `odd`."""

    def __init__(self, shop: Shop) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.breaches: list[str] = []
        self.url = ""
        self._shop = shop
        self._odd: list[Odd] = []

    def odd(self, *odd: Odd) -> None:
        """Answers the next requests so, one each."""
        self._odd += odd

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._checked])
        own = "/customers/{customer}"
        app.add_routes([
            web.get(own, self._profile),
            web.get(own + "/orders", self._list), web.get(own + "/orders/{number}", self._get),
            web.post(own + "/plan", self._plan), web.post(own + "/apply", self._apply),
            web.get(own + "/memory", self._memory), web.delete(own + "/memory", self._forget),
            web.put(own + "/memory/{key}", self._remember), web.delete(own + "/memory/{key}", self._forget),
            web.post("/proofs", self._prove),
            web.get("/products", self._products), web.get("/products/{id}", self._product),
            web.get("/variants/{id}", self._variant), web.get("/product-names", self._names),
        ])  # fmt: skip
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.seen.append((f"{request.method} {request.raw_path}", dict(request.headers)))
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {KEY}"):
            return _problem(401)
        if found := await breaches_of_request(request):
            self.breaches += found
            return _problem(400, detail=str(found))
        if self._odd:
            return await self._odd.pop(0)(request, _refusing(handler))
        answer = await _refusing(handler)(request)
        if isinstance(answer, web.Response):
            self.breaches += breaches_of_answer(request, answer)
        return answer

    def _of(self, request: web.Request) -> tuple[str, CustomerOrders]:
        customer = request.match_info["customer"]
        return customer, self._shop.orders.of(customer)

    async def _profile(self, request: web.Request) -> web.Response:
        return _json(await self._of(request)[1].profile())

    async def _list(self, request: web.Request) -> web.Response:
        customer, orders = self._of(request)
        found = await orders.list(int(request.query["limit"]))
        return _json(OrdersOf(customer=customer, orders=tuple(found)))

    async def _get(self, request: web.Request) -> web.Response:
        customer, orders = self._of(request)
        return _json(OrderOf(customer=customer, order=await orders.get(request.match_info["number"])))

    async def _plan(self, request: web.Request) -> web.Response:
        customer, orders = self._of(request)
        wish: Wish = TypeAdapter[Wish](Wish).validate_json(await request.text())
        return _json(ChangeOf(customer=customer, change=await orders.plan(wish)))

    async def _apply(self, request: web.Request) -> web.Response:
        customer, orders = self._of(request)
        body = ApplyBody.model_validate_json(await request.text())
        assert request.headers["Idempotency-Key"] == body.approval.id
        return _json(ChangeOf(customer=customer, change=await orders.apply(body.wish, body.approval)))

    async def _memory(self, request: web.Request) -> web.Response:
        customer, orders = self._of(request)
        return _json(MemoryOf(customer=customer, memory=dict(await orders.memory())))

    async def _remember(self, request: web.Request) -> web.Response:
        customer, orders = self._of(request)
        body = RememberBody.model_validate_json(await request.text())
        await orders.remember(request.match_info["key"], body.value)
        return _json(MemoryOf(customer=customer, memory=dict(await orders.memory())))

    async def _forget(self, request: web.Request) -> web.Response:
        customer, orders = self._of(request)
        return _json(ForgottenOf(customer=customer, forgotten=await orders.forget(request.match_info.get("key"))))

    async def _prove(self, request: web.Request) -> web.Response:
        body = ProofBody.model_validate_json(await request.text())
        customer = await self._shop.orders.prove(body.number, body.secret)
        return _json(Proven(customer=customer) if customer else None)

    async def _products(self, request: web.Request) -> web.Response:
        found = await self._shop.catalogue.products(request.query.getall("ids"))
        return _json(Products(products=tuple(reversed(found))))

    async def _product(self, request: web.Request) -> web.Response:
        return _json(await self._shop.catalogue.product(request.match_info["id"]))

    async def _variant(self, request: web.Request) -> web.Response:
        return _json(await self._shop.catalogue.variant(request.match_info["id"]))

    async def _names(self, request: web.Request) -> web.Response:
        return _json(ProductNames(names=dict(await self._shop.catalogue.names())))


def _refusing(handler: Handler) -> Handler:
    async def refusing(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as error:
            return _problem(404 if error.code == "order_not_found" else 409, code=error.code, values=error.values)
        except ShopUnavailable:
            return _problem(503)
        except ShopError:  # the shop has no such customer
            return _problem(404, code="not_found")

    return refusing


def _json(body: BaseModel | None) -> web.Response:
    return web.json_response(text=body.model_dump_json()) if body else _problem(404, code="not_found")


def _problem(status: int, **members: object) -> web.Response:
    text = json.dumps({"status": status} | members, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/problem+json")
