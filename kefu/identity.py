"""Who a request comes from: a guest with a signed token. Knows no cookie, no HTTP and no order."""

from __future__ import annotations

import os
import secrets
import uuid
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import jwt

GUEST_COOKIE = "kefu_guest"
_AUDIENCE = "kefu-guest"


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
            claims = jwt.decode(token, self._secret, algorithms=["HS256"], audience=_AUDIENCE)
        except (jwt.PyJWTError, ValueError, RecursionError):  # the last two: PyJWT on what is no text, or nested deep
            return None
        subject = claims.get("sub")
        return subject if isinstance(subject, str) and subject.startswith("guest:") else None
