"""Over REST: a customer's memory is theirs alone, a change waits for its own approval, a proof is counted."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from kefu import api
from kefu.config import Settings
from kefu.desk import Desk, identity_of
from kefu.events import ApprovalNeeded
from kefu.staff_roles import StaffRoles
from tests.orders_desk import OrdersDesk, orders_desk
from tests.scripted import ScriptedModel, say
from tests.shop_data import BO, MEI, PENDING, SHIPPED

SECRET = "a secret of the shop, of at least 32 bytes"


def signed(customer: str, **more: Any) -> dict[str, str]:
    claims = {"sub": customer, "aud": "kefu", "exp": int(time.time()) + 600, **more}
    return {"authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}


class Site:
    def __init__(self, desk: OrdersDesk, app: FastAPI, staff: StaffRoles) -> None:
        self.desk, self.staff = desk, staff
        self._app = app

    def browser(self, headers: dict[str, str] | None = None, address: str = "10.0.0.1") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self._app, client=(address, 1234))
        return httpx.AsyncClient(transport=transport, base_url="http://shop", headers=headers)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    settings = Settings(home=tmp_path, customer_secret=SECRET)
    intents = {"Cancel": "cancel_order", "Where": "get_order"}
    async with (
        ScriptedModel(say("It is on its way.")) as model,
        orders_desk(f"sqlite:///{tmp_path / 'kefu.db'}", model, intents) as desk,
    ):
        app, staff = FastAPI(), StaffRoles(desk.engine)
        unused: Any = None
        app.state.desk = Desk(
            settings, desk.assistant, desk.conversations, unused, unused, identity_of(settings), desk.shop,
            desk.proofs, staff,
        )  # fmt: skip
        app.include_router(api.router)
        yield Site(desk, app, staff)


def approval_in(answer: httpx.Response) -> ApprovalNeeded:
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ") and '"approval"' in line[:40]]
    return ApprovalNeeded.model_validate_json(lines[-1])


async def test_a_change_is_asked_for_and_confirmed_over_rest(site: Site) -> None:
    async with site.browser(signed(MEI)) as mei:
        card = approval_in(await mei.post("/v1/chat", json={"message": f"Cancel {PENDING}"})).card
        assert card.state == "pending" and (await site.desk.order(MEI, PENDING)).status == "pending"
        done = await mei.post("/v1/approvals", json={"approval": card.id, "decision": "confirm"})
        again = await mei.post("/v1/approvals", json={"approval": card.id, "decision": "confirm"})
    assert approval_in(done).card.state == "done" and done.status_code == again.status_code == 200
    assert (await site.desk.order(MEI, PENDING)).status == "cancelled"


async def test_nobody_else_confirms(site: Site) -> None:
    async with site.browser(signed(MEI)) as mei, site.browser(signed(BO)) as bo, site.browser() as guest:
        card = approval_in(await mei.post("/v1/chat", json={"message": f"Cancel {PENDING}"})).card
        for other in (bo, guest):
            answer = await other.post("/v1/approvals", json={"approval": card.id, "decision": "confirm"})
            assert answer.status_code == 404
    assert (await site.desk.order(MEI, PENDING)).status == "pending"


async def test_a_proof_opens_a_conversation_and_a_wrong_one_is_counted(site: Site) -> None:
    async with site.browser() as guest:
        wrong = [await guest.post("/v1/proofs", json={"order": SHIPPED, "secret": f"000{n}"}) for n in range(6)]
    assert [answer.status_code for answer in wrong] == [403] * 5 + [429]
    async with site.browser(address="10.0.0.2") as other:
        right = await other.post("/v1/proofs", json={"order": "JL20001", "secret": "bo@example.com"})
        talk = {"conversation": right.json()["conversation"], "message": "Where is JL20001?"}
        assert '"number":"JL20001"' in (await other.post("/v1/chat", json=talk)).text


async def test_what_is_remembered_is_the_customers_own_to_see_and_delete(site: Site) -> None:
    await site.desk.shop.orders.of(MEI).remember("size", "M")
    async with site.browser(signed(MEI)) as mei, site.browser(signed(BO)) as bo, site.browser() as guest:
        assert (await guest.get("/v1/memory")).status_code == (await guest.delete("/v1/memory")).status_code == 403
        assert (await bo.delete("/v1/memory")).json() == {"forgotten": 0}
        assert (await mei.get("/v1/memory")).json() == {"remembered": {"size": "M"}}
        assert (await mei.delete("/v1/memory")).json() == {"forgotten": 1}
        assert (await mei.get("/v1/memory")).json() == {"remembered": {}}


async def test_somebody_whom_the_shop_signs_in_but_does_not_know_has_no_orders(site: Site) -> None:
    async with site.browser(signed("nobody")) as nobody:
        answer = await nobody.post("/v1/chat", json={"message": "Where is my order?"})
        assert '"no_orders"' in answer.text
        assert (await nobody.get("/v1/memory")).json() == {"remembered": {}}


async def test_the_trace_is_for_staff_whatever_a_token_says(site: Site) -> None:
    body = {"message": f"Where is {SHIPPED}?", "trace": True}
    async with site.browser(signed(MEI, role="supervisor", staff=True)) as mei:
        assert (await mei.post("/v1/chat", json=body)).status_code == 403
        assert "event: trace" not in (await mei.post("/v1/chat", json=body | {"trace": False})).text
        await site.staff.add(f"customer:{MEI}", "agent", by="staff:test")
        assert "event: trace" in (await mei.post("/v1/chat", json=body)).text
