"""Who may come in, and through which doors. Knows cookies, origins and headers; no conversation and no words.

Guard stands before the whole site, Gate before Chainlit, of which it lets through only what the page needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from chainlit.auth import create_jwt
from chainlit.user import User
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kefu.identity import CUSTOMER_COOKIE, GUEST_COOKIE, Identity
from web.locales import INTERFACE, language_of

# Whose request this is. Outside the Gate, which is under `chainlit run`, everybody is the developer.
DEVELOPER = "guest:developer"
visitor: ContextVar[str] = ContextVar("visitor", default=DEVELOPER)
client: ContextVar[str] = ContextVar("client", default="")  # and its address

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_SOCKET = "/ws/socket.io"
_OPEN = {
    ("GET", "/user"),
    ("GET", "/project/settings"),
    ("POST", "/project/threads"),
    ("PUT", "/project/thread"),
    ("DELETE", "/project/thread"),
}
_LARGEST_BODY = 1_000_000  # bytes; the page itself never sends more than a few kilobytes


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def owner_of(identity: Identity, headers: Headers) -> str | None:
    """The customer or guest that the request's cookies prove."""
    cookies = _cookies(headers)
    customer, guest = cookies.get(CUSTOMER_COOKIE, ""), cookies.get(GUEST_COOKIE, "")
    return identity.owner_of(bearer=None, customer_cookie=customer, guest_cookie=guest)


class Guard:
    """Refuses other sites' pages and over-large bodies, and puts the security headers on every response."""

    def __init__(self, app: ASGIApp, allowed_origins: Iterable[str], policy: str) -> None:
        self._app = app
        self._allowed = {origin.lower() for origin in allowed_origins}
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        acts = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        if acts and not self._is_allowed(headers):
            await _refuse(scope, receive, send_guarded, 403, "This origin is not allowed.")
        elif _length(headers) > _LARGEST_BODY:
            await _refuse(scope, receive, send_guarded, 413, "Too large.")
        else:
            await self._app(scope, receive, send_guarded)

    def _is_allowed(self, headers: Headers) -> bool:
        """Browsers always name the origin of a socket or a change; what has none is no browser and has no cookie."""
        origin = headers.get("origin")
        if origin is None:
            return True
        return origin.lower() in self._allowed or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _length(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await JSONResponse({"detail": why}, status)(scope, receive, send)


class Gate:
    """Lets a shopper's requests for the few doors in use through to Chainlit, with the identity the cookies prove."""

    def __init__(
        self, chainlit: ASGIApp, identity: Identity, default_language: str, missing: Callable[[Request], Response]
    ) -> None:
        self._chainlit = chainlit
        self._identity = identity
        self._default_language = default_language
        self._missing = missing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = (scope.get("method"), scope["path"])
        is_socket = scope["type"] == "websocket" and scope["path"].rstrip("/") == _SOCKET
        if not is_socket and door not in _OPEN:
            if scope["type"] == "websocket":
                return await send({"type": "websocket.close", "code": 1008})
            return await self._missing(Request(scope))(scope, receive, send)
        headers = Headers(scope=scope)
        owner = owner_of(self._identity, headers)
        visitor.set(owner or "")
        client.set((scope.get("client") or ("",))[0])
        customers = self._identity.customers
        if is_socket and (ends := customers.expires(_cookies(headers).get(CUSTOMER_COOKIE, ""))):
            receive = _until(ends + customers.leeway, receive)
        scope = {**scope, "headers": _with_identity(scope, owner)}
        if door == ("GET", "/project/settings"):
            scope["query_string"] = self._in_our_language(scope["query_string"])
        await self._chainlit(scope, receive, send)

    def _in_our_language(self, query: bytes) -> bytes:
        """Chainlit looks for words under the browser's own tag, `vi-VN`; ours are filed under `vi`."""
        wanted = parse_qs(query.decode("latin-1"))
        language = language_of(wanted.get("language", [""])[0], self._default_language)
        kept = {"language": INTERFACE[language]} | {k: v[0] for k, v in wanted.items() if k == "chat_profile"}
        return urlencode(kept).encode()


def _until(ends: datetime, receive: Receive) -> Receive:
    """A signed-in shopper's socket ends with the token that opened it; what comes next is a guest's."""

    async def receive_in_time() -> Message:
        try:
            async with asyncio.timeout((ends - datetime.now(UTC)).total_seconds()):
                return await receive()
        except TimeoutError:
            return {"type": "websocket.disconnect", "code": 1008}

    return receive_in_time


def _with_identity(scope: Scope, owner: str | None) -> list[tuple[bytes, bytes]]:
    """The request's headers, with Chainlit's own token made here in place of whatever the client sent as one."""
    headers = [(k, v) for k, v in scope["headers"] if k not in (b"cookie", b"authorization")]
    if owner:
        headers.append((b"cookie", f"access_token={create_jwt(User(identifier=owner))}".encode()))
    return headers
