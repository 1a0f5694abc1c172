"""The signed-in session through HTTP: the shop's token in, a cookie out that no script can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from kefu.identity import CUSTOMER_COOKIE, GUEST_COOKIE, Customers, Guests, Identity
from web.guards import Gate, visitor
from web.session import router

SECRET = "the-shops-secret-of-32-characters"
GUESTS = Guests("our-own-secret-of-at-least-32-characters")
IDENTITY = Identity(GUESTS, Customers(hs256_secret=SECRET))


def token(sub: str = "C-1001", seconds: int = 3600, **more: Any) -> str:
    return jwt.encode({"sub": sub, "aud": "kefu", "exp": int(time.time()) + seconds} | more, SECRET, "HS256")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def site(identity: Identity = IDENTITY) -> FastAPI:
    app = FastAPI()
    app.include_router(router(identity))
    return app


def browser(url: str = "https://chat.shop.example", identity: Identity = IDENTITY) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(site(identity)), base_url=url)


@pytest.fixture
async def here() -> AsyncIterator[httpx.AsyncClient]:
    async with browser() as client:
        yield client


def owner_in(client: httpx.AsyncClient) -> str | None:
    """Whom the next request would come from."""
    cookies = client.cookies
    return IDENTITY.owner_of(
        bearer=None,
        customer_cookie=cookies.get(CUSTOMER_COOKIE) or "",
        guest_cookie=cookies.get(GUEST_COOKIE) or "",
    )


def set_cookie(answer: httpx.Response) -> Any:
    return SimpleCookie(answer.headers["set-cookie"])[CUSTOMER_COOKIE]


async def test_the_shops_token_makes_the_browser_a_customers(here: httpx.AsyncClient) -> None:
    signed = token(seconds=600)
    answer = await here.post("/v1/session", headers=bearer(signed))
    expires = datetime.fromtimestamp(jwt.decode(signed, options={"verify_signature": False})["exp"], UTC)
    assert answer.json() == {"customer": True, "expires_at": expires.isoformat(), "changed": True}
    assert answer.headers["cache-control"] == "no-store"
    assert owner_in(here) == "customer:C-1001"
    assert (await here.get("/v1/session")).json() == {**answer.json(), "changed": False}


async def test_the_cookie_is_kept_from_scripts_and_ends_with_the_token(here: httpx.AsyncClient) -> None:
    cookie = set_cookie(await here.post("/v1/session", headers=bearer(token(seconds=600))))
    assert cookie["httponly"] is True and cookie["secure"] is True and cookie["samesite"] == "lax"
    assert cookie["path"] == "/" and cookie["domain"] == ""
    assert 590 <= int(cookie["max-age"]) <= 600


async def test_without_https_the_cookie_is_kept_too() -> None:
    async with browser("http://localhost:8000") as client:
        cookie = set_cookie(await client.post("/v1/session", headers=bearer(token())))
    assert cookie["secure"] == "" and cookie["httponly"] is True


async def test_a_newer_token_of_the_same_shopper_changes_nobody_and_anothers_does(here: httpx.AsyncClient) -> None:
    await here.post("/v1/session", headers=bearer(token(seconds=60)))
    again = await here.post("/v1/session", headers=bearer(token(seconds=6000)))
    assert again.json()["changed"] is False and int(set_cookie(again)["max-age"]) > 5000
    other = await here.post("/v1/session", headers=bearer(token("C-2")))
    assert other.json()["changed"] is True and owner_in(here) == "customer:C-2"


async def test_signing_out_leaves_the_guest(here: httpx.AsyncClient) -> None:
    guest, cookie = GUESTS.issue()
    here.cookies.set(GUEST_COOKIE, cookie, domain="chat.shop.example")
    await here.post("/v1/session", headers=bearer(token()))
    assert owner_in(here) == "customer:C-1001"
    assert (await here.delete("/v1/session")).json() == {"customer": False, "expires_at": None, "changed": True}
    assert owner_in(here) == guest
    assert (await here.get("/v1/session")).json()["customer"] is False
    assert (await here.delete("/v1/session")).json()["changed"] is False


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no token"),
        pytest.param({"authorization": ""}, id="an empty header"),
        pytest.param({"authorization": token()}, id="no scheme"),
        pytest.param({"authorization": f"Basic {token()}"}, id="another scheme"),
        pytest.param(bearer(""), id="an empty token"),
        pytest.param(bearer("not.a.token"), id="garbage"),
        pytest.param(bearer(token(seconds=-60)), id="expired"),
        pytest.param(bearer(token(aud="another")), id="another audience"),
        pytest.param(bearer(token()[:-4] + "AAAA"), id="forged"),
        pytest.param(bearer(GUESTS.issue()[1]), id="a guest's"),
    ],
)
async def test_anything_else_is_refused_and_signs_nobody_out(here: httpx.AsyncClient, headers: dict[str, str]) -> None:
    await here.post("/v1/session", headers=bearer(token("C-2")))
    answer = await here.post("/v1/session", headers=headers)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in answer.headers and "C-1001" not in answer.text
    assert owner_in(here) == "customer:C-2"


async def test_a_token_in_the_address_or_the_body_counts_for_nothing(here: httpx.AsyncClient) -> None:
    for request in (
        here.post("/v1/session", params={"token": token(), "authorization": f"Bearer {token()}"}),
        here.post("/v1/session", json={"token": token(), "customer": "C-1001"}),
    ):
        assert (await request).status_code == 401
    assert owner_in(here) is None


async def test_a_shop_that_signs_nobody_in_refuses_every_token() -> None:
    async with browser(identity=Identity(GUESTS, Customers())) as client:
        assert (await client.post("/v1/session", headers=bearer(token()))).status_code == 401
        assert (await client.get("/v1/session")).json()["customer"] is False


# Behind the gate: whose socket it is, and for how long

SOCKET = {"type": "websocket", "path": "/ws/socket.io/", "query_string": b""}


async def heard_through_the_gate(cookie: str, identity: Identity = IDENTITY) -> tuple[str, asyncio.Task[Any]]:
    """Whom the chat behind the gate is told a socket belongs to, and what it hears next from a page that is silent."""
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    next_message: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def chat(scope: Any, receive: Any, send: Any) -> None:
        told.set_result(visitor.get())
        next_message.set_result(await receive())

    async def silence() -> Any:
        await asyncio.Event().wait()

    async def nothing(message: Any) -> None: ...

    def missing(request: Any) -> Any:
        raise AssertionError("the gate is open for sockets")

    scope = SOCKET | {"headers": [(b"cookie", cookie.encode())]}
    gate: Any = Gate(chat, identity, "en", missing)
    task = asyncio.create_task(gate(scope, silence, nothing))

    async def heard() -> Any:
        try:
            return await next_message
        finally:
            task.cancel()

    return await told, asyncio.create_task(heard())


async def test_a_socket_is_the_customers_and_ends_with_the_token() -> None:
    customers = Customers(hs256_secret=SECRET, leeway_s=0)
    cookies = f"{GUEST_COOKIE}={GUESTS.issue()[1]}; {CUSTOMER_COOKIE}={token(seconds=2)}"
    owner, heard = await heard_through_the_gate(cookies, Identity(GUESTS, customers))
    assert owner == "customer:C-1001"
    async with asyncio.timeout(15):
        assert (await heard)["type"] == "websocket.disconnect"


@pytest.mark.parametrize("customer", ["", token(seconds=-60), "garbage"], ids=["no cookie", "expired", "garbage"])
async def test_without_a_token_that_holds_a_socket_is_the_guests_and_stays(customer: str) -> None:
    guest, cookie = GUESTS.issue()
    owner, heard = await heard_through_the_gate(f"{GUEST_COOKIE}={cookie}; {CUSTOMER_COOKIE}={customer}")
    assert owner == guest
    await asyncio.sleep(0)
    assert not heard.done()
    heard.cancel()
    await asyncio.wait([heard])


async def test_a_socket_without_any_cookie_is_nobodys() -> None:
    owner, heard = await heard_through_the_gate("")
    assert owner == ""
    heard.cancel()
    await asyncio.wait([heard])
