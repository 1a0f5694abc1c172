"""The REST routes in front of an attack desk, with tokens as the shop would sign them, and as an attacker would."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
from fastapi import FastAPI

from kefu import api
from kefu.config import Settings
from kefu.desk import Desk, identity_of
from kefu.staff_roles import StaffRoles
from tests.attack.desks import AttackDesk

CUSTOMER_SECRET = "hunter2-the-shop-signs-its-shoppers-with-this"
GUEST_SECRET = "hunter2-kefu-signs-its-guests-with-this-one"
HOME = "198.51.100.1"  # where nobody guesses


def settings_for(home: Path, **more: Any) -> Settings:
    """What a shop that signs its customers in has set."""
    chosen: dict[str, Any] = {"home": home, "secret": GUEST_SECRET, "customer_secret": CUSTOMER_SECRET}
    return Settings(**(chosen | more), _env_file=None)


def desk_for(attack: AttackDesk, settings: Settings, index: Any) -> Desk:
    """An attack desk as the surfaces know a desk."""
    parts = attack.assistant._parts
    return Desk(
        settings, attack.assistant, attack.conversations, index, parts.llm, identity_of(settings), attack.shop,
        attack.proofs, StaffRoles(attack.engine),
    )  # fmt: skip


def token(customer: str, /, *, secret: str = CUSTOMER_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A customer's token; every claim can be another, None leaves it out."""
    said = {"sub": customer, "aud": "kefu", "exp": int(time.time()) + 600} | claims
    return jwt.encode({k: v for k, v in said.items() if v is not None}, secret, algorithm=algorithm)


@dataclass
class Site:
    """The routes, and browsers to call them with."""

    attack: AttackDesk
    desk: Desk
    app: FastAPI

    @classmethod
    def of(cls, attack: AttackDesk) -> Site:
        desk = desk_for(attack, settings_for(attack.file.parent), attack.assistant._parts.index)
        app = FastAPI()
        app.include_router(api.router)
        app.state.desk = desk
        return cls(attack, desk, app)

    def browser(self, address: str = HOME, **headers: str) -> httpx.AsyncClient:
        """A client with a cookie jar of its own, at an address."""
        door = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 50000))
        return httpx.AsyncClient(transport=door, base_url="http://shop", headers=headers)

    def as_customer(self, customer: str, /, **claims: Any) -> httpx.AsyncClient:
        return self.browser(authorization=f"Bearer {token(customer, **claims)}")
