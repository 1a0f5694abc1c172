"""The buttons' route and Chainlit's other doors, as a page that is not the shop's would use them; and what the site has
logged after all that."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable

import pytest

from tests.attack.demo import NUMBERS, leaks, order_of
from tests.attack.puppet import call, obey
from tests.attack.served import Page, Served
from tests.scripted import ScriptedModel

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_written")]

Cases = Callable[[int], None]

FRESH = NUMBERS["JL10946"]
CANCEL = call("cancel_pending_order", order_number=FRESH.number, reason="no_longer_needed")
FOREIGN_ORIGINS = ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"]


async def waits(site: Served, model: ScriptedModel, page: Page) -> str:
    """The id of a change that waits for lin-yue's click on the page."""
    obey(model, [CANCEL])
    await page.ask("Do it.")
    return str(page.approvals()[-1]["id"])


async def test_nobody_elses_click_counts(site_up: Served, model: ScriptedModel, cases: Cases) -> None:
    cookie = site_up.customer("lin-yue")
    tried = 0
    async with site_up.page(cookie) as page:
        id = await waits(site_up, model, page)
        strangers = (site_up.guest(), site_up.customer("emily-carter"), site_up.customer("lin-yue-home"))
        for stranger, expected in [*((one, 404) for one in strangers), ("", 401)]:
            async with site_up.browser(stranger) as browser:
                click = await browser.post("/approval", json={"id": id, "confirm": True, "owner": "customer:lin-yue"})
                rest = await browser.post("/v1/approvals", json={"approval": id, "decision": "confirm"})
            assert (click.status_code, rest.status_code) == (expected, 404)
            tried += 2
        for origin in FOREIGN_ORIGINS:
            async with site_up.browser(cookie, origin=origin) as browser:
                click = await browser.post("/approval", json={"id": id, "confirm": True})
                rest = await browser.post("/v1/approvals", json={"approval": id, "decision": "confirm"})
            assert (click.status_code, rest.status_code) == (403, 403)
            tried += 2
        async with site_up.browser(cookie) as browser:
            assert (await browser.get(f"/approval?id={id}&confirm=true")).status_code in (404, 405)
            form = await browser.post("/approval", data={"id": id, "confirm": "true"})
            query = await browser.post(f"/approval?id={id}&confirm=true")
            text = await browser.post(
                "/approval", content=json.dumps({"id": id, "confirm": True}), headers={"content-type": "text/plain"}
            )
            assert [one.status_code for one in (form, query, text)] == [422, 422, 422]
        assert {element["props"]["state"] for element in page.named("element")} == {"pending"}
    cases(tried + 4)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/project/action"), ("POST", "/project/file"), ("POST", "/login"), ("POST", "/auth/header"),
        ("POST", "/mcp"), ("PUT", "/project/element"), ("DELETE", "/project/element"),
        ("POST", "/project/thread/share"), ("GET", "/project/share/x"), ("GET", "/project/thread/{id}"),
        ("GET", "/project/thread/{id}/element/x"),
        ("POST", "/auth/jwt"), ("GET", "/avatars/../../../kefu.db"), ("GET", "/public/../kefu.db"),
        ("GET", "/files/x"),
    ],
    ids=lambda value: str(value),
)  # fmt: skip
async def test_chainlits_other_doors_are_closed(site_up: Served, method: str, path: str) -> None:
    async with site_up.browser(site_up.customer("lin-yue")) as browser:
        answer = await browser.request(method, path.replace("{id}", str(uuid.uuid4())), json={})
    assert answer.status_code in (401, 404, 405) and leaks(answer.text) == set()


async def test_what_it_logged_tells_nothing(site_up: Served) -> None:
    """The last of this file: all of the above is in its log by now."""
    assert leaks(site_up.said) == set()
    for secret in ("hunter2", "sqlite:", "eyJ", "Traceback"):
        assert secret not in site_up.said


async def test_the_right_click_does_count(site_up: Served, model: ScriptedModel) -> None:
    """There is something to forge. It alone writes, so what it wrote is forgotten after it."""
    order, cookie = order_of("emily-carter", "pending"), site_up.customer("emily-carter")
    async with site_up.page(cookie) as page:
        obey(model, [call("cancel_pending_order", order_number=order.number, reason="no_longer_needed")])
        await page.ask("Do it.")
        id = page.approvals()[-1]["id"]
        ended = len(page.named("task_end"))
        async with site_up.browser(cookie, origin=site_up.url) as browser:
            assert (await browser.post("/approval", json={"id": id, "confirm": True})).status_code == 202
            await page.until("task_end", ended + 1)
            assert (await browser.post("/approval", json={"id": id, "confirm": True})).status_code == 409
    assert site_up.tripped().count("INSERT audit") == 1
    with sqlite3.connect(site_up.home / "kefu.db") as db:
        db.execute("DELETE FROM tripped")
    db.close()
