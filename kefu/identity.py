"""Who a request comes from: a guest with a signed token of ours, or a shopper whom the shop signed in with its own.

Knows no cookie, no HTTP and no order. An owner names whoever it is: "guest:<uuid>", "customer:<id>" or "staff:<name>".
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import jwt

from kefu.events import ConfigError, KefuError

GUEST_COOKIE = "kefu_guest"
CUSTOMER_COOKIE = "kefu_customer"
_AUDIENCE = "kefu-guest"
_CUSTOMER = "customer:"
_SUBJECT = re.compile(r"[!-~]{1,128}")  # printable ASCII without blanks
_LEAST_SECRET = 32  # bytes: RFC 7518 §3.2
_LEAST_RSA = 2048  # bits: RFC 7518 §3.3
_LONGEST_TOKEN = 3800  # characters: browsers drop a cookie of more than 4096 bytes, its name and attributes included
_WEEK_S = 7 * 24 * 3600
# PyJWT's own, and what it and its parsers raise at texts that are no token
_NO_TOKEN = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


class BadToken(KefuError):
    """A bearer token that proves nothing: forged, expired, or not meant for us."""


def customer_of(owner: str) -> str | None:
    """The customer's id, if the owner is a shopper whom the shop signed in."""
    return owner.removeprefix(_CUSTOMER) if owner.startswith(_CUSTOMER) else None


def terminal_owner() -> str:
    """Whoever sits at this terminal."""
    return f"staff:{getpass.getuser()}"


def load_secret(configured: str, home: Path) -> str:
    """The signing secret: the configured one, else one made once and kept in `home/secret` (mode 0600)."""
    if configured:
        return configured
    path = home / "secret"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=home, prefix="secret.") as part:  # mode 0600
            part.write(secrets.token_urlsafe(48))
            part.flush()
            with suppress(FileExistsError):  # another start was first: its secret counts
                os.link(part.name, path)  # there whole or not at all
    return path.read_text().strip()


class Guests:
    """Issues and reads guest tokens. An owner is `guest:<uuid4>`; the token is a signed JWT and never expires
    by itself: it carries no right but to the guest's own conversations."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self) -> tuple[str, str]:
        """A new guest: (owner, token)."""
        owner = f"guest:{uuid.uuid4()}"
        return owner, jwt.encode({"sub": owner, "aud": _AUDIENCE}, self._secret, algorithm="HS256")

    def owner(self, token: str) -> str | None:
        """The owner that a token proves, or None for anything but a token of ours."""
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=["HS256"], audience=_AUDIENCE, options={"strict_aud": True}
            )
        except _NO_TOKEN:
            return None
        subject = claims.get("sub")
        return subject if isinstance(subject, str) and subject.startswith("guest:") else None


class Customers:
    """Reads the tokens that the shop signs for its shoppers: JWTs with `sub` (the customer's id), `aud` and `exp`.

    HS256 with `hs256_secret` (32+ bytes), RS256 with `rs256_public_key` (PEM, 2048+ bits), or both. A token that holds
    for more than `longest_s` seconds from now is refused. Whatever else stands in it counts for nothing. ConfigError.
    """

    def __init__(
        self,
        *,
        hs256_secret: str = "",
        rs256_public_key: str = "",
        audience: str = "kefu",
        issuer: str = "",
        leeway_s: int = 30,
        longest_s: int = _WEEK_S,
    ) -> None:
        if audience in ("", _AUDIENCE):
            raise ConfigError(
                f'The audience of the shop\'s tokens cannot be "{audience}": choose another, like "kefu".'
            )
        self._keys: dict[str, Any] = {}  # each algorithm has its own: no public key is ever taken for a secret
        if hs256_secret:
            self._keys["HS256"] = _secret(hs256_secret)
        if rs256_public_key:
            self._keys["RS256"] = _public_key(rs256_public_key)
        self._audience = audience
        self._issuer = issuer or None
        self.leeway = timedelta(seconds=leeway_s)  # clocks differ: a token is taken that much after its end
        self._longest_s = longest_s

    @property
    def configured(self) -> bool:
        """Whether the shop signs anybody in at all."""
        return bool(self._keys)

    def owner(self, token: str) -> str | None:
        """ "customer:<sub>" for a token of the shop's that holds now, else None."""
        claims = self._claims(token)
        return _CUSTOMER + claims["sub"] if claims else None

    def expires(self, token: str) -> datetime | None:
        """Until when the token holds (UTC); None for one that does not hold now."""
        claims = self._claims(token)
        return datetime.fromtimestamp(int(claims["exp"]), UTC) if claims else None

    def _claims(self, token: str) -> dict[str, Any] | None:
        if len(token) > _LONGEST_TOKEN:
            return None
        try:
            algorithm = jwt.get_unverified_header(token)["alg"]
            claims = jwt.decode(
                token,
                self._keys[algorithm],
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self.leeway,
                options={"require": ["sub", "aud", "exp"]},
            )
            if _SUBJECT.fullmatch(claims["sub"]) and int(claims["exp"]) - time.time() <= self._longest_s:
                return claims
        except (*_NO_TOKEN, KeyError):  # an algorithm that is not ours
            return None
        return None


def _secret(text: str) -> str:
    if len(text.encode()) < _LEAST_SECRET:
        raise ConfigError(f"The secret for the shop's tokens is too short: at least {_LEAST_SECRET} random characters.")
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(text)
    except jwt.InvalidKeyError:
        raise ConfigError(
            "The secret for the shop's HS256 tokens is a key's text: a public key is for RS256."
        ) from None
    return text


def _public_key(pem: str) -> Any:
    try:
        key = jwt.get_algorithm_by_name("RS256").prepare_key(pem)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ConfigError("The key for the shop's RS256 tokens is no RSA public key in PEM form.") from None
    if hasattr(key, "private_numbers"):
        raise ConfigError("The key for the shop's RS256 tokens is the private one: only the shop may have that.")
    if key.key_size < _LEAST_RSA:
        raise ConfigError(f"The key for the shop's RS256 tokens is too short: at least {_LEAST_RSA} bits.")
    return key


class Identity:
    """Everybody who may come: guests, and customers where the shop signs them in."""

    def __init__(self, guests: Guests, customers: Customers) -> None:
        self.guests = guests
        self.customers = customers

    def owner_of(self, *, bearer: str | None, customer_cookie: str, guest_cookie: str) -> str | None:
        """Whose request it is. A bearer token decides alone, and raises BadToken when it proves nothing; a customer's
        cookie that does not hold (any more) leaves the guest's."""
        if bearer is None:
            return self.customers.owner(customer_cookie) or self.guests.owner(guest_cookie)
        owner = self.customers.owner(bearer) or self.guests.owner(bearer)
        if owner is None:
            raise BadToken("the bearer token proves nothing")
        return owner
