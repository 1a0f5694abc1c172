"""Who a request comes from: the secret, the guests' tokens, and those that the shop signs for its shoppers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from kefu.events import ConfigError
from kefu.identity import BadToken, Customers, Guests, Identity, customer_of, load_secret

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


def public(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem.decode()


def private(key: Any) -> str:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def of_shop(secret: str = SECRET, **changed: Any) -> str:
    """A token as the shop signs it, good for an hour; None leaves a claim out."""
    claims = {"sub": "C-1001", "aud": "kefu", "exp": int(time.time()) + 3600} | changed
    return signed({name: value for name, value in claims.items() if value is not None}, secret)


def of_shop_rs256(key: Any = RSA, **changed: Any) -> str:
    claims = {"sub": "C-1001", "aud": "kefu", "exp": int(time.time()) + 3600} | changed
    return jwt.encode(claims, private(key), algorithm="RS256")


def hmac_with(key: str, claims: object) -> str:
    """What algorithm confusion sends: HS256, with the bytes of a public key for a secret. PyJWT refuses to make it."""
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    mac = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


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
        pytest.param(signed(CLAIMS | {"aud": ["kefu", "kefu-guest"]}), id="a shop's token for both"),
        pytest.param(signed(CLAIMS | {"exp": int(time.time()) - 60}), id="expired"),
        pytest.param(signed({"aud": "kefu-guest"}), id="nobody"),
        pytest.param(signed(CLAIMS | {"sub": "staff:root"}), id="not a guest"),
        pytest.param(signed(CLAIMS | {"sub": 7}), id="a number"),
    ],
)
def test_any_other_token_is_nobodys(token: str) -> None:
    assert Guests(SECRET).owner(token) is None


# Shoppers whom the shop signed in

HS, RS = Customers(hs256_secret=SECRET), Customers(rs256_public_key=public(RSA))
BOTH = Customers(hs256_secret=SECRET, rs256_public_key=public(RSA))


def test_a_shopper_is_who_the_shop_says() -> None:
    for customers in (HS, BOTH):
        assert customers.owner(of_shop()) == "customer:C-1001"
    for customers in (RS, BOTH):
        assert customers.owner(of_shop_rs256()) == "customer:C-1001"
    assert customer_of("customer:C-1001") == "C-1001"
    assert HS.configured and RS.configured and not Customers().configured


def test_only_a_customer_is_a_customer() -> None:
    assert customer_of(OWNER) is None
    assert customer_of("staff:customer:C-1001") is None
    assert customer_of("customer:guest:7") == "guest:7"


def test_a_token_tells_until_when_it_holds() -> None:
    exp = int(time.time()) + 600
    assert HS.expires(of_shop(exp=exp)) == datetime.fromtimestamp(exp, UTC)
    assert HS.expires(of_shop(exp=exp - 1000)) is None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: of_shop(aud=["other", "kefu"]), id="one audience of several"),
        pytest.param(lambda: of_shop(iat=int(time.time()), nbf=int(time.time())), id="issued now"),
        pytest.param(lambda: of_shop(iat=int(time.time()) + 10), id="a clock that is a little ahead"),
        pytest.param(lambda: of_shop(exp=int(time.time()) - 10), id="a clock that is a little behind"),
        pytest.param(lambda: of_shop(role="supervisor", roles=["admin"], metadata={"staff": True}), id="roles"),
        pytest.param(lambda: of_shop(owner="staff:root", customer="C-2", email="x@y.z"), id="other names"),
        pytest.param(lambda: of_shop(iss="whoever"), id="an issuer that nobody asks for"),
    ],
)
def test_nothing_but_the_subject_says_who_it_is(token: Callable[[], str]) -> None:
    assert HS.owner(token()) == "customer:C-1001"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: "", id="nothing"),
        pytest.param(lambda: "not.a.token", id="garbage"),
        pytest.param(lambda: "ก" * 50, id="not even ASCII"),
        pytest.param(lambda: "\ud800.e30.AAAA", id="a broken surrogate"),
        pytest.param(lambda: f"{nested(2_000)}.e30.AAAA", id="a header that nests deep"),
        pytest.param(lambda: of_shop("another-secret-of-32-characters!!"), id="another secret"),
        pytest.param(lambda: of_shop()[:-4] + "AAAA", id="forged signature"),
        pytest.param(lambda: unsigned({"sub": "C-1001", "aud": "kefu", "exp": int(time.time()) + 60}), id="alg none"),
        pytest.param(lambda: of_shop(aud=None), id="no audience"),
        pytest.param(lambda: of_shop(aud="kefu-guest"), id="another audience"),
        pytest.param(lambda: of_shop(exp=None), id="no end"),
        pytest.param(lambda: of_shop(exp=int(time.time()) - 60), id="expired"),
        pytest.param(lambda: of_shop(exp=int(time.time()) + 8 * 24 * 3600), id="good for too long"),
        pytest.param(lambda: of_shop(exp=float("inf")), id="good for ever"),
        pytest.param(lambda: of_shop(exp=float("nan")), id="an end that is no number"),
        pytest.param(lambda: of_shop(exp=[9]), id="an end that is a list"),
        pytest.param(lambda: of_shop(iat=int(time.time()) + 600), id="issued in the future"),
        pytest.param(lambda: of_shop(nbf=int(time.time()) + 600), id="not yet"),
        pytest.param(lambda: of_shop(sub=None), id="nobody"),
        pytest.param(lambda: of_shop(sub=""), id="an empty name"),
        pytest.param(lambda: of_shop(sub="a" * 129), id="a long name"),
        pytest.param(lambda: of_shop(sub="C 1001"), id="a blank"),
        pytest.param(lambda: of_shop(sub="C-1001\n"), id="a line's end"),
        pytest.param(lambda: of_shop(sub="С-1001"), id="a Cyrillic letter"),
        pytest.param(lambda: of_shop(filler="a" * 4000), id="larger than a cookie"),
        pytest.param(of_shop_rs256, id="an algorithm that is not configured"),
        pytest.param(
            lambda: jwt.encode({"sub": "C-1", "aud": "kefu", "exp": int(time.time()) + 60}, SECRET * 2, "HS512"),
            id="another HMAC",
        ),
    ],
)  # fmt: skip
def test_any_other_token_signs_nobody_in(token: Callable[[], str]) -> None:
    text = token()
    assert HS.owner(text) is None and HS.expires(text) is None
    assert Customers().owner(text) is None


def test_a_token_may_be_good_for_as_long_as_is_set() -> None:
    an_hour = Customers(hs256_secret=SECRET, longest_s=3600)
    assert an_hour.owner(of_shop(exp=int(time.time()) + 3600)) == "customer:C-1001"
    assert an_hour.owner(of_shop(exp=int(time.time()) + 3700)) is None


def test_the_public_key_is_no_secret() -> None:
    claims = {"sub": "C-1001", "aud": "kefu", "exp": int(time.time()) + 60}
    for key in (public(RSA), public(RSA).strip()):
        for customers in (RS, BOTH):
            assert customers.owner(hmac_with(key, claims)) is None
    assert HS.owner(hmac_with(SECRET, claims)) == "customer:C-1001"  # so the forgery itself is well made


def test_another_key_proves_nothing() -> None:
    assert RS.owner(of_shop_rs256(OTHER_RSA)) is None
    assert RS.owner(of_shop()) is None  # HS256 is not configured


def test_the_issuer_is_checked_where_it_is_set() -> None:
    customers = Customers(hs256_secret=SECRET, issuer="https://shop.example")
    assert customers.owner(of_shop(iss="https://shop.example")) == "customer:C-1001"
    assert customers.owner(of_shop(iss="https://evil.example")) is None
    assert customers.owner(of_shop()) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"hs256_secret": "a" * 31}, "too short", id="short secret"),
        pytest.param({"hs256_secret": public(RSA)}, "RS256", id="public key as a secret"),
        pytest.param({"rs256_public_key": "hello"}, "PEM", id="no key"),
        pytest.param({"rs256_public_key": public(ec.generate_private_key(ec.SECP256R1()))}, "RSA", id="another kind"),
        pytest.param({"rs256_public_key": private(RSA)}, "private", id="the private key"),
        pytest.param(
            {"rs256_public_key": public(rsa.generate_private_key(public_exponent=65537, key_size=1024))},
            "too short",
            id="short key",
        ),
        pytest.param({"hs256_secret": SECRET, "audience": "kefu-guest"}, "audience", id="the guests' audience"),
        pytest.param({"hs256_secret": SECRET, "audience": ""}, "audience", id="no audience"),
    ],
)
def test_a_weak_or_wrong_key_is_refused_with_a_sentence(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        Customers(**settings)  # type: ignore[arg-type]
    assert not any(value and value in str(refused.value) for key, value in settings.items() if key != "audience")


# Both together

GUESTS = Guests(SECRET)
IDENTITY = Identity(GUESTS, HS)  # the shop's secret is ours, too: the audiences keep the two apart


def test_guests_and_customers_never_pass_for_each_other() -> None:
    guest, token = GUESTS.issue()
    assert HS.owner(token) is None and GUESTS.owner(of_shop()) is None
    assert HS.owner(signed(CLAIMS | {"exp": int(time.time()) + 60})) is None
    assert GUESTS.owner(of_shop(sub=guest)) is None
    assert HS.owner(of_shop(sub=guest)) == f"customer:{guest}"


def test_a_bearer_token_decides_alone() -> None:
    guest, token = GUESTS.issue()
    other = GUESTS.issue()[1]
    assert IDENTITY.owner_of(bearer=of_shop(), customer_cookie="", guest_cookie=token) == "customer:C-1001"
    assert IDENTITY.owner_of(bearer=token, customer_cookie=of_shop(), guest_cookie=other) == guest
    for bad in ("", "x", of_shop(exp=int(time.time()) - 60)):
        with pytest.raises(BadToken):
            IDENTITY.owner_of(bearer=bad, customer_cookie=of_shop(), guest_cookie=token)


def test_a_customers_cookie_that_ended_leaves_the_guest() -> None:
    guest, token = GUESTS.issue()
    assert IDENTITY.owner_of(bearer=None, customer_cookie=of_shop(), guest_cookie=token) == "customer:C-1001"
    ended = of_shop(exp=int(time.time()) - 60)
    for cookie in ("", "x", ended):
        assert IDENTITY.owner_of(bearer=None, customer_cookie=cookie, guest_cookie=token) == guest
    assert IDENTITY.owner_of(bearer=None, customer_cookie=ended, guest_cookie="") is None
    assert IDENTITY.owner_of(bearer=None, customer_cookie=token, guest_cookie=of_shop()) is None  # the wrong way round


SOON = int(time.time()) + 3600
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jku", "jwk", "x5c"]), JSON, max_size=4)
ALGORITHMS = st.sampled_from(
    ["none", "None", "NONE", "HS256", "hs256", "HS384", "HS512", "RS256", "PS256", "ES256", ""]
)
CLAIM_SETS = st.fixed_dictionaries(
    {"sub": st.just("C-1001") | JSON, "aud": st.sampled_from(["kefu", "kefu-guest", ["kefu", "kefu-guest"]]) | JSON},
    optional={"exp": st.just(SOON) | st.integers(0, 2**40) | JSON, "iss": JSON, "nbf": JSON, "iat": JSON},
)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@st.composite
def forged(draw: st.DrawFn) -> str:
    """A token of somebody who has the public key but no secret."""
    header = draw(HEADERS) | draw(st.just({}) | st.fixed_dictionaries({"alg": ALGORITHMS}))
    text = f"{_part(header)}.{_part(draw(CLAIM_SETS))}"
    key = draw(st.sampled_from([b"", b"\0", b"secret", public(RSA).encode()]) | st.binary(max_size=40))
    mac = hmac.new(key, text.encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(draw(st.just(mac) | st.binary(max_size=256))).rstrip(b"=").decode()
    return f"{text}.{signature}"


@given(st.text(max_size=300) | st.from_regex(r"[\w-]{0,80}\.[\w-]{0,80}\.[\w-]{0,80}") | forged())
def test_no_made_up_token_is_anybodys(token: str) -> None:
    assert BOTH.owner(token) is None and BOTH.expires(token) is None
    assert GUESTS.owner(token) is None
    with pytest.raises(BadToken):
        Identity(GUESTS, BOTH).owner_of(bearer=token, customer_cookie="", guest_cookie="")


@given(CLAIM_SETS)
def test_whatever_the_shop_signs_is_one_well_formed_customer_or_nobody(claims: dict[str, Any]) -> None:
    owner = BOTH.owner(hmac_with(SECRET, claims))
    assert owner is None or owner == f"customer:{claims['sub']}"
