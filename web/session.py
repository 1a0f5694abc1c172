"""The signed-in session of the web chat: the shop's token, handed over by its page, becomes a cookie that no script
can read. Knows no page."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel

from kefu.identity import CUSTOMER_COOKIE, Identity


class SessionView(BaseModel):
    """Whether the browser is a customer's now, until when (ISO 8601, UTC), and whether that is somebody else than the
    request came from: then what the page shows is not theirs."""

    customer: bool
    expires_at: str | None = None
    changed: bool = False


def router(identity: Identity) -> APIRouter:
    """The routes under /v1/session."""
    site = APIRouter()
    customers = identity.customers

    @site.get("/v1/session")
    async def session(request: Request, response: Response) -> SessionView:
        """Whether a customer is signed in here."""
        response.headers["Cache-Control"] = "no-store"
        expires = customers.expires(request.cookies.get(CUSTOMER_COOKIE, ""))
        return SessionView(customer=expires is not None, expires_at=expires and expires.isoformat())

    @site.post("/v1/session")
    async def sign_in(request: Request, response: Response) -> SessionView:
        """Signs the shopper in whom the shop's token names: `Authorization: Bearer <token>`."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        expires = customers.expires(token) if scheme.lower() == "bearer" else None
        if expires is None:
            raise HTTPException(401, "The token is not valid.", headers={"WWW-Authenticate": "Bearer"})
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            CUSTOMER_COOKIE,
            token,
            max_age=max(0, int((expires - datetime.now(UTC)).total_seconds())),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        changed = customers.owner(request.cookies.get(CUSTOMER_COOKIE, "")) != customers.owner(token)
        return SessionView(customer=True, expires_at=expires.isoformat(), changed=changed)

    @site.delete("/v1/session")
    async def sign_out(request: Request, response: Response) -> SessionView:
        """The browser is a guest's again."""
        response.headers["Cache-Control"] = "no-store"
        secure = request.url.scheme == "https"
        response.delete_cookie(CUSTOMER_COOKIE, httponly=True, samesite="lax", secure=secure)
        changed = customers.owner(request.cookies.get(CUSTOMER_COOKIE, "")) is not None
        return SessionView(customer=False, changed=changed)

    return site
