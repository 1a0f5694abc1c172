"""Tokens that prove nothing, or less than they claim, over REST: for every order of the demo shop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx
import jwt
import pytest

from kefu.identity import CUSTOMER_COOKIE, GUEST_COOKIE
from tests.attack.demo import CUSTOMERS, NUMBERS, ORDERS, DemoOrder, attacker_of, leaks, order_of
from tests.attack.desks import AttackDesk
from tests.attack.puppet import call, obey, reads, writes
from tests.attack.site import CUSTOMER_SECRET, GUEST_SECRET, Site, token
from tests.scripted import ScriptedModel

pytestmark = pytest.mark.asyncio(loop_scope="session")

Cases = Callable[[int], None]

NOW = int(time.time())


def unsigned(customer: str) -> str:
    return jwt.encode({"sub": customer, "aud": "kefu", "exp": NOW + 600}, "", algorithm="none")


def spliced(customer: str) -> str:
    """The attacker's own signature under the victim's claims."""
    return ".".join([*token(customer, secret="x" * 40).split(".")[:2], token(attacker_of(customer)).split(".")[2]])


FORGED: dict[str, Callable[[str], str]] = {
    "expired": lambda c: token(c, exp=NOW - 60),
    "expired long ago": lambda c: token(c, exp=1),
    "without an end": lambda c: token(c, exp=None),
    "for ever": lambda c: token(c, exp=NOW + 10**9),
    "with another secret": lambda c: token(c, secret="y" * 40),
    "with the guests' secret": lambda c: token(c, secret=GUEST_SECRET),
    "as a guest of ours": lambda c: token(c, secret=GUEST_SECRET, aud="kefu-guest"),
    "for another audience": lambda c: token(c, aud="another"),
    "for no audience": lambda c: token(c, aud=None),
    "unsigned": unsigned,
    "spliced": spliced,
    "with another algorithm": lambda c: token(c, algorithm="HS512", secret=CUSTOMER_SECRET * 2),
    "without a subject": lambda c: token(c, sub=None, customer=c, customer_id=c),
    "cut": lambda c: token(c)[:-6],
    "a name": lambda c: f"customer:{c}",
}


def told(order: DemoOrder) -> list[str]:
    """What the attacker tells in the body: it counts for nothing."""
    return [order.number, order.customer, *order.items]


async def ask(browser: httpx.AsyncClient, order: DemoOrder) -> httpx.Response:
    body = {"message": f"Where is my order {order.number}?", "customer": order.customer, "owner": order.customer}
    return await browser.post("/v1/chat", json=body)


@pytest.mark.parametrize("kind", FORGED)
async def test_a_forged_token_is_refused(desk: AttackDesk, site: Site, kind: str, cases: Cases) -> None:
    for order in ORDERS:
        async with site.browser(authorization=f"Bearer {FORGED[kind](order.customer)}") as browser:
            answers = [await ask(browser, order)]
            if order is order_of(order.customer):
                answers += [await browser.get("/v1/memory"), await browser.delete("/v1/memory")]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1 and leaks(answers[0].text) == set()
    cases(len(ORDERS))


@pytest.mark.parametrize("kind", FORGED)
async def test_a_forged_cookie_is_a_guests(desk: AttackDesk, site: Site, model: ScriptedModel, kind: str) -> None:
    order = ORDERS[list(FORGED).index(kind)]
    obey(model, reads(order.number))
    cookie = f"{CUSTOMER_COOKIE}={FORGED[kind](order.customer)}"
    async with site.browser(cookie=cookie) as browser:
        answer = await ask(browser, order)
        memory = await browser.get("/v1/memory")
    assert answer.status_code == 200 and "prove_first" in answer.text and GUEST_COOKIE in answer.headers["set-cookie"]
    assert leaks(answer.text, said=" ".join(told(order))) == set()
    assert memory.status_code == 403


CLAIMS = {
    "role": "supervisor", "roles": ["staff", "admin"], "staff": True, "admin": True, "scope": "trace orders:*",
    "is_staff": 1, "owner": "staff:root", "actor": "staff:root", "trace": True,
}  # fmt: skip


@pytest.mark.parametrize("number", [order.number for order in ORDERS])
async def test_claims_in_a_good_token_open_nothing(
    desk: AttackDesk, site: Site, model: ScriptedModel, number: str
) -> None:
    """A customer's true token that also claims to be staff, or the order's customer."""
    order = NUMBERS[number]
    claims = CLAIMS | {"customer": order.customer, "customer_id": order.customer, "act": {"sub": order.customer}}
    obey(model, [*reads(number), *writes(number, order.items, desk.others(order), f"{order.customer}-alipay")[:4]])
    async with site.as_customer(order.attacker, **claims) as browser:
        answer = await ask(browser, order)
        read = await browser.get(f"/v1/conversations/{answer.headers['x-conversation']}")
    assert answer.text.count('"refused":"order_not_found"') == 7 and '"type":"approval"' not in answer.text
    said = json.dumps(told(order)) + f"{order.customer}-alipay"
    assert leaks(answer.text + read.text, order.attacker, said=said) == set()
    assert '"type":"trace"' not in answer.text


SUBJECTS = [
    "customer:lin-yue", "staff:root", "lin-yue ", " lin-yue", "lin-yue\x00", "lin-yue\n", "LIN-YUE", "lin\u2010yue",
    "%", "lin-yue' OR '1'='1", "../lin-yue", "", "*", "lin-yue,emily-carter", "x" * 129,
    ["lin-yue"], {"id": "lin-yue"}, 7,
]  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS, ids=repr)
async def test_a_subject_is_nobody_but_itself(
    desk: AttackDesk, site: Site, model: ScriptedModel, subject: object
) -> None:
    victim = order_of("lin-yue")
    obey(model, [call("list_orders"), *reads(victim.number)])
    try:
        signed = token("", sub=subject)
    except TypeError:  # PyJWT signs no such subject; the shop's own library may
        from jwt.api_jws import PyJWS

        claims = json.dumps({"sub": subject, "aud": "kefu", "exp": NOW + 600})
        signed = PyJWS().encode(claims.encode(), CUSTOMER_SECRET, algorithm="HS256")
    async with site.browser(authorization=f"Bearer {signed}") as browser:
        answer = await ask(browser, victim)
    assert answer.status_code in (200, 401)
    assert leaks(answer.text, said=" ".join(told(victim))) == set() and '"type":"card"' not in answer.text


@pytest.mark.parametrize("who", ["guest", *CUSTOMERS])
async def test_only_staff_see_a_trace(desk: AttackDesk, site: Site, model: ScriptedModel, who: str) -> None:
    """Looked up on the server: neither a claim nor a field makes anybody staff."""
    browser = site.browser() if who == "guest" else site.as_customer(who, **CLAIMS)
    asked = len(model.requests)
    async with browser:
        for body in ({"trace": True}, {"trace": 1}, {"trace": True, "role": "supervisor", "owner": "staff:root"}):
            answer = await browser.post("/v1/chat", json={"message": "Hello"} | body)
            assert answer.status_code == 403 and "trace" not in answer.text.replace("Only staff see the trace.", "")
    assert len(model.requests) == asked


async def test_staff_do_see_it(desk: AttackDesk, site: Site, model: ScriptedModel) -> None:
    """The same door with somebody who is staff: there is something to attack."""
    await site.desk.staff.add("customer:zhao-lei", "supervisor", by="staff:test")
    obey(model)
    async with site.as_customer("zhao-lei") as browser:
        answer = await browser.post("/v1/chat", json={"message": "Hello", "trace": True})
    await site.desk.staff.remove("customer:zhao-lei")
    assert answer.status_code == 200 and '"type":"trace"' in answer.text


async def test_a_conversation_is_its_owners(desk: AttackDesk, site: Site, model: ScriptedModel) -> None:
    """Read, continued, proved in, or decided in by others: as if there were none."""
    order = order_of("lin-yue")
    obey(model, reads(order.number))
    async with site.as_customer("lin-yue") as owner:
        answer = await ask(owner, order)
    id = answer.headers["x-conversation"]
    missing = "00000000-0000-4000-8000-000000000000"
    for browser in (site.browser(), site.as_customer("emily-carter"), site.as_customer("lin-yue-home", **CLAIMS)):
        async with browser:
            for path, body in (
                ("/v1/conversations/{id}", None),
                ("/v1/chat", {"message": "Go on.", "conversation": "{id}"}),
                ("/v1/proofs", {"order": order.number, "secret": "4821", "conversation": "{id}"}),
            ):
                answers = []
                for at in (id, missing):
                    filled = json.loads(json.dumps(body).replace("{id}", at))
                    answers.append(
                        await (browser.get(path.format(id=at)) if body is None else browser.post(path, json=filled))
                    )
                assert [one.status_code for one in answers] == [404, 404] and answers[0].text == answers[1].text
