"""Who a request comes from: the secret and the guests' tokens."""

from __future__ import annotations

import base64
import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from kefu.identity import Guests, load_secret

SECRET = "a-secret-of-at-least-32-characters"
OWNER = "guest:11111111-1111-4111-8111-111111111111"
CLAIMS = {"sub": OWNER, "aud": "kefu-guest"}


def signed(claims: object, secret: str = SECRET) -> str:
    """A token as somebody with this secret could make it."""
    assert isinstance(claims, dict)
    return jwt.encode(claims, secret, algorithm="HS256")


def unsigned(claims: object) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims))
    return ".".join([base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts] + [""])


def nested(depth: int) -> str:
    return base64.urlsafe_b64encode(b"[" * depth).decode().rstrip("=")


def test_the_secret_is_made_once_and_only_for_its_owners_eyes(tmp_path: Path) -> None:
    home = tmp_path / "not" / "yet"
    made = load_secret("", home)
    assert len(made) >= 32
    assert load_secret("", home) == made == (home / "secret").read_text()
    assert stat.S_IMODE((home / "secret").stat().st_mode) == 0o600
    assert [file.name for file in home.iterdir()] == ["secret"]


def test_starts_at_the_same_time_agree_on_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as starts:
        made = list(starts.map(lambda _: load_secret("", tmp_path), range(64)))
    assert len(set(made)) == 1 and made[0]


def test_a_configured_secret_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    assert load_secret(SECRET, tmp_path) == SECRET
    assert list(tmp_path.iterdir()) == []


def test_a_guest_is_known_again_by_the_token() -> None:
    owner, token = Guests(SECRET).issue()
    assert owner.startswith("guest:")
    assert Guests(SECRET).owner(token) == owner  # also after a restart
    assert Guests(SECRET).issue()[0] != owner


def test_the_shape_of_a_token_is_stable() -> None:
    assert Guests(SECRET).owner(signed(CLAIMS)) == OWNER


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("not.a.token", id="garbage"),
        pytest.param("ก" * 50, id="not even ASCII"),
        pytest.param("\ud800", id="a broken surrogate"),
        pytest.param(f"{nested(20_000)}.e30.AAAA", id="a header that nests too deep"),
        pytest.param(signed(CLAIMS, "another-secret-of-32-characters!!"), id="another secret"),
        pytest.param(signed(CLAIMS)[:-4] + "AAAA", id="forged signature"),
        pytest.param(unsigned(CLAIMS), id="no signature"),
        pytest.param(signed({"sub": OWNER}), id="no audience"),
        pytest.param(signed(CLAIMS | {"aud": "another-shop"}), id="another audience"),
        pytest.param(signed(CLAIMS | {"exp": int(time.time()) - 60}), id="expired"),
        pytest.param(signed({"aud": "kefu-guest"}), id="nobody"),
        pytest.param(signed(CLAIMS | {"sub": "staff:root"}), id="not a guest"),
        pytest.param(signed(CLAIMS | {"sub": 7}), id="a number"),
    ],
)
def test_any_other_token_is_nobodys(token: str) -> None:
    assert Guests(SECRET).owner(token) is None
